"""The data directory: is it ours, and may we write in it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from tidegate.provision.files import (
    ASIDE_SUFFIX,
    DIRECTORY_MODE,
    PUBLIC_FILE_MODE,
    ProvisionError,
    sync_directory,
    write_atomically,
)

FORMAT_VERSION: Final = 1
MARKER_NAME: Final = "tidegate.json"

# A first start that was cut short leaves the marker aside; a fresh volume has `lost+found`.
_NAMES_OF_EMPTY: Final = frozenset({MARKER_NAME + ASIDE_SUFFIX, "lost+found"})


class DataDirectoryError(ProvisionError):
    """The directory cannot be the venue's data directory. Nothing in it was changed."""


def data_directory(directory: Path) -> Path:
    """Takes `directory` as data directory and returns its absolute path.

    One that does not exist is created, for the owner alone; one that is empty is marked as ours.
    Raises `DataDirectoryError`, with nothing changed, where something else is in its place, it
    holds somebody else's files, it cannot be written to, or its format is not this version's.
    """
    directory = directory.absolute()
    try:
        return _claim(directory)
    except OSError as error:
        raise DataDirectoryError(f"{directory}: {error.strerror or error}") from error


def existing_data_directory(directory: Path) -> Path:
    """The absolute path of a data directory that a venue has made. Creates nothing; raises
    `DataDirectoryError` as `data_directory`, and where there is none."""
    if not (directory / MARKER_NAME).is_file():
        raise DataDirectoryError(f"{directory} is not a Tidegate data directory")
    return data_directory(directory)


def _claim(directory: Path) -> Path:
    if not directory.exists():
        _require_writable(_nearest_existing(directory))
        directory.mkdir(mode=DIRECTORY_MODE, parents=True)
        sync_directory(directory.parent)
        _mark(directory)
        return directory
    if not directory.is_dir():
        raise DataDirectoryError(f"{directory} is a file; the data directory has to be a directory")
    _require_writable(directory)
    names = {entry.name for entry in directory.iterdir()}
    if MARKER_NAME in names:
        _require_format(directory / MARKER_NAME)
    elif names <= _NAMES_OF_EMPTY:
        _mark(directory)
    else:
        raise DataDirectoryError(
            f"{directory} holds files but no {MARKER_NAME}, so it is not a Tidegate data directory;"
            " name an empty or a new one"
        )
    return directory


def _mark(directory: Path) -> None:
    text = json.dumps({"product": "tidegate", "format": FORMAT_VERSION}) + "\n"
    write_atomically(directory / MARKER_NAME, text.encode(), PUBLIC_FILE_MODE)


def _require_format(marker: Path) -> None:
    try:
        content = json.loads(marker.read_bytes())
        version = content["format"]
    except (ValueError, TypeError, KeyError):
        raise DataDirectoryError(f"{marker} is damaged: it names no format") from None
    if version != FORMAT_VERSION:
        raise DataDirectoryError(
            f"{marker.parent} has format {version}; this version of Tidegate reads format "
            f"{FORMAT_VERSION}"
        )


def _nearest_existing(directory: Path) -> Path:
    for parent in directory.parents:
        if parent.exists():
            return parent
    raise DataDirectoryError(f"{directory} is nowhere")


def _require_writable(directory: Path) -> None:
    if not directory.is_dir():
        raise DataDirectoryError(f"{directory} is a file; directories cannot be made in it")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        raise DataDirectoryError(f"{directory} cannot be written to by this user")
