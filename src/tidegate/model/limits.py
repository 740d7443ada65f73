"""Every bound of the core, by name.

A queue, buffer or table without a bound is an outage waiting for a hostile peer. Each name here is
used where the bound is enforced and has a test of what happens at the bound. Bounds that an
operator may want to move are settings (`model.settings`); these are not.
"""

from __future__ import annotations

from typing import Final

# wire
FRAME_BYTES_MAX: Final = 16_384  # a whole frame, from `8=` to the SOH behind `10=nnn`
FIELDS_MAX: Final = 256  # fields of one frame
NUMBER_DIGITS_MAX: Final = 18  # of a scaled number; below 2**62, so it stays unboxed

# session
HELD_MESSAGES_MAX: Final = 1_024  # held while a gap before them is being filled
RESENDS_PENDING_MAX: Final = 256  # sweeps a peer may have asked for and not yet got
RESEND_FREE_MESSAGES: Final = 100_000  # a session may ask for so many again, ...
RESEND_HISTORIES: Final = 4  # ... and for its whole history so many times over, ...
RESEND_MESSAGES_PER_S: Final = 2_000  # ... before it has to wait: so many come back a second
TEST_REQUEST_BYTES_MAX: Final = 256  # of TestReqID (112), which is echoed

# order entry
CL_ORD_ID_DIGITS_MAX: Final = 18
UUID_WINDOW_S: Final = 120  # a COMB UUID's time may differ this much from the venue's
CL_ORD_IDS_REMEMBERED_MAX: Final = 1_000_000  # UUIDs within their window, per session

ORDER_DAYS_AHEAD_MAX: Final = 31  # ExpireTime and EffectiveTime lie at most so far ahead
DEADLINE_MIN_S: Final = 2  # ValidUntilTime after SendingTime, at least ...
DEADLINE_MAX_S: Final = 60  # ... and at most
ICEBERG_PARTS_MAX: Final = 15  # an iceberg shows at least this part of its quantity
SCHEDULED_ORDERS_MAX: Final = 500  # of an account, unless configured
POSITIONS_MAX: Final = 1_000  # of an account, unless configured

# market data
L2_SYMBOLS_PER_SESSION: Final = 500  # each spelling in each of its subscriptions
L3_SYMBOLS_PER_SESSION: Final = 200
LIST_SUBSCRIPTIONS_PER_SESSION: Final = 16  # to the list of instruments
EARLY_REQUEST_BYTES_MAX: Final = 128 * 1024  # of a session, while there are no books yet
REQUEST_ID_BYTES_MAX: Final = 64  # of MDReqID, SecurityReqID and TradSesReqID

# venue
TIMED_PER_RECORD: Final = 1_000  # orders that become due, before others get their turn
OPEN_ORDERS_PER_SESSION: Final = 100_000  # unless configured
OPEN_ORDERS_MAX: Final = 1_000_000  # of the venue; one order that takes them all still fits a batch
CANCELS_PER_RECORD: Final = 1_000  # of a cut line or a mass cancel, before others get their turn
NAME_BYTES_MAX: Final = 64  # of a firm, an account or a CompID
API_KEY_BYTES_MAX: Final = 128
OPERATED_NAMES_MAX: Final = 10_000  # firms, accounts, sessions and keys added at run time, each
FEE_TIERS_MAX: Final = 100  # of a fee schedule that an operator sets
CONTROL_COUNT_MAX: Final = 1_000  # numbers skipped or orders refused by one control
TURN_BYTES_MAX: Final = 4 * 1024 * 1024  # a turn that has grown to this ends before the next input
