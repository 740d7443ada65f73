"""Sessions that ask for anything at all: whatever comes, the desk's books of account stay true,
every request is answered once, and the client has the venue's books."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.feeds.room import Client, Room, books_are_equal
from tests.history.days import Days

SYMBOLS = ("BTC/USD", "ETH/USD", "XBT/USD", "DOGE/USD", "FOO/BAR", "btc/usd")
KNOWN = SYMBOLS[:4]
L2_DEPTHS = ("0", "1", "10", "25", "100", "500", "1000")
L3_DEPTHS = ("0", "10", "100", "1000")


class Wild:
    """A client and what it must have: symbols by MDReqID, with the depth."""

    def __init__(self, room: Room, name: str, level: int, random: Random) -> None:
        self.room = room
        self.level = level
        self.random = random
        self.client = room.client(name, level, errors_per_second_max=1_000_000)
        self.wanted: dict[str, tuple[list[str], int, bool]] = {}
        self.client.logon()

    def step(self) -> None:
        draw = self.random.random()
        if draw < 0.55:
            self.subscribe()
        elif draw < 0.75:
            self.unsubscribe()
        elif draw < 0.80:
            self.wanted.clear()
            self.client.lose_line()
            self.client.logon(f"98=0|108=30|141={self.random.choice('YN')}")
        elif draw < 0.90:
            self.room.desk.stall(self.client.link)
            self.room.play(3)
            self.subscribe(is_full=True)
            self.room.desk.drained(self.client.link)
            self.room.deliver()
        else:
            self.room.play(5)

    def subscribe(self, *, is_full: bool = False) -> None:
        pick = self.random.choice
        md_req_id = f"r{self.random.randrange(6)}"
        symbols = [pick(SYMBOLS) if self.random.random() < 0.2 else pick(KNOWN) for _ in range(3)]
        symbols = symbols[: self.random.randrange(4)]
        own_depths = L2_DEPTHS if self.level == 2 else L3_DEPTHS
        types, depth = pick(("01", "10")), pick(own_depths)
        subscription, update_type, aggregated = "1", pick(("", "1")), "YN"[self.level == 3]
        if self.random.random() < 0.5:
            types = pick(("012", "2", "0", "1", "02", "", "014", "01Z", "0122"))
            depth = pick((*L2_DEPTHS, *L3_DEPTHS, "7", "-1"))
            subscription = pick("11103")
            update_type = pick(("", "", "1", "0", "2"))
            aggregated = pick(("", "Y", "N"))
        fields = [f"262={md_req_id}", f"263={subscription}", f"264={depth}"]
        fields += [f"265={update_type}"] if update_type else []
        fields += [f"266={aggregated}"] if aggregated else []
        groups = [f"267={len(types)}" + "".join(f"|269={one}" for one in types)]
        groups.append(f"146={len(symbols)}" + "".join(f"|55={one}" for one in symbols))
        self.random.shuffle(groups)
        self.client.forget()
        self.client.send(("V", "|".join(fields + groups)))
        is_good = (
            subscription == "1" and md_req_id not in self.wanted and update_type in ("", "1")
            and set(types) in ({"0", "1"}, {"0", "1", "2"}, {"2"})
            and symbols and all(symbol in KNOWN for symbol in symbols)
            and self.fits(aggregated or "Y", types, depth)
        )  # fmt: skip
        if is_full:
            self.room.desk.drained(self.client.link)
            self.room.deliver()
        answers = [f for f in self.client.received if f.get(262) == md_req_id and f.type in "WY"]
        if not is_good:
            assert [f.type for f in answers if f.type == "Y"] == ["Y"], fields
            return
        symbols = list(dict.fromkeys(symbols))
        assert [(f.type, f[55]) for f in answers] == [("W", symbol) for symbol in symbols], fields
        self.wanted[md_req_id] = (symbols, int(depth), "0" in types)

    def fits(self, aggregated: str, types: str, depth: str) -> bool:
        if self.level == 2:
            return aggregated == "Y" and depth in L2_DEPTHS
        return aggregated == "N" and depth in L3_DEPTHS and "2" not in types

    def unsubscribe(self) -> None:
        md_req_id = f"r{self.random.randrange(6)}"
        self.client.forget()
        self.client.stop(md_req_id)
        assert self.client.received == []
        self.wanted.pop(md_req_id, None)

    def verify(self) -> None:
        seat = self.room.desk.seats[self.client.index]
        counts = {name: len(symbols) for name, (symbols, _, _) in self.wanted.items()}
        assert {name.decode(): len(found) for name, found in seat.subscriptions.items()} == counts
        assert seat.symbol_count == sum(counts.values())
        for md_req_id, (symbols, depth, has_book) in self.wanted.items():
            for symbol in symbols:
                if has_book:
                    assert same_book(self.room, self.client, md_req_id, symbol, depth)


def same_book(room: Room, client: Client, md_req_id: str, symbol: str, depth: int) -> bool:
    true_symbol = symbol.replace("XBT", "BTC")
    client.books[md_req_id, true_symbol], kept = (
        client.books[md_req_id, symbol],
        client.books.get((md_req_id, true_symbol)),
    )
    equal = books_are_equal(room, client, md_req_id, true_symbol, depth)
    if kept is not None:
        client.books[md_req_id, true_symbol] = kept
    return equal


@pytest.mark.parametrize("seed", range(4))
def test_wild_requests(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    room = Room(tmp_path / "data", seed, Days(tmp_path / "data", seed))
    wild = [Wild(room, "ACME", 2, random), Wild(room, "BETA", 3, random)]
    room.play(40)
    most = 0
    for _ in range(300):
        random.choice(wild).step()
        if random.random() < 0.2:
            for one in wild:
                one.verify()
            expected = sum(len(symbols) for one in wild for symbols, _, _ in one.wanted.values())
            assert room.desk.subscription_count == expected
            most = max(most, expected)
    assert most > 5
    for one in wild:
        one.verify()
        one.client.lose_line()
    assert room.desk.subscription_count == 0
    assert room.desk._subscribers == {}
