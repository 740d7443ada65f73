"""A session's settings on their way to the process of the feeds: hexadecimal of their canonical
bytes."""

from __future__ import annotations

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.settings import SessionSettings


def settings_text(settings: SessionSettings) -> str:
    encoder = Encoder()
    settings.save(encoder)
    return encoder.value().hex()


def settings_of(text: str) -> SessionSettings:
    """What `settings_text` was given."""
    return SessionSettings.load(Decoder(bytes.fromhex(text)))
