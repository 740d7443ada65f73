"""Rate counters, to the nanosecond and to the hundredth of a point."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scenario.settings import venue_settings
from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument, built_in_instruments
from tidegate.model.rates import AgeCost, RateRules, RateTier, built_in_rates
from tidegate.model.rejects import ACCOUNT_RATE_LIMIT, DOMAIN_RATE_LIMIT
from tidegate.model.time import NS_PER_S
from tidegate.oes.directory import Directory
from tidegate.oes.rates import Rates

NOW_NS = 1_793_697_300 * NS_PER_S
BTC, ETH = built_in_instruments()[:2]
ACME, BETA, PRIME, PRIME_A, PRIME_B = range(5)


def rates_of(tiers: dict[int, str], rules: RateRules | None = None) -> Rates:
    """The accounts of the scripts, with tiers."""
    rates = Rates()
    rates.adopt(directory_of(tiers), rules or built_in_rates(), NOW_NS)
    return rates


def directory_of(tiers: dict[int, str]) -> Directory:
    settings = venue_settings()
    for account, tier in tiers.items():
        settings.accounts[account].rate_tier = tier
    directory = Directory()
    directory.adopt(settings)
    return directory


def saved(rates: Rates, now_ns: int) -> bytes:
    encoder = Encoder()
    rates.save(encoder, now_ns)
    return encoder.value()


def fill(rates: Rates, account: int, count: int, instrument: Instrument = BTC) -> None:
    for _ in range(count):
        assert rates.receive(account, instrument, NOW_NS) is None


def test_the_worked_example_of_the_dialect() -> None:
    """Add, amend after 7 s, cancel 36 s later: 1 + (1 + 2) + 4 = 8, less what has decayed."""
    rates = rates_of({ACME: "still"}, rules_with(RateTier(
        name="still", decay_centi=0, threshold_centi=18_000, open_orders_per_pair=0
    )))  # fmt: skip
    assert rates.receive(ACME, BTC, NOW_NS) is None
    amended_ns = NOW_NS + 7 * NS_PER_S
    assert rates.receive(ACME, BTC, amended_ns, amends=True, aged_ns=NOW_NS) is None
    rates.amended(ACME, BTC, NOW_NS, amended_ns, ended=False)
    canceled_ns = amended_ns + 36 * NS_PER_S
    rates.canceled(ACME, BTC, amended_ns, canceled_ns)
    assert rates.level_centi(ACME, "BTC/USD", canceled_ns) == 800


def rules_with(tier: RateTier) -> RateRules:
    rules = built_in_rates()
    rules.tiers = [tier]
    return rules


@pytest.mark.parametrize(
    ("tier", "threshold", "decay"),
    [("starter", 60, "1"), ("intermediate", 125, "2.34"), ("pro", 180, "3.75")],
)
def test_thresholds_and_decay_of_the_tiers(tier: str, threshold: int, decay: str) -> None:
    rates = rates_of({ACME: tier})
    fill(rates, ACME, threshold)
    assert rates.receive(ACME, BTC, NOW_NS) is ACCOUNT_RATE_LIMIT
    room_ns = NOW_NS + -(-NS_PER_S // Fraction(decay)) // 1  # until one point has decayed
    assert rates.receive(ACME, BTC, room_ns - 1) is ACCOUNT_RATE_LIMIT
    assert rates.receive(ACME, BTC, room_ns) is None
    assert rates.receive(ACME, BTC, room_ns) is ACCOUNT_RATE_LIMIT


@pytest.mark.parametrize(
    ("age", "amend", "cancel"),
    [
        (0, 3, 8), (4.999, 3, 8), (5, 2, 6), (9.999, 2, 6), (10, 1, 5), (14.999, 1, 5), (15, 0, 4),
        (44.999, 0, 4), (45, 0, 2), (89.999, 0, 2), (90, 0, 1), (299.999, 0, 1), (300, 0, 0),
    ],
)  # fmt: skip
def test_what_an_age_costs(age: float, amend: int, cancel: int) -> None:
    rates = rates_of({ACME: "pro"})
    now_ns = NOW_NS + int(age * NS_PER_S)
    rates.canceled(ACME, BTC, NOW_NS, now_ns)
    assert rates.level_centi(ACME, "BTC/USD", now_ns) == cancel * 100
    assert rates.receive(ACME, BTC, now_ns, amends=True, aged_ns=NOW_NS) is None
    assert rates.level_centi(ACME, "BTC/USD", now_ns) == (cancel + 1) * 100
    rates.amended(ACME, BTC, NOW_NS, now_ns, ended=False)
    assert rates.level_centi(ACME, "BTC/USD", now_ns) == (cancel + 1 + amend) * 100
    rates.amended(ACME, BTC, NOW_NS, now_ns, ended=True)
    assert rates.level_centi(ACME, "BTC/USD", now_ns) == (2 * cancel + 1 + 2 * amend) * 100


def test_an_amend_needs_room_for_its_age_or_is_not_charged() -> None:
    rates = rates_of({ACME: "starter"})
    fill(rates, ACME, 57)
    assert rates.receive(ACME, BTC, NOW_NS, amends=True, aged_ns=NOW_NS) is ACCOUNT_RATE_LIMIT
    assert rates.level_centi(ACME, "BTC/USD", NOW_NS) == 5700
    assert rates.receive(ACME, BTC, NOW_NS, amends=True) is None  # of an order that is not known
    assert rates.level_centi(ACME, "BTC/USD", NOW_NS) == 5800


def test_a_domain_has_five_times_its_masters_tier_in_each_pair() -> None:
    rates = rates_of({PRIME: "starter", PRIME_A: "pro"})
    fill(rates, PRIME_A, 150)
    fill(rates, PRIME_B, 150)
    assert rates.receive(PRIME_A, BTC, NOW_NS + 1) is DOMAIN_RATE_LIMIT
    assert rates.receive(PRIME_B, BTC, NOW_NS + 1) is DOMAIN_RATE_LIMIT
    assert rates.receive(PRIME_B, ETH, NOW_NS + 1) is None
    fifth_ns = NOW_NS + NS_PER_S // 5
    assert rates.receive(PRIME_B, BTC, fifth_ns - 1) is DOMAIN_RATE_LIMIT
    assert rates.receive(PRIME_B, BTC, fifth_ns) is None
    # The limit of the account itself is told first; what it refuses does not fill the domain.
    fill(rates, PRIME_A, 180, ETH)
    assert rates.receive(PRIME_A, ETH, NOW_NS) is ACCOUNT_RATE_LIMIT


def test_without_a_tier_nothing_is_counted() -> None:
    rates = rates_of({})
    assert not rates.active
    fill(rates, ACME, 1000)
    rates.canceled(ACME, BTC, NOW_NS, NOW_NS)
    assert rates.open_orders_max(ACME) == 0
    assert saved(rates, NOW_NS) == bytes(2 * 5)
    assert rates_of({BETA: "pro"}).active
    assert rates_of({ACME: "pro"}).open_orders_max(ACME) == 225


def test_other_rules_are_data() -> None:
    rules = RateRules(
        add_centi=50,
        amend_centi=25,
        ages=[AgeCost(60, 10, 20)],
        domain_factor=2,
        tiers=[
            RateTier(name="x", decay_centi=1, threshold_centi=100, open_orders_per_pair=3),
        ],
    )
    rates = rates_of({ACME: "x"}, rules)
    fill(rates, ACME, 2)
    assert rates.receive(ACME, BTC, NOW_NS) is ACCOUNT_RATE_LIMIT
    later_ns = NOW_NS + 59 * NS_PER_S
    assert rates.receive(ACME, BTC, later_ns, amends=True, aged_ns=NOW_NS) is None
    rates.amended(ACME, BTC, NOW_NS, later_ns, ended=False)
    rates.canceled(ACME, BTC, NOW_NS, later_ns)
    assert rates.level_centi(ACME, "BTC/USD", later_ns) == 100 - 59 + 25 + 10 + 20
    assert rates.open_orders_max(ACME) == 3


def test_rules_that_change_let_the_past_decay_by_the_old_ones() -> None:
    rates = rates_of({ACME: "pro"})
    fill(rates, ACME, 100)
    later_ns = NOW_NS + 10 * NS_PER_S
    rates.adopt(directory_of({ACME: "starter"}), built_in_rates(), later_ns)
    assert rates.level_centi(ACME, "BTC/USD", later_ns) == 10_000 - 3_750
    assert rates.level_centi(ACME, "BTC/USD", later_ns + NS_PER_S) == 10_000 - 3_750 - 100
    rates.adopt(directory_of({}), built_in_rates(), later_ns)
    rates.adopt(directory_of({ACME: "starter"}), built_in_rates(), later_ns)
    assert rates.level_centi(ACME, "BTC/USD", later_ns) == 0


def test_counters_at_zero_are_not_saved() -> None:
    rates = rates_of({ACME: "starter", PRIME: "starter", PRIME_A: "starter"})
    fill(rates, ACME, 1)
    fill(rates, PRIME_A, 6)
    empty = len(saved(rates_of({}), NOW_NS))
    assert len(saved(rates, NOW_NS)) > empty
    assert len(saved(rates, NOW_NS + 6 * NS_PER_S)) == empty


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "amend", "cancel"]),
        st.sampled_from([ACME, PRIME_A, PRIME_B]),
        st.integers(0, 3 * NS_PER_S),  # passes before the step
        st.integers(0, 20 * NS_PER_S),  # age of the order
    ),
    max_size=60,
)
TIERS = {ACME: "starter", PRIME: "x", PRIME_A: "intermediate"}


@given(STEPS)
def test_against_exact_fractions_over_snapshots(steps: list[tuple[str, int, int, int]]) -> None:
    rules = built_in_rates()
    rules.tiers = [
        RateTier(name=name, decay_centi=decay, threshold_centi=threshold, open_orders_per_pair=0)
        for name, decay, threshold in [
            ("starter", 100, 2_000), ("intermediate", 234, 1_500), ("x", 30, 500)
        ]
    ]  # fmt: skip
    limits = {
        "own0": (Fraction(1), Fraction(20)),
        "own3": (Fraction("2.34"), Fraction(15)),
        "domain": (Fraction("1.5"), Fraction(25)),
    }
    counted = {ACME: ["own0"], PRIME_A: ["own3", "domain"], PRIME_B: ["domain"]}
    levels = dict.fromkeys(limits, Fraction(0))
    rates = rates_of(TIERS, rules)
    now_ns = NOW_NS
    for kind, account, wait_ns, age_ns in steps:
        now_ns += wait_ns
        for name, (decay, _) in limits.items():
            levels[name] = max(Fraction(0), levels[name] - decay * Fraction(wait_ns, NS_PER_S))
        row = rules.age_cost(age_ns)
        amend, cancel = (0, 0) if row is None else (row.amend_centi, row.cancel_centi)
        cost = Fraction({"add": 100, "amend": 100 + amend, "cancel": cancel}[kind], 100)
        full = [name for name in counted[account] if levels[name] + cost > limits[name][1]]
        aged_ns = now_ns - age_ns
        if kind == "cancel":
            rates.canceled(account, BTC, aged_ns, now_ns)
            full = []
        else:
            amends = kind == "amend"
            rule = rates.receive(account, BTC, now_ns, amends=amends, aged_ns=aged_ns)
            assert (rule is None) == (full == [])
            if rule is not None:
                assert rule is (DOMAIN_RATE_LIMIT if full == ["domain"] else ACCOUNT_RATE_LIMIT)
            elif amends:
                rates.amended(account, BTC, aged_ns, now_ns, ended=False)
        for name in counted[account] if not full else []:
            levels[name] += cost
        for place in (ACME, PRIME_A):
            exact = levels["own0" if place == ACME else "own3"]
            assert rates.level_centi(place, "BTC/USD", now_ns) == -(-exact * 100 // 1)
        fresh = rates_of(TIERS, rules)
        fresh.load(Decoder(saved(rates, now_ns)))
        assert saved(fresh, now_ns) == saved(rates, now_ns)
        rates = fresh
