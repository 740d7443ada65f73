"""What a start and `verify` say of the journal they find."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.app.conftest import Tree
from tests.app.venue import Venue, copied, free_offset, tidegate

ORDERS = 60


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a venue that was killed: no snapshot but the log."""
    data = tmp_path_factory.mktemp("killed") / "data"
    with Venue(data) as venue, venue.peer("ACME") as acme:
        acme.logon("98=0|108=30|8674=1")
        for number in range(1, ORDERS + 1):
            acme.order(number)
            acme.expect("8")
        venue.kill()
    return data


@pytest.fixture
def copy(killed: Path, tmp_path: Path) -> Path:
    return copied(killed, tmp_path / "data")


def segment(data: Path) -> Path:
    (path,) = (data / "journal").iterdir()
    return path


def digest_of(data: Path) -> str:
    done = tidegate("verify", "--data", data)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^digest ([0-9a-f]{16,})$", done.stdout.decode(), re.MULTILINE)
    assert found is not None, done.stdout
    return found[1]


def test_verify_gives_the_same_digest_again(copy: Path) -> None:
    first = digest_of(copy)
    assert digest_of(copy) == first


def test_verify_compares_the_snapshot(copy: Path) -> None:
    with Venue(copy) as venue:
        assert venue.stop() == 0
    done = tidegate("verify", "--data", copy)
    assert done.returncode == 0
    assert re.search(rb"snapshot at log position \d+: equal", done.stdout)


def test_verify_does_not_change_the_data(copy: Path, tree: Callable[[Path], Tree]) -> None:
    digest_of(copy)  # makes the directory of snapshots where there is none
    before = tree(copy)
    digest_of(copy)
    assert tree(copy) == before


def test_verify_wants_a_data_directory(tmp_path: Path) -> None:
    done = tidegate("verify", "--data", tmp_path / "nothing")
    assert done.returncode == 2
    assert b"is not a Tidegate data directory" in done.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_damage_is_refused_with_its_position(
    copy: Path, tree: Callable[[Path], Tree], part: float
) -> None:
    path = segment(copy)
    content = bytearray(path.read_bytes())
    place = int(len(content) * part)
    content[place] ^= 0x40
    path.write_bytes(content)
    before = tree(copy)
    for arguments in (["up", "--port-offset", str(free_offset())], ["verify"]):
        done = tidegate(*arguments, "--data", copy)
        text = done.stderr.decode()
        assert done.returncode == 2, text
        found = re.search(r"damaged at log position (\d+)", text)
        assert found is not None, text
        assert int(found[1]) <= place, "the position is that of the batch"
        assert place - int(found[1]) < 4096
        assert {k: v for k, v in tree(copy).items() if k != "snapshots"} == {
            k: v for k, v in before.items() if k != "snapshots"
        }


def test_a_torn_tail_is_repaired_and_told(copy: Path) -> None:
    whole = digest_of(copy)
    path = segment(copy)
    content = path.read_bytes()
    path.write_bytes(content + content[-300:-100])  # the beginning of nothing
    with Venue(copy) as venue:
        assert "journal_tail_cut" in venue.log_text()
        with venue.peer("ACME", next_out=ORDERS + 2) as acme:
            assert acme.logon().number == ORDERS + 2
        venue.kill()
    assert whole != digest_of(copy)  # it has gone on from there


def test_verify_tells_of_a_torn_tail(copy: Path) -> None:
    path = segment(copy)
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    done = tidegate("verify", "--data", copy)
    assert done.returncode == 0, done.stderr
    assert b"torn tail repaired" in done.stdout
    assert b"torn tail" not in tidegate("verify", "--data", copy).stdout


def test_a_missing_segment_is_damage(copy: Path, tmp_path: Path) -> None:
    config = "[venue]\nsegment_bytes = 65536\n"
    with Venue(copy, config=config) as venue, venue.peer("ACME", next_out=ORDERS + 2) as acme:
        acme.logon("98=0|108=30|8674=1")
        batch = b"".join(acme.order_message(ORDERS + number) for number in range(1, 400))
        acme.socket.sendall(batch)
        for _ in range(399):
            acme.expect("8")
        venue.kill()
    segments = sorted((copy / "journal").iterdir())
    assert len(segments) > 2
    segments[1].unlink()
    done = tidegate("up", "--data", copy, "--port-offset", str(free_offset()))
    assert done.returncode == 2
    assert re.search(rb"damaged at log position \d+", done.stderr)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data of a venue that ended in order, so that a snapshot stands behind every message."""
    data = tmp_path_factory.mktemp("stopped") / "data"
    with Venue(data) as venue:
        with venue.peer("ACME") as acme:
            acme.logon("98=0|108=30|8674=1")
            for number in range(1, ORDERS + 1):
                acme.order(number)
                acme.expect("8")
        assert venue.stop() == 0
    return data


@pytest.fixture
def ended(stopped: Path, tmp_path: Path) -> Path:
    return copied(stopped, tmp_path / "data")


def refused_by_both(data: Path, tree: Callable[[Path], Tree]) -> str:
    """What `up` says; `verify` refuses as well, and neither changes a file but the lock."""
    before = tree(data)
    done = tidegate("verify", "--data", data)
    assert done.returncode == 2, done.stdout
    done = tidegate("up", "--data", data, "--port-offset", str(free_offset()))
    assert done.returncode == 2, done.stderr
    assert tree(data) == before
    return done.stderr.decode()


def test_damage_before_the_snapshot_is_refused(ended: Path, tree: Callable[[Path], Tree]) -> None:
    """A client may still ask for what lies there."""
    path = segment(ended)
    content = path.read_bytes()
    place = content.index(b"buy 0.")
    path.write_bytes(content[:place] + b"buy 9" + content[place + 5 :])
    assert "damaged at log position" in refused_by_both(ended, tree)


def test_a_lost_journal_is_no_first_start(ended: Path, tree: Callable[[Path], Tree]) -> None:
    segment(ended).unlink()
    refused_by_both(ended, tree)


def test_a_journal_shorter_than_its_snapshot_is_refused(
    ended: Path, tree: Callable[[Path], Tree]
) -> None:
    path = segment(ended)
    path.write_bytes(path.read_bytes()[:-3000])
    refused_by_both(ended, tree)


def test_a_journal_lost_before_the_first_stop_is_missed(copy: Path) -> None:
    segment(copy).unlink()
    done = tidegate("up", "--data", copy, "--port-offset", str(free_offset()))
    assert done.returncode == 2, done.stdout


def test_verify_tells_of_a_damaged_snapshot(ended: Path) -> None:
    snapshot = max((ended / "snapshots").glob("*.snap"))
    content = bytearray(snapshot.read_bytes())
    content[-1] ^= 1
    snapshot.write_bytes(content)
    done = tidegate("verify", "--data", ended)
    assert done.returncode == 2
    assert f"{snapshot.name}: damaged" in done.stderr.decode()
    assert b"digest " in done.stdout, "the journal itself is whole"
