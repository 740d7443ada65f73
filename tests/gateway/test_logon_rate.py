"""The rate of logons, by the numbers."""

from __future__ import annotations

from tidegate.gateway.logon_rate import BURST_S, RATES_MAX, LogonRates


def admitted(rates: LogonRates, session: int, address: str, now_s: float, tries: int) -> int:
    return sum(rates.admit(session, address, now_s) for _ in range(tries))


def test_a_burst_and_then_so_many_a_second() -> None:
    rates = LogonRates(7)
    burst = 7 * BURST_S
    assert admitted(rates, 0, "a", 100.0, 10 * burst) == burst
    assert admitted(rates, 0, "a", 101.0, 100) == 7
    assert admitted(rates, 0, "a", 101.1, 100) == 0
    assert admitted(rates, 0, "a", 102.0, 100) == 7
    assert admitted(rates, 0, "a", 10_000.0, 10 * burst) == burst  # no more for a long silence


def test_trying_all_the_time_does_not_keep_anybody_out() -> None:
    """A refused logon costs nothing: whoever tries a thousand times a second gets in as often as
    whoever waits."""
    rates = LogonRates(8)
    admitted(rates, 0, "a", 0.0, 8 * BURST_S)
    got = sum(rates.admit(0, "a", number / 1_024) for number in range(1, 1_025))
    assert got == 8


def test_other_sessions_and_other_addresses_are_not_meant() -> None:
    rates = LogonRates(1)
    assert admitted(rates, 0, "a", 0.0, 100) == BURST_S
    assert rates.admit(1, "a", 0.0)
    assert rates.admit(0, "b", 0.0)
    assert rates.admit(-1, "a", 0.0)
    assert not rates.admit(0, "a", 0.0)


def test_what_is_remembered_is_bounded_and_the_oldest_goes() -> None:
    rates = LogonRates(1)
    for number in range(RATES_MAX):
        assert admitted(rates, number, "a", 0.0, 2 * BURST_S) == BURST_S
    assert not rates.admit(0, "a", 0.0)  # the newest now
    rates.admit(-1, "a", 0.0)
    assert len(rates) == RATES_MAX
    assert not rates.admit(0, "a", 0.0)
    assert rates.admit(1, "a", 0.0)  # was forgotten


def test_refusals_are_news_once_a_second() -> None:
    rates = LogonRates(1)
    admitted(rates, 0, "a", 50.0, 100)
    told = [rates.is_news(0, "a", 50.0 + tenth / 10) for tenth in range(25)]
    assert told == [tenth in (0, 10, 20) for tenth in range(25)]
