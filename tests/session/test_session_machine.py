"""One session machine against a peer that does what it likes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.session_harness import (
    START_NS,
    KeepingHost,
    check_session,
    client_frame,
    fields,
    logged_on,
)
from tidegate.model.limits import HELD_MESSAGES_MAX
from tidegate.model.time import NS_PER_S, utc_timestamp
from tidegate.session.machine import Session
from tidegate.session.states import ACTIVE, DISCONNECTED
from tidegate.wire import tags
from tidegate.wire.render import frame_of

NUMBERS = st.one_of(
    st.integers(-3, 12), st.sampled_from([0, 10**6, 10**17, 10**18 - 1, 10**18, 10**30])
)
TYPES = st.sampled_from(
    ["0", "1", "2", "3", "4", "5", "A", "D", "F", "G", "H", "q", "8", "j", "AF", "ZZ", "W", "~"]
)
WORDS = st.sampled_from(
    ["Y", "N", "1", "0", "2", "x", "", "BTC/USD", "84000.5", "-1", "99999999999999999999"]
)
EXTRA = st.lists(
    st.one_of(
        st.tuples(st.sampled_from([7, 16, 36]), NUMBERS.map(str)),
        st.tuples(st.sampled_from([43, 123, 97, 112, 11, 55, 58, 10, 34, 35, 9999, 49]), WORDS),
        st.tuples(st.just(122), st.sampled_from([0, -5, 5, 9999]).map(lambda s: f"@{s}")),
    ),
    max_size=5,
)


def _hostile(number_offset: int, msg_type: str, number: int, extra: list[tuple[int, str]]) -> bytes:
    """A framed message, well formed or not; `number_offset` is what the session expects."""
    body = f"35={msg_type}\x0134={number_offset + number}\x0149=ACME\x0156=KRAKEN-TRD\x01"
    body += f"52={utc_timestamp(START_NS).decode()}\x01"
    for tag, value in extra:
        text = value
        if value.startswith("@"):
            text = utc_timestamp(START_NS + int(value[1:]) * NS_PER_S).decode()
        body += f"{tag}={text}\x01"
    return frame_of(body.encode())


STEP = st.one_of(
    st.tuples(st.just("message"), TYPES, st.integers(-2, 4), EXTRA),
    st.tuples(st.just("number"), TYPES, NUMBERS, EXTRA),
    st.tuples(st.just("bytes"), st.binary(max_size=60), st.just(0), st.just([])),
    st.tuples(st.just("tick"), st.just(""), st.integers(0, 40), st.just([])),
    st.tuples(st.just("app"), st.just(""), st.just(0), st.just([])),
    st.tuples(st.just("logon"), st.sampled_from(["Y", "N", "x"]), st.integers(-2, 4), EXTRA),
)


class Run:
    """A session, its host, and a watch on what goes out."""

    def __init__(self) -> None:
        self.host = KeepingHost()
        self.session = logged_on(self.host)
        self.now_ns = START_NS
        self.link = 1
        self.asked_until = 0  # the session's own idea of the gap when it asked last

    def play(
        self, what: str, argument: str | bytes, number: int, extra: list[tuple[int, str]]
    ) -> None:
        session = self.session
        epoch, gap_before, link = session.epoch, session.gap.until, session.link
        sent_before = len(self.host.stored)
        if what == "message":
            assert isinstance(argument, str)
            session.receive(_hostile(session.next_incoming, argument, number, extra), self.now_ns)
        elif what == "number":
            assert isinstance(argument, str)
            session.receive(_hostile(0, argument, number, extra), self.now_ns)
        elif what == "bytes":
            assert isinstance(argument, bytes)
            session.receive(frame_of(b"35=" + argument + b"\x01"), self.now_ns)
        elif what == "tick":
            self.now_ns += number * NS_PER_S
            session.tick(self.now_ns)
        elif what == "app":
            session.begin(b"j", self.now_ns).raw(b"45=1\x01372=D\x01380=0\x01")
            session.finish(self.now_ns)
        elif session.state == DISCONNECTED:
            assert isinstance(argument, str)
            self.link += 1
            fields_ = [(98, "0"), (108, "30"), (141, argument), *extra]
            frame = _hostile(session.next_incoming, "A", number, fields_)
            session.logon(self.link, frame, self.now_ns)
        check_session(session)
        assert len(session.gap.held) <= HELD_MESSAGES_MAX
        self.watch(epoch, gap_before, link, sent_before)

    def watch(self, epoch: int, gap_before: int, link: int, sent_before: int) -> None:
        """While a gap is open on a line, no second resend request goes out for it."""
        session = self.session
        if session.epoch != epoch:
            return
        asked = [f for f in self.host.stored[sent_before:] if b"\x0135=2\x01" in f]
        assert len(asked) <= 1
        if asked and gap_before and session.link == link:
            assert int(fields(asked[0])[tags.BEGIN_SEQ_NO]) > gap_before


@settings(max_examples=600, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_no_peer_can_upset_a_session(
    steps: list[tuple[str, str | bytes, int, list[tuple[int, str]]]],
) -> None:
    run = Run()
    for step in steps:
        run.play(*step)


@settings(max_examples=100, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_a_saved_session_goes_on_as_the_original(
    steps: list[tuple[str, str | bytes, int, list[tuple[int, str]]]],
) -> None:
    from tests.session.session_harness import acceptor
    from tidegate.model.codec import Decoder, Encoder

    run = Run()
    for step in steps:
        run.play(*step)
    encoder = Encoder()
    run.session.save(encoder)
    host = KeepingHost()
    host.stored = list(run.host.stored)
    other = acceptor(host)
    other.load(Decoder(encoder.value()))
    again = Encoder()
    other.save(again)
    assert again.value() == encoder.value()
    before = len(host.stored)
    for session in (run.session, other):
        session.receive(client_frame(b"1", session.next_incoming, b"112=A\x01"), run.now_ns)
        session.tick(run.now_ns + 100 * NS_PER_S)
    assert host.stored[before:] == run.host.stored[before:]


def test_what_is_held_is_bounded_and_the_rest_is_asked_for_again() -> None:
    host = KeepingHost()
    session = logged_on(host)
    last = HELD_MESSAGES_MAX + 102
    for number in range(3, last + 1):
        session.receive(client_frame(b"F", number, _cancel(number)), START_NS)
    assert len(session.gap.held) == HELD_MESSAGES_MAX
    assert [fields(f)[tags.BEGIN_SEQ_NO] for f in host.wire] == [b"2"]
    session.receive(client_frame(b"F", 2, _cancel(2)), START_NS)
    held_until = 2 + HELD_MESSAGES_MAX
    assert session.next_incoming == held_until + 1
    assert host.delivered == [b"%d" % n for n in range(2, held_until + 1)]
    assert [fields(f)[tags.BEGIN_SEQ_NO] for f in host.wire] == [b"2", b"%d" % (held_until + 1)]
    for number in range(held_until + 1, last + 1):
        session.receive(client_frame(b"F", number, _cancel(number)), START_NS)
    assert session.next_incoming == last + 1
    assert len(host.wire) == 2


def test_resend_requests_ahead_of_their_turn_are_held_within_the_same_bound() -> None:
    host = KeepingHost()
    session = logged_on(host)
    for number in range(3, HELD_MESSAGES_MAX + 100):
        session.receive(client_frame(b"2", number, b"7=1\x0116=1\x01"), START_NS)
    assert len(session.gap.held) == HELD_MESSAGES_MAX
    # one resend request of ours, and one gap fill an answered request
    assert len(host.wire) == 1 + HELD_MESSAGES_MAX


def test_a_message_that_waited_for_a_gap_is_not_too_old_when_its_turn_comes() -> None:
    """SendingTime is judged when a message arrives, not when its turn has come."""
    host = KeepingHost()
    session = logged_on(host)
    session.receive(client_frame(b"F", 3, _cancel(3)), START_NS)
    later = START_NS + 121 * NS_PER_S
    session.receive(client_frame(b"F", 2, _cancel(2), later), later)
    assert host.delivered == [b"2", b"3"]
    assert session.state == ACTIVE


def test_a_silent_peer_is_given_up_in_bounded_ticks() -> None:
    host = KeepingHost()
    session = logged_on(host)
    for second in range(1, 73):
        session.tick(START_NS + second * NS_PER_S)
    assert host.ends == [(b"Heartbeat timeout", False)]
    assert [fields(f)[tags.MSG_TYPE] for f in host.wire] == [b"0", b"1", b"0"]


def test_a_jump_of_the_clock_gives_nobody_up_who_answers() -> None:
    """The time of the venue jumps by hours, or its process stood still: the peer is asked first."""
    host = KeepingHost()
    session = logged_on(host)
    later = START_NS + 5 * 3600 * NS_PER_S
    session.tick(later)
    assert [fields(f)[tags.MSG_TYPE] for f in host.wire] == [b"1"]
    session.tick(later + 36 * NS_PER_S - 1)
    assert session.state == ACTIVE
    session.receive(_answer(fields(host.wire[0])[tags.TEST_REQ_ID], later), later + NS_PER_S)
    session.tick(later + 36 * NS_PER_S)
    assert session.state == ACTIVE


def test_after_a_jump_a_peer_has_as_long_to_answer_as_ever() -> None:
    host = KeepingHost()
    session = logged_on(host)
    later = START_NS + 5 * 3600 * NS_PER_S
    session.tick(later)
    session.tick(later + 36 * NS_PER_S)
    assert host.ends == [(b"Heartbeat timeout", False)]


def _answer(test_req_id: bytes, time_ns: int) -> bytes:
    sent = utc_timestamp(time_ns)
    body = b"35=0\x0134=2\x0149=ACME\x0156=KRAKEN-TRD\x0152=%s\x01112=%s\x01" % (sent, test_req_id)
    return frame_of(body)


def test_nothing_happens_before_the_deadline_a_session_states() -> None:
    host = KeepingHost()
    session = logged_on(host)
    while session.state != DISCONNECTED:
        due = session.deadline_ns()
        sent = len(host.stored)
        session.tick(due - 1)
        assert len(host.stored) == sent
        assert session.state == ACTIVE
        session.tick(due)
        assert len(host.stored) > sent or session.state == DISCONNECTED


def test_the_error_limit_ends_a_session_once() -> None:
    """With a limit of one, each kind of refused message is the last one."""
    for body in (
        b"35=1\x01",
        b"35=ZZ\x01",
        b"35=0\x0143=Y\x01122=20261103-09:16:00\x01",
        b"35=A\x01",
    ):
        host = KeepingHost()
        session = logged_on(host)
        session.settings.errors_per_second_max = 1
        msg_type, _, rest = body.removeprefix(b"35=").partition(b"\x01")
        session.receive(client_frame(msg_type, 2, rest), START_NS)
        assert host.ends == [(b"Too many errors", False)]
        assert [fields(f)[tags.MSG_TYPE] for f in host.wire] == [b"3", b"5"]


def test_errors_are_remembered_for_a_second_however_many_are_allowed() -> None:
    """A peer that is wrong all day within its limit costs no more memory in the evening."""
    session = logged_on(KeepingHost())
    session.settings.errors_per_second_max = 20
    for number in range(100):  # ten in any second
        session.count_error(START_NS + number * NS_PER_S // 10)
        assert len(session.error_times_ns) <= 10
    assert session.state == ACTIVE
    for _ in range(9):
        session.count_error(START_NS + 99 * NS_PER_S // 10)
    assert session.state == ACTIVE
    session.count_error(START_NS + 99 * NS_PER_S // 10)
    assert session.state == DISCONNECTED


def test_the_text_of_a_logout_is_left_out_when_empty() -> None:
    host = KeepingHost()
    session: Session = logged_on(host)
    session.logout(b"", START_NS, orderly=True)
    assert tags.TEXT not in fields(host.wire[-1])
    session.logout(b"again", START_NS, orderly=True)
    assert len(host.wire) == 1
    session.tick(START_NS + 2 * NS_PER_S)
    assert host.ends == [(b"Logout not answered", True)]


def _cancel(number: int) -> bytes:
    return b"11=%d\x0137=O\x0154=1\x0155=BTC/USD\x0160=20261103-09:15:00\x01" % number
