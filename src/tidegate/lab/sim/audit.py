"""The auditor: reads the simulated disk on its own, and compares with it what leaves the venue.

It looks at the bytes of the journal as the disk holds them at the moment, those that are promised
(written in `process` durability, synced in `disk`), and at every byte the venue writes to a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from tidegate.journal.layout import (
    BATCH_HEADER_BYTES,
    SEGMENT_HEADER_BYTES,
    batch_crc_is_right,
    decode_batch_header,
    decode_segment_header,
    segment_base_position,
    segment_name,
)
from tidegate.lab.sim.fold import Fold, SessionFold
from tidegate.lab.sim.orders import fields_of
from tidegate.lab.sim.storage import FaultyStorage
from tidegate.lab.sim.violation import Violation, require
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.wire.framing import Framer

_ADMINISTRATIVE = (b"0", b"1", b"2", b"4", b"5", b"A")
_NOT_THE_SAME = (b"52", b"43", b"122", b"9", b"10")  # of a message and its duplicate


@dataclass
class JournalView:
    """Batches of a journal on a simulated disk, in order, as far as they are whole."""

    directory: Path
    synced_only: bool
    position: int = 0

    def next_payload(self, storage: FaultyStorage) -> bytes | None:
        """The next turn; None where there is none yet."""
        names = storage.directories.get(str(self.directory))
        if names is None:
            return None
        files = names.durable if self.synced_only else names.seen
        bases = [base for name in files if (base := segment_base_position(name)) is not None]
        base = max((b for b in bases if b <= self.position), default=-1)
        if base < 0:
            return None
        content = files[segment_name(base)]
        data = content.durable if self.synced_only else content.seen
        offset = max(self.position - base, SEGMENT_HEADER_BYTES)
        if len(data) < offset + BATCH_HEADER_BYTES:
            return None
        segment = decode_segment_header(bytes(data[:SEGMENT_HEADER_BYTES]))
        if segment is None:
            return None
        head = bytes(data[offset : offset + BATCH_HEADER_BYTES])
        header = decode_batch_header(head, 0, position=base + offset, salt=segment.salt)
        if isinstance(header, str):
            return None
        end = offset + BATCH_HEADER_BYTES + header.payload_bytes
        batch = bytes(data[offset:end])
        if not batch_crc_is_right(batch, 0, header):
            return None
        self.position = base + end
        return batch[BATCH_HEADER_BYTES:]


@dataclass
class Wire:
    """What the auditor knows of one line."""

    session: SessionFold | None = None
    life: int = 0  # epoch of what is sent on it
    last_number: int = 0
    frames: int = 0
    sweep_next: int = 0  # number that the next duplicate of a sweep has; 0 = a new sweep
    framer: Framer = field(default_factory=Framer)


class Auditor:
    """Keeps the fold of everything promised."""

    def __init__(self, data_directory: Path, *, synced_only: bool) -> None:
        self.fold = Fold()
        self._journal = data_directory / JOURNAL_DIRECTORY
        self._synced_only = synced_only
        self._view = JournalView(self._journal, synced_only)
        self._chain = sha256()

    @property
    def position(self) -> int:
        """Log position behind the last turn taken."""
        return self._view.position

    def advance(self, storage: FaultyStorage) -> None:
        """Take every turn that is promised by now."""
        while (payload := self._view.next_payload(storage)) is not None:
            self._chain.update(payload)
            self.fold.turn(payload)

    def check_kept(self, storage: FaultyStorage) -> None:
        """After a recovery: every turn that was promised before is still there, byte for byte."""
        view = JournalView(self._journal, self._synced_only)
        chain = sha256()
        for number in range(self.fold.turns):
            payload = view.next_payload(storage)
            if payload is None:
                raise Violation("promise_lost", f"{number} of {self.fold.turns} turns are left")
            chain.update(payload)
        require(chain.digest() == self._chain.digest(), "promise_lost", "a turn has changed")

    # --- what leaves the venue --------------------------------------------------------------------

    def written(self, wire: Wire, data: bytes, storage: FaultyStorage) -> None:
        """The venue wrote to a line."""
        self.advance(storage)
        frames = wire.framer.feed(data)
        require(wire.framer.waiting_bytes == 0, "frames", "a write ends within a frame")
        wire.sweep_next = 0
        for frame in frames:
            self._frame(wire, frame)
            wire.frames += 1

    def _frame(self, wire: Wire, frame: bytes) -> None:
        fields = fields_of(frame)
        index = self.fold.by_comp_id.get(fields[b"56"], -1)
        if fields.get(b"43") == b"Y":
            self._duplicate(wire, frame, fields)
            return
        if frame in self.fold.replies[-64:]:
            return
        session = self.fold.sessions[index] if index >= 0 else None
        number = int(fields[b"34"])
        if wire.session is None:
            life = _life_with(session, number, frame)
            if session is None or life == 0:
                refusal = fields[b"35"] == b"5" and wire.frames == 0
                require(refusal, "published_early", f"nothing promised says {frame!r}")
                return
            wire.session, wire.life = session, life
        else:
            require(session is wire.session, "wrong_session", f"on another's line: {frame!r}")
            expected = wire.last_number + 1
            while (wire.life, expected) in wire.session.skipped:
                expected += 1
            require(number == expected, "line_order", f"{number} follows {expected - 1}")
            sent = wire.session.lives[wire.life - 1]
            if len(sent) < number or sent[number - 1] != frame:
                raise Violation("published_early", f"nothing promised says {frame!r}")
        wire.last_number = number

    def _duplicate(self, wire: Wire, frame: bytes, fields: dict[bytes, bytes]) -> None:
        number = int(fields[b"34"])
        require(wire.session is not None, "resend", f"to a line without a session: {frame!r}")
        assert wire.session is not None
        sent = wire.session.lives[wire.life - 1]
        follows = wire.sweep_next in (0, number) or number in wire.session.sweep_starts
        require(follows, "resend", f"{number} follows {wire.sweep_next - 1}")
        require(1 <= number <= len(sent), "resend", f"{number} was never sent")
        wire.sweep_next = number + 1
        self.fold.counts["resend " + ("gap fill" if fields[b"35"] == b"4" else "duplicate")] += 1
        if fields[b"35"] == b"4":
            new_number = int(fields[b"36"])
            require(number < new_number <= len(sent) + 1, "resend", f"fill {number} {new_number}")
            for between in sent[number - 1 : new_number - 1]:
                require(is_administrative(between), "resend", f"{between!r} was filled over")
            wire.sweep_next = new_number
            return
        require(
            same_message(frame, sent[number - 1]), "number_changed",
            f"{frame!r} was sent as {sent[number - 1]!r}",
        )  # fmt: skip


def _life_with(session: SessionFold | None, number: int, frame: bytes) -> int:
    """The newest epoch in which the session sent that frame, 0 for none."""
    if session is not None:
        for life in range(session.epoch, 0, -1):
            sent = session.lives[life - 1]
            if number <= len(sent) and sent[number - 1] == frame:
                return life
    return 0


def is_administrative(frame: bytes) -> bool:
    """Whether a resend leaves the message out."""
    return frame.split(b"\x01", 3)[2][3:] in _ADMINISTRATIVE


def same_message(frame: bytes, original: bytes) -> bool:
    """Whether one is the other, up to what a duplicate has of its own."""
    return _essence(frame) == _essence(original)


def essence_of(frame: bytes) -> tuple[bytes, ...]:
    """What a message and its duplicate share."""
    return tuple(_essence(frame))


def _essence(frame: bytes) -> list[bytes]:
    return [f for f in frame.split(b"\x01") if f.partition(b"=")[0] not in _NOT_THE_SAME]
