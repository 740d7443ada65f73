"""Double entry: what one account gets another gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.engine.ledger import DEPOSIT, EXTERNAL, FEE, FEES, LENDER, TRADE, WITHDRAWAL, Ledger
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


def settle(
    ledger: Ledger, receiver: int, freed: int, amount: int, payer_fee: int, receiver_fee: int = 0
) -> None:
    """A leg in which account 0 pays."""
    ledger.settle(
        "USD", 0, receiver, freed=freed, amount=amount, payer_fee=payer_fee,
        receiver_fee=receiver_fee, trade_number=7,
    )  # fmt: skip


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
    settle(ledger, 1, 60, 50, 3)
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
    settle(ledger, 0, 60, 50, 3)
    assert ledger.available(0, "USD") == 97
    assert ledger.held(0, "USD") == 0


def test_settle_takes_the_receivers_fee_from_what_it_gets() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 60)
    settle(ledger, 1, 60, 50, 3, 50)
    assert balances(ledger) == {
        (FEES, "USD"): (53, 0),
        (EXTERNAL, "USD"): (-100, 0),
        (0, "USD"): (47, 0),
    }
    assert ledger.totals() == {"USD": 0}


def test_the_lender_pays_what_it_does_not_have() -> None:
    ledger = Ledger()
    ledger.settle("USD", LENDER, 1, freed=0, amount=50, payer_fee=0, receiver_fee=2, trade_number=1)
    assert balances(ledger) == {
        (LENDER, "USD"): (-50, 0),
        (FEES, "USD"): (2, 0),
        (1, "USD"): (48, 0),
    }


def test_withdraw_takes_only_what_is_available() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 100)
    ledger.hold(0, "USD", 70)
    ledger.withdraw(0, "USD", 30)
    assert balances(ledger) == {(EXTERNAL, "USD"): (-70, 0), (0, "USD"): (0, 70)}


def test_postings_tell_every_movement_between_accounts() -> None:
    ledger = Ledger()
    ledger.deposit(0, "USD", 1)  # nobody is listening yet
    ledger.postings = []
    ledger.deposit(0, "USD", 100)
    ledger.deposit(0, "USD", 0)
    ledger.hold(0, "USD", 60)
    settle(ledger, 1, 60, 50, 3, 2)
    ledger.hold(1, "USD", 9)
    ledger.release(1, "USD", 9)
    ledger.withdraw(1, "USD", 48)
    assert [(p.asset, p.account, p.amount, p.kind, p.trade_number) for p in ledger.postings] == [
        ("USD", EXTERNAL, -100, DEPOSIT, 0),
        ("USD", 0, 100, DEPOSIT, 0),
        ("USD", 0, -50, TRADE, 7),
        ("USD", 1, 50, TRADE, 7),
        ("USD", 0, -3, FEE, 7),
        ("USD", FEES, 3, FEE, 7),
        ("USD", 1, -2, FEE, 7),
        ("USD", FEES, 2, FEE, 7),
        ("USD", 1, -48, WITHDRAWAL, 0),
        ("USD", EXTERNAL, 48, WITHDRAWAL, 0),
    ]


@pytest.mark.parametrize(
    "overdraw",
    [
        lambda ledger: ledger.hold(0, "USD", 61),
        lambda ledger: ledger.release(0, "USD", 41),
        lambda ledger: settle(ledger, 1, 41, 1, 0),
        lambda ledger: settle(ledger, 1, 40, 40, 1),
        lambda ledger: settle(ledger, 1, 40, 10, 0, 11),
        lambda ledger: settle(ledger, 1, 40, 10, 0, -1),
        lambda ledger: settle(ledger, 1, 40, 10, -1, 1),
        lambda ledger: ledger.withdraw(0, "USD", 61),
        lambda ledger: ledger.withdraw(0, "USD", -1),
        lambda ledger: ledger.withdraw(EXTERNAL, "USD", 1),
        lambda ledger: ledger.withdraw(0, "EUR", 1),
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
