"""Processes beside the venue's: how `tidegate up` runs one, and what that one knows of its parent.

A child has its options as the first line of standard input, where no list of processes shows them,
and the pipe stays open for as long as the venue lives: its end is the child's. Who keeps a child is
a thread that waits and does nothing else: whatever becomes of the child, trading does not notice.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from typing import Final, TypeVar

import msgspec
import structlog

RESTART_MIN_S: Final = 1.0
RESTART_MAX_S: Final = 60.0

_Options = TypeVar("_Options", bound=msgspec.Struct)

_log = structlog.get_logger("tidegate.children")


class ChildProcess:
    """Runs `python -m module` from `start` to `stop`, and again when it ends before that. `files`
    are descriptors that it inherits."""

    def __init__(
        self,
        module: str,
        options: msgspec.Struct,
        *,
        stop_wait_s: float,
        files: tuple[int, ...] = (),
    ) -> None:
        """`stop_wait_s` is how long it may take to end once it is told to."""
        self._name = module.rpartition(".")[2]
        self._line = _line(options)
        self._command = (sys.executable, "-m", module)
        self._stop_wait_s = stop_wait_s
        self._files = files
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(
            target=self._keep, name=f"tidegate-{self._name}", daemon=True
        )

    def start(self) -> None:
        """Return at once; the process comes."""
        self._thread.start()

    def give(self, options: msgspec.Struct) -> None:
        """What the process is told when it has to be started again."""
        with self._lock:
            self._line = _line(options)

    def stop(self) -> None:
        """Let it do what is left, for a bounded time, and end it. The journal must have been
        written to its end. Waits: not for the event loop's thread."""
        with self._lock:
            self._stopping.set()
            process = self._process
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if process is not None:
            try:
                process.wait(self._stop_wait_s)
            except subprocess.TimeoutExpired:
                reason = f"not done in {self._stop_wait_s:g} s"
                _log.warning(f"{self._name}_unfinished", reason=reason)
                process.kill()
        self._thread.join()

    def _keep(self) -> None:
        delay_s = RESTART_MIN_S
        while True:
            launched_s = time.monotonic()
            process = self._launch()
            if process is not None:
                code = process.wait()
                if self._stopping.is_set():
                    return
                if time.monotonic() - launched_s > RESTART_MAX_S:
                    delay_s = RESTART_MIN_S
                _log.warning(f"{self._name}_process_ended", code=code, restart_in_s=delay_s)
            if self._stopping.wait(delay_s):
                return
            delay_s = min(2 * delay_s, RESTART_MAX_S)

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                process = subprocess.Popen(
                    self._command, stdin=subprocess.PIPE, pass_fds=self._files
                )
            except OSError as error:
                _log.warning(f"{self._name}_process_failed", reason=str(error))
                return None
            self._process = process
            assert process.stdin is not None
            # It may have ended already: `wait` tells.
            with contextlib.suppress(OSError):
                process.stdin.write(self._line)
                process.stdin.flush()
        return process


class Parent:
    """The child's end: the parent lives while standard input (`file`) has no end."""

    def __init__(self, file: int) -> None:
        self.file = file
        self.is_gone = False

    def options(self, kind: type[_Options]) -> _Options | None:
        """The first line; None where the parent was gone before it was whole."""
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.file, 1)
            if not byte:
                return None
            line += byte
        return msgspec.json.decode(line, type=kind)

    def wait(self, seconds: float) -> None:
        """Return when the time has passed, or the parent is gone."""
        deadline = time.monotonic() + seconds
        while not self.is_gone:
            left = deadline - time.monotonic()
            readable, _, _ = select.select([self.file], [], [], max(0.0, left))
            if not readable:
                return
            self.look()

    def look(self) -> None:
        """Standard input is readable: whether for its end."""
        self.is_gone = os.read(self.file, 4096) == b""


def _line(options: msgspec.Struct) -> bytes:
    return msgspec.json.encode(options) + b"\n"
