"""Layer 2 as a table: one change to a good order, and the rule that answers it."""

from __future__ import annotations

import pytest

from tests.scenario.settings import venue_settings
from tidegate.model import market_state, rejects
from tidegate.model.market_state import MarketState
from tidegate.model.orders import (
    BUY,
    GTC,
    GTD,
    INDEX_PRICE,
    IOC,
    LAST_TRADE,
    LIMIT,
    MARKET,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
    TRAILING_STOP_LIMIT,
)
from tidegate.model.rejects import Refusal, Rule
from tidegate.oes.directory import Directory
from tidegate.oes.order_entry import EnginePort, OrderEntry
from tidegate.oes.requests import Amend, AmendTarget, NewOrder
from tidegate.wire.message import SCANNED, Message
from tidegate.wire.render import frame_of

GOOD = {
    11: "100", 55: "BTC/USD", 54: "1", 40: "2", 44: "84000.5", 38: "0.25", 59: "1",
    52: "20261103-09:15:00.000", 60: "20261103-09:15:00.000",
}  # fmt: skip
NOW_NS = 1_793_697_300_000_000_000


class NamedOrders(EnginePort):
    def __init__(self) -> None:
        self.count = 0
        self.scheduled = 0
        self.state = MarketState()

    def is_open(self, account: int, cl_ord_id: bytes) -> bool:
        return account == 0 and cl_ord_id == b"77"

    def open_count_of_all(self) -> int:
        return 0

    def scheduled_count(self, account: int) -> int:
        return self.scheduled

    def market_state(self, symbol: str) -> MarketState:
        return self.state

    def open_count(self, session: int) -> int:
        return self.count


def order_entry() -> OrderEntry:
    directory = Directory()
    directory.adopt(venue_settings())
    entry = OrderEntry(directory, NamedOrders())
    entry.add_sessions()
    return entry


def message_of(changes: dict[int, str | None], msg_type: str = "D") -> Message:
    merged = {**GOOD, **changes}
    body = f"35={msg_type}\x01" + "".join(
        f"{tag}={value}\x01" for tag, value in merged.items() if value is not None
    )
    message = Message()
    assert message.scan(frame_of(body.encode())) == SCANNED
    return message


def new_order(changes: dict[int, str | None], session: int = 0) -> NewOrder | Refusal:
    return order_entry().new_order(session, message_of(changes), NOW_NS)


def rule_of(answer: object) -> Rule | None:
    return answer.rule if isinstance(answer, Refusal) else None


AHEAD = "20261103-09:16:00"
LATER = "20261110-09:15:00.000"
MARKET_BUY: dict[int, str | None] = {40: "1", 44: None}
STOP: dict[int, str | None] = {40: "3", 44: None, 99: "90000"}
STOP_LIMIT: dict[int, str | None] = {40: "4", 99: "90000"}
MARGIN: dict[int, str | None] = {5001: "1"}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({11: "77"}, rejects.CL_ORD_ID_IN_USE),
        ({55: "XBT/USD"}, None),
        ({55: "BTC-USD"}, rejects.UNKNOWN_SYMBOL),
        # OrdType and what it needs
        (MARKET_BUY, None),
        ({40: "1"}, None),  # a price on a market order is not looked at
        ({40: "1", 44: "0"}, None),
        ({44: None}, rejects.FIELD_MISSING),
        (STOP, None),
        ({**STOP, 99: None}, rejects.FIELD_MISSING),
        ({**STOP, 40: "R"}, None),
        ({**STOP, 40: "U"}, None),
        (STOP_LIMIT, None),
        ({**STOP_LIMIT, 44: None}, rejects.FIELD_MISSING),
        ({**STOP_LIMIT, 99: None}, rejects.FIELD_MISSING),
        ({**STOP_LIMIT, 40: "T"}, None),
        ({**STOP_LIMIT, 40: "V"}, None),
        ({99: "1"}, rejects.TRIGGER_COMBINATION),
        ({388: "5"}, rejects.TRIGGER_COMBINATION),
        ({**MARKET_BUY, 99: "1"}, rejects.TRIGGER_COMBINATION),
        ({**STOP, 388: "1"}, None),
        # TimeInForce
        ({59: "3"}, None),
        ({59: "4"}, None),
        ({59: "6"}, rejects.FIELD_MISSING),
        ({59: "6", 126: AHEAD}, None),
        ({126: AHEAD}, rejects.EXPIRE_TIME_COMBINATION),
        ({**MARKET_BUY, 59: "3"}, None),
        ({**MARKET_BUY, 59: "4"}, None),
        ({**MARKET_BUY, 59: "6", 126: AHEAD}, rejects.TIME_IN_FORCE),
        ({**STOP, 59: "6", 126: AHEAD}, None),
        ({**STOP, 59: "3"}, rejects.TIME_IN_FORCE),
        ({**STOP, 59: "4"}, rejects.TIME_IN_FORCE),
        ({**STOP, 40: "U", 59: "4"}, rejects.TIME_IN_FORCE),
        ({**STOP_LIMIT, 59: "3"}, None),
        ({**STOP_LIMIT, 59: "4"}, None),
        # ExecInst
        ({18: "P"}, None),
        ({18: "P", 59: "6", 126: AHEAD}, None),
        ({18: "P P"}, rejects.EXEC_INST),
        ({18: "P", 59: "3"}, rejects.POST_ONLY_COMBINATION),
        ({18: "P", 59: "4"}, rejects.POST_ONLY_COMBINATION),
        ({18: "P", 40: "1"}, rejects.POST_ONLY_COMBINATION),
        ({**STOP_LIMIT, 18: "P"}, rejects.POST_ONLY_COMBINATION),
        ({18: "f"}, None),
        ({18: "q"}, None),
        ({18: "s"}, None),
        ({18: "P s"}, None),
        ({18: "f q"}, rejects.FEE_COMBINATION),
        ({18: "f s"}, rejects.FEE_COMBINATION),
        ({18: "s q"}, rejects.FEE_COMBINATION),
        ({18: "v"}, rejects.QUOTE_QTY_COMBINATION),
        ({**MARKET_BUY, 18: "v", 38: "100"}, None),
        ({**MARKET_BUY, 18: "v", 54: "2"}, rejects.QUOTE_QTY_COMBINATION),
        ({**MARKET_BUY, 18: "v", 5001: "1"}, rejects.QUOTE_QTY_COMBINATION),
        ({**STOP, 18: "v"}, rejects.QUOTE_QTY_COMBINATION),
        ({18: "E"}, rejects.REDUCE_ONLY_COMBINATION),
        ({18: "E", 5001: "0"}, rejects.REDUCE_ONLY_COMBINATION),
        ({18: "E", **MARGIN}, None),
        ({18: "E P q", **MARGIN}, None),
        # Margin
        ({5001: "0"}, None),
        (MARGIN, None),
        ({18: "f", **MARGIN}, rejects.MARGIN_FEE_COMBINATION),
        ({18: "f", 5001: "0"}, None),
        # Iceberg
        ({1138: "0.25"}, None),
        ({1138: "0.01666667"}, None),
        ({1138: "0.01666666"}, rejects.ICEBERG_SIZE),
        ({1138: "0.25000001"}, rejects.ICEBERG_SIZE),
        ({1138: "0"}, rejects.ICEBERG_SIZE),
        ({38: "0.3", 1138: "0.02"}, None),  # exactly 1/15
        ({1138: "0.100000001"}, rejects.QTY_INVALID),
        ({1138: "0.1", 59: "6", 126: AHEAD}, None),
        ({1138: "0.1", 59: "3"}, rejects.ICEBERG_COMBINATION),
        ({1138: "0.1", 59: "4"}, rejects.ICEBERG_COMBINATION),
        ({1138: "0.1", 40: "1"}, rejects.ICEBERG_COMBINATION),
        ({1138: "0.1", **STOP_LIMIT}, rejects.ICEBERG_COMBINATION),
        # Precision and minimums
        ({44: "84000.50"}, None),
        ({44: "84000.55"}, rejects.TICK_SIZE),
        ({44: "0"}, rejects.PRICE_INVALID),
        ({44: "-84000"}, rejects.PRICE_INVALID),
        ({44: "1" + "0" * 18}, rejects.PRICE_INVALID),
        ({**STOP, 99: "90000.05"}, rejects.TICK_SIZE),
        ({**STOP, 99: "0"}, rejects.PRICE_INVALID),
        ({38: "0"}, rejects.QTY_INVALID),
        ({38: "-1"}, rejects.QTY_INVALID),
        ({38: "0.000000001"}, rejects.QTY_INVALID),
        ({38: "99999999999"}, rejects.QTY_INVALID),
        ({38: "0.00005"}, None),
        ({38: "0.00004999"}, rejects.ORDER_MINIMUM),
        ({38: "0.0001", 44: "5000"}, None),
        ({38: "0.0001", 44: "4999.9"}, rejects.COST_MINIMUM),
        ({38: "0.0001", **STOP_LIMIT, 44: "4999.9"}, rejects.COST_MINIMUM),
        ({38: "0.0001", **STOP_LIMIT, 40: "V", 44: "0.1"}, None),  # a distance is no price
        ({**MARKET_BUY, 18: "v", 38: "0.5"}, None),
        ({**MARKET_BUY, 18: "v", 38: "0.49999999"}, rejects.COST_MINIMUM),
        ({**MARKET_BUY, 18: "v", 38: "0.499999999"}, rejects.QTY_INVALID),
        # Times: now is 09:15:00
        ({168: AHEAD}, None),
        ({168: "20261103-09:15:00"}, rejects.EFFECTIVE_TIME),
        ({168: "20261103-09:15:00.001"}, None),
        ({168: "20261204-09:15:00"}, None),
        ({168: "20261204-09:15:00.001"}, rejects.EFFECTIVE_TIME),
        ({59: "6", 126: "20261103-09:15:00"}, rejects.EXPIRE_TIME),
        ({59: "6", 126: "20261103-09:15:00.000000001"}, None),
        ({59: "6", 126: "20261204-09:15:00"}, None),
        ({59: "6", 126: "20261204-09:15:01"}, rejects.EXPIRE_TIME),
        ({59: "6", 126: "99991231-23:59:59"}, rejects.EXPIRE_TIME),
        ({59: "6", 126: LATER, 168: AHEAD}, None),
        ({59: "6", 126: AHEAD, 168: LATER}, rejects.EFFECTIVE_TIME),
        ({59: "6", 126: AHEAD, 168: AHEAD}, rejects.EFFECTIVE_TIME),
        ({62: "20261103-09:15:02"}, None),
        ({62: "20261103-09:15:01.999"}, rejects.VALID_UNTIL_TIME),
        ({62: "20261103-09:16:00"}, None),
        ({62: "20261103-09:16:00.001"}, rejects.VALID_UNTIL_TIME),
        ({62: "20261103-09:16:02", 52: "20261103-09:16:00"}, None),
        ({79: "ACME-1"}, rejects.ALLOCATION_FOREIGN),
        # The first rule that fires is the answer
        ({55: "NONE", 40: "3"}, rejects.FIELD_MISSING),
        ({18: "P P", 11: "77"}, rejects.EXEC_INST),
        ({55: "NONE", 11: "77"}, rejects.CL_ORD_ID_IN_USE),
        ({55: "NONE", **STOP, 59: "3"}, rejects.UNKNOWN_SYMBOL),
        ({**STOP, 59: "3", 38: "0"}, rejects.TIME_IN_FORCE),
        ({38: "0", 44: None}, rejects.FIELD_MISSING),
        ({38: "0", 62: AHEAD, 168: "20261103-09:15:00"}, rejects.QTY_INVALID),
        ({79: "ACME-1", 168: "20261103-09:15:00"}, rejects.EFFECTIVE_TIME),
    ],
)
def test_new_order(changes: dict[int, str | None], rule: Rule | None) -> None:
    assert rule_of(new_order(changes)) is rule


@pytest.mark.parametrize(
    ("alloc_account", "rule"),
    [
        (None, rejects.ALLOCATION_MISSING),
        ("PRIME-1-A", None),
        ("PRIME-1", rejects.ALLOCATION_FOREIGN),
        ("BETA-1", rejects.ALLOCATION_FOREIGN),
        ("NOBODY", rejects.ALLOCATION_FOREIGN),
    ],
)
def test_a_brokers_allocation(alloc_account: str | None, rule: Rule | None) -> None:
    answer = new_order({79: alloc_account}, session=2)
    assert rule_of(answer) is rule
    if isinstance(answer, NewOrder):
        assert answer.account.name == b"PRIME-1-A"


def test_what_a_good_order_carries() -> None:
    order = new_order({18: "P", 7928: "0", 50: "DESK", 55: "XBT/USD"})
    assert isinstance(order, NewOrder)
    assert (order.price, order.qty_lots, order.side) == (840_005, 25_000_000, BUY)
    assert (order.ord_type, order.time_in_force) == (LIMIT, GTC)
    assert (order.cl_ord_id, order.symbol) == (b"100", b"XBT/USD")
    assert order.instrument.symbol == "BTC/USD"
    assert (order.post_only, order.stp_mode) == (True, STP_CANCEL_BOTH)
    assert order.sender_sub_id == b"DESK"
    plain = new_order({})
    assert isinstance(plain, NewOrder)
    assert (plain.post_only, plain.stp_mode) == (False, STP_CANCEL_NEWEST)


def target(
    ord_type: int = LIMIT, time_in_force: int = GTC, *, cum_lots: int = 0, display_lots: int = 0
) -> AmendTarget:
    return AmendTarget(
        instrument=order_entry().directory.instrument_by_symbol[b"BTC/USD"],
        ord_type=ord_type,
        time_in_force=time_in_force,
        cum_lots=cum_lots,
        display_lots=display_lots,
        reduce_only=False,
    )


PLAIN = target()
ICEBERG = target(display_lots=2_000_000)
HALF_DONE = target(cum_lots=12_500_000, display_lots=2_000_000)
STOP_LOSS_ORDER = target(STOP_LOSS)
TRAILING = target(TRAILING_STOP_LIMIT)


@pytest.mark.parametrize(
    ("order", "changes", "rule"),
    [
        (PLAIN, {}, None),
        (PLAIN, {18: "P"}, None),
        (PLAIN, {18: "E"}, rejects.EXEC_INST),
        (PLAIN, {18: "P s"}, rejects.EXEC_INST),
        (PLAIN, {62: "20261103-09:15:05"}, None),
        (PLAIN, {62: "20261103-09:15:01"}, rejects.VALID_UNTIL_TIME),
        (PLAIN, {38: "0"}, rejects.QTY_INVALID),
        (PLAIN, {44: None}, rejects.FIELD_MISSING),
        (PLAIN, {44: "1.23"}, rejects.TICK_SIZE),
        (PLAIN, {44: "0"}, rejects.PRICE_INVALID),
        (PLAIN, {38: "0.00001"}, rejects.ORDER_MINIMUM),
        (PLAIN, {44: "1"}, rejects.COST_MINIMUM),
        (PLAIN, {99: "80000"}, rejects.TRIGGER_COMBINATION),
        (PLAIN, {1138: "0.1"}, rejects.AMEND_DISPLAY),
        (target(LIMIT, IOC), {18: "P"}, rejects.POST_ONLY_COMBINATION),  # one that is scheduled
        (ICEBERG, {1138: "0.1"}, None),
        (ICEBERG, {}, None),
        (ICEBERG, {1138: "0.26"}, rejects.ICEBERG_SIZE),
        (ICEBERG, {1138: "0.016"}, rejects.ICEBERG_SIZE),
        (ICEBERG, {38: "0.3"}, None),  # it shows exactly 1/15
        (ICEBERG, {38: "0.31"}, rejects.ICEBERG_SIZE),  # too large for what it shows
        (HALF_DONE, {1138: "0.13"}, rejects.ICEBERG_SIZE),  # of what is left
        (HALF_DONE, {1138: "0.009"}, None),
        (HALF_DONE, {1138: "0.008"}, rejects.ICEBERG_SIZE),
        (HALF_DONE, {38: "0.4"}, None),
        (STOP_LOSS_ORDER, {44: None, 99: "90000"}, None),
        (STOP_LOSS_ORDER, {44: None}, rejects.FIELD_MISSING),
        (STOP_LOSS_ORDER, {99: "90000.01"}, rejects.TICK_SIZE),
        (STOP_LOSS_ORDER, {99: "90000", 18: "P"}, rejects.POST_ONLY_COMBINATION),
        (TRAILING, {44: "10", 99: "100"}, None),
        (TRAILING, {44: None, 99: "100"}, rejects.FIELD_MISSING),
        (target(MARKET), {44: None}, None),
    ],
)
def test_amend(order: AmendTarget, changes: dict[int, str | None], rule: Rule | None) -> None:
    assert rule_of(order_entry().amend(message_of(changes, "G"), order)) is rule


def test_what_an_amend_carries() -> None:
    answer = order_entry().amend(
        message_of({18: "P", 1138: "0.1", 62: "20261103-09:15:05"}, "G"), ICEBERG
    )
    assert isinstance(answer, Amend)
    assert (answer.price, answer.qty_lots, answer.display_lots) == (840_005, 25_000_000, 10_000_000)
    assert (answer.post_only, answer.stop_price) == (True, 0)
    assert answer.valid_until_ns == NOW_NS + 5 * 10**9
    answer = order_entry().amend(message_of({44: "10", 99: "100"}, "G"), TRAILING)
    assert isinstance(answer, Amend)
    assert (answer.price, answer.stop_price, answer.post_only) == (100, 1_000, False)


def test_a_tick_of_more_than_a_unit() -> None:
    """Of prices, trigger prices and distances alike."""
    entry = order_entry()
    entry.directory.instrument_by_symbol[b"BTC/USD"].tick_units = 5
    for changes, rule in (
        ({44: "84000.5"}, None),
        ({44: "84000.4"}, rejects.TICK_SIZE),
        ({**STOP, 99: "90000.5"}, None),
        ({**STOP, 99: "90000.6"}, rejects.TICK_SIZE),
        ({**STOP, 40: "U", 99: "0.5"}, None),
        ({**STOP, 40: "U", 99: "0.3"}, rejects.TICK_SIZE),
    ):
        assert rule_of(entry.new_order(0, message_of(changes), NOW_NS)) is rule, changes


def test_an_amend_to_what_is_executed_needs_no_minimum() -> None:
    """The order ends with it: what is left of it is nothing."""
    answer = order_entry().amend(message_of({38: "0.00001"}, "G"), target(cum_lots=1_000))
    assert isinstance(answer, Amend)
    assert answer.qty_lots == 1_000


ALL = (True, True, True, True, True, True, True)  # the orders of the test below


@pytest.mark.parametrize(
    ("status", "takes"),
    [
        (market_state.ONLINE, ALL),
        (market_state.CANCEL_ONLY, (False,) * 7),
        (market_state.MAINTENANCE, (False,) * 7),
        (market_state.HIDDEN, (False,) * 7),
        (market_state.DELISTED, (False,) * 7),
        (market_state.POST_ONLY, (False, True, False, False, False, False, True)),
        (market_state.LIMIT_ONLY, (True, True, False, False, False, True, True)),
        (market_state.REDUCE_ONLY, (False, False, False, False, True, True, False)),
    ],
)
def test_what_a_market_status_takes(status: int, takes: tuple[bool, ...]) -> None:
    rules = {
        market_state.CANCEL_ONLY: rejects.MARKET_CANCEL_ONLY,
        market_state.MAINTENANCE: rejects.MARKET_MAINTENANCE,
        market_state.HIDDEN: rejects.MARKET_MAINTENANCE,
        market_state.DELISTED: rejects.MARKET_MAINTENANCE,
        market_state.POST_ONLY: rejects.MARKET_POST_ONLY,
        market_state.LIMIT_ONLY: rejects.MARKET_LIMIT_ONLY,
        market_state.REDUCE_ONLY: rejects.MARKET_REDUCE_ONLY,
    }
    entry = order_entry()
    orders = entry.engine
    assert isinstance(orders, NamedOrders)
    orders.state.status = status
    reduce: dict[int, str | None] = {5001: "1", 18: "E"}
    requests: list[dict[int, str | None]] = [
        {}, {18: "P"}, MARKET_BUY, STOP_LIMIT, {**MARKET_BUY, **reduce}, reduce,
    ]  # fmt: skip
    rule_wanted = rules.get(status)
    for changes, taken in zip(requests, takes, strict=False):
        got = rule_of(entry.new_order(0, message_of(changes), NOW_NS))
        assert got is (None if taken else rule_wanted), changes
    got = rule_of(entry.amend(message_of({18: "P"}, "G"), PLAIN))
    assert got is (None if takes[6] else rule_wanted)
    orders.state.halted = True
    assert rule_of(entry.new_order(0, message_of({}), NOW_NS)) is rejects.VENUE_HALTED
    assert rule_of(entry.amend(message_of({}, "G"), PLAIN)) is rejects.VENUE_HALTED


def test_scheduled_orders_of_an_account_are_limited() -> None:
    entry = order_entry()
    entry.directory.accounts[0].settings.scheduled_orders_max = 2
    orders = entry.engine
    assert isinstance(orders, NamedOrders)
    orders.scheduled = 1
    assert rule_of(entry.new_order(0, message_of({168: AHEAD}), NOW_NS)) is None
    orders.scheduled = 2
    answer = entry.new_order(0, message_of({168: AHEAD}), NOW_NS)
    assert rule_of(answer) is rejects.SCHEDULED_ORDERS_LIMIT
    assert rule_of(entry.new_order(0, message_of({}), NOW_NS)) is None


def test_what_an_order_with_everything_carries() -> None:
    times: dict[int, str | None] = {59: "6", 126: LATER, 168: AHEAD, 62: "20261103-09:15:05"}
    order = new_order({**STOP_LIMIT, **times, 388: "1", 5001: "1", 18: "s E", 54: "2"})
    assert isinstance(order, NewOrder)
    assert (order.ord_type, order.time_in_force) == (STOP_LOSS_LIMIT, GTD)
    assert (order.price, order.stop_price, order.reference) == (840_005, 900_000, INDEX_PRICE)
    assert (order.margin, order.reduce_only, order.single_fee) == (True, True, True)
    assert order.fee_in_base is False
    assert order.effective_ns == NOW_NS + 60 * 10**9
    assert order.expire_ns == NOW_NS + 7 * 86_400 * 10**9
    assert order.valid_until_ns == NOW_NS + 5 * 10**9
    iceberg = new_order({1138: "0.1"})
    assert isinstance(iceberg, NewOrder)
    assert (iceberg.display_lots, iceberg.reference) == (10_000_000, LAST_TRADE)


def test_a_quantity_in_quote_is_money() -> None:
    order = new_order({**MARKET_BUY, 18: "v", 38: "100.00000001"})
    assert isinstance(order, NewOrder)
    assert (order.quote_money, order.qty_lots) == (1_000_000_000_100, 0)


@pytest.mark.parametrize(
    ("side", "exec_inst", "in_base"),
    [
        ("1", None, False), ("1", "f", True), ("1", "q", False), ("1", "s", False),
        ("2", None, True), ("2", "f", True), ("2", "q", False), ("2", "s", True),
    ],
)  # fmt: skip
def test_the_asset_of_the_fee(side: str, exec_inst: str | None, in_base: bool) -> None:
    order = new_order({54: side, 18: exec_inst})
    assert isinstance(order, NewOrder)
    assert order.fee_in_base is in_base


def test_open_orders_of_a_session_are_counted_last() -> None:
    entry = order_entry()
    entry.directory.sessions[0].open_orders_max = 3
    orders = entry.engine
    assert isinstance(orders, NamedOrders)
    for count, changes, rule in (
        (2, {}, None),
        (3, {}, rejects.ORDERS_LIMIT),
        (3, {38: "0"}, rejects.QTY_INVALID),
    ):
        orders.count = count
        assert rule_of(entry.new_order(0, message_of({**changes}), NOW_NS)) is rule


def test_admission_charges_first_and_asks_for_the_id_last() -> None:
    """A request that the rate limit refuses leaves its ClOrdID free; cancels are never limited."""
    entry = order_entry()
    settings = entry.directory.sessions[0]
    settings.token_bucket_points = 10

    def admit(msg_type: bytes, cl_ord_id: str, time_ns: int = NOW_NS) -> Rule | None:
        message = message_of({11: cl_ord_id}, msg_type.decode())
        return rule_of(entry.admit(0, message, msg_type, time_ns))

    assert admit(b"D", "1") is None
    assert admit(b"D", "2") is rejects.RATE_LIMIT
    assert admit(b"H", "1") is rejects.RATE_LIMIT
    assert admit(b"F", "2") is None
    assert admit(b"q", "2") is rejects.CL_ORD_ID_NOT_INCREASING
    settings.token_bucket_points = 0
    assert admit(b"H", "1") is None  # names an order, is no new id
    assert admit(b"H", "x") is rejects.CL_ORD_ID_FORM
    assert admit(b"D", "x") is rejects.CL_ORD_ID_FORM
    entry.directory.session_account(settings).settings.enabled = False
    assert admit(b"F", "3") is rejects.ACCOUNT_DISABLED
