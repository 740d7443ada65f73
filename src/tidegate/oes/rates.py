"""The rate limits of order entry: counters per account and pair, and per domain and pair.

What requests cost, how fast counters go down and what they may reach is data (`model.rates`). A
domain is a master account with its sub-accounts; it has the master's tier times `domain_factor`,
shared by all of them. An account that has no tier of its own has no counter of its own.
"""

from __future__ import annotations

from typing import Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.rates import RateRules, built_in_rates
from tidegate.model.rejects import ACCOUNT_RATE_LIMIT, DOMAIN_RATE_LIMIT, Rule
from tidegate.model.time import NS_PER_S
from tidegate.oes.directory import Directory

# A level is in hundredths of a point times 1e9, so that decay by nanoseconds is exact.
_CENTI: Final = NS_PER_S


class RateCounter:
    """What has been charged and has not decayed yet, as it stood at `at_ns`."""

    def __init__(self) -> None:
        self.level = 0
        self.at_ns = 0

    def level_at(self, now_ns: int, decay_centi: int) -> int:
        """The level of a later time. A time that went back decays nothing."""
        if self.level == 0 or now_ns <= self.at_ns:
            return self.level
        left = self.level - (now_ns - self.at_ns) * decay_centi
        return left if left > 0 else 0


class RateLimit:
    """The counters of one account or domain, by symbol, and what holds for each of them."""

    def __init__(self) -> None:
        self.decay_centi = 0
        self.threshold_centi = 0  # 0: nothing is counted
        self.counters: dict[str, RateCounter] = {}

    def has_room(self, symbol: str, cost_centi: int, now_ns: int) -> bool:
        """Whether a request of that cost leaves the counter at the threshold or below."""
        counter = self.counters.get(symbol)
        level = 0 if counter is None else counter.level_at(now_ns, self.decay_centi)
        return level + cost_centi * _CENTI <= self.threshold_centi * _CENTI

    def charge(self, symbol: str, cost_centi: int, now_ns: int) -> None:
        counter = self.counters.get(symbol)
        if counter is None:
            counter = RateCounter()
            self.counters[symbol] = counter
        counter.level = counter.level_at(now_ns, self.decay_centi) + cost_centi * _CENTI
        if now_ns > counter.at_ns:
            counter.at_ns = now_ns

    def change(self, decay_centi: int, threshold_centi: int, now_ns: int) -> None:
        """New rules from now on: what has decayed until now did so by the old ones."""
        if threshold_centi == 0:
            self.counters = {}
        for counter in self.counters.values():
            counter.level = counter.level_at(now_ns, self.decay_centi)
            if now_ns > counter.at_ns:
                counter.at_ns = now_ns
        self.decay_centi = decay_centi
        self.threshold_centi = threshold_centi

    def save(self, encoder: Encoder, now_ns: int) -> None:
        """Without counters that are at zero by now: equal limits give equal bytes, and a snapshot
        does not remember what has no effect."""
        counting = [
            symbol
            for symbol in sorted(self.counters)
            if self.counters[symbol].level_at(now_ns, self.decay_centi) > 0
        ]
        encoder.uint(len(counting))
        for symbol in counting:
            counter = self.counters[symbol]
            encoder.text(symbol)
            encoder.uint(counter.level)
            encoder.uint(counter.at_ns)

    def load(self, decoder: Decoder) -> None:
        self.counters = {}
        for _ in range(decoder.uint()):
            counter = RateCounter()
            self.counters[decoder.text()] = counter
            counter.level = decoder.uint()
            counter.at_ns = decoder.uint()


class _Standing:
    """What holds for one account. `mastered` is the domain that it is the master of; `domain` the
    one it belongs to, which is its own or its master's."""

    def __init__(self) -> None:
        self.own = RateLimit()
        self.mastered = RateLimit()
        self.domain = self.mastered
        self.open_orders_per_pair = 0  # 0: no bound


class Rates:
    """The counters of all accounts, by account index. There are at most as many as accounts times
    pairs, and as many again for the domains."""

    def __init__(self) -> None:
        self.active = False  # whether any account is limited: the one look where none is
        self._rules = built_in_rates()
        self._accounts: list[_Standing] = []

    def adopt(self, directory: Directory, rules: RateRules, now_ns: int) -> None:
        """Take rules and the tiers of accounts; what has been charged stays."""
        self._rules = rules
        accounts = directory.accounts
        for _ in range(len(self._accounts), len(accounts)):
            self._accounts.append(_Standing())
        masters = {account.settings.parent for account in accounts}
        self.active = False
        for account in accounts:
            settings = account.settings
            standing = self._accounts[account.index]
            tier = rules.tier(settings.rate_tier)
            decay = 0 if tier is None else tier.decay_centi
            threshold = 0 if tier is None else tier.threshold_centi
            # Without sub-accounts the domain's larger counter could never be the one that is full.
            factor = rules.domain_factor if settings.account in masters else 0
            standing.own.change(decay, threshold, now_ns)
            standing.mastered.change(decay * factor, threshold * factor, now_ns)
            standing.open_orders_per_pair = 0 if tier is None else tier.open_orders_per_pair
            master = directory.account_by_name.get(settings.parent.encode())
            standing.domain = (
                standing.mastered if master is None else self._accounts[master.index].mastered
            )
            self.active = self.active or tier is not None

    def open_orders_max(self, account: int) -> int:
        """How many open orders the account may have in one pair, 0 where there is no bound."""
        return self._accounts[account].open_orders_per_pair

    def receive(
        self,
        account: int,
        instrument: Instrument,
        now_ns: int,
        *,
        amends: bool = False,
        aged_ns: int = -1,
    ) -> Rule | None:
        """A new order or an amend has come: charge its fixed part, or tell the counter that has no
        room for it; then nothing is charged. An amend needs room for its age as well (`aged_ns`:
        from when the order's age counts, -1 for an order that is not known), which `amended`
        charges when it is done."""
        rules = self._rules
        fixed = rules.add_centi
        needed = fixed
        if amends:
            fixed = rules.amend_centi
            needed = fixed
            row = None if aged_ns < 0 else rules.age_cost(now_ns - aged_ns)
            if row is not None:
                needed += row.amend_centi
        standing = self._accounts[account]
        symbol = instrument.symbol
        own, domain = standing.own, standing.domain
        if own.threshold_centi and not own.has_room(symbol, needed, now_ns):
            return ACCOUNT_RATE_LIMIT
        if domain.threshold_centi and not domain.has_room(symbol, needed, now_ns):
            return DOMAIN_RATE_LIMIT
        self._charge(standing, symbol, fixed, now_ns)
        return None

    def amended(
        self, account: int, instrument: Instrument, aged_ns: int, now_ns: int, *, ended: bool
    ) -> None:
        """An amend is done: charge for the age the order had. One that ended the order is a cancel
        too."""
        row = self._rules.age_cost(now_ns - aged_ns)
        if row is not None:
            cost = row.amend_centi + row.cancel_centi if ended else row.amend_centi
            self._charge(self._accounts[account], instrument.symbol, cost, now_ns)

    def canceled(self, account: int, instrument: Instrument, aged_ns: int, now_ns: int) -> None:
        """An order is cancelled because its owner asked for it: charged, and never refused."""
        row = self._rules.age_cost(now_ns - aged_ns)
        if row is not None:
            self._charge(self._accounts[account], instrument.symbol, row.cancel_centi, now_ns)

    def _charge(self, standing: _Standing, symbol: str, cost_centi: int, now_ns: int) -> None:
        if cost_centi == 0:
            return
        if standing.own.threshold_centi:
            standing.own.charge(symbol, cost_centi, now_ns)
        if standing.domain.threshold_centi:
            standing.domain.charge(symbol, cost_centi, now_ns)

    def level_centi(self, account: int, symbol: str, now_ns: int) -> int:
        """The account's counter in a pair in hundredths of a point, rounded up."""
        own = self._accounts[account].own
        counter = own.counters.get(symbol)
        return 0 if counter is None else -(-counter.level_at(now_ns, own.decay_centi) // _CENTI)

    def save(self, encoder: Encoder, now_ns: int) -> None:
        """For the accounts that `adopt` has seen, in their order."""
        for standing in self._accounts:
            standing.own.save(encoder, now_ns)
            standing.mastered.save(encoder, now_ns)

    def load(self, decoder: Decoder) -> None:
        """After `adopt` of the same accounts."""
        for standing in self._accounts:
            standing.own.load(decoder)
            standing.mastered.load(decoder)
