"""The venue's end of the process that follows its journal: starts it, and again when it ends.

A thread of its own, which waits and does nothing else. Whatever becomes of that process, trading
does not notice.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
import time
from typing import Final

import msgspec
import structlog

from tidegate.history.follow import FollowOptions

RESTART_MIN_S: Final = 1.0
RESTART_MAX_S: Final = 60.0
STOP_WAIT_S: Final = 6.0  # it has five seconds for what is left

_log = structlog.get_logger("tidegate.history")


class HistoryProcess:
    """Runs the process from `start` to `stop`."""

    def __init__(self, options: FollowOptions, command: tuple[str, ...] | None = None) -> None:
        self._line = msgspec.json.encode(options) + b"\n"
        self._command = command or (sys.executable, "-m", "tidegate.history")
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._keep, name="tidegate-history", daemon=True)

    def start(self) -> None:
        """Return at once; the process comes."""
        self._thread.start()

    def stop(self) -> None:
        """Let it write what is left, for a bounded time, and end it. The journal must have been
        written to its end. Waits: not for the event loop's thread."""
        with self._lock:
            self._stopping.set()
            process = self._process
            if process is not None and process.stdin is not None:
                process.stdin.close()
        if process is not None:
            try:
                process.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                _log.warning("history_unfinished", reason=f"not done in {STOP_WAIT_S:g} s")
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
                _log.warning("history_process_ended", code=code, restart_in_s=delay_s)
            if self._stopping.wait(delay_s):
                return
            delay_s = min(2 * delay_s, RESTART_MAX_S)

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._stopping.is_set():
                return None
            try:
                process = subprocess.Popen(self._command, stdin=subprocess.PIPE)
            except OSError as error:
                _log.warning("history_process_failed", reason=str(error))
                return None
            self._process = process
            assert process.stdin is not None
            # It may have ended already: `wait` tells.
            with contextlib.suppress(OSError):
                process.stdin.write(self._line)
                process.stdin.flush()
        return process
