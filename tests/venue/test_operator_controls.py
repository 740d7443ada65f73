"""Controls of operators: what they do, what they refuse, and that both survive replay and snapshot.

Scenarios of them are in `tests/scenario/scripts/spot`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.scenario.core_venue import START_NS, CoreVenue
from tests.scenario.player import Player
from tests.scenario.script import Script
from tests.scenario.settings import TARGET, account, change, session, venue_settings
from tests.venue.test_machine import logon, order, started
from tidegate.engine.ledger import EXTERNAL
from tidegate.model.fees import FeeSchedule, FeeTier
from tidegate.model.limits import CANCELS_PER_RECORD, FEE_TIERS_MAX, OPERATED_NAMES_MAX
from tidegate.model.market_state import BAND_MAX, BAND_OF_INSTRUMENT, CANCEL_ONLY
from tidegate.model.settings import AccountSettings, Deposit, SessionSettings
from tidegate.venue import controls
from tidegate.venue.controls import Control, ControlRefused
from tidegate.venue.directory_controls import firms_of
from tidegate.venue.machine import Venue
from tidegate.venue.market_controls import PRICE_MAX
from tidegate.venue.money_controls import FEES_BY_VOLUME, FEES_DEFAULT, FEES_FIXED, MONEY_MAX

NONE = controls.NO_SESSION
MONEY = 10**10
STANDARD = FeeSchedule(
    name="standard", tiers=[FeeTier(volume_money=0, maker_rate=2_500, taker_rate=4_000)]
)


def do(venue: Venue, kind: int, control: Control, session_index: int = NONE) -> None:
    venue.control(kind, session_index, control.encode(), venue.now_ns)


def with_schedule() -> Venue:
    """A venue whose settings have a fee schedule; ACME, session 0, is logged on."""
    venue = Venue()
    settings = venue_settings()
    settings.fee_schedules = [STANDARD]
    venue.configure(settings.encode(), START_NS)
    venue.start(START_NS)
    logon(venue, 1)
    venue.take_turn()
    venue.commit(0)
    return venue


def new_account(
    change: Callable[[AccountSettings], None] | None = None, name: str = "NOVA-1"
) -> bytes:
    settings = account(name, balances={})
    settings.firm = "ACME"
    if change is not None:
        change(settings)
    return controls.AddAccount(settings).encode()


def new_session(change: Callable[[SessionSettings], None] | None = None) -> bytes:
    settings = session("NOVA", "ACME-1")
    if change is not None:
        change(settings)
    return controls.AddSession(settings).encode()


def setting(**values: object) -> Callable[[object], None]:
    def change(settings: object) -> None:
        for name, value in values.items():
            setattr(settings, name, value)

    return change


def tiers(*rows: tuple[int, int, int]) -> bytes:
    schedule = FeeSchedule(
        name="standard",
        tiers=[FeeTier(volume_money=v, maker_rate=m, taker_rate=t) for v, m, t in rows],
    )
    return controls.SetFeeSchedule(schedule).encode()


LONG = "x" * 65
REFUSED: list[tuple[int, int, bytes, str]] = [
    # money
    (7, 0, controls.DepositMoney("ACME-1", "USD", 1).encode(), "session must be -1"),
    (7, NONE, controls.DepositMoney("NOBODY", "USD", 1).encode(), "account must .* 'NOBODY'"),
    (7, NONE, controls.DepositMoney("", "USD", 1).encode(), "account must .* ''"),
    (7, NONE, controls.DepositMoney("ACME-1", "XAU", 1).encode(), "asset must .* 'XAU'"),
    (7, NONE, controls.DepositMoney("ACME-1", "USD", 0).encode(), "amount must be 1 to"),
    (7, NONE, controls.DepositMoney("ACME-1", "USD", MONEY_MAX + 1).encode(), "amount must"),
    (7, NONE, b"\x02\xff\xfe\x03USD\x01", "parameters of control 7"),
    (8, 0, controls.WithdrawMoney("ACME-1", "USD", 1).encode(), "session must be -1"),
    (8, NONE, controls.WithdrawMoney("NOBODY", "USD", 1).encode(), "account must"),
    (8, NONE, controls.WithdrawMoney("ACME-1", "XAU", 1).encode(), "asset must"),
    (8, NONE, controls.WithdrawMoney("ACME-1", "USD", 0).encode(), "amount must be 1 to"),
    (8, NONE, controls.WithdrawMoney("ACME-1", "USD", 1_000_000 * MONEY + 1).encode(),
     "amount must be at most the 1000000 USD that account ACME-1 has available"),
    # markets
    (9, 0, controls.SetStatus("BTC/USD", 1).encode(), "session must be -1"),
    (9, NONE, controls.SetStatus("BTC/XAU", 1).encode(), "symbol must .* 'BTC/XAU'"),
    (9, NONE, controls.SetStatus("BTC/USD", 8).encode(), "status must be one of"),
    (10, 0, controls.SetHalted(halted=True).encode(), "session must be -1"),
    (10, NONE, b"\x02", "flag is 2"),
    (11, 0, controls.SetIndex("BTC/USD", 1).encode(), "session must be -1"),
    (11, NONE, controls.SetIndex("", 1).encode(), "symbol must"),
    (11, NONE, controls.SetIndex("BTC/USD", 0).encode(), "price must be 1 to"),
    (11, NONE, controls.SetIndex("BTC/USD", PRICE_MAX + 1).encode(), "price must be 1 to"),
    (12, 0, controls.SetBand("BTC/USD", 1).encode(), "session must be -1"),
    (12, NONE, controls.SetBand("BTC/XAU", 1).encode(), "symbol must"),
    (12, NONE, controls.SetBand("BTC/USD", -2).encode(), "band must be -1 to"),
    (12, NONE, controls.SetBand("BTC/USD", BAND_MAX + 1).encode(), "band must be -1 to"),
    # fees
    (13, 0, controls.SetAccountFees("ACME-1", FEES_DEFAULT).encode(), "session must be -1"),
    (13, NONE, controls.SetAccountFees("NOBODY", FEES_DEFAULT).encode(), "account must"),
    (13, NONE, controls.SetAccountFees("ACME-1", 3).encode(), "source must be 0 to 2"),
    (13, NONE, controls.SetAccountFees("ACME-1", FEES_FIXED, 1_000_001, 0).encode(), "maker_rate"),
    (13, NONE, controls.SetAccountFees("ACME-1", FEES_FIXED, 0, 1_000_001).encode(), "taker_rate"),
    (13, NONE, controls.SetAccountFees("ACME-1", FEES_BY_VOLUME, 1, 0).encode(), "maker_rate"),
    (14, 0, tiers((0, 1, 1)), "session must be -1"),
    (14, NONE, controls.SetFeeSchedule(FeeSchedule(name="fx", tiers=[])).encode(),
     "schedule must be one of standard, not 'fx'"),
    (14, NONE, tiers((1, 1, 1)), "begin with volume 0"),
    (14, NONE, tiers((0, 1, 1), (5, 1, 1), (5, 1, 1)), "rising volumes"),
    (14, NONE, tiers((0, 1_000_001, 1)), "maker_rate"),
    (14, NONE, tiers((0, 1, 1_000_001)), "taker_rate"),
    (14, NONE, tiers(*((n, 1, 1) for n in range(FEE_TIERS_MAX + 1))), "number of tiers"),
    # firms
    (15, 0, controls.AddFirm("NOVA").encode(), "session must be -1"),
    (15, NONE, controls.AddFirm("").encode(), "firm must be 1 to 64 printable"),
    (15, NONE, controls.AddFirm(LONG).encode(), "firm must be 1 to 64 printable"),
    (15, NONE, controls.AddFirm("N OVA").encode(), "firm must be 1 to 64 printable"),
    (15, NONE, controls.AddFirm("ACME").encode(), "firm ACME is there already"),
    (16, 0, controls.EnableFirm("ACME", on=False).encode(), "session must be -1"),
    (16, NONE, controls.EnableFirm("NOVA", on=False).encode(), "firm must be .* 'NOVA'"),
    (16, NONE, controls.EnableFirm("ACME", on=True).encode(), "not disabled by an operator"),
    # accounts
    (17, 0, new_account(), "session must be -1"),
    (17, NONE, new_account(name="ACME-1"), "account ACME-1 is there already"),
    (17, NONE, new_account(name=""), "account must be 1 to 64"),
    (17, NONE, new_account(name=LONG), "account must be 1 to 64"),
    (17, NONE, new_account(setting(firm="NOVA")), "firm must be .* 'NOVA'"),
    (17, NONE, new_account(setting(parent="NOBODY")), "parent must be .* 'NOBODY'"),
    (17, NONE, new_account(setting(parent="BETA-1")), "an account of firm BETA, not of firm ACME"),
    (17, NONE, new_account(setting(firm="PRIME", parent="PRIME-1-A")), "is a sub-account itself"),
    (17, NONE, new_account(setting(maker_rate=1_000_001)), "maker_rate"),
    (17, NONE, new_account(setting(taker_rate=1_000_001)), "taker_rate"),
    (17, NONE, new_account(setting(rate_tier="vip")), "rate_tier must be one of starter, .*'vip'"),
    (17, NONE, new_account(setting(deposits=[Deposit(asset="USD", amount=1)])), "deposits"),
    (18, 0, controls.EnableAccount("ACME-1", on=False).encode(), "session must be -1"),
    (18, NONE, controls.EnableAccount("NOBODY", on=False).encode(), "account must be"),
    (18, NONE, controls.EnableAccount("ACME-1", on=True).encode(), "not disabled by an operator"),
    # sessions
    (19, 0, new_session(), "session must be -1"),
    (19, NONE, new_session(setting(sender_comp_id="ACME")), f"session ACME {TARGET} is there"),
    (19, NONE, new_session(setting(sender_comp_id="")), "sender_comp_id must be 1 to 64"),
    (19, NONE, new_session(setting(sender_comp_id=LONG)), "sender_comp_id must be 1 to 64"),
    (19, NONE, new_session(setting(target_comp_id="A\x01B")), "target_comp_id must be 1 to 64"),
    (19, NONE, new_session(setting(account="NOBODY")), "account must be .* 'NOBODY'"),
    (19, NONE, new_session(setting(broker=True)), "has no sub-accounts"),
    (19, NONE, new_session(setting(stp_group=LONG)), "stp_group must be"),
    (19, NONE, new_session(setting(heartbeat_min_s=0)), "heartbeat_min_s must be 1 to 3600"),
    (19, NONE, new_session(setting(heartbeat_max_s=4)), "heartbeat_max_s must be 5 to 3600"),
    (19, NONE, new_session(setting(token_bucket_points=1)), "both 0 or both above 0"),
    (20, NONE, controls.EnableSession(on=False).encode(), "session must be the index"),
    (20, 3, controls.EnableSession(on=False).encode(), "session must be the index"),
    (20, 0, controls.EnableSession(on=True).encode(), "not disabled by an operator"),
    # keys
    (21, 0, controls.AddKey("key", "ACME-1").encode(), "session must be -1"),
    (21, NONE, controls.AddKey("", "ACME-1").encode(), "key must be 1 to 128"),
    (21, NONE, controls.AddKey("k" * 129, "ACME-1").encode(), "key must be 1 to 128"),
    (21, NONE, controls.AddKey("key", "NOBODY").encode(), "account must be"),
    (22, 0, controls.EnableKey("key", on=False).encode(), "session must be -1"),
    (22, NONE, controls.EnableKey("a b", on=False).encode(), "key must be 1 to 128"),
    (22, NONE, controls.EnableKey("key", on=True).encode(), "not disabled by an operator"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "session_index", "data", "text"), REFUSED)
def test_what_can_not_be_done_is_refused_and_nothing_is_recorded(
    kind: int, session_index: int, data: bytes, text: str
) -> None:
    venue = with_schedule()
    before = venue.save()
    with pytest.raises(ControlRefused, match=text):
        venue.control(kind, session_index, data, START_NS)
    with pytest.raises(ControlRefused, match=text):
        venue.check_control(kind, session_index, data)
    assert venue.turn_records == 0
    assert venue.save() == before


ALL: list[tuple[int, int, Control]] = [
    (7, NONE, controls.DepositMoney("ACME-1", "USD", MONEY)),
    (8, NONE, controls.WithdrawMoney("ACME-1", "USD", MONEY // 3)),
    (9, NONE, controls.SetStatus("BTC/USD", CANCEL_ONLY)),
    (10, NONE, controls.SetHalted(halted=True)),
    (11, NONE, controls.SetIndex("BTC/USD", 840_001)),
    (12, NONE, controls.SetBand("BTC/USD", 50_000)),
    (12, NONE, controls.SetBand("ETH/USD", BAND_OF_INSTRUMENT)),
    (13, NONE, controls.SetAccountFees("ACME-1", FEES_FIXED, 7, 8)),
    (13, NONE, controls.SetAccountFees("BETA-1", FEES_BY_VOLUME)),
    (14, NONE, controls.SetFeeSchedule(FeeSchedule(
        name="standard", tiers=[FeeTier(volume_money=0, maker_rate=1, taker_rate=2)]))),
    (15, NONE, controls.AddFirm("NOVA")),
    (17, NONE, controls.AddAccount(account("NOVA-1", balances={}))),
    (19, NONE, controls.AddSession(session("NOVA", "NOVA-1"))),
    (21, NONE, controls.AddKey("nova-key", "NOVA-1")),
    (22, NONE, controls.EnableKey("nova-key", on=False)),
    (20, 3, controls.EnableSession(on=False)),
    (18, NONE, controls.EnableAccount("NOVA-1", on=False)),
    (16, NONE, controls.EnableFirm("BETA", on=False)),
]  # fmt: skip


def test_every_control_is_the_same_after_replay_and_after_a_snapshot_of_any_moment() -> None:
    venue = with_schedule()
    log: list[bytes] = []
    snapshots: list[bytes] = [venue.save()]
    for kind, session_index, control in ALL:
        do(venue, kind, control, session_index)
        log.append(venue.take_turn())
        venue.commit(0)
        snapshots.append(venue.save())
    assert {kind for kind, _, _ in ALL} == set(range(7, 23))
    for start, saved in enumerate(snapshots):
        again = Venue()
        again.load(saved)
        assert again.save() == saved
        for payload in log[start:]:
            again.replay(payload, 0)
        assert again.digest() == venue.digest(), f"from the snapshot behind control {start}"


def test_what_operators_did_stays_when_new_settings_come() -> None:
    venue = with_schedule()
    for kind, session_index, control in ALL:
        do(venue, kind, control, session_index)
    settings = venue_settings()
    settings.fee_schedules = [STANDARD]
    settings.rollover_length_s = 31
    venue.configure(settings.encode(), START_NS)
    directory = venue.directory
    assert firms_of(venue) == ["ACME", "BETA", "PRIME", "NOVA"]
    by_name = {a.name: a.settings for a in directory.accounts}
    assert (by_name[b"ACME-1"].maker_rate, by_name[b"ACME-1"].taker_rate) == (7, 8)
    assert by_name[b"BETA-1"].fees_by_volume
    assert not by_name[b"NOVA-1"].enabled
    assert not by_name[b"BETA-1"].enabled
    assert by_name[b"ACME-1"].enabled
    enabled = {s.sender_comp_id: s.enabled for s in directory.sessions}
    assert enabled == {"ACME": True, "BETA": False, "PRIME": True, "NOVA": False}
    assert [t.taker_rate for t in venue.settings.fee_schedules[0].tiers] == [2]
    state = venue.engine.market_state("BTC/USD")
    assert (state.status, state.halted, state.index_price, state.band) == (
        CANCEL_ONLY, True, 840_001, 50_000,
    )  # fmt: skip


def test_what_an_operator_takes_back_is_as_the_settings_say() -> None:
    venue = with_schedule()
    untouched = venue.settings.encode()
    for kind, session_index, control in ALL:
        if kind in (13, 14, 16):
            do(venue, kind, control, session_index)
    assert venue.settings.encode() != untouched
    do(venue, controls.SET_ACCOUNT_FEES, controls.SetAccountFees("ACME-1", FEES_DEFAULT))
    do(venue, controls.SET_ACCOUNT_FEES, controls.SetAccountFees("BETA-1", FEES_DEFAULT))
    no_tiers = controls.SetFeeSchedule(FeeSchedule(name="standard", tiers=[]))
    do(venue, controls.SET_FEE_SCHEDULE, no_tiers)
    do(venue, controls.ENABLE_FIRM, controls.EnableFirm("BETA", on=True))
    assert venue.settings.encode() == untouched


def test_what_the_configuration_disables_an_operator_does_not_enable() -> None:
    venue = Venue()
    settings = venue_settings()
    settings.accounts[0].enabled = False
    venue.configure(settings.encode(), START_NS)
    with pytest.raises(ControlRefused, match="not disabled by an operator"):
        do(venue, controls.ENABLE_ACCOUNT, controls.EnableAccount("ACME-1", on=True))


def test_a_name_is_disabled_and_added_once() -> None:
    venue = with_schedule()
    for kind, session_index, control in ALL:
        do(venue, kind, control, session_index)
    venue.take_turn()
    once = [row for row in ALL if row[0] in (15, 16, 17, 18, 19, 20, 21, 22)]
    for kind, session_index, control in once:
        with pytest.raises(ControlRefused, match="already"):
            do(venue, kind, control, session_index)
    assert venue.turn_records == 0


def test_an_added_session_of_an_account_that_the_settings_drop_is_disabled() -> None:
    venue = Venue()
    settings = venue_settings()
    settings.accounts.append(account("NOVA-1"))
    venue.configure(settings.encode(), START_NS)
    do(venue, controls.ADD_SESSION, controls.AddSession(session("NOVA", "NOVA-1")))
    assert venue.sessions[3].settings.enabled
    venue.configure(venue_settings().encode(), START_NS)
    assert not venue.sessions[3].settings.enabled
    venue.configure(settings.encode(), START_NS)
    assert venue.sessions[3].settings.enabled


def test_an_account_with_more_orders_than_a_record_cancels_loses_all_of_them() -> None:
    venue = started()
    logon(venue, 1)
    count = CANCELS_PER_RECORD + 7
    money = controls.DepositMoney("ACME-1", "USD", 100_000_000 * MONEY)
    do(venue, controls.DEPOSIT_MONEY, money)
    venue.frames(0, 1, [order(2 + n, 1 + n) for n in range(count)], START_NS)
    do(venue, controls.ENABLE_ACCOUNT, controls.EnableAccount("ACME-1", on=False))
    assert venue.engine.open_order_count == 7
    assert venue.has_more_to_do
    venue.tick(START_NS)
    assert venue.engine.open_order_count == 0
    assert venue.engine.ledger.held(0, "USD") == 0


def test_what_settings_disable_or_drop_loses_its_orders_when_the_process_starts() -> None:
    for changes in (
        [("session", "ACME enabled=N")],
        [("account", "ACME-1 enabled=N")],
        [("without", "ACME")],
        [("without", "ACME"), ("without", "ACME-1")],
    ):
        venue = Venue()
        venue.configure(venue_settings().encode(), START_NS)
        venue.start(START_NS)
        logon(venue, 1, text=b"8674=1\x01")  # it would keep them over a lost line
        venue.frames(0, 1, [order(2, 1), order(3, 2)], START_NS)
        venue.start(START_NS)
        assert venue.engine.open_order_count == 2
        settings = venue_settings()
        for kind, text in changes:
            change(settings, kind, text)
        venue.configure(settings.encode(), START_NS)
        venue.start(START_NS)
        assert venue.engine.open_order_count == 0
        assert venue.engine.ledger.held(0, "USD") == 0
        again = Venue()
        again.replay(venue.take_turn(), 0)
        venue.commit(0)
        assert again.digest() == venue.digest()


def test_an_instrument_that_is_new_while_the_venue_is_halted_is_halted() -> None:
    venue = Venue()
    settings = venue_settings()
    later = settings.instruments.pop()
    venue.configure(settings.encode(), START_NS)
    do(venue, controls.SET_HALTED, controls.SetHalted(halted=True))
    settings.instruments.append(later)
    venue.configure(settings.encode(), START_NS)
    assert venue.engine.market_state(later.symbol).halted


def test_deposits_and_withdrawals_are_owed_by_the_outside_world() -> None:
    venue = started()
    before = venue.engine.ledger.available(EXTERNAL, "USD")
    do(venue, controls.DEPOSIT_MONEY, controls.DepositMoney("BETA-1", "USD", 5 * MONEY))
    assert venue.engine.ledger.available(EXTERNAL, "USD") == before - 5 * MONEY
    do(venue, controls.WITHDRAW_MONEY, controls.WithdrawMoney("BETA-1", "USD", 2 * MONEY))
    assert venue.engine.ledger.available(EXTERNAL, "USD") == before - 3 * MONEY
    assert venue.engine.ledger.available(1, "USD") == 1_000_003 * MONEY
    assert all(total == 0 for total in venue.engine.ledger.totals().values())


def test_operators_add_no_more_names_than_there_is_room_for() -> None:
    venue = with_schedule()
    venue.operated.firms = [f"F{n}" for n in range(OPERATED_NAMES_MAX)]
    with pytest.raises(ControlRefused, match="10000 firms already"):
        do(venue, controls.ADD_FIRM, controls.AddFirm("ONE-MORE"))
    venue.operated.keys = {f"K{n}": "ACME-1" for n in range(OPERATED_NAMES_MAX)}
    with pytest.raises(ControlRefused, match="10000 keys already"):
        do(venue, controls.ADD_KEY, controls.AddKey("ONE-MORE", "ACME-1"))


def test_a_disabled_session_that_is_not_logged_on_loses_what_it_left() -> None:
    venue = CoreVenue()
    steps = [
        "given session ACME cancel_on_disconnect=N",
        "logon ACME",
        "send ACME 35=D|11=1|55=BTC/USD|54=1|40=2|44=60000|38=0.1|59=1",
        "expect ACME 35=8|150=0",
        "cut ACME",
        "control ACME disable-session",
        "balance ACME-1 USD 1000000 0",
    ]
    Player(Script.of_text("\n".join(steps)), venue).run()
    venue.verify()
