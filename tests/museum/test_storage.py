"""Other people's bugs of stores and tables; `docs/museum.md` says whose, and what happened."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.venue import Venue, environment
from tests.peers.socket_peer import Peer, PeerClosed
from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import Script

ROOT = Path(__file__).parents[2]
FILE_BYTES_MAX = 120_000
HISTORY = 12_000
GROWTH_BYTES_MAX = 8_000_000

PRINT_LOG = """
import hashlib
from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import SCRIPTS, read_script
for name in ("orders/fills", "orders/self_trade", "orders/rollover_cancels"):
    venue = CoreVenue()
    Player(read_script(SCRIPTS / f"{name}.scenario"), venue).run()
    print(hashlib.sha256(venue.log).hexdigest(), venue.venue.digest())
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def logged_on(peer: Peer, fields: str = "98=0|108=60|8674=1") -> Peer:
    assert peer.logon(fields).type == "A"
    return peer


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES_MAX, FILE_BYTES_MAX))


def flood(acme: Peer, first: int) -> Iterator[str]:
    """Orders until the venue is gone: the ClOrdIDs that were acknowledged."""
    try:
        for cl_ord_id in range(first, first + 100_000):
            acme.order(cl_ord_id)
            yield acme.expect("8")[11]
    except (PeerClosed, OSError):
        return


def test_quickfixj_399_a_disk_that_was_full_and_is_free_again(data: Path) -> None:
    """The venue ends; with room again it goes on: what was acknowledged is there to be asked for,
    and the session works."""
    with Venue(data, before_exec=small_files) as venue:
        with logged_on(venue.peer("ACME")) as acme:
            acknowledged = list(flood(acme, 1))
        assert venue.wait() == 1
        assert "failed" in venue.log_text()
    assert len(acknowledged) > 50
    with Venue(data) as venue:
        with logged_on(venue.peer("ACME", next_out=acme.next_out)) as acme:
            acme.send("2", "7=1|16=0")
            replayed: list[str] = []
            while len(replayed) < len(acknowledged):
                frame = acme.receive()
                if frame.type == "8":
                    assert frame[43] == "Y"
                    replayed.append(frame[11])
            assert replayed == acknowledged
        with logged_on(venue.peer("ACME"), "98=0|108=60|141=Y") as acme:
            acme.round_trip(1_000_000)


def test_quickfixj_1081_a_damaged_stored_message_is_not_sent_out(data: Path) -> None:
    """A digit of a stored price rots on the disk. Whoever asks for it again does not get it with a
    fresh checksum: the venue stops and names the place."""
    with Venue(data) as venue, logged_on(venue.peer("ACME")) as acme:
        acme.order(1, price="23456")
        report = acme.expect("8")
        acme.order(2)
        acme.expect("8")
        damaged = False
        for path in sorted((data / "journal").glob("*.log")):
            at = path.read_bytes().find(report.raw)
            if at >= 0:
                with path.open("r+b") as file:
                    file.seek(at + report.raw.index(b"23456"))
                    file.write(b"9")
                damaged = True
        assert damaged
        acme.send("2", f"7={report.number}|16={report.number}")
        assert [f for f in acme.read_to_end() if f.type == "8"] == []
        assert venue.wait() == 1
        assert "an outgoing message was altered" in venue.log_text()


def test_quickfixj_639_an_open_ended_resend_does_not_load_the_history(data: Path) -> None:
    """A day is asked for several times by somebody who does not read: nothing is held for him."""
    with Venue(data) as venue:
        acme = logged_on(venue.peer("ACME", receive_bytes=4096), "98=0|108=60|141=Y")
        with acme, logged_on(venue.peer("BETA")) as beta:
            acme.order(1)
            ask = f"11=1|37={acme.expect('8')[37]}|55=BTC/USD"
            for _ in range(HISTORY // 500):
                acme.socket.sendall(b"".join(acme.message("H", ask) for _ in range(500)))
                for _ in range(500):
                    assert acme.receive().type == "8"
            beta.round_trip(1)
            before = venue.rss_bytes()
            for request in range(8):
                acme.send("2", "7=1|16=0")
                beta.round_trip(10 + 2 * request)
            history_bytes = HISTORY * len(acme.received[-1].raw)
            assert venue.rss_bytes() - before < GROWTH_BYTES_MAX < 8 * history_bytes


def test_nautilus_3878_ids_are_the_same_in_every_run() -> None:
    """Two processes with other hash seeds write the same bytes for the same inputs."""
    logs = [
        subprocess.run(
            [sys.executable, "-c", PRINT_LOG],
            env={
                **environment(PYTHONHASHSEED=seed),
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
            },
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "4711")
    ]
    assert logs[0] == logs[1]
    assert len(logs[0].splitlines()) == 3


def state_bytes(rounds: int) -> int:
    """How much a venue has to remember after so many orders that came, traded and went."""
    steps = ["given session ACME errors_per_second_max=0", "logon ACME", "logon BETA"]
    for number in range(rounds):
        price = 1000 + number % 50
        steps += [
            f"send ACME 35=D|11=$a{number}|55=BTC/USD|54=2|40=2|44={price}|38=0.01|59=1",
            "expect ACME 35=8|150=0",
            f"send BETA 35=D|11=$b{number}|55=BTC/USD|54=1|40=2|44={price}|38=0.004|59=3",
            "expect BETA 35=8|150=0",
            "expect BETA 35=8|150=F",
            "expect ACME 35=8|150=F",
            f"send ACME 35=F|11=$c{number}|41=$a{number}|55=BTC/USD|54=2",
            "expect ACME 35=8|150=4",
            f"send ACME 35=D|11=$d{number}|55=NO/SUCH|54=2|40=2|44=1|38=1|59=1",
            "expect ACME 35=j",
        ]
    venue = CoreVenue()
    Player(Script.of_text("\n".join(steps)), venue).run()
    return len(venue.venue.save())


def test_nautilus_4456_no_table_grows_with_what_is_over() -> None:
    """What has come and gone leaves counters that get longer, and nothing else."""
    few = state_bytes(20)
    assert state_bytes(400) - few < 40
