"""The bytes of a segment: its header and its batches. Pure: bytes in, values out.

Log positions count every byte of every segment, headers included, so a segment's name plus an
offset in the file is a log position, and the end of one segment is the beginning of the next.

    segment  magic 8 | version 4 | base position 8 | first sequence 8 | promised position 8
             | salt 8 | crc 4
    batch    magic 4 | payload bytes 4 | record count 4 | first sequence 8 | position 8
             | promised position 8 | salt 8 | crc 4 | payload

Numbers are unsigned and big-endian. Three fields deserve a word:

- `promised position`: everything before it had been promised (its effects may have been published)
  when this was written. With durability "process" that is the batch's own position, because a batch
  is promised as soon as it is written; with "disk" it is the position the last sync reached.
  Recovery needs it to tell a torn tail from damage; see `recovery.py`.
- `position`: the batch's own log position, so that a batch in the wrong place is not taken for
  real.
- `salt`: unguessable, drawn per segment. Payloads hold bytes that strangers sent us; without the
  salt somebody could send a frame which looks like a whole batch and so make a torn tail look like
  damage.

Magic, version and the place of the crc of the segment header stay the same in every future format,
so that an unknown version can be told from a broken header.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

FORMAT_VERSION: Final = 2
"""Format version of segments written by this program, and the only one it reads."""

PAYLOAD_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Largest payload of one batch, in bytes. Part of the format: a longer one is a broken header."""

RECORD_COUNT_MAX: Final = 2**32 - 1
"""Most records in one batch."""

FIRST_SEQUENCE: Final = 1
"""Sequence number of the first record of a log."""

SEGMENT_HEADER_BYTES: Final = 48
BATCH_HEADER_BYTES: Final = 48
SALT_BYTES: Final = 8

_SEGMENT_MAGIC: Final = b"TDGTLOG\n"
_BATCH_MAGIC: Final = b"\xb7TGB"
_SEGMENT_FIELDS: Final = Struct(">8sIQQQQ")
_BATCH_FIELDS: Final = Struct(">4sIIQQQQ")
_CRC: Final = Struct(">I")
_SEGMENT_NAME: Final = re.compile(r"([0-9]{20})\.log", re.ASCII)

assert _SEGMENT_FIELDS.size + _CRC.size == SEGMENT_HEADER_BYTES
assert _BATCH_FIELDS.size + _CRC.size == BATCH_HEADER_BYTES


class SegmentHeader(NamedTuple):
    """A segment's header whose crc is right. Of another version, only the version counts."""

    version: int
    base_position: int
    first_sequence: int
    promised_position: int
    salt: int


class BatchHeader(NamedTuple):
    """A batch's header which stands where it says and carries the salt; its crc is unchecked."""

    payload_bytes: int
    record_count: int
    first_sequence: int
    position: int
    promised_position: int
    salt: int
    crc: int


def segment_name(base_position: int) -> str:
    """Return the file name of the segment which begins at `base_position`."""
    return f"{base_position:020d}.log"


def segment_base_position(name: str) -> int | None:
    """Return the log position a segment's file name stands for, None for a foreign name."""
    match = _SEGMENT_NAME.fullmatch(name)
    if match is None or int(match[1]) >= 2**63:
        return None
    return int(match[1])


def encode_segment_header(
    *,
    base_position: int,
    first_sequence: int,
    promised_position: int,
    salt: int,
    version: int = FORMAT_VERSION,
) -> bytes:
    """Return the bytes of a segment's header."""
    fields = _SEGMENT_FIELDS.pack(
        _SEGMENT_MAGIC, version, base_position, first_sequence, promised_position, salt
    )
    return fields + _CRC.pack(crc32(fields))


def decode_segment_header(data: bytes) -> SegmentHeader | None:
    """Return the header at the beginning of `data`, None when broken. Any version passes."""
    if len(data) < SEGMENT_HEADER_BYTES:
        return None
    fields = data[: _SEGMENT_FIELDS.size]
    if _CRC.unpack_from(data, _SEGMENT_FIELDS.size)[0] != crc32(fields):
        return None
    magic, version, base_position, first_sequence, promised_position, salt = _SEGMENT_FIELDS.unpack(
        fields
    )
    if magic != _SEGMENT_MAGIC:
        return None
    return SegmentHeader(version, base_position, first_sequence, promised_position, salt)


def segment_may_be_torn(data: bytes) -> bool:
    """Tell whether `data`, a segment's first bytes, may be a header whose writing was cut short.

    That is the beginning of a header, or nothing of it, and behind it the end of the file or zeros
    (where the file grew but its first page arrived in part or not at all). Anything else was not
    left by a crash: it is damage, or somebody else's file, and must not be removed by us.
    """
    written = data[:SEGMENT_HEADER_BYTES].rstrip(b"\0")
    return len(written) < SEGMENT_HEADER_BYTES and (
        written.startswith(_SEGMENT_MAGIC) or _SEGMENT_MAGIC.startswith(written)
    )


def encode_batch(
    payload: bytes | bytearray | memoryview,
    *,
    record_count: int,
    first_sequence: int,
    position: int,
    promised_position: int,
    salt: int,
) -> bytes:
    """Return the bytes of a batch, header and payload, ready for one write."""
    fields = _BATCH_FIELDS.pack(
        _BATCH_MAGIC, len(payload), record_count, first_sequence, position, promised_position, salt
    )
    return b"".join((fields, _CRC.pack(crc32(payload, crc32(fields))), payload))


def decode_batch_header(
    data: bytes, offset: int, *, position: int, salt: int | None
) -> BatchHeader | str:
    """Return the batch header at `offset` of `data`, or in words why there is none.

    Args:
        data: bytes of the segment; at least a header's length from `offset`.
        offset: where in `data` the batch begins.
        position: log position of that byte.
        salt: the segment's salt; None when its header is gone, then any salt passes.
    """
    (
        magic,
        payload_bytes,
        record_count,
        first_sequence,
        own_position,
        promised_position,
        own_salt,
    ) = _BATCH_FIELDS.unpack_from(data, offset)
    if magic != _BATCH_MAGIC:
        return "no batch begins here"
    if own_position != position:
        return f"the batch says it belongs to position {own_position}"
    if salt is not None and own_salt != salt:
        return "the batch does not carry the salt of its segment"
    if not 0 < payload_bytes <= PAYLOAD_BYTES_MAX:
        return f"payload length {payload_bytes} is outside 1..{PAYLOAD_BYTES_MAX}"
    if record_count == 0:
        return "the batch has no records"
    crc = _CRC.unpack_from(data, offset + _BATCH_FIELDS.size)[0]
    return BatchHeader(
        payload_bytes, record_count, first_sequence, position, promised_position, own_salt, crc
    )


def batch_crc_is_right(data: bytes, offset: int, header: BatchHeader) -> bool:
    """Tell whether the whole batch at `offset` of `data` has the crc its header names."""
    view = memoryview(data)
    payload_offset = offset + BATCH_HEADER_BYTES
    payload = view[payload_offset : payload_offset + header.payload_bytes]
    if len(payload) != header.payload_bytes:
        return False
    fields = view[offset : offset + _BATCH_FIELDS.size]
    return crc32(payload, crc32(fields)) == header.crc


def whole_batches_in(data: bytes, *, data_position: int, salt: int | None) -> Iterator[BatchHeader]:
    """Yield every whole batch anywhere in `data`, which begins at log position `data_position`.

    Place and salt are checked before any crc is computed, so a payload full of magics costs one
    look at each and not one crc of the rest of the segment at each.
    """
    offset = data.find(_BATCH_MAGIC)
    while 0 <= offset <= len(data) - BATCH_HEADER_BYTES:
        header = decode_batch_header(data, offset, position=data_position + offset, salt=salt)
        if isinstance(header, BatchHeader) and batch_crc_is_right(data, offset, header):
            yield header
            offset += BATCH_HEADER_BYTES + header.payload_bytes
        else:
            offset += 1
        offset = data.find(_BATCH_MAGIC, offset)
