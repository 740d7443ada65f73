"""The venue of the scripts: ACME and BETA with an account and a session each, and the broker PRIME
with two sub-accounts. The same firms as in a venue that is started without a configuration."""

from __future__ import annotations

from tidegate.model.instruments import built_in_instruments
from tidegate.model.rates import RateTier
from tidegate.model.scaled import MONEY_DECIMALS, from_text
from tidegate.model.settings import AccountSettings, Deposit, SessionSettings, VenueSettings

TARGET = "KRAKEN-TRD"
MARKET_DATA_TARGET = "KRAKEN-MD"

BALANCES = {"USD": "1000000", "BTC": "100", "ETH": "1000", "DOGE": "1000000", "EUR": "1000000"}


def account(name: str, parent: str = "", balances: dict[str, str] | None = None) -> AccountSettings:
    chosen = BALANCES if balances is None else balances
    return AccountSettings(
        account=name,
        firm=name.partition("-")[0],
        parent=parent,
        maker_rate=2_500,
        taker_rate=4_000,
        enabled=True,
        deposits=[
            Deposit(asset=asset, amount=from_text(amount, MONEY_DECIMALS))
            for asset, amount in chosen.items()
        ],
    )


def session(name: str, account_name: str, *, broker: bool = False) -> SessionSettings:
    return SessionSettings(
        sender_comp_id=name,
        target_comp_id=TARGET,
        account=account_name,
        broker=broker,
        enabled=True,
        heartbeat_min_s=5,
        heartbeat_max_s=300,
        sending_time_tolerance_s=120,
        cancel_on_disconnect=True,
        cancel_on_logout=False,
        cancel_on_rollover=False,
        duplicate_logon=0,
        errors_per_second_max=100,
        token_bucket_points=0,
        token_bucket_refill_per_s=0,
        cl_ord_id_policy=0,
        cancel_scope_comp_id=False,
        mass_cancel_account=False,
        stp_group="",
    )


def venue_settings() -> VenueSettings:
    return VenueSettings(
        rollover_s=22 * 3600,
        rollover_length_s=30,
        instruments=built_in_instruments(),
        accounts=[
            account("ACME-1"),
            account("BETA-1"),
            account("PRIME-1", balances={}),
            account("PRIME-1-A", "PRIME-1"),
            account("PRIME-1-B", "PRIME-1"),
        ],
        sessions=[
            session("ACME", "ACME-1"),
            session("BETA", "BETA-1"),
            session("PRIME", "PRIME-1", broker=True),
        ],
    )


def change(settings: VenueSettings, kind: str, text: str) -> None:
    """One `given` or `configure` line. An account or session that is not there is added."""
    if kind == "venue":
        _change_values(settings, text.split())
        return
    name, *changes = text.split()
    if kind == "instrument":
        _change_values(next(i for i in settings.instruments if i.symbol == name), changes)
        return
    if kind == "rate_tier":
        tier = RateTier(name=name, decay_centi=0, threshold_centi=0, open_orders_per_pair=0)
        settings.rates.tiers = [t for t in settings.rates.tiers if t.name != name] + [tier]
        _change_values(tier, changes)
        return
    if kind == "session":
        found = next((s for s in settings.sessions if s.sender_comp_id == name), None)
        if found is None:
            found = session(name, "")
            settings.sessions.append(found)
        _change_values(found, changes)
        return
    if kind == "without":
        settings.sessions = [s for s in settings.sessions if s.sender_comp_id != name]
        settings.accounts = [a for a in settings.accounts if a.account != name]
        settings.instruments = [i for i in settings.instruments if i.symbol != name]
        return
    assert kind == "account", kind
    known = next((a for a in settings.accounts if a.account == name), None)
    if known is None:
        known = account(name, balances={})
        settings.accounts.append(known)
    money = [pair for pair in changes if pair.partition("=")[0].isupper()]
    for pair in money:
        asset, _, amount = pair.partition("=")
        known.deposits = [d for d in known.deposits if d.asset != asset]
        known.deposits.append(Deposit(asset=asset, amount=from_text(amount, MONEY_DECIMALS)))
    _change_values(known, [pair for pair in changes if pair not in money])


def _deposit(text: str) -> Deposit:
    """`USD:100.5`"""
    asset, _, amount = text.partition(":")
    return Deposit(asset=asset, amount=from_text(amount, MONEY_DECIMALS))


def _change_values(target: object, pairs: list[str]) -> None:
    for pair in pairs:
        name, _, text = pair.partition("=")
        old = getattr(target, name)
        if isinstance(old, list):
            setattr(target, name, [_deposit(part) for part in text.split(",")])
        elif isinstance(old, bool):
            assert text in ("Y", "N"), pair
            setattr(target, name, text == "Y")
        else:
            setattr(target, name, type(old)(text))
