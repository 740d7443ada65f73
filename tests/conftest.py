"""Refuses to test a compiled core that is older than its sources."""

import importlib.util
from pathlib import Path

import pytest

from tidegate.model import build

SOURCES = Path(build.__file__).parents[1]
CORE = ("model", "wire", "session", "oes", "engine", "venue")


def pytest_configure(config: pytest.Config) -> None:
    if not build.COMPILED:
        return
    for room in CORE:
        for source in sorted((SOURCES / room).glob("*.py")):
            if source.name == "__init__.py":
                continue
            found = importlib.util.find_spec(f"tidegate.{room}.{source.stem}")
            assert found is not None
            assert found.origin is not None
            compiled = Path(found.origin)
            if compiled.suffix == ".py" or compiled.stat().st_mtime < source.stat().st_mtime:
                raise pytest.UsageError(
                    f"{source} is newer than the compiled core; `make install` builds it, "
                    "TIDEGATE_PURE=1 tests the sources"
                )
