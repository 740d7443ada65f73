"""The screen of `tidegate watch`, as a function: a state and a size in, lines of text out.

    BTC/USD  online                                     spread 0.2   mid 84000.0
                                                                        (blank)
     bar   cumulated        size       price | time        price       size
     asks, the best lowest                   | trades, the newest first
                         0.2
     bids, the best highest                  |
    checksum ok   12 updates   lag 2 ms   ACME at 127.0.0.1:4000         q ends

A higher terminal gets more levels and trades, a wider one longer bars, a narrow one no trades. One
that is too small for a ladder gets the best prices alone.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate
from typing import Final

from rich.text import Text

from tidegate.client import Entry, Level, MDEntryType, OrderBook
from tidegate.watch.numbers import fitted
from tidegate.watch.state import WatchState

WIDTH_MIN: Final = 40
HEIGHT_MIN: Final = 8

_FRAME_LINES: Final = 4  # heading, blank line, headings of columns, foot
_SIDE_WIDTH: Final = 31  # of what stands beside the ladder
_LADDER_WIDTH_MIN: Final = 40
_SIZE_WIDTH: Final = 14
_CUMULATED_WIDTH: Final = 12
_PRICE_WIDTH: Final = 10
_ORDERS_WIDTH: Final = 5

_ASK: Final = "red"
_BID: Final = "green"
_CALM: Final = "dim"


def screen(state: WatchState, width: int, height: int, *, ascii_only: bool = False) -> Text:
    """Exactly `height` lines of at most `width` columns."""
    if width < WIDTH_MIN or height < HEIGHT_MIN:
        return _joined(_small(state, height), width)
    rows = height - _FRAME_LINES
    has_side = width >= _LADDER_WIDTH_MIN + 3 + _SIDE_WIDTH
    ladder_width = width - 3 - _SIDE_WIDTH if has_side else width
    ladder = _ladder(state, ladder_width, rows, "#" if ascii_only else "\u2588")
    lines = [_heading(state, width), Text()]
    bar = Text(" | " if ascii_only else " \u2502 ", style=_CALM)
    side = _side(state, rows) if has_side else []
    for place, line in enumerate(ladder):
        if has_side:
            beside = side[place] if place < len(side) else Text()
            line = Text.assemble(_padded(line, ladder_width), bar, beside)
        lines.append(line)
    lines.append(_foot(state, width))
    return _joined(lines, width)


def _joined(lines: list[Text], width: int) -> Text:
    for line in lines:
        line.truncate(width)
        line.no_wrap = True
    return Text("\n").join(lines)


def _small(state: WatchState, height: int) -> list[Text]:
    """What matters most comes first: of too few lines the last ones are left out."""
    lines = [Text.assemble((state.symbol, "bold"), " ", _status(state))]
    for side, style in ((MDEntryType.OFFER, _ASK), (MDEntryType.BID, _BID)):
        best = _best(state, side)
        lines.append(Text() if best is None else Text.assemble(
            (_price(best.price), f"bold {style}"), " ", fitted(best.size, _SIZE_WIDTH),
        ))  # fmt: skip
    lines.append(Text(f"ladder: {WIDTH_MIN} x {HEIGHT_MIN} at least", style=_CALM))
    return (lines + [Text()] * height)[:height]


def _status(state: WatchState) -> tuple[str, str]:
    """Of the market, or of the line where that is lost, and its style."""
    if state.line:
        return state.line, "bold yellow"
    return state.status, "green" if state.status == "online" else "bold yellow"


def _heading(state: WatchState, width: int) -> Text:
    left = Text.assemble((state.symbol, "bold"), "  ", _status(state))
    if state.line:
        return left
    best_ask, best_bid = _best(state, MDEntryType.OFFER), _best(state, MDEntryType.BID)
    if best_ask is None or best_bid is None:
        return left
    spread, mid = best_ask.price - best_bid.price, (best_ask.price + best_bid.price) / 2
    return _spread_out(left, Text.assemble(
        ("spread ", _CALM), f"{spread:f}", ("   mid ", _CALM), f"{mid:f}",
    ), width)  # fmt: skip


def _foot(state: WatchState, width: int) -> Text:
    checksum = state.checksum
    book = state.subscription.book
    style = _CALM
    if state.mismatches:
        style = "yellow"
    elif book is not None and book.is_verified:
        style = "green"
    lag = "" if state.lag_ms is None else f"   lag {state.lag_ms} ms"
    left = Text.assemble(
        (checksum, style), (f"   {state.updates} updates{lag}   {state.source}", _CALM)
    )
    return _spread_out(left, Text("q ends", style=_CALM), width)


def _ladder(state: WatchState, width: int, rows: int, block: str) -> list[Text]:
    """Headings, then asks above and bids below the spread, as many of both as there is room for.
    The spread stays where it is while levels come and go."""
    is_orders = isinstance(state.subscription.book, OrderBook)
    columns = _Columns(width, block, is_orders=is_orders)
    ask_rows = (rows - 1) // 2
    bid_rows = rows - 1 - ask_rows
    asks, bids = (
        _levels(state, MDEntryType.OFFER, ask_rows),
        _levels(state, MDEntryType.BID, bid_rows),
    )
    most = max((cumulated for side in (asks, bids) for _, cumulated in side), default=Decimal())
    lines = [columns.heading()]
    lines += [Text()] * (ask_rows - len(asks))
    for level, cumulated in reversed(asks):
        lines.append(columns.row(level, cumulated, most, _ASK))
    lines.append(_spread_row(asks, bids, width))
    for level, cumulated in bids:
        lines.append(columns.row(level, cumulated, most, _BID))
    return lines + [Text()] * (bid_rows - len(bids))


def _levels(state: WatchState, side: str, count: int) -> list[tuple[Level, Decimal]]:
    """The best levels, each with all that is to be had up to it."""
    book = state.subscription.book
    levels = book.best(side, count) if book is not None else []
    return list(zip(levels, accumulate(level.size for level in levels), strict=True))


class _Columns:
    """The ladder's columns: the price always, then size, then what there is room for."""

    def __init__(self, width: int, block: str, *, is_orders: bool) -> None:
        self._block = block
        self._orders = _ORDERS_WIDTH + 1 if is_orders else 0
        self._bar = width - _SIZE_WIDTH - 1 - self._orders - _PRICE_WIDTH
        self._has_cumulated = self._bar > _CUMULATED_WIDTH + 1
        if self._has_cumulated:
            self._bar -= _CUMULATED_WIDTH + 2

    def heading(self) -> Text:
        cumulated = f" {'cumulated':>{_CUMULATED_WIDTH}} " if self._has_cumulated else ""
        orders = f"{'orders':>{self._orders}}" if self._orders else ""
        size, price = f"{'size':>{_SIZE_WIDTH}} ", f"{'price':>{_PRICE_WIDTH}}"
        return Text(f"{'':{self._bar}}{cumulated}{size}{orders}{price}", style=_CALM)

    def row(self, level: Level, cumulated: Decimal, most: Decimal, style: str) -> Text:
        """A level, `cumulated` of the `most` that is shown."""
        blocks = int(self._bar * cumulated / most) if most else 0
        line = Text(f"{self._block * blocks:>{self._bar}}", style=f"{style} dim")
        if self._has_cumulated:
            text = fitted(cumulated, _CUMULATED_WIDTH, 4)
            line.append(f" {text:>{_CUMULATED_WIDTH}} ", style=_CALM)
        line.append(f"{fitted(level.size, _SIZE_WIDTH):>{_SIZE_WIDTH}} ", style="not dim default")
        if self._orders:
            line.append(f"{level.orders:>{self._orders - 1}} ", style=_CALM)
        line.append(f"{_price(level.price):>{_PRICE_WIDTH}}", style=f"not dim bold {style}")
        return line


def _spread_row(
    asks: list[tuple[Level, Decimal]], bids: list[tuple[Level, Decimal]], width: int
) -> Text:
    if not asks and not bids:
        return Text(f"{'the book is empty':>{width}}", style=_CALM)
    if not asks or not bids:
        return Text()
    return Text(f"{asks[0][0].price - bids[0][0].price:>{width}f}", style=_CALM)


def _side(state: WatchState, rows: int) -> list[Text]:
    """Trades; of a book of single orders, which has none, the queues at the best prices."""
    book = state.subscription.book
    if isinstance(book, OrderBook):
        return _queues(state, book, rows)
    lines = [Text(f"{'time':<8} {'price':>{_PRICE_WIDTH}} {'trade':>11}", style=_CALM)]
    lines += [_trade_row(trade) for trade, _ in zip(state.trades, range(rows), strict=False)]
    if not state.trades:
        lines.append(Text("no trades yet", style=_CALM))
    return lines


def _trade_row(trade: Entry) -> Text:
    is_buy = trade.side == "1"
    line = Text(f"{_time_of_day(trade.time):<8} ", style=_CALM)
    line.append(f"{_price(trade.price):>{_PRICE_WIDTH}}", style="not dim default")
    line.append(f" {fitted(trade.size, 9):>9}", style=f"not dim {_BID if is_buy else _ASK}")
    line.append(" b" if is_buy else " s", style=f"not dim {_BID if is_buy else _ASK}")
    return line


def _queues(state: WatchState, book: OrderBook, rows: int) -> list[Text]:
    """First in the queue nearest to the spread."""
    ask_rows = (rows - 1) // 2
    queues = {}
    for side, count in ((MDEntryType.OFFER, ask_rows), (MDEntryType.BID, rows - 1 - ask_rows)):
        best = _best(state, side)
        orders = book.queue(side, best.price)[:count] if best is not None else ()
        style = _ASK if side == MDEntryType.OFFER else _BID
        queues[side] = [
            Text.assemble((f"{order.order_id[:18]:<18}", _CALM), " ",
                          (f"{fitted(order.size, 12):>12}", style))
            for order in orders
        ]  # fmt: skip
    asks = queues[MDEntryType.OFFER]
    lines = [Text(f"{'queues at the best':<18} {'size':>12}", style=_CALM)]
    lines += [Text()] * (ask_rows - len(asks)) + asks[::-1]
    return [*lines, Text(), *queues[MDEntryType.BID]]


def _best(state: WatchState, side: str) -> Level | None:
    book = state.subscription.book
    found = book.best(side, 1) if book is not None else []
    return found[0] if found else None


def _price(price: Decimal) -> str:
    text = f"{price:f}"
    return text if len(text) <= _PRICE_WIDTH else fitted(price, _PRICE_WIDTH)


def _time_of_day(text: str) -> str:
    """`09:15:01` of an MDEntryTime (273), with a date or without."""
    return text.rpartition("-")[2].rpartition("T")[2][:8]


def _padded(line: Text, width: int) -> Text:
    line = line.copy()
    line.truncate(width, pad=True)
    return line


def _spread_out(left: Text, right: Text, width: int) -> Text:
    """One at each end; the left one gives way where both do not fit."""
    left.truncate(max(0, width - len(right) - 1), pad=True)
    return Text.assemble(left, " ", right)
