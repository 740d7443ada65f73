"""The tables and views of the history, as data: the DDL, the writer and the document follow it.

`docs/history.md` shows the same; a test holds the two against each other and against a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCHEMA_VERSION: Final = 1
"""Rises with every change of a table, a view or of what a column means."""

# What a column holds. Both databases store times as texts; decimals are NUMERIC where that is
# exact (PostgreSQL), and texts elsewhere (SQLite has no exact decimals).
INTEGER: Final = "integer"
TEXT: Final = "text"
DECIMAL: Final = "decimal"
FLAG: Final = "flag"  # 0 or 1
TIME: Final = "time"  # 2026-11-22T09:15:00.000000000Z


@dataclass(frozen=True, slots=True)
class Column:
    """`kept` columns of a row that is written again stay as they were first written."""

    name: str
    kind: str
    meaning: str
    null: bool = False
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of tables without `replaced` are only ever added."""

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    replaced: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(column.name for column in self.columns)


SEQ: Final = Column("seq", INTEGER, "order in which things happened, over all tables")
TIME_COLUMN: Final = Column("time", TIME, "venue's time, UTC, nanoseconds")
LOG_POSITION: Final = Column(
    "log_position", INTEGER, "where in the journal the turn begins that it was part of"
)

ORDERS: Final = Table(
    "orders",
    "each order as it is now",
    ("order_number",),
    (
        Column("order_number", INTEGER, "number in order of acceptance", kept=True),
        Column("order_id", TEXT, "OrderID (37)", kept=True),
        Column("account", TEXT, "account that trades", kept=True),
        Column("sender_comp_id", TEXT, "session that entered it, SenderCompID (49)", kept=True),
        Column("first_cl_ord_id", TEXT, "ClOrdID (11) it was entered with", kept=True),
        Column("cl_ord_id", TEXT, "ClOrdID (11) of the latest accepted request"),
        Column("symbol", TEXT, "pair", kept=True),
        Column("side", TEXT, "buy or sell", kept=True),
        Column("ord_type_entered", TEXT, "type it was entered with", kept=True),
        Column("ord_type", TEXT, "type it has: market or limit once a trigger has fired"),
        Column("time_in_force", TEXT, "GTC, GTD, IOC or FOK", kept=True),
        Column("price", DECIMAL, "Price (44), in the quote asset", null=True),
        Column("stop_price", DECIMAL, "StopPx (99): a price, or a distance", null=True),
        Column("reference", TEXT, "what triggers it: last_trade or index", null=True, kept=True),
        Column("trigger_price", DECIMAL, "reference that fired the trigger (1102)", null=True),
        Column("order_qty", DECIMAL, "OrderQty (38), in the base asset", null=True),
        Column("quote_qty", DECIMAL, "OrderQty in the quote asset (18=v)", null=True, kept=True),
        Column("display_qty", DECIMAL, "DisplayQty (1138) of an iceberg", null=True),
        Column("cum_qty", DECIMAL, "CumQty (14): filled, in the base asset"),
        Column("leaves_qty", DECIMAL, "LeavesQty (151): open, in the base asset", null=True),
        Column("cum_amount", DECIMAL, "what the fills moved, in the quote asset"),
        Column("cum_fee", DECIMAL, "fees of the fills, in fee_asset"),
        Column("fee_asset", TEXT, "asset the fee is paid in", kept=True),
        Column("ord_status", TEXT, "OrdStatus (39) in words"),
        Column("post_only", FLAG, "18=P", kept=True),
        Column("margin", FLAG, "Leverage (5001) 1", kept=True),
        Column("reduce_only", FLAG, "18=E", kept=True),
        Column("stp_mode", TEXT, "cancel_both, cancel_newest or cancel_oldest (7928)", kept=True),
        Column("alloc_account", TEXT, "AllocAccount (79)", null=True, kept=True),
        Column("entered_at", TIME, "when it was accepted", kept=True),
        Column("effective_at", TIME, "EffectiveTime (168)", null=True, kept=True),
        Column("expire_at", TIME, "ExpireTime (126)", null=True, kept=True),
        Column("updated_at", TIME, "its latest report"),
        Column("ended_at", TIME, "when it was filled, canceled or expired", null=True),
        Column("reason", TEXT, "why it was canceled or expired: a rule's name", null=True),
    ),
    replaced=True,
)

EXECUTIONS: Final = Table(
    "executions",
    "every ExecutionReport, but for answers to status requests",
    ("seq",),
    (
        SEQ,
        TIME_COLUMN,
        Column("exec_id", TEXT, "ExecID (17)"),
        Column("order_id", TEXT, "OrderID (37)"),
        Column("account", TEXT, "account that trades"),
        Column("sender_comp_id", TEXT, "session it was reported to"),
        Column("cl_ord_id", TEXT, "ClOrdID (11)"),
        Column("orig_cl_ord_id", TEXT, "OrigClOrdID (41): the one before", null=True),
        Column("symbol", TEXT, "pair"),
        Column("side", TEXT, "buy or sell"),
        Column("exec_type", TEXT, "ExecType (150) in words"),
        Column("ord_status", TEXT, "OrdStatus (39) in words"),
        Column("ord_type", TEXT, "type of the order by then"),
        Column("price", DECIMAL, "Price (44)", null=True),
        Column("stop_price", DECIMAL, "StopPx (99)", null=True),
        Column("trigger_price", DECIMAL, "reference that fired the trigger (1102)", null=True),
        Column("order_qty", DECIMAL, "OrderQty (38), in the base asset", null=True),
        Column("display_qty", DECIMAL, "DisplayQty (1138)", null=True),
        Column("cum_qty", DECIMAL, "CumQty (14), in the base asset"),
        Column("leaves_qty", DECIMAL, "LeavesQty (151), in the base asset", null=True),
        Column("last_qty", DECIMAL, "LastQty (32): filled by this trade, base asset", null=True),
        Column("last_price", DECIMAL, "LastPx (31), in the quote asset", null=True),
        Column("last_amount", DECIMAL, "what the trade moved, in the quote asset", null=True),
        Column("last_fee", DECIMAL, "fee of this trade, in fee_asset", null=True),
        Column("fee_asset", TEXT, "asset of the fee", null=True),
        Column("liquidity", TEXT, "maker or taker (5050)", null=True),
        Column("trade_id", TEXT, "TradeID (1003), the same on both sides", null=True),
        Column("cum_amount", DECIMAL, "what all fills so far moved, in the quote asset"),
        Column("cum_fee", DECIMAL, "fees of all fills so far"),
        Column("reason", TEXT, "why it was canceled or expired: a rule's name", null=True),
        Column("text", TEXT, "Text (58)", null=True),
        LOG_POSITION,
    ),
)

POSTINGS: Final = Table(
    "postings",
    "every movement of money between accounts, in double entry",
    ("seq",),
    (
        SEQ,
        TIME_COLUMN,
        Column("account", TEXT, "account; *external, *fees, *house and *lender are the venue's"),
        Column("asset", TEXT, "asset"),
        Column("kind", TEXT, "deposit, withdrawal, trade, fee, or what margin adds"),
        Column("amount", DECIMAL, "change of the account's balance, in the asset"),
        Column("trade_id", TEXT, "TradeID (1003) of the trade it is part of", null=True),
        LOG_POSITION,
    ),
)

REJECTS: Final = Table(
    "rejects",
    "every message that was refused",
    ("seq",),
    (
        SEQ,
        TIME_COLUMN,
        Column("sender_comp_id", TEXT, "session that sent it"),
        Column("account", TEXT, "account of the session"),
        Column("layer", INTEGER, "layer that refused: 1 gateway, 2 order entry, 3 engine"),
        Column("rule", TEXT, "the rule's name"),
        Column("text", TEXT, "Text (58)"),
        Column("msg_type", TEXT, "MsgType (35) of what was refused"),
        Column("msg_seq_num", INTEGER, "its MsgSeqNum (34)"),
        Column("cl_ord_id", TEXT, "its ClOrdID (11)", null=True),
        Column("orig_cl_ord_id", TEXT, "its OrigClOrdID (41)", null=True),
        Column("order_id", TEXT, "its OrderID (37)", null=True),
        Column("symbol", TEXT, "its Symbol (55)", null=True),
        Column("alloc_account", TEXT, "its AllocAccount (79)", null=True),
        LOG_POSITION,
    ),
)

SESSIONS: Final = Table(
    "sessions",
    "logons and ends of sessions",
    ("seq",),
    (
        SEQ,
        TIME_COLUMN,
        Column("sender_comp_id", TEXT, "SenderCompID (49) of the client"),
        Column("target_comp_id", TEXT, "TargetCompID (56) of the client"),
        Column("link", INTEGER, "number of the connection, rising over all sessions"),
        Column("happening", TEXT, "logon, end, or refused (a second logon)"),
        Column("reason", TEXT, "why it ended or was refused", null=True),
        LOG_POSITION,
    ),
)

ACCOUNTS: Final = Table(
    "accounts",
    "accounts and sub-accounts, by the latest settings",
    ("account",),
    (
        Column("account", TEXT, "its name"),
        Column("firm", TEXT, "firm it belongs to"),
        Column("parent", TEXT, "account whose sub-account it is", null=True),
    ),
    replaced=True,
)

BALANCES: Final = Table(
    "balances",
    "what each account has now, as the venue's ledger says",
    ("account", "asset"),
    (
        Column("account", TEXT, "account; *external, *fees, *house and *lender are the venue's"),
        Column("asset", TEXT, "asset"),
        Column("available", DECIMAL, "free to be used"),
        Column("held", DECIMAL, "bound to open orders and positions"),
    ),
    replaced=True,
)

PROGRESS: Final = Table(
    "progress",
    "one row: how far the history has got, and in which journal",
    ("id",),
    (
        Column("id", INTEGER, "always 1"),
        Column("schema_version", INTEGER, "version of these tables"),
        Column("log_position", INTEGER, "everything in the journal before it is in the tables"),
        Column("log_sequence", INTEGER, "number of the journal's record that comes next"),
        Column("batch_position", INTEGER, "where the last batch begins that was read"),
        Column("batch_mark", TEXT, "its header in hexadecimal: unique to it and its journal"),
        Column("next_seq", INTEGER, "seq of the next row"),
        Column("time", TIME, "the venue's time by then"),
    ),
    replaced=True,
)

TABLES: Final = (
    ORDERS, EXECUTIONS, POSTINGS, REJECTS, SESSIONS, ACCOUNTS, BALANCES, PROGRESS,
)  # fmt: skip

VIEWS: Final[dict[str, tuple[str, str]]] = {
    "fills": (
        "the trades of clients' orders",
        "SELECT seq, time, account, sender_comp_id, symbol, side, last_qty AS qty, "
        "last_price AS price, last_amount AS amount, last_fee AS fee, fee_asset, liquidity, "
        "order_id, cl_ord_id, exec_id, trade_id FROM executions WHERE exec_type = 'trade'",
    ),
    "open_orders": (
        "orders that are not closed",
        "SELECT * FROM orders WHERE ended_at IS NULL",
    ),
    "story": (
        "reports and refusals of an order in one: select by order_id or cl_ord_id, order by seq",
        "SELECT seq, time, account, sender_comp_id, order_id, cl_ord_id, orig_cl_ord_id, "
        "exec_type AS happening, ord_status, NULL AS layer, reason AS rule, text FROM executions "
        "UNION ALL SELECT seq, time, account, sender_comp_id, order_id, cl_ord_id, "
        "orig_cl_ord_id, 'refused', NULL, layer, rule, text FROM rejects",
    ),
}
"""By name: what it shows, and its query."""

INDEXES: Final = (
    "CREATE INDEX executions_of_order ON executions (order_id)",
    "CREATE INDEX executions_of_cl_ord_id ON executions (cl_ord_id)",
    "CREATE INDEX fills_by_time ON executions (time) WHERE exec_type = 'trade'",
    "CREATE INDEX postings_of_account ON postings (account, time)",
    "CREATE INDEX rejects_of_cl_ord_id ON rejects (cl_ord_id)",
    "CREATE INDEX rejects_of_order ON rejects (order_id) WHERE order_id IS NOT NULL",
)


def ddl(types: dict[str, str], *, suffix: str = "") -> list[str]:
    """The statements that make tables, views and indexes. `types` names a database's type for each
    kind of column, `suffix` stands behind every table."""
    statements: list[str] = []
    for table in TABLES:
        columns = [
            f"{column.name} {types[column.kind]}{'' if column.null else ' NOT NULL'}"
            for column in table.columns
        ]
        key = f"PRIMARY KEY ({', '.join(table.key)})"
        statements.append(f"CREATE TABLE {table.name} ({', '.join([*columns, key])}){suffix}")
    statements += [f"CREATE VIEW {name} AS {query}" for name, (_, query) in VIEWS.items()]
    return [*statements, *INDEXES]


def write_statement(table: Table) -> str:
    """The statement that adds a row, or writes it again where rows are replaced; `?` for values."""
    places = ", ".join("?" for _ in table.columns)
    statement = f"INSERT INTO {table.name} ({', '.join(table.names)}) VALUES ({places})"
    if not table.replaced:
        return statement
    changes = ", ".join(
        f"{column.name} = excluded.{column.name}"
        for column in table.columns
        if not column.kept and column.name not in table.key
    )
    return f"{statement} ON CONFLICT ({', '.join(table.key)}) DO UPDATE SET {changes}"
