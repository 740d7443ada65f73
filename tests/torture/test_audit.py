"""The auditor finds what it is there for: each lie in a client's ledger, or in the journal's story,
is told. The truth comes from one short run with real processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.flow.witness import Witness
from tests.peers.socket_peer import Frame, framed, parse
from tests.torture.audit import (
    Auditor,
    Session,
    Times,
    require_not_early,
    require_nothing_forgotten,
)
from tests.torture.ledger import LedgerReader
from tests.torture.supervisor import CLIENTS, Plan, Supervisor
from tidegate.client.events import execution_report
from tidegate.wire.message import Message

NAME = "BETA"  # its orders stay when its line drops


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory and ledgers of a venue that was killed twice, all well."""
    directory = tmp_path_factory.mktemp("truth") / "venue"
    directory.mkdir()
    plan = Plan(directory, seed=5, kills=2, durability="process", plain=True)
    Supervisor(plan).play()
    shutil.rmtree(directory / "data-audit")
    return directory


def audit(directory: Path, *, stays: bool | None = None) -> None:
    """As at the end of a run; `stays` says something else of the orders of `NAME`."""
    sessions = [
        Session(
            name, leaves if stays is None or name != NAME else stays,
            LedgerReader(directory / f"{name}.ledger"), Witness(account),
        )
        for name, account, leaves, _ in CLIENTS
    ]  # fmt: skip
    Auditor(directory / "data", sessions).audit()


def report(line: bytes) -> bool:
    return line.startswith(b"R") and b"\x0135=8\x01" in line and b"\x0143=Y" not in line


def last(lines: list[bytes], wanted: Callable[[bytes], bool]) -> int:
    return next(n for n in reversed(range(len(lines))) if wanted(lines[n]))


def lost(lines: list[bytes]) -> None:
    """A report that the client never saw."""
    del lines[last(lines, report)]


def doubled(lines: list[bytes]) -> None:
    """The same number twice, and not as a replay."""
    place = last(lines, report)
    lines.insert(place, lines[place])


def altered(lines: list[bytes]) -> None:
    """A number with another content."""
    place = last(lines, report)
    lines[place] = lines[place].replace(b"\x0155=BTC/USD\x01", b"\x0155=ETH/USD\x01")


def unheard_of(lines: list[bytes]) -> None:
    """An execution after the last one that the venue knows of: acknowledged, then lost."""
    place = last(lines, report)
    number = lines[place].partition(b"\x0134=")[2].partition(b"\x01")[0]
    lines.append(lines[place].replace(b"\x0134=%b\x01" % number, b"\x0134=9999999\x01"))


def never_sent(lines: list[bytes]) -> None:
    """The venue has taken an order that no client wrote down before sending."""
    order = next(line for line in lines if line.startswith(b"S") and b"\x0135=D\x01" in line)
    lines.remove(order)  # an early one: the venue lived to take it


LIES = {
    lost: "never got",
    doubled: "a number came twice",
    altered: "ETH/USD",
    unheard_of: "lost after it was sent",
    never_sent: "never sent",
}


def test_the_truth_passes(truth: Path, tmp_path: Path) -> None:
    audit(Path(shutil.copytree(truth, tmp_path / "venue")))


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__)
def test_a_lie_in_a_ledger_is_found(
    truth: Path, tmp_path: Path, lie: Callable[[list[bytes]], None]
) -> None:
    directory = Path(shutil.copytree(truth, tmp_path / "venue"))
    ledger = directory / f"{NAME}.ledger"
    lines = ledger.read_bytes().splitlines(keepends=True)
    lie(lines)
    ledger.write_bytes(b"".join(lines))
    with pytest.raises(AssertionError, match=LIES[lie]):
        audit(directory)


def test_orders_that_stay_over_a_lost_line_against_the_client_s_wish_are_found(
    truth: Path, tmp_path: Path
) -> None:
    directory = Path(shutil.copytree(truth, tmp_path / "venue"))
    with pytest.raises(AssertionError, match="open over a lost line"):
        audit(directory, stays=False)


NOW, LATER = "20261103-09:15:00.000", "20261103-09:15:00.001"


def a_report(exec_type: str, fields: str = "") -> Frame:
    """Of one order, a stop-loss buy at 20,010 unless it has become something else, at `NOW`."""
    own = "" if "40=" in fields else "|40=3|99=20010"
    exec_id = "" if "17=" in fields else f"17={exec_type}|"
    text = (
        f"35=8|34=2|6=0|11=1|14=0|{exec_id}37=O|55=BTC/USD|54=1|59=6|38=1|39=0|60={NOW}"
        f"|150={exec_type}|151=1{own}|{fields}"
    )
    return parse(framed((text.rstrip("|") + "|").replace("|", "\x01").encode()))


def entered(*reports: Frame, times: Times) -> Session:
    """A session that has booked these reports of the one order."""
    session = Session(NAME, True, LedgerReader(Path()), Witness(NAME), times={"1": times})
    message = Message()
    for booked in reports:
        message.scan(booked.raw)
        session.witness.book(execution_report(message))
    return session


FIRED = a_report("D", "40=1|99=20010|1102=20010")


@pytest.mark.parametrize(
    ("report", "times", "lie"),
    [
        (a_report("0"), Times(LATER, ""), "active early"),
        (a_report("C"), Times(NOW, LATER), "expired early"),
        (a_report("C"), Times(NOW, ""), "no ExpireTime"),
        (a_report("D", "40=1|99=20010|1102=20009.9"), Times(NOW, ""), "fired early"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_acts_before_its_time_or_price_is_found(report: Frame, times: Times, lie: str) -> None:
    require_not_early(entered(a_report("A"), times=Times(NOW, NOW)), FIRED)
    with pytest.raises(AssertionError, match=lie):
        require_not_early(entered(a_report("A"), times=times), report)


@pytest.mark.parametrize(
    ("reports", "times", "lie"),
    [
        ([a_report("A")], Times(NOW, LATER), "should be active"),
        ([a_report("A")], Times(LATER, NOW), "should have expired"),
        ([a_report("A"), a_report("0")], Times(NOW, LATER), "should have fired"),
    ],
    ids=["active", "expired", "fired"],
)
def test_what_is_forgotten_is_found(reports: list[Frame], times: Times, lie: str) -> None:
    price = Decimal(20_010)
    require_nothing_forgotten(entered(a_report("A"), times=Times(LATER, "")), NOW, price)
    require_nothing_forgotten(entered(a_report("0"), times=Times("", "")), NOW, price - 1)
    with pytest.raises(AssertionError, match=lie):
        require_nothing_forgotten(entered(*reports, times=times), NOW, price)


def test_an_order_that_passes_a_stage_twice_is_found() -> None:
    entered(a_report("A"), a_report("0"), FIRED, times=Times("", ""))
    for stages in (
        [a_report("0"), a_report("0", "17=again")],
        [a_report("0"), FIRED, a_report("D", "40=1|99=20010|17=again")],
        [a_report("A"), FIRED],
    ):
        with pytest.raises(AssertionError, match="it is "):
            entered(*stages, times=Times("", ""))
