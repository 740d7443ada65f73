"""The words of an order's life, as FIX spells them.

Single-character fields are kept as the character's code (`ord`), so that they are plain integers in
the core and go to the wire as they are.
"""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter
from mypy_extensions import i64, u8

# Side (54)
BUY: Final = 49  # 1
SELL: Final = 50  # 2

# OrdType (40)
MARKET: Final = 49  # 1
LIMIT: Final = 50  # 2
STOP_LOSS: Final = 51  # 3
STOP_LOSS_LIMIT: Final = 52  # 4
TAKE_PROFIT: Final = 82  # R
TAKE_PROFIT_LIMIT: Final = 84  # T
TRAILING_STOP: Final = 85  # U
TRAILING_STOP_LIMIT: Final = 86  # V

TRIGGER_TYPES: Final = (
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
)
PRICED_TYPES: Final = (LIMIT, STOP_LOSS_LIMIT, TAKE_PROFIT_LIMIT, TRAILING_STOP_LIMIT)  # have 44

# TimeInForce (59)
GTC: Final = 49  # 1
IOC: Final = 51  # 3
FOK: Final = 52  # 4
GTD: Final = 54  # 6

# DiscretionInst (388): the reference price of a trigger
INDEX_PRICE: Final = 1
LAST_TRADE: Final = 5

# OrdStatus (39)
STATUS_NEW: Final = 48  # 0
STATUS_PARTIALLY_FILLED: Final = 49  # 1
STATUS_FILLED: Final = 50  # 2
STATUS_CANCELED: Final = 52  # 4
STATUS_REPLACED: Final = 53  # 5
STATUS_PENDING_NEW: Final = 65  # A
STATUS_EXPIRED: Final = 67  # C
STATUS_PENDING_REPLACE: Final = 69  # E

# ExecType (150)
EXEC_NEW: Final = 48  # 0
EXEC_CANCELED: Final = 52  # 4
EXEC_REPLACED: Final = 53  # 5
EXEC_PENDING_NEW: Final = 65  # A
EXEC_EXPIRED: Final = 67  # C
EXEC_RESTATED: Final = 68  # D
EXEC_TRADE: Final = 70  # F
EXEC_STATUS: Final = 73  # I

# SelfTradePrevention (7928)
STP_CANCEL_BOTH: Final = 0
STP_CANCEL_NEWEST: Final = 1
STP_CANCEL_OLDEST: Final = 2

# Stages of an open order (docs/spot-orders.md)
SCHEDULED: Final = 0  # EffectiveTime lies ahead
UNTRIGGERED: Final = 1  # waits for a reference price
LIVE: Final = 2  # matches, and rests if it may

# LiquidityInd (5050)
MAKER: Final = 0
TAKER: Final = 1

ID_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def _put_base32(writer: BytesWriter, number: i64, width: i64) -> None:
    """The last `width` digits of a number in base 32."""
    shift = 5 * (width - 1)
    while shift >= 0:
        place: i64 = (number >> shift) & 31
        # A to Z, then 2 to 7 (`ID_ALPHABET`), by arithmetic: this is done for every report.
        writer.append(u8(65 + place if place < 26 else 24 + place))
        shift -= 5


def _grouped(prefix: bytes, number: i64) -> bytes:
    """Kraken's shape of an identifier: a letter, then groups of 5, 5 and 6 characters. Numbers
    have 63 bits, so the first three characters are always A."""
    writer = BytesWriter()
    writer.write(prefix)
    _put_base32(writer, number >> 55, 5)
    writer.append(45)
    _put_base32(writer, (number >> 30) & 0x1FFFFFF, 5)
    writer.append(45)
    _put_base32(writer, number & 0x3FFFFFFF, 6)
    return writer.getvalue()


def order_id_text(order_number: int) -> bytes:
    """OrderID (37) of an order's number: `OAAAAA-AAAAA-AAAAAB` is order 1. The number can be read
    back (`order_number`), so no table is needed to find an order by its OrderID."""
    return _grouped(b"O", order_number)


def trade_id_text(trade_number: int) -> bytes:
    """TradeID (1003) of a trade's number."""
    return _grouped(b"T", trade_number)


def exec_id_text(exec_number: int) -> bytes:
    """ExecID (17): the report's number in base 32 and the gateway's tag. Numbers never restart,
    so an ExecID is unique for the life of the journal."""
    writer = BytesWriter()
    _put_base32(writer, exec_number, 10)
    writer.write(b":T01")
    return writer.getvalue()


def order_number(order_id: bytes) -> int:
    """The number in an OrderID, 0 where the text is not one of ours (no order has number 0)."""
    if len(order_id) != 19 or order_id[:1] != b"O":
        return 0
    if order_id[6:7] != b"-" or order_id[12:13] != b"-":
        return 0
    number = 0
    for code in order_id[1:6] + order_id[7:12] + order_id[13:]:
        place = ID_ALPHABET.find(code)
        if place < 0:
            return 0
        number = number << 5 | place
    return number
