"""Double entry: what one account gets another gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engine.ledger import EXTERNAL, FEES, Ledger
from tidegate.model.codec import Decoder, Encoder


def saved(ledger: Ledger) -> bytes:
    encoder = Encoder()
    ledger.save(encoder)
    return encoder.value()


def balances(ledger: Ledger) -> dict[tuple[int, str], tuple[int, int]]:
    return {
        (account, asset): (ledger.available(account, asset), ledger.held(account, asset))
        for account in ledger.accounts()
        for asset in ledger.assets(account)
    }


def test_deposit_hold_release() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 70)
    ledger.release(0, "USD", 30)
    assert balances(ledger) == {(EXTERNAL, "USD"): (-100, 0), (0, "USD"): (60, 40)}
    assert ledger.totals() == {"USD": 0}


def test_unknown_accounts_and_assets_own_nothing() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    for account, asset in ((0, "EUR"), (1, "USD")):
        assert ledger.available(account, asset) == 0
        assert ledger.held(account, asset) == 0
    assert ledger.assets(1) == []
    assert ledger.accounts() == [EXTERNAL, 0]


def test_settle_pays_receiver_and_fee_and_gives_the_rest_back() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 100)
    ledger.settle("USD", 0, 1, 60, 50, 3)
    assert balances(ledger) == {
        (FEES, "USD"): (3, 0),
        (EXTERNAL, "USD"): (-100, 0),
        (0, "USD"): (7, 40),
        (1, "USD"): (50, 0),
    }
    assert ledger.totals() == {"USD": 0}


def test_settle_with_oneself() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 60)
    ledger.settle("USD", 0, 0, 60, 50, 3)
    assert ledger.available(0, "USD") == 97
    assert ledger.held(0, "USD") == 0


@pytest.mark.parametrize(
    "overdraw",
    [
        lambda ledger: ledger.hold(0, "USD", 61),
        lambda ledger: ledger.release(0, "USD", 41),
        lambda ledger: ledger.settle("USD", 0, 1, 41, 1, 0),
        lambda ledger: ledger.settle("USD", 0, 1, 40, 40, 1),
        lambda ledger: ledger.hold(0, "EUR", 1),
        lambda ledger: ledger.hold(0, "USD", -1),
        lambda ledger: ledger.release(0, "USD", -1),
        lambda ledger: ledger.deposit(0, "USD", -1),
        lambda ledger: ledger.deposit(EXTERNAL, "USD", 1),
    ],
)
def test_overdrawing_raises_and_moves_nothing(overdraw: object) -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 40)
    before = saved(ledger)
    with pytest.raises(AssertionError):
        overdraw(ledger)  # type: ignore[operator]
    assert saved(ledger) == before


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.sampled_from(["BTC", "EUR", "USD"]),
            st.integers(0, 10**30),
            st.integers(0, 100),
        ),
        max_size=20,
    )
)
def test_save_is_canonical_and_load_its_inverse(rows: list[tuple[int, str, int, int]]) -> None:
    """The order of deposits, questions and empty balances leave no trace; amounts may be of any
    size."""
    one, other = Ledger(), Ledger()
    for account, asset, amount, percent in rows:
        one.deposit(account, asset, amount)
        one.hold(account, asset, amount * percent // 100)
    other.hold(9, "XYZ", 0)
    for account, asset, amount, percent in reversed(rows):
        other.deposit(account, asset, amount)
        other.hold(account, asset, amount * percent // 100)
    data = saved(one)
    assert saved(other) == data
    decoder = Decoder(data)
    loaded = Ledger()
    loaded.load(decoder)
    assert decoder.at_end()
    assert saved(loaded) == data
    assert balances(loaded) == balances(one)
    assert set(loaded.totals().values()) <= {0}
