"""The durable log of what came in and what went out, snapshots beside it, and the lock on both.

A shell: it knows files and bytes and nothing of orders. Payloads and snapshot bodies are opaque.
"""

from __future__ import annotations

from tidegate.journal.doorbell import Doorbell, DoorbellReader, make_bell
from tidegate.journal.errors import (
    DirectoryInUse,
    JournalClosed,
    JournalDamaged,
    JournalError,
    JournalFailed,
    JournalForeign,
    JournalFormatUnknown,
    JournalLimitExceeded,
    JournalPositionUnknown,
)
from tidegate.journal.follow import (
    LOG_END,
    LogFollower,
    batch_mark,
    log_end,
    oldest_batch,
    read_batch,
    segment_positions,
)
from tidegate.journal.layout import FIRST_SEQUENCE, PAYLOAD_BYTES_MAX
from tidegate.journal.lock import DirectoryLock
from tidegate.journal.log import SEGMENT_BYTES_MAX, Durability, Journal
from tidegate.journal.recovery import Repair
from tidegate.journal.scan import Batch
from tidegate.journal.snapshot import (
    SNAPSHOTS_KEPT,
    DamagedSnapshot,
    Snapshot,
    SnapshotLoad,
    load_latest_snapshot,
    load_snapshot_before,
    read_snapshots,
    write_snapshot,
)
from tidegate.journal.storage import OsStorage, Storage

__all__ = [
    "FIRST_SEQUENCE",
    "LOG_END",
    "PAYLOAD_BYTES_MAX",
    "SEGMENT_BYTES_MAX",
    "SNAPSHOTS_KEPT",
    "Batch",
    "DamagedSnapshot",
    "DirectoryInUse",
    "DirectoryLock",
    "Doorbell",
    "DoorbellReader",
    "Durability",
    "Journal",
    "JournalClosed",
    "JournalDamaged",
    "JournalError",
    "JournalFailed",
    "JournalForeign",
    "JournalFormatUnknown",
    "JournalLimitExceeded",
    "JournalPositionUnknown",
    "LogFollower",
    "OsStorage",
    "Repair",
    "Snapshot",
    "SnapshotLoad",
    "Storage",
    "batch_mark",
    "load_latest_snapshot",
    "load_snapshot_before",
    "log_end",
    "make_bell",
    "oldest_batch",
    "read_batch",
    "read_snapshots",
    "segment_positions",
    "write_snapshot",
]
