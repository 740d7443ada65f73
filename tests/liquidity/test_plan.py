"""What a market should look like: by its profile, on its tick, the same from the same seed."""

from __future__ import annotations

import itertools

import pytest

from tests.liquidity.markets import BTC, market
from tidegate.client import Side
from tidegate.config.liquidity import PROFILES, MarketMaking
from tidegate.liquidity.plan import (
    Quote,
    Reference,
    advanced,
    first_reference,
    wanted_quotes,
    wanted_trade,
)

STEPS = 2_000


def walked(settings: MarketMaking, seed: int, steps: int = STEPS) -> list[Reference]:
    references = [first_reference(settings)]
    for _ in range(steps):
        references.append(advanced(settings, seed, references[-1]))
    return references


def sides(quotes: list[Quote]) -> tuple[list[Quote], list[Quote]]:
    return (
        [quote for quote in quotes if quote.side == Side.BUY],
        [quote for quote in quotes if quote.side == Side.SELL],
    )


def test_the_same_seed_gives_the_same_walk_quotes_and_trades() -> None:
    settings = market("volatile")
    first, second = walked(settings, 7), walked(settings, 7)
    assert first == second
    assert [wanted_quotes(settings, 7, one) for one in first[::50]] == [
        wanted_quotes(settings, 7, one) for one in second[::50]
    ]
    trades = [wanted_trade(settings, 7, one) for one in first]
    assert trades == [wanted_trade(settings, 7, one) for one in second]
    other = walked(settings, 8)
    assert first != other
    assert trades != [wanted_trade(settings, 8, one) for one in other]


@pytest.mark.parametrize("profile", ["thin", "deep", "volatile"])
def test_quotes_lie_on_the_tick_around_the_reference_and_meet_the_minimums(profile: str) -> None:
    settings = market(profile)
    for reference in walked(settings, 3)[::20]:
        quotes = wanted_quotes(settings, 3, reference)
        bids, asks = sides(quotes)
        assert len(bids) == len(asks) == PROFILES[profile].levels
        assert [q.price for q in bids] == sorted((q.price for q in bids), reverse=True)
        assert [q.price for q in asks] == sorted(q.price for q in asks)
        assert len({q.price for q in quotes}) == len(quotes)
        assert bids[0].price < reference.price < asks[0].price
        assert asks[0].price - bids[0].price >= settings.spread_units
        for quote in quotes:
            assert quote.price % BTC.tick_units == 0
            assert quote.lots >= BTC.qty_min_lots
            assert BTC.money(quote.price, quote.lots) >= BTC.cost_min_money


def test_an_empty_market_wants_nothing_and_a_one_sided_one_the_side_it_is_told() -> None:
    empty = market("empty")
    assert [wanted_quotes(empty, 1, one) for one in walked(empty, 1, 50)] == [[]] * 51
    assert not any(wanted_trade(empty, 1, one) for one in walked(empty, 1, 500))
    for side, taking in (("buy", Side.SELL), ("sell", Side.BUY)):
        settings = market("one-sided", side=side, interval_ms=100, trades_per_minute=600)
        references = walked(settings, 1, 200)
        quotes = [quote for one in references for quote in wanted_quotes(settings, 1, one)]
        assert {quote.side for quote in quotes} == {Side.BUY if side == "buy" else Side.SELL}
        trades = [wanted_trade(settings, 1, one) for one in references]
        assert {trade.side for trade in trades if trade is not None} == {taking}


def test_a_fixed_price_stays_and_a_walk_stays_within_its_bounds() -> None:
    fixed = market(walk="fixed")
    assert {one.price for one in walked(fixed, 1)} == {fixed.price}
    wild = market("volatile", step_percent="5")
    prices = [one.price for one in walked(wild, 1)]
    assert len(set(prices)) > STEPS / 2
    assert wild.price // 2 <= min(prices)
    assert max(prices) <= wild.price * 2


def test_a_usual_step_is_as_large_as_configured() -> None:
    settings = market(step_percent="0.1")
    references = walked(settings, 5)
    moves = [abs(b.fine - a.fine) / a.fine for a, b in itertools.pairwise(references)]
    root_mean_square = (sum(move * move for move in moves) / len(moves)) ** 0.5
    assert 0.0009 < root_mean_square < 0.0011


@pytest.mark.parametrize("price", ["0.5", "5"])  # 5 and 50 units
def test_a_walk_stays_around_its_price_where_that_has_few_units(price: str) -> None:
    settings = market(price=price, size="1000")
    prices = [one.price for seed in (1, 2) for one in walked(settings, seed, 3 * STEPS)]
    assert 0.99 < sum(prices) / len(prices) / settings.price < 1.01


def test_the_taker_trades_as_often_as_configured_and_reaches_the_best_quotes() -> None:
    settings = market(trades_per_minute=30)
    references = walked(settings, 9)
    trades = [(one, wanted_trade(settings, 9, one)) for one in references]
    made = [(one, trade) for one, trade in trades if trade is not None]
    assert 0.4 < len(made) / STEPS < 0.6  # 30 a minute, a step a second
    for reference, trade in made:
        bids, asks = sides(wanted_quotes(settings, 9, reference))
        if trade.side == Side.BUY:
            assert trade.price >= asks[0].price
        else:
            assert trade.price <= bids[0].price
        assert trade.price % BTC.tick_units == 0
        assert settings.lots_min <= trade.lots <= settings.lots


def test_a_quiet_market_changes_little_from_step_to_step() -> None:
    """What rests stays at its price: that is what keeps messages few."""
    settings = market()
    references = walked(settings, 2, 300)
    changed = 0
    for before, after in itertools.pairwise(references):
        old = {(q.side, q.price) for q in wanted_quotes(settings, 2, before)}
        new = {(q.side, q.price) for q in wanted_quotes(settings, 2, after)}
        changed += len(new - old)
    assert 0 < changed < 300
