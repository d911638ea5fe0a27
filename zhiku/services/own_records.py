"""What a retiree sees of themselves: their suggestions, their profile, who looked at their data, what they agreed to.

Every question is asked with the id of their own profile; a number of somebody else's finds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, raiseload, selectinload, sessionmaker

from zhiku.domain.accounts import Account, LiaisonAssignment
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import DomainError
from zhiku.domain.consents import Consent
from zhiku.domain.departments import Department
from zhiku.domain.experts import Expert, ExpertField, ExpertStatus, WayOfHelping
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStatus

#: Looks at their data that the page shows; the bureau can export all.
MOST_LOOKS = 100

#: Parts of a person's data, as the audit names them (`zhiku.services.sensitive`), in plain words.
PARTS = {
    "contact": "联系方式",
    "contact_details": "联系方式",
    "identity": "身份证号",
    "identity_numbers": "身份证号",
    "health": "健康情况",
    "health_notes": "健康情况",
    "hardship": "困难情况",
    "hardship_notes": "困难情况",
}


class OwnRecordsNotFound(DomainError):
    """The profile is gone, or the suggestion is none of theirs."""

    def __init__(self) -> None:
        super().__init__("没有找到。请回到“我的”页面重新选，或者问您的联络员。")


@dataclass(frozen=True, slots=True)
class OwnSuggestion:
    """One of their suggestions, for the list."""

    number: str
    subject: str
    status: SuggestionStatus
    submitted_on: date
    unit: str


@dataclass(frozen=True, slots=True)
class Own:
    """Who somebody is, for the head of their pages."""

    expert_id: int
    name: str
    #: "" where there is none.
    liaison: str
    #: Newest first.
    suggestions: tuple[OwnSuggestion, ...]


@dataclass(frozen=True, slots=True)
class OwnProfile:
    """Their profile. The row is read-only: its session is closed."""

    expert: Expert
    fields: tuple[str, ...]
    ways_of_helping: tuple[str, ...]
    #: Whether a search shows it now.
    is_public: bool


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody looked at their data, or took it out as a file."""

    at: datetime
    #: "老干部局 刘小燕".
    who: str
    what: str
    #: "" where none was given.
    purpose: str


class OwnRecords:
    """Reads what belongs to one person."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def own(self, expert_id: int) -> Own:
        """Name, liaison and suggestions. Raises `OwnRecordsNotFound`."""
        with self._sessions() as session:
            expert = _require(session, expert_id)
            liaison = session.scalar(
                select(Account.name)
                .join(LiaisonAssignment, LiaisonAssignment.account_id == Account.id)
                .where(
                    LiaisonAssignment.expert_id == expert_id,
                    LiaisonAssignment.ended_at.is_(None),
                    Account.role == Role.LIAISON,
                    Account.is_active.is_(True),
                )
            )
            suggestions = session.scalars(
                select(Suggestion)
                .where(Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
                .order_by(Suggestion.submitted_on.desc(), Suggestion.id.desc())
                .options(joinedload(Suggestion.lead_department).options(raiseload("*")), raiseload("*"))
            )
            return Own(
                expert_id,
                expert.name,
                liaison or "",
                tuple(
                    OwnSuggestion(
                        one.number,
                        one.subject,
                        one.status,
                        one.submitted_on,
                        one.lead_department.name if one.lead_department else "",
                    )
                    for one in suggestions
                ),
            )

    def suggestion(self, expert_id: int, number: str) -> Suggestion:
        """One of their suggestions, whatever its status. Raises `OwnRecordsNotFound`."""
        with self._sessions() as session:
            found = session.scalar(
                select(Suggestion)
                .where(Suggestion.number == number, Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
                .options(
                    joinedload(Suggestion.lead_department).options(raiseload(Department.division)),
                    selectinload(Suggestion.steps),
                    selectinload(Suggestion.authors).options(raiseload(SuggestionAuthor.expert)),
                    raiseload("*"),
                )
            )
        if found is None:
            raise OwnRecordsNotFound
        return found

    def suggestion_text(self, expert_id: int, suggestion_id: int) -> Suggestion | None:
        """One of their suggestions by its id, to read what somebody submitted for them; None where it is none."""
        with self._sessions() as session:
            return session.scalar(
                select(Suggestion)
                .where(Suggestion.id == suggestion_id, Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
                .options(raiseload("*"))
            )

    def profile(self, expert_id: int) -> OwnProfile:
        """Their profile as departments see it. Raises `OwnRecordsNotFound`."""
        with self._sessions() as session:
            expert = session.scalar(
                select(Expert)
                .where(Expert.id == expert_id, Expert.status != ExpertStatus.DECEASED)
                .options(
                    joinedload(Expert.division),
                    selectinload(Expert.field_links).joinedload(ExpertField.field).options(raiseload("*")),
                    selectinload(Expert.career),
                    selectinload(Expert.honours),
                    raiseload("*"),
                )
            )
            if expert is None:
                raise OwnRecordsNotFound
            labels = {way.value: way.label for way in WayOfHelping}
            ways = tuple(labels[value] for value in expert.ways_of_helping if value in labels)
            return OwnProfile(expert, tuple(field.name for field in expert.fields), ways, expert.is_searchable)

    def looks(self, expert_id: int) -> tuple[Look, ...]:
        """Who looked at their contact, identity number, health or hardship, or took out all that is held on them; the
        newest first."""
        with self._sessions() as session:
            numbers = select(Suggestion.number).where(Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
            ids = select(Suggestion.id).where(Suggestion.authors.any(SuggestionAuthor.expert_id == expert_id))
            theirs = [str(one) for query in (numbers, ids) for one in session.scalars(query)]
            events = session.scalars(
                select(AuditEvent)
                .where(
                    AuditEvent.action.in_([Action.REVEALED.value, Action.EXPORTED.value]),
                    ((AuditEvent.subject_kind == "expert") & (AuditEvent.subject_id == str(expert_id)))
                    | ((AuditEvent.subject_kind == "suggestion") & AuditEvent.subject_id.in_(theirs)),
                )
                .order_by(AuditEvent.id.desc())
                .limit(MOST_LOOKS)
            ).all()
        return tuple(_look(event) for event in events)

    def consents(self, expert_id: int) -> tuple[Consent, ...]:
        """What they agreed to, and took back; those that hold first, then the newest."""
        with self._sessions() as session:
            rows = session.scalars(
                select(Consent)
                .where(Consent.expert_id == expert_id)
                .order_by(Consent.granted_on.desc(), Consent.id.desc())
            ).all()
        return tuple(sorted(rows, key=lambda row: not row.holds))


def _require(session: Session, expert_id: int) -> Expert:
    expert = session.scalar(
        select(Expert).where(Expert.id == expert_id, Expert.status != ExpertStatus.DECEASED).options(raiseload("*"))
    )
    if expert is None:
        raise OwnRecordsNotFound
    return expert


def _look(event: AuditEvent) -> Look:
    role = next((role.label for role in Role if role.value == event.actor_role), "")
    who = f"{role} {event.actor_name}".strip()
    if event.action == Action.EXPORTED.value:
        is_theirs = event.subject_kind == "expert"
        what = "导出了您的全部资料" if is_theirs else "导出了和您联名提建议的人的资料"
    else:
        part = PARTS.get(str(event.changes.get("", "")), "不公开的资料")
        what = f"看了您的{part}" if event.subject_kind == "expert" else f"看了您提建议时留的{part}"
    return Look(event.at, who, what, event.purpose)
