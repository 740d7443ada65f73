"""Which directories are taken as data directory, and that the others are left as they are."""

import os
import stat
from pathlib import Path

import pytest

from tidegate.provision import DataDirectoryError, data_directory
from tidegate.provision.files import write_atomically


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Names under a directory with mode and content."""
    return {
        str(path.relative_to(directory)): (
            stat.S_IMODE(path.lstat().st_mode),
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(directory.rglob("*"))
    }


def test_a_new_directory_is_made_for_the_owner_alone(tmp_path: Path) -> None:
    directory = data_directory(tmp_path / "a" / "venue")
    assert directory == tmp_path / "a" / "venue"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert tree(directory) == {"tidegate.json": (0o644, b'{"product": "tidegate", "format": 1}\n')}


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    directory = data_directory(tmp_path / "venue")
    (directory / "journal").mkdir()
    before = tree(directory)
    assert data_directory(directory) == directory
    assert tree(directory) == before


def test_a_relative_name_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_directory(Path("venue")) == tmp_path / "venue"


@pytest.mark.parametrize("leftover", [None, "lost+found", "tidegate.json.new"])
def test_an_empty_directory_is_taken(tmp_path: Path, leftover: str | None) -> None:
    if leftover is not None:
        (tmp_path / leftover).touch()
    data_directory(tmp_path)
    assert (tmp_path / "tidegate.json").is_file()
    assert not (tmp_path / "tidegate.json.new").exists()


def test_a_link_to_a_directory_is_followed(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "venue").symlink_to("disk")
    data_directory(tmp_path / "venue")
    assert (tmp_path / "disk" / "tidegate.json").is_file()


def test_a_foreign_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(DataDirectoryError, match=r"holds files but no tidegate\.json"):
        data_directory(tmp_path)
    assert tree(tmp_path) == {"letters.txt": (0o644, b"dear")}


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "venue").write_text("x")
    with pytest.raises(DataDirectoryError, match="venue is a file"):
        data_directory(tmp_path / "venue")
    with pytest.raises(DataDirectoryError, match="venue is a file"):
        data_directory(tmp_path / "venue" / "below")
    assert (tmp_path / "venue").read_text() == "x"


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "venue").symlink_to("nowhere")
    with pytest.raises(DataDirectoryError):
        data_directory(tmp_path / "venue")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ('{"product": "tidegate", "format": 2}', "has format 2; this version .* reads format 1"),
        ('{"format": "1"}', "has format 1; this version"),
        ('{"product": "tidegate"}', "is damaged: it names no format"),
        ("[]", "is damaged"),
        ("", "is damaged"),
        ("\xff", "is damaged"),
    ],
)
def test_an_unknown_format_is_refused(tmp_path: Path, marker: str, message: str) -> None:
    (tmp_path / "tidegate.json").write_bytes(marker.encode("latin-1"))
    before = tree(tmp_path)
    with pytest.raises(DataDirectoryError, match=message):
        data_directory(tmp_path)
    assert tree(tmp_path) == before


def test_a_directory_without_permission_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests may run as a user for whom every directory can be written to.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    for directory in (tmp_path, tmp_path / "new"):
        with pytest.raises(DataDirectoryError, match="cannot be written to by this user"):
            data_directory(directory)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_system_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataDirectoryError, match="No space left on device"):
        data_directory(tmp_path)
    assert not (tmp_path / "tidegate.json").exists()


def test_a_write_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"old", 0o600)
    calls: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def watched_fsync(file: int) -> None:
        calls.append(f"fsync, then {path.read_bytes().decode()}")
        fsync(file)

    def watched_replace(self: Path, target: Path) -> Path:
        calls.append("replace")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "replace", watched_replace)
    write_atomically(path, b"new", 0o644)
    assert calls == ["fsync, then old", "replace", "fsync, then new"]
    assert tree(tmp_path) == {"file": (0o644, b"new")}


def test_a_write_does_not_follow_a_link_left_aside(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "file.new").symlink_to("victim")
    write_atomically(tmp_path / "file", b"new", 0o600)
    assert (tmp_path / "victim").read_text() == "precious"
    assert (tmp_path / "file").read_bytes() == b"new"
