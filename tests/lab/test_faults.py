"""Which faults fire, when and how often: the plan over a venue that only writes down what it is
asked to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lab.line import Link, frame
from tidegate.config.rules_faults import FAULTS_MAX, KINDS, FaultRefused, read_fault
from tidegate.config.schema import FaultTable
from tidegate.gateway.port import TurnWatch
from tidegate.lab.faults import ABANDONED_MAX, HISTORY_MAX, FaultPlan

ACME, BETA = 0, 1


class Died(Exception):
    """The process would be gone."""


class Target:
    """Two sessions; `asked` is what was done to the venue, with `refuse` nothing can be."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, bytes]] = []
        self.numbers = {ACME: (1, 1), BETA: (1, 1)}
        self.watch: TurnWatch | None = None
        self.refuse = False

    def sender_comp_ids(self) -> list[str]:
        return ["ACME", "BETA"]

    def next_numbers(self, session: int) -> tuple[int, int]:
        return self.numbers[session]

    def now_ns(self) -> int:
        return 10**18

    def inject(self, session: int, fault: FaultTable, order: bytes) -> None:
        if self.refuse:
            raise FaultRefused("the order is gone")
        self.asked.append((session, fault.kind, order))

    def unmute(self, session: int) -> None:
        self.asked.append((session, "unmute", b""))

    def accept_again(self, session: int, layer: int) -> None:
        self.asked.append((session, f"accept again at {layer}", b""))

    async def settled(self) -> None:
        """Nothing takes time here."""

    def watch_turns(self, watch: TurnWatch | None) -> None:
        self.watch = watch

    def die(self) -> None:
        raise Died


class Lab:
    """A plan, its target, and links that are logged on."""

    def __init__(self) -> None:
        self.target = Target()
        self.plan = FaultPlan(self.target)

    def add(self, kind: str, session: str = "ACME", **given: Any) -> Any:
        return self.plan.add(read_fault({"kind": kind, "session": session, **given}))

    def link(self, session: int = ACME) -> Link:
        link = Link()
        self.plan.linked(session, link)
        return link

    def hits(self) -> list[tuple[str, str, int]]:
        """Kind, session and message number of each injection."""
        return [(i.kind, i.session, i.msg_seq_num) for i in self.plan.history]


def in_loop(story: Callable[[Lab], None]) -> None:
    async def told() -> None:
        story(Lab())

    asyncio.run(told())


def send(link: Link, *numbers: int, msg_type: str = "8", more: str = "") -> None:
    assert link.tap is not None
    for number in numbers:
        link.tap.write(frame(number, msg_type=msg_type, more=more))


def numbers_written(link: Link) -> list[int]:
    return link.transport.numbers()


# --- the table of kinds, and what is wrong with a fault -----------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_installed_with_what_it_needs(kind: str) -> None:
    more = {"delay": {"ms": 5}, "reject_next": {"layer": 2}, "fill": {"order": "1"}}
    given_with = {"cancel": {"order": "1"}} | more

    def story(lab: Lab) -> None:
        fault = lab.add(kind, at=1_000_000, **given_with.get(kind, {}))
        assert lab.plan.faults == {fault.number: fault}
        assert lab.hits() == []

    in_loop(story)


def number_from(field: str, low: int, high: int, given_value: object) -> str:
    return f"{field} must be a whole number from {low} to {high}, not {given_value}"


CHANCE = "probability must be a number above 0 and not above 1, not "
POINTS = 'point must be "now" or "before-append" or "after-append", not "later"'
UNKNOWN = 'session must be "*" or the SenderCompID of a session, not "ACMEE"; did you mean ACME?'
COMP_ID = "session must be a text of 1 to 64 printable ASCII characters without spaces, not "
ORDER = {"order": "1"}

MISTAKES: list[tuple[str, dict[str, Any], str]] = [
    ("drop", {"session": ""}, COMP_ID + '""'),
    ("drop", {"session": "ACMEE"}, UNKNOWN),
    ("drop", {"at": 0}, number_from("at", 1, 10**9, 0)),
    ("drop", {"at": "5"}, number_from("at", 1, 10**9, '"5"')),
    ("drop", {"probability": 0}, CHANCE + "0"),
    ("drop", {"probability": 1.5}, CHANCE + "1.5"),
    ("drop", {"probability": 0.5, "at": 5}, "probability and at exclude each other"),
    ("drop", {"seed": 5}, "seed goes with probability only"),
    ("drop", {"probability": 1, "seed": -1}, number_from("seed", 0, 2**53 - 1, -1)),
    ("drop", {"count": 0}, number_from("count", 1, 10**6, 0)),
    ("drop", {"ms": 5}, "ms does not go with drop"),
    ("drop", {"direction": "out"}, 'direction must be "sent" or "received", not "out"'),
    ("drop", {"probabilty": 1}, "probabilty is not a known key; did you mean probability?"),
    ("delay", {}, "ms is missing: delay needs it"),
    ("delay", {"ms": 3_600_001}, number_from("ms", 1, 3_600_000, 3_600_001)),
    ("reject_next", {}, "layer is missing: reject_next needs it"),
    ("reject_next", {"layer": 4}, number_from("layer", 1, 3, 4)),
    ("fill", {"session": "*", **ORDER}, "session must be one session for fill"),
    ("cancel", {}, "order is missing: cancel needs it to act at once"),
    ("fill", {"qty": "0.0", **ORDER}, "qty must be above 0"),
    (
        "fill",
        {"qty": "1e5", **ORDER},
        'qty must be a plain decimal number such as "0.5", not "1e5"',
    ),
    (
        "fill",
        {"qty": "0.123456789", **ORDER},
        "qty must have at most 8 decimals, and 0.123456789 has more",
    ),
    (
        "crash",
        {"at": 5, "point": "now"},
        "point now goes without at and probability: those look at turns",
    ),
    ("crash", {"point": "later"}, POINTS),
    (
        "skip",
        {"count": 1001},
        "count must be at most 1000 where skip acts at once, not 1001",
    ),
    (
        "mute_heartbeats",
        {"session": "*", "count": 2},
        "count goes with one session only where mute_heartbeats acts at once",
    ),
    (
        "drop",
        {"layer": 9, "count": -1},
        number_from("count", 1, 10**6, -1) + "; " + number_from("layer", 1, 3, 9),
    ),
]


@pytest.mark.parametrize(("kind", "more", "text"), MISTAKES)
def test_a_mistake_is_told_with_its_field_and_rule(
    kind: str, more: dict[str, Any], text: str
) -> None:
    def story(lab: Lab) -> None:
        with pytest.raises(FaultRefused) as refused:
            lab.add(kind, **more)
        assert str(refused.value) == text
        assert lab.plan.faults == {}
        assert lab.target.asked == []

    in_loop(story)


@pytest.mark.parametrize("missing", ["kind", "session"])
def test_kind_and_session_have_to_be_given(missing: str) -> None:
    fault = {"kind": "drop", "session": "ACME"}
    del fault[missing]
    with pytest.raises(FaultRefused, match=f"^{missing} is missing$"):
        read_fault(fault)


def test_an_unknown_kind_is_told_all_there_are() -> None:
    with pytest.raises(FaultRefused) as refused:
        read_fault({"kind": "dorp", "session": "*"})
    assert str(refused.value).startswith('kind must be "drop" or "stop_reading" or ')
    assert all(f'"{kind}"' in str(refused.value) for kind in KINDS)


# --- when ---------------------------------------------------------------------------------------


def test_a_fault_at_a_number_hits_that_message_alone() -> None:
    def story(lab: Lab) -> None:
        lab.add("repeat", at=3)
        link = lab.link()
        send(link, 1, 2, 3, 4, 3)
        assert numbers_written(link) == [1, 2, 3, 3, 4, 3]
        assert lab.hits() == [("repeat", "ACME", 3)]

    in_loop(story)


def test_a_count_goes_on_from_the_number() -> None:
    def story(lab: Lab) -> None:
        lab.add("repeat", at=2, count=2)
        link = lab.link()
        send(link, 1, 2, 3, 4)
        assert numbers_written(link) == [1, 2, 2, 3, 3, 4]

    in_loop(story)


def test_at_once_means_the_next_message_of_whichever_session() -> None:
    def story(lab: Lab) -> None:
        acme, beta = lab.link(ACME), lab.link(BETA)
        lab.add("repeat", "*")
        send(beta, 1)
        send(acme, 1)
        assert (numbers_written(acme), numbers_written(beta)) == ([1], [1, 1])

    in_loop(story)


def test_a_hold_begins_with_the_first_report() -> None:
    def story(lab: Lab) -> None:
        link = lab.link()
        lab.add("hold_reports", at=2)
        send(link, 1, 2, 3, msg_type="0")
        send(link, 4)
        send(link, 5, msg_type="0")
        assert numbers_written(link) == [1, 2, 3]
        assert lab.plan.release("BETA") == 0
        assert lab.plan.release("ACME") == 1
        assert numbers_written(link) == [1, 2, 3, 4, 5]

    in_loop(story)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**53 - 1),
    traffic=st.lists(st.sampled_from([ACME, BETA]), min_size=1, max_size=60),
    probability=st.floats(0.05, 1.0),
)
def test_same_seed_and_same_traffic_same_injections(
    seed: int, traffic: list[int], probability: float
) -> None:
    def played() -> list[tuple[str, str, int]]:
        found: list[list[tuple[str, str, int]]] = []

        def story(lab: Lab) -> None:
            lab.add("corrupt_checksum", "*", probability=probability, seed=seed)
            lab.add("repeat", probability=probability, seed=seed // 2, count=5)
            links = {ACME: lab.link(ACME), BETA: lab.link(BETA)}
            for number, session in enumerate(traffic, 1):
                send(links[session], number)
            found.append(lab.hits())

        in_loop(story)
        return found[0]

    assert played() == played()


def test_another_seed_gives_other_injections() -> None:
    def hits_of(seed: int) -> list[tuple[str, str, int]]:
        found: list[tuple[str, str, int]] = []

        def story(lab: Lab) -> None:
            lab.add("repeat", probability=0.5, seed=seed)
            send(lab.link(), *range(1, 101))
            found.extend(lab.hits())

        in_loop(story)
        return found

    assert hits_of(1) != hits_of(2)
    assert 20 < len(hits_of(1)) < 80


def test_a_seed_that_was_not_given_is_told_and_gives_the_same_again() -> None:
    def story(lab: Lab) -> None:
        fault = lab.add("repeat", probability=0.5)
        send(lab.link(), *range(1, 101))
        hits = lab.hits()
        assert {injection.seed for injection in lab.plan.history} == {fault.seed}
        lab.plan.clear()
        lab.plan.history.clear()
        lab.add("repeat", probability=0.5, seed=fault.seed)
        send(lab.link(), *range(1, 101))
        assert lab.hits() == hits

    in_loop(story)


# --- whom ---------------------------------------------------------------------------------------


def test_a_line_without_faults_has_no_tap_until_there_is_one() -> None:
    def story(lab: Lab) -> None:
        acme, beta = lab.link(ACME), lab.link(BETA)
        assert acme.tap is None
        lab.add("repeat", at=9)
        assert acme.tap is not None
        assert beta.tap is None

    in_loop(story)


def test_a_fault_stays_over_reconnects() -> None:
    def story(lab: Lab) -> None:
        lab.add("repeat", at=2)
        first = lab.link()
        send(first, 1)
        lab.plan.unlinked(ACME, first)
        second = lab.link()
        send(second, 2)
        assert numbers_written(second) == [2, 2]

    in_loop(story)


def test_a_drop_at_once_means_the_lines_that_are_there() -> None:
    def story(lab: Lab) -> None:
        acme, beta = lab.link(ACME), lab.link(BETA)
        fault = lab.add("drop", "*")
        assert acme.transport.aborted
        assert beta.transport.aborted
        assert fault.over
        assert not lab.link().transport.aborted
        # Without a line it waits for one; with a count for that many.
        lab.plan.unlinked(BETA, beta)
        lab.add("drop", "BETA", count=2)
        assert [lab.link(BETA).transport.aborted for _ in range(3)] == [True, True, False]

    in_loop(story)


def test_logons_are_refused_as_often_as_asked() -> None:
    def story(lab: Lab) -> None:
        lab.add("refuse_logons", count=2)
        lab.add("refuse_logons", "BETA", at=7)
        assert [lab.plan.refuses_logon(ACME, 1) for _ in range(3)] == [True, True, False]
        assert [lab.plan.refuses_logon(BETA, number) for number in (1, 7, 7)] == [
            False, True, False,
        ]  # fmt: skip

    in_loop(story)


def test_lines_that_half_open_faults_keep_are_bounded() -> None:
    def story(lab: Lab) -> None:
        lab.add("half_open", count=ABANDONED_MAX + 10)
        links = []
        for _ in range(ABANDONED_MAX + 10):
            links.append(lab.link())
            tap = links[-1].tap
            assert tap is not None
            tap.abort()
        lab.link()
        assert [link.transport.aborted for link in links] == [True] * 10 + [False] * ABANDONED_MAX
        lab.plan.close()
        assert all(link.transport.aborted for link in links)

    in_loop(story)


# --- what changes the venue ---------------------------------------------------------------------


def test_a_skip_at_a_number_comes_right_before_it() -> None:
    def story(lab: Lab) -> None:
        lab.target.numbers[ACME] = (5, 1)
        lab.add("skip", at=5)
        assert lab.target.asked == [(ACME, "skip", b"")]
        lab.add("skip", at=8)
        link = lab.link()
        send(link, 6)
        assert len(lab.target.asked) == 1
        lab.target.numbers[ACME] = (8, 1)
        send(link, 7)
        assert len(lab.target.asked) == 2
        assert lab.hits() == [("skip", "ACME", 5), ("skip", "ACME", 8)]

    in_loop(story)


def test_an_order_is_the_one_the_report_tells_of_unless_named() -> None:
    def story(lab: Lab) -> None:
        link = lab.link()
        lab.add("fill", at=2)
        lab.add("cancel", at=3, order="17")
        send(link, 1, more="37=A|39=0|")
        send(link, 2, more="37=B|39=2|")  # filled: no order any more
        send(link, 3, more="37=C|39=1|")
        assert lab.target.asked == [(ACME, "fill", b"C"), (ACME, "cancel", b"17")]

    in_loop(story)


def test_the_next_order_is_refused_and_no_other_message() -> None:
    def story(lab: Lab) -> None:
        link = lab.link()
        lab.add("reject_next", layer=2)
        assert link.tap is not None
        link.tap.received([frame(2, msg_type="F")])
        assert lab.target.asked == []
        link.tap.received([frame(3, msg_type="D")])
        assert lab.target.asked == [(ACME, "reject_next", b"")]
        link.tap.received([frame(4, msg_type="D")])
        assert len(lab.target.asked) == 1

    in_loop(story)


def test_what_the_venue_can_not_do_is_refused_at_once_and_noted_later() -> None:
    def story(lab: Lab) -> None:
        lab.target.refuse = True
        with pytest.raises(FaultRefused, match="the order is gone"):
            lab.add("cancel", order="1")
        assert lab.plan.faults == {}
        lab.add("cancel", order="1", at=1)
        send(lab.link(), 1)
        assert [injection.note for injection in lab.plan.history] == ["the order is gone"]

    in_loop(story)


def test_muting_ends_with_its_fault() -> None:
    def story(lab: Lab) -> None:
        fault = lab.add("mute_heartbeats", "*")
        lab.plan.clear(fault.number)
        assert lab.target.asked == [
            (ACME, "mute_heartbeats", b""), (BETA, "mute_heartbeats", b""),
            (ACME, "unmute", b""), (BETA, "unmute", b""),
        ]  # fmt: skip

    in_loop(story)


def test_a_refusal_that_no_order_has_used_up_ends_with_its_fault() -> None:
    def story(lab: Lab) -> None:
        fault = lab.add("reject_next", layer=3)
        lab.plan.clear(fault.number)
        assert lab.target.asked == [(ACME, "accept again at 3", b"")]

    in_loop(story)


@pytest.mark.parametrize("point", ["before-append", "after-append"])
def test_a_crash_comes_with_the_turn_that_has_the_number(point: str) -> None:
    def story(lab: Lab) -> None:
        lab.add("crash", at=5, point=point)
        watch = lab.target.watch
        assert watch is not None
        for numbers in ((5, 4), (5, 5)):
            lab.target.numbers[ACME] = numbers
            watch.before_append()
            watch.after_append()
        lab.target.numbers[BETA] = (9, 9)  # the number of another session
        watch.before_append()
        lab.target.numbers[ACME] = (7, 6)  # holds 5 and 6
        if point == "before-append":
            with pytest.raises(Died):
                watch.before_append()
        else:
            watch.before_append()
            with pytest.raises(Died):
                watch.after_append()
        assert lab.hits() == [("crash", "ACME", 5)]

    in_loop(story)


def test_a_crash_by_chance_comes_with_a_turn_of_its_session() -> None:
    def story(lab: Lab) -> None:
        lab.add("crash", probability=1, point="before-append")
        assert lab.target.watch is not None
        lab.target.numbers[BETA] = (2, 2)
        lab.target.watch.before_append()
        lab.target.numbers[ACME] = (1, 2)  # a message came, and nothing was sent
        with pytest.raises(Died):
            lab.target.watch.before_append()

    in_loop(story)


def test_turns_are_looked_at_only_while_a_crash_waits() -> None:
    def story(lab: Lab) -> None:
        lab.add("repeat")
        assert lab.target.watch is None
        crash = lab.add("crash", "*", probability=0.001)
        assert lab.target.watch is lab.plan
        lab.plan.clear(crash.number)
        assert lab.target.watch is None
        with pytest.raises(Died):
            lab.add("crash", "*")

    in_loop(story)


# --- bounds -------------------------------------------------------------------------------------


def test_history_is_bounded_and_keeps_the_newest() -> None:
    def story(lab: Lab) -> None:
        lab.add("refuse_logons", probability=1)
        for number in range(1, HISTORY_MAX + 11):
            lab.plan.refuses_logon(ACME, number)
        numbers = [injection.msg_seq_num for injection in lab.plan.history]
        assert numbers == list(range(11, HISTORY_MAX + 11))

    in_loop(story)


def test_faults_are_bounded_and_those_that_are_over_make_room() -> None:
    def story(lab: Lab) -> None:
        lab.add("refuse_logons")
        for _ in range(FAULTS_MAX - 1):
            lab.add("repeat", at=5)
        with pytest.raises(FaultRefused, match=f"there are {FAULTS_MAX} faults, and none is over"):
            lab.add("repeat", at=5)
        lab.plan.refuses_logon(ACME, 1)
        newest = lab.add("repeat", at=5)
        assert len(lab.plan.faults) == FAULTS_MAX
        assert list(lab.plan.faults) == list(range(2, newest.number + 1))

    in_loop(story)


def test_only_an_installed_fault_can_be_cleared() -> None:
    def story(lab: Lab) -> None:
        with pytest.raises(FaultRefused, match="id must be that of an installed fault, not 3"):
            lab.plan.clear(3)
        link = lab.link()
        fault = lab.add("stop_writing")
        send(link, 1)
        assert numbers_written(link) == []
        assert lab.plan.clear(fault.number) == [fault]
        assert numbers_written(link) == [1]

    in_loop(story)
