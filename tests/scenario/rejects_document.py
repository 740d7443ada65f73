"""`docs/rejects.md`: the reject catalogue, with an order that provokes each rule.

    python -m tests.scenario.rejects_document

Rules, texts and meanings are those of `model.rejects`; the order is the last message sent in the
rule's script, `scripts/rejects/NAME.scenario`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.scenario.core_venue import CoreVenue
from tests.scenario.player import Player, field_pairs
from tests.scenario.script import SCRIPTS, Script, read_script
from tidegate.model.rejects import (
    ALL_ENDINGS,
    ALL_RULES,
    LAYER_ENGINE,
    LAYER_GATEWAY,
    LAYER_NAMES,
    Rule,
)

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rejects.md"

_HEAD = """\
# Refusals

Every refusal that the venue gives, in the order in which it looks: the first rule that fires is the
answer, and a refused request changes nothing. Rules of layer 1 answer with a session reject (35=3),
those of layers 2 and 3 with a business reject (35=j). The log and the audit name the rule whatever
the line says.

| Layer | Answer | Code | RefSeqNum (45) | Other references |
|---|---|---|---|---|
| 1 `gateway`: form of fields | 35=3 | SessionRejectReason (373) | the message's number | RefMsgType (372), RefTagID (371) where a field is to blame |
| 2 `order_entry`: instrument, instructions, sizes, limits | 35=j | BusinessRejectReason (380) | the message's number | RefMsgType (372), BusinessRejectRefID (379): its ClOrdID |
| 3 `engine`: orders, prices, money | 35=j | BusinessRejectReason (380) | 0 | as layer 2 |

Layer 1 also refuses what the dictionary does not allow (`tidegate dictionary`): a missing field, a value of
another type or not listed, a tag that the message does not have, repeated, or out of place.

Other texts of the dialect, such as `EGeneral:Permission denied` with nothing behind it, `EGeneral:Temporary lockout`,
`EGeneral:Internal error` and `ETrade:Invalid request`, tell of an API key's permissions, of failed logons and of
faults behind REST: no order is refused with them here.

`make rejects` makes this file, of `src/tidegate/model/rejects.py` and the scripts in
`tests/scenario/scripts/rejects/`; `tests/scenario/test_rejects.py` plays each and demands exactly its
rule. A request is shown as it is sent, without header and times that only fill it in: `$now` is the
venue's time, `$name` what a message before it was given or answered.
"""  # noqa: E501

_ENDINGS = """
## How an accepted order ends

Text (58) of the report that closes an order without a fill: ExecType (150) 4, or C at its expiry.
An order that is triggered or becomes active is checked like one that arrives then, and is canceled
with the text of the rule that it fails.

| Text (58) | When |
|---|---|
"""


@dataclass(frozen=True)
class Played:
    """What a rule's script came to: the last message sent, as the script writes it and as it went,
    its answer, and the rules that fired in the whole script."""

    script: Script
    sent: list[tuple[str, str]]
    answer: list[tuple[str, str]]
    fired: list[tuple[str, int, bytes]]


class _Recorder(CoreVenue):
    """Keeps the last frame of each direction."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.received = b""

    def send(self, label: str, data: bytes) -> None:
        self.sent = data
        super().send(label, data)

    def receive(self, label: str) -> bytes | None:
        frame = super().receive(label)
        if frame is not None:
            self.received = frame
        return frame


def script_of(name: str) -> Path:
    return SCRIPTS / "rejects" / f"{name}.scenario"


def play(name: str) -> Played:
    """Play the script of the rule of that name."""
    script = read_script(script_of(name))
    venue = _Recorder()
    Player(script, venue).run()
    return Played(
        script,
        field_pairs(venue.sent),
        field_pairs(venue.received),
        [(note.rule.decode(), note.layer, note.text) for note in venue.refusals],
    )


def _order_of(name: str) -> str:
    """Why the rule fires in its script, in the script's words, and the last message sent there."""
    path = script_of(name)
    sends = [step for step in read_script(path).steps if step.verb == "send"]
    comments = [line for line in path.read_text().splitlines() if line.startswith("# ")]
    why = " ".join(line[2:] for line in comments if not line.startswith("# scenario:"))
    return f"{why} `{sends[-1].rest}`"


def _code_of(rule: Rule) -> str:
    return f"373={rule.code}" if rule.layer == LAYER_GATEWAY else f"380={rule.code}"


def _row(rule: Rule) -> str:
    text = rule.text.decode()
    cells = [f"`{rule.name}`", _code_of(rule), text, rule.meaning, _order_of(rule.name)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def document() -> str:
    """The whole file."""
    parts = [_HEAD]
    for layer in range(LAYER_GATEWAY, LAYER_ENGINE + 1):
        parts.append(f"\n## Layer {layer}: {LAYER_NAMES[layer].replace('_', ' ')}\n\n")
        parts.append("| Rule | Code | Text (58) | When | A request that provokes it |\n")
        parts.append("|---|---|---|---|---|\n")
        parts += [_row(rule) for rule in ALL_RULES if rule.layer == layer]
    parts.append(_ENDINGS)
    parts += [f"| {text.decode()} | {meaning} |\n" for text, meaning in ALL_ENDINGS]
    return "".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(document())
