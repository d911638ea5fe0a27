"""Sign-ins: who a token stands for, until when, and what of it is kept."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from zhiku.domain.accounts import Account, AccountClosed, SignIn, SignInKind
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.permissions import Permission, Role
from zhiku.services.sign_ins import DEVICE_END, FORGOTTEN_AFTER, IDLE_END, PASSWORD_END, SEEN_EVERY, SignIns

Sessions = sessionmaker[Session]


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sign_ins(sessions: Sessions, clock: Clock) -> SignIns:
    return SignIns(sessions, clock)


@pytest.fixture
def account(sessions: Sessions) -> int:
    with sessions.begin() as session:
        factories.reference(session)
        return factories.an_account(session, Role.LIAISON, name="周子涵", sign_in_name="zhouzihan").id


def change(sessions: Sessions, account: int, **values: object) -> None:
    with sessions.begin() as session:
        row = session.get_one(Account, account)
        for name, value in values.items():
            setattr(row, name, value)


ACTIONS = {action.value for action in (Action.SIGNED_IN, Action.SIGNED_OUT, Action.REVOKED)}


def events(sessions: Sessions) -> list[tuple[str, str, int | None]]:
    with sessions() as session:
        rows = session.scalars(select(AuditEvent).where(AuditEvent.subject_kind == "account").order_by(AuditEvent.id))
        return [(row.action, row.actor_name, row.actor_id) for row in rows if row.action in ACTIONS]


def test_a_token_stands_for_its_account_with_role_and_scope(sign_ins: SignIns, account: int) -> None:
    found = sign_ins.find(sign_ins.begin(account, SignInKind.PASSWORD, "10.0.0.9", "Firefox · Windows"))
    assert found is not None
    assert (found.account_id, found.name, found.sign_in_name, found.role) == (
        account, "周子涵", "zhouzihan", Role.LIAISON,
    )  # fmt: skip
    assert found.scope.division == factories.COUNTY and found.kind is SignInKind.PASSWORD
    assert found.may(Permission.ACT_ON_BEHALF) and not found.may(Permission.MANAGE_ACCOUNTS)


def test_only_the_hash_of_a_token_is_stored(sign_ins: SignIns, account: int, sessions: Sessions) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    with sessions() as session:
        row = session.scalars(select(SignIn)).one()
        assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
        assert len(token) >= 43 and token not in repr(vars(row))
        assert token not in "".join(map(repr, session.scalars(select(AuditEvent.changes))))
    assert sign_ins.begin(account, SignInKind.PASSWORD) != token


@pytest.mark.parametrize("wrong", ["", "x", "\x00", "\ud800", "x" * 100_000, "' OR 1=1 --"])
def test_a_wrong_token_is_nobody(sign_ins: SignIns, account: int, wrong: str) -> None:
    sign_ins.begin(account, SignInKind.PASSWORD)
    assert sign_ins.find(wrong) is None and sign_ins.was(wrong) is None
    sign_ins.end(wrong)


def test_a_sign_in_by_password_ends_when_nobody_is_there(sign_ins: SignIns, clock: Clock, account: int) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    for _ in range(3):
        clock.now += IDLE_END - timedelta(minutes=1)
        assert sign_ins.find(token) is not None, "every page begins the idle time anew"
    clock.now += IDLE_END
    assert sign_ins.find(token) is None
    assert sign_ins.was(token) == account, "whose it was is known, to keep what they typed"


def test_a_sign_in_by_password_ends_after_a_working_day_whatever_is_done(
    sign_ins: SignIns, clock: Clock, account: int
) -> None:
    token, end = sign_ins.begin(account, SignInKind.PASSWORD), clock.now + PASSWORD_END
    while clock.now + IDLE_END / 2 < end:
        clock.now += IDLE_END / 2
        assert sign_ins.find(token) is not None
    clock.now = end
    assert sign_ins.find(token) is None


def test_a_device_stays_known_for_half_a_year_without_being_used(sign_ins: SignIns, clock: Clock, account: int) -> None:
    token = sign_ins.begin(account, SignInKind.DEVICE)
    clock.now += DEVICE_END - timedelta(minutes=1)
    assert sign_ins.find(token) is not None
    clock.now += timedelta(minutes=1)
    assert sign_ins.find(token) is None


def test_a_closed_account_is_out_and_does_not_come_in_again(
    sign_ins: SignIns, account: int, sessions: Sessions
) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    change(sessions, account, is_active=False)
    assert sign_ins.find(token) is None
    for account_id in (account, 4711):
        with pytest.raises(AccountClosed, match="停用"):
            sign_ins.begin(account_id, SignInKind.PASSWORD)


def test_reading_pages_writes_once_a_minute(sign_ins: SignIns, clock: Clock, account: int, sessions: Sessions) -> None:
    def seen() -> datetime:
        with sessions() as session:
            return session.scalars(select(SignIn.seen_at)).one()

    token = sign_ins.begin(account, SignInKind.PASSWORD)
    clock.now += SEEN_EVERY - timedelta(seconds=1)
    sign_ins.find(token)
    assert seen() == NOW
    clock.now += timedelta(seconds=1)
    sign_ins.find(token)
    assert seen() == clock.now


def test_a_page_does_not_wait_while_somebody_writes(
    sign_ins: SignIns, clock: Clock, account: int, database: Engine
) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    clock.now += timedelta(minutes=5)
    with database.connect().execution_options(is_writing=True) as importing, importing.begin():
        # It would wait ninety seconds for the lock.
        assert sign_ins.find(token) is not None
    assert sign_ins.find(token) is not None


def test_signing_out_ends_this_browser_only(sign_ins: SignIns, account: int) -> None:
    one, another = (sign_ins.begin(account, SignInKind.PASSWORD) for _ in range(2))
    sign_ins.end(one)
    assert sign_ins.find(one) is None and sign_ins.find(another) is not None
    sign_ins.end(one)


def test_the_owner_sees_open_sign_ins_and_which_one_asks(sign_ins: SignIns, clock: Clock, account: int) -> None:
    forgotten = sign_ins.begin(account, SignInKind.PASSWORD, "10.0.0.1", "Edge · Windows")
    clock.now += IDLE_END
    sign_ins.end(sign_ins.begin(account, SignInKind.PASSWORD))
    other = sign_ins.begin(account, SignInKind.DEVICE, "10.0.0.2", "微信 · Android")
    clock.now += timedelta(minutes=2)
    this = sign_ins.begin(account, SignInKind.PASSWORD, "10.0.0.3", "Firefox · Linux")
    found, away = sign_ins.find(this), sign_ins.find(other)
    assert found is not None and away is not None and sign_ins.find(forgotten) is None
    listed = sign_ins.listed(account, found.sign_in_id)
    assert [(one.device, one.address, one.is_this) for one in listed] == [
        ("Firefox · Linux", "10.0.0.3", True),
        ("微信 · Android", "10.0.0.2", False),
    ]
    assert sign_ins.listed(account + 1) == []


@pytest.mark.parametrize("end", ["one", "all", "others"])
def test_sign_ins_can_be_ended_from_elsewhere(sign_ins: SignIns, account: int, end: str) -> None:
    this, other = (sign_ins.begin(account, SignInKind.PASSWORD) for _ in range(2))
    found = sign_ins.find(other)
    assert found is not None
    if end == "one":
        assert sign_ins.end_one(account, found.sign_in_id) and not sign_ins.end_one(account, found.sign_in_id)
    else:
        assert sign_ins.end_all(account, this if end == "others" else "") == (1 if end == "others" else 2)
    assert sign_ins.find(other) is None
    assert (sign_ins.find(this) is None) == (end == "all")


def test_nobody_ends_what_belongs_to_another_account(sign_ins: SignIns, account: int, sessions: Sessions) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    found = sign_ins.find(token)
    with sessions.begin() as session:
        other = factories.an_account(session).id
    assert found is not None
    assert not sign_ins.end_one(other, found.sign_in_id) and not sign_ins.end_one(account, 2**70)
    assert sign_ins.end_all(other) == 0 and sign_ins.find(token) is not None


def test_every_begin_and_end_is_in_the_audit_with_who_did_it(
    sign_ins: SignIns, account: int, sessions: Sessions
) -> None:
    with acting_as(Actor(None, "访客", "public", "10.0.0.9")):
        first = sign_ins.begin(account, SignInKind.PASSWORD)
    sign_ins.end(first)
    sign_ins.begin(account, SignInKind.DEVICE)
    with acting_as(Actor(99, "王管理", "administrator", "10.0.0.1")):
        sign_ins.end_all(account)
    assert events(sessions) == [
        ("signed_in", "周子涵", account),
        ("signed_out", "周子涵", account),
        ("signed_in", "周子涵", account),
        ("revoked", "王管理", 99),
    ]


def test_what_ended_long_ago_is_forgotten(sign_ins: SignIns, clock: Clock, account: int, sessions: Sessions) -> None:
    def count() -> int:
        with sessions() as session:
            return len(session.scalars(select(SignIn.id)).all())

    sign_ins.begin(account, SignInKind.PASSWORD)
    clock.now += PASSWORD_END + FORGOTTEN_AFTER
    sign_ins.begin(account, SignInKind.PASSWORD)
    assert count() == 2
    clock.now += timedelta(seconds=1)
    sign_ins.begin(account, SignInKind.PASSWORD)
    assert count() == 2


def test_what_a_browser_says_of_itself_is_cut_to_its_column(sign_ins: SignIns, account: int) -> None:
    sign_ins.begin(account, SignInKind.PASSWORD, "a" * 200, "b" * 200)
    (one,) = sign_ins.listed(account)
    assert (len(one.address), len(one.device)) == (45, 80)


def test_the_role_is_that_of_now(sign_ins: SignIns, account: int, sessions: Sessions) -> None:
    token = sign_ins.begin(account, SignInKind.PASSWORD)
    change(sessions, account, role=Role.LEADER, division_prefix="43072510", must_change_password=True)
    found = sign_ins.find(token)
    assert found is not None and found.role is Role.LEADER and found.must_change_password
    assert found.scope.division == "43072510" and not found.may(Permission.ACT_ON_BEHALF)
