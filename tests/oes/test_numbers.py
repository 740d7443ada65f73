"""Absurd numbers and times in every field of 35=D and 35=G that has one: the stated refusal, and an
engine that is as it was.

What is no number of FIX at all is refused by the dictionary (35=3). What is one, but absurd, is
refused by the rule that looks at the field (35=j).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pytest

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player, field_pairs, framed
from tests.scenario.script import Script
from tidegate.model.codec import Encoder
from tidegate.model.time import utc_timestamp

Fields = dict[int, str]

NOW: Final = "20261103-09:15:00.000"
LIMIT: Final[Fields] = {40: "2", 44: "84000", 38: "0.2", 59: "1"}
STOP: Final[Fields] = {40: "3", 99: "90000", 38: "0.2", 59: "1"}
STOP_LIMIT: Final[Fields] = {40: "4", 44: "90000", 99: "90000", 38: "0.2", 59: "1"}
TRAILING: Final[Fields] = {40: "V", 44: "10", 99: "100", 38: "0.2", 59: "1"}
SPEND: Final[Fields] = {40: "1", 38: "100", 59: "1", 18: "v"}
ICEBERG: Final[Fields] = {**LIMIT, 1138: "0.1"}
GTD: Final[Fields] = {**LIMIT, 59: "6", 126: "20261104-09:15:00"}

# --- numbers -------------------------------------------------------------------------------------

MALFORMED: Final = [
    "1e5", "1E5", "+1", " 1", "1 ", "1.2.3", ".", "-", "-.", "--1", "1-", "0x10", "1,5", "1_000",
    "NaN", "inf", "1" * 41, "0." + "1" * 39, "0" * 41,
]  # fmt: skip
NINETEEN_DIGITS: Final = "1234567890123456789"
THIRTY_DECIMALS: Final = "0." + "123456789" * 3 + "123"
ABSURD: Final = {
    "0": "size", "0.0": "size", "00000": "size", "-0": "size", "-1": "size",
    "-" + NINETEEN_DIGITS: "size", NINETEEN_DIGITS: "size", "9" * 40: "size",
    "9999999999.999999999": "precision", THIRTY_DECIMALS: "precision",
    "0." + "0" * 37 + "1": "precision",
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A field that is a number, in an order that is good but for it. `size` and `precision` are the
    texts that refuse a number out of bounds and one of too many decimals."""

    name: str
    order: Fields
    tag: int
    size: str
    precision: str


_VOLUME = "EGeneral:Invalid arguments:volume"
_DISPLAY = "EGeneral:Invalid arguments:DisplayQty (1138) must be 1/15 of OrderQty (38) to all of it"
_PRICE = ("EOrder:Invalid price", "EOrder:Tick size check failed")

NUMBERS: Final = [
    Number("OrderQty", LIMIT, 38, _VOLUME, _VOLUME),
    Number("OrderQty in the quote asset", SPEND, 38, _VOLUME, _VOLUME),
    Number("Price", LIMIT, 44, *_PRICE),
    Number("Price behind a trigger", STOP_LIMIT, 44, *_PRICE),
    Number("Price as a distance", TRAILING, 44, *_PRICE),
    Number("StopPx", STOP, 99, *_PRICE),
    Number("StopPx as a distance", TRAILING, 99, *_PRICE),
    Number("DisplayQty", ICEBERG, 1138, _DISPLAY, _VOLUME),
]
AMENDED: Final = [
    Number("OrderQty", LIMIT, 38, _VOLUME, _VOLUME),
    Number("Price", LIMIT, 44, *_PRICE),
    Number("DisplayQty", ICEBERG, 1138, _DISPLAY, _VOLUME),
    Number("StopPx", STOP, 99, *_PRICE),
    Number("StopPx as a distance", TRAILING, 99, *_PRICE),
    Number("Price as a distance", TRAILING, 44, *_PRICE),
]


class Line:
    """ACME's line to a venue on the bare core. BTC/USD has traded at 84000."""

    def __init__(self) -> None:
        self.venue = CoreVenue()
        trade = Script.of_text(
            "logon BETA\n"
            "send BETA 35=D|11=1|55=BTC/USD|54=2|40=2|44=84000|38=0.1|59=1\n"
            "expect BETA 35=8|150=0\n"
            "logon ACME\n"
            "send ACME 35=D|11=1|55=BTC/USD|54=1|40=1|38=0.1|59=1\n"
            "expect ACME 35=8|150=0\nexpect ACME 35=8|150=F\nexpect BETA 35=8|150=F\n"
        )
        Player(trade, self.venue).run()
        self.number = 2

    def send(self, msg_type: str, fields: Fields) -> dict[str, str]:
        """The answer to a request."""
        self.number += 1
        head = (
            f"35={msg_type}\x0134={self.number}\x0149=ACME\x0156=KRAKEN-TRD\x01"
            f"52={utc_timestamp(self.venue.now_ns).decode()}\x01"
        )
        request = {11: str(self.number), 55: "BTC/USD", 54: "1", 60: NOW, **fields}
        body = head + "".join(f"{tag}={value}\x01" for tag, value in request.items())
        self.venue.send("ACME", framed(body.encode()))
        frame = self.venue.receive("ACME")
        assert frame is not None
        while self.venue.receive("ACME") is not None:
            pass  # what an order does that is good
        return dict(field_pairs(frame))

    def state(self) -> bytes:
        encoder = Encoder()
        self.venue.venue.engine.save(encoder)
        return encoder.value()

    def enter(self, order: Fields) -> Fields:
        """Enter an order; what an amend that asks for the same has."""
        report = self.send("D", order)
        assert report["35"] == "8", report
        return {37: report["37"], 41: report["11"], **order}


def answers(line: Line, msg_type: str, good: Fields, tag: int, values: list[str]) -> list[str]:
    """What each value of the field is answered with, in one line of text; none of them may change
    the engine."""
    before = line.state()
    told: list[str] = []
    for value in values:
        answer = line.send(msg_type, {**good, tag: value})
        if answer["35"] == "3":
            told.append(f"{value}: 371={answer['371']} 373={answer['373']}")
        else:
            told.append(f"{value}: {answer.get('58', answer)}")
        assert answer["35"] in ("3", "j"), (value, answer)
        assert line.state() == before, value
    return told


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: number.name)
def test_absurd_numbers_of_a_new_order(number: Number) -> None:
    line = Line()
    told = answers(line, "D", number.order, number.tag, MALFORMED)
    assert told == [f"{text}: 371={number.tag} 373=6" for text in MALFORMED]
    told = answers(line, "D", number.order, number.tag, list(ABSURD))
    assert told == [f"{text}: {getattr(number, kind)}" for text, kind in ABSURD.items()]
    line.enter(number.order)  # which is good


@pytest.mark.parametrize("number", AMENDED, ids=lambda number: number.name)
def test_absurd_numbers_of_an_amend(number: Number) -> None:
    line = Line()
    amend = line.enter(number.order)
    told = answers(line, "G", amend, number.tag, MALFORMED)
    assert told == [f"{text}: 371={number.tag} 373=6" for text in MALFORMED]
    told = answers(line, "G", amend, number.tag, list(ABSURD))
    assert told == [f"{text}: {getattr(number, kind)}" for text, kind in ABSURD.items()]
    assert line.send("G", amend)["150"] == "5"


@pytest.mark.parametrize(
    ("msg_type", "order", "tag"),
    [
        ("D", LIMIT, 38), ("D", LIMIT, 44), ("D", SPEND, 38), ("D", STOP, 99), ("D", STOP, 38),
        ("G", LIMIT, 38), ("G", LIMIT, 44), ("G", STOP, 99), ("G", STOP, 38),
    ],
)  # fmt: skip
def test_the_largest_number_there_is_costs_too_much(msg_type: str, order: Fields, tag: int) -> None:
    """Eighteen digits, lots and price units included: no overflow on the way to the balance."""
    line = Line()
    good = order if msg_type == "D" else line.enter(order)
    largest = "9999999999.99999999" if tag == 38 else "99999999999999999.9"
    [told] = answers(line, msg_type, good, tag, [largest])
    assert told == f"{largest}: EOrder:Insufficient funds"


# --- times ---------------------------------------------------------------------------------------

NO_TIMES: Final = [
    "20261104", "20261104-09:15", "20261104-09:15:00.", "20261104-24:00:00", "20261104-09:60:00",
    "20261104-09:15:61", "20260231-09:15:00", "20261304-09:15:00", "20261100-09:15:00",
    "2026110409:15:00", "20261104 09:15:00", "20261104-09:15:00Z", "20261104-09:15:00.0000000001",
    "19691231-23:59:59", "00000101-00:00:00", "1e5", "-1", "0", "now", "1793783700",
]  # fmt: skip
PASSED: Final = ["19700101-00:00:00", "20261103-09:14:59.999999999", "20261103-09:15:00"]
TOO_FAR: Final = ["20261204-09:15:00.000000001", "20991231-23:59:59", "99991231-23:59:60.999999999"]
_ARGUMENTS = "EGeneral:Invalid arguments:"


@pytest.mark.parametrize(
    ("order", "tag", "text"),
    [
        (GTD, 126, f"{_ARGUMENTS}ExpireTime (126) must lie ahead, at most 31 days"),
        (
            LIMIT,
            168,
            f"{_ARGUMENTS}EffectiveTime (168) must lie ahead, at most 31 days, and before "
            "ExpireTime (126)",
        ),
        (LIMIT, 62, f"{_ARGUMENTS}ValidUntilTime (62) must be 2 to 60 s after SendingTime (52)"),
    ],
)
def test_absurd_times_of_a_new_order(order: Fields, tag: int, text: str) -> None:
    line = Line()
    told = answers(line, "D", order, tag, NO_TIMES)
    assert told == [f"{value}: 371={tag} 373=6" for value in NO_TIMES]
    told = answers(line, "D", order, tag, [*PASSED, *TOO_FAR])
    assert told == [f"{value}: {text}" for value in [*PASSED, *TOO_FAR]]


def test_absurd_times_of_an_amend() -> None:
    line = Line()
    amend = line.enter(LIMIT)
    assert answers(line, "G", amend, 62, NO_TIMES) == [f"{v}: 371=62 373=6" for v in NO_TIMES]
    text = f"{_ARGUMENTS}ValidUntilTime (62) must be 2 to 60 s after SendingTime (52)"
    told = answers(line, "G", amend, 62, [*PASSED, *TOO_FAR])
    assert told == [f"{value}: {text}" for value in [*PASSED, *TOO_FAR]]


@pytest.mark.parametrize("text", ["20261103-09:15:30", "20261103-09:15:30.000000000"])
def test_times_with_and_without_a_fraction_are_the_same(text: str) -> None:
    line = Line()
    line.enter({**LIMIT, 62: text})
    line.enter({**GTD, 126: text})
    assert line.send("D", {**LIMIT, 168: text})["150"] == "A"


# --- listed values -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "unlisted", "malformed"),
    [
        (388, ["0", "2", "01", "-1", "999999999999999999"], ["1e0", "+1", " 1", "1" * 19]),
        (7928, ["3", "00", "-0", "-1"], ["+1", "x", "1.0"]),
        (5001, ["2", "9", "Y"], ["01", "-1", "10"]),
        (78, ["2", "0", "01"], ["-1", "+1", "1.0"]),
    ],
)
def test_absurd_codes(tag: int, unlisted: list[str], malformed: list[str]) -> None:
    line = Line()
    order = {**STOP, 78: "1", 79: "NOBODY"} if tag == 78 else STOP
    told = answers(line, "D", order, tag, unlisted)
    reasons = {"2": "16", "0": "16", "01": "5"} if tag == 78 else {}  # 16: of another count
    assert told == [f"{v}: 371={tag} 373={reasons.get(v, '5')}" for v in unlisted]
    told = answers(line, "D", order, tag, malformed)
    assert told == [f"{v}: 371={tag} 373=6" for v in malformed]
