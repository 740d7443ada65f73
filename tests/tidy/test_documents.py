"""Documents: nothing left to fill in, and no link to nowhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])


def test_nothing_is_left_to_fill_in() -> None:
    assert [path.name for path in DOCUMENTS if "@@" in path.read_text()] == []


def test_links_lead_somewhere() -> None:
    broken = [
        f"{path.name}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "src" / "tidegate"
    rooms = [f"{path.name}/" for path in package.iterdir() if (path / "__init__.py").is_file()]
    rooms += [
        path.name for path in package.glob("*.py") if not path.name.startswith(("__", "cli_"))
    ]
    assert [room for room in sorted(rooms) if f"`{room}`" not in text] == []
