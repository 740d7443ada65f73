"""What a damaged file, or one that operators have emptied, does to the numbers of its session and
to what it is sent again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dropcopy.room import CopyClient, CopyRoom
from tidegate.model.limits import NUMBER_DIGITS_MAX


def log_on_again(room: CopyRoom, client: CopyClient) -> None:
    """With numbers that go on."""
    client.expected = room.seats[0].session.next_outgoing
    client.logon("98=0|108=30|141=N")
    room.follow()


@pytest.mark.parametrize("content", [b"", b"00000000{}"], ids=["emptied", "damaged"])
def test_numbers_never_go_back_however_often_all_was_sent_again_before(
    tmp_path: Path, content: bytes
) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.answers = False
    client.logon()
    room.play(60)
    for _ in range(3):
        for _ in range(8):
            client.lose_line()
            log_on_again(room, client)
        used = client.expected
        assert used > 8 * len(client.booked)
        room.seats[0].file.path.write_bytes(content)
        room.die()
        assert room.seats[0].session.next_outgoing > used
        client.received.clear()
        log_on_again(room, client)
        assert {frame.get(97) for frame in client.reports()} == {"Y"}
        assert len(client.reports()) == len(client.booked)
    assert client.booked == room.truth("ACME")
    assert len(str(client.expected)) <= NUMBER_DIGITS_MAX


def test_a_client_that_asks_for_what_they_leapt_over_is_answered_at_once(tmp_path: Path) -> None:
    room = CopyRoom(tmp_path)
    client = room.client("ACME", "ACME", "ACME-1")
    client.logon()
    room.play(60)
    expected = client.expected
    room.seats[0].file.path.write_bytes(b"")
    room.die()
    log_on_again(room, client)
    logon, *reports = client.received[-1 - len(client.booked) :]
    assert logon.type == "A"
    client.received.clear()
    client.send("2", f"7={expected}|16=0")
    room.desk.step(room.days.now_ns)
    room.deliver()
    fill, *again = client.received
    assert (fill.type, fill.number, fill[123], fill[43]) == ("4", expected, "Y", "Y")
    assert int(fill[36]) == reports[0].number == logon.number + 1
    assert [frame.number for frame in again] == [frame.number for frame in reports]
    client.received.clear()
    client.send("2", f"7={expected}|16={expected + 5_000_000}")
    room.desk.step(room.days.now_ns)
    room.deliver()
    assert [(f.number, f[36]) for f in client.received] == [(expected, str(expected + 5_000_001))]
