"""What a market should look like at a step: a function of its settings, the seed and the step.

No clock, no socket, no state but the `Reference`, which `advanced` moves on. Everything drawn comes
from the seed, the symbol, the step and the price it is for, so that one market's draws do not
depend on another's, and a market made again is made the same.

Quotes lie on a grid of prices that does not move with the reference: while the reference walks
within a gap nothing changes, and when it crosses a grid price one quote goes on one side and
another comes on the other. So a market that lives costs few messages.
"""

from __future__ import annotations

import random
from typing import Final, NamedTuple

from tidegate.client import Side
from tidegate.config.liquidity import MarketMaking

FINE: Final = 1_000_000  # parts of a price unit in which the reference walks: steps may be small
BOUND: Final = 2  # the walk stays between the price divided and multiplied by this
PULL: Final = 2_000  # steps in which the walk would come back, did nothing else happen
SIZE_STEPS: Final = 16  # a quote keeps its size for so many steps

_DRAWS: Final = 4  # summed for one step of the walk
_DRAW_MAX: Final = 1_000
_USUAL: Final = 1_155  # the standard deviation of such a sum
_PPM: Final = 1_000_000
_MS_PER_MINUTE: Final = 60_000
_TAKES_PERCENT: Final = (4, 60)  # of a quote's size, that a taker's order is for
_REACH_GAPS: Final = 5  # behind the best price, that a taker's order may trade at


class Reference(NamedTuple):
    """Where a market's walk is: steps since its beginning, and the price in `FINE` parts."""

    step: int
    fine: int

    @property
    def price(self) -> int:
        """In price units, the nearest."""
        return _nearest(self.fine, FINE)


class Band(NamedTuple):
    """How far an order may go now: a sell not below `lowest`, a buy not above `highest`, in price
    units."""

    lowest: int
    highest: int


class Quote(NamedTuple):
    """A limit order to have in the book: price in units, quantity in lots."""

    side: Side
    price: int
    lots: int


def first_reference(market: MarketMaking) -> Reference:
    """Where the walk begins: at the configured price."""
    return Reference(0, market.price * FINE)


def advanced(market: MarketMaking, seed: int, reference: Reference) -> Reference:
    """One step on. A market whose price is fixed has it again, wherever it was. Rounding is to the
    nearest, up as often as down: a walk that rounded down would sink."""
    step = reference.step + 1
    if not market.walks:
        return Reference(step, market.price * FINE)
    draw = random.Random(f"{seed} {market.symbol} walk {step}")
    drawn = sum(draw.randint(-_DRAW_MAX, _DRAW_MAX) for _ in range(_DRAWS))
    home = market.price * FINE
    move = _nearest(reference.fine * market.step_ppm * drawn, _USUAL * _PPM)
    fine = reference.fine + move + _nearest(home - reference.fine, PULL)
    return Reference(step, min(max(fine, home // BOUND), home * BOUND))


def within(market: MarketMaking, reference: Reference, band: Band) -> Reference:
    """The reference, or where that is too near the band's edge or beyond it the nearest one that is
    not: quotes around it are taken, and so are the taker's orders, which reach the best of them. In
    a band that is too narrow for that it is the middle."""
    room = _reach(market) + market.tick_units
    lowest, highest = band.lowest + room, band.highest - room
    if lowest > highest:
        lowest = highest = (band.lowest + band.highest) // 2
    price = min(max(reference.price, lowest), highest)
    return reference if price == reference.price else reference._replace(fine=price * FINE)


def wanted_quotes(market: MarketMaking, seed: int, reference: Reference) -> list[Quote]:
    """The quotes of a step, from the best outward, bids first."""
    gap, half = market.gap_units, (market.spread_units + 1) // 2
    quotes: list[Quote] = []
    if market.side != "sell":
        best = (reference.price - half) // gap * gap
        prices = [best - level * gap for level in range(market.levels)]
        quotes += [_quote(market, seed, reference, Side.BUY, p) for p in prices if p > 0]
    if market.side != "buy":
        best = -(-(reference.price + half) // gap) * gap
        prices = [best + level * gap for level in range(market.levels)]
        quotes += [_quote(market, seed, reference, Side.SELL, p) for p in prices]
    return quotes


def wanted_trade(market: MarketMaking, seed: int, reference: Reference) -> Quote | None:
    """The taker's order of a step, to trade at once or not at all; mostly there is none."""
    draw = random.Random(f"{seed} {market.symbol} trade {reference.step}")
    if draw.randrange(_MS_PER_MINUTE) >= market.trades_per_minute * market.interval_ms:
        return None
    side = draw.choice((Side.BUY, Side.SELL))
    if market.side:
        side = Side.SELL if market.side == "buy" else Side.BUY
    lots = max(market.lots * draw.randint(*_TAKES_PERCENT) // 100, market.lots_min)
    reach = _reach(market)
    tick = market.tick_units
    price = reference.price + reach if side == Side.BUY else reference.price - reach
    return Quote(side, max(price // tick, 1) * tick, lots)


def _reach(market: MarketMaking) -> int:
    """How far from the reference a taker's order may trade."""
    return market.spread_units + _REACH_GAPS * market.gap_units


def _nearest(number: int, divisor: int) -> int:
    """The quotient as a whole number, for a divisor above 0."""
    return (number + divisor // 2) // divisor


def _quote(market: MarketMaking, seed: int, reference: Reference, side: Side, price: int) -> Quote:
    """Its size changes now and then, each price's at another step."""
    turn = (reference.step + price // market.gap_units) // SIZE_STEPS
    draw = random.Random(f"{seed} {market.symbol} size {side} {price} {turn}")
    spread = market.size_spread_percent
    lots = market.lots * draw.randint(100 - spread, 100 + spread) // 100
    return Quote(side, price, max(lots, market.lots_min))
