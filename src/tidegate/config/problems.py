"""Mistakes of a configuration file as values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from tidegate.config.lines import KeyPath, Lines

NEARNESS: Final = 0.6  # of a name to be worth suggesting


class ConfigProblem(Struct, frozen=True):
    """One mistake. `line` counts from 1 and is 0 where the file could not be read at all; `path`
    is the key, such as `firm[0].session[1].networks`; `rule` says in words what was broken."""

    line: int
    path: str
    rule: str

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path else ""
        place = f"line {self.line}: " if self.line else ""
        return f"{place}{self.rule}{where}"


class ConfigError(Exception):
    """A configuration cannot be used. `problems` are all its mistakes, in the order of lines."""

    def __init__(self, problems: list[ConfigProblem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class Findings:
    """Collects problems and knows which keys have one already."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        self._problems: list[ConfigProblem] = []
        self._paths: set[KeyPath] = set()

    def add(self, path: KeyPath, rule: str) -> None:
        self._problems.append(ConfigProblem(self.lines.line(path), path_text(path), rule))
        self._paths.add(path)

    def sound(self, *paths: KeyPath) -> bool:
        """Whether none of `paths` has a problem: rules that join values leave those alone."""
        return self._paths.isdisjoint(paths)

    def in_order(self) -> list[ConfigProblem]:
        return sorted(self._problems, key=lambda problem: problem.line)


def path_text(path: KeyPath) -> str:
    """`("firm", 0, "name")` as `firm[0].name`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` where one of `known` is near to `name`, else nothing."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=NEARNESS)
    return f"; did you mean {near[0]}?" if near else ""
