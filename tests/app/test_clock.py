"""The steady clock against a wall clock that jumps."""

from tidegate.clock import SteadyClock

S = 1_000_000_000


class Clocks:
    def __init__(self) -> None:
        self.wall = 1_000 * S
        self.monotonic = 5 * S

    def run(self, seconds: int) -> None:
        self.wall += seconds * S
        self.monotonic += seconds * S


def steady(clocks: Clocks, not_before_ns: int = 0) -> SteadyClock:
    return SteadyClock(
        not_before_ns, wall_ns=lambda: clocks.wall, monotonic_ns=lambda: clocks.monotonic
    )


def test_it_is_the_wall_clock_while_that_is_well() -> None:
    clocks = Clocks()
    clock = steady(clocks)
    for _ in range(10):
        clocks.run(7)
        assert clock.now_ns() == clocks.wall
    assert clock.ahead_ns() == 0


def test_a_step_forward_is_followed_at_once() -> None:
    clocks = Clocks()
    clock = steady(clocks)
    clocks.wall += 3_600 * S
    assert clock.now_ns() == clocks.wall


def test_a_step_back_is_made_up_at_half_speed() -> None:
    clocks = Clocks()
    clock = steady(clocks)
    before = clock.now_ns()
    clocks.wall -= 300 * S
    times = []
    for _ in range(300):
        clocks.run(2)
        times.append(clock.now_ns())
    assert [later - earlier for earlier, later in zip([before, *times], times, strict=False)] == [
        S
    ] * 300
    assert times[-1] == clocks.wall
    clocks.run(2)
    assert clock.now_ns() == clocks.wall


def test_the_time_of_the_journal_is_never_undercut() -> None:
    clocks = Clocks()
    clock = steady(clocks, clocks.wall + 60 * S)
    assert clock.ahead_ns() == 60 * S
    clocks.run(20)
    assert clock.now_ns() == clocks.wall + 50 * S
    assert clock.wall_ns() == clocks.wall
