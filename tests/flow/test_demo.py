"""The demo goes as told, and shows no credential."""

from __future__ import annotations

import io

from rich.console import Console

from tests.venue_process import SOURCE
from tidegate.demo import EXIT_PLAYED, one_line, run
from tidegate.wire.explain import explain


def test_demo_goes_as_told() -> None:
    out = io.StringIO()
    assert SOURCE.is_dir()
    assert run(Console(file=out, width=100)) == EXIT_PLAYED
    text = out.getvalue()
    assert "All as told." in text
    for told in (
        "Password=(hidden)",
        "ExecType=F (trade)",
        "ExecType=5 (replaced)",
        "Missing mandatory field: Side (54)",
        "EOrder:Tick size check failed",
        "EOrder:Insufficient funds",
        "Order canceled on disconnect",
        "PossDupFlag=Y",
        "Logout",
    ):
        assert told in text


def test_one_line_leaves_the_header_out_and_names_values() -> None:
    (message,) = explain(b"8=FIX.4.4|9=5|35=D|34=7|11=5|54=1|9999=x|10=000|")
    assert one_line(message) == "ClOrdID=5, Side=1 (buy), 9999=x"
