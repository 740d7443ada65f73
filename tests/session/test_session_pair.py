"""Two session machines over a line that breaks anywhere: every application message arrives once."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.session_harness import Pair, fields
from tidegate.model.limits import HELD_MESSAGES_MAX
from tidegate.model.time import utc_timestamp
from tidegate.session.states import ACTIVE, DISCONNECTED
from tidegate.wire.render import frame_of

SIDES = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), SIDES, st.just(0)),
        st.tuples(st.just("deliver"), SIDES, st.integers(1, 4)),
        st.tuples(st.just("drop"), st.just(0), st.just(0)),
        st.tuples(st.just("connect"), st.just(0), st.just(0)),
        st.tuples(st.just("tick"), st.just(0), st.integers(1, 20)),
        st.tuples(st.just("logout"), SIDES, st.just(0)),
        st.tuples(st.just("restart"), SIDES, st.just(0)),
        st.tuples(st.just("ask again"), SIDES, st.integers(1, 9)),
        st.tuples(st.just("swap"), SIDES, st.integers(0, 3)),
        st.tuples(st.just("reset"), st.just(0), st.just(0)),
    ),
    max_size=60,
)


def play(pair: Pair, step: tuple[str, int, int]) -> None:
    what, side, count = step
    if what == "send" and pair.sessions[side].state in (ACTIVE, DISCONNECTED):
        pair.send(side)
    elif what == "deliver":
        pair.deliver(side, count)
    elif what == "drop":
        pair.drop()
    elif what == "connect" and pair.sessions[0].state == DISCONNECTED:
        pair.connect()
    elif what == "tick":
        pair.tick(count)
    elif what == "logout":
        pair.sessions[side].logout(b"bye", pair.now_ns, orderly=True)
    elif what == "restart":
        pair.restart(side)
    elif what == "ask again" and pair.sessions[side].state == ACTIVE:
        pair.ask_again(side, count)
    elif what == "swap":
        pair.swap(side, count)
    elif what == "reset":
        pair.reset_wanted = True  # with the next Logon


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_messages_arrive_once_and_in_order(steps: list[tuple[str, int, int]]) -> None:
    pair = Pair()
    for step in steps:
        play(pair, step)
        for side in (0, 1):  # at any time: what arrived is what was sent, without a hole
            arrived = pair.hosts[1 - side].delivered
            assert arrived == pair.sent[side][: len(arrived)]
            assert len(pair.sessions[side].gap.held) <= HELD_MESSAGES_MAX
    pair.settle(rounds=12)
    assert pair.hosts[1].delivered == pair.sent[0]
    assert pair.hosts[0].delivered == pair.sent[1]
    assert pair.hosts[0].rejections == pair.hosts[1].rejections == []


def test_a_break_behind_every_single_message() -> None:
    """The line breaks after each number of delivered messages, one after the other."""
    for broken_after in range(12):
        pair = Pair()
        pair.connect()
        for _ in range(3):
            pair.send(1)
        pair.deliver(0, 1)
        for _ in range(3):
            if pair.sessions[0].state == ACTIVE:
                pair.send(0)
            pair.send(1)
        for count in range(broken_after):
            pair.deliver(count % 2, 1)
        pair.drop()
        pair.settle(rounds=12)
        assert pair.hosts[1].delivered == pair.sent[0]
        assert pair.hosts[0].delivered == pair.sent[1]


@pytest.mark.parametrize("side", [0, 1])
def test_a_restart_of_either_side_behind_every_single_message(side: int) -> None:
    """Within a gap too: what is held is not lost, and nothing is taken twice."""
    for restarted_after in range(16):
        pair = Pair()
        pair.connect()
        pair.deliver(0, 1)
        pair.deliver(1, 1)
        for number in range(4):
            for sender in (0, 1):
                pair.send(sender)
            pair.swap(number % 2, number)
        for count in range(restarted_after):
            pair.deliver(count % 2, 1)
        pair.restart(side)
        pair.settle(rounds=12)
        assert pair.hosts[1].delivered == pair.sent[0]
        assert pair.hosts[0].delivered == pair.sent[1]


def in_step() -> Pair:
    pair = Pair()
    pair.connect()
    pair.deliver(0, 1)
    pair.deliver(1, 1)
    assert pair.in_step
    return pair


@pytest.mark.parametrize("side", [0, 1])
def test_a_gap_holds_so_many_and_asks_again_for_the_rest(side: int) -> None:
    """One message is lost and many more than `HELD_MESSAGES_MAX` follow it: the queue stays at its
    limit, what found no room is asked for when the others have had their turn."""
    pair = in_step()
    receiver = pair.sessions[1 - side]
    for _ in range(HELD_MESSAGES_MAX + 400):
        pair.send(side)
    pair.hosts[side].wire.popleft()
    pair.deliver(side, HELD_MESSAGES_MAX + 400)
    assert len(receiver.gap.held) == HELD_MESSAGES_MAX
    assert pair.hosts[1 - side].delivered == []
    requests = [frame for frame in pair.hosts[1 - side].wire if fields(frame)[35] == b"2"]
    assert len(requests) == 1
    pair.settle(rounds=12)
    assert pair.hosts[1 - side].delivered == pair.sent[side]
    assert receiver.gap.held == {}
    assert receiver.gap.until == 0


@pytest.mark.parametrize("side", [0, 1])
def test_a_storm_of_resend_requests_brings_nothing_twice(side: int) -> None:
    pair = in_step()
    for _ in range(50):
        pair.send(1 - side)
    pair.deliver(1 - side, 50)
    pair.ask_again(side, 60)
    pair.send(1 - side)
    pair.settle(rounds=12)
    assert pair.hosts[side].delivered == pair.sent[1 - side]
    assert pair.hosts[0].rejections == pair.hosts[1].rejections == []


def test_an_answer_that_claims_a_reset_nobody_asked_for() -> None:
    """The acceptor says 141=Y of itself: its numbers begin anew for the initiator, whose own go on;
    an acceptor that meant both sides asks for what it misses and is told."""
    pair = Pair()
    pair.sessions[0].next_outgoing = 7
    pair.sessions[0].next_incoming = 9
    pair.hosts[0].stored = [b""] * 6
    pair.connect()
    answer = frame_of(
        b"35=A\x0134=1\x0149=KRAKEN-TRD\x0156=ACME\x0152=%s\x0198=0\x01108=30\x01141=Y\x01"
        % utc_timestamp(pair.now_ns)
    )
    pair.sessions[0].receive(answer, pair.now_ns)
    assert pair.sessions[0].state == ACTIVE
    assert pair.sessions[0].next_incoming == 2
    assert pair.sessions[0].next_outgoing == 8


def test_the_refusal_of_a_logon_moves_no_number() -> None:
    """A refused initiator comes back with the number it had, and expects the one it expected."""
    pair = Pair()
    pair.connect()
    host = pair.hosts[0]
    refusal = (
        b"8=FIX.4.4\x019=0\x0135=5\x0134=7\x0149=KRAKEN-TRD\x0156=ACME\x01"
        b"52=20200101-00:00:00\x0158=Logon failed: invalid credentials\x0110=000\x01"
    )
    pair.sessions[0].receive(refusal, pair.now_ns)
    assert host.ends == [(b"Logon failed: invalid credentials", True)]
    assert pair.sessions[0].next_incoming == 1
