"""Who may log on for market data.

Every trading session's SenderCompID may, at each port of its market and from the same networks,
without a key; those too that operators add while the venue runs, which the replica learns of from
the journal, and their networks from the file of secrets. Sessions of the configuration's own come
beside them, or in their place.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final, NamedTuple

import msgspec
import structlog

from tidegate.config import convert
from tidegate.config.services import Service, market_data_services
from tidegate.config.values import SessionAccess, SessionId
from tidegate.feeds.options import Admission, FeedOptions
from tidegate.feeds.settings_text import settings_of, settings_text
from tidegate.model.instruments import SPOT
from tidegate.model.settings import SessionSettings
from tidegate.provision import ProvisionError, open_secrets
from tidegate.venue.machine import Venue
from tidegate.venue.operated import key_of

_LEVELS: Final = {"market_data_l2": 2, "market_data_l3": 3}

_log = structlog.get_logger("tidegate.feeds")


class Entry(msgspec.Struct, frozen=True):
    """A session at one port: what its Logon has to keep to, and what the session goes by."""

    service: str
    level: int
    access: SessionAccess
    settings: SessionSettings

    @property
    def place(self) -> tuple[str, SessionId]:
        """What no two sessions share."""
        return self.service, self.access.session_id


class _Source(NamedTuple):
    """What an entry is made of. `settings` are the session's, as `settings_text` has them;
    `disabled` says that it may not log on whatever they say."""

    service: Service
    admission: Admission
    firm: str
    settings: str
    disabled: bool


class Roster:
    """`entries` looks at the venue as it is; call it again when its sessions have changed. What has
    not changed since the last look is the same entry. `configured` are those of the configuration,
    for as long as nobody knows what operators have done since."""

    def __init__(self, options: FeedOptions) -> None:
        self._directory = Path(options.data)
        self._services = [s for s in market_data_services() if s.name in options.sockets]
        self._own = [(o, s) for o in options.own for s in self._services if s.name == o.service]
        self._trading = options.trading
        self._ports = options.ports
        self._admissions: dict[SessionId, Admission] = {
            (one.sender_comp_id, one.target_comp_id): one for one in options.trading
        }
        self._lost: set[SessionId] = set()  # added, but the file does not know from where they come
        self._last: dict[tuple[str, str, bool], Entry] = {}  # of the last look

    def configured(self) -> list[Entry]:
        found: list[_Source] = []
        for trading in self._trading:
            found += self._sources(trading, trading.settings)
        return self._taken(found + self._own_sources({}))

    def entries(self, venue: Venue) -> list[Entry]:
        self._admit_added(venue)
        found: list[_Source] = []
        for session in venue.directory.sessions:
            admission = self._admissions.get((session.sender_comp_id, session.target_comp_id))
            if admission is None:  # lost, or the configuration names it no more
                continue
            found += self._sources(admission, settings_text(session))
        return self._taken(found + self._own_sources(venue.operated.disabled_firms))

    def _sources(self, trading: Admission, settings: str) -> list[_Source]:
        """Of a trading session: at each port of its market."""
        return [
            _Source(service, trading, "", settings, disabled=False)
            for service in self._services
            if service.market == trading.market
        ]

    def _own_sources(self, disabled_firms: Collection[str]) -> list[_Source]:
        return [
            _Source(service, own, own.firm, own.settings, own.firm in disabled_firms)
            for own, service in self._own
        ]

    def _taken(self, sources: list[_Source]) -> list[Entry]:
        """An entry for each place; where several sources have one, the last."""
        last = self._last
        self._last = {}
        found: dict[tuple[str, SessionId], Entry] = {}
        for source in sources:
            known_by = (source.service.name, source.settings, source.disabled)
            entry = last.get(known_by) or self._entry(source)
            self._last[known_by] = entry
            found[entry.place] = entry
        return list(found.values())

    def _entry(self, source: _Source) -> Entry:
        service = source.service
        settings = settings_of(source.settings)
        settings.target_comp_id = service.target_comp_id
        settings.enabled = settings.enabled and not source.disabled
        access = SessionAccess(
            firm=source.firm,
            account=settings.account,
            market=service.market,
            role=service.role,
            sender_comp_id=settings.sender_comp_id,
            target_comp_id=settings.target_comp_id,
            service=service.name,
            port=self._ports[service.name],
            broker=False,
            enabled=True,  # the session's settings say whether it is
            networks=tuple(convert.network(text) for text in source.admission.networks),
            key_names=(),
            nonce_window_ms=0,
            tls=source.admission.tls,
        )
        return Entry(service.name, _LEVELS[service.role], access, settings)

    def _admit_added(self, venue: Venue) -> None:
        """Look up from where sessions may come that operators have added. The file of secrets is
        read where there are new ones, and once: it has them before the journal does."""
        added: list[SessionId] = []
        for settings in venue.directory.sessions:
            session_id = (settings.sender_comp_id, settings.target_comp_id)
            known = session_id in self._admissions or session_id in self._lost
            if not known and key_of(settings) in venue.operated.sessions:
                added.append(session_id)
        if not added:
            return
        try:
            secrets = open_secrets(self._directory)
        except ProvisionError as error:
            _log.warning("secrets_unreadable", reason=str(error))
            return
        for session_id in added:
            kept = secrets.added_session(*session_id)
            if kept is not None:
                self._admissions[session_id] = Admission(
                    market=SPOT,  # where alone operators add sessions
                    sender_comp_id=kept.sender_comp_id,
                    target_comp_id=kept.target_comp_id,
                    networks=kept.networks,
                    tls=kept.tls,
                )
            else:
                self._lost.add(session_id)
                _log.warning("added_name_left_out", name=f"session {' '.join(session_id)}")
