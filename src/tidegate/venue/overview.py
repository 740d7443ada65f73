"""What an operator asks of the sessions, as one answer. Looks, and changes nothing."""

from __future__ import annotations

from tidegate.model.rejects import LAYER_NAMES
from tidegate.session.machine import Session
from tidegate.session.states import STATE_NAMES
from tidegate.venue.machine import Venue


class SessionOverview:
    """One session as it is. Times are nanoseconds since 1970 UTC, 0 where there is none.

    `link` is 0 without one; `epoch` counts the lives of the session from reset to reset.
    `next_outgoing` and `next_incoming` are the numbers of the next message each way. The hole is
    what the venue has asked the client to send again: `hole_from` to `hole_until`, both 0 without
    one, and `held_count` messages behind it wait. `cancel_on_disconnect` is what is in force by its
    Logon, or, while it is not logged on, what the next Logon has unless it says otherwise.
    `grace_until_ns` is when the orders of a session that was disconnected are cancelled.
    `rejects_pending` is by layer, 1 to 3.
    """

    def __init__(self, venue: Venue, session: Session) -> None:
        index = session.index
        settings = session.settings
        life = venue.disconnects.lives[index]
        gap = session.gap
        injected = venue.trading.injected
        self.index = index
        self.sender_comp_id = settings.sender_comp_id
        self.target_comp_id = settings.target_comp_id
        self.account = settings.account
        self.enabled = settings.enabled
        self.state = STATE_NAMES[session.state]
        self.link = session.link
        self.epoch = session.epoch
        self.next_outgoing = session.next_outgoing
        self.next_incoming = session.next_incoming
        self.hole_from = session.next_incoming if gap.until else 0
        self.hole_until = gap.until
        self.held_count = len(gap.held)
        self.heart_bt_int_s = session.heart_bt_int_s
        self.test_request_pending = session.test_request_ns > 0
        self.last_sent_ns = session.last_sent_ns
        self.last_received_ns = session.last_received_ns
        self.open_order_count = venue.engine.session_order_count(index)
        self.cancel_on_disconnect = (
            life.cancel_on_disconnect if life.established else settings.cancel_on_disconnect
        )
        self.grace_until_ns = life.grace_until_ns
        self.muted = session.muted
        self.rejects_pending = {layer: injected.count(index, layer) for layer in LAYER_NAMES}


def session_overview(venue: Venue) -> list[SessionOverview]:
    """All sessions, in the order of their indexes, those included that are disabled."""
    return [SessionOverview(venue, session) for session in venue.sessions]
