"""The venue's whole state as bytes: what a snapshot holds, and what a digest is taken of.

Canonical: equal states give equal bytes. What can be computed from the rest (deadlines, indexes) is
not written. Reader and writer of each part stand with the part; here is their order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.settings import VenueSettings

if TYPE_CHECKING:
    from tidegate.venue.machine import Venue

_SAVED_FORMAT: Final = 5


def save_venue(venue: Venue) -> bytes:
    """The state of a venue that is between two turns."""
    encoder = Encoder()
    encoder.uint(_SAVED_FORMAT)
    encoder.blob(venue.settings_bytes)
    encoder.uint(venue.now_ns)
    encoder.uint(venue.last_link)
    venue.operated.save(encoder)
    venue.rollover.save(encoder)
    encoder.uint(len(venue.last_nonces))
    for api_key, nonce in venue.last_nonces.items():
        encoder.blob(api_key)
        encoder.uint(nonce)
    encoder.uint(len(venue.instruments))
    for instrument in venue.instruments.values():
        instrument.save(encoder)
    encoder.uint(len(venue.directory.accounts))
    for account in venue.directory.accounts:
        account.settings.save(encoder)
    encoder.uint(len(venue.sessions))
    for index, session in enumerate(venue.sessions):
        session.settings.save(encoder)
        session.save(encoder)
        venue.order_entry.books[index].save(encoder)
        venue.disconnects.save(index, encoder)
    venue.order_entry.rates.save(encoder, venue.now_ns)
    venue.trading.save(encoder)
    venue.engine.save(encoder)
    return encoder.value()


def load_venue(venue: Venue, saved: bytes) -> None:
    """Bring a new venue to a saved state. Raises `ValueError` for bytes that this version does not
    read."""
    decoder = Decoder(saved)
    if decoder.uint() != _SAVED_FORMAT:
        raise ValueError("the snapshot was written by another version")
    settings_bytes = decoder.blob()
    venue.now_ns = decoder.uint()
    venue.last_link = decoder.uint()
    venue.operated.load(decoder)
    venue.rollover.load(decoder)
    for _ in range(decoder.uint()):
        api_key = decoder.blob()
        venue.last_nonces[api_key] = decoder.uint()
    for _ in range(decoder.uint()):
        instrument = Instrument.load(decoder)
        venue.instruments[instrument.symbol] = instrument
        venue.engine.add_instrument(instrument)
    venue.directory.load_accounts(decoder)
    # Sessions that the settings no longer name come first into their places, by their order.
    saved_sessions = decoder.uint()
    for index in range(saved_sessions):
        venue.directory.load_session(decoder)
        venue.adopt_sessions()
        venue.sessions[index].load(decoder)
        venue.order_entry.books[index].load(decoder)
        venue.disconnects.load(index, decoder)
    venue.adopt(settings_bytes, VenueSettings.decode(settings_bytes))
    venue.order_entry.rates.load(decoder)
    venue.trading.load(decoder)
    venue.engine.load(decoder)
    if not decoder.at_end():
        raise ValueError("the snapshot holds more than this version reads")
