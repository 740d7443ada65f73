"""A market-data client that knows nothing but what arrives: bytes of FIX in, a book out.

No code of the venue, of its client library or of other tests' books is used. It does what the
documents tell a client to do, in order, and complains of whatever an honest client would trip over.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

Pair = tuple[str, str]
Row = tuple[str, ...]  # L2: MDEntryID, price, size; L3: these and QueueEntryTime

BID, OFFER, TRADE = "0", "1", "2"
NEW, CHANGE, DELETE = "0", "1", "2"
L2_TAGS = ("269", "278", "270", "271", "273")
L3_TAGS = (*L2_TAGS, "5060", "5273")
TRADE_TAGS = ("279", *L2_TAGS, "40", "2446")
GONE = "0.0"

_READ_BYTES = 1 << 20
_HEAD = re.compile(rb"8=FIX\.4\.4\x019=(\d+)\x01")


def frames_of(path: Path, *, was_cut: bool = False) -> Iterator[list[Pair]]:
    """The messages of a recorded line as fields, BodyLength and CheckSum verified. Only a line that
    was cut may end within one."""
    buffer = b""
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            buffer += piece
            start = 0
            while head := _HEAD.match(buffer, start):
                end = head.end() + int(head[1]) + 7
                if end > len(buffer):
                    break
                raw = buffer[start:end]
                assert raw[-7:] == b"10=%03d\x01" % (sum(raw[:-7]) % 256), raw
                yield [_pair(field) for field in raw[head.end() - start : -8].split(b"\x01")]
                start = end
            buffer = buffer[start:]
    assert was_cut or not buffer, buffer


def _pair(field: bytes) -> Pair:
    tag, equals, value = field.decode().partition("=")
    assert equals, field
    assert value, field
    return tag, value


class Refresh:
    """A W or an X, read by its fields alone."""

    def __init__(self, fields: list[Pair]) -> None:
        head = dict(fields[:5])
        assert list(head) == ["35", "34", "49", "56", "52"], fields
        self.type = head["35"]
        assert [tag for tag, _ in fields[5:8]] == ["55", "262", "268"], fields
        self.symbol, self.md_req_id, count = (value for _, value in fields[5:8])
        body = fields[8:]
        self.checksum = ""
        if body and body[-1][0] == "5041":
            self.checksum = body.pop()[1]
        first = "269" if self.type == "W" else "279"
        self.entries: list[list[Pair]] = []
        for pair in body:
            if pair[0] == first:
                self.entries.append([])
            self.entries[-1].append(pair)
        assert len(self.entries) == int(count), fields
        kinds = {dict(entry)["269"] for entry in self.entries}
        self.is_trades = kinds == {TRADE}
        assert self.is_trades or TRADE not in kinds, "trades and books do not mix"
        assert bool(self.checksum) == (self.type == "X" and not self.is_trades), fields


class Side:
    """Bids or offers: prices as `keys`, best first, each with its rows as they queue."""

    def __init__(self, sign: int, *, by_order: bool) -> None:
        self._sign = sign
        self._by_order = by_order
        self.keys: list[int] = []
        self.levels: dict[int, dict[str, Row]] = {}

    def key(self, price: str) -> int:
        return self._sign * int(price.replace(".", ""))

    def add(self, row: Row) -> None:
        key = self.key(row[1])
        if key not in self.levels:
            insort(self.keys, key)
            self.levels[key] = {}
        assert row[0] not in self.levels[key], f"{row} comes twice"
        assert self._by_order or not self.levels[key], f"{row} is a second entry of its price"
        self.levels[key][row[0]] = row

    def change(self, row: Row) -> None:
        known = self.levels[self.key(row[1])][row[0]]
        assert known[2] != row[2], f"{row} has not changed"
        assert known[3:] == row[3:], f"{row} has another time of queueing"
        self.levels[self.key(row[1])][row[0]] = row

    def remove(self, row: Row) -> None:
        key = self.key(row[1])
        level = self.levels[key]
        del level[row[0]]
        if not level:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def rows(self, levels: int = 0) -> list[Row]:
        """Best first, of so many prices (0: all)."""
        return [row for key in self.keys[: levels or None] for row in self.levels[key].values()]


class WireBook:
    """One subscription to one book. `removed` are the rows of the last message's deletions, with
    the size that it told."""

    def __init__(self, refresh: Refresh, *, by_order: bool) -> None:
        assert refresh.type == "W"
        self._tags = L3_TAGS if by_order else L2_TAGS
        self.sides = {
            BID: Side(-1, by_order=by_order),
            OFFER: Side(1, by_order=by_order),
        }
        rows: dict[str, list[Row]] = {OFFER: [], BID: []}
        order = [self._read(entry, rows) for entry in refresh.entries]
        assert order == sorted(order, reverse=True), "offers come first"
        for side, found in rows.items():
            assert self.sides[side].rows() == found, "a side comes from its best price"
        self.removed: list[tuple[str, Row]] = []
        self.changed: list[dict[str, str]] = []

    def _read(self, entry: list[Pair], rows: dict[str, list[Row]]) -> str:
        values = dict(entry)
        row = self._row(entry)
        self.sides[values["269"]].add(row)
        rows[values["269"]].append(row)
        return values["269"]

    def _row(self, entry: list[Pair]) -> Row:
        assert tuple(tag for tag, _ in entry) == self._tags, entry
        values = dict(entry)
        row = (values["278"], values["270"], values["271"])
        if self._tags is L3_TAGS:
            return (*row, values["5273"])
        assert values["278"] == {BID: "B", OFFER: "O"}[values["269"]] + values["270"], entry
        return row

    def apply(self, refresh: Refresh) -> None:
        """Strictly in order."""
        assert refresh.type == "X"
        assert refresh.entries
        self.removed = []
        self.changed = []
        for entry in refresh.entries:
            (tag, action), *rest = entry
            assert tag == "279", entry
            values = dict(rest)
            row = self._row(rest)
            side = self.sides[values["269"]]
            if action == DELETE:
                side.remove(row)
                self.removed.append((values["269"], row))
            else:
                assert float(row[2]) > 0, entry
                (side.add if action == NEW else side.change)(row)
            if action == CHANGE or row[2] == GONE:
                self.changed.append(values)

    def rows(self) -> tuple[list[Row], list[Row]]:
        """Offers and bids."""
        return self.sides[OFFER].rows(), self.sides[BID].rows()

    def crc(self) -> str:
        """Of the ten best prices of each side, as the dialect has it."""
        text = ""
        for side in (OFFER, BID):
            text += checksum_text(self.sides[side].rows(10))
        return crc(text)


def checksum_text(rows: list[Row]) -> str:
    return "".join(_digits(row[1]) + _digits(row[2]) for row in rows)


def _digits(number: str) -> str:
    return number.replace(".", "").lstrip("0")


def crc(text: str) -> str:
    return str(crc32(text.encode("ascii")))
