"""A place in the log, as files of drop copies have it."""

from __future__ import annotations

import msgspec


class Mark(msgspec.Struct, frozen=True):
    """The turn at `position`, whose first record has sequence `sequence`; records below `next` are
    behind it."""

    position: int
    sequence: int
    next: int
