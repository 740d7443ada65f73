"""`docs/fix-profile.md` lists exactly what the scripts play."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.scenario.script import SCRIPTS, all_scripts

DOCS = Path(__file__).parents[2] / "docs"
PROFILE = DOCS / "fix-profile.md"
RULES = [("spot", "spot-orders.md"), ("market_data", "market-data.md")]  # and their scripts
ELSEWHERE = ("spot/", "market_data/", "rejects/")  # listed there, and in rejects.md

# Every case of the FIX session-level test cases, and what is not applicable here
SESSION_CASES = {
    *(f"1{letter}" for letter in "abcde"), *(f"2{letter}" for letter in "abcdefghijklmnopqrst"),
    *(f"3{letter}" for letter in "abcde"), "4a", "4b", "5", "6", "7", "8", "9",
    *(f"10{letter}" for letter in "abcde"), "11a", "11b", "11c", "12a", "13a", "13b",
    *(f"14{letter}" for letter in "abcdefghijklmn"), "15", "16a", "16b", "17", "18", "19a", "19b",
    "20",
}  # fmt: skip
NOT_APPLICABLE = {"14l", "14n", "17"}


def table_rows() -> list[tuple[str, list[str]]]:
    """The case and the scripts of each row of the tables that list scripts."""
    rows: list[tuple[str, list[str]]] = []
    listing = False
    for line in PROFILE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[-1] == "Scripts":
            listing = True
        elif not line.startswith("|"):
            listing = False
        elif listing and not line.startswith("|---"):
            rows.append((cells[0], re.findall(r"`([\w/]+)`", cells[-1])))
    return rows


@pytest.mark.parametrize(("folder", "document"), RULES)
def test_every_script_of_a_rule_stands_in_the_rules(folder: str, document: str) -> None:
    rules = (DOCS / document).read_text()
    listed = re.findall(rf"`({folder}/\w+)`", rules[rules.index("## Shown by") :])
    scripts = [script.name for script in all_scripts() if script.name.startswith(f"{folder}/")]
    assert sorted(listed) == sorted(scripts)


def test_the_tables_and_the_headers_of_the_scripts_are_equal() -> None:
    played: dict[str, list[str]] = {}
    for script in all_scripts():
        if script.name.startswith(ELSEWHERE):
            continue
        assert script.scenarios, f"{script.name} names no scenario"
        for case in script.scenarios:
            played.setdefault(case, []).append(script.name)
    listed = {case: scripts for case, scripts in table_rows() if scripts}
    assert listed == played


def test_every_case_of_the_session_layer_has_a_row() -> None:
    cases = [case for case, _ in table_rows()]
    assert len(cases) == len(set(cases))
    assert set(cases) >= SESSION_CASES
    assert {case for case, scripts in table_rows() if not scripts} == NOT_APPLICABLE


def test_deviations_that_are_referred_to_are_explained() -> None:
    text = PROFILE.read_text()
    assert set(re.findall(r"\((D\d+)\)", text)) == set(re.findall(r"^\| (D\d+) \|", text, re.M))


def test_session_scripts_carry_the_number_of_their_case() -> None:
    for script in all_scripts():
        named = re.match(r"session/(\d\d)", script.name)
        if script.name.startswith("session/"):
            assert named is not None, script.name
            assert re.match(rf"{int(named[1])}(?!\d)", script.scenarios[0]), script.name


def test_no_script_lies_unread() -> None:
    names = {path.suffix for path in SCRIPTS.rglob("*") if path.is_file()}
    assert names == {".scenario"}
