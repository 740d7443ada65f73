"""What a venue has without being told: the fee ladder, and firms to try it with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

# Rows of the fee ladder by 30-day volume in USD: maker and taker percent
FEE_TIERS: Final[dict[str, tuple[str, str]]] = {
    "0": ("0.25", "0.40"),
    "10k": ("0.20", "0.35"),
    "50k": ("0.14", "0.24"),
    "100k": ("0.12", "0.22"),
    "250k": ("0.10", "0.20"),
    "500k": ("0.08", "0.18"),
    "1M": ("0.06", "0.16"),
    "2.5M": ("0.04", "0.14"),
    "5M": ("0.02", "0.12"),
    "10M": ("0", "0.10"),
}
FEE_TIER_DEFAULT: Final = "0"

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


def built_in_firms(assets: Iterable[str]) -> list[dict[str, Any]]:
    """The firms of a `uat` venue whose file names none, in the form of a parsed file: ACME and
    BETA with an account and a session each, and the broker PRIME with two sub-accounts."""
    balances = {asset: _BALANCES.get(asset, _BALANCE_OF_OTHERS) for asset in sorted(assets)}
    ordinary: list[dict[str, Any]] = [
        {
            "name": name,
            "account": [{"id": f"{name}-1", "balances": dict(balances)}],
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
                "sub_account": [
                    {"id": f"PRIME-1-{letter}", "balances": dict(balances)} for letter in "AB"
                ],
            }
        ],
        "session": [{"sender_comp_id": "PRIME"}],
    }
    return [*ordinary, prime]
