"""Erasing a person on their own request (个人信息保护法, article 47), and what stays because the law wants it kept.

Rows go in one transaction and are overwritten in the file of the database. Segments of the index cannot be changed, so
their words go with the next rebuild, which `zhiku index maintain` makes when it sees that somebody was erased since the
index was begun; until then no page shows them, because every hit is looked up in the database again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment, SignIn
from zhiku.domain.actors import acting_for
from zhiku.domain.audit import WITHOUT_VALUES, Action, AuditEvent, Note, append
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.consents import Consent
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Expert
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.permissions import Permission
from zhiku.domain.photos import ExpertPhoto
from zhiku.domain.redaction import has_private_number
from zhiku.domain.suggestions import ANSWERED, Suggestion, SuggestionAuthor
from zhiku.services import contacts
from zhiku.services.authors import find_author
from zhiku.services.persons import Asker, find_person
from zhiku.services.sensitive import SensitiveKind, count_of, remove_all
from zhiku.services.signatures import ERASED_NAME, JointContact, Signature, joint_contacts, own_contacts, take_out

#: What the page says of suggestions that go, and of those that stay.
JOINT = "和别人联名的，只去掉本人的署名和正文里的姓名，别人的联系方式不动。"
KEPT = f"按公文档案留存，署名改为“{ERASED_NAME}”，正文里的姓名一并改掉，本人的联系方式删除。"

#: Characters of the words that say who asked for it, and how.
MIN_REASON, MAX_REASON = 4, 100

#: Suggestions whose numbers the page names.
NAMED = 20


class NameNotTyped(DomainError):
    """The name that was typed is not this person's: perhaps the wrong page is open. Nothing was erased."""


class RequestMissing(DomainError):
    """Nobody is erased without a word on who asked for it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One kind of things, and how many there are."""

    label: str
    count: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """What would go and what would stay."""

    name: str
    gone: tuple[Counted, ...]
    kept: tuple[Counted, ...]
    #: Numbers of suggestions by somebody of the same name that are not linked to this profile: nobody knows whose.
    same_name: tuple[str, ...]
    #: Numbers of others' suggestions that mention the name.
    mentions: tuple[str, ...]
    #: Contacts that suggestions with other authors keep: whose, somebody has to say who knows them.
    joint_contacts: tuple[JointContact, ...] = ()


class Erasures:
    """The use cases."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        clock: Callable[[], datetime],
        after_erasure: Callable[[], object] = lambda: None,
    ) -> None:
        """`after_erasure` is called when the rows are gone: it cleans the files of the database."""
        self._sessions = sessions
        self._clock = clock
        self._after_erasure = after_erasure

    def preview(self, asker: Asker, expert_id: int) -> ErasurePreview:
        """What `erase` would do now. Raises `PersonNotFound`."""
        with self._sessions() as session:
            expert = find_person(session, asker, expert_id, Permission.ERASE_PERSON)
            suggestions = signed_by(session, expert_id)
            kept = [one for one in suggestions if one.status in ANSWERED]
            account_id = session.scalar(select(Account.id).where(Account.expert_id == expert_id))
            return ErasurePreview(
                expert.name,
                (
                    Counted("档案（简介、履历、荣誉、专长）", 1),
                    Counted("照片", _of(session, ExpertPhoto, expert_id)),
                    *(Counted(kind.label, count_of(session, expert_id, kind)) for kind in SensitiveKind),
                    Counted("本人的同意", _of(session, Consent, expert_id)),
                    Counted("服务记录", _of(session, ServiceRecord, expert_id)),
                    Counted("还没有答复的建议", len(suggestions) - len(kept), JOINT),
                    Counted("账号、进门码和登录过的设备", _doors(session, account_id)),
                    Counted("联络员安排", _of(session, LiaisonAssignment, expert_id)),
                ),
                (
                    Counted("县里已经答复的建议", len(kept), KEPT),
                    Counted(
                        "代办记录",
                        _of(session, ActOnBehalf, expert_id),
                        "只在审计里留下谁、何时、通过什么途径代办过，事项和原因删除。",
                    ),
                    Counted(
                        "审计记录",
                        _audit_count(session, expert_id, account_id),
                        "法律要求至少保存三年，谁也改不了。里面没有电话、身份证号、健康和困难情况，"
                        "但会有姓名和以前修改过的内容。",
                    ),
                ),
                tuple(_same_name(session, expert.name)),
                tuple(_mentions(session, expert)),
                tuple(joint_contacts(session, signature_of(session, expert), suggestions)),
            )

    def erase(self, asker: Asker, expert_id: int, typed_name: str, request: str, chosen: Collection[int] = ()) -> None:
        """Erase a person. `request` says who asked for it and how; the audit keeps it. `chosen` are ids of contacts of
        joint suggestions that are theirs beside those that are known to be.

        Raises `PersonNotFound`, `NameNotTyped`, `RequestMissing`; then nothing has changed.
        """
        request = request_of(request)
        now = self._clock()
        with acting_for(purpose=request), self._sessions.begin() as session:
            begin_writing(session)
            session.info[WITHOUT_VALUES] = True
            expert = find_person(session, asker, expert_id, Permission.ERASE_PERSON)
            require_name(typed_name, expert.name)
            notes = _act_notes(session, expert_id)
            suggestions = signed_by(session, expert_id)
            _take_name_off_acts(session, expert, suggestions)
            kept, gone = take_out(session, signature_of(session, expert), suggestions, chosen)
            remove_all(session, expert_id, list(SensitiveKind))
            account = session.scalar(select(Account).where(Account.expert_id == expert_id))
            if account is not None:
                session.delete(account)
            session.flush()
            session.delete(expert)
            session.flush()
            facts = {"suggestions_kept": kept, "suggestions_erased": gone}
            append(session, [*notes, Note(Action.ERASED, "expert", str(expert_id), facts)], now)
        self._after_erasure()

    def preview_author(self, asker: Asker, number: str, place: int) -> ErasurePreview:
        """What `erase_author` would do now. Raises `PersonNotFound`."""
        with self._sessions() as session:
            found = find_author(session, asker, number, place, Permission.ERASE_PERSON)
            kept = [one for one in found.suggestions if one.status in ANSWERED]
            own = sum(len(own_contacts(session, found.signature, one)) for one in found.suggestions)
            return ErasurePreview(
                found.signature.name,
                (
                    Counted("还没有答复的建议", len(found.suggestions) - len(kept), JOINT),
                    Counted("提建议时留下的联系方式", own),
                ),
                (
                    Counted("县里已经答复的建议", len(kept), KEPT),
                    Counted(
                        "审计记录",
                        _audit_count(session, None, None, found.suggestions),
                        "法律要求至少保存三年，谁也改不了。里面没有电话，但会有姓名和以前修改过的内容。",
                    ),
                ),
                found.same_name,
                (),
                tuple(joint_contacts(session, found.signature, found.suggestions)),
            )

    def erase_author(
        self, asker: Asker, number: str, place: int, typed_name: str, request: str, chosen: Collection[int] = ()
    ) -> None:
        """As `erase`, of an author who has no profile: who signed the suggestion with this number, at this place.

        Raises `PersonNotFound`, `NameNotTyped`, `RequestMissing`; then nothing has changed.
        """
        request = request_of(request)
        now = self._clock()
        with acting_for(purpose=request), self._sessions.begin() as session:
            begin_writing(session)
            session.info[WITHOUT_VALUES] = True
            found = find_author(session, asker, number, place, Permission.ERASE_PERSON)
            require_name(typed_name, found.signature.name)
            keys = [str(one.id) for one in found.suggestions]
            kept, gone = take_out(session, found.signature, found.suggestions, chosen)
            session.flush()
            facts = {"suggestions_kept": kept, "suggestions_erased": gone}
            notes = [Note(Action.ERASED, "suggestion", key, facts) for key in keys]
            append(session, notes, now)
        self._after_erasure()

    def last_at(self) -> datetime | None:
        """When somebody was erased last."""
        with self._sessions() as session:
            return session.scalar(select(func.max(AuditEvent.at)).where(AuditEvent.action == Action.ERASED.value))


def request_of(text: str) -> str:
    """Who asked for it and how, as the audit keeps it. Raises `RequestMissing`."""
    text = " ".join(text.split())
    if len(text) < MIN_REASON:
        raise RequestMissing(f"请写明是谁、用什么方式提出删除，至少 {MIN_REASON} 个字，例如：本人 5 月 4 日书面申请。")
    if len(text) > MAX_REASON:
        raise RequestMissing(f"说明最多 {MAX_REASON} 个字，现在有 {len(text)} 个字，请写短一些。")
    if has_private_number(text):
        raise RequestMissing("说明会留在审计记录里，请删去其中的电话、身份证号或电子邮箱。")
    return text


def require_name(typed: str, name: str) -> None:
    """Raises `NameNotTyped` unless this is the name, spaces and widths apart."""
    if _folded(typed) != _folded(name):
        raise NameNotTyped("输入的姓名和这份资料不一致，没有删除任何内容。请核对是不是打开了别人的页面。")


def signed_by(session: Session, expert_id: int) -> list[Suggestion]:
    """The suggestions of a person who has a profile."""
    return list(
        session.scalars(
            select(Suggestion)
            .where(Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
            .options(selectinload(Suggestion.authors), selectinload(Suggestion.steps))
            .order_by(Suggestion.id)
        )
    )


def signature_of(session: Session, expert: Expert) -> Signature:
    """A person who has a profile, as an author; contacts whose key is lost are not known of them."""
    known = contacts.readable(session, contacts.EXPERT, expert.id)
    return Signature(expert.name, expert.id, tuple(value for _, value in known if value is not None))


def _take_name_off_acts(session: Session, expert: Expert, suggestions: Sequence[Suggestion]) -> None:
    """What was noted when a liaison filed a joint suggestion for another author quotes its subject."""
    ids = [str(one.id) for one in suggestions]
    about = (ActOnBehalf.subject_kind == "suggestion") & ActOnBehalf.subject_id.in_(ids)
    for act in session.scalars(select(ActOnBehalf).where(about, ActOnBehalf.expert_id != expert.id)):
        for part in ("what", "why", "objection", "settlement"):
            setattr(act, part, getattr(act, part).replace(expert.name, ERASED_NAME))


def _act_notes(session: Session, expert_id: int) -> list[Note]:
    """Who acted for the person, when and how: proofs of proxies are kept three years, without what it was about."""
    acts = session.scalars(select(ActOnBehalf).where(ActOnBehalf.expert_id == expert_id).order_by(ActOnBehalf.id))
    return [
        Note(
            Action.ERASED,
            "act_on_behalf",
            str(one.id),
            {
                "liaison_name": one.liaison_name,
                "channel": one.channel.value,
                "acted_at": one.acted_at.astimezone(UTC).isoformat(timespec="seconds"),
                "is_confirmed": one.confirmed_at is not None,
                "is_objected": one.objected_at is not None,
            },
        )
        for one in acts
    ]


def _same_name(session: Session, name: str) -> Sequence[str]:
    return session.scalars(
        select(Suggestion.number)
        .where(Suggestion.authors.any((SuggestionAuthor.name == name) & SuggestionAuthor.expert_id.is_(None)))
        .order_by(Suggestion.id)
        .limit(NAMED)
    ).all()


def _mentions(session: Session, expert: Expert) -> Sequence[str]:
    texts = (Suggestion.subject, Suggestion.situation, Suggestion.proposal)
    return session.scalars(
        select(Suggestion.number)
        .where(
            or_(*(column.contains(expert.name, autoescape=True) for column in texts)),
            ~Suggestion.authors.any(SuggestionAuthor.expert_id == expert.id),
        )
        .order_by(Suggestion.id)
        .limit(NAMED)
    ).all()


def _audit_count(
    session: Session, expert_id: int | None, account_id: int | None, suggestions: Sequence[Suggestion] = ()
) -> int:
    ids = [str(one.id) for one in suggestions]
    about: list[ColumnElement[bool]] = [(AuditEvent.subject_kind == "suggestion") & AuditEvent.subject_id.in_(ids)]
    if expert_id is not None:
        about.append((AuditEvent.subject_kind == "expert") & (AuditEvent.subject_id == str(expert_id)))
        about.append(AuditEvent.on_behalf_of == expert_id)
    if account_id is not None:
        about.append((AuditEvent.subject_kind == "account") & (AuditEvent.subject_id == str(account_id)))
    return session.scalar(select(func.count()).select_from(AuditEvent).where(or_(*about))) or 0


def _of(session: Session, model: type, expert_id: int) -> int:
    owner = model.expert_id  # type: ignore[attr-defined]
    return session.scalar(select(func.count()).select_from(model).where(owner == expert_id)) or 0


def _doors(session: Session, account_id: int | None) -> int:
    if account_id is None:
        return 0
    parts = (EntryCode.account_id, SignIn.account_id)
    return 1 + sum(session.scalar(select(func.count()).where(part == account_id)) or 0 for part in parts)


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split())
