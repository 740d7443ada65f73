"""An order as the engine holds it, from acceptance to its end."""

from __future__ import annotations

from mypy_extensions import mypyc_attr

from tidegate.model.codec import Decoder, Encoder
from tidegate.model.instruments import Instrument
from tidegate.model.orders import BUY, LAST_TRADE, LIVE, order_id_text


@mypyc_attr(acyclic=True)
class Trigger:
    """What an order waits for. `kind` is the OrdType (40) it was entered with. `stop_price` is the
    price that fires it: given, or, with a `distance` that it trails by, what follows from `best`,
    the best reference seen (0: none yet). `limit_distance` is how far beyond the trigger price the
    limit of a trailing-stop-limit is. `fired_price` is the reference that fired it, 0 before."""

    def __init__(
        self,
        *,
        kind: int,
        stop_price: int,
        reference: int = LAST_TRADE,
        distance: int = 0,
        limit_distance: int = 0,
    ) -> None:
        self.kind = kind
        self.reference = reference
        self.stop_price = stop_price
        self.distance = distance
        self.limit_distance = limit_distance
        self.best = 0
        self.fired_price = 0

    def save(self, encoder: Encoder) -> None:
        encoder.uint(self.kind)
        encoder.uint(self.stop_price)
        encoder.uint(self.reference)
        encoder.uint(self.distance)
        encoder.uint(self.limit_distance)
        encoder.uint(self.best)
        encoder.uint(self.fired_price)

    @staticmethod
    def load(decoder: Decoder) -> Trigger:
        trigger = Trigger(
            kind=decoder.uint(),
            stop_price=decoder.uint(),
            reference=decoder.uint(),
            distance=decoder.uint(),
            limit_distance=decoder.uint(),
        )
        trigger.best = decoder.uint()
        trigger.fired_price = decoder.uint()
        return trigger


@mypyc_attr(acyclic=True)
class Order:
    """Prices in the instrument's price units, quantities in lots, money in 1e-10 of its asset.

    `session` and `epoch` say where the order was entered: the session's index and the number of
    its current life between two resets of its sequence numbers. `previous`, `next`, `resting` and
    `place` belong to the book in which the order rests, `is_open` to the index of open orders.

    `stage` is SCHEDULED, UNTRIGGERED or LIVE; `trigger` stays when it has fired. Of an iceberg
    `display_lots` is what it shows at a time and `hidden_lots` what it hides now; both are 0
    otherwise. `quote_money` is what an order with 18=v may spend. Times are 0 where there is none.
    """

    def __init__(
        self,
        *,
        number: int,
        account: int,
        session: int,
        epoch: int,
        instrument: Instrument,
        side: int,
        ord_type: int,
        time_in_force: int,
        price: int,
        qty_lots: int,
        post_only: bool,
        stp_mode: int,
        stp_group: bytes,
        cl_ord_id: bytes,
        symbol: bytes,
        exec_inst: bytes,
        alloc_account: bytes,
        maker_rate: int,
        taker_rate: int,
        entered_ns: int,
        trigger: Trigger | None = None,
        display_lots: int = 0,
        quote_money: int = 0,
        fee_in_base: bool | None = None,
        single_fee: bool = False,
        margin: bool = False,
        reduce_only: bool = False,
        effective_ns: int = 0,
        expire_ns: int = 0,
        valid_until_ns: int = 0,
    ) -> None:
        self.number = number
        self.order_id: bytes = order_id_text(number)
        self.account = account
        self.session = session
        self.epoch = epoch
        self.instrument = instrument
        self.side = side
        self.ord_type = ord_type
        self.time_in_force = time_in_force
        self.price = price  # 0 on market orders
        self.qty_lots = qty_lots
        self.post_only = post_only
        self.stp_mode = stp_mode
        self.stp_group = stp_group  # orders of one group never trade with each other
        self.cl_ord_id = cl_ord_id  # the latest accepted request's
        self.orig_cl_ord_id: bytes = b""  # the one before
        self.symbol = symbol  # as entered; may be an alias
        self.exec_inst = exec_inst  # as entered
        self.alloc_account = alloc_account
        self.maker_rate = maker_rate  # millionths
        self.taker_rate = taker_rate
        self.entered_ns = entered_ns
        self.trigger = trigger
        self.display_lots = display_lots
        self.quote_money = quote_money
        # A side pays in the asset that it gives, unless it says otherwise.
        self.fee_in_base = side != BUY if fee_in_base is None else fee_in_base
        if margin:
            self.fee_in_base = False
        self.single_fee = single_fee  # reports tell each trade's fee, not the running total
        self.margin = margin
        self.reduce_only = reduce_only
        self.effective_ns = effective_ns
        self.expire_ns = expire_ns
        self.valid_until_ns = valid_until_ns  # on arrival; not kept
        self.stage = LIVE
        self.aged_ns = entered_ns  # from when its age counts: entry, or the latest amend
        self.queued_ns = 0  # since when it has its place in the queue of its price
        self.hidden_lots = 0
        self.cum_lots = 0
        self.value = 0  # sum of price x lots over the fills, for AvgPx
        self.gross_money = 0  # quote money of the fills, as the ledger moved it
        self.fee_money = 0  # fees of the fills, in the fee's asset
        self.held_money = 0  # what the ledger holds for it now
        self.leverage = 0  # of a margin order: the account's when it was admitted, ...
        self.margin_price = 0  # ... the hold price, ...
        self.opening_lots = 0  # ... what of its leaves opens, ...
        self.borrowed_money = 0  # ... and what it may still borrow of the asset that it pays with
        self.amended = False
        self.is_open = False
        self.resting = False
        self.place = 0  # in the book's order of arrival, while it rests: later is behind
        self.previous: Order | None = None
        self.next: Order | None = None

    @property
    def leaves_lots(self) -> int:
        return self.qty_lots - self.cum_lots

    def save(self, encoder: Encoder) -> None:
        """Everything but the instrument and the place in the book, which the book's own layout
        tells."""
        encoder.uint(self.number)
        encoder.uint(self.account)
        encoder.sint(self.session)
        encoder.uint(self.epoch)
        encoder.uint(self.side)
        encoder.uint(self.ord_type)
        encoder.uint(self.time_in_force)
        encoder.uint(self.price)
        encoder.uint(self.qty_lots)
        encoder.flag(value=self.post_only)
        encoder.uint(self.stp_mode)
        encoder.blob(self.stp_group)
        encoder.blob(self.cl_ord_id)
        encoder.blob(self.symbol)
        encoder.blob(self.exec_inst)
        encoder.blob(self.alloc_account)
        encoder.uint(self.maker_rate)
        encoder.uint(self.taker_rate)
        encoder.uint(self.entered_ns)
        encoder.flag(value=self.trigger is not None)
        if self.trigger is not None:
            self.trigger.save(encoder)
        encoder.uint(self.display_lots)
        encoder.uint(self.quote_money)
        encoder.flag(value=self.fee_in_base)
        encoder.flag(value=self.single_fee)
        encoder.flag(value=self.margin)
        encoder.flag(value=self.reduce_only)
        encoder.uint(self.effective_ns)
        encoder.uint(self.expire_ns)
        encoder.uint(self.stage)
        encoder.uint(self.aged_ns)
        encoder.uint(self.queued_ns)
        encoder.uint(self.hidden_lots)
        encoder.blob(self.orig_cl_ord_id)
        encoder.uint(self.cum_lots)
        encoder.uint(self.value)
        encoder.uint(self.gross_money)
        encoder.uint(self.fee_money)
        encoder.uint(self.held_money)
        if self.margin:
            encoder.uint(self.leverage)
            encoder.uint(self.margin_price)
            encoder.uint(self.opening_lots)
            encoder.uint(self.borrowed_money)
        encoder.flag(value=self.amended)

    @staticmethod
    def load(decoder: Decoder, instrument: Instrument) -> Order:
        """An order that does not rest yet. Raises `CodecError`."""
        order = Order(
            number=decoder.uint(),
            account=decoder.uint(),
            session=decoder.sint(),
            epoch=decoder.uint(),
            instrument=instrument,
            side=decoder.uint(),
            ord_type=decoder.uint(),
            time_in_force=decoder.uint(),
            price=decoder.uint(),
            qty_lots=decoder.uint(),
            post_only=decoder.flag(),
            stp_mode=decoder.uint(),
            stp_group=decoder.blob(),
            cl_ord_id=decoder.blob(),
            symbol=decoder.blob(),
            exec_inst=decoder.blob(),
            alloc_account=decoder.blob(),
            maker_rate=decoder.uint(),
            taker_rate=decoder.uint(),
            entered_ns=decoder.uint(),
            trigger=Trigger.load(decoder) if decoder.flag() else None,
            display_lots=decoder.uint(),
            quote_money=decoder.uint(),
            fee_in_base=decoder.flag(),
            single_fee=decoder.flag(),
            margin=decoder.flag(),
            reduce_only=decoder.flag(),
            effective_ns=decoder.uint(),
            expire_ns=decoder.uint(),
        )
        order.stage = decoder.uint()
        order.aged_ns = decoder.uint()
        order.queued_ns = decoder.uint()
        order.hidden_lots = decoder.uint()
        order.orig_cl_ord_id = decoder.blob()
        order.cum_lots = decoder.uint()
        order.value = decoder.uint()
        order.gross_money = decoder.uint()
        order.fee_money = decoder.uint()
        order.held_money = decoder.uint()
        if order.margin:
            order.leverage = decoder.uint()
            order.margin_price = decoder.uint()
            order.opening_lots = decoder.uint()
            order.borrowed_money = decoder.uint()
        order.amended = decoder.flag()
        return order
