"""A place for data directories, and a look at all of their bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

Tree = dict[str, tuple[int, str]]


def tree_of(directory: Path) -> Tree:
    """Mode and hash of every file, mode of every directory; the lock file's content does not
    count, it names the last process that held it."""
    tree: Tree = {}
    for path in sorted([directory, *directory.rglob("*")]):
        digest = ""
        if path.is_file() and path.name != "lock":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        tree[str(path.relative_to(directory))] = (path.stat().st_mode, digest)
    return tree


@pytest.fixture
def tree() -> Callable[[Path], Tree]:
    return tree_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory that does not exist yet."""
    return tmp_path / "data"
