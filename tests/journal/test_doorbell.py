"""The doorbell: what a follower of the log is told, and when it is woken."""

import os
import select
from pathlib import Path

import pytest

from tidegate.journal import Doorbell, DoorbellReader, make_bell
from tidegate.journal.doorbell import DOORBELL_NAME


@pytest.fixture
def bell() -> tuple[int, int]:
    return make_bell()


def is_rung(bell: int) -> bool:
    return bool(select.select([bell], [], [], 0)[0])


def test_nothing_is_durable_before_the_writer_says_so(
    tmp_path: Path, bell: tuple[int, int]
) -> None:
    Doorbell(tmp_path, bell[1])
    reader = DoorbellReader(tmp_path, bell[0])
    assert (reader.log_position, reader.time_ns) == (0, 0)


def test_a_reader_that_is_awake_is_not_rung_for(tmp_path: Path, bell: tuple[int, int]) -> None:
    writer, reader = Doorbell(tmp_path, bell[1]), DoorbellReader(tmp_path, bell[0])
    writer.show(100, 7)
    assert (reader.log_position, reader.time_ns) == (100, 7)
    assert not is_rung(bell[0])


def test_a_reader_that_sleeps_is_rung_for_once(tmp_path: Path, bell: tuple[int, int]) -> None:
    writer, reader = Doorbell(tmp_path, bell[1]), DoorbellReader(tmp_path, bell[0])
    assert reader.sleep_at(0)
    writer.show(100, 7)
    assert is_rung(bell[0])
    reader.heard()
    assert not is_rung(bell[0])
    reader.heard()  # of nothing: it does not wait
    writer.show(200, 8)
    assert not is_rung(bell[0]), "it is awake"


def test_a_reader_does_not_fall_asleep_before_what_has_come(
    tmp_path: Path, bell: tuple[int, int]
) -> None:
    writer, reader = Doorbell(tmp_path, bell[1]), DoorbellReader(tmp_path, bell[0])
    writer.show(100, 7)
    assert not reader.sleep_at(0)
    writer.show(200, 8)
    assert not is_rung(bell[0])
    assert reader.sleep_at(200)


def test_the_position_never_goes_back(tmp_path: Path, bell: tuple[int, int]) -> None:
    writer, reader = Doorbell(tmp_path, bell[1]), DoorbellReader(tmp_path, bell[0])
    writer.show(200, 8)
    writer.show(100, 9)
    assert (reader.log_position, reader.time_ns) == (200, 8)


def test_time_passes_without_a_ring(tmp_path: Path, bell: tuple[int, int]) -> None:
    writer, reader = Doorbell(tmp_path, bell[1]), DoorbellReader(tmp_path, bell[0])
    reader.sleep_at(0)
    writer.show_time(5)
    assert reader.time_ns == 5
    assert not is_rung(bell[0])


def test_rings_that_nobody_hears_do_not_stop_the_writer(tmp_path: Path) -> None:
    heard, rung = os.pipe()
    os.set_blocking(rung, False)
    writer = Doorbell(tmp_path, rung)
    for _ in range(20_000):  # more than a pipe holds
        writer.ring()
    os.close(heard)
    writer.ring()
    os.close(rung)


def test_the_next_writer_has_a_page_of_its_own(tmp_path: Path, bell: tuple[int, int]) -> None:
    first = Doorbell(tmp_path, bell[1])
    first.show(500, 1)
    old = DoorbellReader(tmp_path, bell[0])
    second = Doorbell(tmp_path, bell[1])
    assert old.log_position == 500, "an old reader is not pulled along"
    assert DoorbellReader(tmp_path, bell[0]).log_position == 0
    second.show(900, 2)
    assert old.log_position == 500
    assert [path.name for path in tmp_path.iterdir()] == [DOORBELL_NAME]


def test_without_a_page_there_is_no_reader(tmp_path: Path, bell: tuple[int, int]) -> None:
    with pytest.raises(FileNotFoundError):
        DoorbellReader(tmp_path, bell[0])
