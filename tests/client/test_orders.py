"""Requests as they go to the wire, field by field."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.client.memory_venue import START_NS, MemoryVenue, client
from tests.client.test_session import logged_on
from tidegate.client import Amend, DiscretionInst, NewOrder, OrdType, Request, TimeInForce
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
