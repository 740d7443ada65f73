"""Run the core from its sources although a compiled core is installed.

Python prefers an extension module over a source file of the same name. With `TIDEGATE_PURE=1` in
the environment a finder in front of the import path turns that preference round for this package,
so that the same installation runs compiled and interpreted and the tests can compare the two.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, ModuleSpec, SourceFileLoader
from types import ModuleType

_PACKAGE = "tidegate."
VARIABLE = "TIDEGATE_PURE"


class _SourceFinder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not fullname.startswith(_PACKAGE):
            return None
        for entry in path:
            finder = FileFinder(entry, (SourceFileLoader, SOURCE_SUFFIXES))
            spec = finder.find_spec(fullname)
            if spec is not None and spec.loader is not None:
                return spec
        return None


def sources_asked() -> bool:
    """Whether the environment asks for the interpreted core (`TIDEGATE_PURE` set, and not `0`)."""
    return os.environ.get(VARIABLE, "0") not in ("", "0")


def prefer_sources_if_asked() -> None:
    if sources_asked() and not any(isinstance(f, _SourceFinder) for f in sys.meta_path):
        sys.meta_path.insert(0, _SourceFinder())
