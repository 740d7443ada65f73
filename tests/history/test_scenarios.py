"""Every scenario's turns as history: each kind of order, of instruction and of end has its rows."""

from __future__ import annotations

import pytest

from tests.scenario.script import Script
from tests.scenario.test_scenarios_core import SCRIPTS, play
from tidegate.history import schema
from tidegate.history.projection import VENUE_ACCOUNTS, Projection
from tidegate.history.reasons import meaning_of
from tidegate.history.store import Row
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, from_text, to_text
from tidegate.venue.machine import Venue


def project(turns: list[tuple[bytes, int]]) -> tuple[Venue, dict[str, list[dict[str, object]]]]:
    """A venue that has replayed the turns, and the rows of it by table."""
    venue = Venue()
    projection = Projection(venue, 1)
    projection.observe()
    for payload, position in turns:
        projection.log_position = position
        venue.replay(payload, position)
    rows = projection.take()
    return venue, {
        table.name: [_named(table, row) for row in rows.get(table, ())] for table in schema.TABLES
    }


def _named(table: schema.Table, row: Row) -> dict[str, object]:
    return dict(zip(table.names, row, strict=True))


def money(value: object) -> int:
    text = str(value)
    amount = from_text(text.removeprefix("-"), MONEY_DECIMALS)
    return -amount if text.startswith("-") else amount


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_scenarios_rows_are_the_state_it_ends_in(script: Script) -> None:
    venue, rows = project(play(script).turns)
    ledger = venue.engine.ledger
    names = VENUE_ACCOUNTS | {
        account.index: account.settings.account for account in venue.directory.accounts
    }
    expected = {
        (names[account], asset): ledger.available(account, asset) + ledger.held(account, asset)
        for account in ledger.accounts()
        for asset in ledger.assets(account)
    }
    posted: dict[tuple[object, object], int] = {}
    for posting in rows["postings"]:
        key = (posting["account"], posting["asset"])
        posted[key] = posted.get(key, 0) + money(posting["amount"])
    assert {key: value for key, value in posted.items() if value} == expected
    booked = {
        (row["account"], row["asset"]): money(row["available"]) + money(row["held"])
        for row in rows["balances"]
    }
    assert {key: value for key, value in booked.items() if value} == expected

    still_open = {str(row["order_id"]): row for row in rows["orders"] if row["ended_at"] is None}
    orders = [
        order for session in venue.sessions for order in venue.engine.session_orders(session.index)
    ]
    assert set(still_open) == {order.order_id.decode() for order in orders}
    for order in orders:
        row = still_open[order.order_id.decode()]
        assert row["cl_ord_id"] == order.cl_ord_id.decode()
        assert row["cum_qty"] == to_text(order.cum_lots, LOT_DECIMALS)
        assert row["margin"] == int(order.margin)
        if not order.quote_money:
            assert row["leaves_qty"] == to_text(order.leaves_lots, LOT_DECIMALS)
    for row in rows["executions"]:
        if row["exec_type"] in ("canceled", "expired"):
            assert meaning_of(str(row["reason"])), row["text"]
    for row in rows["rejects"]:
        assert meaning_of(str(row["rule"])), row["rule"]
