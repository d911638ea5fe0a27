"""Sensitive data: recorded with consent, masked, revealed for a noted purpose, to those who look after somebody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.factories import NOW
from tests.unit.askers import an_asker
from zhiku.domain.accounts import LiaisonAssignment
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.consents import ConsentForm, ConsentPurpose
from zhiku.domain.experts import DatePrecision, ExpertStatus, Sex
from zhiku.domain.identity_numbers import IdentityNumberNotAcceptable
from zhiku.domain.permissions import Role
from zhiku.services import contacts, reveals
from zhiku.services.consents import ConsentNotAcceptable, Consents
from zhiku.services.persons import PersonNotFound
from zhiku.services.reveals import PurposeMissing, RevealPurpose, TooManyReveals, counts_of_a_day
from zhiku.services.sensitive import (
    ConsentMissing,
    NothingStored,
    SensitiveData,
    SensitiveKind,
    ValueNotAcceptable,
    removing,
)
from zhiku.services.sign_ins import SignedIn

ZONE = ZoneInfo("Asia/Shanghai")
NUMBER = "11010519491231002X"
PHONE = "13812341234"
WORDS = "商量敬老座谈会"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def expert_id(sessions: sessionmaker[Session]) -> int:
    with sessions.begin() as session:
        factories.reference(session)
        born = {"birth_date": date(1949, 12, 1), "birth_precision": DatePrecision.MONTH, "sex": Sex.FEMALE}
        return factories.an_expert(session, "张水生", **born).id


@pytest.fixture
def bureau(sessions: sessionmaker[Session], expert_id: int) -> Iterator[SignedIn]:
    found = an_asker(sessions)
    with acting_as(Actor(found.account_id, found.name, found.role.value, "10.0.0.7")):
        yield found


@pytest.fixture
def data(sessions: sessionmaker[Session], clock: Clock) -> SensitiveData:
    return SensitiveData(sessions, clock, ZONE)


@pytest.fixture
def consents(sessions: sessionmaker[Session], clock: Clock) -> Consents:
    removals = {
        ConsentPurpose.CONTACT: removing(SensitiveKind.CONTACT),
        ConsentPurpose.IDENTITY: removing(SensitiveKind.IDENTITY),
        ConsentPurpose.CARE: removing(SensitiveKind.HEALTH, SensitiveKind.HARDSHIP),
    }
    return Consents(sessions, clock, ZONE, removals)


def agree(consents: Consents, asker: SignedIn, expert_id: int, *purposes: ConsentPurpose) -> None:
    for purpose in purposes or ConsentPurpose:
        consents.grant(asker, expert_id, purpose, ConsentForm.PAPER, date(2026, 5, 4))


def events(sessions: sessionmaker[Session], action: Action) -> list[AuditEvent]:
    with sessions() as session:
        return list(
            session.scalars(select(AuditEvent).where(AuditEvent.action == action.value).order_by(AuditEvent.id))
        )


# -- recording ---------------------------------------------------------------------------------------------------


def test_everything_is_stored_encrypted_and_shown_masked(
    sessions: sessionmaker[Session], data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    agree(consents, bureau, expert_id)
    typed = {
        SensitiveKind.CONTACT: PHONE,
        SensitiveKind.IDENTITY: NUMBER,
        SensitiveKind.HEALTH: "帕金森病",
        SensitiveKind.HARDSHIP: "独居欠债",
    }
    for kind, value in typed.items():
        assert data.record(bureau, expert_id, kind, value).warnings == ()
    shown = {kind: [one.text for one in values] for kind, values in data.masked(bureau, expert_id).items()}
    assert shown == {
        SensitiveKind.CONTACT: ["138****1234"],
        SensitiveKind.IDENTITY: ["1101**********002X"],
        SensitiveKind.HEALTH: ["已登记"],
        SensitiveKind.HARDSHIP: ["已登记"],
    }
    with sessions() as session:
        for table in ("contact_details", "identity_numbers", "health_notes", "hardship_notes"):
            assert session.scalar(text(f"SELECT value FROM {table}")).startswith("v1:k1:")
    assert [one.changes[""] for one in events(sessions, Action.CREATED) if "" in one.changes] == [
        "contact_details", "identity_numbers", "health_notes", "hardship_notes",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", [SensitiveKind.IDENTITY, SensitiveKind.HEALTH, SensitiveKind.HARDSHIP])
def test_without_consent_nothing_sensitive_is_stored(
    data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int, kind: SensitiveKind
) -> None:
    agree(consents, bureau, expert_id, ConsentPurpose.PROFILE, ConsentPurpose.CONTACT)
    with pytest.raises(ConsentMissing, match="单独同意"):
        data.record(bureau, expert_id, kind, NUMBER)
    assert data.masked(bureau, expert_id)[kind] == []


def test_a_contact_without_consent_is_stored_with_a_warning(
    data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    assert "还没有登记本人对" in data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE).warnings[0]
    assert len(data.masked(bureau, expert_id)[SensitiveKind.CONTACT]) == 1


def test_an_identity_number_that_differs_from_the_profile_is_stored_with_a_warning(
    sessions: sessionmaker[Session], data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    agree(consents, bureau, expert_id)
    with sessions.begin() as session:
        expert = factories.an_expert(session, "李阳春", birth_date=date(1950, 3, 1), sex=Sex.MALE)
    agree(consents, bureau, expert.id)
    warnings = data.record(bureau, expert.id, SensitiveKind.IDENTITY, NUMBER).warnings
    assert len(warnings) == 2 and "出生日期" in warnings[0] and "性别" in warnings[1]
    assert data.record(bureau, expert_id, SensitiveKind.IDENTITY, NUMBER).warnings == (), "the month is the same"


@pytest.mark.parametrize(
    ("kind", "typed"),
    [
        (SensitiveKind.CONTACT, " "),
        (SensitiveKind.CONTACT, "1" * 201),
        (SensitiveKind.HEALTH, ""),
        (SensitiveKind.HARDSHIP, "困" * 1001),
    ],
)
def test_what_cannot_be_stored_is_refused(
    data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int, kind: SensitiveKind, typed: str
) -> None:
    agree(consents, bureau, expert_id)
    with pytest.raises(ValueNotAcceptable):
        data.record(bureau, expert_id, kind, typed)
    with pytest.raises(IdentityNumberNotAcceptable):
        data.record(bureau, expert_id, SensitiveKind.IDENTITY, "430725195001010013")


def test_a_contact_is_corrected_removed_and_never_stored_twice(
    data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    with pytest.raises(ValueNotAcceptable, match="登记过"):
        data.record(bureau, expert_id, SensitiveKind.CONTACT, "138 1234-1234")
    (stored,) = data.masked(bureau, expert_id)[SensitiveKind.CONTACT]
    data.record(bureau, expert_id, SensitiveKind.CONTACT, "13900001111", stored.id)
    (changed,) = data.masked(bureau, expert_id)[SensitiveKind.CONTACT]
    assert (changed.id, changed.text) == (stored.id, "139****1111")
    data.remove(bureau, expert_id, SensitiveKind.CONTACT, stored.id)
    assert data.masked(bureau, expert_id)[SensitiveKind.CONTACT] == []
    for again in (
        lambda: data.remove(bureau, expert_id, SensitiveKind.CONTACT, stored.id),
        lambda: data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE, stored.id),
        lambda: data.remove(bureau, expert_id, SensitiveKind.HEALTH),
    ):
        with pytest.raises(NothingStored):
            again()


def test_the_contact_of_somebody_else_is_not_changed_under_an_own_person(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    with sessions.begin() as session:
        other = factories.an_expert(session, "李阳春")
        theirs = contacts.add(session, contacts.EXPERT, other.id, "13700000000", NOW)
        assert theirs is not None
    with pytest.raises(NothingStored):
        data.remove(bureau, expert_id, SensitiveKind.CONTACT, theirs.id)
    with pytest.raises(NothingStored):
        data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE, theirs.id)


# -- revealing ---------------------------------------------------------------------------------------------------


def test_a_value_is_revealed_for_a_purpose_that_the_audit_keeps_without_the_value(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    revealed = data.reveal(bureau, expert_id, SensitiveKind.CONTACT, RevealPurpose.INVITE, WORDS)
    assert revealed.values == (PHONE,) and PHONE not in repr(revealed)
    (event,) = events(sessions, Action.REVEALED)
    assert (event.actor_id, event.actor_name, event.address) == (bureau.account_id, bureau.name, "10.0.0.7")
    assert (event.subject_kind, event.subject_id, event.changes) == ("expert", str(expert_id), {"": "contact_details"})
    assert event.purpose == f"{RevealPurpose.INVITE.label}：{WORDS}"


@pytest.mark.parametrize(
    ("purpose", "words"),
    [(None, WORDS), (RevealPurpose.VISIT, ""), (RevealPurpose.VISIT, " 看 "), (RevealPurpose.VISIT, "长" * 101),
     (RevealPurpose.VISIT, "给 13812341234 打电话")],
)  # fmt: skip
def test_nothing_is_revealed_without_a_purpose(
    sessions: sessionmaker[Session],
    data: SensitiveData,
    bureau: SignedIn,
    expert_id: int,
    purpose: RevealPurpose | None,
    words: str,
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    with pytest.raises(PurposeMissing):
        data.reveal(bureau, expert_id, SensitiveKind.CONTACT, purpose, words)
    assert events(sessions, Action.REVEALED) == []


def test_a_liaison_sees_contacts_of_persons_assigned_now_and_nothing_else(
    sessions: sessionmaker[Session], data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    agree(consents, bureau, expert_id)
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    data.record(bureau, expert_id, SensitiveKind.IDENTITY, NUMBER)
    theirs, strangers = an_asker(sessions, Role.LIAISON, expert_id), an_asker(sessions, Role.LIAISON)
    assert data.reveal(theirs, expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, WORDS).values == (PHONE,)
    assert data.masked(theirs, expert_id)[SensitiveKind.IDENTITY][0].text == "已登记"
    with pytest.raises(PersonNotFound):
        data.reveal(theirs, expert_id, SensitiveKind.IDENTITY, RevealPurpose.VERIFY, WORDS)
    for ask in (
        lambda: data.masked(strangers, expert_id),
        lambda: data.reveal(strangers, expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, WORDS),
        lambda: data.record(strangers, expert_id, SensitiveKind.CONTACT, "13900001111"),
        lambda: data.remove(strangers, expert_id, SensitiveKind.IDENTITY),
    ):
        with pytest.raises(PersonNotFound):
            ask()
    with sessions.begin() as session:
        session.scalars(select(LiaisonAssignment)).one().ended_at = NOW
    with pytest.raises(PersonNotFound):
        data.reveal(theirs, expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, WORDS)


@pytest.mark.parametrize("role", [Role.DEPARTMENT, Role.LEADER, Role.ADMINISTRATOR, Role.RETIREE])
def test_other_roles_see_nothing(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int, role: Role
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    asker = an_asker(sessions, role)
    for ask in (
        lambda: data.masked(asker, expert_id),
        lambda: data.reveal(asker, expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, WORDS),
    ):
        with pytest.raises(PersonNotFound):
            ask()


def test_the_bureau_of_another_county_finds_nobody(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    with pytest.raises(PersonNotFound):
        data.reveal(
            an_asker(sessions, division_prefix="430726"), expert_id, SensitiveKind.CONTACT, RevealPurpose.VISIT, WORDS
        )
    for wrong in (0, -1, 10**6, 2**40):
        with pytest.raises(PersonNotFound):
            data.masked(bureau, wrong)


def test_who_looks_at_too_many_is_stopped_and_the_bureau_sees_it(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int, clock: Clock
) -> None:
    data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)

    def look() -> None:
        data.reveal(bureau, expert_id, SensitiveKind.CONTACT, RevealPurpose.INVITE, WORDS)

    for _ in range(reveals.MOST_AN_HOUR):
        look()
    with pytest.raises(TooManyReveals, match="一小时"):
        look()
    other = an_asker(sessions)
    with acting_as(Actor(other.account_id, other.name, other.role.value)):
        data.reveal(other, expert_id, SensitiveKind.CONTACT, RevealPurpose.INVITE, WORDS)
    clock.now += timedelta(minutes=61)
    for _ in range(reveals.MOST_AN_HOUR):
        look()
    clock.now += timedelta(minutes=61)
    for _ in range(reveals.MOST_A_DAY - 2 * reveals.MOST_AN_HOUR):
        look()
    with pytest.raises(TooManyReveals, match="24 小时"):
        look()
    with sessions() as session:
        first, second = counts_of_a_day(session, clock.now)
    assert (first.account_id, first.times, first.people, first.refused) == (bureau.account_id, reveals.MOST_A_DAY, 1, 2)
    assert first.is_notable and not second.is_notable
    clock.now += timedelta(days=1)
    look()


def test_the_contact_of_an_author_is_revealed_to_the_bureau_and_to_their_liaison(
    sessions: sessionmaker[Session], data: SensitiveData, bureau: SignedIn, expert_id: int
) -> None:
    with sessions.begin() as session:
        expert = session.get_one(factories.Expert, expert_id)
        linked = factories.a_suggestion(session, authors=(expert,))
        unknown = factories.a_suggestion(session, authors=("王大爷",))
        for one in (linked, unknown):
            contacts.add(session, contacts.SUGGESTION, one.id, PHONE, NOW)
    liaison = an_asker(sessions, Role.LIAISON, expert_id)
    assert [one.text for one in data.masked_of_suggestion(bureau, unknown.number)] == ["138****1234"]
    for asker, number in ((bureau, unknown.number), (bureau, linked.number), (liaison, linked.number)):
        assert data.reveal_of_suggestion(asker, number, RevealPurpose.ANSWER, WORDS).values == (PHONE,)
    for asker, number in ((liaison, unknown.number), (bureau, "2026-9999")):
        with pytest.raises(PersonNotFound):
            data.reveal_of_suggestion(asker, number, RevealPurpose.ANSWER, WORDS)
    assert {one.subject_kind for one in events(sessions, Action.REVEALED)} == {"suggestion"}


# -- consent -----------------------------------------------------------------------------------------------------


def test_taking_a_consent_back_removes_what_it_covered(
    sessions: sessionmaker[Session], data: SensitiveData, consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    agree(consents, bureau, expert_id)
    for kind, value in ((SensitiveKind.CONTACT, PHONE), (SensitiveKind.IDENTITY, NUMBER), (SensitiveKind.HEALTH, "胃病"),
                        (SensitiveKind.HARDSHIP, "独居")):  # fmt: skip
        data.record(bureau, expert_id, kind, value)
    left = {SensitiveKind.CONTACT, SensitiveKind.IDENTITY, SensitiveKind.HEALTH, SensitiveKind.HARDSHIP}
    for purpose, gone in (
        (ConsentPurpose.CONTACT, {SensitiveKind.CONTACT}),
        (ConsentPurpose.CARE, {SensitiveKind.HEALTH, SensitiveKind.HARDSHIP}),
        (ConsentPurpose.IDENTITY, {SensitiveKind.IDENTITY}),
    ):
        consents.withdraw(bureau, expert_id, purpose)
        left -= gone
        assert {kind for kind, values in data.masked(bureau, expert_id).items() if values} == left
    assert len(events(sessions, Action.DELETED)) == 4
    with pytest.raises(ConsentMissing):
        data.record(bureau, expert_id, SensitiveKind.HEALTH, "胃病")
    # Who was never asked is stored with a warning; who said no is not.
    with pytest.raises(ConsentMissing, match="撤回"):
        data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE)
    consents.grant(bureau, expert_id, ConsentPurpose.CONTACT, ConsentForm.ORAL, NOW.date())
    assert data.record(bureau, expert_id, SensitiveKind.CONTACT, PHONE).warnings == ()


def test_without_consent_to_the_profile_the_person_leaves_the_search(
    sessions: sessionmaker[Session], consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    consents.withdraw(bureau, expert_id, ConsentPurpose.PROFILE)
    with sessions() as session:
        expert = session.get_one(factories.Expert, expert_id)
        assert expert.status is ExpertStatus.WITHDRAWN and not expert.is_searchable
    state = next(one for one in consents.states(bureau, expert_id) if one.purpose is ConsentPurpose.PROFILE)
    assert state.was_withdrawn, "who never signed anything may object all the same"


def test_a_consent_is_given_once_and_again_after_it_was_taken_back(
    consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    agree(consents, bureau, expert_id, ConsentPurpose.CARE)
    with pytest.raises(ConsentNotAcceptable, match="登记过"):
        agree(consents, bureau, expert_id, ConsentPurpose.CARE)
    consents.withdraw(bureau, expert_id, ConsentPurpose.CARE)
    with pytest.raises(ConsentNotAcceptable, match="不能更早"):
        agree(consents, bureau, expert_id, ConsentPurpose.CARE)
    consents.grant(bureau, expert_id, ConsentPurpose.CARE, ConsentForm.ORAL, NOW.date())
    state = next(one for one in consents.states(bureau, expert_id) if one.purpose is ConsentPurpose.CARE)
    assert state.held is not None and state.held.recorded_by == bureau.name and len(state.history) == 2


@pytest.mark.parametrize("on", [None, date(2026, 11, 24), date(1926, 5, 4)])
def test_a_consent_needs_a_day_that_can_be(
    consents: Consents, bureau: SignedIn, expert_id: int, on: date | None
) -> None:
    with pytest.raises(ConsentNotAcceptable, match="日期"):
        consents.grant(bureau, expert_id, ConsentPurpose.CARE, ConsentForm.PAPER, on)
    with pytest.raises(ConsentNotAcceptable):
        consents.grant(bureau, expert_id, None, ConsentForm.PAPER, NOW.date())
    with pytest.raises(ConsentNotAcceptable):
        consents.withdraw(bureau, expert_id, None)


def test_consents_of_strangers_are_nobodys_business(
    sessions: sessionmaker[Session], consents: Consents, bureau: SignedIn, expert_id: int
) -> None:
    for asker in (an_asker(sessions, Role.LIAISON), an_asker(sessions, division_prefix="4302"),
                  an_asker(sessions, Role.DEPARTMENT)):  # fmt: skip
        with pytest.raises(PersonNotFound):
            consents.states(asker, expert_id)
        with pytest.raises(PersonNotFound):
            consents.withdraw(asker, expert_id, ConsentPurpose.PROFILE)
