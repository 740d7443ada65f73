"""A drop copy's client: every ExecutionReport is booked once, whatever dies when.

    client = DropCopyClient(endpoint, Credentials("COPY", "KRAKEN-DC", key, secret),
                            SqliteReports(Path("reports.sqlite")))
    await client.connect()
    async for event in client: ...

A venue takes an answered TestRequest for the proof that all before it was read. So reports are
booked where they arrive, and what was booked is committed before the answer leaves; what a queue
behind this still holds may be lost with the process, and is in the store.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final, Protocol

from tidegate.client.connection import EVENTS_MAX, RECONNECT_DELAYS_S, Connection, Endpoint
from tidegate.client.credentials import Credentials, LogonOptions
from tidegate.client.events import (
    ExecutionReport,
    business_reject,
    execution_report,
    session_reject,
)
from tidegate.client.session_core import SessionCore
from tidegate.wire.message import Message

# What differs each time a report is sent: length, number, CompIDs, times, marks, checksum.
_OF_THE_LINE: Final = frozenset(b"8 9 34 43 49 52 56 97 122 10".split())


class OtherReportBooked(Exception):
    """An ExecID (17) is booked with another report. A venue uses each once in its life, so the
    store is another venue's, or of before the venue's data were thrown away."""


class ReportStore(Protocol):
    """Where reports are booked. What it raises ends the client, whose `next_event` raises it: a
    report that can not be booked must not be answered for."""

    def book(self, report: ExecutionReport) -> bool:
        """Keep a report; False where it was booked before. Raises `OtherReportBooked` where its
        ExecID (17) was, with another `report_body`: to let that pass would be to lose a report."""

    def commit(self) -> None:
        """What was booked must outlive the process from here on."""


class SqliteReports:
    """A `ReportStore` in a SQLite file: the table `report` of ExecID and message, in the order of
    arrival. One file is for one venue. Raises `sqlite3.Error`, `OtherReportBooked`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = sqlite3.connect(path)
        self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute(
            "CREATE TABLE IF NOT EXISTS report "
            "(number INTEGER PRIMARY KEY, exec_id TEXT NOT NULL UNIQUE, message BLOB NOT NULL)"
        )
        self._file.commit()

    def book(self, report: ExecutionReport) -> bool:
        """See `ReportStore.book`."""
        done = self._file.execute(
            "INSERT OR IGNORE INTO report (exec_id, message) VALUES (?, ?)",
            (report.exec_id, report.frame),
        )
        if done.rowcount == 1:
            return True
        (booked,) = self._file.execute(
            "SELECT message FROM report WHERE exec_id = ?", (report.exec_id,)
        ).fetchone()
        if report_body(booked) != report_body(report.frame):
            self._file.rollback()  # what came just before it is of the same venue
            raise OtherReportBooked(
                f"{self._path}: ExecID (17) {report.exec_id} is booked with another report; "
                "this file is another venue's"
            )
        return False

    def commit(self) -> None:
        """See `ReportStore.commit`."""
        self._file.commit()

    def exec_ids(self) -> list[str]:
        """All that were booked, in the order of arrival."""
        rows = self._file.execute("SELECT exec_id FROM report ORDER BY number").fetchall()
        return [exec_id for (exec_id,) in rows]

    def close(self) -> None:
        self._file.close()


def report_body(frame: bytes) -> bytes:
    """The fields of a report that are the same whenever it is sent, joined by SOH."""
    return b"\x01".join(
        field for field in frame.split(b"\x01") if field.partition(b"=")[0] not in _OF_THE_LINE
    )


class DropCopyCore(SessionCore):
    """See the module. Numbers begin anew at each logon, whatever the options say: the venue's place
    in the feed does not depend on them. Only reports that are new become events."""

    def __init__(
        self,
        credentials: Credentials,
        store: ReportStore,
        options: LogonOptions | None = None,
        *,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        options = replace(options or LogonOptions(), reset_each_logon=True)
        super().__init__(credentials, options, trace=trace)
        self._store = store
        self.repeated = 0  # reports that had been booked before

    def receive(self, data: bytes, time_ns: int) -> None:
        try:
            super().receive(data, time_ns)
            self._store.commit()  # what is answered to these bytes leaves behind this
        except BaseException:
            self._output.clear()  # nor does it ever, where the store has failed
            raise

    def _take(self, message: Message, msg_type: bytes, time_ns: int) -> bool:
        if msg_type == b"8":
            report = execution_report(message)
            if self._store.book(report):
                self._events.append(report)
            else:
                self.repeated += 1
        elif msg_type == b"j":
            self._events.append(business_reject(message))
        elif msg_type == b"3":
            self._events.append(session_reject(message, ""))
        else:
            return False
        return True


class DropCopyClient(Connection):
    """See the module, and `Connection` for the line and the queue of events. A lost line is
    connected again by itself, unless `reconnect_delays_s` is empty."""

    core: DropCopyCore

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Credentials,
        store: ReportStore,
        options: LogonOptions | None = None,
        *,
        events_max: int = EVENTS_MAX,
        reconnect_delays_s: Sequence[float] = RECONNECT_DELAYS_S,
        clock_ns: Callable[[], int] = time.time_ns,
        trace: Callable[[bool, bytes], None] | None = None,
    ) -> None:
        super().__init__(
            endpoint,
            DropCopyCore(credentials, store, options, trace=trace),
            events_max=events_max,
            reconnect_delays_s=reconnect_delays_s,
            clock_ns=clock_ns,
        )
