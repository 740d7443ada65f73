"""What goes over the control socket: JSON, one object a line each way.

{"command": "sessions", "parameters": {}}
{"result": ...}   or   {"error": "what is wrong, naming the parameter and the rule"}
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any


class ControlError(Exception):
    """A command that can not be done; the text names the parameter and rule. Nothing changed."""


Handler = Callable[[dict[str, Any]], Awaitable[Any]]
"""Does one command: its parameters by name, to what JSON can hold. Raises `ControlError`."""
