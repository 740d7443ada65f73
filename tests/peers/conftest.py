"""What the tests with other FIX engines share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.venue import tidegate


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file as a user gets it."""
    path = tmp_path_factory.mktemp("dictionary") / "TIDEGATE44.xml"
    done = tidegate("dictionary", "--quickfix")
    assert done.returncode == 0
    path.write_bytes(done.stdout)
    return path
