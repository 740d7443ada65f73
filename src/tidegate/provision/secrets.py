"""What the gateway must know and the journal must not: API keys and secrets that a configuration
leaves to be generated, made once, then kept; and what belongs to keys and sessions that operators
have added while the venue ran."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Final, Literal

import msgspec

from tidegate.provision.files import SECRET_FILE_MODE, ProvisionError, write_atomically

FILE_NAME: Final = "secrets.json"
FORMAT_VERSION: Final = 1

_SECRET_BYTES: Final = 64
_KEY_NAME_BYTES: Final = 42  # 56 base64 characters without padding, as clients know them


class SecretsError(ProvisionError):
    """The file of secrets cannot be used. It is never replaced by new ones: clients have those."""


class _GeneratedKey(msgspec.Struct, forbid_unknown_fields=True):
    api_key: str
    api_secret: str


class AddedSession(msgspec.Struct, forbid_unknown_fields=True):
    """From where and how a session that an operator has added may log on."""

    sender_comp_id: str
    target_comp_id: str
    networks: list[str]
    nonce_window_ms: int
    tls: Literal["required", "any"]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    keys: dict[str, _GeneratedKey] = {}  # by account
    secrets: dict[str, str] = {}  # by the name of a key that the configuration has
    added_keys: dict[str, str] = {}  # secrets by name; the venue's state says which of them count
    added_sessions: list[AddedSession] = []


class Secrets:
    """The generated keys of one data directory; a `tidegate.config.SecretSource`. New ones are
    durable only after `save`."""

    def __init__(self, path: Path, content: _File) -> None:
        self._path = path
        self._content = content
        self._changed = False

    def key(self, account: str) -> tuple[str, bytes]:
        """Name and secret of the key generated for `account`."""
        generated = self._content.keys.get(account)
        if generated is None:
            generated = _GeneratedKey(_new_text(_KEY_NAME_BYTES), _new_text(_SECRET_BYTES))
            self._content.keys[account] = generated
            self._changed = True
        return generated.api_key, base64.b64decode(generated.api_secret)

    def secret(self, name: str) -> bytes:
        """The secret generated for the key `name`."""
        text = self._content.secrets.get(name)
        if text is None:
            text = _new_text(_SECRET_BYTES)
            self._content.secrets[name] = text
            self._changed = True
        return base64.b64decode(text)

    def add_key(self, name: str) -> str:
        """A new secret for a key that an operator adds, as base64. One that was kept for the name
        belongs to an addition that did not come to its end, and is replaced."""
        self._content.added_keys[name] = _new_text(_SECRET_BYTES)
        self._changed = True
        return self._content.added_keys[name]

    def added_key(self, name: str) -> bytes | None:
        """The secret of a key that an operator has added; None where it was lost."""
        text = self._content.added_keys.get(name)
        return None if text is None else base64.b64decode(text)

    def add_session(self, added: AddedSession) -> None:
        """In the place of what was kept for its CompIDs."""
        self._content.added_sessions = [
            known
            for known in self._content.added_sessions
            if (known.sender_comp_id, known.target_comp_id)
            != (added.sender_comp_id, added.target_comp_id)
        ]
        self._content.added_sessions.append(added)
        self._changed = True

    def added_session(self, sender_comp_id: str, target_comp_id: str) -> AddedSession | None:
        """What belongs to a session that an operator has added; None where it was lost."""
        for added in self._content.added_sessions:
            if (added.sender_comp_id, added.target_comp_id) == (sender_comp_id, target_comp_id):
                return added
        return None

    def save(self) -> None:
        """Writes the file if something was generated since. Nothing is ever taken out: a key that
        the configuration drops for a while comes back the same. Raises `SecretsError`."""
        if not self._changed:
            return
        data = msgspec.json.format(msgspec.json.encode(self._content), indent=2) + b"\n"
        try:
            write_atomically(self._path, data, SECRET_FILE_MODE)
        except OSError as error:
            raise SecretsError(f"{self._path} cannot be written: {error.strerror}") from error
        self._changed = False


def open_secrets(directory: Path) -> Secrets:
    """The secrets kept in the data directory, none at first. Raises `SecretsError` for a file that
    cannot be read or is damaged."""
    path = directory / FILE_NAME
    try:
        data = path.read_bytes()
        if path.stat().st_mode & 0o077:
            os.chmod(path, SECRET_FILE_MODE)  # restored from a backup, say
    except FileNotFoundError:
        return Secrets(path, _File(format=FORMAT_VERSION))
    except OSError as error:
        raise SecretsError(f"{path} cannot be read: {error.strerror}") from error
    try:
        content = msgspec.json.decode(data, type=_File)
        for text in [key.api_secret for key in content.keys.values()]:
            base64.b64decode(text, validate=True)
        for text in [*content.secrets.values(), *content.added_keys.values()]:
            base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, binascii.Error):
        # Without the parser's words: they may repeat a part of a secret.
        raise SecretsError(f"{path} is damaged; restore it, or remove it for new keys") from None
    if content.format != FORMAT_VERSION:
        raise SecretsError(
            f"{path} has format {content.format}; this version reads format {FORMAT_VERSION}"
        )
    return Secrets(path, content)


def new_key_name() -> str:
    """A name for an API key, as clients know them."""
    return _new_text(_KEY_NAME_BYTES)


def _new_text(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode()
