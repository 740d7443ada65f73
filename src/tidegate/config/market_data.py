"""Which market-data sessions there are: one at each port for every trading session, with the same
SenderCompID and from the same networks, and those that the file has of its own."""

from __future__ import annotations

from msgspec.structs import replace

from tidegate.config.services import Service, market_data_services
from tidegate.config.values import SessionAccess, VenueConfig


def market_data_access(trading: SessionAccess, service: Service, port: int) -> SessionAccess:
    """What a trading session's SenderCompID has at a port of market data: no credentials."""
    return replace(
        trading,
        role=service.role,
        target_comp_id=service.target_comp_id,
        service=service.name,
        port=port,
        broker=False,
        key_names=(),
    )


def market_data_sessions(config: VenueConfig) -> list[SessionAccess]:
    """All of them, those of trading sessions first. A session of the file's own takes the place of
    one that its SenderCompID would have had anyway."""
    own = {(one.access.service, *one.access.session_id): one.access for one in config.market_data}
    found: dict[tuple[str, str, str], SessionAccess] = {}
    for trading in config.sessions.values():
        for service in market_data_services():
            port = config.ports.get(service.name)
            if port is not None and service.market == trading.market:
                access = market_data_access(trading, service, port)
                found[service.name, *access.session_id] = access
    return list((found | own).values())
