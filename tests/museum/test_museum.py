"""`docs/museum.md` names for each known bug of another project the test that would show it here."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "museum.md").read_text()
SCRIPTS = ROOT / "tests" / "scenario" / "scripts"

# The reading list's rows, all of which can happen to a venue
KNOWN_BUGS = {
    *(f"artio {n}" for n in (185, 503, 529, 545)),
    *(f"quickfixj {n}" for n in (639, 1114, 888, 676, 344, 597, 399, 1081)), "quickfixj FileStore",
    "philadelphia 185", "philadelphia 231",
    *(f"nautilus {n}" for n in (3046, 3493, 3878, 4456, 4533)),
    "exchange-core", *(f"tigerbeetle {n}" for n in (206, 2976, 2467)),
    "websockets 312", "websockets 1527", "h11 framing",
}  # fmt: skip


def rows() -> dict[str, list[str]]:
    """The tests of each row, by the names of its bugs."""
    found: dict[str, list[str]] = {}
    for line in TEXT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and cells[-1] != "Shown by":
            for name in cells[0].split(", "):
                found[name] = re.findall(r"`([^`]+)`", cells[-1])
    return found


def exists(test: str) -> bool:
    file, _, name = test.partition("::")
    if not file.startswith("tests/"):
        return (SCRIPTS / f"{file}.scenario").is_file()
    path = ROOT / file
    return path.is_file() and bool(re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE))


def test_every_known_bug_has_a_test_that_exists() -> None:
    found = rows()
    assert set(found) >= KNOWN_BUGS
    assert [name for name, tests in found.items() if not tests] == []
    assert [test for tests in found.values() for test in tests if not exists(test)] == []


def test_every_exhibit_is_in_the_table() -> None:
    listed = {test for tests in rows().values() for test in tests}
    scripts = {f"museum/{path.stem}" for path in (SCRIPTS / "museum").glob("*.scenario")}
    assert scripts <= listed
    tests = {
        f"tests/museum/{path.name}::{name}"
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name != "test_museum.py"
        for name in re.findall(r"^def (test_\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert tests <= listed
