"""Generated keys: made once, kept, and for the owner alone."""

import base64
import json
import stat
from pathlib import Path

import msgspec
import pytest

from tidegate.config import load
from tidegate.provision import SecretsError, open_secrets
from tidegate.provision.secrets import AddedSession


def test_generated_keys_look_like_those_clients_know(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    name, secret = secrets.key("ACME-1")
    assert len(name) == 56
    assert base64.b64decode(name, validate=True)
    assert len(secret) == 64
    assert len(secrets.secret("named")) == 64


def test_the_same_question_has_the_same_answer(tmp_path: Path) -> None:
    first = open_secrets(tmp_path)
    config = load("", first)
    named = first.secret("named")
    first.save()
    again = open_secrets(tmp_path)
    assert load("", again).keys == config.keys
    assert again.secret("named") == named
    assert again.key("other") != again.key("ACME-1")


def test_every_key_is_another(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    assert len({secrets.key(f"account-{number}") for number in range(50)}) == 50


def test_the_file_is_for_the_owner_and_whole(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    name, secret = secrets.key("A")
    assert list(tmp_path.iterdir()) == []
    secrets.save()
    (file,) = tmp_path.iterdir()
    assert file.name == "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == {
        "format": 1,
        "keys": {"A": {"api_key": name, "api_secret": base64.b64encode(secret).decode()}},
        "secrets": {},
        "added_keys": {},
        "added_sessions": [],
    }


def test_nothing_is_written_when_nothing_is_new(tmp_path: Path) -> None:
    open_secrets(tmp_path).save()
    assert list(tmp_path.iterdir()) == []
    secrets = open_secrets(tmp_path)
    secrets.key("A")
    secrets.save()
    inode = (tmp_path / "secrets.json").stat().st_ino
    again = open_secrets(tmp_path)
    again.key("A")
    again.save()
    assert (tmp_path / "secrets.json").stat().st_ino == inode


def test_what_is_not_asked_for_is_kept(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    kept = secrets.key("A")
    secrets.save()
    later = open_secrets(tmp_path)
    later.key("B")
    later.save()
    assert open_secrets(tmp_path).key("A") == kept


def test_a_mode_that_lets_others_read_is_mended(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    secrets.key("A")
    secrets.save()
    file = tmp_path / "secrets.json"
    file.chmod(0o644)
    open_secrets(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": 1, "keys": {"A": {"api_key": "k"}}}',
        '{"format": 1, "secrets": {"k": "hunter2!"}}',
        '{"format": 1, "keys": {"A": {"api_key": "k", "api_secret": "hunter2!"}}}',
        '{"format": 1, "other": 1}',
        '{"format": 2}',
    ],
)
def test_a_file_that_is_not_ours_is_neither_used_nor_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    with pytest.raises(SecretsError, match=r"secrets\.json (is damaged|has format 2)") as raised:
        open_secrets(tmp_path)
    assert "hunter2" not in str(raised.value)
    assert (tmp_path / "secrets.json").read_text() == text


def test_errors_of_the_system_are_told(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").mkdir()
    with pytest.raises(SecretsError, match="cannot be read: Is a directory"):
        open_secrets(tmp_path)
    secrets = open_secrets(tmp_path / "gone")
    secrets.key("A")
    with pytest.raises(SecretsError, match="cannot be written: No such file"):
        secrets.save()


def test_what_belongs_to_added_names_is_kept_and_replaced_by_name(tmp_path: Path) -> None:
    secrets = open_secrets(tmp_path)
    first = secrets.add_key("new")
    assert secrets.add_key("new") != first
    added = AddedSession(
        sender_comp_id="NOVA", target_comp_id="KRAKEN-TRD", networks=["10.0.0.0/8"],
        nonce_window_ms=5_000, tls="any",
    )  # fmt: skip
    secrets.add_session(added)
    later = msgspec.structs.replace(added, networks=["::1/128"])
    secrets.add_session(later)
    secrets.save()
    again = open_secrets(tmp_path)
    assert again.added_key("new") == secrets.added_key("new")
    assert again.added_key("old") is None
    assert again.added_session("NOVA", "KRAKEN-TRD") == later
    assert again.added_session("NOVA", "OTHER") is None


def test_a_damaged_secret_of_an_added_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"format": 1, "added_keys": {"new": "no base64!"}}')
    with pytest.raises(SecretsError, match="damaged"):
        open_secrets(tmp_path)
