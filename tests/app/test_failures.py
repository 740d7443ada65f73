"""What fails while the venue runs ends it: nothing is acknowledged after, nothing tried again."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.venue import Venue, copied
from tests.peers.socket_peer import Peer, PeerClosed
from tidegate.recovery import recover

FILE_BYTES_MAX = 150_000

SYNC_FAILS = """
import errno
from tidegate.journal.storage import OsStorage
synced = OsStorage.fdatasync
calls = []
def fdatasync(self, file):
    calls.append(file)
    if len(calls) > 20:
        raise OSError(errno.EIO, "Input/output error")
    synced(self, file)
OsStorage.fdatasync = fdatasync
"""

INVARIANT_BREAKS = """
from tidegate.service import VenueService
applied = VenueService.frames
def frames(self, session, link, frames):
    applied(self, session, link, frames)
    assert not any(b"11=666" in frame for frame in frames), "broken"
VenueService.frames = frames
"""

SNAPSHOT_FAILS = """
from tidegate.journal import JournalFailed
from tidegate.recovery import Snapshots
whole = Snapshots.write
calls = []
def write(self, journal, body, log_position, next_sequence):
    calls.append(log_position)
    if len(calls) > 1:  # the first is that of the first start
        raise JournalFailed("the disk is full")
    whole(self, journal, body, log_position, next_sequence)
Snapshots.write = write
"""


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))


def flood_to_the_end(acme: Peer) -> list[str]:
    """Orders in batches until the venue is gone; ClOrdIDs acknowledged."""
    acme.logon("98=0|108=60|8674=1")
    cl_ord_id = 0
    acknowledged = []
    try:
        while True:
            batch = b"".join(acme.order_message(cl_ord_id + n) for n in range(1, 11))
            cl_ord_id += 10
            acme.socket.sendall(batch)
            for _ in range(10):
                report = acme.expect("8")
                acknowledged.append(report[11])
    except (PeerClosed, OSError):
        return acknowledged


def open_orders(data: Path) -> set[str]:
    copy = copied(data, data.with_name("copy"))
    recovered = recover(copy, durability="process")
    index = recovered.venue.directory.account_by_name[b"ACME-1"].index
    orders = recovered.venue.engine.account_orders(index)
    recovered.journal.close()
    return {order.cl_ord_id.decode() for order in orders}


@pytest.mark.parametrize(
    ("durability", "script", "before_exec"),
    [
        ("process", None, small_files),
        ("disk", None, small_files),
        ("disk", SYNC_FAILS, None),
    ],
    ids=["write-process", "write-disk", "sync-disk"],
)
def test_a_failed_journal_ends_the_process(
    data: Path, durability: str, script: str | None, before_exec: Callable[[], None] | None
) -> None:
    arguments = ["--durability", durability, "--log-level", "error"]
    with Venue(data, arguments=arguments, script=script, before_exec=before_exec) as venue:
        with venue.peer("ACME") as acme:
            acknowledged = flood_to_the_end(acme)
        assert venue.wait() == 1
        assert "failed" in venue.log_text()
        assert not (data / "ready.json").exists()
    assert len(acknowledged) >= 10
    assert set(acknowledged) <= open_orders(data)
    # And the next start goes on, on a disk that has room again.
    with Venue(data) as again, again.peer("ACME", next_out=acme.next_out) as acme:
        assert acme.logon().type == "A"


def test_a_broken_invariant_ends_the_process_without_a_record(data: Path) -> None:
    """Whatever the venue did with the message that broke it never happened."""
    with Venue(data, script=INVARIANT_BREAKS) as venue:
        with venue.peer("ACME") as acme:
            acme.logon("98=0|108=60|8674=1")
            acme.order(1)
            acme.expect("8")
            acme.order(666)
            assert acme.read_to_end() == []
        assert venue.wait() == 1
        assert "broken" in venue.log_text()
    assert open_orders(data) == {"1"}


def test_a_failed_snapshot_ends_the_process(data: Path) -> None:
    config = "[venue]\nsnapshot_every_records = 100\n"
    with Venue(data, script=SNAPSHOT_FAILS, config=config) as venue:
        with venue.peer("ACME") as acme:
            acknowledged = flood_to_the_end(acme)
        assert venue.wait() == 1
        assert "the disk is full" in venue.log_text()
    assert set(acknowledged) <= open_orders(data)


def test_strangers_do_not_take_the_descriptors_of_the_journal(data: Path) -> None:
    """Hundreds of silent connections, TLS not even begun, while the journal opens new files."""

    def few_descriptors() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (160, 160))

    config = "[venue]\nsegment_bytes = 65536\nsnapshot_every_records = 500\n"
    with Venue(data, plain=False, config=config, before_exec=few_descriptors) as venue:
        silent = [venue.silent() for _ in range(250)]
        with venue.peer("ACME") as acme:
            assert acme.logon().type == "A"
            silent += [venue.silent() for _ in range(250)]
            acme.socket.sendall(b"".join(acme.order_message(n) for n in range(1, 601)))
            for _ in range(600):
                acme.expect("8")
            with venue.peer("BETA") as beta:
                assert beta.logon().type == "A"
            assert len(list((data / "journal").iterdir())) > 3
            assert list((data / "snapshots").glob("*.snap")) != []
        for stranger in silent:
            stranger.close()
        assert venue.stop() == 0
