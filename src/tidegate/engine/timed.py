"""When open orders are due: to become active, or to expire."""

from __future__ import annotations

from tidegate.engine.lazy_heap import LazyHeap
from tidegate.engine.order import Order
from tidegate.model.orders import SCHEDULED
from tidegate.model.time import NEVER_NS


class TimedOrders:
    """Numbers of open orders by the next time at which something happens to them, then by number.
    `due_ns` is the earliest such time, exactly, or `NEVER_NS`. Nothing of this is saved: it follows
    from the orders."""

    def __init__(self) -> None:
        self.due_ns = NEVER_NS
        self._heap = LazyHeap()

    def add(self, order: Order) -> None:
        """Sets an order's next time: EffectiveTime while it is scheduled, ExpireTime from then on,
        if it has one."""
        if order.stage == SCHEDULED:
            self._heap.put(order.number, order.effective_ns)
            self._settle()
        else:
            self.await_expiry(order)

    def await_expiry(self, order: Order) -> None:
        """Nothing but its ExpireTime, if it has one, is due for the order."""
        if order.expire_ns:
            self._heap.put(order.number, order.expire_ns)
        else:
            self._heap.discard(order.number)
        self._settle()

    def remove(self, order: Order) -> None:
        self._heap.discard(order.number)
        self._settle()

    def first(self) -> int:
        """The number of the order that is due at `due_ns`."""
        return self._heap.first()

    def _settle(self) -> None:
        self.due_ns = self._heap.first_key if len(self._heap) else NEVER_NS
