"""Engine events as ExecutionReports (35=8), refusals as BusinessMessageRejects (35=j)."""

from __future__ import annotations

from typing import Final

from librt.strings import BytesWriter

from tidegate.engine.events import Event
from tidegate.engine.order import Order
from tidegate.model.orders import (
    BUY,
    EXEC_CANCELED,
    EXEC_REPLACED,
    EXEC_RESTATED,
    EXEC_TRADE,
    MARKET,
    PRICED_TYPES,
    STOP_LOSS,
    STOP_LOSS_LIMIT,
    TAKE_PROFIT,
    TAKE_PROFIT_LIMIT,
    TRAILING_STOP,
    TRAILING_STOP_LIMIT,
    exec_id_text,
    trade_id_text,
)
from tidegate.model.rejects import LAYER_ENGINE, Refusal
from tidegate.model.scaled import LOT_DECIMALS, MONEY_DECIMALS, POWERS_OF_TEN
from tidegate.wire.render import FrameWriter, put_decimal

_AVERAGE_DECIMALS = 10


_TRIGGER_WORDS: Final = {
    STOP_LOSS: b"stop loss ",
    STOP_LOSS_LIMIT: b"stop loss ",
    TAKE_PROFIT: b"take profit ",
    TAKE_PROFIT_LIMIT: b"take profit ",
    TRAILING_STOP: b"trailing stop ",
    TRAILING_STOP_LIMIT: b"trailing stop ",
}


def descriptor(writer: BytesWriter, order: Order, qty_lots: int) -> bytes:
    """The text of a New report of that quantity: `buy 0.25 BTC/USD @ limit 84000.5`, or
    `sell 1 BTC/USD @ stop loss 80000 -> limit 79900`. `writer` is scratch."""
    price_decimals = order.instrument.price_decimals
    writer.truncate(0)
    writer.write(b"buy " if order.side == BUY else b"sell ")
    if order.quote_money:
        put_decimal(writer, order.quote_money, MONEY_DECIMALS)
        writer.write(b" quote")
    else:
        put_decimal(writer, qty_lots, LOT_DECIMALS)
    writer.append(32)
    writer.write(order.symbol)
    writer.write(b" @ ")
    trigger = order.trigger
    if trigger is not None:
        writer.write(_TRIGGER_WORDS[trigger.kind])
        put_decimal(writer, trigger.distance or trigger.stop_price, price_decimals)
        if trigger.limit_distance or order.price:
            writer.write(b" -> limit ")
            put_decimal(writer, trigger.limit_distance or order.price, price_decimals)
    elif order.ord_type == MARKET:
        writer.write(b"market")
    else:
        writer.write(b"limit ")
        put_decimal(writer, order.price, price_decimals)
    return writer.getvalue()


def write_report(writer: FrameWriter, event: Event, exec_number: int, transact_time: bytes) -> None:
    """The body of an ExecutionReport, behind the header."""
    order = event.order
    exec_type = event.exec_type
    price_decimals = order.instrument.price_decimals
    _write_average(writer, event, price_decimals)
    writer.text(b"11=", event.cl_ord_id)
    _write_quantity(writer, b"14=", event, event.cum_lots, event.gross_money)
    writer.text(b"17=", exec_id_text(exec_number))
    if order.exec_inst:
        writer.text(b"18=", order.exec_inst)
    if exec_type == EXEC_TRADE:
        writer.decimal(b"31=", event.last_price, price_decimals)
        writer.decimal(b"32=", event.last_lots, LOT_DECIMALS)
    if event.orig_cl_ord_id and (exec_type == EXEC_CANCELED or exec_type == EXEC_REPLACED):
        writer.text(b"41=", event.orig_cl_ord_id)
    writer.text(b"37=", order.order_id)
    writer.text(b"55=", order.symbol)
    writer.char(b"54=", order.side)
    writer.char(b"40=", event.ord_type)
    if event.ord_type in PRICED_TYPES:
        writer.decimal(b"44=", event.price, price_decimals)
    writer.char(b"59=", order.time_in_force)
    _write_quantity(writer, b"38=", event, event.qty_lots, order.quote_money)
    writer.char(b"39=", event.ord_status)
    if event.text:
        writer.text(b"58=", event.text)
    writer.text(b"60=", transact_time)
    if order.alloc_account:
        writer.raw(b"78=1\x01")
        writer.text(b"79=", order.alloc_account)
    if event.stop_price:
        writer.decimal(b"99=", event.stop_price, price_decimals)
    if exec_type == EXEC_TRADE:
        _write_money(writer, event)
    writer.char(b"150=", exec_type)
    left = 0 if event.leaves_lots == 0 else order.quote_money - event.gross_money
    _write_quantity(writer, b"151=", event, event.leaves_lots, left)
    if exec_type == EXEC_RESTATED:
        writer.raw(b"378=3\x01")
    writer.decimal(b"381=", event.gross_money, MONEY_DECIMALS)
    if exec_type == EXEC_TRADE:
        writer.uint(b"527=", event.pair_trade_number)
        writer.text(b"1003=", trade_id_text(event.trade_number))
    if event.trigger_price:
        writer.decimal(b"1102=", event.trigger_price, price_decimals)
    if event.display_lots:
        writer.decimal(b"1138=", event.display_lots, LOT_DECIMALS)
    if exec_type == EXEC_TRADE:
        writer.uint(b"5050=", event.liquidity)


def _write_quantity(
    writer: FrameWriter, prefix: bytes, event: Event, lots: int, money: int
) -> None:
    """A quantity in the base asset, or in the quote asset where the order was entered so (18=v)."""
    if event.order.quote_money:
        writer.decimal(prefix, money, MONEY_DECIMALS)
    else:
        writer.decimal(prefix, lots, LOT_DECIMALS)


def _write_average(writer: FrameWriter, event: Event, price_decimals: int) -> None:
    """AvgPx (6): exact where it is a price, else rounded half up to ten decimals."""
    cum_lots = event.cum_lots
    if cum_lots == 0:
        writer.raw(b"6=0\x01")
    elif event.value % cum_lots == 0:
        writer.decimal(b"6=", event.value // cum_lots, price_decimals)
    else:
        scaled = event.value * POWERS_OF_TEN[_AVERAGE_DECIMALS - price_decimals]
        writer.decimal(b"6=", (2 * scaled + cum_lots) // (2 * cum_lots), _AVERAGE_DECIMALS)


def _write_money(writer: FrameWriter, event: Event) -> None:
    """NetMoney of the trade, and the fees of the order so far (the dialect's running total), or of
    the trade alone where the order asks for that (18=s)."""
    writer.decimal(b"118=", event.last_money, MONEY_DECIMALS)
    if event.last_fee_money > 0:
        writer.raw(b"136=1\x01")
        fee = event.last_fee_money if event.order.single_fee else event.fee_money
        writer.decimal(b"137=", fee, MONEY_DECIMALS)
        writer.text(b"138=", event.fee_asset.encode())
        writer.raw(b"139=4\x01891=2\x01")


def write_business_reject(
    writer: FrameWriter, refusal: Refusal, msg_seq_num: int, msg_type: bytes, cl_ord_id: bytes
) -> None:
    """The body of a BusinessMessageReject. RefSeqNum (45) is 0 where the engine refused: it has
    never seen the message; clients go by BusinessRejectRefID (379)."""
    rule = refusal.rule
    writer.uint(b"45=", 0 if rule.layer == LAYER_ENGINE else msg_seq_num)
    writer.text(b"58=", refusal.text)
    writer.text(b"372=", msg_type)
    writer.text(b"379=", cl_ord_id or b"0")
    writer.uint(b"380=", rule.code)
