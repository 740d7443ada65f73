"""The lock on the data directory: one holder at a time, given back however the holder ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.journal import DirectoryInUse, DirectoryLock

HOLDER = """
import sys
from pathlib import Path
from tidegate.journal import DirectoryLock
lock = DirectoryLock.acquire(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    with DirectoryLock.acquire(directory) as lock:
        assert lock.directory == directory
        with pytest.raises(DirectoryInUse, match=f"in use by process {os.getpid()}") as caught:
            DirectoryLock.acquire(directory)
        assert (caught.value.pid, caught.value.directory) == (os.getpid(), directory)
    lock.release()
    DirectoryLock.acquire(directory).release()


def test_two_directories_do_not_hinder_each_other(tmp_path: Path) -> None:
    with DirectoryLock.acquire(tmp_path / "a"), DirectoryLock.acquire(tmp_path / "b"):
        pass


def test_a_holder_that_has_not_written_its_number_yet(tmp_path: Path) -> None:
    with DirectoryLock.acquire(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(DirectoryInUse, match="in use by another process") as caught:
            DirectoryLock.acquire(tmp_path)
        assert caught.value.pid is None


def test_the_number_of_a_former_holder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"99999999999999\n")
    with DirectoryLock.acquire(tmp_path):
        assert (tmp_path / "lock").read_bytes() == b"%d\n" % os.getpid()


def test_killing_the_holder_frees_the_directory(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DirectoryInUse) as caught:
            DirectoryLock.acquire(tmp_path)
        assert caught.value.pid == holder.pid
        holder.kill()
    DirectoryLock.acquire(tmp_path).release()
