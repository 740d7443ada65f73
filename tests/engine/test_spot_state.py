"""What outlives a call: snapshots and instruments."""

from __future__ import annotations

import pytest

from tests.engine.engine_harness import (
    NOW_NS,
    SYMBOL,
    check_invariants,
    instrument,
    make_order,
    reloaded,
    render,
    saved,
)
from tidegate.engine.spot import SpotEngine
from tidegate.model.codec import CodecError, Decoder
from tidegate.model.instruments import make_instrument
from tidegate.model.orders import BUY, IOC, SELL
from tidegate.model.rejects import CANCELED_BY_USER

OTHER = make_instrument("ABD/USD", 2, "0.01", "0.00000001", "0")


def busy_engine() -> SpotEngine:
    engine = SpotEngine()
    engine.add_instrument(OTHER)
    engine.add_instrument(instrument())
    for account in (1, 2):
        for asset in ("USD", "ABC", "ABD"):
            engine.ledger.deposit(account, asset, 10**9)
    for side, lots, price, account, symbol in (
        (BUY, 5, 100, 1, SYMBOL),
        (BUY, 6, 100, 2, SYMBOL),
        (BUY, 7, 101, 1, SYMBOL),
        (SELL, 8, 110, 1, SYMBOL),
        (SELL, 9, 100, 2, "ABD/USD"),
        (BUY, 4, 100, 1, "ABD/USD"),
        (SELL, 2, 101, 2, SYMBOL),
    ):
        order = make_order(
            engine, side, lots, price, account=account, symbol=symbol, exec_inst=b"P",
            session=account + 4, alloc_account=b"sub", epoch=account,
        )  # fmt: skip
        assert engine.submit(order, NOW_NS, b"") is None
    first = engine.order(1)
    assert first is not None
    engine.amend(first, cl_ord_id=b"a", qty_lots=9, price=100, post_only=False, now_ns=NOW_NS)
    engine.take_events()
    return engine


def test_snapshot_keeps_every_field_of_an_order() -> None:
    engine = busy_engine()
    copy = reloaded(engine, instrument(), OTHER)
    assert saved(copy) == saved(engine)
    check_invariants(copy, (SYMBOL, "ABD/USD"))
    links = {"instrument", "previous", "next", "place"}  # the book makes them anew
    names = [name for name in dir(engine.order(1)) if not name.startswith("_")]
    assert {"held_money", "amended", "orig_cl_ord_id", "order_id"} <= set(names)
    for number in (1, 2, 3, 4, 5):
        old, new = engine.order(number), copy.order(number)
        assert old is not None
        assert new is not None
        for name in names:
            if name not in links and not callable(getattr(old, name)):
                assert getattr(old, name) == getattr(new, name), name
        assert new.instrument is copy.instrument(old.instrument.symbol)


def test_snapshot_keeps_priority_numbers_and_listings() -> None:
    """After the amend order 1 stands behind order 2."""
    engine = busy_engine()
    copy = reloaded(engine, instrument(), OTHER)
    for session in (5, 6):
        listed = [order.number for order in engine.session_orders(session)]
        assert [order.number for order in copy.session_orders(session)] == listed
    histories = []
    for one in (engine, copy):
        order = make_order(one, SELL, 18, 100, account=2, stp_group=b"x", time_in_force=IOC)
        assert one.submit(order, NOW_NS, b"") is None
        histories.append([render(event) for event in one.take_events()])
        check_invariants(one, (SYMBOL, "ABD/USD"))
    assert histories[0] == histories[1]
    makers = [row[2] for row in histories[0] if row[0] == "F" and row[18] == 0]
    assert makers == [3, 2, 1]
    assert histories[0][-1][-2:] == (5, 4)


def test_saving_leaves_no_trace_and_wants_events_taken() -> None:
    engine = busy_engine()
    assert saved(engine) == saved(engine)
    order = engine.order(1)
    assert order is not None
    engine.cancel(order, NOW_NS, CANCELED_BY_USER)
    with pytest.raises(AssertionError):
        saved(engine)


def test_loading_names_what_is_wrong() -> None:
    data = saved(busy_engine())
    with pytest.raises(CodecError, match="ABC/USD"):
        SpotEngine().load(Decoder(data))
    for length in range(len(data)):
        fresh = SpotEngine()
        fresh.add_instrument(instrument())
        fresh.add_instrument(OTHER)
        with pytest.raises(CodecError):
            fresh.load(Decoder(data[:length]))
    with pytest.raises(AssertionError):
        busy_engine().load(Decoder(data))


def test_limits_of_a_known_instrument_are_replaced() -> None:
    engine = busy_engine()
    before = saved(engine)
    changed = make_instrument(SYMBOL, 2, "0.05", "0.5", "10")
    engine.add_instrument(changed)
    assert engine.instrument(SYMBOL) is changed
    for order in engine.account_orders(1):
        assert order.instrument is engine.instrument(order.instrument.symbol)
    assert saved(engine) == before
    assert engine.instrument("NO/NE") is None
    assert engine.book("NO/NE") is None


def test_an_instruments_numbers_can_not_change_their_meaning() -> None:
    engine = busy_engine()
    with pytest.raises(ValueError, match="price decimals"):
        engine.add_instrument(instrument(3))
    other = instrument()
    other.base = "XYZ"
    with pytest.raises(ValueError, match="assets"):
        engine.add_instrument(other)


def test_orders_without_a_cl_ord_id_are_not_found_by_it() -> None:
    engine = busy_engine()
    for _ in range(2):
        order = make_order(engine, BUY, 1, 1, cl_ord_id=b"", session=-1)
        assert engine.submit(order, NOW_NS, b"") is None
    engine.take_events()
    assert engine.order_by_cl_ord_id(1, b"") is None
    assert len(engine.session_orders(-1)) == 2
    copy = reloaded(engine, instrument(), OTHER)
    assert saved(copy) == saved(engine)
    for order in copy.session_orders(-1):
        copy.cancel(order, NOW_NS, CANCELED_BY_USER)
    assert len(copy.take_events()) == 2
