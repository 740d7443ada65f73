"""The open orders of the whole engine and the ways to find one."""

from __future__ import annotations

from tidegate.engine.order import Order
from tidegate.engine.timed import TimedOrders


class OpenOrders:
    """Indexes of open orders by number, account, session, account with ClOrdID (11), and the time
    at which something is due (`timed`).

    Dictionaries keep the order of insertion, and orders are added in the order of their numbers:
    that makes every listing one in entry order without sorting. The per-account and per-session
    dictionaries stay when they empty; there are never more than accounts and sessions.
    """

    def __init__(self) -> None:
        self._by_number: dict[int, Order] = {}
        self._by_account: dict[int, dict[int, Order]] = {}
        self._by_session: dict[int, dict[int, Order]] = {}
        self._by_cl_ord_id: dict[int, dict[bytes, Order]] = {}
        self._margin: dict[int, dict[str, dict[int, Order]]] = {}  # by account and symbol
        self.timed = TimedOrders()

    def __len__(self) -> int:
        return len(self._by_number)

    def get(self, number: int) -> Order | None:
        return self._by_number.get(number)

    def find(self, account: int, cl_ord_id: bytes) -> Order | None:
        """The account's open order whose latest accepted ClOrdID is this one."""
        names = self._by_cl_ord_id.get(account)
        return None if names is None else names.get(cl_ord_id)

    def all(self) -> list[Order]:
        return list(self._by_number.values())

    def of_account(self, account: int) -> list[Order]:
        orders = self._by_account.get(account)
        return [] if orders is None else list(orders.values())

    def of_session(self, session: int) -> list[Order]:
        orders = self._by_session.get(session)
        return [] if orders is None else list(orders.values())

    def count_of_session(self, session: int) -> int:
        orders = self._by_session.get(session)
        return 0 if orders is None else len(orders)

    def margin_orders(self, account: int, symbol: str) -> list[Order]:
        """The account's open margin orders in an instrument, in entry order."""
        symbols = self._margin.get(account)
        orders = None if symbols is None else symbols.get(symbol)
        return [] if orders is None else list(orders.values())

    def add(self, order: Order) -> None:
        """Registers an order with a number above all others' and a ClOrdID that no other open
        order of the account has."""
        number = order.number
        self._by_number[number] = order
        account = self._by_account.get(order.account)
        if account is None:
            account = {}
            self._by_account[order.account] = account
        account[number] = order
        session = self._by_session.get(order.session)
        if session is None:
            session = {}
            self._by_session[order.session] = session
        session[number] = order
        if order.margin:
            symbols = self._margin.setdefault(order.account, {})
            symbols.setdefault(order.instrument.symbol, {})[number] = order
        self._name(order)
        if order.expire_ns or order.effective_ns:
            self.timed.add(order)

    def remove(self, order: Order) -> None:
        number = order.number
        del self._by_number[number]
        del self._by_account[order.account][number]
        del self._by_session[order.session][number]
        if order.margin:
            del self._margin[order.account][order.instrument.symbol][number]
        self._unname(order)
        if order.expire_ns or order.effective_ns:
            self.timed.remove(order)

    def rename(self, order: Order, cl_ord_id: bytes) -> None:
        """Gives an open order the ClOrdID of an accepted request; OrigClOrdID (41) becomes the one
        before. An empty one changes nothing."""
        if not cl_ord_id:
            return
        self._unname(order)
        order.orig_cl_ord_id = order.cl_ord_id
        order.cl_ord_id = cl_ord_id
        self._name(order)

    def _name(self, order: Order) -> None:
        cl_ord_id = order.cl_ord_id
        if not cl_ord_id:  # orders that did not come by FIX may have none
            return
        names = self._by_cl_ord_id.get(order.account)
        if names is None:
            names = {}
            self._by_cl_ord_id[order.account] = names
        assert cl_ord_id not in names, "ClOrdID of another open order"
        names[cl_ord_id] = order

    def _unname(self, order: Order) -> None:
        if order.cl_ord_id:
            del self._by_cl_ord_id[order.account][order.cl_ord_id]
