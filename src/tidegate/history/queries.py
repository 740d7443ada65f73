"""The common questions, answered from the tables. Each gives named columns and rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tidegate.history import schema
from tidegate.history.reasons import meaning_of
from tidegate.history.store import Row, Store
from tidegate.model.instruments import ASSET_ALIASES
from tidegate.model.rejects import LAYER_NAMES
from tidegate.model.scaled import MONEY_DECIMALS, POWERS_OF_TEN, to_text
from tidegate.model.time import civil_from_days, days_from_civil, days_in_month

_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?Z?", re.ASCII
)
_SYMBOL: Final = re.compile(r"([A-Z0-9.]{1,16})/([A-Z0-9.]{1,16})", re.ASCII)


class QueryRefused(ValueError):
    """A question that can not be answered. The text names the parameter and the rule."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows under columns, each with a name and what it holds (`schema.DECIMAL`, ...)."""

    columns: tuple[tuple[str, str], ...]
    rows: list[Row]

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return [name for name, _ in self.columns]


@dataclass(frozen=True, slots=True)
class Period:
    """From a time on and before another, as texts of the history's times; None is without end."""

    since: str | None = None
    before: str | None = None

    def conditions(self, column: str = "time") -> list[tuple[str, object]]:
        """What it asks of rows, and the values for it."""
        asked: list[tuple[str, object]] = []
        if self.since is not None:
            asked.append((f"{column} >= ?", self.since))
        if self.before is not None:
            asked.append((f"{column} < ?", self.before))
        return asked


def day_period(name: str, text: str) -> Period:
    """The calendar day (UTC) that a text names. Raises `QueryRefused`."""
    match = _DAY.fullmatch(text)
    if match is None or not _is_day(match):
        raise QueryRefused(f"{name} must be a day such as 2026-11-22, not {text!r}")
    days = days_from_civil(int(match[1]), int(match[2]), int(match[3]))
    year, month, day = civil_from_days(days + 1)
    return Period(text, f"{year:04d}-{month:02d}-{day:02d}")


def period(since: str | None, before: str | None) -> Period:
    """What `--from` and `--to` say: days, the last one included, or times, the last one not.
    Raises `QueryRefused`."""
    start = None if since is None else _moment("--from", since, end=False)
    end = None if before is None else _moment("--to", before, end=True)
    if start is not None and end is not None and start >= end:
        raise QueryRefused(f"--from must be before --to, and {since} is not before {before}")
    return Period(start, end)


def _moment(name: str, text: str, *, end: bool) -> str:
    match = _DAY.match(text)
    if match is not None and _is_day(match):
        if len(text) == 10:
            found = day_period(name, text)
            moment = found.before if end else found.since
            assert moment is not None
            return moment
        if _MOMENT.fullmatch(text):
            return text.removesuffix("Z")
    raise QueryRefused(
        f"{name} must be a day or a time (UTC) such as 2026-11-22 or 2026-11-22T09:15:00, "
        f"not {text!r}"
    )


def _is_day(match: re.Match[str]) -> bool:
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    return year >= 1970 and 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)


def known_symbol(text: str) -> str:
    """A pair by its own name, whatever spelling of its assets is given. Raises `QueryRefused`."""
    match = _SYMBOL.fullmatch(text.upper())
    if match is None:
        raise QueryRefused(f"--symbol must be a pair such as BTC/USD, not {text!r}")
    return "/".join(ASSET_ALIASES.get(asset, asset) for asset in match.groups())


def require_account(store: Store, name: str) -> str:
    """The account's name. Raises `QueryRefused` where the history has none of it."""
    known = store.query("SELECT DISTINCT account FROM balances")
    known += store.query("SELECT account FROM accounts")
    if (name,) not in known:
        raise QueryRefused(f"there is no account {name!r} in this history")
    return name


def require_session(store: Store, name: str) -> str:
    """The SenderCompID. Raises `QueryRefused` where the history has nothing of it."""
    for table in ("sessions", "executions", "rejects"):
        if store.query(f"SELECT 1 FROM {table} WHERE sender_comp_id = ? LIMIT 1", (name,)):
            return name
    raise QueryRefused(f"there is no session {name!r} in this history")


def fills(
    store: Store, span: Period, account: str | None = None, symbol: str | None = None
) -> Answer:
    """Trades of clients' orders, in order of time."""
    asked = span.conditions() + _equal(account=account, symbol=symbol)
    columns = (
        "time", "account", "sender_comp_id", "symbol", "side", "last_qty", "last_price",
        "last_amount", "last_fee", "fee_asset", "liquidity", "order_id", "cl_ord_id", "exec_id",
        "trade_id",
    )  # fmt: skip
    return _select(store, schema.EXECUTIONS, columns, [("exec_type = ?", "trade"), *asked], "seq")


def orders(
    store: Store,
    span: Period,
    account: str | None = None,
    symbol: str | None = None,
    *,
    only_open: bool = False,
) -> Answer:
    """Orders as they are now, in order of entry; the period is that of their entry."""
    asked = span.conditions("entered_at") + _equal(account=account, symbol=symbol)
    if only_open:
        asked.append(("ended_at IS NULL", None))
    columns = (
        "entered_at", "order_id", "account", "sender_comp_id", "cl_ord_id", "symbol", "side",
        "ord_type_entered", "ord_type", "time_in_force", "price", "stop_price", "trigger_price",
        "order_qty", "quote_qty", "display_qty", "cum_qty", "leaves_qty", "cum_amount", "cum_fee",
        "fee_asset", "ord_status", "margin", "reduce_only", "effective_at", "expire_at",
        "updated_at", "reason",
    )  # fmt: skip
    return _select(store, schema.ORDERS, columns, asked, "order_number")


def rejects(store: Store, span: Period, session: str | None = None) -> Answer:
    """Messages that were refused, in order of time."""
    asked = span.conditions() + _equal(sender_comp_id=session)
    columns = (
        "time", "sender_comp_id", "account", "layer", "rule", "text", "msg_type", "msg_seq_num",
        "cl_ord_id", "orig_cl_ord_id", "order_id", "symbol",
    )  # fmt: skip
    return _select(store, schema.REJECTS, columns, asked, "seq")


def sessions(store: Store, span: Period, session: str | None = None) -> Answer:
    """Logons and ends, in order of time."""
    asked = span.conditions() + _equal(sender_comp_id=session)
    columns = ("time", "sender_comp_id", "target_comp_id", "link", "happening", "reason")
    return _select(store, schema.SESSIONS, columns, asked, "seq")


def balances(store: Store, account: str | None = None) -> Answer:
    """What accounts have now, by account and asset."""
    found = store.query(
        f"SELECT account, asset, available, held FROM balances{_where(_equal(account=account))} "
        "ORDER BY account, asset",
        _values(_equal(account=account)),
    )
    rows: list[Row] = []
    for name, asset, available, held in found:
        total = _money(available) + _money(held)
        if total or _money(held) or account is not None:
            rows.append((name, asset, available, held, to_text(total, MONEY_DECIMALS)))
    columns = (
        ("account", schema.TEXT), ("asset", schema.TEXT), ("available", schema.DECIMAL),
        ("held", schema.DECIMAL), ("total", schema.DECIMAL),
    )  # fmt: skip
    return Answer(columns, rows)


def balance_check(store: Store) -> tuple[Answer, bool]:
    """Per asset, whether all accounts add up to zero, and whether each account's balance is the sum
    of its postings; and whether all of it is so."""
    posted: dict[tuple[str, str], int] = {}
    for account, asset, amount in store.query("SELECT account, asset, amount FROM postings"):
        key = (str(account), str(asset))
        posted[key] = posted.get(key, 0) + _money(amount)
    booked: dict[tuple[str, str], int] = {}
    for account, asset, available, held in store.query(
        "SELECT account, asset, available, held FROM balances"
    ):
        booked[str(account), str(asset)] = _money(available) + _money(held)
    rows: list[Row] = []
    right = True
    for asset in sorted({asset for _, asset in [*posted, *booked]}):
        of_asset = {key: value for key, value in booked.items() if key[1] == asset}
        total = sum(of_asset.values())
        outside = -of_asset.get(("*external", asset), 0)
        differing = [
            account
            for account, of in sorted({*posted, *booked})
            if of == asset and posted.get((account, asset), 0) != booked.get((account, asset), 0)
        ]
        balanced = total == 0 and not differing
        right = right and balanced
        rows.append(
            (
                asset,
                to_text(outside, MONEY_DECIMALS),
                to_text(total, MONEY_DECIMALS),
                ", ".join(differing) or None,
                "balanced" if balanced else "NOT BALANCED",
            )
        )
    columns = (
        ("asset", schema.TEXT), ("deposited", schema.DECIMAL), ("sum", schema.DECIMAL),
        ("differing_accounts", schema.TEXT), ("verdict", schema.TEXT),
    )  # fmt: skip
    return Answer(columns, rows), right


def statement(store: Store, account: str, span: Period) -> Answer:
    """An account's money: per asset the opening balance, every posting with the balance behind it,
    and the closing balance."""
    opening: dict[str, int] = {}
    if span.since is not None:
        for asset, amount in store.query(
            "SELECT asset, amount FROM postings WHERE account = ? AND time < ?",
            (account, span.since),
        ):
            opening[str(asset)] = opening.get(str(asset), 0) + _money(amount)
    asked: list[tuple[str, object]] = [("account = ?", account), *span.conditions()]
    found = store.query(
        "SELECT time, asset, kind, amount, trade_id, (SELECT MIN(e.order_id) FROM executions e "
        "WHERE e.trade_id = postings.trade_id AND e.account = postings.account) "
        f"FROM postings{_where(asked)} ORDER BY seq",
        _values(asked),
    )
    by_asset: dict[str, list[Row]] = {asset: [] for asset in opening}
    for row in found:
        by_asset.setdefault(str(row[1]), []).append(row)
    rows: list[Row] = []
    for asset in sorted(by_asset):
        balance = opening.get(asset, 0)
        rows.append((span.since, asset, "opening", None, _text(balance), None, None))
        for time, _, kind, amount, trade_id, order_id in by_asset[asset]:
            balance += _money(amount)
            rows.append((time, asset, kind, amount, _text(balance), trade_id, order_id))
        rows.append((span.before, asset, "closing", None, _text(balance), None, None))
    columns = (
        ("time", schema.TIME), ("asset", schema.TEXT), ("kind", schema.TEXT),
        ("amount", schema.DECIMAL), ("balance", schema.DECIMAL), ("trade_id", schema.TEXT),
        ("order_id", schema.TEXT),
    )  # fmt: skip
    return Answer(columns, rows)


def why(store: Store, name: str) -> Answer:
    """The story of an order, or of a message that was refused, by OrderID or ClOrdID, in order of
    time. Raises `QueryRefused` where nothing has that name."""
    order_ids = {
        str(row[0])
        for row in store.query(
            "SELECT order_id FROM executions WHERE order_id = ? OR cl_ord_id = ?", (name, name)
        )
    }
    names = {name}
    happenings: dict[int, Row] = {}
    for order_id in sorted(order_ids):
        for row in store.query(f"SELECT {_STORY} FROM story WHERE order_id = ?", (order_id,)):
            happenings[_seq(row)] = row
            if row[6] != "refused":
                names.add(str(row[4]))
    for alias in sorted(names):
        for row in store.query(
            f"SELECT {_STORY} FROM story WHERE layer IS NOT NULL "
            "AND (cl_ord_id = ? OR orig_cl_ord_id = ?)",
            (alias, alias),
        ):
            happenings[_seq(row)] = row
    if not happenings:
        raise QueryRefused(f"no order and no refused message has the OrderID or ClOrdID {name!r}")
    rows: list[Row] = []
    for seq in sorted(happenings):
        *shown, layer, rule, text = happenings[seq][1:]
        layer_name = None if layer is None else LAYER_NAMES[_int(layer)]
        meaning = meaning_of(None if rule is None else str(rule))
        rows.append((*shown, layer_name, rule, text, meaning or None))
    columns = tuple(
        (column, schema.TIME if column == "time" else schema.TEXT)
        for column in (
            "time", "sender_comp_id", "order_id", "cl_ord_id", "orig_cl_ord_id", "happening",
            "ord_status", "layer", "rule", "text", "meaning",
        )
    )  # fmt: skip
    return Answer(columns, rows)


_STORY: Final = (
    "seq, time, sender_comp_id, order_id, cl_ord_id, orig_cl_ord_id, happening, ord_status, "
    "layer, rule, text"
)


def _select(
    store: Store,
    table: schema.Table,
    names: Sequence[str],
    asked: list[tuple[str, object]],
    order_by: str,
) -> Answer:
    kinds = {column.name: column.kind for column in table.columns}
    rows = store.query(
        f"SELECT {', '.join(names)} FROM {table.name}{_where(asked)} ORDER BY {order_by}",
        _values(asked),
    )
    return Answer(tuple((name, kinds[name]) for name in names), rows)


def _where(asked: list[tuple[str, object]]) -> str:
    return f" WHERE {' AND '.join(condition for condition, _ in asked)}" if asked else ""


def _values(asked: list[tuple[str, object]]) -> list[object]:
    """What goes into the places of the conditions; one without a place has no value."""
    return [value for _, value in asked if value is not None]


def _equal(**values: str | None) -> list[tuple[str, object]]:
    return [(f"{name} = ?", value) for name, value in values.items() if value is not None]


def _money(text: object) -> int:
    """A decimal of the history in 1e-10 of its asset, exactly."""
    whole, _, rest = str(text).partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (
        int(whole.lstrip("-")) * POWERS_OF_TEN[MONEY_DECIMALS]
        + int(rest.ljust(MONEY_DECIMALS, "0") or "0")
    )


def _text(money: int) -> str:
    return to_text(money, MONEY_DECIMALS)


def _seq(row: Row) -> int:
    return _int(row[0])


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
