"""What a turn asks of the world, once it is durable."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

# Kinds of dispatch
WRITE: Final = 0  # write `data`: messages `first` to `last` of the session
SWEEP: Final = 1  # send messages `first` to `last` once more (`session.resend.Sweep`)
SKIP: Final = 2  # messages `first` to `last` are never written: their numbers are used up
CUT: Final = 3  # close the link once everything before is written; `data` is the reason
ANSWER: Final = 4  # write `data` and close: the link never became the session's


@mypyc_attr(acyclic=True)
class Dispatch:
    """One thing to do on one link. Things on one link are done in the order given."""

    def __init__(
        self, kind: int, link: int, session: int, first: int, last: int, data: bytes
    ) -> None:
        self.kind = kind
        self.link = link
        self.session = session
        self.first = first
        self.last = last
        self.data = data


class RefusalNote:
    """One refusal, for the log: which layer and rule, whatever the wire shows."""

    def __init__(
        self,
        session: int,
        layer: int,
        rule: bytes,
        text: bytes,
        msg_type: bytes,
        msg_seq_num: int,
        cl_ord_id: bytes,
    ) -> None:
        self.session = session
        self.layer = layer
        self.rule = rule
        self.text = text
        self.msg_type = msg_type
        self.msg_seq_num = msg_seq_num
        self.cl_ord_id = cl_ord_id


class SessionNote:
    """A session came up or ended, for the log."""

    def __init__(self, session: int, link: int, happening: bytes, reason: bytes) -> None:
        self.session = session
        self.link = link
        self.happening = happening
        self.reason = reason
