"""How a row of a tape becomes an event of an instrument, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from pathlib import Path
from typing import Final

from msgspec import Struct

from tidegate.client import Side
from tidegate.model.limits import NUMBER_DIGITS_MAX
from tidegate.model.scaled import LOT_DECIMALS
from tidegate.tapes.columns import TIMES, TapeMapping, places_of, time_field_of
from tidegate.tapes.events import (
    ADD,
    CANCEL,
    FILL,
    MODIFY,
    PRINT,
    TRADE,
    TapeError,
    TapeEvent,
    at,
)
from tidegate.tapes.source import Source

_SIDES: Final = {
    **dict.fromkeys(("A", "ask", "sell", "s", "S", "2"), Side.SELL),
    **dict.fromkeys(("B", "bid", "buy", "b", "1"), Side.BUY),
}
_NO_SIDE: Final = "N"
_KNOWN: Final = (ADD, CANCEL, FILL, MODIFY, TRADE)
_LEFT_OUT: Final = ("N", "R")  # marks that are no orders
LEFT_OUT_AT_ONCE: Final = 1_000  # rows: a millisecond or two
_LOT: Final = Decimal(1).scaleb(-LOT_DECIMALS)
_TIME_NS_MAX: Final = (1 << 63) - 1
_NUMBER: Final = re.compile(
    r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,2})?", re.ASCII
)
_EXACT: Final = Context(prec=500)  # more than any such number times a factor like it can need

_Terms = tuple[Decimal, Decimal, Decimal | None]
_NO_TERMS: Final[_Terms] = (Decimal(0), Decimal(0), None)


class TapeInstrument(Struct, frozen=True, kw_only=True):
    """What prices and sizes are checked against: what the venue says of the pair. A price has as
    many digits as the venue reads, `price_decimals` of them behind the point."""

    symbol: str
    tick: Decimal
    price_decimals: int


class Tape:
    """The events of a source. `skipped` counts rows that are not played."""

    def __init__(
        self,
        path: Path,
        source: Source,
        mapping: TapeMapping,
        instruments: Mapping[str, TapeInstrument],
    ) -> None:
        """`instruments` are found by any spelling of their symbols. Raises `TapeError` for columns
        that are missing, and a symbol that is not traded."""
        self.skipped = 0
        self._path = path
        self._source = source
        self._mapping = mapping
        self._instruments = instruments
        self._at = places_of(path, source.columns, mapping)
        self.has_orders = "action" in self._at
        self._time_field = time_field_of(self._at, mapping)
        self._open: dict[str, Decimal] = {}  # by the tape's own account: what is left of each
        if mapping.symbol:
            if mapping.symbol not in instruments:
                raise TapeError(f"--symbol: {self._not_traded(mapping.symbol)}")
        elif "symbol" not in self._at:
            raise TapeError(
                f"{path}: no column symbol; name the pair to play it as with --symbol, one of "
                f"{self._known()}"
            )

    def events(self) -> Iterator[TapeEvent | None]:
        """In the order of the rows; None where `LEFT_OUT_AT_ONCE` rows in a row are no events, so
        that whoever reads can do something else meanwhile. Raises `TapeError` at the first row
        that is wrong."""
        left_out = 0
        for event in self._rows():
            if event is not None:
                left_out = 0
                yield event
                continue
            self.skipped += 1
            left_out += 1
            if left_out == LEFT_OUT_AT_ONCE:
                left_out = 0
                yield None

    def _rows(self) -> Iterator[TapeEvent | None]:
        """An event a row; None for one that is not played."""
        last_ns = -1
        for line, fields in self._source.rows:
            if self._mapping.only and self._text(fields, "symbol") != self._mapping.only:
                yield None
                continue
            time_ns = self._time(line, fields)
            if time_ns < last_ns:
                column = self._name(self._time_field)
                raise at(
                    self._path, line, column, f"time runs backwards, by {last_ns - time_ns} ns"
                )
            last_ns = time_ns
            yield self._event(line, fields, time_ns)

    def _event(self, line: int, fields: Sequence[str], time_ns: int) -> TapeEvent | None:
        action = self._action(line, fields)
        side = self._side(line, fields)
        if action == "" or side is None:
            return None
        order = self._text(fields, "order_id") if self.has_orders else ""
        if action == FILL:
            self._filled(order, fields)
            return None
        if action == ADD and order in self._open:
            raise self._wrong(line, "order_id", f"order {order} is added twice")
        price, qty, display = _NO_TERMS
        try:
            instrument = self._instrument(line, fields)
            if action != CANCEL:
                price, qty, display = self._terms(line, fields, instrument)
        except TapeError:
            if action in (CANCEL, MODIFY) and order not in self._open:
                return None  # of before the tape, so nothing would be sent: no reason to end it
            raise
        if action == CANCEL:
            self._open.pop(order, None)
        elif action == ADD or (action == MODIFY and order in self._open):
            self._open[order] = qty
        return TapeEvent(
            time_ns=time_ns,
            action=action,
            symbol=instrument.symbol,
            side=side,
            price=price,
            qty=qty,
            order=order,
            display=display,
            line=line,
        )

    def _filled(self, order: str, fields: Sequence[str]) -> None:
        """An order of which nothing is left is forgotten, for a tape may have any number of them.
        The row is not played, so nothing in it is a mistake."""
        left = self._open.get(order)
        filled = number_of(self._text(fields, "size"))
        if left is None or filled is None:
            return
        left = _EXACT.subtract(left, _EXACT.multiply(filled, self._mapping.scale_qty))
        if left > 0:
            self._open[order] = left
        else:
            del self._open[order]

    def _terms(self, line: int, fields: Sequence[str], instrument: TapeInstrument) -> _Terms:
        display = self._text(fields, "display_size") if "display_size" in self._at else ""
        return (
            self._price(line, fields, instrument),
            self._qty(line, fields, "size"),
            self._qty(line, fields, "display_size") if display else None,
        )

    # --- fields -----------------------------------------------------------------------------------

    def _action(self, line: int, fields: Sequence[str]) -> str:
        """Empty for a row that is not played."""
        if not self.has_orders:
            return PRINT
        action = self._text(fields, "action")
        if action in _KNOWN:
            return action
        if action in _LEFT_OUT:
            return ""
        raise self._wrong(line, "action", f"must be A, C, M, F or T, not {action!r}")

    def _side(self, line: int, fields: Sequence[str]) -> Side | None:
        text = self._text(fields, "side")
        side = _SIDES.get(text)
        if side is None and text != _NO_SIDE:
            raise self._wrong(line, "side", f"must be buy or sell (B, b, A, s), not {text!r}")
        return side

    def _time(self, line: int, fields: Sequence[str]) -> int:
        """To the nanosecond, without a float on the way."""
        field = self._time_field
        is_ns = self._at[field] in self._source.times_at
        time_ns = self._decimal(line, fields, field).scaleb(0 if is_ns else TIMES[field], _EXACT)
        if not 0 <= time_ns <= _TIME_NS_MAX:
            raise self._wrong(
                line, field, f"must be from 0 to {_TIME_NS_MAX} ns, not {self._text(fields, field)}"
            )
        return int(time_ns)

    def _price(self, line: int, fields: Sequence[str], instrument: TapeInstrument) -> Decimal:
        given, price = self._scaled(
            line, fields, "price", self._mapping.scale_price, instrument.price_decimals
        )
        if _EXACT.remainder(price, instrument.tick):
            raise self._wrong(
                line,
                "price",
                f"{given} times {self._mapping.scale_price} is {_plain(price)}, which is not on "
                f"the tick of {instrument.symbol}, {_plain(instrument.tick)}",
            )
        return price

    def _qty(self, line: int, fields: Sequence[str], name: str) -> Decimal:
        given, qty = self._scaled(line, fields, name, self._mapping.scale_qty, LOT_DECIMALS)
        if _EXACT.remainder(qty, _LOT):
            raise self._wrong(
                line,
                name,
                f"{given} times {self._mapping.scale_qty} is {_plain(qty)}, which has more than "
                f"{LOT_DECIMALS} decimals",
            )
        return qty

    def _scaled(
        self, line: int, fields: Sequence[str], name: str, factor: Decimal, decimals: int
    ) -> tuple[Decimal, Decimal]:
        """As given, and as it is played: above 0, and of no more digits than the venue reads."""
        given = self._decimal(line, fields, name)
        value = _EXACT.multiply(given, factor)
        if value <= 0:
            raise self._wrong(line, name, f"must be above 0, not {given}")
        bound = Decimal(10) ** (NUMBER_DIGITS_MAX - decimals)
        if value >= bound:
            raise self._wrong(line, name, f"{given} times {factor} must be below {_plain(bound)}")
        return given, value

    def _decimal(self, line: int, fields: Sequence[str], name: str) -> Decimal:
        text = self._text(fields, name)
        value = number_of(text)
        if value is None:
            raise self._wrong(line, name, f"must be a number, not {text[:64]!r}")
        return value

    def _instrument(self, line: int, fields: Sequence[str]) -> TapeInstrument:
        symbol = self._mapping.symbol or self._text(fields, "symbol")
        found = self._instruments.get(symbol)
        if found is None:
            raise self._wrong(line, "symbol", self._not_traded(symbol))
        return found

    def _not_traded(self, symbol: str) -> str:
        return f"{symbol[:64]!r} is not traded; the venue has {self._known()}"

    def _known(self) -> str:
        return ", ".join(dict.fromkeys(one.symbol for one in self._instruments.values()))

    def _text(self, fields: Sequence[str], name: str) -> str:
        return fields[self._at[name]].strip()

    def _name(self, field: str) -> str:
        """What the file calls a field."""
        return self._source.columns[self._at[field]] if field in self._at else ""

    def _wrong(self, line: int, field: str, rule: str) -> TapeError:
        return at(self._path, line, self._name(field), rule)


def number_of(text: str) -> Decimal | None:
    """A plain decimal number of bounded length; None for any other text."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _plain(value: Decimal) -> str:
    return format(value.normalize(_EXACT), "f")
