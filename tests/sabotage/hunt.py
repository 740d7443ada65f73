"""Apply a sabotage to a copy of the source, and see how soon the simulation finds it.

python -m tests.sabotage.hunt            all of them, as the table of docs/sabotages.md
python -m tests.sabotage.hunt NAME ...   some of them
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.sabotage.table import SABOTAGES, Sabotage

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "sabotages.md"
SEEDS_MAX = 60
STEPS = 250
CONTROL_SEEDS = 12

_SEARCH = """
import json, sys
from tidegate.lab.sim.run import run_seed
for tried in range(1, int(sys.argv[1]) + 1):
    outcome = run_seed(tried, int(sys.argv[2]))
    if outcome.violation:
        break
print(json.dumps([tried, outcome.violation, outcome.text[:200]]))
"""

_CRASHES = (
    "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider",
    "tests/crash/test_every_write.py::test_every_crash_leaves_what_was_promised"
    "[turns that wait for a sync-disk]",
)  # fmt: skip

_HEAD = """\
# Sabotages

Each of these was put into a copy of the source, on purpose, and the simulation was started on it
with seeds 1, 2, 3, ... of %d steps. The table says which invariant broke, and at which seed. Those
with `-` in the last column were given to the crashes at every write instead
(`tests/crash/test_every_write.py`). The same copy without a sabotage passes. `make sabotage` makes
this table; `tests/sabotage/test_sabotages.py` demands that each is caught within %d seeds.

| Sabotage | Caught by | Seeds needed |
|---|---|---|
"""


class TextGone(Exception):
    """The table names a text that the source does not have exactly once."""


@dataclass(frozen=True)
class Catch:
    """`violation` is empty where nothing was found in `seeds` worlds."""

    sabotage: str
    violation: str
    text: str
    seeds: int


def apply(sabotage: Sabotage, package: Path) -> None:
    """Edit the copy. Raises `TextGone`."""
    for file, old, new in sabotage.edits:
        path = package / file
        text = path.read_text()
        if text.count(old) != 1:
            found = text.count(old)
            raise TextGone(f"{sabotage.name}: {file} has this text {found} times: {old!r}")
        path.write_text(text.replace(old, new))


def hunt(sabotage: Sabotage, seeds: int = SEEDS_MAX) -> Catch:
    """Run seeds on a sabotaged copy, to the first that fails."""
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "src"
        ignored = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info")
        shutil.copytree(ROOT / "src", source, ignore=ignored)
        apply(sabotage, source / "tidegate")
        search = [sys.executable, "-c", _SEARCH, str(seeds), str(STEPS)]
        done = subprocess.run(
            [sys.executable, *_CRASHES] if sabotage.crashes else search,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(source), "TIDEGATE_PURE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    if sabotage.crashes:
        caught = done.returncode == 1 and "FAILED" in done.stdout
        return Catch(sabotage.name, "tests/crash" if caught else "", done.stdout[-200:], 0)
    assert done.returncode == 0, f"{sabotage.name}: {done.stderr}"
    tried, violation, text = json.loads(done.stdout.splitlines()[-1])
    return Catch(sabotage.name, violation, text, tried)


def hunt_all(sabotages: list[Sabotage]) -> list[Catch]:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(hunt, sabotages))


def main() -> int:
    names = sys.argv[1:]
    chosen = [s for s in SABOTAGES if not names or s.name in names]
    catches = hunt_all(chosen)
    table = [
        f"| {catch.sabotage} | {catch.violation or 'NOTHING'} | {catch.seeds or '-'} |"
        for catch in catches
    ]
    sys.stdout.write("\n".join(table) + "\n")
    if not names:
        DOCUMENT.write_text(_HEAD % (STEPS, SEEDS_MAX) + "\n".join(table) + "\n")
    return 0 if all(catch.violation for catch in catches) else 1


if __name__ == "__main__":
    raise SystemExit(main())
