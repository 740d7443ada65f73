"""What may be asked for again: everything, several times over, and then at a bounded rate."""

from __future__ import annotations

from tests.session.session_harness import START_NS, KeepingHost, client_frame, fields, logged_on
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.limits import RESEND_FREE_MESSAGES, RESEND_HISTORIES, RESEND_MESSAGES_PER_S
from tidegate.model.time import NS_PER_S
from tidegate.session.machine import Session
from tidegate.session.resend_budget import ResendBudget

MILLION = 1_000_000


def test_a_whole_history_is_granted_several_times_over() -> None:
    budget = ResendBudget()
    granted = 0
    while budget.wait_s(MILLION, MILLION, START_NS) == 0:
        granted += 1
    assert granted == RESEND_HISTORIES
    assert budget.spent == RESEND_HISTORIES * MILLION


def test_what_was_asked_for_comes_back_with_time_and_no_part_of_it_is_lost() -> None:
    budget = ResendBudget()
    limit = RESEND_FREE_MESSAGES + RESEND_HISTORIES
    assert budget.wait_s(limit, 1, START_NS) == 0
    assert budget.wait_s(1, 1, START_NS) == 1
    # Looking often, in steps of less than a message, does not slow it down.
    step_ns = NS_PER_S // RESEND_MESSAGES_PER_S // 3
    looks = 0
    while budget.wait_s(10, 1, START_NS + looks * step_ns) > 0:
        looks += 1
    assert looks * step_ns <= 10 * NS_PER_S // RESEND_MESSAGES_PER_S + step_ns
    assert looks >= 29


def test_the_refusal_says_when_it_would_be_granted() -> None:
    budget = ResendBudget()
    history = 50_000
    while (wait_s := budget.wait_s(history, history, START_NS)) == 0:
        pass
    assert wait_s > 1
    assert budget.wait_s(history, history, START_NS + (wait_s - 1) * NS_PER_S) > 0
    assert budget.wait_s(history, history, START_NS + wait_s * NS_PER_S) == 0


def test_a_history_is_granted_in_the_end_whatever_was_asked_before() -> None:
    budget = ResendBudget()
    budget.spent = RESEND_FREE_MESSAGES + RESEND_HISTORIES * MILLION
    wait_s = budget.wait_s(MILLION, MILLION, START_NS)
    assert budget.wait_s(MILLION, MILLION, START_NS + wait_s * NS_PER_S) == 0


def test_a_time_before_the_newest_gives_nothing_back() -> None:
    budget = ResendBudget()
    budget.wait_s(1000, 1000, START_NS)
    budget.wait_s(1000, 1000, START_NS - NS_PER_S)
    assert budget.spent == 2000
    assert budget.counted_ns == START_NS


class SweepCounter(KeepingHost):
    """Counts what it would read from the log, and does not read it."""

    def __init__(self) -> None:
        super().__init__()
        self.swept = 0

    def resend(self, session: Session, begin: int, end: int, time_ns: int) -> None:
        self.swept += end - begin + 1


def flooded(host: SweepCounter, requests: int) -> Session:
    """A session with a history of about 100 messages, and then that many requests for all of it, a
    hundred a second."""
    session = logged_on(host)
    session.settings.errors_per_second_max = 0
    for number in range(2, 102):
        session.receive(client_frame(b"1", number, b"112=X\x01"), START_NS)
    for request in range(requests):
        time_ns = START_NS + request * NS_PER_S // 100
        session.receive(client_frame(b"2", 102 + request, b"7=1\x0116=0\x01", time_ns), time_ns)
    return session


def test_a_flood_of_requests_is_work_by_the_second_and_not_by_the_request() -> None:
    host = SweepCounter()
    requests = 5_000  # 50 seconds, at once half a million messages
    session = flooded(host, requests)
    bound = RESEND_FREE_MESSAGES + RESEND_HISTORIES * session.next_outgoing
    assert host.swept <= bound + RESEND_MESSAGES_PER_S * requests // 100
    refusal = fields(host.stored[-1])
    assert refusal[35] == b"3"
    assert (refusal[372], refusal[373]) == (b"2", b"99")
    assert refusal[58].startswith(b"Too many messages asked for again; the rest in ")
    assert session.next_incoming == 102 + requests  # each one used its number, none was held


def test_neither_a_new_line_nor_a_reset_is_a_way_around_it() -> None:
    host = SweepCounter()
    session = flooded(host, 1_500)
    spent = session.resend_budget.spent
    assert spent > RESEND_FREE_MESSAGES
    session.link_lost(START_NS)
    session.logon(2, client_frame(b"A", 1, b"98=0\x01108=30\x01141=Y\x01"), START_NS)
    assert session.resend_budget.spent == spent


def test_it_is_part_of_the_saved_state() -> None:
    budget = ResendBudget()
    budget.wait_s(12_345, 20_000, START_NS)
    encoder = Encoder()
    budget.save(encoder)
    other = ResendBudget()
    other.load(Decoder(encoder.value()))
    assert (other.spent, other.counted_ns) == (12_345, START_NS)
