"""A PostgreSQL server of its own in a temporary directory, where this machine has one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_S = 30.0


def missing() -> str:
    """Why there can be no server; empty where there can."""
    for name in ("initdb", "postgres"):
        if _binary(name) is None:
            return f"there is no {name} on this machine"
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "psycopg is not installed"
    if os.geteuid() == 0 and _unprivileged() is None:
        return "PostgreSQL does not run as root, and there is no other user to run it as"
    return ""


def _binary(name: str) -> str | None:
    """In the path, or where Debian puts it."""
    found = shutil.which(name)
    if found is not None:
        return found
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(versions[-1]) if versions else None


def _unprivileged() -> pwd.struct_passwd | None:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


class Server:
    """Started and stopped at will, on one port and one set of files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._user = _unprivileged() if os.geteuid() == 0 else None
        directory.mkdir(mode=0o755)
        if self._user is not None:
            os.chown(directory, self._user.pw_uid, self._user.pw_gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://tester@127.0.0.1:{self.port}/postgres"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", str(directory / "db"), "-U", "tester", "-A", "trust", "-N")

    def _options(self) -> dict[str, int | list[int]]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _run(self, name: str, *arguments: str) -> None:
        binary = _binary(name)
        assert binary is not None
        subprocess.run(
            [binary, *arguments], check=True, capture_output=True, cwd="/", **self._options()
        )  # type: ignore[call-overload]

    def start(self) -> None:
        import psycopg

        binary = _binary("postgres")
        assert binary is not None
        with (self.directory.parent / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    binary, "-D", str(self.directory / "db"), "-p", str(self.port),
                    "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                    "-c", "fsync=off",
                ],
                stdout=log, stderr=log, cwd="/", **self._options(),
            )  # type: ignore[call-overload]  # fmt: skip
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                assert self._process is not None
                assert self._process.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server is not ready"

    def stop(self) -> None:
        """At once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: its immediate shutdown
            self._process.wait(WAIT_S)
            self._process = None


@contextmanager
def running(directory: Path) -> Iterator[Server]:
    server = Server(directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
