"""Streams of commands for the engine and its reference model, and what finds the shortest one that
still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, ClassVar

from tests.engine.twins import Command, Twins
from tidegate.model import market_state as market
from tidegate.model import orders as fix

SIDES = (fix.BUY, fix.SELL)
MODES = (fix.STP_CANCEL_BOTH, fix.STP_CANCEL_NEWEST, fix.STP_CANCEL_OLDEST)
RATES = ((2_500, 4_000), (2_500, 4_000), (0, 0), (0, 1_000), (71_001, 1_999), (123_456, 200_001))
# What a command can do without and still mean something
LEAVE_OUT = (
    "post_only", "display", "stp_mode", "group", "rates", "fee_in_base", "in_quote", "starts_in",
    "valid_for", "named", "margin", "reduce_only", "more", "pair", "by_index",
)  # fmt: skip
SHRINKING_COMMANDS = 60_000  # as many may be run again
PLAINER_COMMANDS = 60  # of what is left so many are made plainer
STEPS = (0, 1, 5, 10, 40)  # of time, in nanoseconds: many orders are due at once


class Market:
    """What a stream is about: quantities up to `lots`, prices around `middle`, up to `open_max`
    open orders, of types by their weights."""

    open_max = 25
    margin_part = 0.25
    withdrawals = 2  # for five deposits
    types: ClassVar[dict[int, int]] = {
        fix.LIMIT: 42, fix.MARKET: 14, fix.STOP_LOSS: 9, fix.STOP_LOSS_LIMIT: 7,
        fix.TAKE_PROFIT: 7, fix.TAKE_PROFIT_LIMIT: 6, fix.TRAILING_STOP: 8,
        fix.TRAILING_STOP_LIMIT: 7,
    }  # fmt: skip

    def __init__(self, random: Random, lots: int = 3_000, middle: int = 1_000) -> None:
        self.random = random
        self.lots = lots
        self.middle = middle
        self.weights: dict[Callable[[Twins], Command], int] = {
            self.submit: 46,
            self.sweep: 6,
            self.amend: 18,
            self.cancel: 8,
            self.wait: 9,
            self.index: 6,
            self.mode: 3,
            self.funds: 5,
            self.reload: 1,
        }

    def one_of(self, weights: dict[Any, int]) -> Any:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def near(self, price: int, width: int) -> int:
        return max(1, self.random.randint(price - width, price + width))

    def next_command(self, twins: Twins) -> Command:
        """A random command that has a chance to do something in the state that there is."""
        if len(twins.model.open) > self.open_max:
            return ("cancel", {"choice": self.random.randrange(100)})
        for pair, state in enumerate(twins.model.pairs):
            if (state.halted or state.status != market.ONLINE) and self.chance(0.1):
                return self.back_to_normal(pair, state.halted)
        made: Callable[[Twins], Command] = self.one_of(self.weights)
        return made(twins)

    def submit(self, twins: Twins) -> Command:
        ord_type = self.one_of(self.types)
        pair = int(self.chance(0.15))
        given: dict[str, Any] = {
            "side": self.random.choice(SIDES),
            "qty": self.random.randint(1, self.lots),
            "account": self.random.randint(1, 4),
            "ord_type": ord_type,
            "stp_mode": self.random.choice(MODES),
            "rates": self.random.choice(RATES),
        }
        if pair:
            given["pair"] = pair
        if self.chance(0.25):
            given["group"] = 9
        if self.chance(self.margin_part):
            given["margin"] = True
            if self.chance(0.3):
                self.reduce_only(given, twins)
        elif self.chance(0.2):
            given["fee_in_base"] = self.chance(0.5)
        if self.chance(0.04):
            given["valid_for"] = self.random.choice((-1, 0, 1))
        if self.chance(0.02):
            given["name"] = self.used_name(twins)
        last = twins.model.pairs[given.get("pair", 0)].last or self.middle
        self.prices(given, ord_type, last)
        self.lifetime(given, ord_type)
        return ("submit", given)

    def reduce_only(self, given: dict[str, Any], twins: Twins) -> None:
        """Mostly where there is something to reduce."""
        given["reduce_only"] = True
        positions = [one for one in twins.model.positions if one.lots]
        if positions and self.chance(0.8):
            one = self.random.choice(positions)
            given |= {"account": one.account, "side": fix.SELL if one.lots > 0 else fix.BUY}
            given["pair"] = twins.model.pairs.index(one.pair)

    def used_name(self, twins: Twins) -> str:
        """A ClOrdID that an open order may have, of the same account or not."""
        names = [order.cl_ord_id.decode() for order in twins.model.open]
        return self.random.choice(names or [""])

    def sweep(self, twins: Twins) -> Command:
        """A big order through several prices: it moves the market and fires what waits for that."""
        side = self.random.choice(SIDES)
        away = self.random.randint(2, 5)
        last = twins.model.pairs[0].last or self.middle
        given = {
            "side": side,
            "qty": self.lots * self.random.randint(1, 3),
            "price": max(1, last + away if side == fix.BUY else last - away),
            "account": self.random.randint(1, 3),
            "tif": fix.IOC,
            "stp_mode": fix.STP_CANCEL_OLDEST,
        }
        return ("submit", given)

    def stop_price(self, given: dict[str, Any], last: int) -> int:
        """Mostly on the side from which it is not reached yet."""
        stop_loss = given["ord_type"] in {fix.STOP_LOSS, fix.STOP_LOSS_LIMIT}
        above = stop_loss == (given["side"] == fix.BUY)
        if self.chance(0.1):
            above = not above
        away = self.random.randint(1, 5)
        return max(1, last + away if above else last - away)

    def prices(self, given: dict[str, Any], ord_type: int, last: int) -> None:
        """Near the last trade, and the distances of trailing orders short."""
        index = self.chance(0.35)
        if ord_type == fix.LIMIT:
            given["price"] = self.near(last, 4)
        elif ord_type in {fix.TRAILING_STOP, fix.TRAILING_STOP_LIMIT}:
            given |= {"stop": self.random.randint(1, 8), "by_index": index}
            if ord_type == fix.TRAILING_STOP_LIMIT:
                given["price"] = self.random.randint(1, 4)
        elif ord_type != fix.MARKET:
            given |= {"stop": self.stop_price(given, last), "by_index": index}
            if ord_type in {fix.STOP_LOSS_LIMIT, fix.TAKE_PROFIT_LIMIT}:
                given["price"] = self.near(last, 6)
        elif given["side"] == fix.BUY and "margin" not in given and self.chance(0.4):
            unit = last * given["qty"]
            given |= {"in_quote": True, "qty": max(1, unit + self.random.randint(-unit, 99))}

    def lifetime(self, given: dict[str, Any], ord_type: int) -> None:
        market_types = {fix.MARKET, fix.STOP_LOSS, fix.TAKE_PROFIT, fix.TRAILING_STOP}
        lifetimes = {fix.GTC: 6, fix.GTD: 2, fix.IOC: 1, fix.FOK: 1}
        if ord_type == fix.MARKET:
            lifetimes[fix.GTD] = 0
        elif ord_type in market_types:
            lifetimes[fix.IOC] = lifetimes[fix.FOK] = 0
        tif = given["tif"] = self.one_of(lifetimes)
        starts = 0
        if self.chance(0.12):
            starts = given["starts_in"] = self.random.choice(STEPS[1:])
        if tif == fix.GTD:
            given["expires_in"] = starts + self.random.choice((1, 5, 10, 40, 200))
        if ord_type == fix.LIMIT and tif in {fix.GTC, fix.GTD}:
            if self.chance(0.2):
                given["post_only"] = True
            if self.chance(0.3):
                given["display"] = self.display(given["qty"])

    def display(self, qty: int) -> int:
        return self.random.randint(-(-qty // 15), max(1, qty // 2))

    def amend(self, twins: Twins) -> Command:
        given: dict[str, Any] = {"choice": self.random.randrange(100)}
        if self.chance(0.5):
            given["more"] = self.random.randint(-self.lots // 2, self.lots // 2)
        if self.chance(0.5):
            given["price"] = self.random.randint(-3, 3)
        if self.chance(0.4):
            given["stop"] = self.random.randint(-3, 3)
        if self.chance(0.3):
            given["display"] = self.random.randint(1, self.lots)
        if self.chance(0.2):
            given["post_only"] = True
        if self.chance(0.03):
            given["valid_for"] = self.random.choice((-1, 0, 1))
        if self.chance(0.02):
            given["name"] = self.used_name(twins)
        return ("amend", given)

    def cancel(self, twins: Twins) -> Command:
        return ("cancel", {"choice": self.random.randrange(100), "named": self.chance(0.7)})

    def wait(self, twins: Twins) -> Command:
        return ("wait", {"ns": self.random.choice(STEPS)})

    def index(self, twins: Twins) -> Command:
        pair = int(self.chance(0.15))
        state = twins.model.pairs[pair]
        around = self.random.choice((state.last, state.index)) or self.middle
        return ("index", {"pair": pair, "price": self.near(around, 4)})

    def mode(self, twins: Twins) -> Command:
        """Another status or band, or a halt."""
        pair = int(self.chance(0.15))
        if self.chance(0.15):
            return ("halt", {"halted": True})
        if self.chance(0.4):
            return ("band", {"pair": pair, "band": self.random.choice((0, 1_500, 3_000))})
        status = self.random.randrange(market.MAINTENANCE + 1)
        if status == market.MAINTENANCE:  # or what is as closed: a third as often each
            status = self.random.choice((market.MAINTENANCE, market.HIDDEN, market.DELISTED))
        return ("status", {"pair": pair, "status": status})

    def back_to_normal(self, pair: int, halted: bool) -> Command:
        """Soon, lest a stream is mostly about nothing."""
        if halted:
            return ("halt", {"halted": False})
        return ("status", {"pair": pair, "status": market.ONLINE})

    def funds(self, twins: Twins) -> Command:
        asset = self.random.choice(("USD", "USD", "ABC", "XYZ"))
        account = self.random.randint(1, 4)
        amount = self.lots * 100 * 2
        if asset == "USD":
            amount = twins.pairs[0].money(self.middle, self.lots * 2)
        kind = self.one_of({"deposit": 5, "withdraw": self.withdrawals})
        if kind == "withdraw" and self.chance(0.5):
            amount *= 100  # all there is
        return (kind, {"account": account, "asset": asset, "amount": amount})

    def reload(self, twins: Twins) -> Command:
        return ("reload", {})


class Crowd(Market):
    """Many orders that wait for a price, and prices that wander."""

    open_max = 100
    types: ClassVar[dict[int, int]] = {
        fix.LIMIT: 6, fix.STOP_LOSS: 3, fix.TAKE_PROFIT_LIMIT: 3, fix.TRAILING_STOP: 8,
        fix.TRAILING_STOP_LIMIT: 8,
    }  # fmt: skip

    def __init__(self, random: Random, lots: int = 20, middle: int = 1_000) -> None:
        super().__init__(random, lots, middle)
        self.weights = {
            self.submit: 50,
            self.sweep: 5,
            self.amend: 10,
            self.cancel: 8,
            self.wait: 3,
            self.index: 25,
            self.reload: 1,
        }


class Borrowers(Market):
    """Mostly margin orders, of which many only reduce and many more stand in line to close the same
    position, of accounts that are seldom rich."""

    margin_part = 0.8
    withdrawals = 6
    types: ClassVar[dict[int, int]] = {
        fix.LIMIT: 60, fix.MARKET: 14, fix.STOP_LOSS: 5, fix.TAKE_PROFIT_LIMIT: 5,
        fix.TRAILING_STOP: 5,
    }  # fmt: skip

    def submit(self, twins: Twins) -> Command:
        name, given = super().submit(twins)
        pair = twins.model.pairs[given.get("pair", 0)]
        positions = [one for one in twins.model.positions if one.lots and one.pair is pair]
        if "margin" in given and positions and self.chance(0.3):
            one = self.random.choice(positions)
            given |= {"account": one.account, "side": fix.SELL if one.lots > 0 else fix.BUY}
        return (name, given)


def funded(price_decimals: int, lots: int, middle: int) -> list[Command]:
    """Accounts 1 to 3 with money for a few orders of the size, account 4 with less than for one."""
    cost = max(1, middle * lots * 10**10 // 10 ** (price_decimals + 8))
    commands: list[Command] = []
    for account in (1, 2, 3, 4):
        for asset, amount in (("USD", cost), ("ABC", lots * 100), ("XYZ", lots * 100)):
            amount = amount // 2 + 7 if account == 4 else amount * 3
            commands.append(("deposit", {"account": account, "asset": asset, "amount": amount}))
    return commands


def failure(price_decimals: int, commands: Sequence[Command]) -> Exception | None:
    """Why the commands fail, if they do."""
    twins = Twins(price_decimals)
    try:
        for command in commands:
            twins.run(command)
    except Exception as error:  # an assertion, or whatever the engine raised
        return error
    return None


def kind_of(error: Exception | None) -> str:
    """What failed, without the numbers: so that shrinking does not slip to another failure."""
    if error is None:
        return ""
    text = str(error)
    return type(error).__name__ + (text if text.startswith("refusal") else text.split(" ")[0])


def shrunk(price_decimals: int, commands: list[Command]) -> list[Command]:
    """Fewer and plainer commands that fail too: parts are left out as long as it fails, then what
    the commands are given beyond the least. It gives up shortening a long list after a while."""
    size = len(commands) // 2
    kind = kind_of(failure(price_decimals, commands))
    patience = SHRINKING_COMMANDS
    while size:
        start = 0
        while start < len(commands) and patience > 0:
            fewer = commands[:start] + commands[start + size :]
            patience -= len(fewer)
            if kind_of(failure(price_decimals, fewer)) == kind:
                commands = fewer
            else:
                start += size
        size //= 2
    for place, (name, given) in enumerate(commands[:PLAINER_COMMANDS]):
        for key in [key for key in given if key in LEAVE_OUT]:
            plainer = {one: value for one, value in given.items() if one != key}
            trial = [*commands[:place], (name, plainer), *commands[place + 1 :]]
            if kind_of(failure(price_decimals, trial)) == kind:
                commands, given = trial, plainer
    return commands


def run_stream(price_decimals: int, start: list[Command], market_: Market, count: int) -> Twins:
    """Runs a stream of `count` commands. Where it fails the shortest commands that do are told."""
    twins = Twins(price_decimals)
    commands = list(start)
    for command in start:
        twins.run(command)
    for _ in range(count):
        command = market_.next_command(twins)
        commands.append(command)
        try:
            twins.run(command)
        except Exception as error:
            least = shrunk(price_decimals, commands)
            listing = "".join(f"    {one},\n" for one in least)
            reason = failure(price_decimals, least)
            raise AssertionError(
                f"after {len(commands)} commands: {error}\n{price_decimals} decimals, least:\n"
                f"[\n{listing}]\n{reason}"
            ) from error
    return twins
