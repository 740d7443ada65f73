"""QuickFIX loads the dictionary and takes the traffic of both directions by it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from tidegate.wire.dictionary import FIELDS, MARKET_DATA, MESSAGES, TRADING
from tidegate.wire.quickfix_xml import quickfix_dictionary
from tidegate.wire.validation import check

from .frames import (
    BODIES,
    INCREMENT,
    INSTRUMENTS,
    MARKET_DATA_BODIES,
    ORDER,
    SUBSCRIBE,
    frame,
    msg_type_of,
    scanned,
)

quickfix = pytest.importorskip("quickfix")


@pytest.fixture(scope="module")
def dictionary(tmp_path_factory: pytest.TempPathFactory) -> object:
    path: Path = tmp_path_factory.mktemp("dictionary") / "TIDEGATE44.xml"
    path.write_text(quickfix_dictionary())
    return quickfix.DataDictionary(str(path))


def validated(dictionary: object, body: str) -> object:
    message = quickfix.Message(frame(body).decode(), dictionary, True)
    dictionary.validate(message)  # type: ignore[attr-defined]
    return message


@pytest.mark.parametrize("body", BODIES + MARKET_DATA_BODIES)
def test_traffic_is_valid(dictionary: object, body: str) -> None:
    """And what QuickFIX writes of what it read is our frame again, groups kept, tags sorted."""
    message = validated(dictionary, body)
    written = message.toString().encode()  # type: ignore[attr-defined]
    assert sorted(written.split(b"\x01")) == sorted(frame(body).split(b"\x01"))
    again = scanned(written)
    application = MARKET_DATA if body in MARKET_DATA_BODIES else TRADING
    assert check(again, msg_type_of(body), application) is None


def test_a_dictionary_for_times_with_a_date_takes_both_forms(tmp_path: Path) -> None:
    """As Level 2 and Level 3 of one venue have them. The type is looked at here, because QuickFIX/J
    judges values within groups by it, and this QuickFIX does not."""
    text = quickfix_dictionary(l3_timestamps=True)
    types = [
        ElementTree.fromstring(one).find("fields/field[@name='MDEntryTime']").get("type")  # type: ignore[union-attr]
        for one in (quickfix_dictionary(), text)
    ]
    assert types == ["UTCTIMEONLY", "STRING"]
    (tmp_path / "T.xml").write_text(text)
    wide = quickfix.DataDictionary(str(tmp_path / "T.xml"))
    for body in (INCREMENT, INCREMENT.replace("273=", "273=20261103-"), ORDER):
        validated(wide, body)


@pytest.mark.parametrize(
    "body",
    [
        ORDER.replace("54=1|", ""),
        ORDER.replace("54=1|", "54=9|"),
        ORDER.replace("38=0.25|", "38=abc|"),
        ORDER + "37=X|",
        ORDER.replace("35=D", "35=AF"),
        SUBSCRIBE.replace("262=BTC-L2-25|", ""),
        SUBSCRIBE.replace("267=3", "267=2"),
        SUBSCRIBE.replace("263=1", "263=7"),
        INCREMENT.replace("279=0|269=1|", "269=1|279=0|"),
        SUBSCRIBE.replace("264=25|", "264=all|"),
        INCREMENT.replace("271=0.0|", ""),
        INCREMENT.replace("268=2|", ""),
        INSTRUMENTS.replace("146=2|", "146=3|"),
    ],
)
def test_what_the_venue_refuses_quickfix_refuses(dictionary: object, body: str) -> None:
    with pytest.raises(quickfix.FIXException):
        validated(dictionary, body)


def test_every_message_and_field_is_there() -> None:
    root = ElementTree.fromstring(quickfix_dictionary())
    assert root.attrib == {"type": "FIX", "major": "4", "minor": "4", "servicepack": "0"}
    assert [child.tag for child in root] == [
        *("header", "messages", "trailer", "components", "fields"),
    ]
    found = {message.attrib["msgtype"] for message in root.iterfind("messages/message")}
    assert found == {msg_type.decode() for msg_type in MESSAGES}
    fields = {int(field.attrib["number"]): field for field in root.iterfind("fields/field")}
    assert set(fields) == set(FIELDS)
    for tag, field in FIELDS.items():
        values = {value.attrib["enum"] for value in fields[tag].iterfind("value")}
        assert tag == 35 or values == set(field.values)
    names = {field.attrib["name"] for field in fields.values()}
    used = {node.attrib["name"] for node in root.iter() if node.attrib.get("required")}
    assert used == names
