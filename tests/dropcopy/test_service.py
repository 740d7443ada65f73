"""The service of drop copies where files are damaged, or can not be written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.dropcopy.room import TARGET, CopyRoom, copy_of, unwritable
from tests.history.days import Days
from tests.peers.socket_peer import take_frames
from tests.scenario.settings import session
from tidegate.feeds.dropcopy.options import CopyKey
from tidegate.feeds.dropcopy.seat import CopySeat
from tidegate.feeds.dropcopy.service import DropCopyService
from tidegate.feeds.dropcopy.state import StateFile
from tidegate.journal import OsStorage, segment_positions
from tidegate.model.limits import CANCELS_PER_RECORD
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, AddSession, EnableFirm, EnableKey
from tidegate.wire.render import frame_of

FIRMS = {"ACME": "ACME-1", "BETA": "BETA-1"}
WAIT_S = 10.0


class Wire:
    """A link, as the service writes to it."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, first: int, last: int, data: bytes) -> None:
        self.data += data

    def cut(self) -> None:
        self.data += b"cut"


class Service:
    """Drop copies of two firms, each logged on by a key of its firm's name, whose next message
    takes numbers that are not reserved. In the loop that runs; `failures` are what would end the
    process."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.failures: list[Exception] = []
        self.failed = asyncio.Event()
        self.follower: Any = SimpleNamespace(venue=days.venue, rollover=days.venue.rollover)
        self.follow()
        time: Any = SimpleNamespace(now_ns=lambda: days.now_ns, may_pass=lambda _: True)
        sessions = [
            copy_of(firm, of, [CopyKey(firm, "c2VjcmV0", of)]) for firm, of in FIRMS.items()
        ]
        self.service = DropCopyService(sessions, FIRMS, days.data, self.follower, time, self._fail)
        self.seats = self.service.desk.seats
        self.links: list[int] = []
        self.wires: list[Any] = []
        for index, firm in enumerate(FIRMS):
            self.wires.append(Wire())
            frame = self._frame(firm, "A", 1, "98=0|108=30|141=Y")
            link = self.service.logon(index, self.wires[index], firm.encode(), 1, frame)
            self.links.append(link)
        self.service.pump()
        for wire in self.wires:
            assert [frame.type for frame in take_frames(wire.data)] == ["A"]
        for seat in self.seats:
            seat.state.reserved = seat.session.next_outgoing
            seat.save()

    def follow(self) -> None:
        self.follower.position = self.days.journal.tail_position
        self.follower.sequence = self.days.journal.next_sequence

    def follows(self) -> None:
        """The replica is where the venue is."""
        self.follow()
        self.service.advanced()

    def pumps(self) -> None:
        """More often than the desk has anything to do."""
        for _ in range(100):
            self.service.pump()

    def _fail(self, error: Exception) -> None:
        self.failures.append(error)
        self.failed.set()

    def _frame(self, name: str, msg_type: str, number: int, fields: str) -> bytes:
        sending_time = utc_timestamp(self.days.now_ns).decode()
        text = f"35={msg_type}|34={number}|49={name}|56={TARGET}|52={sending_time}|{fields}|"
        return frame_of(text.replace("|", "\x01").encode())

    def is_asked(self, index: int = 0) -> None:
        """A client wants an answer."""
        frame = self._frame(list(FIRMS)[index], "1", 2, "112=there?")
        self.service.frames(index, self.links[index], [frame])

    def beats(self) -> None:
        """Heartbeats are due."""
        self.days.now_ns += 31 * NS_PER_S
        self.service.start()

    def reports(self) -> None:
        """There are reports."""
        self.days.play(60)
        self.follows()

    def asks(self) -> None:
        """It wants to know whether a report was read."""
        self.seats[0].report_count += 1
        self.service.start()


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not reached():
            await asyncio.sleep(0)


@pytest.mark.parametrize("cause", [Service.is_asked, Service.beats, Service.reports, Service.asks])
def test_where_no_number_can_be_reserved_the_process_ends_and_nothing_goes_out(
    tmp_path: Path, cause: Callable[[Service], None]
) -> None:
    """Or one that is killed would have given it out, and so would the next."""

    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        with ExitStack() as disk:
            for seat in one.seats:
                disk.enter_context(unwritable(seat.file.path))
            cause(one)
            await asyncio.wait_for(one.failed.wait(), WAIT_S)
        one.is_asked(1)
        one.service.pump()
        assert [type(error) for error in one.failures] == [IsADirectoryError]
        assert [bytes(wire.data) for wire in one.wires] == [b"", b""]

    asyncio.run(serve())


def test_at_the_end_whatever_session_can_be_kept_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        for index, link in enumerate(one.links):
            one.service.link_down(index, link)
        acme, beta = one.seats
        with unwritable(acme.file.path):
            await one.service.stop(b"Venue is stopping", WAIT_S)
        assert acme.file.load().is_up, "as it was before"
        assert not beta.file.load().is_up
        assert one.failures == []

    asyncio.run(serve())
    lines = capsys.readouterr().out.splitlines()
    (told,) = [line for line in lines if "drop_copy_not_saved" in line]
    assert "ACME" in told


def test_whoever_has_not_answered_the_logout_is_not_up_any_more_at_an_orderly_end(
    tmp_path: Path,
) -> None:
    """Or reports that were never sent would come marked as if they had been."""

    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        await one.service.stop(b"Venue is stopping", 0.0)
        for wire, seat in zip(one.wires, one.seats, strict=True):
            assert not seat.file.load().is_up
            assert wire.data.endswith(b"cut")

    asyncio.run(serve())


def test_marks_that_can_not_be_saved_keep_nobody_elses_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def changed(seats: list[CopySeat], lines: int) -> None:
        for seat in seats:
            seat.state.lines, seat.dirty = lines, True
        acme, beta = seats
        await until(lambda: acme.dirty and beta.file.load().lines == lines)

    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        acme = one.seats[0]
        with unwritable(acme.file.path):
            one.service.start()
            await changed(one.seats, 5)
            await changed(one.seats, 6)
            assert acme.file.load().lines == 1
        await until(lambda: acme.file.load().lines == 6)

    asyncio.run(serve())
    lines = capsys.readouterr().out.splitlines()
    (told,) = [line for line in lines if "drop_copy_not_saved" in line]
    assert "ACME" in told


def test_who_is_sent_away_by_a_key_is_told_all_that_was_before_that(tmp_path: Path) -> None:
    """Though the replica has it, and the desk has not looked yet."""

    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        one.service.start()
        await asyncio.sleep(0)  # it has looked, and has no reason to look again
        days = one.days
        for _ in range(400):  # more than is read at once
            days.order("ACME")
            days.end_turn()
        disabled = EnableKey("ACME", on=False)
        days.control(NO_SESSION, controls.ENABLE_KEY, disabled)
        days.end_turn()
        one.follow()
        wire = one.wires[0]
        await until(lambda: wire.data.endswith(b"cut"))
        *told, last = take_frames(wire.data)
        assert [frame[17] for frame in told] == list(CopyRoom(tmp_path, days=days).truth("ACME"))
        assert last[58] == "API key disabled"

    asyncio.run(serve())


def test_who_is_sent_away_with_a_firm_is_told_of_all_the_orders_that_are_cancelled_bit_by_bit(
    tmp_path: Path,
) -> None:
    """More than one record cancels: between two of them the log has nothing to tell."""
    resting = CANCELS_PER_RECORD + 20

    async def serve() -> None:
        one = Service(Days(tmp_path, 1))
        days, wire = one.days, one.wires[0]
        body = b"55=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01"
        sent_at = b"60=%s\x01" % utc_timestamp(days.now_ns)
        for number in range(resting):
            days.send("ACME", b"D", b"11=%d\x01" % (number + 1) + body + sent_at)
        days.control(NO_SESSION, controls.ENABLE_FIRM, EnableFirm("ACME", on=False))
        days.end_turn()
        cancels = days.venue.trading.cancels
        assert cancels.pending
        one.follows()
        one.pumps()
        told = [frame for frame in take_frames(wire.data) if frame.type == "8"]
        assert len(told) == resting + CANCELS_PER_RECORD
        assert wire.data == b"", "it is not cut"
        while cancels.pending:
            days.venue.tick(days.now_ns)
            days.end_turn()
        one.follows()
        one.pumps()
        assert wire.data.endswith(b"cut")
        *rest, last = take_frames(wire.data)
        told += rest
        assert [frame[17] for frame in told] == list(CopyRoom(tmp_path, days=days).truth("ACME"))
        assert [frame[150] for frame in told].count("4") == resting
        assert (last.type, last[58]) == ("5", "Session disabled")

    asyncio.run(serve())


def test_a_damaged_file_keeps_those_out_alone_whose_keys_open_its_session(tmp_path: Path) -> None:
    days = Days(tmp_path, 1)

    async def nonces() -> list[int]:
        service = Service(days).service
        return [service.last_nonce(firm.encode()) for firm in FIRMS]

    assert asyncio.run(nonces()) == [1, 1]
    StateFile(tmp_path, ("ACME", TARGET)).path.write_bytes(b"")
    acme, beta = asyncio.run(nonces())
    assert acme > 1
    assert beta == 1


def test_it_remembers_whose_a_session_is_that_operators_added_before_what_is_left_of_the_log(
    tmp_path: Path,
) -> None:
    async def serve() -> None:
        one = Service(Days(tmp_path, 1, segment_bytes_max=16 * 1024))
        days = one.days
        for index, link in enumerate(one.links):
            one.service.link_down(index, link)
        days.control(NO_SESSION, controls.ADD_SESSION, AddSession(session("LATE", "ACME-1")))
        days.end_turn()
        one.follows()
        days.play(300)
        body = b"11=1\x0155=BTC/USD\x0154=1\x0140=2\x0138=0.1\x0144=1000\x0159=1\x01"
        days.send("LATE", b"D", body + b"60=%s\x01" % utc_timestamp(days.now_ns))
        days.end_turn()
        one.follows()
        journal = tmp_path / JOURNAL_DIRECTORY
        for base in segment_positions(OsStorage(), journal)[:2]:
            (journal / f"{base:020d}.log").unlink()
        wire: Any = Wire()
        logon = one._frame("ACME", "A", 1, "98=0|108=30|141=Y")
        one.service.logon(0, wire, b"ACME", 2, logon)
        one.pumps()
        told = [frame[11] for frame in take_frames(wire.data) if frame.type == "8"]
        assert len(told) > 1
        assert told[-1] == "1"

    asyncio.run(serve())
