"""The open orders of the whole engine and the ways to find one."""

from __future__ import annotations

from tidegate.engine.order import Order
from tidegate.engine.timed import TimedOrders
from tidegate.model.orders import SCHEDULED


class _PairOrders:
    """One account's open orders in one instrument: how many, and those with margin by number."""

    def __init__(self) -> None:
        self.count = 0
        self.margin: dict[int, Order] = {}


class _AccountOrders:
    """The open orders of one account, by number and by ClOrdID (11), what there is of them in each
    instrument, by symbol, and how many of them are scheduled."""

    def __init__(self) -> None:
        self.by_number: dict[int, Order] = {}
        self.by_cl_ord_id: dict[bytes, Order] = {}
        self.by_pair: dict[str, _PairOrders] = {}
        self.scheduled_count = 0


class OpenOrders:
    """Indexes of open orders by number, account, session, account with ClOrdID (11), and the time
    at which something is due (`timed`).

    Dictionaries keep the order of insertion, and orders are added in the order of their numbers:
    that makes every listing one in entry order without sorting. What is kept for an account, its
    pairs or a session stays when it empties; there are never more than of these.
    """

    def __init__(self) -> None:
        self._by_number: dict[int, Order] = {}
        self._accounts: list[_AccountOrders] = []  # by account index
        self._by_session: dict[int, dict[int, Order]] = {}
        self.timed = TimedOrders()

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Order | None:
        return self._by_number.get(number)

    def find(self, account: int, cl_ord_id: bytes) -> Order | None:
        """The account's open order whose latest accepted ClOrdID is this one."""
        if account >= len(self._accounts):
            return None
        return self._accounts[account].by_cl_ord_id.get(cl_ord_id)

    def all(self) -> list[Order]:
        return list(self._by_number.values())

    def of_account(self, account: int) -> list[Order]:
        if account >= len(self._accounts):
            return []
        return list(self._accounts[account].by_number.values())

    def of_session(self, session: int) -> list[Order]:
        orders = self._by_session.get(session)
        return [] if orders is None else list(orders.values())

    def count_of_session(self, session: int) -> int:
        orders = self._by_session.get(session)
        return 0 if orders is None else len(orders)

    def margin_symbols(self, account: int) -> list[str]:
        """The instruments in which the account has open margin orders."""
        if account >= len(self._accounts):
            return []
        pairs = self._accounts[account].by_pair
        return [symbol for symbol, pair in pairs.items() if pair.margin]

    def margin_orders(self, account: int, symbol: str) -> list[Order]:
        """The account's open margin orders in an instrument, in entry order."""
        pair = self._pair(account, symbol)
        return [] if pair is None else list(pair.margin.values())

    def count_of_pair(self, account: int, symbol: str) -> int:
        """How many open orders the account has in one instrument."""
        pair = self._pair(account, symbol)
        return 0 if pair is None else pair.count

    def count_of_scheduled(self, account: int) -> int:
        """How many of the account's open orders wait for their EffectiveTime (168)."""
        return 0 if account >= len(self._accounts) else self._accounts[account].scheduled_count

    def _pair(self, account: int, symbol: str) -> _PairOrders | None:
        if account >= len(self._accounts):
            return None
        return self._accounts[account].by_pair.get(symbol)

    def add(self, order: Order) -> None:
        """Registers an order with a number above all others' and a ClOrdID that no other open
        order of the account has."""
        number = order.number
        self._by_number[number] = order
        order.is_open = True
        while order.account >= len(self._accounts):
            self._accounts.append(_AccountOrders())
        account = self._accounts[order.account]
        account.by_number[number] = order
        symbol = order.instrument.symbol
        pair = account.by_pair.get(symbol)
        if pair is None:
            pair = _PairOrders()
            account.by_pair[symbol] = pair
        pair.count += 1
        if order.margin:
            pair.margin[number] = order
        if order.stage == SCHEDULED:
            account.scheduled_count += 1
        session = self._by_session.get(order.session)
        if session is None:
            session = {}
            self._by_session[order.session] = session
        session[number] = order
        _name(account, order)
        if order.expire_ns or order.effective_ns:
            self.timed.add(order)

    def remove(self, order: Order) -> None:
        number = order.number
        del self._by_number[number]
        order.is_open = False
        account = self._accounts[order.account]
        del account.by_number[number]
        pair = account.by_pair[order.instrument.symbol]
        pair.count -= 1
        if order.margin:
            del pair.margin[number]
        if order.stage == SCHEDULED:
            account.scheduled_count -= 1
        del self._by_session[order.session][number]
        _unname(account, order)
        if order.expire_ns or order.effective_ns:
            self.timed.remove(order)

    def set_stage(self, order: Order, stage: int) -> None:
        """Gives an open order another stage; the only way to, lest the count of scheduled orders
        or its next time goes wrong."""
        account = self._accounts[order.account]
        if order.stage == SCHEDULED:
            account.scheduled_count -= 1
        if stage == SCHEDULED:
            account.scheduled_count += 1
        order.stage = stage
        if order.expire_ns or order.effective_ns:
            self.timed.add(order)

    def rename(self, order: Order, cl_ord_id: bytes) -> None:
        """Gives an open order the ClOrdID of an accepted request; OrigClOrdID (41) becomes the one
        before. An empty one changes nothing."""
        if not cl_ord_id:
            return
        account = self._accounts[order.account]
        _unname(account, order)
        order.orig_cl_ord_id = order.cl_ord_id
        order.cl_ord_id = cl_ord_id
        _name(account, order)


def _name(account: _AccountOrders, order: Order) -> None:
    cl_ord_id = order.cl_ord_id
    if cl_ord_id:  # orders that did not come by FIX may have none
        assert cl_ord_id not in account.by_cl_ord_id, "ClOrdID of another open order"
        account.by_cl_ord_id[cl_ord_id] = order


def _unname(account: _AccountOrders, order: Order) -> None:
    if order.cl_ord_id:
        del account.by_cl_ord_id[order.cl_ord_id]
