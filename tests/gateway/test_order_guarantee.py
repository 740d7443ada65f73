"""Requests of a session reach the engine in the order in which they were sent, over lines that are
cut anywhere and displaced, with nothing waited for. No cancel overtakes its order."""

from __future__ import annotations

import random
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.app.venue import Venue
from tests.peers.socket_peer import Frame, Peer, parse, utc_now
from tidegate.journal import SEGMENT_BYTES_MAX, Journal
from tidegate.journal.storage import OsStorage
from tidegate.recovery import JOURNAL_DIRECTORY
from tidegate.venue import records
from tidegate.venue.records import Record, read_records

SESSIONS = ["ACME-1", "ACME-2", "ACME-3", "ACME-4"]
LINKS = 24  # of each session, one after the other
PAIRS = 80  # on each of them: an order and its cancel
AMEND_SHARE = 0.5  # between two pairs: an amend of one and the same order
SEED = 185
FIRST_ID = 1_000_000

CONFIG = """
[session_defaults]
errors_per_second_max = 1000000
duplicate_logon = "displace"
""" + "".join(
    f"""
[[firm]]
name = "{name}"
[[firm.account]]
id = "{name}-ACCOUNT"
balances = {{ USD = "1000000000", BTC = "100000" }}
[[firm.session]]
sender_comp_id = "{name}"
"""  # a key of its own: nonces of one key must rise, whatever session it logs on
    for name in SESSIONS
)


@dataclass
class Chain:
    """An order and what was sent behind it: (35, 11, 41) each. Of a pair nothing is waited for."""

    requests: list[tuple[str, int, int]]
    order_id: str = ""  # which an amend (35=G) has to name

    def amend(self, own: int) -> tuple[str, int, int, str]:
        return self._next("G", own)

    def cancel(self, own: int) -> tuple[str, int, int, str]:
        return self._next("F", own)

    def _next(self, msg_type: str, own: int) -> tuple[str, int, int, str]:
        before = self.requests[-1][1]
        self.requests.append((msg_type, own, before))
        return msg_type, own, before, self.order_id


@dataclass
class Trader:
    """One session: what it sent in which order, and what it sent on lines that were displaced."""

    venue: Venue
    name: str
    rng: random.Random
    sent: list[int] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    history: list[Frame] = field(default_factory=list)
    peers: list[Peer] = field(default_factory=list)
    older: list[Peer] = field(default_factory=list)  # lines that a newer one displaced
    next_out: int = 1
    next_id: int = 0
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            for number in range(LINKS):
                self._one_link(first=number == 0)
            self._read_history()
        except BaseException as error:  # told by the main thread
            self.failure = error
        finally:
            for peer in self.peers:
                peer.close()

    def _one_link(self, *, first: bool) -> None:
        """Log on and send many chains in one write, cut at a random byte; the line is then closed,
        or left open for a newer one to displace."""
        peer = self._connect(first=first)
        amended = self._amend_chain(peer)
        data = b""
        for _ in range(PAIRS):
            data += b"".join(self._message(peer, *request) for request in self._pair().requests)
            if self.rng.random() < AMEND_SHARE:
                data += self._message(peer, *amended.amend(self._new_id()))
        data += self._message(peer, *amended.cancel(self._new_id()))
        self.next_out = peer.next_out
        if self.rng.random() < 0.5:
            # Half a line is closed, and reports are read: a close with something unread would have
            # the kernel throw away what the venue has not read yet, and leave little to look at.
            peer.socket.sendall(data[: int(len(data) * self.rng.random() ** 0.3)])
            peer.socket.shutdown(socket.SHUT_WR)
            peer.read_to_end()
            peer.close()
        else:
            peer.socket.sendall(data)
            self.older.append(peer)

    def _connect(self, *, first: bool) -> Peer:
        """A new line, with its Logon and first requests sent before anything is read: what the
        older line sent may still lie in the venue's socket. What was lost on it is gap-filled, and
        what came behind the Logon has waited for that."""
        peer = self.venue.peer(self.name, next_out=self.next_out)
        self.peers.append(peer)
        reset = "|141=Y" if first else ""
        logon_number = peer.next_out
        logon = peer.logon_message(f"98=0|108=60|8674=1{reset}")
        requests = [request for _ in range(5) for request in self._pair().requests]
        peer.socket.sendall(logon + b"".join(self._message(peer, *r) for r in requests))
        peer.until(lambda f: f.type == "A")
        self._speak_on_older_lines(peer.next_out)
        peer.send("1", "112=in step")
        while True:
            frame = peer.receive()
            if frame.type == "2":
                fill = f"43=Y|122={utc_now()}|123=Y|36={logon_number + 1}"
                peer.send("4", fill, number=int(frame[7]))
            if frame.get(112) == "in step":
                return peer

    def _speak_on_older_lines(self, next_out: int) -> None:
        """Requests that would be taken if they came on the newest line: right in every field."""
        for peer in self.older:
            self.late.append(self._new_id())
            peer.next_out = next_out + self.rng.randrange(3)
            try:
                peer.socket.sendall(self._unsent_message(peer, "D", self.next_id, 0))
            except OSError:
                continue  # the venue has closed it already
        self.older = self.older[-3:]

    def _new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def _pair(self) -> Chain:
        own = self._new_id()
        chain = Chain([("D", own, 0), ("F", self._new_id(), own)])
        self.chains.append(chain)
        return chain

    def _amend_chain(self, peer: Peer) -> Chain:
        """An order whose answer is waited for, because an amend has to name its OrderID (37). What
        follows it is sent without waiting, each naming the one before."""
        own = self._new_id()
        peer.socket.sendall(self._message(peer, "D", own, 0))
        report = peer.until(lambda f: f.get(11) == str(own))
        chain = Chain([("D", own, 0)], report[37])
        self.chains.append(chain)
        return chain

    def _message(
        self, peer: Peer, msg_type: str, own: int, before: int, order_id: str = ""
    ) -> bytes:
        self.sent.append(own)
        return self._unsent_message(peer, msg_type, own, before, order_id)

    def _unsent_message(
        self, peer: Peer, msg_type: str, own: int, before: int, order_id: str = ""
    ) -> bytes:
        text = f"11={own}|55=BTC/USD|54=1|60={utc_now()}"
        if before:
            text += f"|41={before}"
        if order_id:
            text += f"|37={order_id}"
        if msg_type != "F":
            text += f"|40=2|59=1|38=0.01|44={20_000 + own % 1_000}"
        return peer.message(msg_type, text)

    def _read_history(self) -> None:
        """Everything the session was ever sent, on one more line."""
        peer = self._connect(first=False)
        peer.send("1", "112=end")
        last = peer.until(lambda f: f.get(112) == "end").number
        peer.send("2", f"7=1|16={last}")
        expected = 1
        while expected <= last:
            frame = peer.receive()
            assert (frame.number, frame.get(43)) == (expected, "Y")
            expected = int(frame[36]) if frame.type == "4" else expected + 1
            if frame.type != "4":
                self.history.append(frame)
        peer.send("5")
        peer.read_to_end()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Trader], Path]:
    """All sessions at once, each in a thread, and then the journal at rest."""
    data = tmp_path_factory.mktemp("order") / "data"
    with Venue(data, config=CONFIG) as venue:
        traders = [
            Trader(venue, name, random.Random(f"{SEED} {name}"), next_id=FIRST_ID)
            for name in SESSIONS
        ]
        threads = [threading.Thread(target=trader.run) for trader in traders]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for trader in traders:
            if trader.failure is not None:
                raise trader.failure
        assert venue.stop() == 0
    return traders, data


def inputs(data: Path, session: int) -> list[Record]:
    """What the journal says came in on a session, in the order in which it was acted upon."""
    journal = Journal.open(
        data / JOURNAL_DIRECTORY, storage=OsStorage(), segment_bytes_max=SEGMENT_BYTES_MAX
    )
    try:
        return [
            record
            for batch in journal.batches(0)
            for record in read_records(batch.payload)
            if record.session == session and record.kind in (records.LOGON, records.FRAME)
        ]
    finally:
        journal.close()


@pytest.mark.parametrize("index", range(len(SESSIONS)), ids=SESSIONS)
def test_the_journal_has_a_sessions_requests_in_the_order_of_sending(
    played: tuple[list[Trader], Path], index: int
) -> None:
    traders, data = played
    trader = traders[index]
    frames = [r for r in inputs(data, index) if r.kind == records.FRAME]
    requests = [parse(record.data) for record in frames]
    taken = [int(frame[11]) for frame in requests if frame.type in "DFG"]
    assert taken == sorted(set(taken))
    assert set(taken) <= set(trader.sent)
    assert len(taken) > len(trader.sent) / 3  # the cuts left enough to be worth looking at
    assert taken != trader.sent  # and took something away
    seen = set(taken)
    for chain in trader.chains:  # what came of a chain is its beginning
        came = [own in seen for _, own, _ in chain.requests]
        assert came == sorted(came, reverse=True)


@pytest.mark.parametrize("index", range(len(SESSIONS)), ids=SESSIONS)
def test_nothing_is_taken_from_a_line_behind_the_logon_of_a_newer_one(
    played: tuple[list[Trader], Path], index: int
) -> None:
    traders, data = played
    newest = 0
    links: set[int] = set()
    for record in inputs(data, index):
        if record.kind == records.LOGON:
            assert record.link > newest
            newest = record.link
            links.add(newest)
        else:
            assert record.link == newest
            frame = parse(record.data)
            assert frame.type not in "DFG" or int(frame[11]) not in traders[index].late
    assert len(links) == LINKS + 1
    assert len(traders[index].late) > LINKS / 4


@pytest.mark.parametrize("index", range(len(SESSIONS)), ids=SESSIONS)
def test_no_cancel_or_amend_overtakes_its_order(
    played: tuple[list[Trader], Path], index: int
) -> None:
    traders, data = played
    trader = traders[index]
    assert {frame.type for frame in trader.history} == {"8"}  # nothing was refused
    place = {(int(f[11]), f[150]): number for number, f in enumerate(trader.history)}
    assert len(place) == len(trader.history)
    taken = {
        int(frame[11])
        for frame in (parse(r.data) for r in inputs(data, index) if r.kind == records.FRAME)
        if frame.type in "DFG"
    }
    answers = {"D": "0", "G": "5", "F": "4"}
    pairs = 0
    for chain in trader.chains:
        places = [place[own, answers[t]] for t, own, _ in chain.requests if own in taken]
        assert places == sorted(places)
        pairs += max(len(places) - 1, 0)
    assert pairs > 500
