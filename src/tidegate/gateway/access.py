"""Who may log on, as the gateway knows it: the configuration's sessions and keys, and those that
operators have added."""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.config.values import ApiKey, SessionAccess, SessionId
from tidegate.model.settings import VenueSettings


class AccessBook:
    """`sessions` and `keys` only grow; who looks things up in them sees what is added. A name of
    the configuration is its own: what is added under it is left aside. Whether something is
    disabled, the venue knows."""

    def __init__(self, sessions: dict[SessionId, SessionAccess], keys: dict[str, ApiKey]) -> None:
        self.sessions = dict(sessions)
        self.keys = dict(keys)
        self._configured_sessions = frozenset(sessions)
        self._configured_keys = frozenset(keys)

    def has_configured_key(self, name: str) -> bool:
        return name in self._configured_keys

    def has_configured_session(self, session_id: SessionId) -> bool:
        return session_id in self._configured_sessions

    def add_session(self, access: SessionAccess) -> None:
        """A session, by which every key of its account may log on."""
        session_id = access.session_id
        if self.has_configured_session(session_id):
            return
        names = [key.name for key in self.keys.values() if key.account == access.account]
        self.sessions[session_id] = replace(access, key_names=tuple(names))
        for name in names:
            self._note(self.keys[name], session_id)

    def add_key(self, key: ApiKey) -> None:
        """A key, by which every session of its account may log on."""
        if self.has_configured_key(key.name):
            return
        self.keys[key.name] = key
        for session_id, access in self.sessions.items():
            if access.account == key.account:
                names = (*access.key_names, key.name)
                self.sessions[session_id] = replace(access, key_names=names)
                self._note(self.keys[key.name], session_id)

    def _note(self, key: ApiKey, session_id: SessionId) -> None:
        self.keys[key.name] = replace(key, sessions=(*key.sessions, session_id))


def opens_drop_copy(settings: VenueSettings, account: str, access: SessionAccess) -> bool:
    """Whether a key that operators have added for an account opens a drop copy: one of that
    account, or of its firm while it has no other account."""
    if access.account:
        return access.account == account
    own = [one.account for one in settings.accounts if one.firm == access.firm and not one.parent]
    return own == [account]
