"""Layer 2 as a table: one change to a good order, and the rule that answers it."""

from __future__ import annotations

import pytest

from tests.scenario.settings import venue_settings
from tidegate.model import rejects
from tidegate.model.orders import (
    BUY,
    GTC,
    LIMIT,
    STP_CANCEL_BOTH,
    STP_CANCEL_NEWEST,
)
from tidegate.model.rejects import Refusal, Rule
from tidegate.oes.directory import Directory
from tidegate.oes.order_entry import Amend, EnginePort, NewOrder, OrderEntry
from tidegate.wire.message import SCANNED, Message
from tidegate.wire.render import frame_of

GOOD = {
    11: "100", 55: "BTC/USD", 54: "1", 40: "2", 44: "84000.5", 38: "0.25", 59: "1",
    60: "20261103-09:15:00.000",
}  # fmt: skip
NOW_NS = 1_793_697_300_000_000_000


class NamedOrders(EnginePort):
    def __init__(self) -> None:
        self.count = 0

    def is_open(self, account: int, cl_ord_id: bytes) -> bool:
        return account == 0 and cl_ord_id == b"77"

    def open_count_of_all(self) -> int:
        return 0

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
    return order_entry().new_order(session, message_of(changes))


def rule_of(answer: object) -> Rule | None:
    return answer.rule if isinstance(answer, Refusal) else None


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({11: "77"}, rejects.CL_ORD_ID_IN_USE),
        ({55: "XBT/USD"}, None),
        ({55: "BTC-USD"}, rejects.UNKNOWN_SYMBOL),
        ({40: "3"}, rejects.ORD_TYPE),
        ({40: "R"}, rejects.ORD_TYPE),
        ({40: "1", 44: None}, None),
        ({40: "1"}, None),  # a price on a market order is not looked at
        ({59: "3"}, None),
        ({59: "4"}, None),
        ({59: "6"}, rejects.TIME_IN_FORCE),
        ({18: "P"}, None),
        ({18: "P", 59: "3"}, rejects.POST_ONLY_COMBINATION),
        ({18: "P", 59: "4"}, rejects.POST_ONLY_COMBINATION),
        ({18: "P", 40: "1"}, rejects.POST_ONLY_COMBINATION),
        ({18: "v"}, rejects.EXEC_INST),
        ({18: "P E"}, rejects.EXEC_INST),
        ({5001: "0"}, None),
        ({5001: "1"}, rejects.MARGIN),
        ({99: "1"}, rejects.OPTION_FIELD),
        ({1138: "1"}, rejects.OPTION_FIELD),
        ({44: None}, rejects.FIELD_MISSING),
        ({44: "84000.50"}, None),
        ({44: "84000.55"}, rejects.TICK_SIZE),
        ({44: "0"}, rejects.PRICE_INVALID),
        ({44: "-84000"}, rejects.PRICE_INVALID),
        ({44: "1" + "0" * 18}, rejects.PRICE_INVALID),
        ({38: "0"}, rejects.QTY_INVALID),
        ({38: "-1"}, rejects.QTY_INVALID),
        ({38: "0.000000001"}, rejects.QTY_INVALID),
        ({38: "99999999999"}, rejects.QTY_INVALID),
        ({38: "0.00005"}, None),
        ({38: "0.00004999"}, rejects.ORDER_MINIMUM),
        ({38: "0.0001", 44: "5000"}, None),
        ({38: "0.0001", 44: "4999.9"}, rejects.COST_MINIMUM),
        ({79: "ACME-1"}, rejects.ALLOCATION_FOREIGN),
        # The first rule that fires is the answer
        ({55: "NONE", 40: "3"}, rejects.UNKNOWN_SYMBOL),
        ({40: "3", 59: "6"}, rejects.ORD_TYPE),
        ({38: "0", 44: None}, rejects.QTY_INVALID),
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


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, None),
        ({18: "P"}, None),
        ({18: "E"}, rejects.EXEC_INST),
        ({62: "20261103-09:15:05"}, rejects.OPTION_FIELD),
        ({38: "0"}, rejects.QTY_INVALID),
        ({44: None}, rejects.FIELD_MISSING),
        ({44: "1.23"}, rejects.TICK_SIZE),
        ({44: "0"}, rejects.PRICE_INVALID),
        ({38: "0.00001"}, rejects.ORDER_MINIMUM),
        ({44: "1"}, rejects.COST_MINIMUM),
    ],
)
def test_amend(changes: dict[int, str | None], rule: Rule | None) -> None:
    entry = order_entry()
    instrument = entry.directory.instrument_by_symbol[b"BTC/USD"]
    answer = entry.amend(message_of(changes, "G"), instrument, LIMIT, 0)
    assert rule_of(answer) is rule
    if isinstance(answer, Amend):
        assert (answer.price, answer.qty_lots) == (840_005, 25_000_000)
        assert answer.post_only == (18 in changes)


def test_an_amend_to_what_is_executed_needs_no_minimum() -> None:
    """The order ends with it: what is left of it is nothing."""
    entry = order_entry()
    instrument = entry.directory.instrument_by_symbol[b"BTC/USD"]
    answer = entry.amend(message_of({38: "0.00001"}, "G"), instrument, LIMIT, 1_000)
    assert isinstance(answer, Amend)
    assert answer.qty_lots == 1_000


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
        assert rule_of(entry.new_order(0, message_of({**changes}))) is rule


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
