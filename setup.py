"""Compiles the core with mypyc while the package is built.

Without a C compiler, or with `TIDEGATE_PURE=1`, the same sources are installed and run interpreted.
"""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from setuptools import setup

CORE = ("model", "wire", "session", "oes", "engine", "venue")
ROOT = Path("src/tidegate")


def core_files() -> list[str]:
    """The modules of the pure rooms; package markers stay interpreted."""
    return [
        str(path)
        for room in CORE
        for path in sorted((ROOT / room).glob("*.py"))
        if path.name != "__init__.py"
    ]


def compiler_found() -> bool:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return shutil.which(compiler) is not None and header.exists()


def extensions() -> list:  # type: ignore[type-arg]
    if os.environ.get("TIDEGATE_PURE", "0") not in ("", "0"):
        return []
    if not compiler_found():
        print("tidegate: no C compiler or no Python.h: the core stays interpreted", file=sys.stderr)
        return []
    from mypyc.build import mypycify

    return mypycify(["--strict", *core_files()], opt_level="3", debug_level="0")


setup(ext_modules=extensions())
