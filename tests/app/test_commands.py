"""The commands that start no venue."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from tests.app.venue import tidegate
from tests.peers.socket_peer import framed
from tidegate.cli import app

LOGON = framed(
    b"35=A\x0134=1\x0149=ACME\x0156=KRAKEN-TRD\x0152=20261103-09:15:00.000\x0198=0\x01108=30\x01"
    b"553=the-key\x01554=the-signature\x015025=1793697300000\x01"
)
ORDER = framed(
    b"35=D\x0134=2\x0149=ACME\x0156=KRAKEN-TRD\x0152=20261103-09:15:01.000\x0111=17\x01"
    b"55=BTC/USD\x0154=1\x0140=2\x0144=84000.5\x0138=0.25\x0159=1\x0160=20261103-09:15:01.000\x01"
)


def commands_of(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """A command and all below it, by what is typed to reach them."""
    yield " ".join(path), command
    if isinstance(command, TyperGroup):
        for name, one in command.commands.items():
            yield from commands_of(one, *path, name)


COMMANDS = list(commands_of(get_command(app)))


def output(*arguments: str | Path, given: bytes = b"") -> str:
    done = tidegate(*arguments, given=given)
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return done.stdout.decode()


def wrong(*arguments: str | Path, given: bytes = b"") -> str:
    done = tidegate(*arguments, given=given)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
    return done.stderr.decode()


def test_the_example_configuration_has_no_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text(output("config", "--example"))
    assert "no mistakes" in output("config", "--check", path)


def test_the_example_can_be_piped() -> None:
    example = output("config", "--example")
    assert "no mistakes" in output("config", "--check", "/dev/stdin", given=example.encode())


def test_a_check_names_each_mistake(tmp_path: Path) -> None:
    path = tmp_path / "venue.toml"
    path.write_text('[venue]\nhost = 7\nprofil = "uat"\n\ntls = "1.1"\nlogon_timeout_s = 0\n')
    text = wrong("config", "--check", path)
    lines = text.splitlines()
    assert [line.split("line ")[1][0] for line in lines] == ["2", "3", "5", "6"]
    assert all(line.startswith(str(path)) for line in lines)
    assert "profil" in text


@pytest.mark.parametrize(
    "arguments",
    [["config"], ["config", "--example", "--check", "x"], ["config", "--check", "/no/such/file"]],
)
def test_wrong_use_of_config(arguments: list[str]) -> None:
    wrong(*arguments)


@pytest.mark.parametrize("way", ["argument", "bars", "file", "path", "pipe"])
def test_decode(tmp_path: Path, way: str) -> None:
    path = tmp_path / "messages.fix"
    path.write_bytes(LOGON + ORDER)
    text = {
        "argument": lambda: output("decode", (LOGON + ORDER).decode()),
        "bars": lambda: output("decode", (LOGON + ORDER).decode().replace("\x01", "|")),
        "file": lambda: output("decode", "--file", path),
        "path": lambda: output("decode", path),
        "pipe": lambda: output("decode", given=LOGON + ORDER),
    }[way]()
    for word in ("Logon", "SenderCompID", "ACME", "NewOrderSingle", "OrderQty", "0.25"):
        assert word in text
    assert "buy" in text.lower()
    for secret in ("the-key", "the-signature", "1793697300000"):
        assert secret not in text


def test_decode_marks_what_is_wrong() -> None:
    marks = ("! checksum says", "! bodylength says")
    sum_wrong = ORDER[:-4] + b"%03d\x01" % ((int(ORDER[-4:-1]) + 1) % 256)
    length = len(ORDER) - ORDER.index(b"35=D") - 7
    length_wrong = ORDER.replace(b"\x019=%d\x01" % length, b"\x019=%d\x01" % (length + 1))
    assert length_wrong != ORDER
    for given, mark in ((sum_wrong, marks[0]), (length_wrong, marks[1])):
        assert mark in output("decode", given=given).lower()
    good = output("decode", given=ORDER).lower()
    assert not any(mark in good for mark in marks)


def test_decode_of_nothing() -> None:
    assert "no FIX message" in wrong("decode", given=b"hello\n")
    assert "/no/such/file" in wrong("decode", "--file", "/no/such/file")
    wrong("decode", "8=FIX", "--file", "/dev/null")


def test_dictionary() -> None:
    root = ElementTree.fromstring(output("dictionary", "--quickfix"))
    assert root.tag == "fix"
    assert (root.get("major"), root.get("minor")) == ("4", "4")
    assert "--quickfix" in wrong("dictionary")
    dated = ElementTree.fromstring(output("dictionary", "--quickfix", "--l3-timestamps"))
    assert [tree.find("fields/field[@number='273']").get("type") for tree in (root, dated)] == [
        "UTCTIMEONLY", "STRING",
    ]  # fmt: skip


def test_version() -> None:
    text = output("version")
    assert text.startswith("tidegate ")
    assert text.strip().endswith(("compiled", "interpreted"))


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[path for path, _ in COMMANDS])
def test_help_shows_all_that_its_source_says(path: str, command: Any) -> None:
    """A word in square brackets is markup where it is not escaped, and would not be shown."""
    done = CliRunner().invoke(app, [*path.split(), "--help"], env={"COLUMNS": "500"})
    shown = re.sub(r"[\s│]", "", done.output)
    said = [command.help or ""]
    for parameter in command.params:
        said.append(getattr(parameter, "help", None) or "")
        default = getattr(parameter, "show_default", None)
        said.append(default if isinstance(default, str) else "")
    for text in said:
        assert re.sub(r"\s", "", text.replace("\\[", "[")) in shown, text


def test_help_lists_the_commands() -> None:
    text = output("--help")
    for command in ("up", "ctl", "demo", "verify", "config", "decode", "dictionary", "version"):
        assert command in text
