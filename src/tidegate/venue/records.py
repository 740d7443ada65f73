"""Records: everything that can change the venue, and everything that it sent, as bytes.

A turn's records stand one behind the other, inputs in order of arrival, each followed by the
outputs it caused. All have one shape:

    kind u8 | time i64 | session i32 | link i64 | number i64 | length i32 | data

(little endian). What the columns mean for a kind stands at its constant; unused ones are 0. The
journal frames a turn and gives it a checksum; it does not look inside.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter, read_i32_le, read_i64_le, write_i32_le, write_i64_le
from mypy_extensions import i32, i64, mypyc_attr, u8

# Inputs
CONFIGURE: Final = 1  # data: VenueSettings
START: Final = 2  # the process started: no link of before is left
LOGON: Final = 3  # session, link; number: the nonce; data: api key length (1 byte), key, frame
FRAME: Final = 4  # session, link; data: a framed message
LINK_DOWN: Final = 5  # session, link
TICK: Final = 6  # time passed a deadline
LOGOUT_ALL: Final = 7  # the process is about to stop; data: the text
CONTROL: Final = 8  # session or -1; number: which one; data: its parameters (`venue.controls`)

# Outputs
SENT: Final = 16  # session, link (0: not transmitted); number: MsgSeqNum; data: the frame
RESEND: Final = 17  # session, link, number: first; data: last, as eight bytes
CLOSE: Final = 18  # session, link; data: the reason
REPLY: Final = 19  # session, link: a link that never became the session's; data: a frame
RESET: Final = 20  # session: its numbers start anew

FIRST_OUTPUT: Final = SENT

HEADER_BYTES: Final = 33
_KIND_AT: Final = 0
_TIME_AT: Final = 1
_SESSION_AT: Final = 9
_LINK_AT: Final = 13
_NUMBER_AT: Final = 21
_LENGTH_AT: Final = 29


@mypyc_attr(acyclic=True)
class Record:
    """One record, decoded."""

    def __init__(
        self, kind: int, time_ns: int, session: int, link: int, number: int, data: bytes
    ) -> None:
        self.kind = kind
        self.time_ns = time_ns
        self.session = session
        self.link = link
        self.number = number
        self.data = data


def write_record(
    writer: BytesWriter,
    kind: i64,
    time_ns: i64,
    session: i64,
    link: i64,
    number: i64,
    data: bytes,
) -> None:
    writer.append(u8(kind))
    write_i64_le(writer, time_ns)
    write_i32_le(writer, i32(session))
    write_i64_le(writer, link)
    write_i64_le(writer, number)
    write_i32_le(writer, i32(len(data)))
    writer.write(data)


def read_records(payload: bytes) -> list[Record]:
    """The records of a turn, in order. Raises `ValueError` where the bytes are none."""
    records: list[Record] = []
    position: i64 = 0
    length: i64 = len(payload)
    while position < length:
        if position + HEADER_BYTES > length:
            raise ValueError(f"record header cut at byte {position} of its turn")
        data_start = position + HEADER_BYTES
        data_end = data_start + i64(read_i32_le(payload, position + _LENGTH_AT))
        if data_end > length or data_end < data_start:
            raise ValueError(f"record cut at byte {position} of its turn")
        records.append(
            Record(
                payload[position],
                read_i64_le(payload, position + _TIME_AT),
                i64(read_i32_le(payload, position + _SESSION_AT)),
                read_i64_le(payload, position + _LINK_AT),
                read_i64_le(payload, position + _NUMBER_AT),
                payload[data_start:data_end],
            )
        )
        position = data_end
    return records


def sent_length(header: bytes) -> int:
    """The length of the data behind a record's header of `HEADER_BYTES`, for reading one record
    out of the log by its position. The record must be a `SENT`."""
    if len(header) != HEADER_BYTES or header[_KIND_AT] != SENT:
        raise ValueError("the log holds no outgoing message at that position")
    return read_i32_le(header, _LENGTH_AT)
