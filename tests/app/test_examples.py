"""The examples are run as a reader would run them: twice, one after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.venue import Venue, environment

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
