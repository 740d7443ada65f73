"""A slow client's book: plain dictionaries, filled by the fields of W and X and by nothing else.

It shares no code with the venue, takes entries strictly in order, and complains of whatever an
honest client would trip over.
"""

from __future__ import annotations

from decimal import Decimal
from zlib import crc32

Entry = dict[int, str]
LAST_ENTRY_TAGS = {271: "size", 273: "time"}


def read_tail(tail: bytes) -> tuple[list[Entry], str | None]:
    """The entries behind `268=`, and 5041 where it is there."""
    fields = [field.split("=", 1) for field in tail.decode().split("\x01")[:-1]]
    assert tail.endswith(b"\x01")
    assert fields[0][0] == "268"
    count = int(fields[0][1])
    checksum = None
    if fields[-1][0] == "5041":
        checksum = fields.pop()[1]
    entries: list[Entry] = []
    first = fields[1][0] if len(fields) > 1 else ""
    for tag, value in fields[1:]:
        if tag == first:
            entries.append({})
        assert int(tag) not in entries[-1]
        entries[-1][int(tag)] = value
    assert len(entries) == count
    return entries, checksum


class PlainBook:
    """Per side (269) the entries by MDEntryID, in the order in which they came."""

    def __init__(self, snapshot: bytes) -> None:
        self.sides: dict[str, dict[str, Entry]] = {"0": {}, "1": {}}
        entries, checksum = read_tail(snapshot)
        assert checksum is None
        for entry in entries:
            assert 279 not in entry
            assert entry[278] not in self.sides[entry[269]]
            self.sides[entry[269]][entry[278]] = entry
        sides = [entry[269] for entry in entries]
        assert sides == sorted(sides, reverse=True)  # offers first
        for side in "01":
            prices = [Decimal(entry[270]) for entry in self.sides[side].values()]
            assert prices == sorted(prices, reverse=side == "0")

    def apply(self, tail: bytes) -> str:
        """Applies an incremental refresh; gives its checksum. `pushed` of it are noted."""
        entries, checksum = read_tail(tail)
        assert entries
        assert checksum is not None
        phases = [{"2": 0, "1": 1, "0": 2}[entry[279]] for entry in entries]
        assert phases == sorted(phases)  # removals, changes, new ones
        self.pushed = [e[278] for e in entries if e[279] == "2" and Decimal(e[271]) != 0]
        for entry in entries:
            action = entry.pop(279)
            side = self.sides[entry[269]]
            name = entry[278]
            if action == "0":
                assert name not in side
                assert Decimal(entry[271]) > 0
                side[name] = entry
            elif action == "1":
                known = side[name]
                assert known[270] == entry[270]
                assert known[271] != entry[271]
                assert known.get(5273) == entry.get(5273)
                side[name] = entry
            else:
                assert side[name][270] == entry[270]
                del side[name]
        return checksum

    def ranked(self, side: str) -> list[Entry]:
        """Best first; at one price in the order in which entries came."""
        sign = -1 if side == "0" else 1
        return sorted(self.sides[side].values(), key=lambda entry: sign * Decimal(entry[270]))

    def prices(self, side: str) -> int:
        return len({entry[270] for entry in self.sides[side].values()})

    def checksum(self, price_decimals: int) -> str:
        """By the published rule, in decimals."""
        text = ""
        for side in "10":
            ranked = self.ranked(side)
            best = list(dict.fromkeys(entry[270] for entry in ranked))[:10]
            for entry in ranked:
                if entry[270] in best:
                    text += str(int(Decimal(entry[270]) * 10**price_decimals))
                    text += str(int(Decimal(entry[271]) * 10**8))
        return str(crc32(text.encode()))
