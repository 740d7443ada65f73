"""The auditor finds what it is there for: each lie in a client's ledger, or in the journal's story,
is told. The truth comes from one short run with real processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow.witness import Witness
from tests.torture.audit import Auditor, Session
from tests.torture.ledger import LedgerReader
from tests.torture.supervisor import CLIENTS, Plan, Supervisor

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
