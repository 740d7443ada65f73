"""Whole files or none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

PUBLIC_FILE_MODE: Final = 0o644
SECRET_FILE_MODE: Final = 0o600
DIRECTORY_MODE: Final = 0o700
ASIDE_SUFFIX: Final = ".new"


class ProvisionError(Exception):
    """Something in the data directory keeps the venue from starting; the text says what and where,
    for a person."""


def write_atomically(path: Path, data: bytes, mode: int) -> None:
    """Puts `data` in the place of `path` in one step, durable on return.

    A crash leaves the old file or the new one, and at worst a file with the suffix `.new` beside
    it, which the next write replaces. Raises `OSError`.
    """
    aside = path.with_name(path.name + ASIDE_SUFFIX)
    # A leftover may have another mode, and nothing may follow a link out of the directory.
    aside.unlink(missing_ok=True)
    file = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_FILE_MODE)
    try:
        os.fchmod(file, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        os.fsync(file)
    finally:
        os.close(file)
    aside.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Makes names in `directory` durable. Raises `OSError`."""
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
