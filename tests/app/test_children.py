"""The processes beside the venue, without a venue."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.app.venue import environment


@pytest.mark.parametrize(
    ("module", "given"),
    [("tidegate.feeds", b""), ("tidegate.history", b""), ("tidegate.liquidity", b'{"data":"/va')],
)
def test_one_whose_parent_dies_before_it_said_what_to_do_ends_in_silence(
    module: str, given: bytes
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=given,
        capture_output=True,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
