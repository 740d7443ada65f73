"""Reading a configuration: all mistakes, or a `VenueConfig`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from tidegate.config.build import build
from tidegate.config.builtin import built_in_firms
from tidegate.config.lines import Lines
from tidegate.config.liquidity import liquidity_firms
from tidegate.config.problems import ConfigError, ConfigProblem, Findings
from tidegate.config.rules import assets_of, check_amounts, check_instruments, check_venue
from tidegate.config.rules_faults import check_faults
from tidegate.config.rules_fees import check_fees
from tidegate.config.rules_firms import FirmRules
from tidegate.config.rules_liquidity import check_liquidity
from tidegate.config.rules_rates import check_rates
from tidegate.config.schema import ConfigFile, FirmTable
from tidegate.config.shape import Tree, walk_table
from tidegate.config.values import SecretSource, VenueConfig

FILE_BYTES_MAX: Final = 16 * 1024 * 1024

_POSITION: Final = re.compile(r" \((?:at line (\d+), column \d+|at end of document)\)$")


def check(text: str, *, base: Path | None = None, living: bool = False) -> list[ConfigProblem]:
    """Every mistake in the TOML `text`, by line; none means that `load` will take it.

    `base` is the directory that file names in it are relative to. Without it, whether those files
    exist is not looked at. A text that is not TOML has one problem: its parser stops there.
    """
    return _examine(text, base, living=living)[1]


def check_file(path: Path) -> list[ConfigProblem]:
    """As `check`, for a file that a venue is to run with. One that cannot be read is a problem in
    line 0."""
    text, problems = _read(path)
    return problems or check(text, base=path.parent, living=True)


def load(
    text: str, secrets: SecretSource, *, base: Path | None = None, living: bool = False
) -> VenueConfig:
    """The configuration in the TOML `text`; the empty text is the built-in one.

    `living` is whether the main pairs have a market maker where the text does not say: in the uat
    profile only, and by the machine's clock, not by one that somebody moves.

    Asks `secrets` for what the file leaves to be generated. Raises `ConfigError` with all problems
    if there are any, before asking.
    """
    file, problems = _examine(text, base, living=living)
    if problems:
        raise ConfigError(problems)
    return build(file, secrets, base)


def load_file(path: Path, secrets: SecretSource, *, living: bool = False) -> VenueConfig:
    """As `load`, for a file, which the names of other files in it are relative to."""
    text, problems = _read(path)
    if problems:
        raise ConfigError(problems)
    return load(text, secrets, base=path.parent, living=living)


def history_target(path: Path) -> str:
    """What `[venue] history` of a file says, without asking for secrets. Raises `ConfigError`."""
    text, problems = _read(path)
    file, found = _examine(text, path.parent, living=False)
    if problems or found:
        raise ConfigError(problems or found)
    return file.venue.history


def _read(path: Path) -> tuple[str, list[ConfigProblem]]:
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            raise ValueError(f"more than {FILE_BYTES_MAX} bytes")
        # Editors of one system put a mark in front that TOML does not know.
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "", [ConfigProblem(line, "", f"{path} is not UTF-8 text")]
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return "", [ConfigProblem(0, "", f"{path} cannot be read: {reason}")]


def _examine(
    text: str, base: Path | None, *, living: bool
) -> tuple[ConfigFile, list[ConfigProblem]]:
    tree, problem = _parse(text)
    if problem is not None:
        return ConfigFile(), [problem]
    findings = Findings(Lines(text))
    fitting = walk_table(ConfigFile, tree, (), findings)
    _inherit(fitting)
    file = msgspec.convert(fitting, ConfigFile)
    if not file.firm and file.venue.profile == "uat" and findings.sound(("firm",)):
        fitting["firm"] = built_in_firms(assets_of(file))
        _inherit(fitting)
        file = msgspec.convert(fitting, ConfigFile)
    check_venue(file, findings, base)
    check_instruments(file, findings)
    check_fees(file, findings)
    check_amounts(findings, ("margin", "pools"), file.margin.pools, assets_of(file))
    tiers = check_rates(file.rates.file, file.rates.default_tier, findings, base)
    FirmRules(file, findings, tiers).check()
    check_faults(file, findings)
    if file.liquidity.enabled is None:
        venue = file.venue
        file.liquidity.enabled = living and venue.profile == "uat" and venue.clock == "system"
    check_liquidity(file, findings)
    if file.liquidity.enabled:
        own = liquidity_firms(assets_of(file), uat=file.venue.profile == "uat")
        file.firm += msgspec.convert(own, list[FirmTable])
    return file, findings.in_order()


def _inherit(tree: Tree) -> None:
    """Gives each session the items it does not set from `[session_defaults]`."""
    defaults = tree.get("session_defaults", {})
    for firm in tree.get("firm", []):
        firm["session"] = [{**defaults, **session} for session in firm.get("session", [])]


def _parse(text: str) -> tuple[Tree, ConfigProblem | None]:
    try:
        return tomllib.loads(text), None
    except RecursionError:
        return {}, ConfigProblem(1, "", "not TOML: arrays or tables nested too deeply")
    except ValueError as error:
        message = str(error)
        match = _POSITION.search(message)
        if match is None:
            # Not a parser's complaint: a number too long for an integer, say.
            return {}, ConfigProblem(1, "", f"not TOML: {message}")
        last = len(text.rstrip().splitlines()) or 1
        line = int(match[1]) if match[1] else last
        return {}, ConfigProblem(line, "", f"not TOML: {message[: match.start()]}")
