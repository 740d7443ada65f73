"""What desks have in common: sessions and their links, what is to be written to a link, logons that
find their session in use.

A desk is the host of its sessions, and pure: frames and times go in, bytes for links come out.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from librt.strings import BytesWriter

from tidegate.model.settings import SessionSettings
from tidegate.session.host import SessionHost
from tidegate.session.logon import ALREADY_ACTIVE, LogonRequest, refusal_frame
from tidegate.session.machine import MessageTools, Session
from tidegate.session.states import DISCONNECTED
from tidegate.wire.message import Message

# What happens to sessions
LOGON: Final = "logon"
REFUSED: Final = "refused"
END: Final = "end"


class SessionEvent:
    """A session came up, ended, or refused a logon, or whatever else of it is for the log."""

    def __init__(self, index: int, link: int, happening: str, reason: str) -> None:
        self.index = index
        self.link = link
        self.happening = happening
        self.reason = reason


class Line:
    """A link; `writer` has what a step has to write to it. `full` while its transport takes no
    more. `answered` where its Logon let nobody in: what it is written then is of no session."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.writer = BytesWriter()
        self.full = False
        self.cut = False
        self.answered = False
        self.touched = False


LineT = TypeVar("LineT", bound=Line)


class LineDesk(SessionHost, Generic[LineT]):
    """See the module. Sessions are known by their index, links by a number that rises. Times are
    nanoseconds since 1970 UTC."""

    def __init__(self) -> None:
        self.tools = MessageTools()
        self.sessions: list[Session] = []
        self.events: list[SessionEvent] = []  # since the owner has emptied it
        self.last_link = 0
        self._lines: dict[int, LineT] = {}
        self._touched: list[LineT] = []

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is up."""
        return all(session.state == DISCONNECTED for session in self.sessions)

    @property
    def has_more(self) -> bool:
        """Whether there is something to write."""
        return bool(self._touched)

    def link_down(self, index: int, link: int, time_ns: int) -> None:
        """A link broke, or was closed by the peer."""
        session = self.sessions[index]
        if session.link == link:
            session.link_lost(time_ns)
        self._lines.pop(link, None)

    def tick(self, time_ns: int) -> None:
        """Time has passed: heartbeats, and who is not heard any more."""
        for session in self.sessions:
            session.tick(time_ns)

    def log_out_all(self, text: bytes, time_ns: int) -> None:
        """Ask every session to log out."""
        for session in self.sessions:
            session.logout(text, time_ns, orderly=True)

    def cut_all(self, time_ns: int) -> None:
        """Who has not answered the Logout is cut."""
        for session in self.sessions:
            session.link_lost(time_ns)

    def reset_all(self, time_ns: int) -> None:
        """A new day: who is still there is cut, and numbers start anew."""
        self.cut_all(time_ns)
        for session in self.sessions:
            session.reset()

    # --- what sessions ask of their host ----------------------------------------------------------

    def rejected(self, session: Session, rule: bytes, text: bytes) -> None:
        return  # the wire has said it, and there is no log of refusals here

    # --- inner works ------------------------------------------------------------------------------

    def _new_session(self, settings: SessionSettings, application: int) -> Session:
        session = Session(self, self.tools, len(self.sessions), settings, initiator=False)
        session.application = application
        self.sessions.append(session)
        return session

    def _touch(self, line: LineT) -> None:
        if not line.touched:
            line.touched = True
            self._touched.append(line)

    def _write(self, line: LineT, frame: bytes) -> None:
        line.writer.write(frame)
        self._touch(line)

    def _note(self, session: Session, link: int, happening: str, reason: str) -> None:
        self.events.append(SessionEvent(session.index, link, happening, reason))

    def _refuse_logon(self, line: LineT, session: Session, frame: bytes, time_ns: int) -> None:
        """The session is in use, and is not touched."""
        message = Message()
        message.scan(frame)
        answer = refusal_frame(
            LogonRequest(message),
            session.next_outgoing,
            self.tools.timestamps.text(time_ns),
            ALREADY_ACTIVE,
        )
        line.answered = True
        line.cut = True
        self._lines[line.number] = line
        self._write(line, answer)
        self._note(session, line.number, REFUSED, ALREADY_ACTIVE.decode())
