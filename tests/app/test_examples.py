"""The examples are run as a reader would run them: twice, one after the other."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.venue import Venue, environment
from tests.venue_process import VenueProcess

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(example: str, data: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / example), str(data)],
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize(
    ("example", "before"),
    [
        ("first_order.py", []),
        ("quickfix/first_order.py", []),
        ("market_data.py", ["BTC/USD"]),
        ("drop_copy.py", ["reports.sqlite"]),
    ],
)
def test_where_no_venue_runs_an_example_says_so_in_one_line(
    tmp_path: Path, example: str, before: list[str]
) -> None:
    if example.startswith("quickfix"):
        pytest.importorskip("quickfix")
    never, stopped = tmp_path / "never", tmp_path / "stopped"
    stopped.mkdir()
    with socket.socket() as closed:  # bound and not listening: nobody else gets the port meanwhile
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        session = {
            "sender_comp_id": "ACME", "target_comp_id": "KRAKEN", "api_key": "key",
            "api_secret": "c2VjcmV0", "port": port, "role": "market_data_l2",
        }  # fmt: skip
        kinds = ("sessions", "market_data_sessions", "drop_copy_sessions")
        ready = {"host": "127.0.0.1", "tls": False, "ca_file": None}
        ready |= {kind: [session] for kind in kinds}
        (stopped / "ready.json").write_text(json.dumps(ready))
        running = [
            subprocess.Popen(
                [sys.executable, str(EXAMPLES / example), *before, str(data)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=tmp_path,
                env=environment(),
            )
            for data in (never, stopped)
        ]
        ended = [(*process.communicate(timeout=60), process.returncode) for process in running]
    said = []
    for output, errors, code in ended:
        assert (output, code) == (b"", 1)
        said += errors.decode().splitlines()
    absent, unreachable = said
    assert absent == f"[Errno 2] No such file or directory: '{never}/ready.json'"
    assert unreachable.startswith((f"127.0.0.1:{port}: ", "logged out: no reason given"))


def test_a_first_order_with_each_client(tmp_path: Path) -> None:
    pytest.importorskip("quickfix")
    data = tmp_path / "data"
    with Venue(data, plain=False):
        for _ in range(2):
            assert "buy 0.1 BTC/USD @ limit 84000.5" in run("first_order.py", data)
            text = run("quickfix/first_order.py", data)
            assert "logged on" in text
            assert "|150=0|151=0.1|" in text


def test_market_data_until_it_is_interrupted(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with VenueProcess(data, config="market_data = true\n"):
        command = [sys.executable, str(EXAMPLES / "market_data.py"), "ETH/USD", str(data)]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment(), "PYTHONUNBUFFERED": "1"},
        ) as process:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert first == b"ETH/USD bid [] ask [] checksum None\n"
    assert (process.returncode, errors) == (0, b"")
