"""API keys and secrets that a configuration leaves to be generated: made once, then kept."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
from pathlib import Path
from typing import Final

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


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    keys: dict[str, _GeneratedKey] = {}  # by account
    secrets: dict[str, str] = {}  # by the name of a key that the configuration has


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
        for text in content.secrets.values():
            base64.b64decode(text, validate=True)
    except (msgspec.DecodeError, binascii.Error):
        # Without the parser's words: they may repeat a part of a secret.
        raise SecretsError(f"{path} is damaged; restore it, or remove it for new keys") from None
    if content.format != FORMAT_VERSION:
        raise SecretsError(
            f"{path} has format {content.format}; this version reads format {FORMAT_VERSION}"
        )
    return Secrets(path, content)


def _new_text(length: int) -> str:
    return base64.b64encode(secrets.token_bytes(length)).decode()
