"""Each deliberate sabotage is caught by the simulation, and the source without one passes.

Slow because every sabotage needs a process of its own with an interpreted copy of the source.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.sabotage.hunt import CONTROL_SEEDS, DOCUMENT, SEEDS_MAX, TextGone, apply, hunt
from tests.sabotage.table import SABOTAGES, Sabotage

BROKEN_SOURCE = ("raised NameError", "raised TypeError", "raised AttributeError")


def test_each_is_caught_and_the_control_passes() -> None:
    control = Sabotage("no sabotage", ())
    with ThreadPoolExecutor(2) as pool:
        passed = pool.submit(hunt, control, CONTROL_SEEDS)
        catches = list(pool.map(hunt, SABOTAGES))
    assert [catch.sabotage for catch in catches if not catch.violation] == []
    assert all(catch.seeds <= SEEDS_MAX for catch in catches)
    # What shows itself as a world that can not even begin says nothing of the invariants.
    assert [
        c.sabotage for c in catches if c.violation in ("raised ImportError", "raised TypeError")
    ] == []
    assert (passed.result().violation, passed.result().seeds) == ("", CONTROL_SEEDS)


def test_a_text_that_is_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("one\none\n")
    for old in ("one", "two"):
        with pytest.raises(TextGone, match=old):
            apply(Sabotage("old", (("file.py", old, "new"),)), tmp_path)


def test_the_document_names_each() -> None:
    text = DOCUMENT.read_text()
    assert [s.name for s in SABOTAGES if f"| {s.name} |" not in text] == []
