"""Unix sockets in the data directory: for their owner alone, at paths of any length."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

BACKLOG: Final = 32
SOCKET_MODE: Final = 0o600

_ADDRESS_BYTES_MAX: Final = 107  # of a Unix socket, on Linux


@contextmanager
def socket_address(directory: Path, name: str) -> Iterator[str]:
    """The address of a socket in a data directory, good within the `with` block: a path that is too
    long for a Unix socket leads over the descriptor of the open directory. Raises `OSError`."""
    path = str(directory / name)
    if len(os.fsencode(path)) <= _ADDRESS_BYTES_MAX:
        yield path
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def listen_in(directory: Path, name: str) -> socket.socket:
    """A socket that listens and does not block, in the place of one that an earlier process left
    behind: nobody else may listen there. Raises `OSError`."""
    (directory / name).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux takes the mode of the new file from the socket's own: never a moment wider.
        os.fchmod(listening.fileno(), SOCKET_MODE)
        with socket_address(directory, name) as address:
            listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
