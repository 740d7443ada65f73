"""Who may log on for market data.

Every trading session's SenderCompID may, at each port of its market and from the same networks,
without a key; those too that operators add while the venue runs, which the replica learns of from
the journal, and their networks from the file of secrets. Sessions of the configuration's own come
beside them, or in their place.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec
import structlog

from tidegate.config import convert
from tidegate.config.services import Service, market_data_services
from tidegate.config.values import SessionAccess, SessionId
from tidegate.feeds.options import Admission, FeedOptions, OwnSession
from tidegate.feeds.settings_text import settings_of
from tidegate.model.codec import Decoder, Encoder
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


class Roster:
    """`entries` looks at the venue as it is; call it again when its settings have changed.
    `configured` are those of the configuration, for as long as nobody knows what operators have
    done since."""

    def __init__(self, options: FeedOptions) -> None:
        self._directory = Path(options.data)
        self._services = [s for s in market_data_services() if s.name in options.sockets]
        self._own = options.own
        self._trading = options.trading
        self._ports = options.ports
        self._admissions: dict[SessionId, Admission] = {
            (one.sender_comp_id, one.target_comp_id): one for one in options.trading
        }
        self._lost: set[SessionId] = set()  # told of once

    def configured(self) -> list[Entry]:
        found = [
            self._entry(service, trading, settings_of(trading.settings))
            for trading in self._trading
            for service in self._services
        ]
        found += [self._own_entry(own, service) for own, service in self._own_places()]
        return list({entry.place: entry for entry in found}.values())

    def entries(self, venue: Venue) -> list[Entry]:
        found: dict[tuple[str, SessionId], Entry] = {}
        for settings in venue.directory.sessions:
            admission = self._admission(venue, settings)
            if admission is None:
                continue
            for service in self._services:
                entry = self._entry(service, admission, settings)
                found[entry.place] = entry
        for own, service in self._own_places():
            entry = self._own_entry(own, service)
            if own.firm in venue.operated.disabled_firms:
                entry.settings.enabled = False
            found[entry.place] = entry
        return list(found.values())

    def _own_places(self) -> list[tuple[OwnSession, Service]]:
        return [(o, s) for o in self._own for s in self._services if s.name == o.service]

    def _admission(self, venue: Venue, settings: SessionSettings) -> Admission | None:
        session_id = (settings.sender_comp_id, settings.target_comp_id)
        known = self._admissions.get(session_id)
        if known is not None or key_of(settings) not in venue.operated.sessions:
            return known  # None: the configuration names it no more
        added = None
        try:
            added = open_secrets(self._directory).added_session(*session_id)
        except ProvisionError as error:
            _log.warning("secrets_unreadable", reason=str(error))
        if added is None:
            if session_id not in self._lost:
                self._lost.add(session_id)
                _log.warning("added_name_left_out", name=f"session {' '.join(session_id)}")
            return None
        admission = Admission(
            sender_comp_id=added.sender_comp_id,
            target_comp_id=added.target_comp_id,
            networks=added.networks,
            tls=added.tls,
        )
        self._admissions[session_id] = admission
        return admission

    def _entry(self, service: Service, admission: Admission, trading: SessionSettings) -> Entry:
        encoder = Encoder()
        trading.save(encoder)
        settings = SessionSettings.load(Decoder(encoder.value()))
        settings.target_comp_id = service.target_comp_id
        access = _access(service, self._ports[service.name], admission, "", settings)
        return Entry(service.name, _LEVELS[service.role], access, settings)

    def _own_entry(self, own: OwnSession, service: Service) -> Entry:
        settings = settings_of(own.settings)
        settings.enabled = own.enabled
        access = _access(service, self._ports[service.name], own, own.firm, settings)
        return Entry(service.name, _LEVELS[service.role], access, settings)


def _access(
    service: Service, port: int, admission: Admission, firm: str, settings: SessionSettings
) -> SessionAccess:
    return SessionAccess(
        firm=firm,
        account=settings.account,
        market=service.market,
        role=service.role,
        sender_comp_id=settings.sender_comp_id,
        target_comp_id=settings.target_comp_id,
        service=service.name,
        port=port,
        broker=False,
        enabled=True,  # the session's settings say whether it is
        networks=tuple(convert.network(text) for text in admission.networks),
        key_names=(),
        nonce_window_ms=0,
        tls=admission.tls,
    )
