"""The `control` lines of the scripts."""

from __future__ import annotations

from tidegate.model.scaled import LOT_DECIMALS, from_text
from tidegate.venue import controls
from tidegate.venue.controls import Control


def control_of(words: list[str]) -> tuple[int, Control]:
    """`mute-heartbeats on`, `fill-order OAAAAA-... 0.1` and the like, as kind and control."""
    name, *rest = words
    if name == "mute-heartbeats":
        assert rest in (["on"], ["off"])
        return controls.MUTE_HEARTBEATS, controls.MuteHeartbeats(on=rest == ["on"])
    if name == "skip-number":
        return controls.SKIP_NUMBER, controls.SkipNumber(int(rest[0]))
    if name == "reject-next":
        return controls.REJECT_NEXT, controls.RejectNext(int(rest[0]), int(rest[1]))
    if name == "cancel-order":
        return controls.CANCEL_ORDER, controls.CancelOrder(rest[0].encode())
    if name == "fill-order":
        lots = from_text(rest[1], LOT_DECIMALS)
        return controls.FILL_ORDER, controls.FillOrder(rest[0].encode(), lots)
    assert name == "drop-session", name
    return controls.DROP_SESSION, controls.DropSession()
