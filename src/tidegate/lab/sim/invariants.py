"""What must hold of the venue's state at any time, seen from outside between two callbacks."""

from __future__ import annotations

from collections import Counter

from tidegate.engine.holds import held_asset, order_hold
from tidegate.engine.ledger import EXTERNAL, HOUSE, LENDER
from tidegate.engine.order import Order
from tidegate.lab.sim import waiting
from tidegate.lab.sim.fold import Fold
from tidegate.lab.sim.orders import Orders
from tidegate.lab.sim.violation import require
from tidegate.model.orders import BUY, LIVE, MARKET, SCHEDULED, UNTRIGGERED
from tidegate.model.settings import VenueSettings
from tidegate.venue.machine import Venue


def check_money(venue: Venue, settings: VenueSettings, fold: Fold, *, all_promised: bool) -> None:
    """Per asset all accounts, fees included, add up to what was deposited and what the house was
    given for its fills, which is what it paid; nobody owes but the venue. What came in and what the
    house gave is known from the journal: only while every turn is promised all of it."""
    ledger = venue.engine.ledger
    for asset, total in ledger.totals().items():
        require(total == 0, "money", f"{total} of {asset} was made or lost")
    deposits: Counter[str] = Counter(fold.orders.house)
    deposits.update(fold.operators.moved)
    for account in settings.accounts:
        for deposit in account.deposits:
            deposits[deposit.asset] += deposit.amount
    for asset, amount in deposits.items():
        owed = -ledger.available(EXTERNAL, asset)
        right = owed == amount or not all_promised
        require(right, "money", f"{owed} of {asset} came in, deposits and fills make {amount}")
    for account_index in ledger.accounts():
        for asset in ledger.assets(account_index):
            if account_index == HOUSE:
                held = ledger.held(account_index, asset)
                require(held == 0, "money", f"the house holds {held} {asset}")
            if account_index not in (EXTERNAL, HOUSE, LENDER):  # the house bears losses
                available = ledger.available(account_index, asset)
                require(available >= 0, "money", f"account {account_index} has {available} {asset}")


def check_holds(venue: Venue) -> None:
    """What is held is what the open orders and positions need, to the last unit."""
    engine = venue.engine
    for account in venue.directory.accounts:
        exposure: dict[str, int] = {}
        for position in engine.margin.positions.of_account(account.index):
            quote = position.quote
            exposure[quote] = exposure.get(quote, 0) + position.margin_money
        for order in engine.account_orders(account.index):
            if not order.margin:
                _check_hold(order)
            asset = order.instrument.quote if order.margin else held_asset(order)
            exposure[asset] = exposure.get(asset, 0) + order.held_money
        for asset in sorted({*exposure, *engine.ledger.assets(account.index)}):
            held = engine.ledger.held(account.index, asset)
            needed = exposure.get(asset, 0)
            require(held == needed, "holds", f"{account.name!r}: {held} {asset}, not {needed}")


def _check_hold(order: Order) -> None:
    """What an order that is not on margin holds. The price that a trailing buy is held for is the
    one at its entry, which it can only come below; a market order that is scheduled, or an amount
    to spend, is held for at the market's price of that time."""
    trigger = order.trigger
    price = order.price
    at_least = False
    if trigger is not None and trigger.fired_price == 0:
        if trigger.distance:
            price = max(0, trigger.best) + trigger.distance + trigger.limit_distance
            at_least = True
        else:
            price = price or trigger.stop_price
    elif order.ord_type == MARKET:
        return
    hold = order_hold(order, price, order.leaves_lots)
    if at_least and order.side == BUY:
        require(order.held_money >= hold, "holds", _said(order, hold))
    else:
        require(order.held_money == hold, "holds", _said(order, hold))


def _said(order: Order, hold: int) -> str:
    return f"order {order.number} holds {order.held_money}, needs {hold}"


def check_books(venue: Venue) -> None:
    """No book is crossed, each level shows what its orders show, and only live orders are there."""
    for symbol in venue.instruments:
        book = venue.engine.book(symbol)
        assert book is not None
        bid, ask = book.bids.best, book.asks.best
        if bid is not None and ask is not None:
            require(bid.price < ask.price, "crossed", f"{symbol}: {bid.price} and {ask.price}")
        for side in (book.bids, book.asks):
            total = 0
            for level in side:
                shown = 0
                for order in level:
                    said = f"{symbol} {level.price}: order {order.number}"
                    visible = order.leaves_lots - order.hidden_lots
                    require(order.stage == LIVE and visible > 0, "levels", said)
                    within = order.display_lots == 0 or visible <= order.display_lots
                    require(within or order.hidden_lots == 0, "levels", said)
                    shown += visible
                    total += order.leaves_lots
                require(shown == level.total_lots > 0, "levels", f"{symbol} {level.price}: {shown}")
            require(total == side.total_lots, "levels", f"{symbol}: {total}")


def check_orders(venue: Venue, known: Orders) -> None:
    """The open orders are those that the reports left open, with the same quantities. Only while
    every turn is promised."""
    engine = venue.engine
    require(
        engine.open_order_count == len(known.open), "orders",
        f"{engine.open_order_count} are open, reports say {len(known.open)}",
    )  # fmt: skip
    for session in venue.sessions:
        for order in engine.session_orders(session.index):
            told = known.open.get(order.order_id)
            require(told is not None, "orders", f"nobody was told of {order.order_id.decode()}")
            assert told is not None
            done, asked = order.cum_lots, order.qty_lots
            if order.quote_money:
                done, asked = order.gross_money, order.quote_money
            require(
                (done, asked, order.epoch) == (told.cum, told.qty, told.epoch),
                "orders", f"{told.name} has {done} of {asked}, reports say {told.cum}, {told.qty}",
            )  # fmt: skip
            stages = {SCHEDULED: waiting.SCHEDULED, UNTRIGGERED: waiting.UNTRIGGERED}
            stage = stages.get(order.stage, waiting.LIVE)
            known_stage = told.entry.wait.stage
            require(stage == known_stage, "orders", f"{told.name} is {stage}, not {known_stage}")


def check_sessions(venue: Venue, fold: Fold) -> None:
    """The sessions' numbers are those of the messages that were promised, and who is muted was
    asked to be. Only while every turn is promised."""
    for session in venue.sessions:
        told = fold.sessions[session.index]
        said = f"{told.settings.sender_comp_id}: "
        require(
            session.next_outgoing == len(told.frames) + 1, "numbers",
            f"{said}the next message is {session.next_outgoing}, {len(told.frames)} were sent",
        )  # fmt: skip
        require(session.muted == told.muted, "control", f"{said}muted {session.muted}")
        require(session.epoch == told.epoch, "numbers", f"{said}epoch {session.epoch}")
        require(session.link == told.link, "fence", f"{said}link {session.link}, not {told.link}")


def check_state(
    venue: Venue, settings: VenueSettings, fold: Fold, *, all_promised: bool = False
) -> None:
    """The part that holds at any time."""
    check_money(venue, settings, fold, all_promised=all_promised)
    check_holds(venue)
    check_books(venue)


def check_all(venue: Venue, settings: VenueSettings, fold: Fold) -> None:
    """Everything, while every turn is promised."""
    check_state(venue, settings, fold, all_promised=True)
    check_orders(venue, fold.orders)
    check_sessions(venue, fold)
