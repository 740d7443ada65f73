"""What goes over the control socket: JSON, one object a line each way.

{"command": "sessions", "parameters": {}}
{"result": ...}   or   {"error": "what is wrong, naming the parameter and the rule"}
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec

from tidegate.config.lines import Lines
from tidegate.config.problems import Findings
from tidegate.config.shape import walk_table

SOCKET_NAME: Final = "control.sock"
REQUEST_BYTES_MAX: Final = 64 * 1024

_AT: Final = re.compile(r" - at `\$\.?(.*)`$")

P = TypeVar("P", bound=msgspec.Struct)


class ControlError(Exception):
    """A command that can not be done; the text names the parameter and rule. Nothing changed."""


Handler = Callable[[dict[str, Any]], Awaitable[Any]]
"""Does one command: its parameters by name, to what JSON can hold. Raises `ControlError`."""


class NoParameters(msgspec.Struct, forbid_unknown_fields=True):
    """Of commands that take none."""


def parameters_of(given: dict[str, Any], form: type[P]) -> P:
    """The parameters as `form` has them: a struct with `forbid_unknown_fields`, whose annotations
    are the rules. Raises `ControlError`, which names the parameter that is unknown, missing or
    wrong."""
    try:
        return msgspec.convert(given, form)
    except msgspec.ValidationError as error:
        raise ControlError(_complaint(str(error))) from None


def parameters_in_words(given: dict[str, Any], form: type[P]) -> P:
    """As `parameters_of`, for forms whose fields have the configuration's types: the complaint is
    in the configuration's words, and names everything that is wrong."""
    findings = Findings(Lines(""))
    fitting = walk_table(form, given, (), findings)
    problems = findings.in_order()
    if problems:
        raise ControlError("; ".join(problem.rule for problem in problems))
    return msgspec.convert(fitting, form)


def _complaint(text: str) -> str:
    for start, end in (
        ("Object contains unknown field `", "is no parameter of this command"),
        ("Object missing required field `", "is missing"),
    ):
        if text.startswith(start):
            return f"{text.removeprefix(start).partition('`')[0]} {end}"
    match = _AT.search(text)
    if match is None or not match[1]:
        return text
    return f"{match[1]}: {text[: match.start()]}"
