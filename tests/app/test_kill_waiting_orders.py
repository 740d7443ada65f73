"""kill -9 with orders of every stage open: nothing fires twice and nothing is forgotten, also where
its time came while the venue was down.

The tests wait for the wall clock at one place: where an order's own time has to pass while the
venue is down.
"""

from __future__ import annotations

import time
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tests.app.survivor import CANCEL, TAKER, UNIT, Survivor
from tests.app.venue import Venue, copied, tidegate
from tests.peers.socket_peer import Frame, utc_now
from tidegate.control.client import ask
from tidegate.recovery import recover

CONFIG = """[fees]
default_tier = "0"
[venue]
snapshot_every_records = 100
"""
DOWN_S = 3.0  # from the entry of an order until its time comes
DISCONNECTED = "Order canceled on disconnect"


def index(venue: Venue, symbol: str, price: str) -> None:
    """Done, and durable, when this returns."""
    ask(venue.data, "index", {"symbol": symbol, "price": price})


class Life:
    """ACME, whose orders wait, and BETA, who moves prices. Orders of ACME by name."""

    def __init__(self, venue: Venue, *, on_disconnect: int = 1) -> None:
        self.venue = venue
        self.acme = Survivor("ACME", on_disconnect=on_disconnect)
        self.beta = Survivor("BETA")
        self.orders: dict[str, str] = {}
        self._copies = 0

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.acme.close()
        self.beta.close()

    def connect(self) -> list[Frame]:
        """Both log on; what is new to ACME."""
        news = self.acme.connect(self.venue)
        self.beta.connect(self.venue)
        return news

    def restart(self) -> list[Frame]:
        """Killed at once, started, and asked; what is new to ACME."""
        self.venue.kill()
        self.acme.close()
        self.beta.close()
        self.venue.start()
        return self.connect()

    def enter(self, name: str, fields: str) -> None:
        self.orders[name] = self.acme.enter(fields)

    def stories(self) -> dict[str, str]:
        return {name: self.acme.story(order_id) for name, order_id in self.orders.items()}

    def change(self, news: list[Frame]) -> list[tuple[str, str]]:
        """Reports as the order's name and ExecType (150)."""
        names = {order_id: name for name, order_id in self.orders.items()}
        return [(names[r[37]], r[150]) for r in news if r[37] in names]

    def require_books(self) -> None:
        """The venue that a copy of the data directory makes has these orders and this money, from
        its latest snapshot as from its first record."""
        self._copies += 1
        copy = copied(self.venue.data, self.venue.data.with_name(f"copy-{self._copies}"))
        verified = tidegate("verify", "--data", copy)
        assert verified.returncode == 0, verified.stderr
        assert b"DIFFERENT" not in verified.stdout + verified.stderr
        recovered = recover(copy, durability="process")
        recovered.journal.close()
        engine = recovered.venue.engine
        ledger = engine.ledger
        assert set(ledger.totals().values()) == {0}
        account = next(a for a in recovered.venue.directory.accounts if a.name == b"ACME-1")
        open_ids = {order.order_id.decode() for order in engine.account_orders(account.index)}
        assert open_ids == set(self.acme.open_orders())
        margin = {self.orders[name] for name in self.orders if name.startswith("margin")}
        positions = engine.margin.positions.of_account(account.index)
        held = self.held(margin)
        held["USD"] += sum(position.margin_money for position in positions)
        lent = sum(position.cost_money for position in positions)
        paid = self.acme.paid(margin=margin)
        for deposit in account.settings.deposits:
            asset = deposit.asset
            total = ledger.available(account.index, asset) + ledger.held(account.index, asset)
            expected = deposit.amount + paid.get(asset, Fraction(0)) * UNIT
            assert total == expected + (lent if asset == "USD" else 0), asset
            assert ledger.held(account.index, asset) == held.get(asset, 0), asset

    def held(self, margin: set[str]) -> dict[str, int]:
        """What open orders must hold by their reports: what they give and the taker's fee."""
        held = {"USD": 0}
        for order_id, report in self.acme.open_orders().items():
            if order_id in margin:
                continue  # they all close the position
            base, quote = report[55].split("/")
            buys = report[54] == "1"
            price = Fraction(report.get(44) or report[99]) if buys else Fraction(1)
            exact = Fraction(report[151]) * price * (1 + TAKER) * UNIT
            asset = quote if buys else base
            held[asset] = held.get(asset, 0) - (-exact.numerator // exact.denominator)  # rounded up
        return held


def wait_until_past(moment_s: float) -> None:
    """The wall clock passes an order's own time, which is what the test is about: the venue is
    down, so there is nothing to wait for that would tell."""
    assert time.time() < moment_s, "too slow: an order's time came before the venue was killed"
    time.sleep(moment_s - time.time())


def enter_waiting(life: Life) -> None:
    """Orders that wait for a price, on another clock than the test's, or rest."""
    acme, beta, venue = life.acme, life.beta, life.venue
    index(venue, "ETH/USD", "3000")
    index(venue, "SOL/USD", "100")
    beta.enter("55=BTC/USD|54=2|40=2|44=50000|38=0.1")
    life.enter("first", "55=BTC/USD|54=1|40=2|44=50000|38=0.1")  # the last trade is at 50,000
    life.enter("stop", "55=BTC/USD|54=2|40=3|99=49000|38=0.1")
    life.enter("take", "55=BTC/USD|54=2|40=T|99=52000|44=51900|38=0.2")
    life.enter("iceberg", "55=BTC/USD|54=2|40=2|44=50500|38=1|1138=0.2")
    beta.enter("55=BTC/USD|54=1|40=2|44=50500|38=0.3|59=3")  # 0.1 of it shows, 0.6 is hidden
    beta.enter("55=BTC/USD|54=2|40=2|44=50500|38=0.1", sub="desk")
    life.enter("trail", "55=ETH/USD|54=2|40=U|99=100|38=1|388=1")
    index(venue, "ETH/USD", "3050")  # the best that it sees
    index(venue, "ETH/USD", "3000")
    beta.enter("55=SOL/USD|54=2|40=2|44=100|38=10")
    life.enter("margin", "55=SOL/USD|54=1|40=2|44=100|38=10|5001=1")
    life.enter("margin close", "55=SOL/USD|54=2|40=2|44=110|38=4|5001=1|18=E")
    life.enter("margin stop", "55=SOL/USD|54=2|40=3|99=90|38=6|388=1|5001=1|18=E")
    life.enter("long gtd", f"55=LTC/USD|54=1|40=2|44=50|38=1|59=6|126={utc_now(3600)}")
    life.enter("later", f"55=LTC/USD|54=1|40=2|44=51|38=1|168={utc_now(3600)}")
    acme.news()


def enter_timed(life: Life) -> float:
    """Orders whose times come soon; when all of them have, in seconds since 1970. What goes live
    trades with an order of BETA."""
    life.beta.enter("55=LTC/USD|54=2|40=2|44=100|38=10")
    soon_s = time.time() + DOWN_S
    soon, after = utc_now(DOWN_S), utc_now(DOWN_S + 0.2)
    life.enter("gtd", f"55=LTC/USD|54=1|40=2|44=52|38=1|59=6|126={soon}")
    life.enter("due", f"55=LTC/USD|54=1|40=2|44=100|38=1|168={soon}")
    life.enter("never", f"55=LTC/USD|54=1|40=2|44=100|38=1|59=6|168={soon}|126={after}")
    life.acme.news()
    life.beta.news()
    return soon_s + 0.3


@pytest.mark.parametrize("durability", ["process", "disk"])
def test_waiting_orders_outlive_kills_and_act_exactly_once(data: Path, durability: str) -> None:
    started = Venue(data, config=CONFIG, arguments=["--durability", durability])
    with started as venue, Life(venue) as life:
        enter_waiting(life)
        past_s = enter_timed(life)
        venue.kill()
        wait_until_past(past_s)

        news = life.restart()
        assert {report.get(43) for report in news} == {"Y"}
        assert life.change(news) == [("gtd", "C"), ("due", "0"), ("due", "F"), ("never", "C")]
        assert news[0][58] == news[-1][58] == "GTD order expired"
        life.acme.require_status_of_all()
        life.require_books()
        assert life.restart() == [], "what was done at the start is done"

        iceberg_shows_what_it_showed(life)
        triggers_fire_once(life)
        assert life.stories() == {
            "first": "0F", "stop": "0DF", "take": "0DF", "iceberg": "0FFFFFFF", "trail": "0DF",
            "margin": "0F", "margin close": "0F", "margin stop": "0DF", "long gtd": "0",
            "later": "A", "gtd": "0C", "due": "A0F", "never": "AC",
        }  # fmt: skip
        life.acme.require_status_of_all()
        life.require_books()
        assert "Traceback" not in venue.log_text()


def iceberg_shows_what_it_showed(life: Life) -> None:
    """0.1 of the iceberg is in front, then BETA's 0.1, then the refill."""
    life.beta.post("55=BTC/USD|54=1|40=2|44=50500|38=0.25|59=3")
    fills = [m[32] for m in life.beta.news() if m[150] == "F" and m[54] == "1"]
    assert fills == ["0.1", "0.1", "0.05"]
    assert [(m[32], m[151]) for m in life.acme.news()] == [("0.1", "0.6"), ("0.05", "0.55")]


def triggers_fire_once(life: Life) -> None:
    """Prices reach every trigger that is left; the venue is killed before, between and after."""
    acme, beta, venue = life.acme, life.beta, life.venue
    beta.enter("55=ETH/USD|54=1|40=2|44=2940|38=2")
    index(venue, "ETH/USD", "2950.01")
    assert life.restart() == []
    index(venue, "ETH/USD", "2950")  # 100 below the best that it has seen
    fired, filled = life.restart()
    assert (fired[37], fired[150], fired[1102]) == (life.orders["trail"], "D", "2950")
    assert (filled[37], filled[150], filled[31]) == (life.orders["trail"], "F", "2940")
    index(venue, "ETH/USD", "2900")
    assert acme.news() == []

    beta.enter("55=BTC/USD|54=1|40=2|44=49000|38=1")
    cl_ord_id = acme.post("55=BTC/USD|54=2|40=2|44=49000|38=0.01|59=3")
    news = life.restart()  # killed before or after the order was taken, as it happens
    if not acme.of_cl_ord_id(cl_ord_id, news):
        assert news == []
        acme.post("55=BTC/USD|54=2|40=2|44=49000|38=0.01|59=3")
        news = acme.news()
    assert life.change(news) == [("stop", "D"), ("stop", "F")]
    assert life.restart() == []

    beta.post("55=BTC/USD|54=1|40=2|44=50500|38=0.55|59=3")  # the rest of the iceberg
    beta.news()
    acme.enter("55=BTC/USD|54=2|40=2|44=52000|38=0.01")
    acme.news()
    beta.enter("55=BTC/USD|54=1|40=2|44=52000|38=0.31")  # the last trade; what rests pays for it
    assert life.change(life.restart()) == [("take", "D"), ("take", "F")]

    beta.enter("55=SOL/USD|54=1|40=2|44=110|38=4")
    beta.enter("55=SOL/USD|54=1|40=2|44=85|38=6")
    index(venue, "SOL/USD", "90")
    news = life.restart()
    expected = [("margin close", "F"), ("margin stop", "D"), ("margin stop", "F")]
    assert life.change(news) == expected
    assert life.restart() == []


def test_a_kill_cancels_waiting_orders_of_every_stage_where_a_lost_line_does(data: Path) -> None:
    """Also those whose time came while the venue was down: the line was lost before."""
    with Venue(data, config=CONFIG) as venue, Life(venue, on_disconnect=CANCEL) as life:
        enter_waiting(life)
        life.enter("fired", "55=ETH/USD|54=1|40=4|99=3100|44=2000|38=1|388=1")
        index(venue, "ETH/USD", "3100")  # a limit order from now on
        life.enter("margin opens", "55=SOL/USD|54=1|40=2|44=10|38=1|5001=1")
        life.enter("margin waits", f"55=SOL/USD|54=1|40=2|44=10|38=1|5001=1|168={utc_now(3600)}")
        past_s = enter_timed(life)
        canceled = [name for name in life.orders if life.orders[name] in life.acme.open_orders()]
        assert len(canceled) == len(life.orders) - 2
        venue.kill()
        wait_until_past(past_s)

        news = life.restart()
        assert life.change(news) == [(name, "4") for name in canceled]
        assert {report[58] for report in news} == {DISCONNECTED}
        assert life.acme.open_orders() == {}
        life.acme.require_status_of_all()
        life.require_books()
        for symbol, price in (("ETH/USD", "1"), ("ETH/USD", "9000"), ("SOL/USD", "1")):
            index(venue, symbol, price)
        assert life.acme.news() == []
        assert life.restart() == []
        beta_trades = [report for report in life.beta.reports() if report[150] == "F"]
        assert len(beta_trades) == 4, "one came after the kill"
