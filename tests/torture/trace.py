"""What `strace` saw of a venue, as steps in the order in which they happened.

strace sees every call twice, at its begin and at its end, one call of all threads at a time. A call
that nothing came between is one line; any other is an `<unfinished ...>` line and, later, one with
`resumed`. So the order of the lines is the order of the steps, and "the sync ended before the
socket write began" can be read off.
"""

from __future__ import annotations

import codecs
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

READS_BYTES: Final = 8 * 1024 * 1024  # of one call's data: more than any batch
TRACED_CALLS: Final = "trace=pwrite64,fdatasync,write,writev,sendto,sendmsg"

BEGIN: Final = "begin"
END: Final = "end"

_LINE: Final = re.compile(r"(\d+) +(.*)")
_CALL: Final = re.compile(r"(\w+)\((\d+)<((?:TCP(?:v6)?:\[[^\]]*\])|[^>]*)>(.*)")
_RESUMED: Final = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_RESULT: Final = re.compile(r"\) += (-?\d+)[^\"]*$")
_STRING: Final = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_REPORT: Final = re.compile(rb"8=FIX\.4\.4\x019=\d+\x0135=8\x01[^\n]*?\x0110=\d{3}\x01", re.S)
_FRAME_START: Final = b"8=FIX.4.4\x01"
_RESENT: Final = b"\x0143=Y\x01"


class Violation(Exception):
    """Something was said too early."""


@dataclass(frozen=True, slots=True)
class Call:
    """`target` is the file's path or the connection; `result` is known at the call's end."""

    name: str
    target: str
    data: bytes
    result: int = 0

    @property
    def is_journal(self) -> bool:
        return self.target.endswith(".log")

    @property
    def is_socket(self) -> bool:
        return self.target.startswith("TCP")


@dataclass(frozen=True, slots=True)
class Step:
    at: str  # BEGIN or END
    call: Call


@dataclass
class Trace:
    steps: list[Step] = field(default_factory=list)
    syncs: int = 0
    syncs_shared: int = 0  # syncs during which another thread went on

    # --- the same with a lie in it ----------------------------------------------------------------

    def said_before_sync(self) -> Trace:
        """The first report leaves as soon as it is written."""
        written, said = self._first_report()
        return self._moved(said, written + 1)

    def said_before_write(self) -> Trace:
        """The first report leaves while it is being written."""
        written, said = self._first_report()
        return self._moved(said, written)

    def with_failed_sync(self) -> Trace:
        """No sync of the journal succeeds."""
        return Trace([
            replace(step, call=replace(step.call, result=-1))
            if step.at == END and step.call.name == "fdatasync" else step
            for step in self.steps
        ])  # fmt: skip

    def _first_report(self) -> tuple[int, int]:
        """Where it was written, and where it began to leave."""
        written: dict[bytes, int] = {}
        for index, step in enumerate(self.steps):
            if step.at == END and step.call.is_journal:
                written.update(dict.fromkeys(_REPORT.findall(step.call.data), index))
            elif step.at == BEGIN and step.call.is_socket:
                for frame in _REPORT.findall(step.call.data):
                    return written[frame], index
        raise AssertionError("no report in the trace")

    def _moved(self, source: int, target: int) -> Trace:
        steps = list(self.steps)
        steps.insert(target, steps.pop(source))
        return Trace(steps)


def parse_trace(path: Path) -> Trace:
    """Read what `strace -f -yy` wrote for `TRACED_CALLS`."""
    trace = Trace()
    unfinished: dict[str, str] = {}  # by thread: the line so far
    with path.open(encoding="ascii") as file:
        for line in file:
            match = _LINE.match(line.rstrip("\n"))
            assert match is not None, line[:200]
            thread, text = match.groups()
            resumed = _RESUMED.match(text)
            if resumed is not None:
                begun = unfinished.pop(thread, "")
                # Otherwise it began before strace was there, or had not ended when strace left.
                if begun and _RESULT.search(resumed[2]):
                    call = _call(begun + resumed[2])
                    trace.steps.append(Step(END, call))
                    trace.syncs_shared += call.name == "fdatasync"
                continue
            if _CALL.match(text) is None:
                continue  # a signal, the end of a thread, a call on something without a name
            if text.endswith("<unfinished ...>"):
                unfinished[thread] = text.removesuffix("<unfinished ...>")
                trace.steps.append(Step(BEGIN, _call(unfinished[thread])))
                continue
            call = _call(text)
            trace.steps.append(Step(BEGIN, call))
            if _RESULT.search(text):
                trace.steps.append(Step(END, call))
    trace.syncs = sum(s.at == END and s.call.name == "fdatasync" for s in trace.steps)
    return trace


def _call(text: str) -> Call:
    match = _CALL.match(text)
    assert match is not None, text[:200]
    name, _, target, rest = match.groups()
    strings = _STRING.findall(rest)
    assert not any(cut for _, cut in strings), "strace has cut the data of a call"
    parts = [codecs.escape_decode(string.encode())[0] for string, _ in strings]  # type: ignore[attr-defined]
    result = _RESULT.search(rest)
    return Call(name, target, b"".join(parts), int(result[1]) if result else 0)


# --- the checks ---------------------------------------------------------------------------------


class _Lines:
    """What was handed to each connection: a frame leaves, at the earliest, with its first byte."""

    def __init__(self) -> None:
        self._open: defaultdict[str, bytes] = defaultdict(bytes)  # a frame that is not whole yet
        self._sure: dict[str, bytes] = {}

    def begins(self, call: Call) -> list[bytes]:
        """The first bytes of frames that this call would send; whole frames among them whole."""
        data = self._open[call.target] + call.data
        return [frame for frame in _REPORT.findall(data) if _RESENT not in frame]

    def ends(self, call: Call) -> None:
        """What the call has really taken is gone; the rest comes with another call."""
        data = self._open[call.target] + call.data[: max(call.result, 0)]
        self._open[call.target] = data[max(data.rfind(_FRAME_START), 0) :] if data else b""


def require_written(trace: Trace) -> int:
    """Every ExecutionReport begins to leave after the end of the journal write that holds it; the
    number of reports. Raises `Violation`."""
    return _require(trace, synced=False)


def require_durable(trace: Trace) -> int:
    """Every ExecutionReport begins to leave after the successful end of a sync that began after the
    write was complete; the number of reports. Raises `Violation`."""
    return _require(trace, synced=True)


def _require(trace: Trace, *, synced: bool) -> int:
    written: dict[bytes, tuple[str, int]] = {}  # a report: its file, and which write of that file
    writes: defaultdict[str, int] = defaultdict(int)
    covered: dict[str, int] = {}  # by file: the writes before the begin of the sync under way
    durable: defaultdict[str, int] = defaultdict(int)
    lines = _Lines()
    said: set[bytes] = set()
    for step in trace.steps:
        call = step.call
        if call.is_socket:
            if step.at == END:
                lines.ends(call)
                continue
            for frame in lines.begins(call):
                if frame not in written:
                    raise Violation(f"not written when it left: {frame!r}")
                file, ordinal = written[frame]
                if synced and durable[file] < ordinal:
                    raise Violation(f"no sync covered it when it left: {frame!r}")
                said.add(frame)
        elif call.name == "pwrite64" and step.at == END and call.is_journal:
            assert call.result == len(call.data), "a short write: the trace has to be read anew"
            writes[call.target] += 1
            for frame in _REPORT.findall(call.data):
                written[frame] = (call.target, writes[call.target])
        elif call.name == "fdatasync" and step.at == BEGIN:
            covered[call.target] = writes[call.target]
        elif call.name == "fdatasync" and call.result == 0:
            durable[call.target] = max(durable[call.target], covered[call.target])
    return len(said)
