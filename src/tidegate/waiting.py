"""Waiting for an event or a time, whichever comes first."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set, or after so many seconds. (`asyncio.wait_for` would do, but that
    of Python 3.11 forgets a cancellation that comes together with the event.)"""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
