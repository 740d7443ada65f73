"""The services of a venue: which market and role has which port and which TargetCompID."""

from __future__ import annotations

from typing import Final, NamedTuple

TRADING: Final = "trading"


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
)

PORT_MAX: Final = 65_535
PORT_OFFSET_MAX: Final = PORT_MAX - max(service.port for service in SERVICES)


def service_of(market: str, role: str) -> Service:
    """The service of a market and role; every pair the schema lets through has one."""
    for service in SERVICES:
        if (service.market, service.role) == (market, role):
            return service
    raise AssertionError(f"no service for {market} {role}")


def served_ports(port_offset: int, *, market_data: bool = True) -> dict[str, int]:
    """Service name to TCP port, of the services this version has; those of market data only where
    they are wanted."""
    return {
        service.name: service.port + port_offset
        for service in SERVICES
        if service.served and (market_data or service.role == TRADING)
    }


def market_data_names() -> tuple[str, ...]:
    return tuple(service.name for service in market_data_services())


def market_data_services() -> tuple[Service, ...]:
    """Those of market data that this version has."""
    return tuple(service for service in SERVICES if service.served and service.role != TRADING)
