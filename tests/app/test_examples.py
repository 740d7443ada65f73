"""The examples are run as a reader would run them: twice, one after the other."""

from __future__ import annotations

import signal
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
