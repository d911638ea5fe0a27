"""Acting on behalf (代办): what a liaison does for a retiree assigned to them, and what the retiree says to it.

Each act says who did what for whom, why and by which channel the retiree had asked for it. The retiree confirms it or
objects; the bureau sees what was objected to and what nobody confirmed in time. Nothing is undone or deleted by that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from zhiku.analysis.normalize import clean
from zhiku.domain.accounts import EntryCode, SignIn
from zhiku.domain.actors import acting_for
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.experts import Availability, Expert, WayOfHelping
from zhiku.domain.on_behalf import CONFIRMABLE_FOR, OWN_CODE_WITHIN, ActAlreadyAnswered, ActOnBehalf, ActState, Channel
from zhiku.domain.permissions import Scope
from zhiku.domain.redaction import has_private_number
from zhiku.domain.suggestions import Suggestion
from zhiku.services.consents import was_withdrawn
from zhiku.services.liaisons import MAX_ID, require_kept
from zhiku.services.persons import Asker
from zhiku.services.suggestion_intake import (
    DraftNotAcceptable,
    KnownAuthor,
    Receipt,
    SuggestionDraft,
    SuggestionIntake,
    find_problems,
)

#: Shortest and longest reason, objection and settlement, in characters (columns of `acts_on_behalf`).
MIN_REASON = 2
MAX_REASON = 200
MAX_OBJECTION = 400
#: Acts on one page of a list.
PAGE = 20

#: What a liaison may say of whether a person may be asked. To leave the think tank is the bureau's to record.
CHOICES = (Availability.AVAILABLE, Availability.PHONE_ONLY, Availability.UNAVAILABLE)


class ReasonNotAcceptable(DomainError):
    """Why or channel is missing. `problems` has a sentence per field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("还没有保存：请按提示补充后再提交。")
        self.problems = dict(problems)


class ProfileChangedMeanwhile(DomainError):
    """Somebody else changed the profile after the form was opened."""

    def __init__(self) -> None:
        super().__init__("您打开这一页以后，有人改过这份档案，所以还没有保存。请核对下面的内容，再点一次保存。")


class ActNotFound(DomainError):
    """No such act, or none of theirs: the two are not told apart."""

    def __init__(self) -> None:
        super().__init__("没有找到这件事：地址可能写错了。请回到列表重新选。")


class ObjectionMissing(DomainError):
    """An objection, or a settlement, without words."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Why somebody acts for a retiree, and how the retiree told them, as typed."""

    why: str
    #: Value of `Channel`, or whatever was sent for it.
    channel: str

    def cleaned(self) -> Errand:
        """In the form in which it is stored."""
        return Errand(" ".join(clean(self.why).split()), self.channel)

    def problems(self) -> dict[str, str]:
        """What a cleaned one lacks: field name -> a sentence that says what to do."""
        found: dict[str, str] = {}
        if len(self.why) < MIN_REASON:
            found["why"] = "请写明为什么代办，例如：本人不会用手机，口述后由我代写。"
        elif len(self.why) > MAX_REASON:
            found["why"] = f"代办原因最多 {MAX_REASON} 个字，现在有 {len(self.why)} 个字。"
        elif has_private_number(self.why):
            found["why"] = "请删去代办原因里的电话、身份证号或电子邮箱。"
        if self.channel not in {channel.value for channel in Channel}:
            found["channel"] = "请选择老同志是怎样告诉您的。"
        return found


@dataclass(frozen=True, slots=True)
class Willingness:
    """Whether a person may be asked, and what they are willing to do."""

    availability: Availability
    ways: tuple[WayOfHelping, ...]
    #: Version of the profile that the form showed.
    version: int


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as lists show it."""

    id: int
    expert_id: int
    expert_name: str
    liaison: str
    what: str
    why: str
    channel: str
    acted_at: datetime
    expires_at: datetime
    state: ActState
    answered_at: datetime | None
    objection: str
    settled_at: datetime | None
    settled_by: str
    settlement: str
    subject_kind: str
    subject_id: str
    is_by_own_code: bool


@dataclass(frozen=True, slots=True)
class ActPage:
    """One page of a list, from 1."""

    acts: tuple[Act, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return max(1, math.ceil(self.total / PAGE))


class Which(Enum):
    """Which acts the bureau's list shows."""

    #: Objected to, and not settled.
    OBJECTED = "objected"
    #: Not confirmed in time, and not settled.
    EXPIRED = "expired"
    #: Confirmed by a device that had just come in by a code of the same liaison's, and not settled.
    OWN_CODE = "own-code"
    SETTLED = "settled"
    ALL = "all"


class OnBehalf:
    """Does and lists what is done for retirees."""

    def __init__(
        self, sessions: sessionmaker[Session], clock: Callable[[], datetime], intake: SuggestionIntake
    ) -> None:
        """`clock` gives aware UTC times."""
        self._sessions = sessions
        self._clock = clock
        self._intake = intake

    # -- the liaison -------------------------------------------------------------------------------------------

    def file_suggestion(
        self, asker: Asker, expert_id: int, draft: SuggestionDraft, errand: Errand, code: str | None = None
    ) -> Receipt:
        """Submit a suggestion whose author is the retiree; the act is stored in the same transaction.

        The same page sent twice is one suggestion and one act. Raises `PersonNotFound`, `DraftNotAcceptable` (whose
        problems name "why" and "channel", too) and `IntakeBusy`; then nothing was stored.
        """
        author = self._author(asker, expert_id)
        errand = errand.cleaned()
        problems = self._problems(expert_id, author, draft, errand)
        if problems:
            raise DraftNotAcceptable(problems)

        def note_act(session: Session, suggestion: Suggestion) -> None:
            # Within the transaction that stores: whoever is assigned to somebody else by now files nothing.
            require_kept(session, expert_id, asker)
            what = f"提交建议 {suggestion.number}《{suggestion.subject}》"
            self._note(session, asker, expert_id, errand, what, "suggestion", suggestion.id)

        with acting_for(expert_id):
            return self._intake.submit(draft, code, author, note_act)

    def find_problems(self, asker: Asker, expert_id: int, draft: SuggestionDraft, errand: Errand) -> dict[str, str]:
        """What would be refused of a draft, as `file_suggestion` says it. Raises `PersonNotFound`."""
        return self._problems(expert_id, self._author(asker, expert_id), draft, errand.cleaned())

    def willingness(self, asker: Asker, expert_id: int) -> Willingness:
        """What the profile says now. Raises `PersonNotFound`."""
        with self._sessions() as session:
            return _willingness(require_kept(session, expert_id, asker))

    def change_willingness(self, asker: Asker, expert_id: int, wanted: Willingness, errand: Errand) -> bool:
        """Change whether a person may be asked and what they are willing to do; False where it said so already.

        The same page sent twice is one act: the second finds nothing to change. Raises `PersonNotFound`,
        `ReasonNotAcceptable`, and `ProfileChangedMeanwhile` where the form showed another state.
        """
        errand = errand.cleaned()
        problems = errand.problems()
        with self._sessions() as session, session.begin(), acting_for(expert_id):
            begin_writing(session)
            expert = require_kept(session, expert_id, asker)
            if wanted.availability not in CHOICES and wanted.availability is not expert.availability:
                problems["availability"] = "请选择一项。要退出智库的，请告诉老干部局办理。"
            if problems:
                raise ReasonNotAcceptable(problems)
            now = _willingness(expert)
            if (wanted.availability, set(wanted.ways)) == (now.availability, set(now.ways)):
                return False
            if wanted.version != now.version:
                raise ProfileChangedMeanwhile
            expert.availability = wanted.availability
            # In the order in which they are listed everywhere.
            expert.ways_of_helping = [way.value for way in WayOfHelping if way in wanted.ways]
            expert.updated_at = self._clock()
            self._note(session, asker, expert_id, errand, _change_in_words(now, wanted), "expert", expert_id)
        return True

    def done_by(self, account_id: int, page: int = 1) -> ActPage:
        """What a liaison did, the newest first."""
        return self._page(ActOnBehalf.account_id == account_id, page)

    # -- the retiree -------------------------------------------------------------------------------------------

    def of_person(self, expert_id: int, page: int = 1) -> ActPage:
        """What was done for a person, the newest first."""
        return self._page(ActOnBehalf.expert_id == expert_id, page)

    def waiting_for(self, expert_id: int) -> tuple[Act, ...]:
        """What waits for a person's answer, the oldest first: it expires first."""
        now = self._clock()
        with self._sessions() as session:
            rows = session.scalars(
                _acts().where(_is_open(now), ActOnBehalf.expert_id == expert_id).order_by(ActOnBehalf.id)
            ).all()
            return tuple(_act(row, now) for row in rows)

    def act_of(self, expert_id: int, act_id: int) -> Act:
        """One act for this person. Raises `ActNotFound`."""
        with self._sessions() as session:
            return _act(self._find(session, act_id, ActOnBehalf.expert_id == expert_id), self._clock())

    def confirm(self, expert_id: int, act_id: int, sign_in_id: int = 0) -> None:
        """The retiree says that it is so, with the device of this sign-in. Said twice it is said once.

        Raises `ActNotFound`, and `ActAlreadyAnswered` where they objected before or it expired.
        """
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            row = self._find(session, act_id, ActOnBehalf.expert_id == expert_id, is_to_change=True)
            if row.state(now) is not ActState.CONFIRMED:
                row.confirm(now, _is_by_own_code(session, row, sign_in_id, now))

    def object(self, expert_id: int, act_id: int, reason: str) -> None:
        """The retiree says that it is not so, and why, also of an act that expired: then it is among the objections
        that the bureau looks into. Said twice in the same words it is said once.

        Raises `ActNotFound`, `ObjectionMissing`, and `ActAlreadyAnswered` where they confirmed before, or the bureau
        settled it when it had expired.
        """
        reason = _words(reason, "请写一两句话，说说哪里不对，例如：我没有说过要提这条建议。")
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            row = self._find(session, act_id, ActOnBehalf.expert_id == expert_id, is_to_change=True)
            if row.state(now) is ActState.OBJECTED and row.objection == reason:
                return
            row.object(reason, now)

    # -- the bureau --------------------------------------------------------------------------------------------

    def listed(self, scope: Scope, which: Which, page: int = 1) -> ActPage:
        """The acts of a division: what is objected to or expired in order of time, the others the newest first."""
        return self._page(and_(_in_scope(scope), self._is(which)), page, is_oldest_first=which in _TO_SETTLE)

    def counts(self, scope: Scope) -> dict[Which, int]:
        """How many acts of a division each list has."""
        with self._sessions() as session:
            return {
                which: session.scalar(
                    select(func.count()).select_from(ActOnBehalf).join(Expert).where(_in_scope(scope), self._is(which))
                )
                or 0
                for which in Which
            }

    def settle(self, scope: Scope, act_id: int, note: str, by: str) -> None:
        """Write down what the bureau found out about an objection or an expired act. Said twice it is said once.

        Raises `ActNotFound`, `ObjectionMissing` and `ActNotToBeSettled`.
        """
        note = _words(note, "请写明处理结果，例如：电话问过本人，确认是他的意思。")
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            row = self._find(session, act_id, _in_scope(scope), is_to_change=True)
            if row.settled_at is not None and row.settlement == note:
                return
            row.settle(note, by, now)

    # -- both --------------------------------------------------------------------------------------------------

    def _author(self, asker: Asker, expert_id: int) -> KnownAuthor:
        with self._sessions() as session:
            return KnownAuthor(expert_id, require_kept(session, expert_id, asker).name)

    def _note(
        self, session: Session, asker: Asker, expert_id: int, errand: Errand, what: str, kind: str, subject_id: int
    ) -> None:
        now = self._clock()
        session.add(
            ActOnBehalf(
                account_id=asker.account_id,
                liaison_name=asker.name,
                expert_id=expert_id,
                what=what,
                subject_kind=kind,
                subject_id=str(subject_id),
                why=errand.why,
                channel=Channel.from_value(errand.channel),
                acted_at=now,
                expires_at=now + CONFIRMABLE_FOR,
            )
        )
        session.flush()

    def _problems(self, expert_id: int, author: KnownAuthor, draft: SuggestionDraft, errand: Errand) -> dict[str, str]:
        cleaned = replace(draft, name=author.name).cleaned()
        problems = errand.problems() | find_problems(cleaned, is_known=True)
        if cleaned.contact and "contact" not in problems:
            with self._sessions() as session:
                if was_withdrawn(session, expert_id, ConsentPurpose.CONTACT):
                    problems["contact"] = (
                        "本人撤回了保存联系方式的同意，请把这一栏留空。本人重新同意的，请先在“本人的同意”里登记。"
                    )
        return problems

    def _find(
        self, session: Session, act_id: int, condition: ColumnElement[bool], is_to_change: bool = False
    ) -> ActOnBehalf:
        row = None
        if 0 < act_id <= MAX_ID:
            query = _acts().where(ActOnBehalf.id == act_id, condition)
            row = session.scalar(query.with_for_update(of=ActOnBehalf) if is_to_change else query)
        if row is None:
            raise ActNotFound
        return row

    def _page(self, condition: ColumnElement[bool], page: int, is_oldest_first: bool = False) -> ActPage:
        now = self._clock()
        order = (
            (ActOnBehalf.acted_at, ActOnBehalf.id)
            if is_oldest_first
            else (ActOnBehalf.acted_at.desc(), ActOnBehalf.id.desc())
        )
        with self._sessions() as session:
            total = session.scalar(select(func.count()).select_from(ActOnBehalf).join(Expert).where(condition)) or 0
            page = min(max(1, page), max(1, math.ceil(total / PAGE)))
            rows: Sequence[ActOnBehalf] = session.scalars(
                _acts().where(condition).order_by(*order).offset((page - 1) * PAGE).limit(PAGE)
            ).all()
            return ActPage(tuple(_act(row, now) for row in rows), total, page)

    def _is(self, which: Which) -> ColumnElement[bool]:
        now = self._clock()
        unsettled = ActOnBehalf.settled_at.is_(None)
        conditions: dict[Which, ColumnElement[bool]] = {
            Which.OBJECTED: and_(unsettled, ActOnBehalf.objected_at.is_not(None)),
            Which.EXPIRED: and_(
                unsettled,
                ActOnBehalf.objected_at.is_(None),
                ActOnBehalf.confirmed_at.is_(None),
                ActOnBehalf.expires_at <= now,
            ),
            Which.OWN_CODE: and_(unsettled, ActOnBehalf.is_by_own_code),
            Which.SETTLED: ActOnBehalf.settled_at.is_not(None),
            Which.ALL: ActOnBehalf.id > 0,
        }
        return conditions[which]


_TO_SETTLE = frozenset({Which.OBJECTED, Which.EXPIRED, Which.OWN_CODE})


def _acts() -> Select[ActOnBehalf]:
    return (
        select(ActOnBehalf)
        .join(Expert, Expert.id == ActOnBehalf.expert_id)
        .options(joinedload(ActOnBehalf.expert, innerjoin=True).load_only(Expert.name))
    )


def _is_open(now: datetime) -> ColumnElement[bool]:
    return and_(ActOnBehalf.confirmed_at.is_(None), ActOnBehalf.objected_at.is_(None), ActOnBehalf.expires_at > now)


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    return Expert.division_code.startswith(scope.division, autoescape=True)


def _act(row: ActOnBehalf, now: datetime) -> Act:
    return Act(
        id=row.id,
        expert_id=row.expert_id,
        expert_name=row.expert.name,
        liaison=row.liaison_name,
        what=row.what,
        why=row.why,
        channel=row.channel.label,
        acted_at=row.acted_at,
        expires_at=row.expires_at,
        state=row.state(now),
        answered_at=row.objected_at or row.confirmed_at,
        objection=row.objection,
        settled_at=row.settled_at,
        settled_by=row.settled_by,
        settlement=row.settlement,
        subject_kind=row.subject_kind,
        subject_id=row.subject_id,
        is_by_own_code=row.is_by_own_code,
    )


def _is_by_own_code(session: Session, act: ActOnBehalf, sign_in_id: int, now: datetime) -> bool:
    """Whether the device that confirms came in by a code which the act's own liaison made a short while ago."""
    sign_in = session.get(SignIn, sign_in_id)
    if sign_in is None or act.account_id is None:
        return False
    # The code that it came in by: the last one of the account that a browser used before.
    code = session.scalar(
        select(EntryCode)
        .where(
            EntryCode.account_id == sign_in.account_id,
            EntryCode.spent_by != "",
            EntryCode.spent_at <= sign_in.began_at,
        )
        .order_by(EntryCode.spent_at.desc(), EntryCode.id.desc())
        .limit(1)
    )
    return code is not None and code.issued_by_id == act.account_id and now - code.issued_at <= OWN_CODE_WITHIN


def _willingness(expert: Expert) -> Willingness:
    # Values that a later version may have dropped are not shown, and go with the next change.
    known = {way.value: way for way in WayOfHelping}
    ways = tuple(known[value] for value in expert.ways_of_helping if value in known)
    return Willingness(expert.availability, ways, expert.version)


def _change_in_words(before: Willingness, after: Willingness) -> str:
    """What was changed, for the retiree to read."""
    changes = []
    if before.availability is not after.availability:
        changes.append(f"联系状态由“{before.availability.label}”改为“{after.availability.label}”")
    if set(before.ways) != set(after.ways):
        ways = "、".join(way.label for way in WayOfHelping if way in after.ways) or "暂不参加"
        changes.append(f"愿意参加的方式改为“{ways}”")
    return "，".join(changes)


def _words(text: str, missing: str) -> str:
    """A text of a few sentences as it is stored. Raises `ObjectionMissing`."""
    text = " ".join(clean(text).split())
    if len(text) < MIN_REASON:
        raise ObjectionMissing(missing)
    if len(text) > MAX_OBJECTION:
        raise ObjectionMissing(f"最多写 {MAX_OBJECTION} 个字，现在有 {len(text)} 个字，请写短一些。")
    return text


__all__ = ["Act", "ActAlreadyAnswered", "ActNotFound", "ActPage", "Errand", "OnBehalf", "Willingness", "Which"]
