"""The asking end of the control socket, for the command line and for tests. It blocks."""

from __future__ import annotations

import json
import socket
import time
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tidegate.control.protocol import SOCKET_NAME, ControlError
from tidegate.provision.local_socket import socket_address

ANSWER_TIMEOUT_S: Final = 10.0
CLOCK_TIMEOUT_S: Final = 1.0  # of a `PatientClock`, whose owner has other things to do
CLOCK_RETRY_S: Final = 0.2

_READ_BYTES: Final = 65_536


class VenueUnreachable(Exception):
    """The venue can not be asked, or went away before it answered; the text says which."""


class ControlConnection:
    """One connection to the venue of a data directory, for one question after the other."""

    def __init__(self, data: Path) -> None:
        """Raises `VenueUnreachable`."""
        self._data = data
        self._received = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with socket_address(data.absolute(), SOCKET_NAME) as address:
                self._socket.settimeout(ANSWER_TIMEOUT_S)
                self._socket.connect(address)
        except OSError as error:
            self._socket.close()
            raise VenueUnreachable(_why_not(data, error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(
        self,
        command: str,
        parameters: dict[str, Any] | None = None,
        timeout_s: float | None = ANSWER_TIMEOUT_S,
    ) -> Any:
        """The result of a command; `timeout_s` None waits as long as it takes. Raises
        `ControlError` where the venue refused it, `VenueUnreachable`, or `TimeoutError`; after
        that it is not known whether the command was done, and the connection is of no more use."""
        request = {"command": command, "parameters": parameters or {}}
        for name, value in (parameters or {}).items():
            if isinstance(value, float) and not isfinite(value):  # which JSON can not say
                raise ControlError(f"{name} must be a number, not {value}")
        self._socket.settimeout(timeout_s)
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply = json.loads(self._line())
        except TimeoutError:
            raise TimeoutError(f"the venue did not answer within {timeout_s:g} s") from None
        except (OSError, EOFError):
            raise VenueUnreachable("the venue went away before it answered") from None
        if "error" in reply:
            raise ControlError(reply["error"])
        return reply["result"]

    def _line(self) -> bytes:
        while b"\n" not in self._received:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise EOFError
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        return bytes(line)


def ask(
    data: Path,
    command: str,
    parameters: dict[str, Any] | None = None,
    timeout_s: float | None = ANSWER_TIMEOUT_S,
) -> Any:
    """Ask the venue of a data directory one thing. Raises as `ControlConnection`."""
    with ControlConnection(data) as connection:
        return connection.ask(command, parameters, timeout_s)


class VenueClock:
    """The clock of a venue, for a client in another process that is to go by it: what
    `tidegate.client.Client` takes as `clock_ns`. Each call asks the venue."""

    def __init__(self, data: Path, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """`timeout_s` is for each call. Raises `VenueUnreachable`."""
        self._connection = ControlConnection(data)
        self._timeout_s = timeout_s

    def __call__(self) -> int:
        """Nanoseconds since 1970 UTC. Raises as `ControlConnection.ask`."""
        now_ns = self._connection.ask("clock", timeout_s=self._timeout_s)["now_ns"]
        assert isinstance(now_ns, int)
        return now_ns

    def close(self) -> None:
        self._connection.close()


class PatientClock:
    """`VenueClock` for a client that outlives the venue's process: while the venue can not be asked
    the time stands where it was, and it goes on when the venue is there again. Never goes back."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._clock: VenueClock | None = None
        self._last_ns = 0
        self._retry_s = 0.0  # of the stopwatch

    def __call__(self) -> int:
        """Nanoseconds since 1970 UTC; 0 while the venue has never answered."""
        if self._clock is None and time.monotonic() < self._retry_s:
            return self._last_ns
        try:
            if self._clock is None:
                self._clock = VenueClock(self._data, CLOCK_TIMEOUT_S)
            self._last_ns = max(self._last_ns, self._clock())
        except (VenueUnreachable, ControlError, TimeoutError):
            self.close()
            self._retry_s = time.monotonic() + CLOCK_RETRY_S
        return self._last_ns

    def close(self) -> None:
        if self._clock is not None:
            self._clock.close()
            self._clock = None


def _why_not(data: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError | ConnectionRefusedError):
        return f"no venue runs on {data}"
    if isinstance(error, PermissionError):
        return f"the venue on {data} belongs to another user"
    return f"the venue on {data} can not be reached: {error.strerror or error}"
