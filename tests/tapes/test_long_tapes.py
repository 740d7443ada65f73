"""What a tape of any length costs: memory by what is open, and never the loop's attention."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from itertools import repeat
from pathlib import Path

import pytest

from tests.tapes.room import BTC, CONFIG, ORDERS
from tests.venue_process import VenueProcess
from tidegate.client import LogonOptions, Side
from tidegate.tapes.columns import TapeMapping
from tidegate.tapes.events import ADD, CANCEL, TRADE, TapeEvent
from tidegate.tapes.player import TapeInterrupted, TapePlayer
from tidegate.tapes.reading import HEAD_EVENTS, Reading
from tidegate.tapes.rows import LEFT_OUT_AT_ONCE, Tape
from tidegate.tapes.sessions import PlayedOrder, Summary
from tidegate.tapes.source import open_source


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueProcess]:
    with VenueProcess(tmp_path_factory.mktemp("long") / "data", config=CONFIG) as running:
        yield running


async def played_into(venue: VenueProcess) -> TapePlayer:
    options = LogonOptions(reset_seq_num=True, cancel_orders_on_disconnect=True)
    clients = venue.client("ACME", options), venue.client("BETA", options)
    for client in clients:
        await client.connect()
    return TapePlayer(*clients)


def event(action: str, order: str, price: int = 84000) -> TapeEvent:
    side = Side.SELL if action == TRADE else Side.BUY
    return TapeEvent(1, action, "BTC/USD", side, Decimal(price), Decimal(1), order, None, 2)


def test_an_order_is_held_until_it_is_over_and_what_comes_later_is_not_sent(
    venue: VenueProcess,
) -> None:
    """Filled ones, of which a tape need not say anything more, and refused ones."""

    async def play() -> tuple[Summary, int]:
        player = await played_into(venue)
        low = [event(ADD, "refused", price=10**16)]
        filled = [one for n in range(300) for one in (event(ADD, f"{n}"), event(TRADE, ""))]
        late = [event(CANCEL, "7"), event(CANCEL, "refused"), event(CANCEL, "of before")]
        summary = await player.play([event(ADD, "open", 83000), *low, *filled, *late], speed=None)
        gc.collect()
        return summary, sum(isinstance(one, PlayedOrder) for one in gc.get_objects())

    summary, held = asyncio.run(play())
    assert (summary.trades, summary.sent, summary.overtaken) == (300, {"D": 602}, 3)
    assert summary.rejects.total() == 1
    assert held == 0


def test_while_rows_are_left_out_others_get_their_turn(venue: VenueProcess, tmp_path: Path) -> None:
    path = tmp_path / "tape.csv"
    others = "1,ETH/USD,A,B,3000,1,{}\n" * (2 * LEFT_OUT_AT_ONCE + 1)
    path.write_text(f"{ORDERS}1,BTC/USD,A,B,84000,1,1\n{others}1,BTC/USD,A,B,84000,1,2\n")
    with closing(open_source(path)) as source:
        tape = Tape(path, source, TapeMapping(only="BTC/USD"), {"BTC/USD": BTC})
        found = [one if one is None else one.order for one in tape.events()]
    assert found == ["1", None, None, "2"]
    assert tape.skipped == 2 * LEFT_OUT_AT_ONCE + 1

    async def play() -> Summary:
        player = await played_into(venue)
        progress = 0

        def stop_after_some() -> None:
            nonlocal progress
            progress += 1
            if progress == 10:
                asyncio.get_running_loop().call_soon(player.stop)

        with pytest.raises(TapeInterrupted):
            await player.play(repeat(None, 100_000), speed=None, progress=stop_after_some)
        assert progress < 100_000, "the loop was kept busy"
        return player.summary

    assert asyncio.run(play()).events == 0


def test_how_far_a_tape_is_goes_by_what_was_given_not_by_what_was_read() -> None:
    few = Reading(iter([event(ADD, "1"), None, event(ADD, "2")]), lambda: 99, 99)
    assert [(few.done, few.size) for _ in few] == [(1, 2), (2, 2)]

    place = 0

    def many() -> Iterator[TapeEvent | None]:
        nonlocal place
        for _ in range(HEAD_EVENTS + 2):
            place += 10
            yield event(ADD, "1")
            yield None

    long = Reading(many(), lambda: place, place + 50)
    given = [(one is None, long.done) for one in long]
    assert place == 10 * (HEAD_EVENTS + 2)
    assert given[:3] == [(False, 10), (False, 20), (False, 30)]
    assert given[HEAD_EVENTS - 1 : HEAD_EVENTS + 2] == [
        (False, 10 * HEAD_EVENTS),
        (True, 10 * HEAD_EVENTS),
        (False, 10 * HEAD_EVENTS + 10),
    ]


def test_names_of_orders_are_held_until_a_cancel_or_fills_of_all_their_size(
    tmp_path: Path,
) -> None:
    path = tmp_path / "tape.csv"
    filled = "".join(
        f"1,BTC/USD,A,B,84000,3,{n}\n"
        f"1,BTC/USD,F,B,84000,1,{n}\n"
        f"1,BTC/USD,M,B,84000,4,{n}\n"
        f"1,BTC/USD,F,B,84000,1.5,{n}\n"
        f"1,BTC/USD,F,B,84000,{2.5 if n % 10 else 2.4},{n}\n"
        for n in range(1_000)
    )
    again = "1,BTC/USD,A,B,84000,3,11\n1,BTC/USD,C,B,,,11\n"
    path.write_text(ORDERS + filled + again)
    with closing(open_source(path)) as source:
        tape = Tape(path, source, TapeMapping(scale_qty=Decimal("0.1")), {"BTC/USD": BTC})
        assert sum(1 for _ in tape.events()) == 2_002
        assert len(tape._open) == 100
