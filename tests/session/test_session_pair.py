"""Two session machines over a line that breaks anywhere: every application message arrives once."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.session_harness import Pair
from tidegate.session.states import ACTIVE, DISCONNECTED

SIDES = st.integers(0, 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), SIDES, st.just(0)),
        st.tuples(st.just("deliver"), SIDES, st.integers(1, 4)),
        st.tuples(st.just("drop"), st.just(0), st.just(0)),
        st.tuples(st.just("connect"), st.just(0), st.just(0)),
        st.tuples(st.just("tick"), st.just(0), st.integers(1, 20)),
        st.tuples(st.just("logout"), SIDES, st.just(0)),
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


@settings(max_examples=400, deadline=None)
@given(STEPS)
def test_messages_arrive_once_and_in_order(steps: list[tuple[str, int, int]]) -> None:
    pair = Pair()
    for step in steps:
        play(pair, step)
        for side in (0, 1):  # at any time: what arrived is what was sent, without a hole
            arrived = pair.hosts[1 - side].delivered
            assert arrived == pair.sent[side][: len(arrived)]
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
