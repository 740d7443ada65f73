"""A broken promise."""

from __future__ import annotations


class Violation(Exception):
    """`name` is the invariant; shrinking looks for the same one in a smaller world."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


def require(condition: bool, name: str, text: str) -> None:
    """Raise `Violation` where a promise is broken."""
    if not condition:
        raise Violation(name, text)
