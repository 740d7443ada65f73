"""Wrong input: a clear text, exit code 2, and the disk as it was."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from tests.app.conftest import Tree
from tests.app.venue import Venue, copied, free_offset, tidegate

TreeOf = Callable[[Path], Tree]


def refused(*arguments: str | Path) -> str:
    """The text of an `up` that ends with 2 and shows no traceback."""
    offset = [] if "--port-offset" in arguments else ["--port-offset", str(free_offset())]
    done = tidegate("up", *arguments, *offset)
    text = done.stderr.decode()
    assert done.returncode == 2, text
    assert "Traceback" not in text
    assert "tidegate: " in text
    return text


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of a venue that has traded and stopped."""
    data = tmp_path_factory.mktemp("used") / "data"
    with Venue(data) as venue:
        with venue.peer("ACME") as acme:
            acme.logon("98=0|108=30|8674=1")
            for number in range(1, 40):
                acme.order(number)
                acme.expect("8")
        assert venue.stop() == 0
    return data


@pytest.fixture
def copy(used: Path, tmp_path: Path) -> Path:
    return copied(used, tmp_path / "data")


def test_a_directory_in_use(data: Path, tree: TreeOf) -> None:
    with Venue(data) as venue:
        with venue.peer("ACME") as acme:
            acme.logon()
            acme.send("5")
            acme.read_to_end()
        before = tree(data)
        text = refused("--data", data)
        assert str(data) in text
        assert f"in use by process {venue.pid}" in text
        assert tree(data) == before
        # On the same ports it is still the directory that is named: that is the reason.
        same_ports = str(venue.ready["ports"]["spot_trading"] - 4001)
        assert "in use by process" in refused("--data", data, "--port-offset", same_ports)
        assert venue.process is not None
        assert venue.process.poll() is None
        verified = tidegate("verify", "--data", data)
        assert verified.returncode == 2
        assert b"in use by process" in verified.stderr


def test_a_port_in_use(data: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 4001 + free_offset()))
        other.listen()
        port = other.getsockname()[1]
        text = refused("--data", data, "--port-offset", str(port - 4001))
    assert f"port {port}" in text
    assert "in use" in text
    assert not data.exists()


def test_a_host_that_is_not_ours(data: Path) -> None:
    assert "198.51.100.7" in refused("--data", data, "--host", "198.51.100.7")
    assert "no-such-host.invalid" in refused("--data", data, "--host", "no-such-host.invalid")
    assert not data.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_plain_is_for_loopback_only(data: Path, host: str) -> None:
    text = refused("--data", data, "--plain", "--host", host)
    assert "--plain" in text
    assert "loopback" in text
    assert host in text
    assert not data.exists()


def test_a_wrong_configuration_names_lines(data: Path, tmp_path: Path) -> None:
    config = tmp_path / "venue.toml"
    config.write_text('[venue]\nprofile = "uat"\nlogon_timeout_s = -4\ntls = "1.1"\n')
    text = refused("--data", data, "--config", config)
    assert "line 3" in text
    assert "logon_timeout_s" in text
    assert "line 4" in text
    assert not data.exists()
    checked = tidegate("config", "--check", config)
    assert checked.returncode == 2
    assert b"line 3" in checked.stderr


def test_no_configuration_file(data: Path, tmp_path: Path) -> None:
    assert "missing.toml" in refused("--data", data, "--config", tmp_path / "missing.toml")
    assert not data.exists()


def test_certificate_files_that_are_none(data: Path, tmp_path: Path) -> None:
    for name in ("venue.pem", "venue.key"):
        (tmp_path / name).write_text("not a certificate")
    config = tmp_path / "venue.toml"
    config.write_text('[venue]\ntls_certificate = "venue.pem"\ntls_key = "venue.key"\n')
    assert "venue.pem" in refused("--data", data, "--config", config)
    assert not data.exists()


def test_a_foreign_directory(tmp_path: Path, tree: TreeOf) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letters.txt").write_text("dear")
    before = tree(home)
    text = refused("--data", home)
    assert "not a Tidegate data directory" in text
    assert tree(home) == before


def test_a_file_in_the_place_of_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text("a file")
    assert "is a file" in refused("--data", path)
    assert "is a file" in refused("--data", path / "below")
    assert path.read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_can_not_be_written(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert "cannot be written" in refused("--data", closed / "data")


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="needs a read-only file system")
def test_a_read_only_file_system() -> None:
    assert "/proc/tidegate-data" in refused("--data", "/proc/tidegate-data")


def test_a_foreign_file_in_the_journal(copy: Path, tree: TreeOf) -> None:
    (copy / "journal" / "notes.txt").write_text("mine")
    before = tree(copy)
    assert "notes.txt" in refused("--data", copy)
    assert tree(copy) == before


# --- formats of another version --------------------------------------------------------------


def with_marker_format(data: Path) -> None:
    marker = data / "tidegate.json"
    marker.write_text(json.dumps({**json.loads(marker.read_text()), "format": 7}))


def with_segment_format(data: Path) -> None:
    path = sorted((data / "journal").iterdir())[-1]
    content = bytearray(path.read_bytes())
    struct.pack_into(">I", content, 8, 7)
    struct.pack_into(">I", content, 44, crc32(content[:44]))
    path.write_bytes(content)


def with_snapshot_format(data: Path) -> None:
    path = sorted((data / "snapshots").glob("*.snap"))[-1]
    content = bytearray(path.read_bytes())
    struct.pack_into(">I", content, 8, 7)
    content[36:68] = hashlib.sha256(content[:36] + content[68:]).digest()
    path.write_bytes(content)


def with_state_format(data: Path) -> None:
    """The snapshot's frame is of this version, the state in it of another."""
    path = sorted((data / "snapshots").glob("*.snap"))[-1]
    content = bytearray(path.read_bytes())
    state_start = 68
    while content[state_start] & 0x80:  # the length of the state, seven bits a byte
        state_start += 1
    content[state_start + 1] = 9
    content[36:68] = hashlib.sha256(content[:36] + content[68:]).digest()
    path.write_bytes(content)


def with_secrets_format(data: Path) -> None:
    secrets = data / "secrets.json"
    secrets.write_text(json.dumps({**json.loads(secrets.read_text()), "format": 7}))


@pytest.mark.parametrize(
    "change",
    [
        with_marker_format,
        with_segment_format,
        with_snapshot_format,
        with_state_format,
        with_secrets_format,
    ],
)
def test_an_unknown_format_changes_nothing(
    copy: Path, tree: TreeOf, change: Callable[[Path], None]
) -> None:
    change(copy)
    before = tree(copy)
    text = refused("--data", copy)
    assert "format" in text
    assert tree(copy) == before


def test_new_settings_that_contradict_the_venue(copy: Path, tmp_path: Path, tree: TreeOf) -> None:
    config = tmp_path / "venue.toml"
    config.write_text('[[instrument]]\nsymbol = "BTC/USD"\nprice_decimals = 3\ntick = "0.001"\n')
    before = tree(copy)
    text = refused("--data", copy, "--config", config)
    assert "BTC/USD" in text
    assert "price_decimals" in text
    assert tree(copy) == before


def test_the_same_data_starts_without_the_change(copy: Path) -> None:
    """So that it is the change that was refused above."""
    with Venue(copy) as venue:
        assert venue.stop() == 0


def test_unknown_options_and_commands() -> None:
    done: subprocess.CompletedProcess[bytes]
    for arguments in (["up", "--nonsense"], ["sing"], ["up", "--port-offset", "99999"]):
        done = tidegate(*arguments)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
