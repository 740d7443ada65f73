"""What must occur somewhere in a batch of worlds: a simulation that never does a thing proves
nothing about it."""

from __future__ import annotations

from collections import Counter

from tidegate.lab.sim.control import CONTROL_NAMES, DRAWN
from tidegate.lab.sim.operators import OPERATIONS
from tidegate.lab.sim.scenario import FAULTS
from tidegate.model.rejects import ALL_RULES

MESSAGES_OUT = ("0", "1", "2", "3", "5", "8", "A", "j")
REPORTS = ("0", "4", "5", "A", "C", "D", "F", "I")
ORDER_TYPES = ("1", "2", "3", "4", "R", "T", "U", "V")
CANCELS = (
    "Order canceled by user",
    "Order canceled by mass cancel",
    "Order canceled on disconnect",
    "Order canceled on logout",
    "Order canceled on rollover",
    "Order canceled by the venue",
    "Order quantity amended to executed quantity",
    "Cannot trade with self",
    "Immediate or cancel",
    "Fill or kill",
    "Insufficient liquidity",
)
RECORDS = ("configure", "start", "logon", "frame", "link_down", "tick", "logout_all", "control")
RECOVERIES = (
    "recovery with log",
    "recovery with snapshot",
    "recovery repaired a torn tail",
    "recovery cut whole batches",
    "process in a call",
    "process in a call in recovery",
    "process failed",
    "process ended",
    "resend gap fill",
    "resend duplicate",
    "snapshots compared",
)
ENDS = (
    "Logged out",
    "Link lost",
    "Link dropped on demand",
    "Logout not answered",
    "Heartbeat timeout",
    "ResendRequest not answered",
    "Session displaced by a newer logon",
    "Too many errors",
    "CompID problem",
    "SendingTime accuracy problem",
)
GRACES = ("grace kept", "grace passed", "grace ended by rollover")
OUT_OF_REACH = ("margin_level",)  # prices of a world move too little for a position to lose
MESSAGES_IN = ("0", "1", "2", "3", "4", "5", "A", "D", "F", "G", "H", "j", "q")


def wanted() -> dict[str, list[str]]:
    """Everything that must occur, by group; the names are keys of `World.counts`."""
    return {
        "faults": [f"fault {name}" for name in FAULTS],
        "messages in": [f"in {msg_type}" for msg_type in MESSAGES_IN],
        "messages out": [f"out {msg_type}" for msg_type in MESSAGES_OUT],
        "execution reports": [f"report {exec_type}" for exec_type in REPORTS],
        "order types": [f"order type {ord_type}" for ord_type in ORDER_TYPES],
        "cancels": [f"cancel {text}" for text in CANCELS],
        "records": [f"record {name}" for name in RECORDS],
        "controls": [f"control {CONTROL_NAMES[kind]}" for kind in (*DRAWN, *OPERATIONS)],
        "grace times": list(GRACES),
        "recovery": list(RECOVERIES),
        "ends of a session": [f"close {text}" for text in ENDS],
        "rules of refusal": [
            f"refused {rule.name}" for rule in ALL_RULES if rule.name not in OUT_OF_REACH
        ],
    }


def missing(counts: Counter[str]) -> list[str]:
    """What did not occur."""
    return [key for keys in wanted().values() for key in keys if not counts[key]]
