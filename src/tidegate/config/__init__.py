"""The venue's configuration: a TOML file, checked as a whole, as typed values.

`check` finds every mistake with its line; `load` gives a `VenueConfig`; `example` is a file with
every option. The empty file is a working venue to try things with.
"""

from tidegate.config.example import example
from tidegate.config.load import check, check_file, load, load_file
from tidegate.config.problems import ConfigError, ConfigProblem
from tidegate.config.values import (
    ApiKey,
    SecretSource,
    SessionAccess,
    SessionId,
    TlsPolicy,
    VenueConfig,
)

__all__ = [
    "ApiKey",
    "ConfigError",
    "ConfigProblem",
    "SecretSource",
    "SessionAccess",
    "SessionId",
    "TlsPolicy",
    "VenueConfig",
    "check",
    "check_file",
    "example",
    "load",
    "load_file",
]
