"""`tidegate demo`: the life of a few orders, played against a venue that is started for it.

Two firms trade over TLS, every message is shown with FIX's names, and each act checks what came
back: the exit code is 0 only if all went as told.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from tidegate.client import (
    Accepted,
    Amend,
    BusinessReject,
    Cancel,
    Client,
    ConnectFailed,
    Credentials,
    Endpoint,
    ExecType,
    ExecutionReport,
    LoggedOn,
    LoggedOut,
    LogonOptions,
    LogonRefused,
    NewOrder,
    OrdStatus,
    Outcome,
    Refused,
    SessionReject,
    Side,
)
from tidegate.wire.explain import ExplainedMessage, explain

EXIT_PLAYED: Final = 0
EXIT_BROKEN: Final = 1

READY_WAIT_S: Final = 20.0
STOP_WAIT_S: Final = 10.0
EVENT_WAIT_S: Final = 5.0

SYMBOL: Final = "BTC/USD"
PRICE: Final = "84000.5"

# Below the ports that systems give to outgoing connections, so that nobody takes one meanwhile
_PORTS: Final = range(20_000, 30_000)
_TRADING_PORT: Final = 4001
_PORT_TRIES: Final = 50

# Shown elsewhere on the line, or of no interest to a newcomer
_LEFT_OUT: Final = frozenset((
    "BeginString", "BodyLength", "MsgType", "MsgSeqNum", "SenderCompID", "TargetCompID",
    "SendingTime", "CheckSum", "TransactTime", "OrigSendingTime", "ExecID", "GrossTradeAmt",
    "AvgPx", "SecondaryExecID", "TradeID", "NetMoney", "NoMiscFees", "MiscFeeType", "MiscFeeBasis",
    "EncryptMethod",
))  # fmt: skip
_ECHOED: Final = frozenset(("Symbol", "OrdType", "TimeInForce"))  # in a report, as it was entered
_FIRST: Final = ("PossDupFlag", "ExecType", "OrdStatus")
_PLAIN_VALUES: Final = frozenset(("SessionRejectReason", "BusinessRejectReason", "PossDupFlag"))

E = TypeVar("E")


class StoryBroken(Exception):
    """Something did not go as told; the text says what."""


def run(console: Console) -> int:
    """Play the demo on `console`; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="tidegate-demo-") as directory:
        try:
            asyncio.run(_Story(console, Path(directory) / "data").play())
        except StoryBroken as error:
            console.print(f"\nNot as told: {error}", style="bold red", markup=False)
            return EXIT_BROKEN
        except (ConnectFailed, LogonRefused, OSError) as error:
            console.print(f"\nThe demo could not go on: {error}", style="bold red", markup=False)
            return EXIT_BROKEN
    return EXIT_PLAYED


def free_port_offset() -> int:
    """A port offset at which the venue's trading port is free on loopback now."""
    for _ in range(_PORT_TRIES):
        port = random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port - _TRADING_PORT
    raise OSError(f"no free port among {_PORT_TRIES} tried")


def config_without_rollover(now_s: float) -> str:
    """The built-in configuration without rate limits, and with the daily rollover half a day from
    now: nobody is to wait for it, or to be logged out by it."""
    second = (int(now_s) + 43_200) % 86_400
    time_of_day = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    return f'[rates]\ndefault_tier = "none"\n[venue]\nrollover_at = "{time_of_day}"\n'


def one_line(message: ExplainedMessage) -> str:
    """The fields that matter, by name, with the meaning of a value where it has one; first what a
    report is about."""
    parts: list[tuple[int, str]] = []
    for field in message.fields:
        name = field.name or str(field.tag)
        if name in _LEFT_OUT or (message.msg_type == "8" and name in _ECHOED):
            continue
        place = _FIRST.index(name) if name in _FIRST else len(_FIRST)
        meant = f" ({field.meaning})" if field.meaning and name not in _PLAIN_VALUES else ""
        parts.append((place, f"{name}={field.value}{meant}"))
    parts.sort(key=lambda part: part[0])  # stable: the rest stays in the order of the wire
    return ", ".join(text for _, text in parts)


class _Story:
    def __init__(self, console: Console, directory: Path) -> None:
        self._console = console
        self._directory = directory
        self._log = directory.parent / "venue.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._acts = 0

    async def play(self) -> None:
        try:
            ready = await self._start_venue()
            acme, beta = self._client(ready, "ACME"), self._client(ready, "BETA")
            try:
                await self._logon(acme, beta)
                resting = await self._order_rests(acme)
                await self._partial_fill(acme, beta, resting)
                amended = await self._amend(acme, resting)
                await self._cancel(acme, amended)
                await self._rejects(acme)
                await self._line_is_cut(acme)
                await self._logout(acme, beta)
            finally:
                await acme.close()
                await beta.close()
            await self._stop_and_verify()
        finally:
            if self._process is not None and self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    # --- the venue ------------------------------------------------------------------------------

    async def _start_venue(self) -> dict[str, Any]:
        self._act(
            "A venue starts",
            "Its own process, its own data directory, TLS 1.3 with a certificate it makes itself.",
        )
        config = self._directory.with_name("demo.toml")
        # Nobody but the two of the story is to trade.
        text = "liquidity.enabled = false\n" + config_without_rollover(time.time())
        config.write_text(text)
        command = [
            sys.executable, "-m", "tidegate", "up", "--config", str(config),
            "--data", str(self._directory), "--port-offset", str(free_port_offset()),
        ]  # fmt: skip
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment())
        ready_path = self._directory / "ready.json"
        for _ in range(int(READY_WAIT_S / 0.05)):
            if ready_path.exists():
                ready: dict[str, Any] = json.loads(ready_path.read_bytes())
                break
            if self._process.poll() is not None:
                raise StoryBroken(f"the venue did not start:\n{self._log.read_text()}")
            await asyncio.sleep(0.05)
        else:
            raise StoryBroken(f"the venue was not ready within {READY_WAIT_S:g} s")
        port = ready["ports"]["spot_trading"]
        self._say(f"It listens on {ready['host']}:{port}; firms and keys are in ready.json.")
        return ready

    def _client(self, ready: dict[str, Any], firm: str) -> Client:
        session = next(s for s in ready["sessions"] if s["firm"] == firm)
        return Client(
            Endpoint(ready["host"], session["port"], ca_file=Path(ready["ca_file"])),
            Credentials(
                session["sender_comp_id"],
                session["target_comp_id"],
                session["api_key"],
                session["api_secret"],
            ),
            LogonOptions(heart_bt_int_s=30, cancel_orders_on_disconnect=True, rollover_s=-1),
            trace=self._tracer(firm),
        )

    async def _stop_and_verify(self) -> None:
        self._act(
            "The venue stops, and its journal is replayed",
            "The venue is a pure function of its journal: applied again, the same inputs "
            "must give every byte that was sent.",
        )
        process = self._process
        assert process is not None
        process.terminate()
        code = await asyncio.to_thread(process.wait, STOP_WAIT_S)
        _expect(code == 0, f"the venue stops with exit code 0, not {code}")
        command = [sys.executable, "-m", "tidegate", "verify", "--data", str(self._directory)]
        verify = await asyncio.to_thread(
            subprocess.run, command, env=_environment(), capture_output=True, text=True, check=False
        )
        _expect(verify.returncode == 0, f"tidegate verify finds no difference: {verify.stderr}")
        self._console.print(Text("  " + verify.stdout.strip().replace("\n", "\n  "), style="dim"))
        self._console.print("\nAll as told.", style="bold green")

    # --- the acts -------------------------------------------------------------------------------

    async def _logon(self, acme: Client, beta: Client) -> None:
        self._act(
            "Two firms log on",
            "Username, Password (HMAC-SHA-512 over the message's fields) and Nonce are hidden "
            "here. CancelOrdersOnDisconnect=0: my orders go if my line drops.",
        )
        for client in (acme, beta):
            logged_on = await client.connect()
            _expect(logged_on.replay_from == 0, "a first logon has nothing to replay")

    async def _order_rests(self, acme: Client) -> ExecutionReport:
        self._act("An order rests", "Nobody sells at that price yet: New, and LeavesQty is all.")
        order = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="0.25", price=PRICE)
        report = _accepted(await acme.place(order), "the order is accepted")
        _expect(report.ord_status == OrdStatus.NEW, "the order is new")
        _expect(report.leaves_qty == Decimal("0.25"), "all of it is open")
        return report

    async def _partial_fill(self, acme: Client, beta: Client, resting: ExecutionReport) -> None:
        self._act(
            "The other firm takes a part of it",
            "Both sides get a report of the same trade: the maker pays 0.25 %, the taker 0.40 %.",
        )
        order = NewOrder(symbol=SYMBOL, side=Side.SELL, order_qty="0.1", price=PRICE)
        _accepted(await beta.place(order), "BETA's order is accepted")
        taker = await _next(beta, ExecutionReport, lambda r: r.is_trade)
        maker = await _next(acme, ExecutionReport, lambda r: r.is_trade)
        _expect(taker.ord_status == OrdStatus.FILLED, "BETA's order is filled")
        _expect(maker.ord_status == OrdStatus.PARTIALLY_FILLED, "ACME's is partially filled")
        _expect(maker.order_id == resting.order_id, "the fill is of the resting order")
        _expect(maker.trade_id == taker.trade_id, "both tell of one trade")
        _expect(maker.leaves_qty == Decimal("0.15"), "0.15 are left")

    async def _amend(self, acme: Client, resting: ExecutionReport) -> ExecutionReport:
        self._act(
            "The rest is amended",
            "OrderQty is the new total, fills included. OrderID and fills stay; OrigClOrdID (41) "
            "names the request before.",
        )
        amend = Amend(
            symbol=SYMBOL,
            side=Side.BUY,
            order_id=resting.order_id,
            orig_cl_ord_id=resting.cl_ord_id,
            order_qty="0.2",
            price="83990",
        )
        report = _accepted(await acme.amend(amend), "the amend is accepted")
        _expect(report.exec_type == ExecType.REPLACED, "the order is replaced")
        _expect(report.leaves_qty == Decimal("0.1"), "0.2 less 0.1 filled leave 0.1")
        return report

    async def _cancel(self, acme: Client, order: ExecutionReport) -> None:
        self._act("What is left is canceled", "One request, one report: Canceled, nothing open.")
        cancel = Cancel(symbol=SYMBOL, side=Side.BUY, order_id=order.order_id)
        report = _accepted(await acme.cancel(cancel), "the cancel is accepted")
        _expect(report.ord_status == OrdStatus.CANCELED, "the order is canceled")
        _expect(report.cum_qty == Decimal("0.1"), "what was filled stays filled")

    async def _rejects(self, acme: Client) -> None:
        self._act(
            "Three refusals, one from each layer",
            "1. The gateway checks the form: Side (54) is missing, hence Reject (35=3).",
        )
        outcome = await acme.place(NewOrder(symbol=SYMBOL, side="", order_qty="0.1", price=PRICE))
        reject = _refused(outcome)
        _expect(isinstance(reject, SessionReject), "the gateway answers by 35=3")
        _expect(isinstance(reject, SessionReject) and reject.ref_tag_id == 54, "Side is to blame")
        self._say("2. Order entry knows the instrument: prices of BTC/USD are multiples of 0.1.")
        order = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="0.1", price="84000.55")
        reject = _refused(await acme.place(order))
        _expect(isinstance(reject, BusinessReject), "order entry answers by 35=j")
        _expect(reject.text == "EOrder:Tick size check failed", "the tick size is to blame")
        self._say(
            "3. The engine knows the balance: two million bitcoin are more than ACME can pay."
        )
        order = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="2000000", price=PRICE)
        reject = _refused(await acme.place(order))
        _expect(isinstance(reject, BusinessReject), "the engine answers by 35=j")
        _expect(reject.text == "EOrder:Insufficient funds", "the balance is to blame")

    async def _line_is_cut(self, acme: Client) -> None:
        self._act(
            "The line is cut",
            "ACME has an order open when its connection breaks, without a Logout.",
        )
        order = NewOrder(symbol=SYMBOL, side=Side.BUY, order_qty="0.5", price="80000")
        resting = _accepted(await acme.place(order), "the order rests")
        await acme.drop()
        self._say(
            "The line is gone. The venue cancels the order by itself and keeps the report. Back "
            "on the line, numbers go on: the Logon answer has a higher number than expected, so "
            "the client asks for what it missed, and the report comes as a replay (PossDupFlag=Y).",
        )
        acme.take_events()
        logged_on = await _reconnected(acme)
        _expect(logged_on.replay_from > 0, "something was missed")
        report = await _next(acme, ExecutionReport, lambda r: r.order_id == resting.order_id)
        _expect(report.poss_dup, "the report is marked as a replay")
        _expect(report.ord_status == OrdStatus.CANCELED, "the order was canceled")
        _expect(report.text == "Order canceled on disconnect", "because of the disconnect")

    async def _logout(self, acme: Client, beta: Client) -> None:
        self._act("Both log out", "Logout, answered by Logout: an orderly end cancels nothing.")
        for client in (acme, beta):
            client.take_events()
            await client.close()
            await _next(client, LoggedOut, lambda event: event.was_logged_on)

    # --- the page -------------------------------------------------------------------------------

    def _act(self, title: str, text: str) -> None:
        self._acts += 1
        self._console.print(f"\n{self._acts}. {title}", style="bold", markup=False, highlight=False)
        self._say(text)

    def _say(self, text: str) -> None:
        self._console.print(Padding(Text(text, style="italic"), (0, 0, 0, 3)))

    def _tracer(self, firm: str) -> Callable[[bool, bytes], None]:
        def show(is_ours: bool, frame: bytes) -> None:
            for message in explain(frame):
                number = next((f.value for f in message.fields if f.tag == 34), "?")
                arrow = "-->" if is_ours else "<--"
                line = Text(f"   {firm:<4} {arrow} ", style="cyan" if is_ours else "yellow")
                line.append(f"#{number} {message.name}", style="bold")
                line.append(f"  {one_line(message)}", style="not bold")
                self._console.print(line, soft_wrap=True)

        return show


def _environment() -> dict[str, str]:
    """That the child finds the package where this process found it."""
    source = str(Path(__file__).parent.parent)
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise StoryBroken(what)


def _accepted(outcome: Outcome, what: str) -> ExecutionReport:
    if not isinstance(outcome, Accepted):
        raise StoryBroken(f"{what}; but: {outcome}")
    return outcome.report


def _refused(outcome: Outcome) -> BusinessReject | SessionReject:
    if not isinstance(outcome, Refused):
        raise StoryBroken(f"the request is refused; but: {outcome}")
    return outcome.reject


async def _next(client: Client, kind: type[E], fits: Callable[[E], bool]) -> E:
    """The next event of that kind that fits; others before it are passed over."""
    try:
        async with asyncio.timeout(EVENT_WAIT_S):
            async for event in client:
                if isinstance(event, kind) and fits(event):
                    return event
    except TimeoutError:
        pass
    raise StoryBroken(f"a fitting {kind.__name__} comes within {EVENT_WAIT_S:g} s")


async def _reconnected(client: Client) -> LoggedOn:
    """Log on again. A venue that has not seen the end of the old line yet refuses at first."""
    for _ in range(50):
        try:
            return await client.connect()
        except LogonRefused:
            await asyncio.sleep(0.1)
    raise StoryBroken("the client can log on again")
