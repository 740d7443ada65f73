"""Compiles the core, and the shells on an order's way, with mypyc while the package is built.

Without a working C compiler, or with `TIDEGATE_PURE=1`, the same sources are installed and run
interpreted.
"""

import os
import shutil
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext

CORE = ("model", "wire", "session", "oes", "engine", "marketdata", "venue")
# What every order passes outside of the core; see docs/decisions/0011-compiled-shells.md.
WAY = (
    "journal/*.py",
    "gateway/link.py",
    "gateway/outbound.py",
    "gateway/shares.py",
    "clock.py",
    "service.py",
    "feeds/answers.py",
    "feeds/delivery.py",
    "feeds/desk.py",
    "feeds/dropcopy/desk.py",
    "feeds/dropcopy/outbound.py",
    "feeds/dropcopy/owners.py",
    "feeds/dropcopy/reader.py",
    "feeds/dropcopy/reports.py",
    "feeds/dropcopy/seat.py",
    "feeds/dropcopy/sent.py",
    "feeds/hosts.py",
    "feeds/lines.py",
    "feeds/news.py",
    "feeds/observer.py",
    "feeds/outbound.py",
    "feeds/seats.py",
    "feeds/service.py",
)
ROOT = Path("src/tidegate")


class BuildCore(build_ext):
    """A compiler that is there but fails leaves the core interpreted. All modules or none: the
    extensions refer to each other."""

    def build_extensions(self) -> None:
        compile_in_turn = self.compiler.compile

        def compile_at_once(sources: list[str], *args: Any, **options: Any) -> list[str]:
            """As many sources at a time as there are processors: setuptools takes one."""
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                compiled = pool.map(lambda one: compile_in_turn([one], *args, **options), sources)
                return [name for names in compiled for name in names]

        self.compiler.compile = compile_at_once
        super().build_extensions()

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            say(f"compiling failed ({error}): the core stays interpreted")
            self.extensions = []


def say(text: str) -> None:
    print(f"tidegate: {text}", file=sys.stderr)


def compiled_files() -> list[str]:
    """The modules of the pure rooms and of the way; package markers stay interpreted."""
    patterns = [*(f"{room}/*.py" for room in CORE), *WAY]
    return [
        str(path)
        for pattern in patterns
        for path in sorted(ROOT.glob(pattern))
        if path.name != "__init__.py"
    ]


def compiler_found() -> bool:
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return shutil.which(compiler) is not None and header.exists()


def extensions() -> list[Any]:
    if os.environ.get("TIDEGATE_PURE", "0") not in ("", "0"):
        return []
    if not compiler_found():
        say("no C compiler or no Python.h: the core stays interpreted")
        return []
    from mypyc.build import mypycify

    # Modules that are imported but not compiled may need packages that are not there now.
    options = ["--strict", "--follow-imports=silent"]
    # A C file for each module: the compiler's work grows faster than what it is given at once.
    return mypycify([*options, *compiled_files()], opt_level="3", debug_level="0", multi_file=True)


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildCore})
