"""The services of a venue: which market and role has which port and which TargetCompID."""

from __future__ import annotations

from typing import Final, NamedTuple

TRADING: Final = "trading"
DROP_COPY: Final = "drop_copy"
MARKET_DATA_ROLES: Final = ("market_data_l2", "market_data_l3")


class Service(NamedTuple):
    """One listener. `port` is the number before the configured offset; `served` tells whether
    this version has it."""

    name: str
    market: str
    role: str
    port: int
    target_comp_id: str
    served: bool


SERVICES: Final = (
    Service("spot_market_data_l2", "spot", "market_data_l2", 4000, "KRAKEN-MD", served=True),
    Service("spot_trading", "spot", TRADING, 4001, "KRAKEN-TRD", served=True),
    Service(
        "derivatives_market_data_l2",
        "derivatives",
        "market_data_l2",
        4002,
        "KRAKEN-DRV-MD",
        served=False,
    ),
    Service("derivatives_trading", "derivatives", TRADING, 4003, "KRAKEN-DRV-TRD", served=False),
    Service(
        "derivatives_market_data_l3",
        "derivatives",
        "market_data_l3",
        4004,
        "KRAKEN-DRV-MD",
        served=False,
    ),
    Service("spot_market_data_l3", "spot", "market_data_l3", 4005, "KRAKEN-MD", served=True),
    # An extension: the dialect publishes neither port nor CompID of a drop copy.
    Service("spot_drop_copy", "spot", DROP_COPY, 4006, "KRAKEN-DC", served=True),
    Service("derivatives_drop_copy", "derivatives", DROP_COPY, 4007, "KRAKEN-DRV-DC", served=False),
)

PORT_MAX: Final = 65_535
PORT_OFFSET_MAX: Final = PORT_MAX - max(service.port for service in SERVICES)


def service_of(market: str, role: str) -> Service:
    """The service of a market and role; every pair the schema lets through has one."""
    for service in SERVICES:
        if (service.market, service.role) == (market, role):
            return service
    raise AssertionError(f"no service for {market} {role}")


def served_ports(
    port_offset: int, *, market_data: bool = True, drop_copy: bool = True
) -> dict[str, int]:
    """Service name to TCP port, of the services this version has; those of market data and the drop
    copy only where they are wanted."""
    wanted = [TRADING]
    if market_data:
        wanted += MARKET_DATA_ROLES
    if drop_copy:
        wanted.append(DROP_COPY)
    return {
        service.name: service.port + port_offset
        for service in SERVICES
        if service.served and service.role in wanted
    }


def followers_names() -> tuple[str, ...]:
    """The services of the process that follows the journal: all but trading."""
    return tuple(service.name for service in SERVICES if service.role != TRADING)


def drop_copy_names() -> tuple[str, ...]:
    return tuple(service.name for service in SERVICES if service.role == DROP_COPY)


def market_data_services() -> tuple[Service, ...]:
    """Those of market data that this version has."""
    return tuple(s for s in SERVICES if s.served and s.role in MARKET_DATA_ROLES)
