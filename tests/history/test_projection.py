"""The tables say what the venue says: orders, balances, executions, refusals, sessions."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.history.days import Days
from tests.scenario.settings import change, venue_settings
from tidegate.history.access import catch_up, open_store
from tidegate.history.projection import VENUE_ACCOUNTS
from tidegate.history.queries import balance_check
from tidegate.history.store import Row, Store
from tidegate.history.words import SIDES, time_text
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, to_text
from tidegate.session.logon import ALREADY_ACTIVE
from tidegate.venue import records
from tidegate.venue.machine import Venue
from tidegate.venue.records import read_records
from tidegate.wire.message import Message


def projected(data: Path) -> Store:
    store = open_store(data, "sqlite")
    catch_up(data, store, tell=pytest.fail)
    return store


def account_name(venue: Venue, account: int) -> str:
    if account < 0:
        return VENUE_ACCOUNTS[account]
    return venue.directory.accounts[account].settings.account


def check_balances(venue: Venue, store: Store) -> None:
    ledger = venue.engine.ledger
    expected = {
        (account_name(venue, account), asset): (
            to_text(ledger.available(account, asset), MONEY_DECIMALS),
            to_text(ledger.held(account, asset), MONEY_DECIMALS),
        )
        for account in ledger.accounts()
        for asset in ledger.assets(account)
    }
    found = {
        (account, asset): (available, held)
        for account, asset, available, held in store.query("SELECT * FROM balances")
        if (available, held) != ("0", "0")
    }
    assert found == expected
    answer, balanced = balance_check(store)
    assert balanced, answer


def check_open_orders(venue: Venue, store: Store) -> None:
    expected = {}
    for session in venue.sessions:
        for order in venue.engine.session_orders(session.index):
            expected[order.order_id.decode()] = (
                account_name(venue, order.account),
                session.settings.sender_comp_id,
                order.cl_ord_id.decode(),
                order.instrument.symbol,
                SIDES[order.side],
                to_text(order.price, order.instrument.price_decimals),
                to_text(order.qty_lots, LOT_DECIMALS),
                to_text(order.leaves_lots, LOT_DECIMALS),
                to_text(order.cum_lots, LOT_DECIMALS),
                to_text(order.fee_money, MONEY_DECIMALS),
                time_text(order.entered_ns),
            )
    found = {
        row[0]: row[1:]
        for row in store.query(
            "SELECT order_id, account, sender_comp_id, cl_ord_id, symbol, side, price, order_qty, "
            "leaves_qty, cum_qty, cum_fee, entered_at FROM open_orders"
        )
    }
    assert found == expected


@pytest.mark.parametrize("seed", range(6))
def test_the_tables_are_the_state_of_the_venue_after_any_stream(tmp_path: Path, seed: int) -> None:
    days = Days(tmp_path / "data", seed)
    days.play(400)
    with closing(projected(days.data)) as store:
        check_balances(days.venue, store)
        check_open_orders(days.venue, store)
        traded = store.query("SELECT COUNT(*) FROM fills")[0][0]
        assert isinstance(traded, int)
        assert traded > 10, "the stream trades"


def test_every_report_and_refusal_that_was_sent_has_its_row(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 7)
    days.play(500)
    reports: list[Row] = []
    refused: Counter[bytes] = Counter()
    for batch in days.journal.batches(0):
        for record in read_records(batch.payload):
            if record.kind != records.SENT:
                continue
            message = Message()
            message.scan(record.data)
            kind = message.get(35)
            if kind == b"8":
                reports.append(
                    tuple(message.get(tag).decode() for tag in (17, 37, 11, 14, 151, 60))
                )
            elif kind in (b"3", b"j"):
                refused[message.get(58)] += 1
    with closing(projected(days.data)) as store:
        found = store.query(
            "SELECT exec_id, order_id, cl_ord_id, cum_qty, leaves_qty, time FROM executions "
            "ORDER BY seq"
        )
        assert [(*row[:5], fix_time(str(row[5]))) for row in found] == reports
        texts = Counter(str(row[0]).encode() for row in store.query("SELECT text FROM rejects"))
        assert texts == refused
        assert len(refused) > 3


def fix_time(text: str) -> str:
    return text[:23].replace("-", "").replace("T", "-")


def test_trades_add_up_in_postings_and_each_has_two_sides(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 8)
    days.play(600)
    with closing(projected(days.data)) as store:
        sums: Counter[tuple[object, object]] = Counter()
        for trade, asset, amount in store.query(
            "SELECT trade_id, asset, amount FROM postings WHERE trade_id IS NOT NULL"
        ):
            sums[trade, asset] += round(float(str(amount)) * 10**6)
        assert sums
        assert set(sums.values()) == {0}
        sides = store.query(
            "SELECT trade_id, COUNT(*), SUM(liquidity = 'taker') FROM fills GROUP BY trade_id"
        )
        assert sides
        assert {row[1:] for row in sides} == {(2, 1)}


def test_what_a_position_wins_and_loses_is_posted_as_its_margin_result(tmp_path: Path) -> None:
    settings = venue_settings()
    change(settings, "instrument", "BTC/USD leverage_max=5")
    change(settings, "account", "ACME-1 leverage=5")
    days = Days(tmp_path / "data", 1, settings=settings)
    trades = ((1, 84_000, 1), (2, 83_000, 1), (2, 83_000, 2), (1, 82_500.5, 2))
    for number, (side, price, qty) in enumerate(trades, 1):
        text = f"55=BTC/USD|40=2|44={price}|38={qty}|60=20261103-09:15:00|"
        for name, own_side, more in (("BETA", 3 - side, "59=1|"), ("ACME", side, "59=3|5001=1|")):
            body = f"11={number}|54={own_side}|{text}{more}"
            days.send(name, b"D", body.replace("|", "\x01").encode())
            days.end_turn()
    with closing(projected(days.data)) as store:
        assert store.query(
            "SELECT p.account, p.asset, p.amount, f.price FROM postings p JOIN fills f "
            "ON f.trade_id = p.trade_id AND f.account = 'ACME-1' WHERE kind = 'margin result' "
            "ORDER BY p.seq"
        ) == [
            ("ACME-1", "USD", "-1000", "83000"),
            ("*lender", "USD", "1000", "83000"),
            ("*lender", "USD", "-999", "82500.5"),
            ("ACME-1", "USD", "999", "82500.5"),
        ]
        check_balances(days.venue, store)


def test_sessions_have_their_logons_and_ends(tmp_path: Path) -> None:
    days = Days(tmp_path / "data", 3)
    days.logon("ACME")
    days.end_turn()
    days.logon("ACME")
    days.send("ACME", b"5", b"")
    days.end_turn()
    days.logon("BETA")
    session = days.venue.sessions[1]
    days.venue.link_down(1, session.link, days.now_ns)
    days.end_turn()
    with closing(projected(days.data)) as store:
        assert store.query("SELECT sender_comp_id, link, happening, reason FROM sessions") == [
            ("ACME", 1, "logon", None),
            ("ACME", 2, "refused", ALREADY_ACTIVE.decode()),
            ("ACME", 1, "end", "Logged out"),
            ("BETA", 3, "logon", None),
            ("BETA", 3, "end", "Link lost"),
        ]
