"""The witnesses against the venue's own books, which are read from its journal alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tests.flow.player import Player
from tests.flow.witness import LIVE, SCHEDULED, UNTRIGGERED, Witness
from tidegate.engine.order import Order
from tidegate.journal import SEGMENT_BYTES_MAX, Journal, OsStorage
from tidegate.model import orders as stages
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS
from tidegate.recovery import JOURNAL_DIRECTORY, verify
from tidegate.venue import records
from tidegate.venue.machine import Venue
from tidegate.venue.records import read_records
from tidegate.wire import tags
from tidegate.wire.message import Message

_STAGES = {
    stages.SCHEDULED: SCHEDULED, stages.UNTRIGGERED: UNTRIGGERED, stages.LIVE: LIVE
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Books:
    """A venue brought up from its journal. `exec_ids` are those of every report it sent or kept
    to be resent, by session and in order."""

    venue: Venue
    exec_ids: dict[int, list[str]]


def read_books(data: Path) -> Books:
    """Replay the whole journal, every output compared byte by byte. The venue must be stopped."""
    journal = Journal.open(
        data / JOURNAL_DIRECTORY, storage=OsStorage(), segment_bytes_max=SEGMENT_BYTES_MAX
    )
    venue = Venue()
    exec_ids: defaultdict[int, list[str]] = defaultdict(list)
    message = Message()
    for batch in journal.batches(0):
        venue.replay(batch.payload, batch.payload_position)
        for record in read_records(batch.payload):
            if record.kind == records.SENT:
                message.scan(record.data)
                if message.get(tags.MSG_TYPE) == b"8":
                    exec_ids[record.session].append(message.get(tags.EXEC_ID).decode())
    journal.close()
    return Books(venue, dict(exec_ids))


def reconcile(player: Player, data: Path) -> str:
    """Compare everything; raises `AssertionError` at the first difference. The state's digest."""
    books = read_books(data)
    witnesses = [trader.witness for trader in player.traders.values()]
    _executions(player, books)
    compare_orders(witnesses, books.venue)
    compare_balances(witnesses, books.venue)
    verification = verify(data)
    assert not verification.snapshots_unequal
    digest = books.venue.digest()
    assert verification.digest == digest, "the same journal gives the same state"
    return digest


def _executions(player: Player, books: Books) -> None:
    """No report is lost or doubled, and each session got its own in order."""
    for firm, trader in player.traders.items():
        index = books.venue.directory.session_index(firm.encode(), b"KRAKEN-TRD")
        assert trader.witness.exec_ids == books.exec_ids.get(index, []), f"reports of {firm}"


def compare_orders(witnesses: Sequence[Witness], venue: Venue) -> None:
    """Every order that is open here is open there, in the same state, and no other is."""
    told = 0
    for witness in witnesses:
        for order in witness.open_orders:
            account = venue.directory.account_by_name[order.account.encode()]
            held = venue.engine.order_by_cl_ord_id(account.index, order.cl_ord_id.encode())
            assert held is not None, f"the venue does not have {order}"
            there = (
                held.order_id.decode(),
                _price_of(held),
                Decimal(held.qty_lots).scaleb(-LOT_DECIMALS),
                Decimal(held.cum_lots).scaleb(-LOT_DECIMALS),
                chr(held.side),
                _STAGES[held.stage],
            )
            here = (
                order.order_id, order.price, order.qty, order.cum_qty, order.side, order.stage
            )  # fmt: skip
            assert there == here
            told += 1
    assert venue.engine.open_order_count == told


def _price_of(order: Order) -> Decimal | None:
    """Price (44), as it is told: a trailing-stop-limit's distance until it has fired."""
    trigger = order.trigger
    price = order.price
    if trigger is not None and trigger.limit_distance and not trigger.fired_price:
        price = trigger.limit_distance
    if price == 0:
        return None
    return Decimal(price).scaleb(-order.instrument.price_decimals)


def compare_balances(witnesses: Sequence[Witness], venue: Venue) -> None:
    """Balances are the deposits and what the witnesses booked; holds are those of open orders;
    nothing was made or lost."""
    ledger = venue.engine.ledger
    assert not any(ledger.totals().values()), "money was made or lost"
    changes: Counter[tuple[str, str]] = Counter()  # sessions may share an account
    for witness in witnesses:
        changes.update(witness.changes)
    for account in venue.directory.accounts:
        held: defaultdict[str, int] = defaultdict(int)
        for order in venue.engine.account_orders(account.index):
            asset = order.instrument.quote if order.side == ord("1") else order.instrument.base
            held[asset] += order.held_money
        for deposit in account.settings.deposits:
            asset = deposit.asset
            change = Decimal(changes.pop((account.settings.account, asset), 0))
            expected = deposit.amount + change.scaleb(MONEY_DECIMALS)
            balance = ledger.available(account.index, asset) + ledger.held(account.index, asset)
            assert balance == expected, f"{account.settings.account} {asset}"
            assert ledger.held(account.index, asset) == held[asset]
    assert not changes, f"trades of accounts without a deposit: {changes}"
