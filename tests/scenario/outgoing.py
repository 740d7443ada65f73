"""What every message of the venue must be: well-formed by the venue's own dictionary, with the
fields that the kind of report requires, and with numbers that agree with each other."""

from __future__ import annotations

from decimal import Decimal

from tests.scenario.player import field_pairs
from tidegate.wire.message import SCANNED, Message
from tidegate.wire.validation import check

_TRADE = {"31", "32", "118", "527", "1003", "5050"}  # of a trade alone
_PRICED = {"2", "4", "T", "V"}
_WAITING = {"3", "4", "R", "T", "U", "V"}
_TERMINAL = {"2", "4", "C"}


def fault_of(frame: bytes) -> str:
    """What is wrong with an outgoing message, empty where nothing is."""
    message = Message()
    if message.scan(frame) != SCANNED:
        return "can not be scanned"
    fault = check(message, message.get(35))
    if fault is not None:
        return fault.text.decode()
    fields = dict(field_pairs(frame))
    if fields["35"] == "8":
        return _report_fault(fields)
    if fields["35"] == "j" and "379" not in fields:
        return "a refusal without BusinessRejectRefID"
    return ""


def _report_fault(fields: dict[str, str]) -> str:
    exec_type = fields["150"]
    wanted = _TRADE if exec_type == "F" else set()
    wanted = wanted | ({"378", "1102"} if exec_type == "D" else set())
    wanted = wanted | ({"44"} if fields["40"] in _PRICED else set())
    wanted = wanted | ({"99"} if fields["40"] in _WAITING else set())
    forbidden = set() if exec_type == "F" else _TRADE | {"136"}
    forbidden = forbidden | (set() if exec_type == "D" else {"378"})
    forbidden = forbidden | (set() if fields["40"] in _PRICED else {"44"})
    if wanted - fields.keys():
        return f"150={exec_type} without {sorted(wanted - fields.keys())}"
    if forbidden & fields.keys():
        return f"150={exec_type} with {sorted(forbidden & fields.keys())}"
    left = Decimal(fields["151"])
    if fields["39"] in _TERMINAL and left != 0:
        return f"39={fields['39']} with 151={left}"
    if fields["39"] not in _TERMINAL and Decimal(fields["14"]) + left != Decimal(fields["38"]):
        return f"14={fields['14']} and 151={left} are not 38={fields['38']}"
    return ""
