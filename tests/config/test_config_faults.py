"""`[[fault]]`: what is taken, and what is wrong with one, with its line."""

from __future__ import annotations

import pytest

from tests.config.fixed_secrets import FixedSecrets
from tests.config.texts import FIRM, PRODUCTION, PRODUCTION_FIRM
from tidegate.config import check, load
from tidegate.config.rules_faults import FAULTS_MAX
from tidegate.config.schema import FaultTable

FAULT = '[[fault]]\nkind = "delay"\nsession = "ACME"\nms = 5\n'


def problems_with(fault: str, firm: str = FIRM[1:]) -> list[tuple[int, str, str]]:
    return [(p.line, p.path, p.rule) for p in check(firm + fault)]


def test_faults_are_taken_in_the_order_of_the_file(secrets: FixedSecrets) -> None:
    second = '[[fault]]\nkind = "drop"\nsession = "*"\nprobability = 1\nseed = 7\n'
    config = load(FIRM + FAULT + second, secrets)
    assert config.faults == (
        FaultTable(kind="delay", session="ACME", ms=5),
        FaultTable(kind="drop", session="*", probability=1.0, seed=7),
    )
    assert [fault.trigger for fault in config.faults] == ["now", "probability 1"]


@pytest.mark.parametrize(
    ("lines", "line", "path", "rule"),
    [
        ('kind = "delay"\nsession = "ACME"\n', 8, "kind", "ms is missing: delay needs it"),
        ('session = "ACME"\n', 7, "kind", "kind is missing"),
        (
            'kind = "drop"\nsession = "ACMEE"\n',
            9,
            "session",
            'session must be "*" or the SenderCompID of a session, not "ACMEE"; did you mean ACME?',
        ),
        (
            'kind = "drop"\nsession = "*"\nat = 1\nprobability = 0.5\n',
            11,
            "probability",
            "probability and at exclude each other",
        ),
        (
            'kind = "drop"\nsession = "*"\nprobability = 1.01\n',
            10,
            "probability",
            "probability must be a number above 0 and not above 1, not 1.01",
        ),
        ('kind = "drop"\nsession = "*"\nlayer = 2\n', 10, "layer", "layer does not go with drop"),
    ],
)
def test_a_mistake_is_told_with_its_line(lines: str, line: int, path: str, rule: str) -> None:
    assert problems_with("[[fault]]\n" + lines) == [(line, f"fault[0].{path}", rule)]


@pytest.mark.parametrize(
    "lines", ['kind = "cancel"\nsession = "ACME"\norder = "1"\n', 'kind = "crash"\nsession = "*"\n']
)
def test_what_could_only_fail_at_the_start_needs_a_trigger(lines: str) -> None:
    ((line, path, rule),) = problems_with("[[fault]]\n" + lines)
    assert (line, path) == (7, "fault[0]")
    assert rule.endswith("needs at or probability where the start installs it")


def test_production_takes_none() -> None:
    ((line, path, rule),) = problems_with(FAULT, PRODUCTION + PRODUCTION_FIRM)
    assert (line, path) == (12, "fault[0]")
    assert rule == "[[fault]] is for the uat profile: production injects none"


def test_faults_are_bounded() -> None:
    assert problems_with(FAULT * FAULTS_MAX) == []
    ((line, _, rule),) = problems_with(FAULT * (FAULTS_MAX + 1))
    assert line == 7 + FAULTS_MAX * 4
    assert rule == f"there must be at most {FAULTS_MAX} [[fault]]"
