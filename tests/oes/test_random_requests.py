"""Requests drawn from every field of 35=D and 35=G, good and bad values alike, in any combination.

Whatever comes, the venue answers it, and an order that is refused leaves the engine as it was. The
venue checks itself on the way: its own assertions, its messages against the dictionary, its replay.
"""

from __future__ import annotations

import random

import pytest

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player, field_pairs, framed
from tests.scenario.script import Script
from tests.scenario.settings import change
from tidegate.model.codec import Encoder
from tidegate.model.time import utc_timestamp

FIRMS = ("ACME", "BETA", "PRIME")
PRICES = ["100", "101", "99", "99.9", "100.1", "120", "80", "0", "-1", "100.05", "1e3"]
DISTANCES = ["1", "0.1", "5", "99", "100.1", "101", "0.05"]
QUANTITIES = ["1", "0.5", "2.5", "0.03", "10", "0.0000001", "0", "99999999999"]
EXEC_INSTS = ["P", "f", "q", "s", "P s", "E", "E s", "v", "v f", "v s", "E P q", "f q", "P P", "x"]
STATUSES = ["post_only", "limit_only", "reduce_only", "cancel_only", "maintenance"]


class World:
    """Three firms with leverage trade BTC/USD around 100."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.venue = CoreVenue()
        change(self.venue.settings, "instrument", "BTC/USD leverage_max=5 band=500000")
        for name in ("ACME-1", "BETA-1", "PRIME-1-A", "PRIME-1-B"):
            limits = "scheduled_orders_max=3 margin_allowance=USD:1500,BTC:15"
            change(self.venue.settings, "account", f"{name} leverage=5 USD=2000 BTC=20 {limits}")
        for firm in FIRMS:
            change(self.venue.settings, "session", f"{firm} errors_per_second_max=100000")
        logons = "".join(f"logon {firm} 8674=1\n" for firm in FIRMS)
        Player(Script.of_text(logons), self.venue).run()
        self.numbers = dict.fromkeys(FIRMS, 1)
        self.orders: dict[str, dict[str, str]] = {}  # open ones, by OrderID, as last reported
        self.owners: dict[str, str] = {}
        self.status = "online"

    def time(self, seconds: float) -> str:
        return utc_timestamp(self.venue.now_ns + int(seconds * 10**9)).decode()

    def some(self, chance: float) -> bool:
        return self.random.random() < chance

    def price(self) -> str:
        good = self.some(0.9)
        return self.random.choice(PRICES[:7] if good else PRICES)

    def new_order(self, firm: str) -> dict[str, str]:
        draw = self.random
        ord_type = draw.choice("1122234RTUV")
        fields = {
            "54": draw.choice("12"),
            "40": ord_type,
            "38": draw.choice(QUANTITIES[:5] if self.some(0.9) else QUANTITIES),
            "59": draw.choice("1111346"),
        }
        if (ord_type in "24TV") == self.some(0.98):
            fields["44"] = draw.choice(DISTANCES) if ord_type == "V" else self.price()
        if (ord_type in "34RTUV") == self.some(0.98):
            fields["99"] = draw.choice(DISTANCES) if ord_type in "UV" else self.price()
        if (fields["59"] == "6") == self.some(0.98):
            fields["126"] = self.time(draw.choice([-1, 1, 5, 5, 60, 10**7]))
        for tag, chance, values in (
            ("18", 0.2, EXEC_INSTS),
            ("1138", 0.1, ["0.5", "0.1", "1", "0", "2.5"]),
            ("388", 0.1, ["1", "5", "5", "2"]),
            ("5001", 0.3, ["0", "1", "1"]),
            ("7928", 0.3, ["0", "1", "2", "3"]),
            ("50", 0.1, ["ALFA", "BRAVO"]),
        ):
            if self.some(chance):
                fields[tag] = draw.choice(values)
        if fields["40"] == "1" and fields["54"] == "1" and self.some(0.3):
            fields["18"] = "v"
            fields["38"] = draw.choice(["50", "100", "300.00000001", "0.1"])
        if fields.get("5001") == "1" and self.some(0.3):
            fields["18"] = "E"
        if self.some(0.1):
            fields["168"] = self.time(draw.choice([-1, 0.5, 3, 60, 10**7]))
        if self.some(0.05):
            fields["62"] = self.time(draw.choice([-1, 1, 2, 5, 60, 61]))
        if (firm == "PRIME") == self.some(0.97):
            fields |= {"78": "1", "79": draw.choice(["PRIME-1-A", "PRIME-1-B"])}
        return fields

    def amend(self, order_id: str) -> dict[str, str]:
        order = self.orders[order_id]
        draw = self.random
        fields = {"37": order_id, "41": order["11"], "54": order["54"], "40": order["40"]}
        fields["59"] = order["59"] if self.some(0.97) else "1"
        fields["38"] = draw.choice([order["38"], "1", "0.7", "3", "0.00001"])
        if (order["40"] in "24TV") == self.some(0.97):
            fields["44"] = draw.choice(DISTANCES) if order["40"] == "V" else self.price()
        if (order["40"] in "34RTUV") == self.some(0.97):
            fields["99"] = draw.choice(DISTANCES) if order["40"] in "UV" else self.price()
        if ("1138" in order) == self.some(0.9):
            fields["1138"] = draw.choice(["0.5", "0.1", "1", "0"])
        if self.some(0.2):
            fields["18"] = draw.choice(["P", "P", "E"])
        return fields

    def send(self, firm: str, msg_type: str, fields: dict[str, str]) -> None:
        self.numbers[firm] += 1
        number = str(self.numbers[firm])
        head = {"35": msg_type, "34": number, "49": firm, "56": "KRAKEN-TRD", "52": self.time(0)}
        if "50" in fields:
            head["50"] = fields.pop("50")
        body = {**head, "11": number, "55": "BTC/USD", "60": self.time(0), **fields}
        before = self.state()
        self.venue.send(firm, framed("".join(f"{t}={v}\x01" for t, v in body.items()).encode()))
        answers = self.receive()
        own = [a for a in answers if a.get("11") == number or a["35"] in ("3", "j")]
        assert own, (body, answers)
        if own[0]["35"] in ("3", "j"):
            assert len(answers) == 1, (body, answers)
            assert self.state() == before, body

    def receive(self) -> list[dict[str, str]]:
        """What every line has got since; reports tell which orders are open."""
        answers = []
        for firm in FIRMS:
            while (frame := self.venue.receive(firm)) is not None:
                answer = dict(field_pairs(frame))
                if answer["35"] == "8":
                    self.note(firm, answer)
                answers.append(answer)
        return answers

    def note(self, firm: str, report: dict[str, str]) -> None:
        self.orders.pop(report["37"], None)
        if report["39"] not in ("2", "4", "C"):
            self.orders[report["37"]] = report
            self.owners[report["37"]] = firm

    def state(self) -> bytes:
        encoder = Encoder()
        self.venue.venue.engine.save(encoder)
        return encoder.value()

    def operate(self) -> None:
        """What an operator does now and then: the index moves, the status changes for a while."""
        words = f"index BTC/USD {self.random.choice(PRICES[:7])}"
        if self.status != "online" or self.some(0.2):
            self.status = "online" if self.status != "online" else self.random.choice(STATUSES)
            words = f"status BTC/USD {self.status}"
        self.venue.control("-", words.split())
        self.receive()

    def step(self) -> None:
        draw = self.random
        firm = draw.choice(FIRMS)
        order_id = draw.choice(sorted(self.orders)) if self.orders else ""
        kind = draw.random()
        if kind < 0.65 or not order_id:
            self.send(firm, "D", self.new_order(firm))
        elif kind < 0.85:
            self.send(self.owners[order_id], "G", self.amend(order_id))
        elif kind < 0.9:
            self.send(self.owners[order_id], "F", {"37": order_id, "54": "1"})
        elif kind < 0.95:
            self.venue.advance(draw.choice([10**8, 10**9, 5 * 10**9]))
            self.receive()
        else:
            self.operate()


@pytest.mark.parametrize("seed", range(4))
def test_every_request_is_answered_and_a_refused_one_changes_nothing(seed: int) -> None:
    world = World(seed)
    for _ in range(200):
        world.step()
    open_orders = world.venue.venue.engine.open_order_count
    assert len(world.orders) == open_orders
    world.venue.verify()
