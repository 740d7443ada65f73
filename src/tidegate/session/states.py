"""The states of a FIX session and every step between them.

Rule of this file: a session's state changes only through `next_state`, and every step that may
happen stands in `TRANSITIONS`. A step that does not stand there is a bug of ours, never of the
peer: what peers do wrong is answered inside a state, by a reject or a logout.

The role (acceptor or initiator) does not occur: an acceptor never asks for `CONNECT`, that is all.
"""

from __future__ import annotations

from typing import Final

# States
DISCONNECTED: Final = 0  # no link; numbers wait for the next one
LOGON_SENT: Final = 1  # initiator: our Logon is out, the answer has not come
ACTIVE: Final = 2  # logged on both ways
LOGOUT_SENT: Final = 3  # our Logout is out, the confirming one has not come

STATE_NAMES: Final = {
    DISCONNECTED: "disconnected",
    LOGON_SENT: "logon_sent",
    ACTIVE: "active",
    LOGOUT_SENT: "logout_sent",
}

# What happens to a session
CONNECT: Final = 0  # the initiator sends its Logon
LOGON: Final = 1  # the peer's Logon was accepted
LOGOUT: Final = 2  # we send a Logout first
END: Final = 3  # Logout exchanged, link lost or link cut

TRANSITIONS: Final[dict[tuple[int, int], int]] = {
    (DISCONNECTED, CONNECT): LOGON_SENT,
    (DISCONNECTED, LOGON): ACTIVE,
    (LOGON_SENT, LOGON): ACTIVE,
    (LOGON_SENT, LOGOUT): LOGOUT_SENT,
    (LOGON_SENT, END): DISCONNECTED,
    (ACTIVE, LOGOUT): LOGOUT_SENT,
    (ACTIVE, END): DISCONNECTED,
    (LOGOUT_SENT, END): DISCONNECTED,
}


def next_state(state: int, happening: int) -> int:
    """The state after. A step that is not in the table raises `KeyError` and stops the process."""
    return TRANSITIONS[(state, happening)]
