"""Requests as they go to the wire, field by field."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from tests.client.memory_venue import START_NS, MemoryVenue, client
from tests.client.test_session import logged_on
from tidegate.client import (
    Amend,
    Credentials,
    DiscretionInst,
    NewOrder,
    OrdType,
    Request,
    TimeInForce,
)
from tidegate.model.time import NS_PER_S

HEADER = {"8", "9", "35", "34", "49", "52", "56", "10"}
NEW = {"symbol": "BTC/USD", "side": "2", "order_qty": "1.5"}
NEW_FIELDS = "11=7 38=1.5 40={type} {rest}54=2 55=BTC/USD 59={tif} 60=20261103-09:15:00.000{more}"


def sent(request: Request) -> str:
    """The body of a request as it left, times and numbers of the header left out."""
    server = MemoryVenue()
    core = client()
    logged_on(server, core)
    core.submit(request, START_NS, "7")
    fields = core.take_output().decode().split("\x01")[:-1]
    return " ".join(field for field in fields if field.partition("=")[0] not in HEADER)


def expected(ord_type: str, rest: str = "", more: str = "", tif: str = "1") -> str:
    return NEW_FIELDS.format(type=ord_type, rest=rest, more=more, tif=tif)


@pytest.mark.parametrize(
    ("given", "body"),
    [
        ({"price": "84000.5"}, expected("2", "44=84000.5 ")),
        (
            {"ord_type": OrdType.STOP_LOSS, "stop_px": Decimal("8.4E+4")},
            expected("3", more=" 99=84000"),
        ),
        (
            {
                "ord_type": OrdType.TRAILING_STOP_LIMIT,
                "stop_px": 2000,
                "price": "10",
                "discretion_inst": DiscretionInst.INDEX,
            },
            expected("V", "44=10 ", " 99=2000 388=1"),
        ),
        (
            {"price": "5", "display_qty": "0.1", "leverage": True, "self_trade_prevention": 2},
            expected("2", "44=5 ", " 1138=0.1 5001=1 7928=2"),
        ),
        (
            {
                "price": "5",
                "time_in_force": TimeInForce.GTD,
                "expire_time_ns": START_NS + 3 * NS_PER_S,
                "effective_time_ns": START_NS + 2 * NS_PER_S,
                "valid_until_time_ns": START_NS + NS_PER_S,
                "alloc_account": "PRIME-1-A",
            },
            expected(
                "2", "44=5 ", " 62=20261103-09:15:01.000 78=1 79=PRIME-1-A "
                "126=20261103-09:15:03.000 168=20261103-09:15:02.000", "6",
            ),
        ),
        ({"price": "5", "sender_sub_id": "DESK"}, "50=DESK " + expected("2", "44=5 ")),
    ],
)  # fmt: skip
def test_fields_of_a_new_order(given: dict[str, object], body: str) -> None:
    assert sent(NewOrder(**(NEW | given))) == body  # type: ignore[arg-type]


def test_fields_of_an_amend() -> None:
    amend = Amend(
        symbol="BTC/USD",
        side="2",
        order_id="OAAAAA-AAAAA-AAAAAB",
        orig_cl_ord_id="6",
        order_qty="2",
        ord_type=OrdType.STOP_LOSS_LIMIT,
        price="79000",
        stop_px="80000",
        display_qty="0.5",
        valid_until_time_ns=START_NS + NS_PER_S,
    )
    assert sent(amend) == (
        "11=7 37=OAAAAA-AAAAA-AAAAAB 38=2 40=4 41=6 44=79000 54=2 55=BTC/USD 59=1 "
        "60=20261103-09:15:00.000 62=20261103-09:15:01.000 99=80000 1138=0.5"
    )


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        (
            {"order_qty": 0.1},
            TypeError,
            "OrderQty (38) is of type float; give a Decimal, an int or text",
        ),
        ({"order_qty": True}, TypeError, "OrderQty (38) is of type bool; give"),
        ({"order_qty": "abc"}, ValueError, "OrderQty (38) is 'abc'; give digits"),
        ({"order_qty": ""}, ValueError, "OrderQty (38) is ''; give digits"),
        ({"price": "1e5"}, ValueError, "Price (44) is '1e5'; give digits"),
        ({"price": "1.2.3"}, ValueError, "Price (44) is '1.2.3'; give digits"),
        ({"stop_px": Decimal("NaN")}, ValueError, "StopPx (99) is 'NaN'; give digits"),
        ({"self_trade_prevention": "no"}, ValueError, "SelfTradePrevention (7928) is 'no'; give"),
        ({"symbol": 5}, TypeError, "Symbol (55) is of type int; give text"),
        ({"symbol": None}, TypeError, "Symbol (55) is of type NoneType; give text"),
        ({"symbol": "BTC\x01USD"}, ValueError, r"Symbol (55) is 'BTC\x01USD': SOH ends a field"),
        ({"symbol": "\ud800"}, ValueError, r"Symbol (55) is '\ud800': half a character"),
        ({"expire_time_ns": 1.5}, TypeError, "ExpireTime (126) is of type float; give nanoseconds"),
        ({"expire_time_ns": True}, TypeError, "ExpireTime (126) is of type bool; give nanoseconds"),
        ({"expire_time_ns": -1}, ValueError, "ExpireTime (126) is -1; give nanoseconds since 1970"),
        ({"expire_time_ns": 1 << 63}, ValueError, f"ExpireTime (126) is {1 << 63}; give nano"),
        (
            {"extra": b"58=x"},
            ValueError,
            "extra is b'58=x'; give fields as tag=value, each ended by",
        ),
        ({"extra": b"x\x01"}, ValueError, r"extra is b'x\x01'; give fields"),
        ({"extra": "58=x"}, TypeError, "extra is of type str; give bytes"),
    ],
)
def test_what_can_not_be_sent_is_refused_with_field_and_rule_and_costs_nothing(
    given: dict[str, object], error: type[Exception], text: str
) -> None:
    server = MemoryVenue()
    core = client()
    line = logged_on(server, core)
    with pytest.raises(error, match=re.escape(text)):
        core.submit(NewOrder(**(NEW | {"price": "5"} | given)), START_NS)  # type: ignore[arg-type]
    assert core.pending == {}
    assert core.take_output() == b""
    extra = b"58=x\x01528=A\x01"
    cl_ord_id = core.submit(NewOrder(**(NEW | {"price": "99999", "extra": extra})), START_NS)  # type: ignore[arg-type]
    line.step(START_NS)
    ((answered, _),) = core.take_answers()
    assert answered == cl_ord_id


@pytest.mark.parametrize("secret", ["geheimnis!", "schlüssel"])
def test_a_secret_that_is_no_base64_is_told_without_showing_it(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^api_secret is not base64$"):
        Credentials("ACME", "KRAKEN-TRD", "key", secret)
