"""Line scripts: what a client does on its lines to the venue, and what must come back.

One step a line; `|` stands for SOH; a line that ends in `\\` goes on in the next one.

    # text                           a comment; `# scenario: 2b` names what the script plays
    given session ACME name=value    settings of the venue, before it starts (also `account`,
                                     `instrument`, `venue`, `rate_tier`); accounts take balances as
                                     `USD=1000`; amounts are listed: `margin_pools=USD:100,BTC:2`
    connect ACME                     open a line; `ACME:2` is a second line of the same session,
                                     `ACME@L2` and `ACME@L3` are market-data sessions
    logon ACME [fields]              connect, send a Logon and expect the Logon that answers it
    send ACME 35=D|11=$a|...         a message; 34, 49, 56, 52 and 60 are filled in if not given
    raw ACME 8=FIX.4.4|9=$len|...    bytes as they stand; `$len` and `$sum` are the right values
    expect ACME 35=8|39=0|37=$id     the next message on that line has these fields, in any order
    exact ACME 35=8|34=2|...         the next message has these fields and no other, in this order
    expect-none ACME                 nothing more has come
    expect-cut ACME                  the venue has closed the line
    cut ACME                         the client closes the line
    next ACME 7                      the number (34) of the session's next message
    let a = uuid [-200s]             a COMB UUID of now, or of another time
    let a = 123                      a value
    advance 30s                      time passes (also `500ms`, `2m`, `3h`)
    jump -30s                        the clock is set; nothing happens in between
    restart [2h]                     the process is killed and starts again, at once or later
    configure session ACME name=...  new settings for a running venue
    log-out-all text                 the venue is asked to stop
    control ACME skip-number 2       what an operator may do (`tests.scenario.controls`); a session
                                     `-` where the control names an order
    balance ACME-1 USD 100 [0]       what an account has: available, held

In what is sent `$name` is a variable (a new ClOrdID where tag 11 names an unknown one), `$now` and
`$now-5s` are times, and a value `-` leaves out a field that would be filled in. In what is expected
an unknown `$name` takes the value, `*` is any value, `-` means that the field is absent and `~text`
that the value contains the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# Controls that a venue behind sockets is asked to do as well, over its control socket
OF_MARKETS = {"status", "halt", "resume", "index", "band"}

SCRIPTS = Path(__file__).parent / "scripts"

# Steps that only a venue whose clock and process are in the test's hands can play
CORE_ONLY = {
    "given", "advance", "jump", "restart", "configure", "log-out-all", "balance",
}  # fmt: skip

VERBS = CORE_ONLY | {
    "connect", "logon", "send", "raw", "expect", "exact", "expect-none", "expect-cut", "cut",
    "next", "let", "control",
}  # fmt: skip

_UNITS_NS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


@dataclass(frozen=True)
class Step:
    """One line: its number in the file, the verb, the word behind it and the rest."""

    line: int
    verb: str
    target: str
    rest: str


@dataclass(frozen=True)
class Script:
    """A parsed file. `scenarios` are what its `# scenario:` lines name."""

    path: Path
    scenarios: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        return self.path.relative_to(SCRIPTS).with_suffix("").as_posix()

    @staticmethod
    def of_text(text: str) -> Script:
        """A script that is no file."""
        path = SCRIPTS / "of_text.scenario"
        lines = enumerate(text.splitlines(), 1)
        return Script(path, (), tuple(_step(path, number, line) for number, line in lines))

    @property
    def has_market_data(self) -> bool:
        return any("@" in step.target for step in self.steps)

    @property
    def core_only(self) -> bool:
        return any(
            step.verb in CORE_ONLY
            or (step.verb == "control" and step.rest.split()[0] not in OF_MARKETS)
            for step in self.steps
        )


def read_script(path: Path) -> Script:
    scenarios: list[str] = []
    steps: list[Step] = []
    text = ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        header = re.match(r"#\s*scenario:\s*(.+)", line)
        if header:
            scenarios += [name.strip() for name in header[1].split(",")]
        if line.lstrip().startswith("#"):
            continue
        text += line.strip()
        if text.endswith("\\"):
            text = text[:-1].rstrip()
            continue
        if text:
            steps.append(_step(path, number, text))
        text = ""
    return Script(path, tuple(scenarios), tuple(steps))


def _step(path: Path, number: int, text: str) -> Step:
    verb, _, rest = text.partition(" ")
    if verb not in VERBS:
        raise ValueError(f"{path.name}:{number}: no such step: {verb}")
    target, _, rest = rest.strip().partition(" ")
    return Step(number, verb, target, rest.strip())


def all_scripts() -> list[Script]:
    return [read_script(path) for path in sorted(SCRIPTS.rglob("*.scenario"))]


def duration_ns(text: str) -> int:
    """`30s`, `-500ms`, `2h` in nanoseconds."""
    match = re.fullmatch(r"([+-]?\d+)(ms|s|m|h)", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration")
    return int(match[1]) * _UNITS_NS[match[2]]


def fields_of(text: str) -> list[tuple[str, str]]:
    """`35=8|39=0` as pairs, in order."""
    pairs: list[tuple[str, str]] = []
    for part in text.split("|"):
        if part.strip():
            tag, _, value = part.strip().partition("=")
            pairs.append((tag, value))
    return pairs
