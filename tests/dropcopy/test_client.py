"""The library's client of a drop copy: what its store did not keep, it does not answer for."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.peers.socket_peer import Frame, framed, take_frames, utc_now
from tidegate.client import (
    Credentials,
    DropCopyClient,
    Endpoint,
    LogonOptions,
    OtherReportBooked,
    SqliteReports,
)
from tidegate.client.events import Disconnected, ExecutionReport, LoggedOn

SECRET = "c2VjcmV0"
REPORT = (
    "37=O1|11=1|17=E{0}|150=0|39=0|55=BTC/USD|54=1|40=2|44=20000|59=1|38={1}|151={1}|14=0|6=0|"
    "60=20261103-09:15:00.000|"
)


class Feed:
    """A venue's end of the line: after the Logon it sends two reports and a question behind them in
    one piece. `came` is what the client says."""

    def __init__(self) -> None:
        self.came: list[Frame] = []
        self.lines = 0
        self.first = 1  # ExecID of the first report
        self.qty = 1
        self.answered = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        buffer = bytearray()
        while data := await reader.read(1 << 16):
            buffer += data
            for frame in take_frames(buffer):
                self.came.append(frame)
                if frame.type == "A":
                    writer.write(self._message("A", 1, "98=0|108=30|141=Y|"))
                    writer.write(
                        self._message("8", 2, REPORT.format(self.first, self.qty))
                        + self._message("8", 3, REPORT.format(self.first + 1, self.qty))
                        + self._message("1", 4, "112=READ-1-4|")
                    )
                if frame.type == "0":
                    self.answered.set()
        writer.close()

    def _message(self, msg_type: str, number: int, fields: str) -> bytes:
        header = f"35={msg_type}|34={number}|49=KRAKEN-DC|56=COPY|52={utc_now()}|"
        return framed((header + fields).replace("|", "\x01").encode())


class FailingReports(SqliteReports):
    """Cannot commit, as where a disk is full, or cannot book the second report."""

    def __init__(self, path: Path, error: Exception, *, books: bool) -> None:
        super().__init__(path)
        self._error = error
        self._books = books

    def book(self, report: ExecutionReport) -> bool:
        if report.exec_id == "E2" and not self._books:
            raise self._error
        return super().book(report)

    def commit(self) -> None:
        if self._books:
            raise self._error


def client_of(port: int, store: SqliteReports) -> DropCopyClient:
    return DropCopyClient(
        Endpoint("127.0.0.1", port, tls=False),
        Credentials("COPY", "KRAKEN-DC", "key", SECRET),
        store,
        LogonOptions(heart_bt_int_s=10),
        reconnect_delays_s=(0.0,),
    )


async def feed_on_a_port() -> tuple[Feed, asyncio.Server, int]:
    feed = Feed()
    server = await asyncio.start_server(feed.serve, "127.0.0.1", 0)
    return feed, server, server.sockets[0].getsockname()[1]


def test_a_question_is_answered_behind_what_was_booked(tmp_path: Path) -> None:
    async def play() -> None:
        feed, server, port = await feed_on_a_port()
        client = client_of(port, SqliteReports(tmp_path / "reports"))
        await client.connect()
        await asyncio.wait_for(feed.answered.wait(), 10)
        other = SqliteReports(tmp_path / "reports")
        assert other.exec_ids() == ["E1", "E2"], "another process would see them"
        other.close()
        assert feed.came[-1].get(112) == "READ-1-4"
        server.close()
        await client.drop()

    asyncio.run(play())


def test_an_exec_id_that_is_booked_with_another_report_ends_the_client(tmp_path: Path) -> None:
    """As where the venue's data were thrown away, and its ExecIDs begin anew."""

    async def play() -> None:
        store = SqliteReports(tmp_path / "reports")
        feed, server, port = await feed_on_a_port()
        first = client_of(port, store)
        await first.connect()
        await asyncio.wait_for(feed.answered.wait(), 10)
        await first.drop()
        feed.answered.clear()
        again = client_of(port, store)
        await again.connect()  # the same reports under other times of sending
        await asyncio.wait_for(feed.answered.wait(), 10)
        assert again.core.repeated == 2
        logons = [frame for frame in feed.came if frame.type == "A"]
        assert [(logon[34], logon[108], logon[141]) for logon in logons] == [("1", "10", "Y")] * 2
        await again.drop()
        feed.qty = 2
        feed.first = 0  # E0 is new to the file, E1 is not
        came = len(feed.came)
        wiped = client_of(port, store)
        await wiped.connect()
        with pytest.raises(OtherReportBooked, match=r"reports: ExecID \(17\) E1 is booked with"):
            await asyncio.wait_for(collect(wiped), 10)
        assert [frame.type for frame in feed.came[came:]] == ["A"], "nothing was answered"
        store.commit()
        assert store.exec_ids() == ["E1", "E2"]
        server.close()

    async def collect(client: DropCopyClient) -> None:
        async for event in client:
            assert not isinstance(event, ExecutionReport) or event.exec_id == "E0"

    asyncio.run(play())


@pytest.mark.parametrize("error", [sqlite3.OperationalError("disk is full"), OSError(28, "full")])
@pytest.mark.parametrize("books", [True, False])
def test_a_store_that_fails_ends_the_client_and_nothing_is_answered(
    tmp_path: Path, error: Exception, books: bool
) -> None:
    async def play() -> None:
        feed, server, port = await feed_on_a_port()
        client = client_of(port, FailingReports(tmp_path / "reports", error, books=books))
        told = []
        with pytest.raises(type(error)) as raised:
            await asyncio.wait_for(collect(client, told), 10)
        assert raised.value is error
        assert feed.lines == 1, "it does not connect again"
        assert {type(event) for event in told} <= {LoggedOn, ExecutionReport, Disconnected}
        assert "0" not in [frame.type for frame in feed.came]
        server.close()

    async def collect(client: DropCopyClient, told: list[object]) -> None:
        await client.connect()
        async for event in client:
            told.append(event)  # noqa: PERF401 - those before the error count

    asyncio.run(play())
