"""Random days on the bare core: whatever clients, operators, lines and clocks do, nothing raises, a
refusal leaves the state untouched, money and books are right after every step, and at the end
everything holds that holds at the end of a script (replay, snapshots, numbers, money)."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player, field_pairs
from tests.scenario.script import Script
from tests.venue.hostile_requests import request_line
from tidegate.lab.sim.invariants import check_books, check_holds
from tidegate.model.codec import Encoder
from tidegate.model.orders import order_id_text
from tidegate.venue.controls import ControlRefused
from tidegate.venue.machine import Venue
from tidegate.venue.records import FRAME, SENT, read_records

NAMES = st.sampled_from(["ACME", "ACME", "BETA", "DESK", "PRIME"])
NEXT = st.just("$next")
ODD = st.sampled_from(["$u1", "$u2", "x"])
IDS = st.one_of(NEXT, NEXT, NEXT, st.integers(1, 40).map(str), ODD)
ORDERS = st.integers(1, 12).map(lambda n: order_id_text(n).decode())
PRICES = st.sampled_from(["49999", "50000", "50000", "50001", "50001", "50002", "50000.05"])
QTYS = st.sampled_from(["0.01", "0.02", "0.03", "0.05", "0.1", "90"])
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
REQUESTS = st.tuples(st.integers(0, 2**32 - 1), st.integers(3, 8))  # a seed, and how many
SYMBOL = st.sampled_from(["BTC/USD", "BTC/USD", "ETH/USD", "ETH/BTC"])
ACCOUNT = st.sampled_from(["ACME-1", "BETA-1", "PRIME-1-A", "PRIME-1-B"])
SWITCH = st.sampled_from(["enable", "enable", "disable"])
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
    line("send {name} 35=D|97=Y|11={id}|55=BTC/USD|54=1|40=2|44=50000|38=0.1|59=1", name=NAMES,
         id=IDS),
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
OPERATOR = st.one_of(
    line("control - status {symbol} {status}", symbol=SYMBOL,
         status=st.sampled_from(["online", "online", "cancel_only", "post_only", "limit_only",
                                 "reduce_only", "maintenance"])),
    st.sampled_from(["control - halt", "control - resume", "control - resume"]),
    line("control - index {symbol} {price}", symbol=SYMBOL,
         price=st.sampled_from(["49999", "50001", "3000", "1"])),
    line("control - band {symbol} {percent}", symbol=SYMBOL,
         percent=st.sampled_from(["none", "default", "5"])),
    line("control - {what} {account} {asset} {amount}", account=ACCOUNT,
         what=st.sampled_from(["deposit", "withdraw"]), asset=st.sampled_from(["USD", "BTC"]),
         amount=st.sampled_from(["1", "0.0000000001", "100000"])),
    line("control - fees {account} {rates}", account=ACCOUNT,
         rates=st.sampled_from(["default", "by-volume", "0 0", "1 2"])),
    line("control - {what}-account {account}", what=SWITCH, account=ACCOUNT),
    line("control - {what}-firm {firm}", what=SWITCH, firm=st.sampled_from(["ACME", "PRIME"])),
    line("control - {what}-key {key}", what=SWITCH, key=st.sampled_from(["KEY-0", "KEY-1"])),
    line("control {name} {what}-session", what=SWITCH, name=NAMES),
)  # fmt: skip
KINDS = (  # each as often as it stands here; `st.one_of` would count the kinds of each kind
    REQUESTS, REQUESTS, REQUESTS, REQUESTS, REQUESTS, NEW, NEW, CANCEL, AMEND, LOGON, OTHER, WORLD,
    CONTROL, OPERATOR,
)  # fmt: skip
STEPS = st.lists(st.sampled_from(KINDS).flatmap(lambda kind: kind), min_size=20, max_size=35)

OPENING = """\
given rate_tier small decay_centi=100 threshold_centi=1500 open_orders_per_pair=5
given session DESK account=ACME-1
given session BETA errors_per_second_max=4
given account ACME-1 USD=200000 BTC=5 leverage=5 fees_by_volume=Y
given account BETA-1 USD=50000 BTC=2 rate_tier=small leverage=2 opposing_positions=N
given account PRIME-1-A leverage=3 margin_allowance=USD:30000
logon ACME 8674=1
logon BETA
logon DESK
logon PRIME"""


class _Day(Player):
    """Plays lines whatever comes back; a client knows the number that the venue expects."""

    def __init__(self, script: Script, venue: CoreVenue) -> None:
        super().__init__(script, venue)
        self.core = venue
        self.request_count = 0

    def requests(self, seed: int, count: int) -> None:
        """Of clients that are logged on, or else try to be. No two of a day are the same, though
        the seed may be."""
        for _ in range(count):
            self.request_count += 1
            random = Random(f"{seed} {self.request_count}")
            name = random.choice(("ACME", "ACME", "BETA", "DESK", "PRIME"))
            venue = self.core.venue
            index = venue.directory.session_index(name.encode(), b"KRAKEN-TRD")
            if venue.sessions[index].link == 0:
                self.play(f"send {name} 35=A|98=0|108=30|141=N")
            if random.random() < 0.9:
                self.core.advance(0)  # else the message itself finds what is due
            self.play(request_line(venue, name, random, self.core.now_ns))

    def play(self, text: str) -> None:
        core = self.core
        self.now_ns = core.now_ns
        if "@id" in text:
            text = self._with_open_order(text)
        (step,) = Script.of_text(text).steps
        if step.verb == "send":
            index = core.venue.directory.session_index(step.target.encode(), b"KRAKEN-TRD")
            expected = core.venue.sessions[index].next_incoming
            self.next_numbers[step.target] = 1 if "|141=Y" in step.rest else expected
            if "35=A" in step.rest and core.is_cut(step.target):
                core.connect(step.target)
        self.variables.pop("next", None)
        is_due = core.venue.next_deadline_ns <= core.now_ns
        before, turns = _engine_state(core), len(core.turns)
        try:
            self._play(step)
            untouched = len(core.turns) == turns + 1 and _is_refusal(core.turns[-1][0])
        except ControlRefused:
            untouched = True
        if untouched and not is_due:
            assert _engine_state(core) == before, text
        _check(core.venue)

    def _with_open_order(self, text: str) -> str:
        venue = self.core.venue
        index = venue.directory.session_index(text.split()[1].encode(), b"KRAKEN-TRD")
        orders = venue.engine.session_orders(index)
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


def _engine_state(core: CoreVenue) -> bytes:
    encoder = Encoder()
    core.venue.engine.save(encoder)
    return encoder.value()


def _is_refusal(payload: bytes) -> bool:
    """Whether a turn is a message and the one reject that answers it."""
    kinds = [(record.kind, record.data) for record in read_records(payload)]
    if [kind for kind, _ in kinds] != [FRAME, SENT]:
        return False
    return field_pairs(kinds[1][1])[2] in (("35", "3"), ("35", "j"))


def _check(venue: Venue) -> None:
    """What holds between any two steps."""
    ledger = venue.engine.ledger
    assert set(ledger.totals().values()) <= {0}
    for account in venue.directory.accounts:
        for asset in ledger.assets(account.index):
            assert ledger.available(account.index, asset) >= 0, (account.name, asset)
    check_holds(venue)
    check_books(venue)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_a_hostile_day(steps: list[str | tuple[int, int]]) -> None:
    venue = CoreVenue()
    day = _Day(Script.of_text(OPENING + "\nlet u1 = uuid\nlet u2 = uuid 60s"), venue)
    day.run()
    for step in steps:
        if isinstance(step, str):
            day.play(step)
        else:
            day.requests(*step)
    day.read()
    venue.verify()
