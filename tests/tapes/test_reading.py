"""What a tape's file may look like, and how each mistake in it is told."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.tapes.room import BTC, ORDERS
from tidegate.client import Side
from tidegate.tapes.columns import TapeMapping
from tidegate.tapes.events import TapeError, TapeEvent, joined
from tidegate.tapes.rows import Tape, TapeInstrument
from tidegate.tapes.source import open_source

ETH = TapeInstrument(symbol="ETH/USD", tick=Decimal("0.01"), price_decimals=2)
INSTRUMENTS = {"BTC/USD": BTC, "ETH/USD": ETH, "XBT/USD": BTC}
AS_BTC = TapeMapping(symbol="BTC/USD")


def written(tmp_path: Path, text: str, name: str = "tape.csv") -> Path:
    path = tmp_path / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def read(path: Path, mapping: TapeMapping | None = None) -> list[TapeEvent]:
    with closing(open_source(path)) as source:
        events = Tape(path, source, mapping or TapeMapping(), INSTRUMENTS).events()
        return [event for event in events if event is not None]


def refused(path: Path, mapping: TapeMapping | None = None) -> str:
    with pytest.raises(TapeError) as error:
        read(path, mapping)
    return str(error.value).removeprefix(f"{path}: ")


def test_order_by_order_data_with_outcomes_and_sideless_rows_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "ts_event_ns,action,side,price,size,order_id,flags\n"
        "100,A,B,4799.00,2,7,40\n"
        "100,C,A,4800.00,1,3,0\n"  # of before the tape: the player knows no such order
        "200,M,B,4799.25,1,7,0\n"
        "300,T,A,4799.25,3,0,0\n"
        "300,T,N,4799.25,3,0,0\n"
        "300,F,B,4799.25,1,7,0\n"
        "400,C,B,4799.25,1,7,0\n",
    )
    mapping = TapeMapping(symbol="BTC/USD", scale_price=Decimal(10), scale_qty=Decimal("0.001"))
    found = [
        (e.time_ns, e.action, e.side, e.price, e.qty, e.order, e.line) for e in read(path, mapping)
    ]
    price, qty = Decimal, Decimal
    assert found == [
        (100, "A", Side.BUY, price("47990"), qty("0.002"), "7", 2),
        (100, "C", Side.SELL, 0, 0, "3", 3),
        (200, "M", Side.BUY, price("47992.5"), qty("0.001"), "7", 4),
        (300, "T", Side.SELL, price("47992.5"), qty("0.003"), "0", 5),
        (400, "C", Side.BUY, 0, 0, "7", 8),
    ]


def test_of_a_cancel_neither_price_nor_size_is_looked_at(tmp_path: Path) -> None:
    rows = "".join(
        f"1,BTC/USD,A,B,84000,1,{order}\n1,BTC/USD,C,B,{price},{size},{order}\n"
        for order, price, size in ((1, "", ""), (2, "0", "0"), (3, "84000.05", "none"))
    )
    found = [event for event in read(written(tmp_path, ORDERS + rows)) if event.action == "C"]
    assert [(event.price, event.qty, event.display) for event in found] == [(0, 0, None)] * 3


def test_a_mistake_in_what_became_of_an_order_of_before_the_tape_leaves_the_row_out(
    tmp_path: Path,
) -> None:
    wrong = (
        "2,BTC/USD,M,B,84000,0,{0}\n",
        "2,BTC/USD,M,B,84000.05,1,{0}\n",
        "2,BTC/USX,M,B,84000,1,{0}\n",
        "2,BTC/USX,C,B,84000,1,{0}\n",
    )
    rows = "".join(row.format(9) for row in wrong)
    known = ORDERS + "1,BTC/USD,A,B,84000,1,7\n"
    path = written(tmp_path, f"{known}{rows}3,BTC/USD,M,B,84000,2,9\n")
    assert [(event.action, event.line) for event in read(path)] == [("A", 2), ("M", 7)]
    for row in wrong:
        assert refused(written(tmp_path, known + row.format(7))).startswith("line 3, column ")


def test_trades_with_times_in_seconds_keep_every_nanosecond(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "time_s,price,volume,side,order_type,trade_id\n"
        "1762795433.9717445,105433.60000,0.00027625,b,l,10218208\n"
        "1762795457.8467374,105410.10000,0.00005000,s,m,10218209\n",
        "trades.csv.gz",
    )
    assert [(e.time_ns, e.action, e.side, e.qty) for e in read(path, AS_BTC)] == [
        (1762795433971744500, "P", Side.BUY, Decimal("0.00027625")),
        (1762795457846737400, "P", Side.SELL, Decimal("0.00005")),
    ]


def test_other_names_of_columns_are_said_and_other_symbols_left_out(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "when,pair,taker,px,amount\n1,ETH/USD,sell,3000,1\n2,BTC/USD,buy,84000,0.5\n",
    )
    columns = {"time_ms": "when", "symbol": "pair", "side": "taker", "price": "px"}
    events = read(path, TapeMapping(columns=columns))
    assert [(e.time_ns, e.symbol) for e in events] == [(10**6, "ETH/USD"), (2 * 10**6, "BTC/USD")]
    only = read(path, TapeMapping(columns=columns, only="BTC/USD", symbol="ETH/USD"))
    assert [(e.symbol, e.price) for e in only] == [("ETH/USD", Decimal(84000))]


def test_older_spellings_name_their_pairs_and_prices_go_up_to_what_the_venue_reads(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        f"{ORDERS}1,XBT/USD,A,A,{10**17 - 1}.9,9999999999.99999999,1\n"
        f"2,ETH/USD,A,A,{10**16 - 1}.99,1,2\n",
    )
    high, other = read(path)
    assert (high.symbol, high.price) == ("BTC/USD", Decimal(10**17) - Decimal("0.1"))
    assert high.qty == Decimal(10**10) - Decimal("0.00000001")
    assert (other.symbol, other.price) == ("ETH/USD", Decimal(10**16) - Decimal("0.01"))
    only = read(path, TapeMapping(symbol="XBT/USD", only="XBT/USD"))
    assert [event.symbol for event in only] == ["BTC/USD"]


def test_a_time_that_is_mapped_is_the_time_whatever_else_the_file_has(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "time_ns,exchange_time,time_s,side,price,size\n5,20,1,b,84000,1\n6,10,2,b,84000,1\n",
    )
    assert [e.time_ns for e in read(path, AS_BTC)] == [5, 6]
    mapped = TapeMapping(symbol="BTC/USD", columns={"time_s": "exchange_time"})
    assert refused(path, mapped).startswith("line 3, column exchange_time: time runs backwards")
    twice = TapeMapping(columns={"time_s": "exchange_time", "time_ns": "time_ns"})
    assert refused(path, twice) == "a tape has one time: map one of time_ns, time_s"


def test_parquets_own_times_are_what_they_are_whatever_their_columns_are_called(
    tmp_path: Path,
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for name, unit in (("timestamp", "us"), ("time_ms", "ns"), ("ts_event", "s")):
        path = tmp_path / f"{name}.parquet"
        times = pyarrow.array([1_700_000_000], pyarrow.timestamp("s")).cast(pyarrow.timestamp(unit))
        table = pyarrow.table({name: times, "side": ["b"], "price": [84000.5], "size": [1]})
        parquet.write_table(table, path)
        (event,) = read(path, AS_BTC)
        assert event.time_ns == 1_700_000_000 * 10**9


def trade(order: str, price: int, qty: int, side: Side = Side.BUY, time_ns: int = 1) -> TapeEvent:
    return TapeEvent(
        time_ns, "T", "BTC/USD", side, Decimal(price), Decimal(qty), order, None, price
    )  # fmt: skip


def test_trades_of_one_order_are_one_order_up_to_its_last_price_and_others_stay_apart() -> None:
    add = trade("7", 9, 1)._replace(action="A")
    apart = [
        trade("", 1, 1), trade("", 2, 1), trade("0", 3, 1), trade("0", 4, 1), add,
        trade("8", 5, 1), trade("9", 5, 1), trade("9", 5, 1, Side.SELL),
        trade("9", 5, 1, Side.SELL, 2),
    ]  # fmt: skip
    assert list(joined(iter(apart))) == apart
    parts = [add, trade("8", 5, 1), trade("8", 6, 2), None, trade("8", 9, 4), add]
    assert list(joined(iter(parts))) == [add, None, trade("8", 9, 7)._replace(line=5), add]

    def broken() -> Iterator[TapeEvent]:
        yield trade("8", 5, 1)
        raise TapeError("further on")

    events = joined(broken())
    assert next(events) == trade("8", 5, 1)
    with pytest.raises(TapeError, match="further on"):
        next(events)


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "tape.parquet"
    table = pyarrow.table(
        {
            "ts_event": pyarrow.array([10, 2_000], pyarrow.timestamp("us", tz="UTC")),
            "side": ["b", "s"],
            "price": [84000.5, 84001.0],
            "size": pyarrow.array(["0.1", "0.2"], pyarrow.string()),
        }
    )
    parquet.write_table(table, path)
    assert [(e.time_ns, e.price, e.qty) for e in read(path, AS_BTC)] == [
        (10_000, Decimal("84000.5"), Decimal("0.1")),
        (2_000_000, Decimal("84001.0"), Decimal("0.2")),
    ]
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:-20])
    assert "no Parquet file, or one that is cut off" in refused(tmp_path / "cut.parquet", AS_BTC)


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("90,BTC/USD,A,B,84000,1,8", "line 3, column time_ns: time runs backwards, by 10 ns"),
        ("x,BTC/USD,A,B,84000,1,8", "line 3, column time_ns: must be a number, not 'x'"),
        ("100,BTC/USX,A,B,84000,1,8", "line 3, column symbol: 'BTC/USX' is not traded; the venue"),
        ("100,BTC/USD,Z,B,84000,1,8", "line 3, column action: must be A, C, M, F or T, not 'Z'"),
        ("100,BTC/USD,A,up,84000,1,8", "line 3, column side: must be buy or sell"),
        (
            "100,BTC/USD,A,B,84000.05,1,8",
            "line 3, column price: 84000.05 times 1 is 84000.05, which",
        ),
        ("100,BTC/USD,A,B,-1,1,8", "line 3, column price: must be above 0, not -1"),
        ("100,BTC/USD,A,B,NaN,1,8", "line 3, column price: must be a number, not 'NaN'"),
        ("100,BTC/USD,A,B,84_000,1,8", "line 3, column price: must be a number, not '84_000'"),
        (
            "100,BTC/USD,A,B,1e17,1,8",  # with a decimal 18 digits, as many as the venue reads
            "line 3, column price: 1E+17 times 1 must be below 100000000000000000",
        ),
        (
            "100,BTC/USD,A,B,84000,10000000000,8",
            "line 3, column size: 10000000000 times 1 must be below 10000000000",
        ),
        ("100,BTC/USD,A,B,84000,9e99,8", "line 3, column size: 9E+99 times 1 must be below"),
        ("100,BTC/USD,A,B,84000,1e999999,8", "line 3, column size: must be a number"),
        ("-1,BTC/USD,A,B,84000,1,8", "line 3, column time_ns: must be from 0 to"),
        ("1e19,BTC/USD,A,B,84000,1,8", "line 3, column time_ns: must be from 0 to"),
        ("100,BTC/USD,A,B,84000,0,8", "line 3, column size: must be above 0, not 0"),
        ("100,BTC/USD,A,B,84000,0.000000001,8", "line 3, column size: 1E-9 times 1 is 0.000000001"),
        ("100,BTC/USD,A,B,84000,1,7", "line 3, column order_id: order 7 is added twice"),
        ("100,BTC/USD,A,B", "line 3: 4 fields, but the first line names 7"),
    ],
)
def test_a_wrong_row_is_told_with_line_column_and_rule(tmp_path: Path, row: str, rule: str) -> None:
    path = written(tmp_path, f"{ORDERS}100,BTC/USD,A,B,84000,1,7\n{row}\n")
    assert refused(path).startswith(rule)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "the file is empty; its first line must name the columns"),
        ("time_ns,side,price\n", "no column for size; the file has time_ns, side, price. --column"),
        ("time_ns,symbol,side,price,price,size\n", "there are 2 columns price"),
        ("a,b\n", "no column for time_ns (or time_us, time_ms, time_s), side, price, size; the"),
        (
            "time_ns,action,side,price,size\n",
            "no column for order_id; the file has time_ns, action",
        ),
        (
            "time_ns,side,price,size\n",
            "no column symbol; name the pair to play it as with --symbol",
        ),
    ],
)
def test_a_file_that_is_no_tape_is_told_with_what_is_missing(
    tmp_path: Path, text: str, rule: str
) -> None:
    assert refused(written(tmp_path, text)).startswith(rule)


def test_damaged_files_and_wrong_mappings_are_told(tmp_path: Path) -> None:
    rows = "".join(f"{n},BTC/USD,A,B,84000,1,{n}\n" for n in range(5_000))
    whole = gzip.compress((ORDERS + rows).encode())
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    assert refused(cut).endswith("the gzip file is cut off here")
    (tmp_path / "no.csv.gz").write_bytes(b"time_ns,side\n")
    assert "no gzip" in refused(tmp_path / "no.csv.gz")
    (tmp_path / "latin.csv").write_bytes(ORDERS.encode() + b"\xff\n")
    assert "no UTF-8 text" in refused(tmp_path / "latin.csv")
    assert refused(tmp_path / "none.csv") == "no such file"
    good = written(tmp_path, ORDERS)
    assert refused(tmp_path) == "not a plain file"
    assert refused(good, TapeMapping(symbol="BTC/EUR")) == (
        "--symbol: 'BTC/EUR' is not traded; the venue has BTC/USD, ETH/USD"
    )
    assert "no field 'prize' to map" in refused(good, TapeMapping(columns={"prize": "price"}))
    assert refused(good, TapeMapping(columns={"price": "prize"})).startswith(
        "no column 'prize' for price; the file has time_ns, symbol"
    )
