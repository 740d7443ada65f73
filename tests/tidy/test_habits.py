"""The project's habits, as a look at the syntax trees of its own sources."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tidegate"
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]
(CORE_ROOMS,) = (
    [module.removeprefix("tidegate.") for module in contract["source_modules"]]
    for contract in CONTRACTS
    if contract["name"].startswith("The core is pure")
)

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
# Longer than that, with the reason to be so: these may become shorter, never longer.
LONGER_FUNCTIONS = {
    "src/tidegate/wire/message.py scaled": 61,  # one loop over digits, on the way of every order
    "src/tidegate/engine/order.py __init__": 90,  # a line or two for each field of an order
    "tests/config/test_config_check.py test_all_mistakes_are_found_in_the_order_of_lines": 65,
}

SOURCES = sorted(PACKAGE.rglob("*.py"))
CORE = [path for path in SOURCES if path.relative_to(PACKAGE).parts[0] in CORE_ROOMS]
OWN = sorted(
    path for folder in ("src", "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")
)
TEXTS = sorted(
    path
    for folder in ("src", "tests", "benchmarks", "docs", "examples", ".github")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".cpp", ".c", ".scenario", ".cfg"}
) + sorted(
    path
    for path in ROOT.iterdir()
    if path.is_file() and path.suffix in {".md", ".toml", ".py", ".cfg", ""} and path.name != ".git"
)  # fmt: skip

# What would make the core something else than a function of its inputs.
IMPURE_CALLS = {
    "breakpoint", "eval", "exec", "float", "id", "input", "open", "print", "__import__", "hash",
}  # fmt: skip
IMPURE_NAMES = {
    "asyncio", "datetime", "locale", "logging", "os", "random", "secrets", "socket", "sys",
    "threading", "time", "uuid",
}  # fmt: skip


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), name_of(path))


def at(path: Path, node: ast.AST) -> str:
    return f"{name_of(path)}:{getattr(node, 'lineno', 0)}"


def set_names(tree: ast.Module) -> set[str]:
    """Names and attributes that are declared or assigned as sets anywhere in the module."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
            if not re.match(r"(typing\.)?(Final\[)?(frozen)?set\b", ast.unparse(node.annotation)):
                continue
        elif isinstance(node, ast.Assign) and is_set(node.value, set()):
            targets = node.targets
        elif isinstance(node, ast.arg) and node.annotation is not None:
            if re.match(r"(frozen)?set\b|AbstractSet", ast.unparse(node.annotation)):
                names.add(node.arg)
            continue
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name):
                names.add(target.id)
            elif isinstance(target, ast.Attribute):
                names.add(target.attr)
    return names


def is_set(node: ast.expr, known: set[str]) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in ("set", "frozenset")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub):
        return is_set(node.left, known) or is_set(node.right, known)
    if isinstance(node, ast.Name):
        return node.id in known
    return isinstance(node, ast.Attribute) and node.attr in known


def iterated(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            yield node.iter
        elif isinstance(node, ast.Starred):
            yield node.value
        elif isinstance(node, ast.Call) and node.args:
            called = node.func
            name = called.id if isinstance(called, ast.Name) else ""
            method = called.attr if isinstance(called, ast.Attribute) else ""
            if name in ("list", "tuple", "iter", "enumerate", "next") or method in (
                "join",
                "extend",
            ):
                yield node.args[0]


def faults(path: Path) -> Iterator[str]:
    """What a module of the core does that it must not."""
    tree = tree_of(path)
    sets = set_names(tree)
    hashing = {  # a hash differs from process to process, and is good for nothing but tables
        call
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == "__hash__"
        for call in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            names = {alias.name.partition(".")[0] for alias in node.names} | {module.split(".")[0]}
            if isinstance(node, ast.ImportFrom):
                names = {module.split(".")[0]}
            for name in sorted(names & IMPURE_NAMES):
                yield f"{at(path, node)} imports {name}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in IMPURE_CALLS - ({"hash"} if node in hashing else set()):
                yield f"{at(path, node)} calls {node.func.id}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"{at(path, node)} has the float {node.value}"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{at(path, node)} divides to a float"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield f"{at(path, node)} names float"
        elif isinstance(node, ast.Global | ast.AsyncFunctionDef | ast.Await):
            yield f"{at(path, node)} has {type(node).__name__}"
    for iterable in iterated(tree):
        if is_set(iterable, sets):
            yield f"{at(path, iterable)} iterates over a set"


def test_the_rooms_that_are_pure_are_those_that_are_compiled() -> None:
    (compiled,) = (
        ast.literal_eval(node.value)
        for node in tree_of(ROOT / "setup.py").body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CORE"
    )
    assert sorted(compiled) == sorted(CORE_ROOMS)


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_the_core_is_a_function(path: Path) -> None:
    assert list(faults(path)) == []


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import time", "imports time"),
        ("from random import choice", "imports random"),
        ("import os.path", "imports os"),
        ("x = 0.5", "float 0.5"),
        ("x = float(y)", "float"),
        ("x = a / b", "divides"),
        ("def f(x: float) -> None: ...", "names float"),
        ("for x in {1, 2}: pass", "iterates over a set"),
        ("a = set(b)\nfor x in a: pass", "iterates over a set"),
        ("class C:\n  a: set[int]\n  def f(self):\n    return [x for x in self.a]", "iterates"),
        ("def f(a: frozenset[int]): return list(a)", "iterates"),
        ("print(1)", "calls print"),
        ("x = hash(b'a')", "calls hash"),
        ("class C:\n  def __hash__(self):\n    print(1)\n    return hash(b'a')", "calls print"),
        ("async def f(): pass", "AsyncFunctionDef"),
    ],
)
def test_the_look_sees_what_it_looks_for(tmp_path: Path, code: str, fault: str) -> None:
    path = PACKAGE / "never-written.py"
    original = Path.read_text
    tree = ast.parse(code)
    assert tree.body
    written = tmp_path / "code.py"
    written.write_text(code)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "read_text", lambda self, *a, **k: original(written))
        found = list(faults(path))
    assert any(fault in text for text in found), found


@pytest.mark.parametrize("path", OWN, ids=name_of)
def test_no_bare_except(path: Path) -> None:
    for node in ast.walk(tree_of(path)):
        assert not (isinstance(node, ast.ExceptHandler) and node.type is None), at(path, node)


def test_files_are_short() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in OWN}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX} == {}


def test_functions_are_short() -> None:
    long = {}
    for path in OWN:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                name = f"{name_of(path)} {node.name}"
                if lines > LONGER_FUNCTIONS.get(name, FUNCTION_LINES_MAX):
                    long[name] = lines
    assert long == {}


def test_modules_say_what_they_are() -> None:
    without = [
        name_of(path)
        for path in SOURCES
        if ast.get_docstring(tree_of(path)) is None and path.read_text().strip()
    ]
    assert without == []


def test_public_classes_of_the_core_say_what_they_are() -> None:
    without = [
        at(path, node)
        for path in CORE
        for node in tree_of(path).body
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
    ]
    assert without == []


def test_nothing_is_left_for_later() -> None:
    mark = re.compile(
        r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
    )
    marked = [name_of(path) for path in TEXTS if mark.search(path.read_text(errors="replace"))]
    assert marked == []


def test_no_path_of_somebodys_machine() -> None:
    """Files name nothing in a place that only the writer's machine has."""
    place = re.compile(r"(?<![\w.])/(?:home|root|Users|mnt|media|work|builds?)/")
    found = [
        f"{name_of(path)}: {match[0]}"
        for path in TEXTS
        for match in place.finditer(path.read_text(errors="replace"))
    ]
    assert found == []


def test_tests_do_not_sleep_to_wait() -> None:
    """A sleep is allowed inside a bounded poll only, which is one file's business; and where the
    passing of time is what is done to the venue, not what is waited for."""
    pollers = {"tests/app/venue.py", "tests/venue_process.py", "tests/overload/run_overload.py"}
    pollers |= {"tests/torture/supervisor.py", "tests/overload/prober.py"}
    pollers |= {"tests/overload/misbehaving.py", "tests/app/test_kill_waiting_orders.py"}
    pollers |= {"tests/liquidity/test_desk.py"}
    sleeping = [
        at(path, node)
        for path in OWN
        if path.is_relative_to(ROOT / "tests") and name_of(path) not in pollers
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("time.sleep", "sleep", "asyncio.sleep")
        and not (node.args and ast.unparse(node.args[0]) == "0")
    ]
    assert sleeping == []
