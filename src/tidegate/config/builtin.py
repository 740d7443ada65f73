"""What a venue has without being told: rows of fees, and firms to try it with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from tidegate.config.convert import PERCENT_DECIMALS
from tidegate.model.fees import CRYPTO, built_in_fee_schedules
from tidegate.model.scaled import MONEY_DECIMALS, POWERS_OF_TEN, to_text

FEES_BY_VOLUME: Final = "volume"  # in place of a row's name
NO_RATE_TIER: Final = "none"
LEVERAGE: Final = 10  # of the built-in firms

# Enough that nobody who tries the venue runs dry
_BALANCES: Final = {
    "USD": "1000000000",
    "EUR": "1000000000",
    "USDT": "1000000000",
    "USDC": "1000000000",
    "BTC": "10000",
    "ETH": "200000",
    "SOL": "5000000",
    "LTC": "5000000",
    "XRP": "500000000",
    "ADA": "1000000000",
    "DOGE": "5000000000",
}
_BALANCE_OF_OTHERS: Final = "1000000"


def fee_ladder() -> dict[str, tuple[str, str]]:
    """The steps of the built-in schedule as fixed rows, by the volume that gives their name: maker
    and taker percent."""
    (schedule,) = [one for one in built_in_fee_schedules() if one.name == CRYPTO]
    return {
        _row_name(tier.volume_money // POWERS_OF_TEN[MONEY_DECIMALS]): (
            to_text(tier.maker_rate, PERCENT_DECIMALS),
            to_text(tier.taker_rate, PERCENT_DECIMALS),
        )
        for tier in schedule.tiers
    }


def _row_name(dollars: int) -> str:
    """`0`, `10k`, `2.5M`."""
    if dollars >= 1_000_000:
        return f"{to_text(dollars, 6)}M"
    return f"{to_text(dollars, 3)}k" if dollars else "0"


def built_in_firms(assets: Iterable[str]) -> list[dict[str, Any]]:
    """The firms of a `uat` venue whose file names none, in the form of a parsed file: ACME and
    BETA with an account and a session each, and the broker PRIME with two sub-accounts."""
    balances = {asset: _BALANCES.get(asset, _BALANCE_OF_OTHERS) for asset in sorted(assets)}
    ordinary: list[dict[str, Any]] = [
        {
            "name": name,
            "account": [{"id": f"{name}-1", "balances": dict(balances), "leverage": LEVERAGE}],
            "session": [{"sender_comp_id": name}],
        }
        for name in ("ACME", "BETA")
    ]
    prime = {
        "name": "PRIME",
        "broker": True,
        "account": [
            {
                "id": "PRIME-1",
                "leverage": LEVERAGE,
                "sub_account": [
                    {"id": f"PRIME-1-{letter}", "balances": dict(balances)} for letter in "AB"
                ],
            }
        ],
        "session": [{"sender_comp_id": "PRIME"}],
    }
    return [*ordinary, prime]
