"""The `control` lines of the scripts.

    control - status BTC/USD cancel_only        halt, resume
    control - index BTC/USD 84000.5             band BTC/USD 5 (percent), none or default
    control - deposit ACME-1 USD 100.5          withdraw
    control - fees ACME-1 0.1 0.2 (percent)     by-volume or default
    control - disable-account ACME-1            also firm, key; enable-...
    control ACME disable-session                also enable-session
    control - add-account NAME FIRM [PARENT]    add-firm NAME, add-key NAME ACCOUNT
    control - add-session NAME ACCOUNT [broker]
    control ACME mute-heartbeats on             and the other faults on demand below

Markets' controls play on real sockets too.
"""

from __future__ import annotations

from typing import Final

from tests.scenario.script import OF_MARKETS
from tests.scenario.settings import account, session
from tidegate.config.convert import rate
from tidegate.model.instruments import built_in_instruments
from tidegate.model.market_state import BAND_OF_INSTRUMENT, STATUS_NAMES
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, from_text
from tidegate.venue import controls, money_controls
from tidegate.venue.controls import Control

_STATUSES: Final = {name: status for status, name in STATUS_NAMES.items()}
_PRICE_DECIMALS: Final = {i.symbol: i.price_decimals for i in built_in_instruments()}


def control_of(words: list[str]) -> tuple[int, Control]:
    """`mute-heartbeats on`, `fill-order OAAAAA-... 0.1` and the like, as kind and control."""
    name, *rest = words
    if name in OF_MARKETS:
        return _of_market(name, rest)
    if name in ("deposit", "withdraw", "fees"):
        return _of_money(name, rest)
    verb, _, what = name.partition("-")
    if verb == "add":
        return _addition(what, rest)
    if verb in ("enable", "disable"):
        return _switch(what, rest, on=verb == "enable")
    return _fault(name, rest)


def request_of(words: list[str]) -> tuple[str, dict[str, str]]:
    """The same of a market, as command and parameters of the control socket."""
    name, *rest = words
    if name in ("halt", "resume"):
        return name, {}
    names = {"status": "status", "index": "price", "band": "percent"}
    command = "market-status" if name == "status" else name
    return command, {"symbol": rest[0], names[name]: rest[1]}


def _of_market(name: str, rest: list[str]) -> tuple[int, Control]:
    if name in ("halt", "resume"):
        return controls.SET_HALTED, controls.SetHalted(halted=name == "halt")
    symbol, value = rest
    if name == "status":
        return controls.SET_STATUS, controls.SetStatus(symbol, _STATUSES[value])
    if name == "index":
        price = from_text(value, _PRICE_DECIMALS[symbol])
        return controls.SET_INDEX, controls.SetIndex(symbol, price)
    band = {"none": 0, "default": BAND_OF_INSTRUMENT}.get(value)
    return controls.SET_BAND, controls.SetBand(symbol, rate(value) if band is None else band)


def _of_money(name: str, rest: list[str]) -> tuple[int, Control]:
    if name == "fees":
        if rest[1:] == ["default"]:
            fees = controls.SetAccountFees(rest[0], money_controls.FEES_DEFAULT)
        elif rest[1:] == ["by-volume"]:
            fees = controls.SetAccountFees(rest[0], money_controls.FEES_BY_VOLUME)
        else:
            maker_rate, taker_rate = rate(rest[1]), rate(rest[2])
            fees = controls.SetAccountFees(
                rest[0], money_controls.FEES_FIXED, maker_rate, taker_rate
            )
        return controls.SET_ACCOUNT_FEES, fees
    account_name, asset, amount = rest
    money = from_text(amount, MONEY_DECIMALS)
    if name == "deposit":
        return controls.DEPOSIT_MONEY, controls.DepositMoney(account_name, asset, money)
    return controls.WITHDRAW_MONEY, controls.WithdrawMoney(account_name, asset, money)


def _addition(what: str, rest: list[str]) -> tuple[int, Control]:
    if what == "firm":
        return controls.ADD_FIRM, controls.AddFirm(rest[0])
    if what == "key":
        return controls.ADD_KEY, controls.AddKey(rest[0], rest[1])
    if what == "session":
        broker = rest[2:] == ["broker"]
        return controls.ADD_SESSION, controls.AddSession(session(rest[0], rest[1], broker=broker))
    assert what == "account", what
    settings = account(rest[0], rest[2] if len(rest) > 2 else "", balances={})
    settings.firm = rest[1]
    return controls.ADD_ACCOUNT, controls.AddAccount(settings)


def _switch(what: str, rest: list[str], *, on: bool) -> tuple[int, Control]:
    if what == "session":
        return controls.ENABLE_SESSION, controls.EnableSession(on=on)
    if what == "firm":
        return controls.ENABLE_FIRM, controls.EnableFirm(rest[0], on=on)
    if what == "key":
        return controls.ENABLE_KEY, controls.EnableKey(rest[0], on=on)
    assert what == "account", what
    return controls.ENABLE_ACCOUNT, controls.EnableAccount(rest[0], on=on)


def _fault(name: str, rest: list[str]) -> tuple[int, Control]:
    if name == "mute-heartbeats":
        assert rest in (["on"], ["off"])
        return controls.MUTE_HEARTBEATS, controls.MuteHeartbeats(on=rest == ["on"])
    if name == "skip-number":
        return controls.SKIP_NUMBER, controls.SkipNumber(int(rest[0]))
    if name == "reject-next":
        return controls.REJECT_NEXT, controls.RejectNext(int(rest[0]), int(rest[1]))
    if name == "cancel-order":
        return controls.CANCEL_ORDER, controls.CancelOrder(rest[0].encode())
    if name == "fill-order":
        lots = from_text(rest[1], LOT_DECIMALS)
        return controls.FILL_ORDER, controls.FillOrder(rest[0].encode(), lots)
    assert name == "drop-session", name
    return controls.DROP_SESSION, controls.DropSession()
