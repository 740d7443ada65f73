"""Rate limits, fee schedules and margin in the file: what they come to, and their mistakes."""

from pathlib import Path

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tests.config.texts import FIRM, PAIR, only, problems
from tidegate.config import ConfigError, VenueConfig, check, check_file, load, load_file
from tidegate.config.builtin import fee_ladder
from tidegate.model.codec import Encoder
from tidegate.model.fees import FeeSchedule, built_in_fee_schedules
from tidegate.model.instruments import Instrument, built_in_instruments
from tidegate.model.rates import RateRules, built_in_rates
from tidegate.model.settings import AccountSettings, Deposit

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
DOLLAR = 10**10


def with_account(lines: str, head: str = "") -> str:
    """A file with one firm whose account has `lines`; line 6 is the first of them."""
    return f"{head}{FIRM.replace('[[firm.session]]', lines + '[[firm.session]]')}"


def account(config: VenueConfig, name: str = "ACME-1") -> AccountSettings:
    (found,) = [item for item in config.settings.accounts if item.account == name]
    return found


def pairs(amounts: list[Deposit]) -> list[tuple[str, int]]:
    return [(one.asset, one.amount) for one in amounts]


def encoded(thing: RateRules | FeeSchedule | Instrument) -> bytes:
    encoder = Encoder()
    thing.save(encoder)
    return encoder.value()


# --- what it comes to -----------------------------------------------------------------------


def test_what_an_account_has_by_default(secrets: FixedSecrets) -> None:
    settings = load(FIRM, secrets).settings
    (item,) = settings.accounts
    assert (item.rate_tier, item.fees_by_volume) == ("pro", True)
    assert (item.scheduled_orders_max, item.positions_max) == (500, 1000)
    assert (item.leverage, item.opposing_positions, item.margin_allowance) == (0, True, [])
    assert encoded(settings.rates) == encoded(built_in_rates())
    assert [encoded(one) for one in settings.fee_schedules] == [
        encoded(one) for one in built_in_fee_schedules()
    ]
    assert (settings.usd_prices, settings.margin_pools) == ([], [])


def test_built_in_firms_may_trade_on_margin(secrets: FixedSecrets) -> None:
    for item in load("", secrets).settings.accounts:
        assert (item.leverage, item.rate_tier, item.fees_by_volume) == (10, "pro", True)


def test_a_sub_account_has_what_its_account_has(secrets: FixedSecrets) -> None:
    config = load(
        """
        [[firm]]
        name = "A"
        broker = true
        [[firm.account]]
        id = "A-1"
        rate_tier = "none"
        scheduled_orders_max = 7
        leverage = 3
        positions_max = 4
        opposing_positions = false
        margin_allowance = { USD = "5", BTC = "0.5" }
        fee_tier = "1M"
        [[firm.account.sub_account]]
        id = "same"
        [[firm.account.sub_account]]
        id = "own"
        rate_tier = "starter"
        scheduled_orders_max = 0
        leverage = 0
        positions_max = 0
        opposing_positions = true
        margin_allowance = {}
        fee_tier = "volume"
        """,
        secrets,
    )
    for name in ("A-1", "same"):
        item = account(config, name)
        assert (item.rate_tier, item.scheduled_orders_max, item.leverage) == ("", 7, 3)
        assert (item.positions_max, item.opposing_positions) == (4, False)
        assert pairs(item.margin_allowance) == [("BTC", DOLLAR // 2), ("USD", 5 * DOLLAR)]
        assert (item.maker_rate, item.taker_rate, item.fees_by_volume) == (600, 1_600, False)
    item = account(config, "own")
    assert (item.rate_tier, item.scheduled_orders_max, item.leverage) == ("starter", 0, 0)
    assert (item.positions_max, item.opposing_positions) == (0, True)
    assert (item.margin_allowance, item.fees_by_volume) == ([], True)


def test_defaults_of_tiers_may_be_others(secrets: FixedSecrets) -> None:
    config = load(f'rates.default_tier = "none"\nfees.default_tier = "500k"\n{FIRM}', secrets)
    item = account(config)
    assert (item.rate_tier, item.fees_by_volume) == ("", False)
    assert (item.maker_rate, item.taker_rate) == (800, 1_800)
    config = load(f'[rates]\ndefault_tier = "starter"\n{FIRM}', secrets)
    assert account(config).rate_tier == "starter"


def test_fixed_rows_are_the_steps_of_the_ladder() -> None:
    ladder = fee_ladder()
    assert list(ladder) == ["0", "10k", "50k", "100k", "250k", "500k", "1M", "2.5M", "5M", "10M"]
    assert (ladder["0"], ladder["2.5M"]) == (("0.25", "0.4"), ("0.04", "0.14"))
    assert ladder["10M"] == ("0", "0.1")


def test_schedules_prices_and_pools(secrets: FixedSecrets) -> None:
    settings = load(
        f"""
        [fees.usd_prices]
        USDT = "0.9995"
        EUR = "1.1"
        [[fees.schedules.fx]]
        volume_usd = "0"
        maker_percent = "0.01"
        taker_percent = "0.02"
        [[fees.schedules.vip]]
        volume_usd = "0"
        maker_percent = "0.1"
        taker_percent = "0.2"
        [[fees.schedules.vip]]
        volume_usd = "2500.5"
        maker_percent = "0"
        taker_percent = "0.0001"
        [margin.pools]
        USD = "1000000"
        {FIRM}
        """,
        secrets,
    ).settings
    assert pairs(settings.usd_prices) == [("EUR", 11 * 10**9), ("USDT", 9_995 * 10**6)]
    assert pairs(settings.margin_pools) == [("USD", 10**6 * DOLLAR)]
    steps = {
        one.name: [(t.volume_money, t.maker_rate, t.taker_rate) for t in one.tiers]
        for one in settings.fee_schedules
    }
    assert list(steps) == ["crypto", "fx", "vip"]
    assert steps["fx"] == [(0, 100, 200)]
    assert steps["vip"] == [(0, 1_000, 2_000), (25_005 * 10**9, 0, 1)]


def test_pairs_without_a_word_are_the_built_in_ones(secrets: FixedSecrets) -> None:
    settings = load("", secrets).settings
    assert [encoded(one) for one in settings.instruments] == [
        encoded(one) for one in built_in_instruments()
    ]


def test_what_a_pair_says_of_fees_band_and_margin(secrets: FixedSecrets) -> None:
    config = load(
        f"""
        [[instrument]]
        {PAIR.replace(chr(10), chr(10) + "        ")}
        band_percent = "2.5"
        leverage_max = 4
        long_max = "100.00000001"
        short_max = "50"
        fee_schedule = "fx"
        [[instrument]]
        symbol = "BTC/USD"
        band_percent = "10"
        short_max = "0"
        """,
        secrets,
    )
    found = {one.symbol: one for one in config.settings.instruments}
    own, built_in = found["XMR/USD"], found["BTC/USD"]
    assert (own.fee_schedule, own.band, own.leverage_max) == ("fx", 25_000, 4)
    assert (own.long_max_lots, own.short_max_lots) == (10_000_000_001, 5_000_000_000)
    assert (built_in.fee_schedule, built_in.band, built_in.leverage_max) == ("crypto", 100_000, 10)
    assert (built_in.long_max_lots, built_in.short_max_lots) == (350 * 10**8, 0)
    plain = load(f"[[instrument]]\n{PAIR}", secrets).settings.instruments[-1]
    assert (plain.fee_schedule, plain.band, plain.leverage_max) == ("crypto", 0, 0)
    assert (plain.long_max_lots, plain.short_max_lots) == (0, 0)


# --- rates in a file of their own -----------------------------------------------------------


def rates_problems(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "own.toml").write_text(text)
    (tmp_path / "venue.toml").write_text(
        f'[rates]\nfile = "own.toml"\ndefault_tier = "none"\n{FIRM}'
    )
    found = check_file(tmp_path / "venue.toml")
    assert {(p.line, p.path) for p in found} <= {(2, "rates.file")}
    return [p.rule.removeprefix('file "own.toml" ') for p in found]


GOOD = '[[tier]]\nname = "t"\ndecay_per_s = "1.25"\nthreshold = "10"\n'


def test_the_example_of_rates_is_the_built_in_table(secrets: FixedSecrets) -> None:
    config = load(f'[rates]\nfile = "rates.toml"\n{FIRM}', secrets, base=EXAMPLES)
    assert encoded(config.settings.rates) == encoded(built_in_rates())


def test_other_rates_and_their_tiers(tmp_path: Path, secrets: FixedSecrets) -> None:
    (tmp_path / "own.toml").write_text(
        'add = "0.5"\namend = "0"\ndomain_factor = 2\n[[age]]\nbelow_s = 7\ncancel = "0.25"\n'
        f"{GOOD}open_orders_per_pair = 3\n"
    )
    venue = tmp_path / "venue.toml"
    venue.write_text(f'[rates]\nfile = "own.toml"\ndefault_tier = "t"\n{FIRM}')
    config = load_file(venue, secrets)
    rates = config.settings.rates
    assert (rates.add_centi, rates.amend_centi, rates.domain_factor) == (50, 0, 2)
    assert [(a.below_s, a.amend_centi, a.cancel_centi) for a in rates.ages] == [(7, 0, 25)]
    assert [
        (t.name, t.decay_centi, t.threshold_centi, t.open_orders_per_pair) for t in rates.tiers
    ] == [("t", 125, 1000, 3)]
    assert account(config).rate_tier == "t"
    venue.write_text(f'[rates]\nfile = "own.toml"\n{FIRM}')
    (problem,) = check_file(venue)
    assert (problem.line, problem.path) == (1, "rates.default_tier")
    assert problem.rule == 'default_tier must be one of t, none, not "pro"'


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("", ["line 1: tier is missing: there must be at least one [[tier]]"]),
        ("[[tier]\n", ["is not TOML: Expected ']]' at the end of an array declaration"]),
        (
            f'add = "1.001"\namend = 1\nad = 2\n{GOOD}',
            [
                "line 1: add must have at most 2 decimals, and 1.001 has more (add)",
                'line 2: amend must be a plain decimal number in quotes, such as "0.5", not 1'
                " (amend)",
                "line 3: ad is not a known key; did you mean add? (ad)",
            ],
        ),
        (
            f"{GOOD}[[age]]\nbelow_s = 5\n[[age]]\nbelow_s = 5\n",
            ["line 8: below_s must be above that of the row before (age[1].below_s)"],
        ),
        (f"{GOOD}{GOOD}", ["line 6: name t is taken (tier[1].name)"]),
        (GOOD.replace('"t"', '"none"'), ["line 2: name none is taken (tier[0].name)"]),
        (
            GOOD.replace('"10"', '"0"'),
            ['line 4: threshold must be above 0; rate_tier "none" has none (tier[0].threshold)'],
        ),
        ('[[tier]]\nname = "t"\n', [
            "line 1: decay_per_s is missing (tier[0].decay_per_s)",
            "line 1: threshold is missing (tier[0].threshold)",
        ]),
    ],
)  # fmt: skip
def test_mistakes_in_a_file_of_rates(tmp_path: Path, text: str, rules: list[str]) -> None:
    found = rates_problems(tmp_path, text)
    assert [rule.partition(" (at line")[0] for rule in found] == rules


def test_a_file_of_rates_that_can_not_be_read(tmp_path: Path, secrets: FixedSecrets) -> None:
    text = f'[rates]\nfile = "nowhere.toml"\n{FIRM}'
    (problem,) = check(text, base=tmp_path)
    assert str(problem) == (
        'line 2: file "nowhere.toml" cannot be read: No such file or directory (rates.file)'
    )
    assert check(text) == []
    with pytest.raises(ConfigError, match=r"nowhere\.toml.* cannot be read"):
        load(text, secrets)
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    (problem,) = check(text.replace("nowhere", "bytes"), base=tmp_path)
    assert problem.rule == 'file "bytes.toml" is not UTF-8 text'


# --- mistakes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "path", "rule"),
    [
        (
            'rate_tier = "por"',
            "rate_tier",
            'rate_tier must be one of starter, intermediate, pro, none, not "por"',
        ),
        ("leverage = 101", "leverage", "leverage must be a whole number from 0 to 100, not 101"),
        (
            "positions_max = -1",
            "positions_max",
            "positions_max must be a whole number from 0 to 1000000, not -1",
        ),
        (
            'scheduled_orders_max = "5"',
            "scheduled_orders_max",
            'scheduled_orders_max must be a whole number from 0 to 1000000, not "5"',
        ),
        (
            'opposing_positions = "no"',
            "opposing_positions",
            'opposing_positions must be true or false, not "no"',
        ),
        (
            'margin_allowance = { XBT = "1" }',
            "margin_allowance.XBT",
            "XBT must be written BTC",
        ),
        (
            'margin_allowance = { USD = "-1" }',
            "margin_allowance.USD",
            'USD must be a plain decimal number such as "0.5", not "-1"',
        ),
    ],
)
def test_values_of_an_account(line: str, path: str, rule: str) -> None:
    assert only(with_account(f"{line}\n")) == (6, f"firm[0].account[0].{path}", rule)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('band_percent = "101"', "band_percent must be from 0 to 100 percent, not 101"),
        ("leverage_max = 101", "leverage_max must be a whole number from 0 to 100, not 101"),
        ('long_max = "1e3"', 'long_max must be a plain decimal number such as "0.5", not "1e3"'),
        (
            'short_max = "0.000000001"',
            "short_max must have at most 8 decimals, and 0.000000001 has more",
        ),
        ('fee_schedule = "fz"', 'fee_schedule must be one of crypto, fx, vip, not "fz"'),
    ],
)
def test_values_of_a_pair(line: str, rule: str) -> None:
    found = problems(
        f'[[instrument]]\nsymbol = "BTC/USD"\n{line}\n'
        '[[fees.schedules.vip]]\nvolume_usd = "0"\nmaker_percent = "0"\ntaker_percent = "0"\n'
    )
    assert found == [(3, f"instrument[0].{line.partition(' ')[0]}", rule)]


def test_mistakes_in_fees() -> None:
    assert problems("""\
        [fees]
        default_tier = "11k"
        [fees.tiers.volume]
        maker_percent = "1"
        taker_percent = "1"
        [fees.usd_prices]
        GBP = "1.3"
        EUR = "1.000000000001"
        USD = "1"
        DOGE = "0.1"
        [fees.schedules]
        none = []
        late = [{ volume_usd = "1", maker_percent = "0", taker_percent = "0" }]
        [[fees.schedules.back]]
        volume_usd = "0"
        maker_percent = "0"
        taker_percent = "101"
        [[fees.schedules.back]]
        volume_usd = "0"
        maker_percent = "0"
        """) == [
        (
            2,
            "fees.default_tier",
            "default_tier must be one of volume, 0, 10k, 50k, 100k, 250k, 500k, 1M, 2.5M, 5M, 10M, "
            'not "11k"',
        ),
        (3, "fees.tiers.volume", '"volume" stands for fees by volume and can not name a row'),
        (7, "fees.usd_prices.GBP", "GBP is an unknown asset: no instrument uses it"),
        (
            8,
            "fees.usd_prices.EUR",
            "EUR must have at most 10 decimals, and 1.000000000001 has more",
        ),
        (9, "fees.usd_prices.USD", "USD is what the prices are in and needs none"),
        (10, "fees.usd_prices.DOGE", "DOGE needs no price: no instrument is quoted in it"),
        (12, "fees.schedules.none", "none must have 1 to 100 steps, not 0"),
        (
            13,
            "fees.schedules.late[0].volume_usd",
            "volume_usd of the first step must be 0, not 1",
        ),
        (
            17,
            "fees.schedules.back[0].taker_percent",
            "taker_percent must be from 0 to 100 percent, not 101",
        ),
        (18, "fees.schedules.back[1].taker_percent", "taker_percent is missing"),
        (
            19,
            "fees.schedules.back[1].volume_usd",
            "volume_usd must be above that of the step before",
        ),
    ]


def test_mistakes_in_rates_and_margin() -> None:
    assert problems("""\
        [rates]
        default_tier = "por"
        [margin.pools]
        XMR = "1"
        """) == [
        (
            2,
            "rates.default_tier",
            'default_tier must be one of starter, intermediate, pro, none, not "por"',
        ),
        (
            4,
            "margin.pools.XMR",
            "XMR is an unknown asset: no instrument uses it; did you mean XRP?",
        ),
    ]
