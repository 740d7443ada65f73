"""Whether this core is compiled.

The byte loops of `wire` are fast when compiled and slow when interpreted, so a few leaf functions
hold two bodies and choose by `COMPILED`. Tests hold the two bodies equal.
"""

from __future__ import annotations

from typing import Final


def _probe() -> None:
    """A function whose type tells who made it: CPython's `function`, or mypyc's built-in."""


COMPILED: Final[bool] = type(_probe).__name__ != "function"
