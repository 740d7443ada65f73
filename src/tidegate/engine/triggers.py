"""Orders that wait for a price: which of them a new reference price fires, and in which order.

Everything here is about one reference (last trade or index) of one market. An order fires either
when the reference falls to its trigger price or when it rises to it; the two directions are the
same thing with the sign of all prices turned.

The trigger price of a trailing order follows the best reference it has seen. Orders with the same
best price form a group, in which they are sorted by distance: a new best moves a whole group at
once. A better price that passes the best of several groups makes them one, the smaller ones being
poured into the largest, so that an order changes its group O(log n) times at most, however the
price moves. A new order starts at the present reference, which no order's best is behind of:
groups are a stack, sorted by best, of which only the end is touched.
"""

from __future__ import annotations

from typing import Final

from tidegate.engine.lazy_heap import LazyHeap
from tidegate.engine.order import Order, Trigger
from tidegate.model.orders import BUY, TAKE_PROFIT, TAKE_PROFIT_LIMIT

_SPARE_GROUPS: Final = 16  # empty groups that are not worth a clean-up


def fires_falling(order: Order, trigger: Trigger) -> bool:
    """Whether the order fires when the reference falls to its trigger price: stop-loss and trailing
    sells, take-profit buys."""
    takes_profit = trigger.kind == TAKE_PROFIT or trigger.kind == TAKE_PROFIT_LIMIT
    return takes_profit == (order.side == BUY)


def is_reached(order: Order, trigger: Trigger, stop_price: int, reference: int) -> bool:
    """Whether a reference (0: there is none) fires the order, were `stop_price` its trigger
    price."""
    if reference == 0:
        return False
    if fires_falling(order, trigger):
        return reference <= stop_price
    return reference >= stop_price


class _Group:
    """Trailing orders that have seen the same best price: their numbers by distance."""

    def __init__(self, number: int, best: int) -> None:
        self.number = number
        self.best = best  # with the direction's sign
        self.orders = LazyHeap()


class _Direction:
    """Orders that fire when `sign` times the reference falls to `sign` times their trigger price.
    Keys are trigger prices with the sign turned: the one that a moving price reaches first is the
    least."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._stops = LazyHeap()
        self._groups: list[_Group] = []  # best falls towards the end
        self._empty_groups = 0  # of those
        self._group_by_number: dict[int, _Group] = {}
        self._group_of: dict[int, _Group] = {}  # by order
        self._nearest = LazyHeap()  # groups by the key of the order of theirs that fires first
        self._next_group = 1

    def add(self, number: int, stop_price: int) -> None:
        self._stops.put(number, -self._sign * stop_price)

    def add_trailing(self, number: int, distance: int, best: int) -> None:
        group = self._group_with(self._sign * best)
        group.orders.put(number, distance)
        self._group_of[number] = group
        self._tell_nearest(group)

    def remove(self, number: int) -> None:
        self._stops.discard(number)
        group = self._group_of.pop(number, None)
        if group is not None:
            group.orders.discard(number)
            self._tell_nearest(group)
            self._drop_if_empty(group)

    def best(self, number: int) -> int:
        """The best reference that a trailing order has seen."""
        return self._group_of[number].best * self._sign

    def see(self, price: int, fired: list[tuple[int, int]]) -> None:
        """A reference price: moves trailing orders after it, and takes out what it fires, as pairs
        of key and number."""
        signed = self._sign * price
        groups = self._groups
        if groups and groups[-1].best < signed:
            self._follow(signed)
        reached = -signed
        while self._stops.first_key <= reached:
            key = self._stops.first_key
            fired.append((key, self._stops.pop()))
        while self._nearest.first_key <= reached:
            group = self._group_by_number[self._nearest.first()]
            while group.orders.first_key - group.best <= reached:
                key = group.orders.first_key - group.best
                number = group.orders.pop()
                del self._group_of[number]
                fired.append((key, number))
            self._tell_nearest(group)
            self._drop_if_empty(group)

    def _follow(self, best: int) -> None:
        """Groups whose best is no better than this become one with it."""
        groups = self._groups
        largest = self._pop_group()
        while groups and groups[-1].best <= best:
            other = self._pop_group()
            if len(other.orders) > len(largest.orders):
                largest, other = other, largest
            for number in largest.orders.take_from(other.orders):
                self._group_of[number] = largest
        largest.best = best
        groups.append(largest)
        self._group_by_number[largest.number] = largest
        if len(largest.orders) == 0:
            self._empty_groups += 1
            self._drop_empty_groups()
        else:
            self._tell_nearest(largest)

    def _pop_group(self) -> _Group:
        group = self._groups.pop()
        del self._group_by_number[group.number]
        self._nearest.discard(group.number)
        if len(group.orders) == 0:
            self._empty_groups -= 1
        return group

    def _group_with(self, best: int) -> _Group:
        """The group of a best price; a new one if there is none. Found from the end, or, in a
        snapshot's order, by halves."""
        groups = self._groups
        low = 0
        high = len(groups)
        if high and best < groups[-1].best:
            low = high
        while low < high:
            middle = (low + high) // 2
            if groups[middle].best > best:
                low = middle + 1
            else:
                high = middle
        if low < len(groups) and groups[low].best == best:
            group = groups[low]
            if len(group.orders) == 0:
                self._empty_groups -= 1
            return group
        group = _Group(self._next_group, best)
        self._next_group += 1
        groups.insert(low, group)
        self._group_by_number[group.number] = group
        return group

    def _tell_nearest(self, group: _Group) -> None:
        if len(group.orders) == 0:
            self._nearest.discard(group.number)
        else:
            self._nearest.put(group.number, group.orders.first_key - group.best)

    def _drop_if_empty(self, group: _Group) -> None:
        if len(group.orders) == 0:
            self._empty_groups += 1
            self._drop_empty_groups()

    def _drop_empty_groups(self) -> None:
        """Empty groups go when they are the most, or when no other is left: what nobody waits in
        follows no price."""
        count = len(self._groups)
        if self._empty_groups < count and 2 * self._empty_groups < count + _SPARE_GROUPS:
            return
        kept: list[_Group] = []
        for group in self._groups:
            if len(group.orders):
                kept.append(group)
            else:
                del self._group_by_number[group.number]
        self._groups = kept
        self._empty_groups = 0


class Triggers:
    """The untriggered orders of one market that refer to the same reference. `count` is how many
    they are: nobody needs to tell a price to none."""

    def __init__(self) -> None:
        self.count = 0
        self._orders: dict[int, Order] = {}
        self._falling = _Direction(1)
        self._rising = _Direction(-1)
        self._without_best: dict[int, Order] = {}  # trailing orders before the first reference

    def add(self, order: Order, reference: int) -> None:
        """Adds an order that the present reference (0: there is none) does not fire. A trailing
        order begins to trail there, unless it has seen a best price before."""
        trigger = order.trigger
        assert trigger is not None
        self._orders[order.number] = order
        self.count = len(self._orders)
        if trigger.distance == 0:
            self._direction(order, trigger).add(order.number, trigger.stop_price)
            return
        if trigger.best == 0:
            trigger.best = reference
        if trigger.best == 0:
            self._without_best[order.number] = order
        else:
            direction = self._direction(order, trigger)
            direction.add_trailing(order.number, trigger.distance, trigger.best)

    def has(self, order: Order) -> bool:
        """Whether the order waits here; one that has been fired does not."""
        return order.number in self._orders

    def remove(self, order: Order) -> None:
        """Takes an order out; the best price that it has seen stays with it."""
        trigger = order.trigger
        assert trigger is not None
        self._keep_best(order, trigger)
        del self._orders[order.number]
        self.count = len(self._orders)
        if self._without_best.pop(order.number, None) is None:
            self._direction(order, trigger).remove(order.number)

    def see(self, price: int, fired: list[Order]) -> None:
        """The reference is `price` now. Appends what that fires to `fired`, in the order in which
        it is released: along the move of the price, by trigger price, then by number.

        At the first price ever there is no move: trailing sells whose distances do not fit below
        it come first (with a `fired_price` of 0, in the order of their numbers), then what lies
        below, then what lies above."""
        if self._without_best:
            self._begin_to_trail(price, fired)
        reached: list[tuple[int, int]] = []
        self._rising.see(price, reached)
        if reached:
            self._fire(price, reached, fired)
            reached = []
        self._falling.see(price, reached)
        if reached:
            self._fire(price, reached, fired)

    def keep_best_prices(self) -> None:
        """Writes into each trailing order the best price that it has seen."""
        for order in self._orders.values():
            trigger = order.trigger
            assert trigger is not None
            self._keep_best(order, trigger)

    def best(self, order: Order) -> int:
        """The best reference that one of the trailing orders has seen, 0 before the first."""
        trigger = order.trigger
        assert trigger is not None
        if order.number in self._without_best:
            return 0
        return self._direction(order, trigger).best(order.number)

    def _begin_to_trail(self, price: int, fired: list[Order]) -> None:
        orders = [self._without_best[number] for number in sorted(self._without_best)]
        self._without_best = {}
        for order in orders:
            trigger = order.trigger
            assert trigger is not None
            trigger.best = price
            if order.side != BUY and trigger.distance + trigger.limit_distance >= price:
                del self._orders[order.number]
                fired.append(order)
            else:
                direction = self._direction(order, trigger)
                direction.add_trailing(order.number, trigger.distance, price)
        self.count = len(self._orders)

    def _fire(self, price: int, reached: list[tuple[int, int]], fired: list[Order]) -> None:
        reached.sort()
        for key, number in reached:
            order = self._orders.pop(number)
            trigger = order.trigger
            assert trigger is not None
            trigger.stop_price = key if key > 0 else -key  # keys are prices, signed
            if trigger.distance and fires_falling(order, trigger):
                trigger.best = trigger.stop_price + trigger.distance
            elif trigger.distance:
                trigger.best = trigger.stop_price - trigger.distance
            trigger.fired_price = price
            fired.append(order)
        self.count = len(self._orders)

    def _keep_best(self, order: Order, trigger: Trigger) -> None:
        if trigger.distance and order.number not in self._without_best:
            trigger.best = self._direction(order, trigger).best(order.number)

    def _direction(self, order: Order, trigger: Trigger) -> _Direction:
        return self._falling if fires_falling(order, trigger) else self._rising
