"""`[liquidity]`: where it is on without a word, its own firm, and mistakes by key and rule."""

from __future__ import annotations

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tests.config.texts import FIRM, PAIR, PRODUCTION, PRODUCTION_FIRM, problems
from tidegate.config import load
from tidegate.config.liquidity import MAIN_PAIRS, MAKER, MARKETS_MAX, TAKER, TAPE, TAPE_TAKER

ON = "[liquidity]\nenabled = true\n"
MARKET = '[[liquidity.market]]\nsymbol = "LTC/USD"\nprice = "90"\n'


def test_a_uat_venue_lives_unless_the_file_or_a_moved_clock_says_no(secrets: FixedSecrets) -> None:
    for text in ("", FIRM, "[liquidity]\nseed = 5\n"):
        config = load(text, secrets, living=True)
        assert config.liquidity is not None
        assert [market.symbol for market in config.liquidity.markets] == list(MAIN_PAIRS)
    production = f"{PRODUCTION}{PRODUCTION_FIRM}"
    off = ("[liquidity]\nenabled = false\n", '[venue]\nclock = "virtual"\n', production)
    for text, living in [(text, True) for text in off] + [("", False), (MARKET, False)]:
        config = load(text, secrets, living=living)
        assert config.liquidity is None
        assert not {access.firm for access in config.sessions.values()} & {"LIQUIDITY", "TAPE"}


def test_a_main_pair_that_the_file_made_too_coarse_is_a_mistake_only_where_a_maker_was_asked_for(
    secrets: FixedSecrets,
) -> None:
    coarse = '[[instrument]]\nsymbol = "BTC/USD"\nqty_min = "1"\n'
    config = load(coarse, secrets, living=True)
    assert config.liquidity is not None
    made = [market.symbol for market in config.liquidity.markets]
    assert made == [symbol for symbol in MAIN_PAIRS if symbol != "BTC/USD"]
    (problem,) = problems(f"{ON}{coarse}")
    assert "BTC/USD as it is here does not fit main_pairs" in problem[2]


def test_main_pairs_and_own_accounts_without_a_rate_tier(secrets: FixedSecrets) -> None:
    config = load(ON, secrets)
    assert config.liquidity is not None
    assert [market.symbol for market in config.liquidity.markets] == list(MAIN_PAIRS)
    own = [a for a in config.settings.accounts if a.firm in ("LIQUIDITY", "TAPE")]
    assert [account.account for account in own] == [MAKER, TAKER, TAPE, TAPE_TAKER]
    assert {(a.rate_tier, a.maker_rate, a.taker_rate) for a in own} == {("", 0, 0)}
    assert all(account.deposits for account in own)


def test_production_may_have_a_maker_but_no_firm_for_tapes(secrets: FixedSecrets) -> None:
    config = load(f"{PRODUCTION}{ON}{PRODUCTION_FIRM}", secrets)
    assert config.liquidity is not None
    assert [a.account for a in config.settings.accounts] == ["ACME-1", MAKER, TAKER]


def test_a_market_of_the_file_is_added_or_takes_the_place_of_a_main_one(
    secrets: FixedSecrets,
) -> None:
    text = f'{ON}{MARKET}[[liquidity.market]]\nsymbol = "BTC/USD"\nprofile = "deep"\n'
    config = load(text, secrets)
    assert config.liquidity is not None
    markets = {market.symbol: market for market in config.liquidity.markets}
    assert set(markets) == {*MAIN_PAIRS, "LTC/USD"}
    assert (markets["BTC/USD"].profile, markets["BTC/USD"].price) == ("deep", 840000)
    alone = load(f"{ON}main_pairs = false\n{MARKET}", secrets)
    assert alone.liquidity is not None
    assert [market.symbol for market in alone.liquidity.markets] == ["LTC/USD"]


@pytest.mark.parametrize(
    ("line", "path", "rule"),
    [
        ('symbol = "LTC/USB"', "symbol", "symbol LTC/USB is no instrument of this venue; did you"),
        ('profile = "thick"', "profile", 'profile must be "empty" or "thin" or "deep" or'),
        ('price = "90.001"', "price", "price must have at most 2 decimals, and 90.001 has more"),
        ('price = "0"', "price", "price must be above 0"),
        (
            "interval_ms = 10",
            "interval_ms",
            "interval_ms must be a whole number from 50 to 3600000",
        ),
        ("levels = 0", "levels", "levels must be a whole number from 1 to 100, not 0"),
        ('size = "0.01"', "size", "size must be at least 0.1, so that the smallest order"),
        ('step_percent = "0"', "step_percent", "step_percent must be above 0 and at most 50"),
        ('spread_percent = "51"', "spread_percent", "spread_percent must be above 0 and at most"),
        ('side = "buy"', "side", 'side goes with profile = "one-sided" alone'),
        ("trades_per_minute = -1", "trades_per_minute", "trades_per_minute must be a whole number"),
        (
            "trades_per_minute = 61",
            "trades_per_minute",
            "trades_per_minute must be at most 60000 / interval_ms, which is 60, not 61",
        ),
        ('colour = "red"', "colour", "colour is not a known key"),
    ],
)
def test_a_mistake_in_a_market_names_key_and_rule(line: str, path: str, rule: str) -> None:
    name = line.partition(" ")[0]
    kept = [given for given in MARKET.splitlines() if not given.startswith(f"{name} ")]
    text = "\n".join([*kept, line, ""])
    found = problems(text)
    assert [(problem[0], problem[1]) for problem in found] == [
        (text.splitlines().index(line) + 1, f"liquidity.market[0].{path}")
    ]
    assert found[0][2].startswith(rule)


@pytest.mark.parametrize(
    "line",
    ["levels = 3", 'size = "20"', 'spread_percent = "1"', "trades_per_minute = 0", 'side = "buy"'],
)
def test_what_an_empty_market_has_no_use_for_is_a_mistake(line: str) -> None:
    empty = '[[liquidity.market]]\nsymbol = "BTC/USD"\nprofile = "empty"\n'
    assert problems(empty) == []
    ((number, path, rule),) = problems(f"{empty}{line}\n")
    name = line.partition(" ")[0]
    assert (number, path) == (4, f"liquidity.market[0].{name}")
    assert rule.startswith(f"{name} does nothing with" if name != "side" else "side goes with")


def test_a_profile_that_is_none_is_the_only_mistake_of_its_market() -> None:
    ((_, path, _),) = problems(f'{MARKET}profile = "one-side"\nside = "sell"\n')
    assert path == "liquidity.market[0].profile"


def test_more_markets_than_there_may_be_are_a_mistake() -> None:
    text = "".join(
        f"[[instrument]]\n{PAIR}".replace("XMR", f"XMR{number}") for number in range(MARKETS_MAX)
    )
    markets = [
        f'[[liquidity.market]]\nsymbol = "XMR{number}/USD"\nprice = "9"\n'
        for number in range(MARKETS_MAX)
    ]
    fitting = MARKETS_MAX - len(MAIN_PAIRS)
    assert problems(text + "".join(markets[:fitting])) == []
    assert problems(f"[liquidity]\nmain_pairs = false\n{text}{''.join(markets)}") == []
    ((_, path, rule),) = problems(text + "".join(markets[: fitting + 1]))
    assert path == f"liquidity.market[{fitting}]"
    assert rule == "there must be at most 64 markets with the main pairs, not 65"


def test_a_market_without_a_price_is_told_and_so_is_one_given_twice() -> None:
    assert problems('[[liquidity.market]]\nsymbol = "LTC/USD"\n') == [
        (1, "liquidity.market[0]", "price is missing, and LTC/USD is none of the main pairs")
    ]
    assert problems(MARKET + MARKET) == [
        (5, "liquidity.market[1].symbol", "symbol LTC/USD is given twice, first in line 2")
    ]


def test_names_of_the_maker_and_pairs_that_do_not_fit_are_mistakes_while_it_is_on() -> None:
    firm = FIRM.replace('"ACME"', '"LIQUIDITY"')
    found = [(path, rule) for _, path, rule in problems(ON + firm)]
    assert found == [
        (
            "firm[0].name",
            "name LIQUIDITY is the venue's own unless [liquidity] has enabled = false",
        ),
        (
            "firm[0].session[0].sender_comp_id",
            "sender_comp_id LIQUIDITY is the venue's own unless [liquidity] has enabled = false",
        ),
    ]
    assert problems(firm) == []
    coarse = '[[instrument]]\nsymbol = "BTC/USD"\nqty_min = "1"\n'
    ((_, path, rule),) = problems(ON + coarse)
    assert path == "liquidity.main_pairs"
    assert rule.startswith("BTC/USD as it is here does not fit main_pairs (size must be at least 2")
