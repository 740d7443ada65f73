"""What the engine's tests share: making orders, telling events in short, what must always hold."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from tidegate.engine.events import Event
from tidegate.engine.holds import held_asset
from tidegate.engine.order import Order
from tidegate.engine.spot import SpotEngine
from tidegate.model import orders as fix
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument, make_instrument

NOW_NS = 1_762_000_000_000_000_000
SYMBOL = "ABC/USD"
MAKER_RATE = 2_500
TAKER_RATE = 4_000


def instrument(price_decimals: int = 2) -> Instrument:
    tick = f"0.{'0' * (price_decimals - 1)}1"
    return make_instrument(SYMBOL, price_decimals, tick, "0.00000001", "0")


def make_order(engine: SpotEngine, side: int, qty_lots: int, price: int, **given: Any) -> Order:
    """A limit GTC order of account 1, group `g<account>`, unless said otherwise."""
    number = engine.next_order_number
    account = given.pop("account", 1)
    found = engine.instrument(given.pop("symbol", SYMBOL))
    assert found is not None
    fields: dict[str, Any] = {
        "number": number,
        "account": account,
        "session": account,
        "epoch": 1,
        "instrument": found,
        "side": side,
        "ord_type": fix.LIMIT,
        "time_in_force": fix.GTC,
        "price": price,
        "qty_lots": qty_lots,
        "post_only": False,
        "stp_mode": fix.STP_CANCEL_NEWEST,
        "stp_group": b"g%d" % account,
        "cl_ord_id": b"%d" % number,
        "symbol": found.symbol_text,
        "exec_inst": b"",
        "alloc_account": b"",
        "maker_rate": MAKER_RATE,
        "taker_rate": TAKER_RATE,
        "entered_ns": NOW_NS,
    }
    return Order(**(fields | given))


def saved(engine: SpotEngine) -> bytes:
    encoder = Encoder()
    engine.save(encoder)
    return encoder.value()


def reloaded(engine: SpotEngine, *instruments: Instrument) -> SpotEngine:
    """Another engine with the state of this one, by way of a snapshot."""
    fresh = SpotEngine()
    for one in instruments:
        fresh.add_instrument(one)
    decoder = Decoder(saved(engine))
    fresh.load(decoder)
    assert decoder.at_end()
    return fresh


def render(event: Event) -> tuple[Any, ...]:
    """An event of a plain order, whole."""
    order = event.order
    assert event.time_ns == NOW_NS
    return (
        chr(event.exec_type), chr(event.ord_status), order.number,
        event.cl_ord_id, event.orig_cl_ord_id, event.leaves_lots,
        event.price, event.qty_lots, event.cum_lots, event.value, event.gross_money,
        event.fee_money, event.text,
        event.last_price, event.last_lots, event.last_money, event.last_fee_money,
        event.fee_asset, event.liquidity, event.trade_number, event.pair_trade_number,
    )  # fmt: skip


def brief(event: Event) -> tuple[Any, ...]:
    """An event in short: trades as `F status order lots@price maker|taker`, others as
    `exec_type order leaves text`."""
    if event.exec_type == fix.EXEC_TRADE:
        liquidity = "taker" if event.liquidity == fix.TAKER else "maker"
        traded = f"{event.last_lots}@{event.last_price}"
        return ("F", chr(event.ord_status), event.order.number, traded, liquidity)
    return (chr(event.exec_type), event.order.number, event.leaves_lots, event.text)


def check_invariants(engine: SpotEngine, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
    """What must be true between any two operations."""
    ledger = engine.ledger
    assert set(ledger.totals().values()) <= {0}
    held: dict[tuple[int, str], int] = {}
    count = 0
    for symbol in symbols:
        book = engine.book(symbol)
        assert book is not None
        for side in (book.bids, book.asks):
            assert side.total_lots == sum(o.leaves_lots for level in side for o in level)
        bid, ask = book.bids.best, book.asks.best
        assert bid is None or ask is None or bid.price < ask.price
        for level in (*book.bids, *book.asks):
            orders = list(level)
            assert orders
            assert level.count == len(orders)
            assert level.total_lots == sum(o.leaves_lots - o.hidden_lots for o in orders)
            count += len(orders)
            for order in orders:
                _check_order(engine, order)
                pair = order.instrument
                key = (order.account, pair.quote if order.side == fix.BUY else pair.base)
                held[key] = held.get(key, 0) + order.held_money
    for account in (a for a in ledger.accounts() if a >= 0):
        for order in engine.account_orders(account):
            if order.stage != fix.LIVE:
                assert not order.resting
                count += 1
                key = (account, held_asset(order))
                held[key] = held.get(key, 0) + order.held_money
    assert count == engine.open_order_count
    for account in (a for a in ledger.accounts() if a >= 0):
        for asset in ledger.assets(account):
            assert ledger.available(account, asset) >= 0
            assert ledger.held(account, asset) == held.pop((account, asset), 0)
    assert not held


def exposure(order: Order) -> int:
    """What a resting order holds, from its definition: what its leaves cost at its price and, if
    it pays its fee in the same asset, the dearer of its fees, rounded up once."""
    pair = order.instrument
    buys = order.side == fix.BUY
    cost = Fraction(order.leaves_lots * 100)
    if buys:
        cost = Fraction(order.price * order.leaves_lots * 10**10, 10 ** (pair.price_decimals + 8))
    if buys != order.fee_in_base:
        cost *= 1 + Fraction(max(order.maker_rate, order.taker_rate), 10**6)
    return ceil(cost)


def _check_order(engine: SpotEngine, order: Order) -> None:
    """An order in a book is found by every way to it, and open."""
    assert order.resting
    assert 0 < order.leaves_lots <= order.qty_lots
    shown = order.leaves_lots - order.hidden_lots
    assert order.hidden_lots >= 0
    assert 0 < shown <= (order.display_lots or shown)
    assert order.held_money == exposure(order)
    assert engine.order(order.number) is order
    assert order in engine.account_orders(order.account)
    assert order in engine.session_orders(order.session)
    if order.cl_ord_id:
        assert engine.order_by_cl_ord_id(order.account, order.cl_ord_id) is order
