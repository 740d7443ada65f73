"""The system calls of a running venue: what it says leaves after what says so is written, and in
`disk` durability after the sync that covers the write."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.app.venue import WAIT_S, Venue
from tests.app.witness import Witness
from tests.torture.trace import (
    READS_BYTES,
    TRACED_CALLS,
    Trace,
    Violation,
    parse_trace,
    require_durable,
    require_written,
)

ORDERS = 400


def strace_refusal() -> str:
    """Why no process can be traced here, or nothing."""
    program = shutil.which("strace")
    if program is None:
        return "strace is not installed (apt-get install strace)"
    tried = subprocess.run([program, "-o", os.devnull, "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else f"strace can not trace: {tried.stderr.decode()[:200]}"


pytestmark = pytest.mark.skipif(bool(strace_refusal()), reason=strace_refusal() or "traced")


@pytest.fixture(scope="module", params=["process", "disk"])
def traced(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Trace]:
    """A venue under load, its system calls recorded; then it is told to stop, and both end."""
    durability: str = request.param
    data = tmp_path_factory.mktemp(f"traced-{durability}") / "data"
    out = data.with_name("calls")
    witnesses = [Witness("ACME", 1), Witness("BETA", 2)]
    config = "[venue]\nsegment_bytes = 131072\nsnapshot_every_records = 1000\n"
    with Venue(data, config=config, arguments=["--durability", durability]) as venue:
        tracer = attach(venue.pid, out)
        peers = [witness.connect(venue.peer) for witness in witnesses]
        floods = [w.flood(p, ORDERS) for w, p in zip(witnesses, peers, strict=True)]
        assert all(flood.wait(WAIT_S) for flood in floods)
        tracer.send_signal(signal.SIGINT)  # it lets the venue go
        tracer.communicate(timeout=WAIT_S)
        venue.kill()
        for witness, peer in zip(witnesses, peers, strict=True):
            witness.join(peer)
            assert witness.acknowledged >= ORDERS
    return durability, parse_trace(out)


def attach(pid: int, out: Path) -> subprocess.Popen[bytes]:
    """strace on all threads of a process, attached when this returns."""
    command = ["strace", "-f", "-yy", "-s", str(READS_BYTES), "-e", TRACED_CALLS]
    tracer = subprocess.Popen(
        [*command, "-o", str(out), "-p", str(pid)], stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    line = tracer.stderr.readline()  # once for all threads
    assert "attached" in line, line
    return tracer


def test_what_is_said_was_written_before(traced: tuple[str, Trace]) -> None:
    _, trace = traced
    checked = require_written(trace)
    assert checked >= 2 * ORDERS


def test_in_disk_durability_what_is_said_was_synced_before(traced: tuple[str, Trace]) -> None:
    durability, trace = traced
    if durability == "process":
        with pytest.raises(Violation, match="no sync"):
            require_durable(trace)
        return
    checked = require_durable(trace)
    assert checked >= 2 * ORDERS
    assert trace.syncs > 10
    assert trace.syncs_shared > 0, "no sync overlapped anything: the trace shows too little"


def test_a_message_that_leaves_before_its_sync_is_found(traced: tuple[str, Trace]) -> None:
    """The check checks: one report moved before the sync that covers it, before its write, and a
    sync that failed are each told."""
    durability, trace = traced
    if durability != "disk":
        pytest.skip("nothing is synced")
    for doctored in (trace.said_before_sync(), trace.with_failed_sync()):
        require_written(doctored)
        with pytest.raises(Violation):
            require_durable(doctored)
    with pytest.raises(Violation, match="not written"):
        require_written(trace.said_before_write())
