"""A market-data session without a socket: subscriptions, books, rejects, gaps, faults."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.client.market_data_peer import START_NS, Peer, remove, rest
from tidegate.client import (
    BookUpdate,
    Credentials,
    Disconnected,
    InstrumentList,
    Level,
    LogonOptions,
    MarketDataCore,
    MarketDataUpdate,
    Subscription,
    SubscriptionLost,
    SubscriptionRefused,
    TradesUpdate,
    TradingSessionStatus,
)

BOOK = rest(("A", "1", 840001, 50_000_000, 1), ("B", "0", 839999, 120_000_000, 2))
BTC = b"BTC/USD"


def wrong_sum(body: bytes) -> bytes:
    return body.rpartition(b"5041=")[0] + b"5041=7\x01"


class Pair:
    """A core and a peer, and what came of each `step`."""

    def __init__(self, peer: Peer | None = None, options: LogonOptions | None = None) -> None:
        self.peer = peer or Peer()
        self.core = MarketDataCore(Credentials("ACME", "KRAKEN-MD"), options)

    def connect(self) -> list[MarketDataUpdate]:
        self.peer.open()
        self.core.connect(START_NS)
        return self.step()

    def step(self) -> list[MarketDataUpdate]:
        """Carry bytes both ways until nothing moves, and apply what came."""
        updates: list[MarketDataUpdate] = []
        while True:
            self.peer.receive(self.core.take_output())
            if data := self.peer.take_output():
                self.core.receive(data, START_NS)
            events = self.core.take_events()
            for event in events:
                updates += self.core.apply(event, START_NS)
            if not data and not events:
                return updates

    def subscribe(self, *symbols: str, **how: object) -> list[Subscription]:
        return self.core.subscribe(symbols, START_NS, **how)  # type: ignore[arg-type]


def pair_with_book(**how: object) -> tuple[Pair, Subscription]:
    pair = Pair()
    pair.peer.orders[BTC].clear()
    BOOK(pair.peer.orders[BTC])
    pair.connect()
    (subscription,) = pair.subscribe("BTC/USD", **how)
    pair.step()
    return pair, subscription


def kinds(updates: list[MarketDataUpdate]) -> list[str]:
    return [type(update).__name__ for update in updates]


def asked(pair: Pair) -> list[tuple[bytes, bytes, bytes]]:
    """The subscription requests that came: 262, 263 and 55."""
    return [(f[262], f[263], f[55]) for kind, f in pair.peer.requests if kind == b"V"]


def test_a_logon_asks_for_instruments_status_and_all_that_is_wanted() -> None:
    pair = Pair()
    pair.subscribe("BTC/USD", depth=25, trades=True)
    assert kinds(pair.connect()) == [
        "LoggedOn", "InstrumentList", "TradingSessionStatus", "BookUpdate",
    ]  # fmt: skip
    assert [kind for kind, _ in pair.peer.requests] == [b"A", b"x", b"g", b"V"]
    request = pair.peer.requests[-1][1]
    assert {tag: request[tag] for tag in (262, 263, 264, 266, 267, 146, 55)} == {
        262: b"BTC/USD-L2-3", 263: b"1", 264: b"25", 266: b"Y", 267: b"3", 146: b"1", 55: BTC,
    }  # fmt: skip
    assert pair.core.instruments["BTC/USD"].tick_size == Decimal("0.1")
    assert pair.core.session_status == "2"


def test_logons_carry_no_credentials_and_start_the_numbers_anew_each_time() -> None:
    pair = Pair()
    for _ in range(2):
        pair.connect()
        pair.core.link_lost(START_NS)
        pair.step()
    logons = [fields for kind, fields in pair.peer.requests if kind == b"A"]
    assert [(f[34], f[141]) for f in logons] == [(b"1", b"Y")] * 2
    assert not {553, 554, 5025} & {*logons[0], *logons[1]}


def test_a_book_of_levels_follows_the_venue_s() -> None:
    pair, subscription = pair_with_book(depth=10)
    book = subscription.book
    assert book is not None
    assert (book.bids, book.asks) == (
        [Level(Decimal("83999.9"), Decimal("1.2"), 0)],
        [Level(Decimal("84000.1"), Decimal("0.5"), 0)],
    )
    pair.peer.change(BTC, rest(("C", "0", 839999, 1, 3), ("D", "1", 840000, 7, 4)))
    pair.peer.change(BTC, remove("A"))
    updates = pair.step()
    assert kinds(updates) == ["BookUpdate", "BookUpdate"]
    assert book.is_verified is True
    assert book.bids == [Level(Decimal("83999.9"), Decimal("1.20000001"), 0)]
    assert book.asks == [Level(Decimal("84000"), Decimal("0.00000007"), 0)]


def test_a_book_of_orders_keeps_their_queue() -> None:
    pair, subscription = pair_with_book(depth=0, level=3)
    pair.peer.change(BTC, rest(("D", "0", 839999, 5, 9), ("C", "0", 839999, 7, 8)))
    pair.step()
    book = subscription.book
    assert book is not None
    assert book.is_verified is True
    assert book.bids == [Level(Decimal("83999.9"), Decimal("1.20000012"), 3)]
    queue = book.queue("0", Decimal("83999.9"))  # type: ignore[attr-defined]
    assert [order.order_id for order in queue] == ["B", "C", "D"]


def test_each_update_sees_the_book_as_it_was_then() -> None:
    pair, subscription = pair_with_book()
    book = subscription.book
    assert book is not None
    for n in range(3):
        pair.peer.change(BTC, rest((f"N{n}", "1", 840002 + n, 1, n)))
    pair.core.receive(pair.peer.take_output(), START_NS)
    seen = []
    for event in pair.core.take_events():
        pair.core.apply(event, START_NS)
        seen.append(len(book.asks))
    assert seen == [2, 3, 4]


def test_trades_come_with_the_taker_s_side() -> None:
    pair, subscription = pair_with_book(trades=True)
    pair.peer.trade(BTC, 840001, 50_000_000, 77)
    (update,) = pair.step()
    assert isinstance(update, TradesUpdate)
    assert update.subscription is subscription
    (trade,) = update.trades
    assert (trade.entry_id, trade.price, trade.size) == ("T77", Decimal("84000.1"), Decimal("0.5"))
    assert (trade.side, trade.ord_type, trade.time) == ("1", "2", "09:15:00.000")


def test_trades_alone_have_no_book() -> None:
    pair, subscription = pair_with_book(trades=True, book=False)
    assert subscription.book is None
    pair.peer.trade(BTC, 840001, 1)
    pair.peer.change(BTC, remove("A"))
    assert kinds(pair.step()) == ["TradesUpdate"]


def test_a_refused_subscription_is_over_and_not_asked_for_again() -> None:
    pair = Pair()
    pair.connect()
    good, bad = pair.subscribe("BTC/USD", "NO/PAIR")
    refused = [one for one in pair.step() if isinstance(one, SubscriptionRefused)]
    assert refused == [SubscriptionRefused(bad, "0", "Unknown symbol: NO/PAIR")]
    assert (good.is_over, bad.is_over) == (False, True)
    assert pair.core.subscriptions == [good]
    pair.core.link_lost(START_NS)
    pair.peer.requests.clear()
    pair.connect()
    assert [symbol for _, _, symbol in asked(pair)] == [BTC]


@pytest.mark.parametrize(("msg_type", "reason"), [(b"3", b"373=5"), (b"j", b"380=3")])
def test_a_request_that_the_session_refuses_is_a_refused_subscription(
    msg_type: bytes, reason: bytes
) -> None:
    pair = Pair()
    pair.peer.answers_subscriptions = False
    pair.connect()
    (subscription,) = pair.subscribe("BTC/USD")
    pair.step()
    number = pair.peer.requests[-1][1][34]
    pair.peer.send(msg_type, b"45=%s\x01372=V\x01%s\x0158=Too many symbols\x01" % (number, reason))
    rejected, refused = pair.step()
    assert refused == SubscriptionRefused(subscription, "", "Too many symbols")
    assert type(rejected).__name__ == ("SessionReject" if msg_type == b"3" else "BusinessReject")


def test_a_lost_line_empties_the_books_and_the_next_logon_asks_under_fresh_names() -> None:
    pair, subscription = pair_with_book()
    book, before = subscription.book, subscription.md_req_id
    assert book is not None
    pair.core.link_lost(START_NS)
    (lost,) = pair.step()
    assert isinstance(lost, Disconnected)
    assert (book.is_live, book.bids, pair.core.session_status) == (False, [], "")
    pair.peer.change(BTC, remove("A"))
    updates = pair.connect()
    assert kinds(updates) == ["LoggedOn", "InstrumentList", "TradingSessionStatus", "BookUpdate"]
    assert subscription.md_req_id != before
    assert (book.is_live, len(book.bids), len(book.asks)) == (True, 1, 0)


def test_what_comes_under_an_older_name_is_let_pass() -> None:
    pair, subscription = pair_with_book()
    old = list(pair.peer.wanted)
    pair.core.unsubscribe(subscription, START_NS)
    assert pair.step() == []
    assert pair.peer.wanted == []
    pair.peer.wanted = old
    pair.peer.change(BTC, remove("A"))
    assert pair.step() == []
    assert asked(pair)[-1][:2] == (b"BTC/USD-L2-3", b"2")


def test_a_wrong_checksum_is_told_and_healed_by_a_new_snapshot() -> None:
    pair, subscription = pair_with_book()
    pair.peer.spoil = wrong_sum
    pair.peer.change(BTC, rest(("C", "1", 840005, 1, 3)))
    pair.peer.spoil = lambda body: body
    lost, snapshot = pair.step()
    assert isinstance(lost, SubscriptionLost)
    assert lost.reason.startswith("checksum (5041) is 7, the book's is ")
    assert not lost.gave_up
    assert isinstance(snapshot, BookUpdate)
    assert snapshot.is_snapshot
    assert [(name[-1:], kind) for name, kind, _ in asked(pair)] == [
        (b"3", b"1"), (b"3", b"2"), (b"4", b"1"),
    ]  # fmt: skip
    assert subscription.book is not None
    assert len(subscription.book.asks) == 2
    pair.peer.change(BTC, remove("C"))
    assert kinds(pair.step()) == ["BookUpdate"]
    assert subscription.faults == 0


def test_a_book_that_never_agrees_is_given_up() -> None:
    pair, subscription = pair_with_book()
    pair.peer.spoil = wrong_sum
    lost = []
    for n in range(6):
        pair.peer.change(BTC, rest((f"N{n}", "1", 840005 + n, 1, n)))
        lost += [one for one in pair.step() if isinstance(one, SubscriptionLost)]
    assert [one.gave_up for one in lost] == [False, False, False, True]
    assert subscription.is_over
    assert pair.peer.wanted == []


def test_an_entry_that_cannot_be_read_costs_the_book() -> None:
    pair, subscription = pair_with_book()
    pair.peer.spoil = lambda body: body.replace(b"270=84000.5", b"270=84000,5")
    pair.peer.change(BTC, rest(("C", "1", 840005, 1, 3)))
    pair.peer.spoil = lambda body: body
    lost, snapshot = pair.step()
    assert lost == SubscriptionLost(subscription, "tag 270 is 84000,5", gave_up=False)
    assert isinstance(snapshot, BookUpdate)


def test_messages_that_never_came_cost_every_book_and_all_are_asked_for_anew() -> None:
    """The venue fills the gap, but what was in it is gone."""
    pair, subscription = pair_with_book()
    pair.peer.change(BTC, rest(("C", "1", 840005, 1, 3)))
    pair.peer.take_output()  # lost
    pair.peer.change(BTC, rest(("D", "1", 840006, 1, 4)))
    updates = pair.step()
    assert kinds(updates) == ["SubscriptionLost", "BookUpdate"]
    assert updates[0] == SubscriptionLost(
        subscription, "messages of the venue are missing", gave_up=False
    )
    assert subscription.book is not None
    assert len(subscription.book.asks) == 3
    assert pair.core.is_in_sequence


def test_an_execution_report_has_no_place_here() -> None:
    pair, _ = pair_with_book()
    pair.peer.send(b"8", b"37=1\x01")
    (update,) = pair.step()
    assert type(update).__name__ == "Received"


def test_a_book_of_a_thousand_levels_is_one_message() -> None:
    pair = Pair()
    book = pair.peer.orders[BTC]
    for n in range(1000):
        rest((f"A{n}", "1", 840001 + n, 5, n), (f"B{n}", "0", 839999 - n, 5, n))(book)
    pair.connect()
    (subscription,) = pair.subscribe("BTC/USD", depth=0)
    (update,) = pair.step()
    assert isinstance(update, BookUpdate)
    assert len(update.entries) == 2000
    pair.peer.change(BTC, remove("A0"))
    pair.step()
    assert subscription.book is not None
    assert subscription.book.is_verified is True
    assert [len(subscription.book.asks), len(subscription.book.bids)] == [999, 1000]


def test_a_checksum_needs_the_instrument_s_precision_and_ten_levels() -> None:
    for depth, precision, verified in (
        (10, b"2349=1\x015010=8\x01", True),
        (0, b"2349=1\x015010=8.0\x01", True),
        (1, b"2349=1\x015010=8\x01", None),
        (10, b"2349=1\x01", None),
    ):
        pair = Pair(Peer(precision=precision))
        BOOK(pair.peer.orders[BTC])
        pair.connect()
        (subscription,) = pair.subscribe("BTC/USD", depth=depth)
        pair.step()
        pair.peer.change(BTC, remove("A"))
        assert kinds(pair.step()) == ["BookUpdate"]
        assert subscription.book is not None
        assert subscription.book.is_verified is verified


def test_another_spelling_of_a_symbol_gets_its_instrument_and_so_its_checksum() -> None:
    pair = Pair()
    pair.connect()
    pair.peer.orders[b"XBT/USD"] = []  # from now on: the list of the logon had no such name
    (subscription,) = pair.subscribe("XBT/USD")
    pair.step()
    kind, request = pair.peer.requests[-1]
    assert (kind, request[559], request[55], request[263]) == (b"x", b"0", b"XBT/USD", b"1")
    assert subscription.book is not None
    assert subscription.book.precision == (1, 8)
    change = b"320=%s\x01322=2\x01560=0\x01146=1\x0155=BTC/USD\x015032=3\x01" % request[320]
    pair.peer.send(b"y", change)
    pair.step()
    assert pair.core.instruments["XBT/USD"].status == "3"
    assert pair.core.instruments["BTC/USD"].status == "1"
    pair.subscribe("XBT/USD", depth=25)
    pair.step()
    assert pair.peer.requests[-1][0] == b"V"  # it is known by now


def test_nothing_is_asked_of_a_list_that_the_venue_does_not_have_yet() -> None:
    """It is sent later; then the names that it does not have may be other spellings."""
    pair = Pair(Peer(has_list=False, answers_subscriptions=False))
    pair.subscribe("BTC/USD", "ETH/USD", "XBT/USD")
    pair.connect()
    pair.subscribe("SOL/USD")
    pair.step()

    def lists_asked() -> list[bytes]:
        return [f.get(55, b"all") for kind, f in pair.peer.requests if kind == b"x"]

    assert lists_asked() == [b"all"]
    (asked_first,) = (f[320] for kind, f in pair.peer.requests if kind == b"x")
    pair.peer.send(b"y", b"320=other\x01322=2\x01560=0\x01146=1\x0155=DOT/USD\x01")
    pair.step()
    assert lists_asked() == [b"all"], "it is not the list that was asked for"
    pair.peer.has_list = True
    pair.peer.orders |= {b"ETH/USD": [], b"SOL/USD": []}
    pair.peer.send_list(asked_first)
    pair.step()
    assert lists_asked() == [b"all", b"XBT/USD"]


def test_an_instrument_list_in_fragments_and_a_refused_status() -> None:
    pair = Pair()
    pair.connect()
    for symbol, last in ((b"ETH/USD", b"N"), (b"SOL/USD", b"Y")):
        pair.peer.send(
            b"y",
            b"320=q\x01322=2\x01560=0\x01393=2\x01893=%s\x01146=1\x0155=%s\x015032=3\x01"
            % (last, symbol),
        )
    pair.peer.send(b"h", b"335=q\x01336=SESSION\x01567=103\x0158=already subscribed\x01")
    first, second, status = pair.step()
    assert isinstance(first, InstrumentList)
    assert isinstance(second, InstrumentList)
    assert (first.is_last, second.is_last) == (False, True)
    assert list(pair.core.instruments) == ["BTC/USD", "ETH/USD", "SOL/USD"]
    assert pair.core.instruments["SOL/USD"].status == "3"
    assert isinstance(status, TradingSessionStatus)
    assert (status.reject_reason, pair.core.session_status) == ("103", "2")


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ({"level": 1}, "level"),
        ({"depth": -1}, "market_depth"),
        ({"book": False}, "asks for"),
        ({"symbols": ("BTC\x01USD",)}, r"Symbol \(55\) is 'BTC\\x01USD': SOH"),
        ({"symbols": ("",)}, r"Symbol \(55\) is empty"),
    ],
)
def test_what_no_request_can_say_is_not_kept(how: dict[str, object], text: str) -> None:
    pair = Pair()
    symbols = how.pop("symbols", ("BTC/USD",))
    with pytest.raises(ValueError, match=text):
        pair.core.subscribe(symbols, START_NS, **how)  # type: ignore[arg-type]
    assert pair.core.subscriptions == []


def test_numbers_begin_anew_at_each_logon_whatever_the_options_say() -> None:
    pair = Pair(options=LogonOptions(heart_bt_int_s=10))
    assert kinds(pair.connect())[0] == "LoggedOn"
    pair.core.link_lost(START_NS)
    pair.core.connect(START_NS)
    logon = pair.core.take_output()
    assert b"\x0134=1\x01" in logon
    assert b"\x01108=10\x01141=Y\x01" in logon
