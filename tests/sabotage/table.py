"""Deliberate sabotages: each a change of the venue's source that a tired programmer could make.

An edit names a file under `src/tidegate`, the exact text, and what stands there instead. Where a
text is no longer there once, the script that applies it fails loudly: the table must follow the
source.
"""

from __future__ import annotations

from dataclasses import dataclass

Edit = tuple[str, str, str]


@dataclass(frozen=True)
class Sabotage:
    """`name` says what is wrong, `edits` do it. Some need a disk that loses just the right bytes:
    the `crashes` are all of them, where a seed would have to be lucky."""

    name: str
    edits: tuple[Edit, ...]
    crashes: bool = False


def one(name: str, file: str, old: str, new: str) -> Sabotage:
    return Sabotage(name, ((file, old, new),))


_APPEND = "        try:\n            position = self._journal.append(payload, record_count)\n"
_LINK_DOWN = "        self._record(records.LINK_DOWN"
_SYNC = "                for file in files:\n                    self._storage.fdatasync(file)\n"

SABOTAGES = (
    Sabotage(
        "publish before append",
        (
            (
                "service.py",
                _APPEND,
                "        if not self._disk:\n"
                "            self._publish(self._journal.tail_position + 48)\n" + _APPEND,
            ),
            (
                "service.py",
                "        else:\n            self._publish(position)\n",
                "        else:\n",
            ),
        ),
    ),
    one(
        "publish before sync",
        "service.py",
        "        if self._disk:\n            self._unpublished.append(",
        "        if self._disk and not payload:\n            self._unpublished.append(",
    ),
    one(
        "number advanced before append",
        "service.py",
        "        return self._venue.refused_logon(session, request, text, ",
        "        if session >= 0:\n"
        "            self._venue.sessions[session].next_outgoing += 1\n"
        "        return self._venue.refused_logon(session, request, text, ",
    ),
    one(
        "forget the fence",
        "venue/machine.py",
        "            if session.link != link:\n                return\n            self._input(",
        "            if session.link == 0:\n                return\n            self._input(",
    ),
    one(
        "gap fill off by one",
        "session/resend.py",
        "gap_fill(self.comp_ids, self._gap_start, new_number, sending_time)",
        "gap_fill(self.comp_ids, self._gap_start, new_number + 1, sending_time)",
    ),
    one(
        "cancel on disconnect for a past link",
        "venue/machine.py",
        "        if session.link != link:\n            return\n" + _LINK_DOWN,
        "        if session.link == 0:\n            return\n" + _LINK_DOWN,
    ),
    one(
        "cancel on disconnect after a logout",
        "venue/disconnects.py",
        "            return\n        if not life.cancel_on_disconnect:",
        "        if not life.cancel_on_disconnect:",
    ),
    one(
        "orders of a client that came back within the grace time are cancelled",
        "venue/disconnects.py",
        "        life.api_key = api_key\n        life.grace_until_ns = 0",
        "        life.api_key = api_key",
    ),
    one(
        "grace time not restored",
        "venue/disconnects.py",
        "        life.grace_until_ns = decoder.uint()",
        "        decoder.uint()",
    ),
    one(
        "a skipped number is transmitted",
        "venue/session_controls.py",
        "            venue.withhold(session, number, session.use_up_number(time_ns))",
        "            venue.send(session, number, session.use_up_number(time_ns))",
    ),
    one(
        "8674 not inverted",
        "venue/machine.py",
        "            choice == 48 if choice else",
        "            choice == 49 if choice else",
    ),
    one(
        "hold released twice",
        "engine/matching.py",
        "held_asset(order), order.held_money)\n            order.held_money = 0",
        "held_asset(order), order.held_money)\n"
        "            twice = min(order.held_money, self._ledger.held(order.account,"
        " held_asset(order)))\n"
        "            self._ledger.release(order.account, held_asset(order), twice)\n"
        "            order.held_money = 0",
    ),
    one(
        "fee credited twice",
        "engine/ledger.py",
        "self._balance(FEES, asset).available += fee",
        "self._balance(FEES, asset).available += 2 * fee",
    ),
    one(
        "orders at the same price do not match",
        "engine/book.py",
        "        if best is None or not opposite.within(best.price, limit):",
        "        if best is None or best.price == limit or not opposite.within(best.price, limit):",
    ),
    one(
        "retry after a failed sync",
        "journal/log.py",
        _SYNC,
        "                for file in files:\n"
        "                    try:\n"
        "                        self._storage.fdatasync(file)\n"
        "                    except OSError:\n"
        "                        self._storage.fdatasync(file)\n",
    ),
    one(
        "sync covers the last segment only",
        "journal/log.py",
        _SYNC,
        _SYNC.replace("files", "files[-1:]"),
    ),
    one(
        "name of a new segment not synced",
        "journal/log.py",
        "                if created_count != self._created_synced_count:",
        "                if created_count < self._created_synced_count:",
    ),
    one(
        "torn tail kept",
        "journal/recovery.py",
        "        segments = _cut(storage, segments, broken.position)\n",
        "        tail_position = segments[-1].end_position\n",
    ),
    Sabotage(
        "checksum of a batch not looked at",
        (
            (
                "journal/layout.py",
                "    return crc32(payload, crc32(fields)) == header.crc",
                "    return len(fields) > 0",
            ),
        ),
        crashes=True,
    ),
    Sabotage(
        "snapshot before publish",
        (
            (
                "service.py",
                "        if self._unpublished:\n            # Histories",
                "        if self._closed:\n            # Histories",
            ),
            ("recovery.py", "    assert venue.histories_complete(), ", "    assert venue, "),
        ),
    ),
    one(
        "snapshot renamed before it is synced",
        "journal/snapshot.py",
        "        storage.fdatasync(file)\n    finally:",
        "    finally:",
    ),
    one(
        "resend without 43",
        "session/resend.py",
        r'            b"\x0143=Y\x01122=",',
        r'            b"\x01122=",',
    ),
    one(
        "watermark of ClOrdIDs not restored",
        "oes/cl_ord_id.py",
        "        self.watermark = decoder.uint()",
        "        decoder.uint()",
    ),
    one(
        "nonces not restored",
        "venue/saving.py",
        "        venue.last_nonces[api_key] = decoder.uint()",
        "        decoder.uint()",
    ),
    one(
        "token bucket not restored",
        "oes/token_bucket.py",
        "        self._level = decoder.uint()",
        "        self._level = min(decoder.uint(), 0)",
    ),
    one(
        "self-trade group lost over a restart",
        "engine/order.py",
        "            stp_group=decoder.blob(),",
        "            stp_group=decoder.blob()[:0],",
    ),
    one(
        "epoch not raised by a reset",
        "session/machine.py",
        "        self.epoch += 1\n",
        "",
    ),
    one(
        "a slow reader loses a message",
        "gateway/outbound.py",
        "        self._following = True\n\n    def resume",
        "        self._following = True\n        self._next_number += 1\n\n    def resume",
    ),
    one(
        "expiry lost over a restart",
        "engine/order.py",
        "            expire_ns=decoder.uint(),",
        "            expire_ns=min(decoder.uint(), 0),",
    ),
    one(
        "time of activation lost over a restart",
        "engine/order.py",
        "            effective_ns=decoder.uint(),",
        "            effective_ns=min(decoder.uint(), 0),",
    ),
    one(
        "hidden part of an iceberg not restored",
        "engine/order.py",
        "        order.hidden_lots = decoder.uint()",
        "        decoder.uint()",
    ),
    one(
        "what is due is left to the next tick",
        "venue/machine.py",
        "        if self.engine.due_ns <= self.now_ns:",
        "        if kind == records.TICK and self.engine.due_ns <= self.now_ns:",
    ),
    one(
        "a level counts what icebergs hide",
        "engine/book.py",
        "        self.total_lots += order.leaves_lots - order.hidden_lots\n        self.count += 1",
        "        self.total_lots += order.leaves_lots\n        self.count += 1",
    ),
    one(
        "margin of a position not restored",
        "engine/positions.py",
        "            position.margin_money = decoder.uint()",
        "            decoder.uint()",
    ),
)
