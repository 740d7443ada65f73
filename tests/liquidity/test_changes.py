"""From open orders to wanted quotes: nothing that is right is touched."""

from __future__ import annotations

from tidegate.client import Side
from tidegate.liquidity.changes import Change, OpenQuote, changes
from tidegate.liquidity.plan import Quote


def resting(side: Side, price: int, leaves: int, cum: int = 0) -> OpenQuote:
    return OpenQuote(f"O{price}", f"C{price}", side, price, cum, leaves)


def bid(price: int, lots: int = 100) -> Quote:
    return Quote(Side.BUY, price, lots)


def ask(price: int, lots: int = 100) -> Quote:
    return Quote(Side.SELL, price, lots)


def test_an_empty_book_is_filled_and_an_unwanted_one_emptied() -> None:
    wanted = [bid(10), bid(9), ask(12), ask(13)]
    assert changes(wanted, []) == [Change(None, quote) for quote in wanted]
    there = [resting(Side.BUY, 10, 100), resting(Side.SELL, 12, 100)]
    assert changes([], there) == [Change(order, None) for order in there]


def test_what_is_right_or_nearly_so_is_left_alone() -> None:
    there = [resting(Side.BUY, 10, 125), resting(Side.BUY, 9, 75), resting(Side.SELL, 12, 100, 50)]
    assert changes([bid(10), bid(9), ask(12)], there) == []


def test_a_size_that_is_far_off_is_amended_to_what_is_wanted() -> None:
    eaten = resting(Side.SELL, 12, 40, 60)
    assert changes([ask(12)], [eaten]) == [Change(eaten, ask(12))]


def test_when_the_reference_rises_the_low_ask_goes_up_before_a_bid_comes_there() -> None:
    there = [
        resting(Side.BUY, 10, 100),
        resting(Side.BUY, 9, 100),
        resting(Side.SELL, 12, 100),
        resting(Side.SELL, 13, 100),
    ]
    wanted = [bid(12), bid(10), ask(13), ask(14)]
    assert changes(wanted, there) == [
        Change(there[2], ask(14)),
        Change(there[1], bid(12)),
    ]


def test_wherever_the_reference_has_gone_bids_and_asks_do_not_meet_on_the_way() -> None:
    there = [resting(Side.BUY, 10, 100), resting(Side.SELL, 12, 100)]
    up, down = changes([bid(50), ask(52)], there), changes([bid(3), ask(5)], there)
    assert [change.wanted for change in up] == [ask(52), bid(50)]
    assert [change.wanted for change in down] == [bid(3), ask(5)]


def test_the_worst_of_too_many_orders_moves_and_the_rest_is_cancelled() -> None:
    there = [resting(Side.BUY, price, 100) for price in (10, 9, 8)]
    assert changes([bid(11)], there) == [
        Change(there[1], None),
        Change(there[0], None),
        Change(there[2], bid(11)),
    ]
    twice = [resting(Side.BUY, 10, 100), resting(Side.BUY, 10, 100)]
    assert changes([bid(10)], twice) == [Change(twice[1], None)]
