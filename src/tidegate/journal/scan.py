"""Reading batches of one segment one after the other, every crc checked."""

from __future__ import annotations

from typing import Final, NamedTuple

from tidegate.journal.layout import (
    BATCH_HEADER_BYTES,
    BatchHeader,
    batch_crc_is_right,
    decode_batch_header,
)
from tidegate.journal.storage import Storage, read_fully

READ_AHEAD_BYTES: Final = 1024 * 1024
"""How much is read at once while walking, in bytes; a longer batch is read whole."""


class Batch(NamedTuple):
    """A whole batch as read back.

    Attributes:
        position: log position of the first byte of the batch's header.
        payload_position: log position of the first byte of the payload.
        first_sequence: sequence number of the batch's first record.
        record_count: number of records in the payload, at least 1.
        payload: the bytes given to `Journal.append`.
    """

    position: int
    payload_position: int
    first_sequence: int
    record_count: int
    payload: bytes


class Broken(NamedTuple):
    """The place where walking ended because no whole batch stands there.

    Attributes:
        position: log position where a batch should begin.
        reason: what is wrong there, in words.
    """

    position: int
    reason: str


class BatchWalk:
    """Walks the batches of one open segment file from `position` to `end_position`."""

    def __init__(
        self,
        storage: Storage,
        file: int,
        *,
        base_position: int,
        salt: int,
        position: int,
        end_position: int,
    ) -> None:
        self._storage = storage
        self.file = file
        self._base_position = base_position
        self._salt = salt
        self._position = position
        self._end_position = end_position
        self._data = b""
        self._data_position = position

    def next_batch(self) -> Batch | Broken | None:
        """Return the next batch, None at the end, or Broken (and then again Broken).

        Raises OSError when the storage cannot read.
        """
        position = self._position
        if position == self._end_position:
            return None
        offset = self._load(BATCH_HEADER_BYTES)
        if offset is None:
            return Broken(position, "the file ends inside a batch header")
        header = decode_batch_header(self._data, offset, position=position, salt=self._salt)
        if not isinstance(header, BatchHeader):
            return Broken(position, header)
        batch_bytes = BATCH_HEADER_BYTES + header.payload_bytes
        offset = self._load(batch_bytes)
        if offset is None:
            return Broken(position, "the file ends inside a payload")
        if not batch_crc_is_right(self._data, offset, header):
            return Broken(position, "the batch does not have the crc its header names")
        payload = self._data[offset + BATCH_HEADER_BYTES : offset + batch_bytes]
        self._position = position + batch_bytes
        return Batch(
            position,
            position + BATCH_HEADER_BYTES,
            header.first_sequence,
            header.record_count,
            payload,
        )

    def _load(self, length: int) -> int | None:
        """Have `length` bytes from the walk's position in memory; return their offset there.

        None when there are not so many up to the end position, or in the file.
        """
        offset = self._position - self._data_position
        if offset + length <= len(self._data):
            return offset
        wanted_bytes = max(length, READ_AHEAD_BYTES)
        available_bytes = self._end_position - self._position
        self._data = read_fully(
            self._storage,
            self.file,
            self._position - self._base_position,
            min(wanted_bytes, available_bytes),
        )
        self._data_position = self._position
        return 0 if length <= len(self._data) else None
