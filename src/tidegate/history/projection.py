"""From what a replayed venue tells to rows of the history.

A pure function of the journal: the same turns give the same rows with the same numbers, in however
many transactions they are written.
"""

from __future__ import annotations

from tidegate.engine.events import Event
from tidegate.engine.ledger import EXTERNAL, FEES, HOUSE, LENDER
from tidegate.engine.order import Order
from tidegate.history import schema
from tidegate.history.reasons import reason_of
from tidegate.history.store import Row, Rows
from tidegate.history.words import (
    EXEC_TYPES,
    LIQUIDITY,
    ORD_STATUSES,
    ORD_TYPES,
    REFERENCES,
    SIDES,
    STP_MODES,
    TIMES_IN_FORCE,
    time_text,
)
from tidegate.model.orders import (
    EXEC_CANCELED,
    EXEC_EXPIRED,
    EXEC_STATUS,
    EXEC_TRADE,
    STATUS_CANCELED,
    STATUS_EXPIRED,
    STATUS_FILLED,
    exec_id_text,
    trade_id_text,
)
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.venue.effects import RefusalNote, SessionNote
from tidegate.venue.machine import Venue
from tidegate.venue.observing import VenueObserver
from tidegate.wire import tags
from tidegate.wire.message import Message

VENUE_ACCOUNTS = {EXTERNAL: "*external", FEES: "*fees", HOUSE: "*house", LENDER: "*lender"}
"""Names of the ledger's own accounts. No account of a firm begins with a star."""

_ENDED = (STATUS_FILLED, STATUS_CANCELED, STATUS_EXPIRED)
_KEPT = [index for index, column in enumerate(schema.ORDERS.columns) if column.kept]


class Projection(VenueObserver):
    """Collects the rows of the turns that `venue` replays while it observes it.

    `log_position` is that of the turn's batch and is set before its replay. `next_seq` numbers the
    next row. `take` hands over the rows.
    """

    def __init__(self, venue: Venue, next_seq: int) -> None:
        self.venue = venue
        self.next_seq = next_seq
        self.log_position = 0
        self.row_count = 0
        self._rows: dict[schema.Table, list[Row]] = {}
        self._orders: dict[int, list[object]] = {}
        self._touched: dict[tuple[int, str], None] = {}
        self._settings_bytes = b""
        self._account_count = 0

    def observe(self) -> None:
        """Listen from here on."""
        self.venue.observe(self)
        self.venue.engine.ledger.postings = []
        self._settings_bytes = self.venue.settings_bytes
        self._account_count = len(self.venue.directory.accounts)

    def take(self) -> Rows:
        """The rows since the last call; those of orders and balances as they are now."""
        rows: Rows = dict(self._rows)
        if self._orders:
            rows[schema.ORDERS] = [tuple(order) for order in self._orders.values()]
        if self._touched:
            rows[schema.BALANCES] = [self._balance(*key) for key in self._touched]
        self._rows = {}
        self._orders = {}
        self._touched = {}
        self.row_count = 0
        return rows

    # --- VenueObserver ----------------------------------------------------------------------------

    def reported(self, event: Event, exec_number: int) -> None:
        """See `VenueObserver.reported`."""
        if event.exec_type == EXEC_STATUS:
            return
        order = event.order
        time = time_text(event.time_ns)
        reason = None
        if event.exec_type in (EXEC_CANCELED, EXEC_EXPIRED):
            reason = reason_of(event.text)
        self._add(schema.EXECUTIONS, self._execution(event, order, exec_number, time, reason))
        row = self._order(event, order, time, reason)
        earlier = self._orders.get(order.number)
        if earlier is not None:
            for index in _KEPT:
                row[index] = earlier[index]
        self._orders[order.number] = row
        self._touched[order.account, order.instrument.base] = None
        self._touched[order.account, order.instrument.quote] = None

    def refused(self, note: RefusalNote, message: Message) -> None:
        """See `VenueObserver.refused`."""
        session = self.venue.directory.sessions[note.session]
        self._add(
            schema.REJECTS,
            (
                self._number(),
                time_text(self.venue.now_ns),
                session.sender_comp_id,
                session.account,
                note.layer,
                note.rule.decode(),
                _text(note.text),
                _text(note.msg_type),
                max(note.msg_seq_num, 0),
                _text(note.cl_ord_id) or None,
                _text(message.get(tags.ORIG_CL_ORD_ID)) or None,
                _text(message.get(tags.ORDER_ID)) or None,
                _text(message.get(tags.SYMBOL)) or None,
                _text(message.get(tags.ALLOC_ACCOUNT)) or None,
                self.log_position,
            ),
        )

    def session_noted(self, note: SessionNote) -> None:
        """See `VenueObserver.session_noted`."""
        session = self.venue.directory.sessions[note.session]
        self._add(
            schema.SESSIONS,
            (
                self._number(),
                time_text(self.venue.now_ns),
                session.sender_comp_id,
                session.target_comp_id,
                note.link,
                note.happening.decode(),
                _text(note.reason) or None,
                self.log_position,
            ),
        )

    def applied(self) -> None:
        """See `VenueObserver.applied`: the movements of money come behind what they are for."""
        directory = self.venue.directory
        if (
            self.venue.settings_bytes is not self._settings_bytes
            or len(directory.accounts) != self._account_count
        ):
            self._settings_bytes = self.venue.settings_bytes
            self._account_count = len(directory.accounts)
            for known in directory.accounts:
                settings = known.settings
                row = (settings.account, settings.firm, settings.parent or None)
                self._add(schema.ACCOUNTS, row)
        postings = self.venue.engine.ledger.postings
        if not postings:
            return
        time = time_text(self.venue.now_ns)
        for posting in postings:
            trade = posting.trade_number
            self._touched[posting.account, posting.asset] = None
            self._add(
                schema.POSTINGS,
                (
                    self._number(),
                    time,
                    self._account(posting.account),
                    posting.asset,
                    posting.kind,
                    to_text(posting.amount, MONEY_DECIMALS),
                    trade_id_text(trade).decode() if trade else None,
                    self.log_position,
                ),
            )
        self.venue.engine.ledger.postings = []

    # --- rows -------------------------------------------------------------------------------------

    def _execution(
        self, event: Event, order: Order, exec_number: int, time: str, reason: str | None
    ) -> Row:
        pair = order.instrument
        decimals = pair.price_decimals
        is_trade = event.exec_type == EXEC_TRADE
        return (
            self._number(),
            time,
            exec_id_text(exec_number).decode(),
            order.order_id.decode(),
            self._account(order.account),
            self.venue.directory.sessions[order.session].sender_comp_id,
            _text(event.cl_ord_id),
            _text(event.orig_cl_ord_id) or None,
            pair.symbol,
            SIDES[order.side],
            EXEC_TYPES[event.exec_type],
            ORD_STATUSES[event.ord_status],
            ORD_TYPES[event.ord_type],
            _decimal(event.price, decimals),
            _decimal(event.stop_price, decimals),
            _decimal(event.trigger_price, decimals),
            None if order.quote_money else to_text(event.qty_lots, LOT_DECIMALS),
            _decimal(event.display_lots, LOT_DECIMALS),
            to_text(event.cum_lots, LOT_DECIMALS),
            None if order.quote_money else to_text(event.leaves_lots, LOT_DECIMALS),
            to_text(event.last_lots, LOT_DECIMALS) if is_trade else None,
            to_text(event.last_price, decimals) if is_trade else None,
            to_text(event.last_money, MONEY_DECIMALS) if is_trade else None,
            to_text(event.last_fee_money, MONEY_DECIMALS) if is_trade else None,
            event.fee_asset if is_trade else None,
            LIQUIDITY[event.liquidity] if is_trade else None,
            trade_id_text(event.trade_number).decode() if is_trade else None,
            to_text(event.gross_money, MONEY_DECIMALS),
            to_text(event.fee_money, MONEY_DECIMALS),
            reason,
            _text(event.text) or None,
            self.log_position,
        )

    def _order(self, event: Event, order: Order, time: str, reason: str | None) -> list[object]:
        pair = order.instrument
        decimals = pair.price_decimals
        trigger = order.trigger
        ended = event.ord_status in _ENDED
        return [
            order.number,
            order.order_id.decode(),
            self._account(order.account),
            self.venue.directory.sessions[order.session].sender_comp_id,
            _text(event.cl_ord_id),
            _text(event.cl_ord_id),
            pair.symbol,
            SIDES[order.side],
            ORD_TYPES[order.ord_type if trigger is None else trigger.kind],
            ORD_TYPES[event.ord_type],
            TIMES_IN_FORCE[order.time_in_force],
            _decimal(event.price, decimals),
            _decimal(event.stop_price, decimals),
            None if trigger is None else REFERENCES[trigger.reference],
            _decimal(event.trigger_price, decimals),
            None if order.quote_money else to_text(event.qty_lots, LOT_DECIMALS),
            _decimal(order.quote_money, MONEY_DECIMALS),
            _decimal(event.display_lots, LOT_DECIMALS),
            to_text(event.cum_lots, LOT_DECIMALS),
            None if order.quote_money else to_text(event.leaves_lots, LOT_DECIMALS),
            to_text(event.gross_money, MONEY_DECIMALS),
            to_text(event.fee_money, MONEY_DECIMALS),
            pair.base if order.fee_in_base else pair.quote,
            ORD_STATUSES[event.ord_status],
            int(order.post_only),
            int(order.margin),
            int(order.reduce_only),
            STP_MODES[order.stp_mode],
            _text(order.alloc_account) or None,
            time_text(order.entered_ns),
            time_text(order.effective_ns) if order.effective_ns else None,
            time_text(order.expire_ns) if order.expire_ns else None,
            time,
            time if ended else None,
            reason,
        ]

    def _balance(self, account: int, asset: str) -> Row:
        ledger = self.venue.engine.ledger
        return (
            self._account(account),
            asset,
            to_text(ledger.available(account, asset), MONEY_DECIMALS),
            to_text(ledger.held(account, asset), MONEY_DECIMALS),
        )

    def _account(self, account: int) -> str:
        if account < 0:
            return VENUE_ACCOUNTS[account]
        return self.venue.directory.accounts[account].settings.account

    def _number(self) -> int:
        number = self.next_seq
        self.next_seq = number + 1
        return number

    def _add(self, table: schema.Table, row: Row) -> None:
        self._rows.setdefault(table, []).append(row)
        self.row_count += 1


def _decimal(value: int, decimals: int) -> str | None:
    """A decimal where 0 stands for none."""
    return to_text(value, decimals) if value else None


def _text(data: bytes) -> str:
    """A FIX field as text. NUL, which PostgreSQL does not take in a text, is shown."""
    return data.decode("latin-1").replace("\0", "\\0")
