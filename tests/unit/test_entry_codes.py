"""Entry codes: who gets one, how it may be typed, that it opens once, and for how long."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from tests.unit.test_liaisons import COUNTY, Clock, Officer, clock, liaisons, officer, person  # noqa: F401
from zhiku.domain.accounts import Account, EntryCode
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Role, Scope
from zhiku.services.entry_codes import (
    AGAIN_WITHIN,
    CODE_ALPHABET,
    VALID_FOR,
    AccountNotInUse,
    CodeExpired,
    CodeSpent,
    CodeUnknown,
    EntryCodes,
    grouped,
    may_be_a_code,
    new_code,
    normalize_entry_code,
)
from zhiku.services.liaisons import Liaisons
from zhiku.services.persons import PersonNotFound

PHONE = "a-random-mark-of-a-browser"
OTHER_PHONE = "another-mark-of-another-browser"


@pytest.fixture
def codes(sessions: sessionmaker[Session], clock: Clock) -> EntryCodes:  # noqa: F811
    return EntryCodes(sessions, clock, lambda: b"k" * 32)


@pytest.fixture
def zeng(liaisons: Liaisons, sessions: sessionmaker[Session]) -> int:  # noqa: F811
    return person(sessions)


@pytest.fixture
def zhou(liaisons: Liaisons, sessions: sessionmaker[Session], zeng: int) -> Officer:  # noqa: F811
    """The liaison of 曾繁柑."""
    made = officer(sessions)
    liaisons.assign([zeng], made.account_id, COUNTY)
    return made


def test_a_liaison_gets_a_code_for_their_retiree_and_it_lets_in(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    slip = codes.issue(zeng, zhou)
    assert (slip.name, slip.issued_by) == ("曾繁柑", "周子涵")
    assert slip.expires_at - slip.issued_at == VALID_FOR == timedelta(days=14)
    assert len(slip.code) == 8 and slip.grouped == f"{slip.code[:4]} {slip.code[4:]}"
    entry = codes.enter(slip.code, PHONE)
    assert (entry.name, entry.expert_id) == ("曾繁柑", zeng)


def test_the_first_code_makes_the_account_and_the_next_finds_it(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    codes.issue(zeng, zhou)
    codes.issue(zeng, zhou)
    with sessions() as session:
        account = session.scalars(select(Account).where(Account.role == Role.RETIREE)).one()
        assert (account.name, account.expert_id, account.sign_in_name) == ("曾繁柑", zeng, None)
        assert account.password_hash is None and account.scope.expert_id == zeng


def test_the_bureau_gets_one_for_anybody_of_its_county_and_nobody_else_does(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    assert codes.issue(zeng, officer(sessions, "刘小燕", Role.BUREAU)).name == "曾繁柑"
    strangers = [
        officer(sessions, "吴敏"),
        officer(sessions, "外县局", Role.BUREAU, division_prefix="430726"),
        officer(sessions, "部门", Role.DEPARTMENT),
        officer(sessions, "管理员", Role.ADMINISTRATOR),
        Officer(zhou.account_id, zhou.name, Role.LIAISON, Scope("430726")),
    ]
    for stranger in strangers:
        with pytest.raises(PersonNotFound):
            codes.issue(zeng, stranger)
        with pytest.raises(PersonNotFound):
            codes.withdraw(zeng, stranger)
    with pytest.raises(PersonNotFound):
        codes.issue(987654, zhou)


def test_after_the_assignment_ended_the_liaison_gets_none(
    codes: EntryCodes, zeng: int, zhou: Officer, liaisons: Liaisons  # noqa: F811
) -> None:
    printed = codes.issue(zeng, zhou).code
    liaisons.end(zeng, COUNTY)
    with pytest.raises(PersonNotFound):
        codes.issue(zeng, zhou)
    with pytest.raises(CodeSpent):
        codes.enter(printed, PHONE)


def test_a_code_opens_once(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    code = codes.issue(zeng, zhou).code
    codes.enter(code, PHONE)
    with pytest.raises(CodeSpent):
        codes.enter(code, OTHER_PHONE)
    with pytest.raises(CodeSpent):
        codes.look_up(code)


def test_a_button_pressed_twice_is_one_entry_but_later_it_is_not(
    codes: EntryCodes, zeng: int, zhou: Officer, clock: Clock  # noqa: F811
) -> None:
    code = codes.issue(zeng, zhou).code
    assert codes.enter(code, PHONE) == codes.enter(code, PHONE)
    clock.now += AGAIN_WITHIN + timedelta(seconds=1)
    with pytest.raises(CodeSpent):
        codes.enter(code, PHONE)


def test_of_several_browsers_at_the_same_moment_one_gets_in(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    code = codes.issue(zeng, zhou).code
    barrier = Barrier(5)
    got_in: list[int] = []

    def enter(place: int) -> None:
        barrier.wait()
        try:
            codes.enter(code, f"browser-{place}")
            got_in.append(place)
        except CodeSpent:
            pass

    threads = [Thread(target=enter, args=(place,)) for place in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got_in) == 1


def test_looking_up_a_code_leaves_it_as_it_is(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    code = codes.issue(zeng, zhou).code
    assert [codes.look_up(code).name for _ in range(3)] == ["曾繁柑"] * 3
    assert codes.enter(code, PHONE).name == "曾繁柑"


def test_a_code_expires(codes: EntryCodes, zeng: int, zhou: Officer, clock: Clock) -> None:  # noqa: F811
    code = codes.issue(zeng, zhou).code
    clock.now += VALID_FOR - timedelta(seconds=1)
    assert codes.look_up(code)
    clock.now += timedelta(seconds=1)
    for ask in (lambda: codes.look_up(code), lambda: codes.enter(code, PHONE)):
        with pytest.raises(CodeExpired, match="再印一张"):
            ask()


def test_a_new_code_spends_the_old_one(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    old, new = codes.issue(zeng, zhou).code, codes.issue(zeng, zhou).code
    with pytest.raises(CodeSpent, match="最新的纸条"):
        codes.enter(old, PHONE)
    assert codes.enter(new, PHONE)


def test_a_slip_asked_for_twice_with_one_press_is_one_slip(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    proposed = new_code()
    assert codes.issue(zeng, zhou, proposed) == codes.issue(zeng, zhou, proposed)
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(EntryCode)) == 1


def test_a_code_used_while_its_slip_lay_open_gives_way_to_a_fresh_one(
    codes: EntryCodes, zeng: int, zhou: Officer
) -> None:
    proposed = new_code()
    codes.enter(codes.issue(zeng, zhou, proposed).code, PHONE)
    again = codes.issue(zeng, zhou, proposed).code
    assert again != proposed
    assert codes.enter(again, OTHER_PHONE).expert_id == zeng


def test_a_withdrawn_code_opens_nothing(codes: EntryCodes, zeng: int, zhou: Officer) -> None:
    code = codes.issue(zeng, zhou).code
    assert codes.withdraw(zeng, zhou) is True
    assert codes.withdraw(zeng, zhou) is False
    with pytest.raises(CodeSpent):
        codes.enter(code, PHONE)


def test_the_deceased_and_the_closed_get_no_code_and_no_way_in(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    code = codes.issue(zeng, zhou).code
    with sessions.begin() as session:
        begin_writing(session)
        session.scalars(select(Account).where(Account.role == Role.RETIREE)).one().is_active = False
    with pytest.raises(CodeSpent):
        codes.enter(code, PHONE)
    with pytest.raises(AccountNotInUse):
        codes.issue(zeng, zhou)
    with sessions.begin() as session:
        begin_writing(session)
        expert = session.get_one(Expert, zeng)
        expert.change_status(ExpertStatus.DECEASED, expert.updated_at)
    with pytest.raises(CodeUnknown):
        codes.enter(code, PHONE)
    with pytest.raises(PersonNotFound):
        codes.issue(zeng, zhou)


def test_neither_the_code_nor_a_plain_hash_of_it_is_stored(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    code = codes.issue(zeng, zhou).code
    codes.enter(code, PHONE)
    with sessions() as session:
        stored = " ".join(str(value) for row in session.execute(select(EntryCode.__table__)) for value in row)
        events = session.scalars(select(AuditEvent)).all()
        noted = " ".join(f"{one.subject_id} {one.changes}" for one in events)
    for secret in (code, hashlib.sha256(code.encode()).hexdigest(), PHONE):
        assert secret not in stored and secret not in noted
    with pytest.raises(CodeUnknown):
        EntryCodes(sessions, lambda: events[0].at, lambda: b"another key of another house").look_up(code)


def test_issuing_and_a_refused_try_are_events_of_the_audit(
    codes: EntryCodes, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    with acting_as(Actor(zhou.account_id, zhou.name, "liaison", "10.0.0.7")):
        codes.issue(zeng, zhou)
    codes.note_refused()
    with sessions() as session:
        issued = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.ISSUED.value)).one()
        refused = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.SIGN_IN_REFUSED.value)).one()
    assert (issued.actor_name, issued.address, issued.subject_kind, issued.subject_id) == (
        "周子涵", "10.0.0.7", "expert", str(zeng),
    )  # fmt: skip
    assert refused.subject_kind == "entry_code" and refused.changes == {}


@pytest.mark.parametrize(
    "typed",
    ["0aaa 1234", "oaaa l234", "QAAA-I234", "ＯＡＡＡ　１２３４", " 0 a a a 1 2 3 4 ", "DAAA·lZ34", "0aaa—1234"],
)
def test_a_code_is_understood_however_it_is_typed(typed: str) -> None:
    assert normalize_entry_code(typed) == "0AAA1234" and may_be_a_code(typed)


@pytest.mark.parametrize("typed", ["", "0AAA123", "0AAA12345", "进门码是", "0AAA12三4", "\x00" * 8, "\ud800AAA1234"])
def test_what_cannot_be_a_code_is_not_looked_up(typed: str) -> None:
    assert not may_be_a_code(typed)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_folded_once_and_for_all(typed: str) -> None:
    assert normalize_entry_code(normalize_entry_code(typed)) == normalize_entry_code(typed)


def test_no_two_characters_of_a_code_look_alike() -> None:
    groups = ("0OQD", "1IL", "2Z", "5S", "8B", "6G", "VU")
    assert all(len(set(group) & set(CODE_ALPHABET)) == 1 for group in groups)
    assert all(normalize_entry_code(one) == normalize_entry_code(group[0]) for group in groups for one in group)
    assert len(CODE_ALPHABET) == len(set(CODE_ALPHABET)) == 26
    made = {new_code() for _ in range(200)}
    assert len(made) == 200 and all(may_be_a_code(code) and normalize_entry_code(code) == code for code in made)
    assert grouped("0AAA1234") == "0AAA 1234"
