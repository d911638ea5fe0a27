"""Looking at sensitive values: what for, how often, and who did. The audit is where it is counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import Account
from zhiku.domain.audit import Action, AuditEvent, Note, append
from zhiku.domain.base import DomainError, LabelledEnum
from zhiku.domain.permissions import Permission
from zhiku.domain.redaction import has_private_number
from zhiku.services.persons import Asker, find_person

#: Taking out everything that is held on a person opens so many kinds of values at once (SensitiveKind), and counts so.
EXPORT_COUNTS = 4

#: Values that one account may look at. An afternoon of invitations by telephone is 60 calls; a copy of the register is
#: not what revealing is for, and takes more.
MOST_AN_HOUR = 60
MOST_A_DAY = 150

#: From this share of a limit on, the list of the bureau marks an account.
NOTABLE_SHARE = 0.5

#: Characters of the words that say what for; with the label they fit the audit's column.
MIN_WORDS, MAX_WORDS = 4, 100


class RevealPurpose(LabelledEnum):
    """What a value is looked at for."""

    INVITE = "invite", "联系本人，商量咨询、讲座等邀请"
    ANSWER = "answer", "答复本人的建议，听取意见"
    VISIT = "visit", "走访慰问"
    VERIFY = "verify", "核对是不是本人"
    CORRECT = "correct", "核对、更正档案"
    URGENT = "urgent", "紧急情况，联系本人或家人"
    OTHER = "other", "其他（请在下面写清楚）"


class PurposeMissing(DomainError):
    """Nobody looks at such a value without saying what for."""


class TooManyReveals(DomainError):
    """An account has looked at more than its work can need."""


@dataclass(frozen=True, slots=True)
class RevealCount:
    """How much an account has looked at in the last day."""

    account_id: int
    name: str
    role: str
    times: int
    people: int
    #: How many files with everything on a person were taken out; each is `EXPORT_COUNTS` of `times`.
    exports: int
    #: How often it was stopped.
    refused: int

    @property
    def is_notable(self) -> bool:
        """Whether the bureau should ask."""
        return self.refused > 0 or self.times >= MOST_A_DAY * NOTABLE_SHARE


@dataclass(frozen=True, slots=True)
class Reveal:
    """One look at somebody's data, as the bureau reads it."""

    at: datetime
    name: str
    kind: str
    purpose: str


class RevealLog:
    """Who looked at what, for the bureau."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def of_a_day(self, asker: Asker) -> list[RevealCount]:
        """The accounts of the asker's division that looked at something in the last day, the most first."""
        if not asker.may(Permission.OVERSEE_REVEALS):
            return []
        with self._sessions() as session:
            within = Account.division_prefix.startswith(asker.scope.division, autoescape=True)
            theirs = set(session.scalars(select(Account.id).where(within)))
            return [one for one in counts_of_a_day(session, self._clock()) if one.account_id in theirs]

    def of_person(self, asker: Asker, expert_id: int) -> list[Reveal]:
        """The last looks at a person's data. Raises `PersonNotFound`."""
        with self._sessions() as session:
            find_person(session, asker, expert_id, Permission.OVERSEE_REVEALS)
            return reveals_of(session, "expert", expert_id)


def purpose_text(purpose: RevealPurpose | None, words: str) -> str:
    """What stands in the audit. Raises `PurposeMissing`."""
    words = " ".join(words.split())
    if purpose is None:
        raise PurposeMissing("请选择用途。")
    if len(words) < MIN_WORDS:
        raise PurposeMissing(f"请写明具体事由，至少 {MIN_WORDS} 个字，例如：商量 10 月 9 日的敬老座谈会。")
    if len(words) > MAX_WORDS:
        raise PurposeMissing(f"事由最多 {MAX_WORDS} 个字，现在有 {len(words)} 个字，请写短一些。")
    if has_private_number(words):
        raise PurposeMissing("事由会留在审计记录里，请删去其中的电话、身份证号或电子邮箱。")
    return f"{purpose.label.partition('（')[0]}：{words}"


def require_allowed(session: Session, asker: Asker, now: datetime, counts: int = 1) -> None:
    """Raise `TooManyReveals` where an account has used up what it may look at; a look `counts` so much."""
    hour, day = (_count(session, asker.account_id, now - ago) for ago in (timedelta(hours=1), timedelta(days=1)))
    if day + counts > MOST_A_DAY:
        raise TooManyReveals(
            f"最近 24 小时您已经查看了 {day} 次敏感资料（导出一个人的资料算 {EXPORT_COUNTS} 次），今天不能再看、再导出了，老干部局会看到这条记录。"
            "如果工作确实需要，请向老干部局说明。"
        )
    if hour + counts > MOST_AN_HOUR:
        raise TooManyReveals(
            f"最近一小时您已经查看了 {hour} 次敏感资料（导出一个人的资料算 {EXPORT_COUNTS} 次），请过一会儿再看、再导出，老干部局会看到这条记录。"
            "如果工作确实需要，请向老干部局说明。"
        )


def note_stopped(session: Session, subject_kind: str, subject_id: str, part: str, now: datetime) -> None:
    """An event for the bureau: somebody was stopped. Within a writing transaction."""
    append(session, [Note(Action.REFUSED, subject_kind, subject_id, {"": part, "reveal": [None, "limit"]})], now)


def counts_of_a_day(session: Session, now: datetime) -> list[RevealCount]:
    """Who looked at how much in the last day, the most first."""
    since = AuditEvent.at > now - timedelta(days=1)
    revealed = session.execute(
        select(
            AuditEvent.actor_id,
            func.max(AuditEvent.actor_name),
            func.max(AuditEvent.actor_role),
            func.sum(_COUNTS),
            func.count(func.distinct(AuditEvent.subject_kind + AuditEvent.subject_id)),
            func.count().filter(AuditEvent.action == Action.EXPORTED.value),
        )
        .where(since, _is_a_look(), AuditEvent.actor_id.is_not(None))
        .group_by(AuditEvent.actor_id)
    )
    stopped: Mapping[int, int] = {
        actor: times
        for actor, times in session.execute(
            select(AuditEvent.actor_id, func.count())
            .where(since, AuditEvent.action == Action.REFUSED.value, AuditEvent.subject_kind.in_(SUBJECT_KINDS))
            .group_by(AuditEvent.actor_id)
        )
        if actor is not None
    }
    counts = [
        RevealCount(actor, name, role, times, people, exports, stopped.get(actor, 0))
        for actor, name, role, times, people, exports in revealed
        if actor is not None
    ]
    return sorted(counts, key=lambda one: (-one.refused, -one.times, one.account_id))


def reveals_of(session: Session, subject_kind: str, subject_id: int, limit: int = 20) -> list[Reveal]:
    """The last looks at somebody's data, and the files of it that were taken out; newest first."""
    events = session.scalars(
        select(AuditEvent)
        .where(
            AuditEvent.subject_kind == subject_kind,
            AuditEvent.subject_id == str(subject_id),
            _is_a_look(),
        )
        .order_by(AuditEvent.id.desc())
        .limit(limit)
    )
    return [
        Reveal(
            one.at,
            one.actor_name,
            EVERYTHING if one.action == Action.EXPORTED.value else str(one.changes.get("", "")),
            one.purpose,
        )
        for one in events
    ]


#: Kinds of subjects, as the audit names them, whose data can be looked at.
SUBJECT_KINDS = ("expert", "suggestion")


#: Stands for the kind of a `Reveal` that took out everything.
EVERYTHING = "everything"

#: What one event counts.
_COUNTS = case((AuditEvent.action == Action.EXPORTED.value, EXPORT_COUNTS), else_=1)


def _is_a_look() -> ColumnElement[bool]:
    """The condition that an event opened somebody's data; exports of tables and of the audit hold none of it."""
    is_export = (AuditEvent.action == Action.EXPORTED.value) & AuditEvent.subject_kind.in_(SUBJECT_KINDS)
    return (AuditEvent.action == Action.REVEALED.value) | is_export


def _count(session: Session, account_id: int, since: datetime) -> int:
    statement = select(func.sum(_COUNTS)).where(AuditEvent.actor_id == account_id, AuditEvent.at > since, _is_a_look())
    return session.scalar(statement) or 0
