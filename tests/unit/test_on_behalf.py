"""Acting on behalf: who may, what is stored with it, what the retiree says to it, and what the bureau sees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from tests.factories import NOW
from tests.unit.test_liaisons import COUNTY, Clock, Officer, clock, liaisons, officer, person  # noqa: F401
from zhiku.domain.accounts import SignInKind
from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.audit import AuditEvent
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Availability, Expert, WayOfHelping
from zhiku.domain.on_behalf import CONFIRMABLE_FOR, ActAlreadyAnswered, ActNotToBeSettled, ActOnBehalf, ActState
from zhiku.domain.permissions import Role, Scope
from zhiku.domain.suggestions import Suggestion
from zhiku.services import contacts
from zhiku.services.entry_codes import EntryCodes
from zhiku.services.liaisons import Liaisons
from zhiku.services.on_behalf import (
    ActNotFound,
    Errand,
    ObjectionMissing,
    OnBehalf,
    ProfileChangedMeanwhile,
    ReasonNotAcceptable,
    Which,
)
from zhiku.services.persons import PersonNotFound
from zhiku.services.sign_ins import SignIns
from zhiku.services.suggestion_intake import DraftNotAcceptable, SuggestionDraft, SuggestionIntake

DRAFT = SuggestionDraft(
    name="",
    contact="",
    subject="陬市镇老街夜里没有路灯",
    situation="从桥头到卫生院没有一盏灯。",
    proposal="先装十盏太阳能路灯。",
    submission_key="key-of-a-page-0001",
)
ERRAND = Errand("本人不会用手机，口述后由我代写", "phone")


@pytest.fixture
def on_behalf(sessions: sessionmaker[Session], clock: Clock) -> OnBehalf:  # noqa: F811
    intake = SuggestionIntake(sessions, clock, ZoneInfo("Asia/Shanghai"), "430725")
    return OnBehalf(sessions, clock, intake)


@pytest.fixture
def zeng(liaisons: Liaisons, sessions: sessionmaker[Session]) -> int:  # noqa: F811
    return person(sessions)


@pytest.fixture
def zhou(liaisons: Liaisons, sessions: sessionmaker[Session], zeng: int) -> Officer:  # noqa: F811
    """The liaison of 曾繁柑."""
    made = officer(sessions)
    liaisons.assign([zeng], made.account_id, COUNTY)
    return made


def act_of(on_behalf: OnBehalf, expert_id: int) -> int:
    return on_behalf.of_person(expert_id).acts[0].id


def stored(sessions: sessionmaker[Session]) -> tuple[int, int]:
    """How many suggestions and acts there are."""
    with sessions() as session:
        counts = [session.scalar(select(func.count()).select_from(model)) or 0 for model in (Suggestion, ActOnBehalf)]
    return counts[0], counts[1]


# -- filing a suggestion ---------------------------------------------------------------------------------------


def test_a_suggestion_is_the_retirees_and_the_act_says_who_for_whom_why_and_how(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer, clock: Clock  # noqa: F811
) -> None:
    receipt = on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    with sessions() as session:
        suggestion = session.scalars(select(Suggestion)).one()
        assert [(author.name, author.expert_id) for author in suggestion.authors] == [("曾繁柑", zeng)]
        assert contacts.of(session, contacts.SUGGESTION, suggestion.id) == []
    act = on_behalf.of_person(zeng).acts[0]
    assert (act.liaison, act.expert_name, act.why, act.channel) == ("周子涵", "曾繁柑", ERRAND.why, "电话")
    assert act.what == f"提交建议 {receipt.number}《陬市镇老街夜里没有路灯》"
    assert (act.state, act.acted_at, act.expires_at) == (ActState.OPEN, clock.now, clock.now + timedelta(days=30))
    assert (act.subject_kind, act.subject_id) == ("suggestion", str(suggestion.id))


def test_a_typed_name_does_not_change_who_the_author_is(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    on_behalf.file_suggestion(zhou, zeng, replace(DRAFT, name="李水生"), ERRAND)
    with sessions() as session:
        assert [author.name for author in session.scalars(select(Suggestion)).one().authors] == ["曾繁柑"]


def test_no_contact_is_written_down_for_who_took_the_consent_back(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    with sessions.begin() as session:
        session.add(
            Consent(
                expert_id=zeng, purpose=ConsentPurpose.CONTACT, form=ConsentForm.ORAL, recorded_by="周",
                granted_on=NOW.date(), withdrawn_on=NOW.date(), created_at=NOW,
            )
        )  # fmt: skip
    with pytest.raises(DraftNotAcceptable) as refused:
        on_behalf.file_suggestion(zhou, zeng, replace(DRAFT, contact="13812345678"), ERRAND)
    assert "撤回" in refused.value.problems["contact"] and stored(sessions) == (0, 0)
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    assert stored(sessions) == (1, 1)


def test_the_audit_says_for_whom_it_was_done(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    with acting_as(Actor(zhou.account_id, zhou.name, "liaison", "10.0.0.7")):
        on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    with sessions() as session:
        events = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_kind.in_(["suggestion", "act_on_behalf"]))
        ).all()
    assert {event.subject_kind for event in events} == {"suggestion", "act_on_behalf"}
    assert {(event.actor_name, event.on_behalf_of) for event in events} == {("周子涵", zeng)}


def test_the_same_page_sent_twice_is_one_suggestion_and_one_act(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    first = on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND, code="ACDEFG")
    assert on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND, code="ACDEFG") == first
    assert stored(sessions) == (1, 1)


def test_clicks_at_the_same_moment_are_one_suggestion_and_one_act(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    receipts = at_once(4, lambda: on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND, code="ACDEFG"))
    assert len({receipt.number for receipt in receipts}) == 1 and stored(sessions) == (1, 1)


def test_the_same_text_for_another_retiree_is_another_suggestion(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer, liaisons: Liaisons  # noqa: F811
) -> None:
    li = person(sessions, "李水生")
    liaisons.assign([li], zhou.account_id, COUNTY)
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    on_behalf.file_suggestion(zhou, li, DRAFT, ERRAND)
    assert stored(sessions) == (2, 2)
    assert [on_behalf.of_person(one).total for one in (zeng, li)] == [1, 1]


def test_what_is_missing_is_named_and_nothing_is_stored(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    with pytest.raises(DraftNotAcceptable) as refused:
        on_behalf.file_suggestion(zhou, zeng, SuggestionDraft("", "", "", "", "", "key-of-a-page-0002"), Errand("", ""))
    assert set(refused.value.problems) == {"why", "channel", "subject", "situation", "proposal"}
    with pytest.raises(DraftNotAcceptable, match="提示"):
        on_behalf.file_suggestion(zhou, zeng, DRAFT, Errand("请打 13807360001", "phone"))
    with pytest.raises(DraftNotAcceptable):
        on_behalf.file_suggestion(zhou, zeng, DRAFT, Errand("原因" * 101, "pigeon"))
    assert stored(sessions) == (0, 0)


def test_nobody_acts_for_whom_they_are_not_assigned_to_or_not_any_more(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer, liaisons: Liaisons  # noqa: F811
) -> None:
    li = person(sessions, "李水生")
    wanted = replace(on_behalf.willingness(zhou, zeng), availability=Availability.PHONE_ONLY)

    def refused(asker: Officer, expert_id: int) -> None:
        for deed in (
            lambda: on_behalf.file_suggestion(asker, expert_id, DRAFT, ERRAND),
            lambda: on_behalf.willingness(asker, expert_id),
            lambda: on_behalf.change_willingness(asker, expert_id, wanted, ERRAND),
        ):
            with pytest.raises(PersonNotFound):
                deed()

    refused(zhou, li)
    refused(zhou, 424242)
    refused(zhou, -1)
    refused(officer(sessions, "吴敏"), zeng)
    refused(officer(sessions, "部门", Role.DEPARTMENT), zeng)
    refused(replace(zhou, scope=Scope("430726")), zeng)
    liaisons.end(zeng, COUNTY)
    refused(zhou, zeng)
    assert stored(sessions) == (0, 0)


def test_an_assignment_that_ends_while_the_form_is_sent_leaves_nothing(
    on_behalf: OnBehalf,
    sessions: sessionmaker[Session],
    zeng: int,
    zhou: Officer,
    liaisons: Liaisons,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    author = on_behalf._author

    def author_and_then_no_more(asker: Officer, expert_id: int) -> object:
        found = author(asker, expert_id)
        liaisons.end(expert_id, COUNTY)
        return found

    monkeypatch.setattr(on_behalf, "_author", author_and_then_no_more)
    with pytest.raises(PersonNotFound):
        on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    assert stored(sessions) == (0, 0), "the suggestion and the act are one transaction"


# -- availability and ways of helping --------------------------------------------------------------------------


def test_a_change_is_stored_in_words_that_the_retiree_understands(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    now = on_behalf.willingness(zhou, zeng)
    wanted = replace(now, availability=Availability.PHONE_ONLY, ways=(WayOfHelping.TALK, WayOfHelping.ADVICE))
    assert on_behalf.change_willingness(zhou, zeng, wanted, Errand("本人说的", "visit")) is True
    with sessions() as session:
        expert = session.get_one(Expert, zeng)
        assert expert.availability is Availability.PHONE_ONLY and expert.ways_of_helping == ["advice", "talk"]
    act = on_behalf.of_person(zeng).acts[0]
    assert act.what == "联系状态由“可联系”改为“仅电话”，愿意参加的方式改为“咨询、讲座”" and act.channel == "上门走访"


def test_the_same_change_sent_twice_is_one_act(
    on_behalf: OnBehalf, sessions: sessionmaker[Session], zeng: int, zhou: Officer
) -> None:
    wanted = replace(on_behalf.willingness(zhou, zeng), availability=Availability.UNAVAILABLE)
    assert on_behalf.change_willingness(zhou, zeng, wanted, ERRAND) is True
    assert on_behalf.change_willingness(zhou, zeng, wanted, ERRAND) is False
    assert stored(sessions) == (0, 1)


def test_a_form_that_was_overtaken_is_refused(on_behalf: OnBehalf, zeng: int, zhou: Officer) -> None:
    stale = on_behalf.willingness(zhou, zeng)
    on_behalf.change_willingness(zhou, zeng, replace(stale, availability=Availability.PHONE_ONLY), ERRAND)
    with pytest.raises(ProfileChangedMeanwhile):
        on_behalf.change_willingness(zhou, zeng, replace(stale, availability=Availability.UNAVAILABLE), ERRAND)
    assert on_behalf.willingness(zhou, zeng).availability is Availability.PHONE_ONLY


def test_a_liaison_does_not_take_anybody_out_of_the_think_tank(on_behalf: OnBehalf, zeng: int, zhou: Officer) -> None:
    wanted = replace(on_behalf.willingness(zhou, zeng), availability=Availability.WITHDRAWN)
    with pytest.raises(ReasonNotAcceptable) as refused:
        on_behalf.change_willingness(zhou, zeng, wanted, Errand("x", "fax"))
    assert set(refused.value.problems) == {"availability", "why", "channel"}


# -- the retiree's answer --------------------------------------------------------------------------------------


def test_the_retiree_confirms_and_twice_is_once(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    act = act_of(on_behalf, zeng)
    assert [one.id for one in on_behalf.waiting_for(zeng)] == [act]
    at_once(4, lambda: on_behalf.confirm(zeng, act))
    assert on_behalf.act_of(zeng, act).state is ActState.CONFIRMED and on_behalf.waiting_for(zeng) == ()
    with sessions() as session:
        changed = session.scalars(
            select(AuditEvent).where(AuditEvent.subject_kind == "act_on_behalf", AuditEvent.action == "changed")
        ).all()
    assert len(changed) == 1
    with pytest.raises(ActAlreadyAnswered):
        on_behalf.object(zeng, act, "后来又觉得不对")


def test_the_retiree_objects_and_nothing_is_deleted(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    act = act_of(on_behalf, zeng)
    for wordless in ("", "  ", "\n", "\u200b", "不"):
        with pytest.raises(ObjectionMissing):
            on_behalf.object(zeng, act, wordless)
    with pytest.raises(ObjectionMissing, match="写短一些"):
        on_behalf.object(zeng, act, "不对" * 201)
    on_behalf.object(zeng, act, "我没有说过要提这条建议。")
    on_behalf.object(zeng, act, "我没有说过要提这条建议。")
    found = on_behalf.act_of(zeng, act)
    assert (found.state, found.objection) == (ActState.OBJECTED, "我没有说过要提这条建议。")
    assert stored(sessions) == (1, 1)
    with pytest.raises(ActAlreadyAnswered):
        on_behalf.confirm(zeng, act)


def test_somebody_else_neither_sees_nor_answers_it(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, sessions: sessionmaker[Session]
) -> None:
    li = person(sessions, "李水生")
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    act = act_of(on_behalf, zeng)
    for deed in (
        lambda: on_behalf.act_of(li, act),
        lambda: on_behalf.confirm(li, act),
        lambda: on_behalf.object(li, act, "不是我的事"),
        lambda: on_behalf.confirm(zeng, act + 1),
        lambda: on_behalf.confirm(zeng, 2**40),
        lambda: on_behalf.settle(Scope("430726"), act, "处理", "外县"),
    ):
        with pytest.raises(ActNotFound):
            deed()
    assert on_behalf.act_of(zeng, act).state is ActState.OPEN and on_behalf.of_person(li).total == 0


def test_after_thirty_days_it_counts_as_not_confirmed(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, clock: Clock  # noqa: F811
) -> None:
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    act = act_of(on_behalf, zeng)
    clock.now += CONFIRMABLE_FOR - timedelta(seconds=1)
    assert on_behalf.act_of(zeng, act).state is ActState.OPEN
    clock.now += timedelta(seconds=1)
    assert on_behalf.act_of(zeng, act).state is ActState.EXPIRED and on_behalf.waiting_for(zeng) == ()
    with pytest.raises(ActAlreadyAnswered, match="过期未确认"):
        on_behalf.confirm(zeng, act)


def test_what_expired_can_still_be_objected_to_until_the_bureau_has_settled_it(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, clock: Clock  # noqa: F811
) -> None:
    for place in range(2):
        draft = replace(DRAFT, subject=f"第{place}件事没有办", submission_key=f"key-of-a-page-{place:04d}")
        on_behalf.file_suggestion(zhou, zeng, draft, ERRAND)
    second, first = [act.id for act in on_behalf.of_person(zeng).acts]
    clock.now += CONFIRMABLE_FOR + timedelta(days=5)
    on_behalf.object(zeng, first, "不是我的意思")
    assert on_behalf.act_of(zeng, first).state is ActState.OBJECTED
    assert [act.id for act in on_behalf.listed(COUNTY, Which.OBJECTED).acts] == [first]
    assert [act.id for act in on_behalf.listed(COUNTY, Which.EXPIRED).acts] == [second]
    on_behalf.settle(COUNTY, second, "电话问过本人，是他的意思。", "刘小燕")
    with pytest.raises(ActAlreadyAnswered, match="处理过了"):
        on_behalf.object(zeng, second, "不是我的意思")


# -- the bureau ------------------------------------------------------------------------------------------------


def test_the_bureau_sees_what_is_objected_to_and_what_expired_and_settles_it(
    on_behalf: OnBehalf, zeng: int, zhou: Officer, clock: Clock  # noqa: F811
) -> None:
    for place in range(3):
        draft = replace(DRAFT, subject=f"第{place}件事没有办", submission_key=f"key-of-a-page-{place:04d}")
        on_behalf.file_suggestion(zhou, zeng, draft, ERRAND)
    third, second, first = [act.id for act in on_behalf.of_person(zeng).acts]
    on_behalf.object(zeng, first, "不是我的意思")
    on_behalf.confirm(zeng, second)
    clock.now += CONFIRMABLE_FOR

    def ids(which: Which) -> list[int]:
        return [act.id for act in on_behalf.listed(COUNTY, which).acts]

    assert (ids(Which.OBJECTED), ids(Which.EXPIRED), ids(Which.SETTLED)) == ([first], [third], [])
    assert on_behalf.counts(COUNTY) == {
        Which.OBJECTED: 1, Which.EXPIRED: 1, Which.OWN_CODE: 0, Which.SETTLED: 0, Which.ALL: 3,
    }  # fmt: skip
    assert set(on_behalf.counts(Scope("430726")).values()) == {0}
    with pytest.raises(ObjectionMissing):
        on_behalf.settle(COUNTY, first, " ", "刘小燕")
    with pytest.raises(ActNotToBeSettled):
        on_behalf.settle(COUNTY, second, "问过了", "刘小燕")
    on_behalf.settle(COUNTY, first, "电话问过，建议撤回。", "刘小燕")
    on_behalf.settle(COUNTY, first, "电话问过，建议撤回。", "刘小燕")
    with pytest.raises(ActNotToBeSettled):
        on_behalf.settle(COUNTY, first, "又写一遍", "刘小燕")
    on_behalf.settle(COUNTY, third, "本人确认是他的意思。", "刘小燕")
    assert (ids(Which.OBJECTED), ids(Which.EXPIRED), ids(Which.SETTLED)) == ([], [], [third, first])
    settled = on_behalf.act_of(zeng, first)
    assert (settled.state, settled.settlement, settled.settled_by) == (
        ActState.OBJECTED, "电话问过，建议撤回。", "刘小燕",
    )  # fmt: skip
    assert [act.id for act in on_behalf.done_by(zhou.account_id).acts] == [third, second, first]


def at_once(count: int, act: Callable[[], object]) -> list[object]:
    """What several threads get that begin together; none may fail."""
    barrier = Barrier(count)
    given: list[object] = []

    def run() -> None:
        barrier.wait()
        given.append(act())

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(given) == count
    return given


# -- whose code it was -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "waited", "is_marked"),
    [("same", timedelta(hours=23), True), ("same", timedelta(hours=25), False), ("bureau", timedelta(), False)],
)
def test_a_confirmation_by_a_code_that_the_same_liaison_just_made_is_marked_for_the_bureau(
    on_behalf: OnBehalf,
    sessions: sessionmaker[Session],
    zeng: int,
    zhou: Officer,
    clock: Clock,  # noqa: F811
    issuer: str,
    waited: timedelta,
    is_marked: bool,
) -> None:
    codes = EntryCodes(sessions, clock, lambda: b"k" * 32)
    sign_ins = SignIns(sessions, clock)
    on_behalf.file_suggestion(zhou, zeng, DRAFT, ERRAND)
    slip = codes.issue(zeng, zhou if issuer == "same" else officer(sessions, "吴敏", Role.BUREAU))
    entry = codes.enter(slip.code, "a-random-mark-of-a-browser")
    clock.now += timedelta(seconds=1)
    here = sign_ins.find(sign_ins.begin(entry.account_id, SignInKind.DEVICE))
    clock.now += waited
    act = act_of(on_behalf, zeng)
    assert here is not None
    on_behalf.confirm(zeng, act, here.sign_in_id)
    assert on_behalf.act_of(zeng, act).is_by_own_code is is_marked
    found = on_behalf.listed(COUNTY, Which.OWN_CODE).acts
    assert [one.id for one in found] == ([act] if is_marked else [])
    with sessions() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.subject_kind == "act_on_behalf")).all()
        assert ("is_by_own_code" in events[-1].changes) is is_marked
    if is_marked:
        on_behalf.settle(COUNTY, act, "电话问过本人，是他自己确认的。", "刘小燕")
        assert on_behalf.listed(COUNTY, Which.OWN_CODE).acts == ()
    else:
        with pytest.raises(ActNotToBeSettled):
            on_behalf.settle(COUNTY, act, "电话问过本人，是他自己确认的。", "刘小燕")
