"""Why a session ended, unless the peer ended it: texts of Logouts and of the log."""

from __future__ import annotations

from typing import Final

TOO_LOW: Final = b"MsgSeqNum too low, expecting %d but received %d"
WRONG_BEGIN_STRING: Final = b"Incorrect BeginString (8)"
WRONG_COMP_ID: Final = b"CompID problem"
SENDING_TIME_PROBLEM: Final = b"SendingTime accuracy problem"
TOO_MANY_ERRORS: Final = b"Too many errors"
RESEND_UNANSWERED: Final = b"ResendRequest not answered"
HEARTBEAT_TIMEOUT: Final = b"Heartbeat timeout"
LOGOUT_TIMEOUT: Final = b"Logout not answered"
LINK_LOST: Final = b"Link lost"
LINK_DROPPED: Final = b"Link dropped on demand"
SESSION_DISABLED: Final = b"Session disabled"
KEY_DISABLED: Final = b"API key disabled"
DISPLACED: Final = b"Session displaced by a newer logon"
LOGGED_OUT: Final = b"Logged out"
LOGON_EXPECTED: Final = b"First message must be Logon (35=A)"
