"""Refuses to test a compiled core that is older than its sources."""

from pathlib import Path

import pytest

from tidegate.model import build

SOURCES = Path(build.__file__).parents[1]


def pytest_configure(config: pytest.Config) -> None:
    if not build.COMPILED:
        return
    for compiled in sorted(SOURCES.rglob("*.so")):
        source = compiled.with_name(compiled.name.partition(".")[0] + ".py")
        if not source.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
            raise pytest.UsageError(
                f"{source} is newer than the compiled core; `make install` builds it, "
                "TIDEGATE_PURE=1 tests the sources"
            )
