"""Whose turn it is, with works that only count and take as long as they are told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tidegate.gateway.shares import AT_ONCE, LONG_SHARE_S, OTHERS_GONE_S, SHORT_SHARE_S, Shares


class Busy:
    """A link with much to do: works on as long as it may, in pieces of a given length."""

    def __init__(self, shares: Shares, piece_s: float, pieces: int) -> None:
        self.left = pieces
        self.shares_had: list[int] = []  # pieces done in each
        self.at_once: list[int] = []
        self.given_s: list[float] = []
        self._shares = shares
        self._piece_s = piece_s
        shares.add(self.work)

    def work(self, end_s: float, at_once: int) -> None:
        now_s = time.monotonic()
        self.given_s.append(end_s - now_s)
        self.at_once.append(at_once)
        done = 0
        while self.left:
            piece_end_s = time.monotonic() + self._piece_s
            while time.monotonic() < piece_end_s:
                pass
            self.left -= 1
            done += 1
            if time.monotonic() >= end_s:
                break
        self.shares_had.append(done)
        if self.left:
            self._shares.add(self.work)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def test_all_who_wait_are_served_in_turn() -> None:
    """However much each has to do, and with one share between two looks at the sockets."""

    async def main() -> None:
        shares = Shares()
        shares.lone(1)
        works = [Busy(shares, SHORT_SHARE_S * 2, 20) for _ in range(5)]
        for turn in range(100):
            before = sum(work.left for work in works)
            assert before == 100 - turn
            most, least = max(w.left for w in works), min(w.left for w in works)
            assert most - least <= 1
            await asyncio.sleep(0)
        assert [work.left for work in works] == [0] * 5

    run(main)


def test_a_share_is_short_while_others_are_heard_and_long_when_they_are_gone() -> None:
    async def main() -> None:
        shares = Shares()
        alone = Busy(shares, 0, 1)
        await asyncio.sleep(0)
        shares.lone(1)
        accompanied = Busy(shares, 0, 1)
        await asyncio.sleep(0)
        still = Busy(shares, 0, 1)
        await asyncio.sleep(0)
        silent_until_s = time.monotonic() + OTHERS_GONE_S
        while time.monotonic() < silent_until_s:
            await asyncio.sleep(0)
        later = Busy(shares, 0, 1)
        await asyncio.sleep(0)
        assert (alone.at_once, later.at_once) == ([AT_ONCE], [AT_ONCE])
        assert (accompanied.at_once, still.at_once) == ([1], [1])
        assert SHORT_SHARE_S < alone.given_s[0] <= LONG_SHARE_S
        assert accompanied.given_s[0] <= SHORT_SHARE_S

    run(main)


def test_what_is_waited_for_is_done_and_then_the_loop_sleeps() -> None:
    async def main() -> None:
        shares = Shares()
        for _ in range(3):
            work = Busy(shares, 0, 7)
            while work.left:
                await asyncio.sleep(0)
            assert sum(work.shares_had) == 7
        turns = len(asyncio.get_running_loop()._ready)  # type: ignore[attr-defined]
        assert turns == 0, "nothing is scheduled when nobody waits"

    run(main)


def test_a_link_is_no_company_for_itself() -> None:
    """What it sent singly before a batch makes the batch's shares no shorter; another link's lone
    message does."""

    async def main() -> None:
        shares = Shares()
        assert not shares.is_crowded
        shares.lone(1)
        assert shares.is_crowded
        shares.not_lone(1)
        assert not shares.is_crowded
        shares.lone(2)
        shares.lone(1)
        shares.not_lone(1)
        assert shares.is_crowded, "the other link is still there"
        shares.not_lone(2)
        assert not shares.is_crowded

    run(main)
