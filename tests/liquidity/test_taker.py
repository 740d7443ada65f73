"""The taker by itself, on a venue that falls silent."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.socket_venue import SocketVenue
from tidegate.client import Side
from tidegate.liquidity.taker import FillRefused, Taker


def test_a_fill_whose_line_is_lost_says_that_what_it_traded_is_not_known() -> None:
    async def story() -> None:
        async with SocketVenue() as venue:
            client = venue.client()
            await client.connect()
            venue.is_mute = True
            filled = asyncio.create_task(Taker(client).fill("BTC/USD", Side.BUY, "84000", "1"))
            await venue.wait_for(b"\x0135=D\x01")
            venue.cut_lines()
            with pytest.raises(FillRefused, match="lost its line; what it traded is not known"):
                await filled
            await client.drop()

    asyncio.run(story())
