"""Random days on the bare core: whatever clients, lines and clocks do, nothing raises, and at the
end everything holds that holds at the end of a script (replay, snapshots, numbers, money)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player, field_pairs
from tests.scenario.script import Script
from tidegate.model.orders import order_id_text
from tidegate.venue.controls import ControlRefused

NAMES = st.sampled_from(["ACME", "ACME", "BETA", "DESK"])
NEXT = st.just("$next")
ODD = st.sampled_from(["$u1", "$u2", "x"])
IDS = st.one_of(NEXT, NEXT, NEXT, st.integers(1, 40).map(str), ODD)
ORDERS = st.integers(1, 12).map(lambda n: order_id_text(n).decode())
PRICES = st.sampled_from(["99", "100", "100", "101", "101", "102", "100.05"])
QTYS = st.sampled_from(["0.1", "0.2", "0.3", "0.5", "1", "900"])
SIDE = st.sampled_from(["1", "2"])
SUB = st.sampled_from(["", "50=A|", "50=B|"])


def line(template: str, **parts: Any) -> st.SearchStrategy[str]:
    """A script's line with drawn parts."""
    return st.fixed_dictionaries(parts).map(lambda drawn: template.format(**drawn))


NEW = line(
    "send {name} 35=D|{sub}11={id}|55=BTC/USD|54={side}|40={kind}|44={price}|38={qty}|59={tif}"
    "{more}",
    name=NAMES, sub=SUB, id=IDS, side=SIDE, kind=st.sampled_from("22221"), price=PRICES, qty=QTYS,
    tif=st.sampled_from("111134"),
    more=st.sampled_from(["", "", "", "|18=P", "|7928=0", "|7928=1", "|7928=2"]),
)  # fmt: skip
CANCEL = line(
    "send {name} 35=F|11={id}|{by}|54=1|55=BTC/USD",
    name=NAMES, id=IDS,
    by=st.one_of(
        ORDERS.map("37={}".format), st.integers(1, 40).map("41={}".format),
        st.integers(0, 5).map("37=@id{}".format),
    ),
)  # fmt: skip
AMEND = line(  # of the session's n-th open order, if it has so many
    "send {name} 35=G|11={id}|37=@id{n}|41=@cl|54=@side|55=BTC/USD|38={qty}|40=2|44={price}|59=1"
    "{more}",
    name=NAMES, id=IDS, n=st.integers(0, 3), qty=QTYS, price=PRICES,
    more=st.sampled_from(["", "", "|18=P"]),
)  # fmt: skip
LOGON = line(
    "send {name} 35=A|98=0|108=30|141={reset}|8674={cod}|5030={force}",
    name=NAMES, reset=st.sampled_from("YNN"), cod=st.sampled_from("01"),
    force=st.sampled_from("YNN"),
)  # fmt: skip
OTHER = st.one_of(
    line("send {name} 35=q|11={id}|530={reach}|55=BTC/USD", name=NAMES, id=IDS,
         reach=st.sampled_from("167")),
    line("send {name} 35=H|11=1|37={order}|55=BTC/USD", name=NAMES, order=ORDERS),
    line("send {name} 35=2|7={begin}|16={end}", name=NAMES, begin=st.integers(0, 9),
         end=st.integers(0, 9)),
    line("send {name} 35=4|123={fill}|36={new}", name=NAMES, fill=st.sampled_from("YN"),
         new=st.integers(0, 30)),
    line("send {name} 35=0|34={number}|43=Y|122=$now", name=NAMES, number=st.integers(1, 30)),
    line("send {name} 35={kind}", name=NAMES, kind=st.sampled_from(["0", "1", "5", "AF", "ZZ"])),
    line("send {name} 35=D|97=Y|11={id}|55=BTC/USD|54=1|40=2|44=100|38=1|59=1", name=NAMES, id=IDS),
)  # fmt: skip
WORLD = st.one_of(
    line("connect {name}", name=NAMES),
    line("cut {name}", name=NAMES),
    st.sampled_from(["advance 1s", "advance 40s", "advance 2h", "restart", "restart 9h"]),
    st.just("jump -5s"),
    line("configure session ACME {what}={value}", value=st.sampled_from("YN"),
         what=st.sampled_from(["cancel_scope_comp_id", "mass_cancel_account", "cancel_on_logout",
                               "cancel_on_rollover", "cancel_on_disconnect"])),
    line("configure session ACME duplicate_logon={value}", value=st.sampled_from("01")),
    line("configure session ACME disconnect_grace_s={value}",
         value=st.sampled_from(["0", "20", "3600"])),
    line("configure venue rollover_policy={value}", value=st.sampled_from("001")),
)  # fmt: skip
CONTROL = st.one_of(
    line("control {name} mute-heartbeats {value}", name=NAMES,
         value=st.sampled_from(["on", "off"])),
    line("control {name} skip-number {count}", name=NAMES, count=st.integers(0, 3)),
    line("control {name} reject-next {layer} {count}", name=NAMES, layer=st.integers(1, 3),
         count=st.integers(0, 2)),
    line("control {name} drop-session", name=NAMES),
    line("control - cancel-order {order}", order=ORDERS),
    line("control - fill-order {order} {qty}", order=ORDERS, qty=QTYS),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(NEW, NEW, NEW, NEW, CANCEL, AMEND, AMEND, LOGON, LOGON, OTHER, WORLD, CONTROL),
    min_size=20,
    max_size=60,
)

OPENING = """\
given session DESK account=ACME-1
given session BETA errors_per_second_max=4
given account ACME-1 USD=100000 BTC=50
given account BETA-1 USD=500 BTC=2
logon ACME 8674=1
logon BETA
logon DESK"""


class _Day(Player):
    """Plays lines whatever comes back; a client knows the number that the venue expects."""

    def play(self, text: str) -> None:
        venue = self.venue
        assert isinstance(venue, CoreVenue)
        self.now_ns = venue.now_ns
        if "@id" in text:
            text = self._with_open_order(text)
        (step,) = Script.of_text(text).steps
        if step.verb == "send":
            index = venue.venue.directory.session_index(step.target.encode(), b"KRAKEN-TRD")
            expected = venue.venue.sessions[index].next_incoming
            self.next_numbers[step.target] = 1 if "|141=Y" in step.rest else expected
            if "35=A" in step.rest and venue.is_cut(step.target):
                venue.connect(step.target)
        self.variables.pop("next", None)
        with suppress(ControlRefused):  # what can not be done must leave no trace
            self._play(step)

    def _with_open_order(self, text: str) -> str:
        venue = self.venue
        assert isinstance(venue, CoreVenue)
        index = venue.venue.directory.session_index(text.split()[1].encode(), b"KRAKEN-TRD")
        orders = venue.venue.engine.session_orders(index)
        place = text.index("@id") + 3
        wanted = int(text[place])
        values = ("OAAAAA-AAAAA-AAAAA7", "1", "1")
        if wanted < len(orders):
            order = orders[wanted]
            values = (order.order_id.decode(), order.cl_ord_id.decode(), chr(order.side))
        text = text.replace(f"@id{wanted}", values[0])
        return text.replace("@cl", values[1]).replace("@side", values[2])

    def read(self) -> None:
        """What has come are whole messages."""
        for label in self.lines:
            while (frame := self.venue.receive(label)) is not None:
                assert field_pairs(frame)[2][0] == "35"


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_a_hostile_day(steps: list[str]) -> None:
    venue = CoreVenue()
    day = _Day(Script.of_text(OPENING + "\nlet u1 = uuid\nlet u2 = uuid 60s"), venue)
    day.run()
    for text in steps:
        day.play(text)
        for market in venue.venue.engine._markets.values():
            bid, ask = market.book.bids.best, market.book.asks.best
            assert bid is None or ask is None or bid.price < ask.price
    day.read()
    venue.verify()
