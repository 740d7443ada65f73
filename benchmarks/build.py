"""Compiles the C and C++ parts of the benchmark into a folder that is never committed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT_BUILD_DIR = HERE / "build"
DICTIONARY = HERE / "quickfix_acceptor" / "FIX44.xml"

# QuickFIX 1.15 declares `throw(...)` on its callbacks, which C++17 no longer accepts.
_CXX_STANDARD = "-std=gnu++14"


class MissingPackageError(Exception):
    """Something a peer needs is not installed; the text says which package brings it."""


class BuildFailedError(Exception):
    """The compiler refused a source; the text is its output."""


def _compile(command: list[str], source: Path, output: Path, libraries: list[str]) -> Path:
    if output.exists() and output.stat().st_mtime >= source.stat().st_mtime:
        return output
    output.parent.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*command, "-O2", "-o", str(output), str(source), *libraries],
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise BuildFailedError(f"{source.name}:\n{done.stderr}")
    return output


def c_program(name: str, build_dir: Path) -> Path:
    """Path of the compiled `benchmarks/<name>.c`."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise MissingPackageError("no C compiler: apt-get install -y gcc libc6-dev")
    return _compile([compiler, "-Wall", "-Wextra"], HERE / f"{name}.c", build_dir / name, [])


def quickfix_program(name: str, build_dir: Path) -> Path:
    """Path of the compiled C++ peer `benchmarks/quickfix_<name>/<name>.cpp`."""
    compiler = shutil.which("g++")
    if compiler is None:
        raise MissingPackageError("no C++ compiler for the QuickFIX peer: apt-get install -y g++")
    probe = subprocess.run(
        [compiler, _CXX_STANDARD, "-x", "c++", "-fsyntax-only", "-w", "-"],
        input="#include <quickfix/SocketAcceptor.h>\n",
        capture_output=True,
        text=True,
    )
    if probe.returncode != 0:
        raise MissingPackageError(
            "no QuickFIX headers for the C++ peer: apt-get install -y libquickfix-dev"
        )
    source = HERE / f"quickfix_{name}" / f"{name}.cpp"
    output = build_dir / f"quickfix_{name}"
    return _compile([compiler, _CXX_STANDARD, "-w"], source, output, ["-lquickfix"])
