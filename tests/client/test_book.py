"""The client's book against a naive one, over generated streams; and every message that lies."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.client.market_data_peer import (
    START_NS,
    Resting,
    difference,
    entry,
    levels,
    naive_checksum,
    ranked,
    window,
)
from tidegate.client.book import (
    Book,
    BookFault,
    ChecksumMismatch,
    EntryDoesNotFit,
    OrderBook,
    level_or_order_book,
)
from tidegate.client.market_data_messages import (
    MarketDataIncrement,
    MarketDataSnapshot,
    UnreadableMarketData,
    market_data_message,
)
from tidegate.wire.render import frame_of

HEADER = b"34=2\x0149=KRAKEN-MD\x0156=ACME\x0152=20261103-09:15:00.000\x01"
BTC = b"55=BTC/USD\x01262=R\x01"

# What happens to a book: add (side, price, size), remove, reduce, move; by a number each
ACTS = st.tuples(
    st.sampled_from(["add", "add", "add", "remove", "reduce", "move"]),
    st.sampled_from("01"),
    st.integers(0, 16),
    st.integers(1, 10**10),
    st.integers(0, 10**6),
)
ACT_BELOW, ACT_BEST = ("add", "0", 1, 1, 0), ("add", "0", 0, 1, 0)
STREAMS = st.lists(st.lists(ACTS, min_size=1, max_size=4), min_size=1, max_size=25)


@dataclass
class Told:
    """A message, and the orders as they are behind it."""

    msg_type: bytes
    body: bytes
    orders: list[Resting]


def read(msg_type: bytes, body: bytes) -> MarketDataSnapshot | MarketDataIncrement:
    message = market_data_message(
        msg_type, frame_of(b"35=%s\x01%s%s" % (msg_type, HEADER, body)), START_NS
    )
    if isinstance(message, UnreadableMarketData):
        raise EntryDoesNotFit(message.text)  # so much as a fault, for whoever applies it
    assert isinstance(message, MarketDataSnapshot | MarketDataIncrement)
    return message


def act(orders: list[Resting], number: int, what: tuple[str, str, int, int, int]) -> None:
    """One step of the market; `number` is the rank of who joins a queue."""
    kind, side, away, size, choice = what
    price = 1000 - away if side == "0" else 1001 + away
    if kind == "add" or not orders:
        orders.append(Resting(f"N{number}", side, price, size, number))
        return
    one = orders[choice % len(orders)]
    if kind == "remove":
        orders.remove(one)
    elif kind == "reduce":
        one.size = max(1, one.size // 2)
    else:
        one.price = 1000 - away if one.side == "0" else 1001 + away
        one.queued = number


def tell(stream: list[list[tuple[str, str, int, int, int]]], level: int, depth: int) -> list[Told]:
    """A snapshot behind the first steps, then an update for each of the others."""
    orders: list[Resting] = []
    told: list[Told] = []
    number = 0
    seen: dict[bytes, tuple[bytes, int, bytes]] = {}
    for place, steps in enumerate(stream):
        for step in steps:
            number += 1
            act(orders, number, step)
        before, seen = seen, window(orders, level, depth)
        copy = [Resting(o.order_id, o.side, o.price, o.size, o.queued) for o in orders]
        if place == 0:
            texts = [text for _, _, text in seen.values()]
            told.append(Told(b"W", group(texts), copy))
        elif entries := difference(before, seen):
            total = b"5041=%d\x01" % naive_checksum(orders, level)
            told.append(Told(b"X", group(entries) + total, copy))
    return told


def group(entries: list[bytes]) -> bytes:
    return BTC + b"268=%d\x01" % len(entries) + b"".join(entries)


def shown(book: Book, count: int | None = None) -> list[list[tuple[Decimal, Decimal]]]:
    return [[(one.price, one.size) for one in book.best(side, count)] for side in "10"]


def expected(orders: list[Resting], depth: int) -> list[list[tuple[Decimal, Decimal]]]:
    return [
        [(Decimal(p) / 10, Decimal(s) / 10**8) for p, s in levels(orders, side, depth)]
        for side in "10"
    ]


def fresh(level: int, depth: int) -> Book:
    book = level_or_order_book("BTC/USD", level, depth)
    book.precision = (1, 8)
    return book


@given(STREAMS, st.sampled_from([2, 3]), st.sampled_from([0, 1, 3, 10, 25]))
def test_a_book_is_the_venue_s_after_every_message(
    stream: list[list[tuple[str, str, int, int, int]]], level: int, depth: int
) -> None:
    book = fresh(level, depth)
    for told in tell(stream, level, depth):
        book.apply(read(told.msg_type, told.body))
        assert shown(book) == expected(told.orders, depth)
        if told.msg_type == b"X":
            assert book.is_verified is (None if depth in (1, 3) else True)
        if isinstance(book, OrderBook):
            for side in "10":
                queue = [
                    order.order_id
                    for one in book.best(side)
                    for order in book.queue(side, one.price)
                ]
                assert queue == [o.order_id for o in ranked(told.orders, side, depth)]


Spoil = Callable[[list[Told], int], None]


def lose(stream: list[Told], place: int) -> None:
    del stream[place]


def double(stream: list[Told], place: int) -> None:
    stream.insert(place, stream[place])


def exchange(stream: list[Told], place: int) -> None:
    stream[place - 1 : place + 1] = stream[place], stream[place - 1]


def digit(tag: bytes) -> Spoil:
    """Another last digit in the first such field."""

    def spoil(stream: list[Told], place: int) -> None:
        told = stream[place]
        body = re.sub(
            rb"(?<=\x01)(%s=[^\x01]*)([0-9])\x01" % tag,
            lambda found: b"%s%d\x01" % (found[1], (int(found[2]) + 1) % 10),
            told.body,
            count=1,
        )
        stream[place] = Told(told.msg_type, body, told.orders)

    return spoil


def drop_entry(stream: list[Told], place: int) -> None:
    told = stream[place]
    first, _, rest = told.body.partition(b"279=")
    entries, _, total = rest.rpartition(b"5041=")
    kept = [b"279=" + one for one in entries.split(b"279=")[1:]]
    head = re.sub(rb"268=\d+", b"268=%d" % len(kept), first)
    stream[place] = Told(b"X", head + b"".join(kept) + b"5041=" + total, told.orders)


@pytest.mark.parametrize(
    "spoil",
    [lose, double, exchange, drop_entry, *map(digit, (b"279", b"269", b"270", b"271", b"278"))],
)
@given(STREAMS, st.sampled_from([2, 3]), st.sampled_from([0, 10]), st.integers(0, 100))
@example([[ACT_BELOW], [ACT_BEST]], 2, 0, 0)
def test_a_stream_that_lies_is_found_out_before_its_levels_are_believed(
    spoil: Spoil,
    stream: list[list[tuple[str, str, int, int, int]]],
    level: int,
    depth: int,
    place: int,
) -> None:
    """Whatever was done to one message: the ten best levels of a book that raised nothing are the
    venue's at that message (further ones no checksum covers). Only where a side is empty the text
    of the checksum can not tell whose the levels are."""
    told = tell(stream, level, depth)
    if len(told) < 2:
        return
    spoil(told, 1 + place % (len(told) - 1))
    book = fresh(level, depth)
    try:
        for one in told:
            book.apply(read(one.msg_type, one.body))
            if one.msg_type == b"X":
                found, right = shown(book, 10), expected(one.orders, 10)
                assert found[0] + found[1] == right[0] + right[1]
                if all(found) and all(right):
                    assert found == right
    except BookFault:
        if book.is_live:  # the message was not even one
            return
        assert shown(book) == [[], []]


BASE = [
    entry("1", b"O100.1", 1001, 5, 1), entry("0", b"B100.0", 1000, 5, 1),
    entry("0", b"B99.9", 999, 5, 1),
]  # fmt: skip


def update(*entries: bytes) -> MarketDataIncrement:
    message = read(b"X", group(list(entries)))
    assert isinstance(message, MarketDataIncrement)
    return message


@pytest.mark.parametrize("level", [2, 3])
@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([b"279=0\x01" + BASE[1]], "is new, and"),
        ([b"279=1\x01" + entry("0", b"B99.8", 998, 1, 1)], "not there"),
        ([b"279=2\x01" + entry("0", b"B99.8", 998, 0, 1)], "not there"),
        ([b"279=1\x01" + entry("1", b"B100.0", 1000, 1, 1)], "not there"),
        ([b"279=1\x01" + entry("0", b"B100.0", 1000, 0, 1)], "has no size"),
        ([b"279=0\x01" + entry("0", b"B99.8", 998, 0, 1)], "has no size"),
        ([b"279=2\x01" + BASE[1], b"279=2\x01" + BASE[1]], "not there"),
        ([b"279=0\x01" + entry("0", b"B99.8", 998, 1, 1)], "3 levels on a side, and 2"),
        ([b"279=2\x01" + BASE[1], b"279=0\x01" + entry("0", b"B100.1", 1001, 1, 1)], "not below"),
    ],
)
def test_an_entry_without_a_place_is_a_fault_and_empties_the_book(
    level: int, entries: list[bytes], text: str
) -> None:
    book = fresh(level, 2)
    book.apply(read(b"W", group(BASE)))
    with pytest.raises(EntryDoesNotFit, match=text):
        book.apply(update(*entries))
    assert (book.is_live, shown(book)) == (False, [[], []])
    with pytest.raises(EntryDoesNotFit, match="before a snapshot"):
        book.apply(update(b"279=2\x01" + BASE[0]))
    book.apply(read(b"W", group(BASE)))
    assert book.is_live


def test_entries_are_applied_strictly_in_order() -> None:
    """One message may create a level, change it and take it away."""
    book = fresh(2, 2)
    book.apply(read(b"W", group(BASE)))
    passing = entry("1", b"O100.2", 1002, 5, 1)
    book.apply(update(b"279=0\x01" + passing, b"279=1\x01" + passing, b"279=2\x01" + passing))
    assert len(book.asks) == 1
    with pytest.raises(EntryDoesNotFit):
        book.apply(update(b"279=2\x01" + passing, b"279=0\x01" + passing))


def test_an_order_that_queues_again_goes_behind() -> None:
    book = fresh(3, 0)
    first, second = (entry("0", name, 1000, 5, rank) for name, rank in ((b"A", 1), (b"B", 2)))
    book.apply(read(b"W", group([first, second])))
    book.apply(update(b"279=1\x01" + entry("0", b"A", 1000, 4, 1)))
    assert isinstance(book, OrderBook)
    assert [(o.order_id, o.size) for o in book.queue("0", Decimal(100))] == [
        ("A", Decimal("0.00000004")), ("B", Decimal("0.00000005")),
    ]  # fmt: skip
    book.apply(update(b"279=1\x01" + entry("0", b"A", 1000, 9, 3)))
    assert [o.order_id for o in book.queue("0", Decimal(100))] == ["B", "A"]


def test_orders_of_one_time_queue_in_the_order_in_which_they_are_told() -> None:
    book = fresh(3, 0)
    first, second, third = (entry("0", name, 1000, 5, 7) for name in (b"B", b"A", b"C"))
    book.apply(read(b"W", group([first, second])))
    book.apply(update(b"279=0\x01" + third))
    assert isinstance(book, OrderBook)
    assert [o.order_id for o in book.queue("0", Decimal(100))] == ["B", "A", "C"]


def test_an_empty_snapshot_is_an_empty_book() -> None:
    book = fresh(2, 10)
    book.apply(read(b"W", group(BASE)))
    book.apply(read(b"W", group([])))
    assert (book.is_live, shown(book)) == (True, [[], []])


def test_another_symbol_s_entries_are_a_fault() -> None:
    book = level_or_order_book("ETH/USD", 2, 10)
    with pytest.raises(EntryDoesNotFit, match="ETH/USD got entries of BTC/USD"):
        book.apply(read(b"W", group(BASE)))


def test_a_wrong_checksum_is_a_fault_of_its_own() -> None:
    book = fresh(2, 10)
    book.apply(read(b"W", group(BASE)))
    with pytest.raises(ChecksumMismatch, match=r"5041\) is 1, the book's is \d+"):
        book.apply(read(b"X", group([b"279=2\x01" + BASE[0]]) + b"5041=1\x01"))


@pytest.mark.parametrize(
    ("msg_type", "body", "text"),
    [
        (b"W", b"55=BTC/USD\x01268=0\x01", "tag 262 is missing"),
        (b"W", b"262=R\x01268=0\x01", "tag 55 is missing"),
        (b"W", BTC, "NoMDEntries (268) is missing, and there are 0 entries"),
        (b"W", BTC + b"268=2\x01" + BASE[0], "NoMDEntries (268) is 2, and there are 1 entries"),
        (b"X", BTC + b"268=1\x01" + BASE[0], "tag 269 stands before 279"),
        (b"W", BTC + b"268=1\x01" + BASE[0] + b"271=1\x01", "tag 271 stands twice in an entry"),
        (b"W", BTC + b"268=1\x01269=1\x01278=O\x01270=1\x01", "tag 271 is missing"),
        (b"W", BTC + b"268=1\x01269=1\x01270=-1\x01271=1\x01", "tag 270 is -1"),
        (b"W", BTC + b"268=1\x01269=1\x01270=1E5\x01271=1\x01", "tag 270 is 1E5"),
        (b"W", BTC + b"268=1\x01269=4\x01270=1\x01271=1\x01", "MDEntryType (269) is 4"),
        (b"X", group([b"279=3\x01" + BASE[0]]), "MDUpdateAction (279) is 3"),
        (b"X", group([b"279=2\x01" + BASE[0]]) + b"5041=-4\x01", "tag 5041 is no unsigned number"),
    ],
)
def test_a_message_that_breaks_the_form_is_unreadable(
    msg_type: bytes, body: bytes, text: str
) -> None:
    frame = frame_of(b"35=%s\x01%s%s" % (msg_type, HEADER, body))
    message = market_data_message(msg_type, frame, START_NS)
    assert isinstance(message, UnreadableMarketData)
    assert (message.text, message.md_req_id) == (text, "R" if b"262=" in body else "")
