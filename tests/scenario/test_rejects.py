"""Every rule of the reject catalogue is provoked by its own script, and by nothing else of it."""

from __future__ import annotations

import pytest

from tests.scenario.rejects_document import DOCUMENT, document, play
from tests.scenario.script import SCRIPTS
from tidegate.model.rejects import ALL_RULES, LAYER_ENGINE, LAYER_GATEWAY, Rule


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.name)
def test_the_script_of_a_rule_provokes_it(rule: Rule) -> None:
    played = play(rule.name)
    [(name, layer, text)] = played.fired
    assert (name, layer) == (rule.name, rule.layer)
    assert text.startswith(rule.text)  # some name a field behind it
    sent = dict(played.sent)
    answer = [
        pair for pair in played.answer if pair[0] not in ("8", "9", "34", "49", "56", "52", "10")
    ]
    number = "0" if rule.layer == LAYER_ENGINE else sent["34"]
    if rule.layer == LAYER_GATEWAY:
        wanted = [("35", "3"), ("45", number), ("58", text.decode())]
        wanted += [("371", str(rule.ref_tag))] if rule.ref_tag else []
        wanted += [("372", sent["35"]), ("373", str(rule.code))]
    else:
        wanted = [("35", "j"), ("45", number), ("58", text.decode()), ("372", sent["35"])]
        wanted += [("379", sent.get("11", "0")), ("380", str(rule.code))]
    assert sorted(answer) == sorted(wanted)


def test_every_script_is_that_of_a_rule() -> None:
    names = {rule.name for rule in ALL_RULES}
    assert [p.stem for p in (SCRIPTS / "rejects").iterdir() if p.stem not in names] == []


def test_the_document_is_the_catalogue() -> None:
    assert DOCUMENT.read_text() == document(), "make rejects"
