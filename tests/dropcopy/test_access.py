"""Which drop copies the keys that operators add open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dropcopy.room import copy_of, settings_of
from tests.history.days import Days
from tests.scenario.settings import account
from tidegate.feeds.dropcopy.access import CopyAccess
from tidegate.feeds.dropcopy.options import CopyKey
from tidegate.provision import open_secrets
from tidegate.provision.secrets import FILE_NAME
from tidegate.venue import controls
from tidegate.venue.controls import NO_SESSION, AddAccount, AddKey


class Copies:
    """Drop copies of BETA-1, of the firm BETA, whose only account that is, and of ACME-1."""

    def __init__(self, data: Path) -> None:
        self.days = Days(data, 1)
        self.data = data
        self.access = CopyAccess(data, ["own", "taken"])
        own = [CopyKey("own", "c2VjcmV0", "BETA-1")]
        for name, one in {
            "B1": copy_of("BETA", "BETA-1", own),
            "B": copy_of("BETA", "", own),
            "A1": copy_of("ACME", "ACME-1", []),
        }.items():
            self.access.add(one, settings_of(name))

    def add(self, key: str, account_name: str = "BETA-1", *, keep: bool = True) -> None:
        if keep:
            secrets = open_secrets(self.data)
            secrets.add_key(key)
            secrets.save()
        self.days.control(NO_SESSION, controls.ADD_KEY, AddKey(key, account_name))
        self.adopt()

    def adopt(self) -> None:
        self.access.adopt(self.days.venue)

    def opened_by(self, key: str) -> list[str]:
        sessions = self.access.sessions.items()
        return [name for (name, _), access in sessions if key in access.key_names]


def test_a_key_opens_those_of_its_account_and_of_a_firm_that_has_no_other(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    copies.add("new")
    assert copies.opened_by("new") == ["B1", "B"]
    assert copies.opened_by("own") == ["B1", "B"]
    assert copies.access.keys["new"].secret == open_secrets(tmp_path).added_key("new")
    second = AddAccount(account("BETA-2", balances={}))
    copies.days.control(NO_SESSION, controls.ADD_ACCOUNT, second)
    copies.adopt()
    assert copies.opened_by("new") == ["B1"], "or it would read another account's reports"
    assert copies.opened_by("own") == ["B1", "B"]
    copies.add("third", "BETA-2")
    assert copies.opened_by("third") == []


def test_a_name_of_the_configuration_is_its_own(tmp_path: Path) -> None:
    copies = Copies(tmp_path)
    copies.add("taken")
    assert copies.opened_by("taken") == []
    assert "taken" not in copies.access.keys


def test_a_key_whose_secret_was_lost_opens_nothing_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = Copies(tmp_path)
    copies.add("lost", keep=False)
    copies.adopt()
    assert copies.opened_by("lost") == []
    assert capsys.readouterr().out.count("key lost") == 1
    (tmp_path / FILE_NAME).write_text("{")
    copies.add("unreadable", keep=False)
    assert copies.opened_by("unreadable") == []
    assert "secrets_unreadable" in capsys.readouterr().out
    assert copies.opened_by("own") == ["B1", "B"]
