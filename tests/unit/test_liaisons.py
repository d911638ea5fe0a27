"""Liaison officers and their retirees: who is assigned to whom, who finds whom, and what ends with an assignment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Permission, Role, Scope, may
from zhiku.services.entry_codes import EntryCodes
from zhiku.services.liaisons import LiaisonElsewhere, LiaisonNotFound, Liaisons, Which
from zhiku.services.persons import PersonNotFound

COUNTY = Scope("430725")
ZOUSHI = "430725102"


@dataclass
class Clock:
    """Time that a test moves on."""

    now: datetime = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Officer:
    """Somebody signed in, as services see them."""

    account_id: int
    name: str
    role: Role
    scope: Scope = COUNTY

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liaisons(sessions: sessionmaker[Session], clock: Clock) -> Liaisons:
    with sessions.begin() as session:
        begin_writing(session)
        factories.reference(session)
    return Liaisons(sessions, clock)


def person(sessions: sessionmaker[Session], name: str = "曾繁柑", **values: object) -> int:
    with sessions.begin() as session:
        begin_writing(session)
        return factories.an_expert(session, name, **values).id


def officer(
    sessions: sessionmaker[Session], name: str = "周子涵", role: Role = Role.LIAISON, **values: object
) -> Officer:
    with sessions.begin() as session:
        begin_writing(session)
        account = factories.an_account(session, role, name=name, **values)
        return Officer(account.id, name, role, account.scope)


def names(liaisons: Liaisons, asker: Officer, query: str = "") -> list[str]:
    return [one.name for one in liaisons.kept_by(asker, query).people]


def test_a_liaison_finds_whom_the_bureau_assigned_and_nobody_else(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    zhou, other = officer(sessions), officer(sessions, "吴敏")
    theirs, _ = person(sessions), person(sessions, "李水生")
    assert liaisons.assign([theirs], zhou.account_id, COUNTY) == 1
    assert names(liaisons, zhou) == ["曾繁柑"] and names(liaisons, other) == []
    found = liaisons.retiree(theirs, zhou)
    assert (found.name, found.liaison, found.devices, found.code_until) == ("曾繁柑", "周子涵", 0, None)
    with pytest.raises(PersonNotFound):
        liaisons.retiree(theirs, other)


def test_another_liaison_takes_over_and_the_first_one_stays_as_history(
    liaisons: Liaisons, sessions: sessionmaker[Session], clock: Clock
) -> None:
    zhou, wu, one = officer(sessions), officer(sessions, "吴敏"), person(sessions)
    liaisons.assign([one], zhou.account_id, COUNTY)
    began = clock.now
    clock.now += timedelta(days=30)
    assert liaisons.assign([one], wu.account_id, COUNTY) == 1
    assert names(liaisons, zhou) == [] and names(liaisons, wu) == ["曾繁柑"]
    with pytest.raises(PersonNotFound):
        liaisons.retiree(one, zhou)
    history = [(step.liaison, step.began_at, step.ended_at) for step in liaisons.history(one)]
    assert history == [("吴敏", clock.now, None), ("周子涵", began, clock.now)]


def test_the_same_assignment_twice_is_one(liaisons: Liaisons, sessions: sessionmaker[Session]) -> None:
    zhou, one = officer(sessions), person(sessions)
    assert liaisons.assign([one, one], zhou.account_id, COUNTY) == 1
    assert liaisons.assign([one], zhou.account_id, COUNTY) == 0
    assert len(liaisons.history(one)) == 1


def test_two_who_assign_at_the_same_moment_leave_one_liaison(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    one = person(sessions)
    officers = [officer(sessions, name) for name in ("周子涵", "吴敏", "郑凯", "孙琳")]
    barrier = Barrier(len(officers))

    def assign(account_id: int) -> None:
        barrier.wait()
        liaisons.assign([one], account_id, COUNTY)

    threads = [Thread(target=assign, args=(each.account_id,)) for each in officers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sessions() as session:
        rows = session.scalars(select(LiaisonAssignment).where(LiaisonAssignment.expert_id == one)).all()
    assert len(rows) == 4 and len([row for row in rows if row.ended_at is None]) == 1


def test_the_database_itself_keeps_a_second_current_liaison_out(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    zhou, wu, one = officer(sessions), officer(sessions, "吴敏"), person(sessions)
    liaisons.assign([one], zhou.account_id, COUNTY)
    with pytest.raises(IntegrityError), sessions.begin() as session:
        begin_writing(session)
        session.add(LiaisonAssignment(account_id=wu.account_id, expert_id=one, began_at=factories.NOW))


@pytest.mark.parametrize("role", [Role.BUREAU, Role.DEPARTMENT, Role.RETIREE, Role.ADMINISTRATOR, Role.LEADER])
def test_only_a_liaison_in_use_and_of_the_division_can_be_assigned(
    liaisons: Liaisons, sessions: sessionmaker[Session], role: Role
) -> None:
    one = person(sessions)
    for wrong in (
        officer(sessions, "甲", role).account_id,
        officer(sessions, "乙", is_active=False).account_id,
        officer(sessions, "丙", division_prefix="430726").account_id,
        999,
        0,
    ):
        with pytest.raises(LiaisonNotFound):
            liaisons.assign([one], wrong, COUNTY)
    assert liaisons.history(one) == []


def test_a_liaison_of_a_township_is_not_given_somebody_of_another(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    one = person(sessions)
    of_zoushi = officer(sessions, division_prefix=ZOUSHI)
    with pytest.raises(LiaisonElsewhere, match="曾繁柑"):
        liaisons.assign([one], of_zoushi.account_id, COUNTY)


def test_nobody_of_another_county_is_assigned_or_listed(liaisons: Liaisons, sessions: sessionmaker[Session]) -> None:
    zhou, one = officer(sessions), person(sessions)
    elsewhere = Scope("430726")
    with pytest.raises(PersonNotFound):
        liaisons.assign([one], officer(sessions, "丁", division_prefix="430726").account_id, elsewhere)
    with pytest.raises(PersonNotFound):
        liaisons.end(one, elsewhere)
    assert liaisons.listed(elsewhere, Which.ALL).total == 0 and liaisons.listed(COUNTY, Which.ALL).total == 1
    with pytest.raises(PersonNotFound):
        liaisons.assign([one, 12345], zhou.account_id, COUNTY)
    assert liaisons.history(one) == [], "all or nothing"


def test_those_without_a_liaison_are_listed_also_when_theirs_has_left(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    zhou, wu = officer(sessions), officer(sessions, "吴敏")
    kept, orphan = person(sessions), person(sessions, "李水生")
    person(sessions, "王离开", status=ExpertStatus.WITHDRAWN)
    person(sessions, "赵先逝", status=ExpertStatus.DECEASED)
    liaisons.assign([kept], zhou.account_id, COUNTY)
    liaisons.assign([orphan], wu.account_id, COUNTY)
    assert liaisons.listed(COUNTY, Which.WITHOUT).total == 0
    with sessions.begin() as session:
        begin_writing(session)
        session.get_one(Account, wu.account_id).is_active = False
    assert [one.name for one in liaisons.listed(COUNTY, Which.WITHOUT).people] == ["李水生"]
    assert [one.name for one in liaisons.listed(COUNTY, Which.ALL).people] == ["曾繁柑", "李水生", "王离开"]
    assert liaisons.assign([orphan], zhou.account_id, COUNTY) == 1


def test_the_deceased_are_on_nobodys_list(liaisons: Liaisons, sessions: sessionmaker[Session]) -> None:
    zhou, one = officer(sessions), person(sessions)
    liaisons.assign([one], zhou.account_id, COUNTY)
    with sessions.begin() as session:
        begin_writing(session)
        session.get_one(Expert, one).change_status(ExpertStatus.DECEASED, factories.NOW)
    assert names(liaisons, zhou) == []
    with pytest.raises(PersonNotFound):
        liaisons.retiree(one, zhou)


@pytest.mark.parametrize(
    "typed", ["曾", "繁柑", " 曾 繁 柑 ", "曾繁柑", "zengfangan", "cengfangan", "zfg", "ZFG", "ｚｆｇ", "fangan"]
)
def test_a_retiree_is_found_by_any_part_of_the_name_or_its_pinyin(
    liaisons: Liaisons, sessions: sessionmaker[Session], typed: str
) -> None:
    zhou = officer(sessions)
    liaisons.assign([person(sessions), person(sessions, "李水生")], zhou.account_id, COUNTY)
    assert names(liaisons, zhou, typed) == ["曾繁柑"]


@pytest.mark.parametrize("typed", ["%", "_", "qqq", "王" * 500, "曾%", "曾\x00李明"])
def test_what_is_nobodys_name_finds_nobody(liaisons: Liaisons, sessions: sessionmaker[Session], typed: str) -> None:
    zhou = officer(sessions)
    liaisons.assign([person(sessions)], zhou.account_id, COUNTY)
    assert names(liaisons, zhou, typed) == []


def test_a_page_beyond_the_last_is_the_last(liaisons: Liaisons, sessions: sessionmaker[Session]) -> None:
    zhou = officer(sessions)
    ids = [person(sessions, f"李{chr(0x4E00 + place)}") for place in range(25)]
    liaisons.assign(ids, zhou.account_id, COUNTY)
    pages = [liaisons.kept_by(zhou, page=page) for page in (1, 2, 99, -5)]
    assert [len(page.people) for page in pages] == [20, 5, 5, 20] and pages[2].page == 2


def test_the_roster_assigns_in_bulk_where_one_account_has_the_name(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    zhou, _, _ = officer(sessions), officer(sessions, "双名"), officer(sessions, "双名")
    left = officer(sessions, "走了", is_active=False)
    first, second = person(sessions), person(sessions, "李水生")
    kept = person(sessions, "王有人")
    twice = person(sessions, "刘双", liaison_name="双名")
    gone = person(sessions, "陈走", liaison_name="走了")
    person(sessions, "孙无", liaison_name="")
    wu = officer(sessions, "吴敏")
    liaisons.assign([kept], wu.account_id, COUNTY)
    matches = {
        match.name: (match.retirees, match.account_id, match.accounts) for match in liaisons.roster_matches(COUNTY)
    }
    assert matches == {"周子涵": (2, zhou.account_id, 1), "双名": (1, None, 2), "走了": (1, None, 0)}
    assert liaisons.assign_by_roster(COUNTY) == 2
    assert names(liaisons, zhou) == ["曾繁柑", "李水生"] and names(liaisons, wu) == ["王有人"]
    assert liaisons.assign_by_roster(COUNTY) == 0
    assert liaisons.history(twice) == liaisons.history(gone) == [] and len(liaisons.history(first)) == 1
    assert left.account_id and second


def test_a_code_that_a_former_liaison_printed_opens_nothing_any_more(
    liaisons: Liaisons, sessions: sessionmaker[Session], clock: Clock
) -> None:
    zhou, wu, one = officer(sessions), officer(sessions, "吴敏"), person(sessions)
    codes = EntryCodes(sessions, clock, lambda: b"k" * 32)
    liaisons.assign([one], zhou.account_id, COUNTY)
    codes.issue(one, zhou)
    assert liaisons.retiree(one, zhou).code_until is not None
    liaisons.assign([one], wu.account_id, COUNTY)
    with sessions() as session:
        assert session.scalars(select(EntryCode)).one().spent_at is not None
    assert liaisons.retiree(one, wu).code_until is None


def test_without_a_liaison_again(liaisons: Liaisons, sessions: sessionmaker[Session]) -> None:
    zhou, one = officer(sessions), person(sessions)
    liaisons.assign([one], zhou.account_id, COUNTY)
    liaisons.end(one, COUNTY)
    liaisons.end(one, COUNTY)
    assert names(liaisons, zhou) == [] and liaisons.listed(COUNTY, Which.WITHOUT).total == 1


def test_the_bureaus_liaisons_are_listed_with_how_many_they_look_after(
    liaisons: Liaisons, sessions: sessionmaker[Session]
) -> None:
    zhou = officer(sessions)
    officer(sessions, "吴敏")
    liaisons.assign([person(sessions), person(sessions, "李水生")], zhou.account_id, COUNTY)
    assert sorted((one.name, one.retirees) for one in liaisons.officers(COUNTY)) == [("吴敏", 0), ("周子涵", 2)]
    assert liaisons.officers(Scope("430726")) == []
