"""A small binary encoding for everything the core keeps: settings, records, snapshots.

Integers are LEB128 (seven bits a byte, least significant first) of any size, so a balance never
overflows its place. Byte strings carry their length. There is no schema on the wire: reader and
writer of a value stand next to each other in the class whose value it is.
"""

from __future__ import annotations

from librt.strings import BytesWriter
from mypy_extensions import i64


class CodecError(ValueError):
    """The bytes are not what the matching encoder writes."""


class Encoder:
    """Writes values one behind the other; `value()` gives the bytes."""

    def __init__(self) -> None:
        self._writer = BytesWriter()

    def value(self) -> bytes:
        return self._writer.getvalue()

    def uint(self, number: int) -> None:
        """A non-negative integer of any size."""
        assert number >= 0
        writer = self._writer
        while number > 127:
            writer.append((number & 127) | 128)
            number >>= 7
        writer.append(number)

    def sint(self, number: int) -> None:
        """An integer of either sign: the sign is the lowest bit."""
        self.uint(number << 1 if number >= 0 else (-number << 1) - 1)

    def flag(self, *, value: bool) -> None:
        self._writer.append(1 if value else 0)

    def blob(self, value: bytes) -> None:
        self.uint(len(value))
        self._writer.write(value)

    def text(self, value: str) -> None:
        self.blob(value.encode())


class Decoder:
    """Reads what `Encoder` wrote. Raises `CodecError` where the bytes end early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def at_end(self) -> bool:
        return self._position == len(self._data)

    def uint(self) -> int:
        data = self._data
        position: i64 = self._position
        length: i64 = len(data)
        number = 0
        shift = 0
        while True:
            if position >= length:
                raise CodecError(f"integer ends early at byte {self._position}")
            byte = data[position]
            position += 1
            number |= (byte & 127) << shift
            if byte < 128:
                self._position = position
                return number
            shift += 7

    def sint(self) -> int:
        number = self.uint()
        return number >> 1 if number & 1 == 0 else -((number + 1) >> 1)

    def flag(self) -> bool:
        value = self.uint()
        if value > 1:
            raise CodecError(f"flag is {value} at byte {self._position}")
        return value == 1

    def blob(self) -> bytes:
        length = self.uint()
        start = self._position
        end = start + length
        if end > len(self._data):
            raise CodecError(f"{length} bytes wanted at byte {start}, {len(self._data)} in all")
        self._position = end
        return self._data[start:end]

    def text(self) -> str:
        return self.blob().decode()
