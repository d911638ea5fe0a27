"""Who of the staff may come near the records of which person: the bureau of the county, the liaison of that person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import false, func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import LiaisonAssignment
from zhiku.domain.base import DomainError
from zhiku.domain.divisions import Division
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Permission, Role, Scope
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor

#: A database's integer ends somewhere (PostgreSQL 2^31); no id of ours comes near.
MAX_ID = 2**31

#: People on one page of a list.
PAGE = 20


class Asker(Protocol):
    """Somebody signed in, as far as records of persons go."""

    @property
    def account_id(self) -> int:
        """Whose name stands in the audit."""

    @property
    def name(self) -> str:
        """As the records show it."""

    @property
    def role(self) -> Role:
        """What the account is for."""

    @property
    def scope(self) -> Scope:
        """Which rows they may see."""

    def may(self, permission: Permission) -> bool:
        """Whether they may do this, to the rows of their scope."""


class PersonNotFound(DomainError):
    """There is no such person, or none for this asker: the same sentence for both."""

    def __init__(self) -> None:
        super().__init__("没有找到这位老同志的资料：可能已经删除，或者不归您负责。")


def find_person(session: Session, asker: Asker, expert_id: int, *needed: Permission) -> Expert:
    """The person with this id, for somebody who may do all that is needed to them. Raises `PersonNotFound`."""
    expert = session.get(Expert, expert_id) if 0 < expert_id < MAX_ID else None
    if expert is None or not all(asker.may(one) for one in needed) or not reaches(session, asker, expert):
        raise PersonNotFound
    return expert


@dataclass(frozen=True, slots=True)
class ListedPerson:
    """One person of a list."""

    expert_id: int
    name: str
    former_unit: str
    township: str
    status: ExpertStatus


@dataclass(frozen=True, slots=True)
class PersonPage:
    """One page of a list, from 1."""

    people: tuple[ListedPerson, ...]
    total: int
    page: int
    pages: int


class PersonRecords:
    """The archive as the bureau and the liaisons see it: whatever the standing, and only who is theirs."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def person(self, asker: Asker, expert_id: int, *needed: Permission) -> Expert:
        """One person, with their place. Raises `PersonNotFound`."""
        with self._sessions() as session:
            expert = find_person(session, asker, expert_id, *needed)
            # Read while the session is open.
            _ = expert.division.name
            return expert

    def listed(self, asker: Asker, query: str = "", status: ExpertStatus | None = None, page: int = 1) -> PersonPage:
        """People by name; those who left or died, too, since no search finds them any more."""
        within = Expert.division_code.startswith(asker.scope.division, autoescape=True)
        if asker.role is Role.LIAISON:
            mine = (LiaisonAssignment.account_id == asker.account_id) & LiaisonAssignment.ended_at.is_(None)
            within &= Expert.id.in_(select(LiaisonAssignment.expert_id).where(mine))
        elif asker.role is not Role.BUREAU:
            within &= false()
        if query:
            within &= Expert.name.contains(query, autoescape=True)
        if status is not None:
            within &= Expert.status == status
        with self._sessions() as session:
            total = session.scalar(select(func.count()).select_from(Expert).where(within)) or 0
            pages = max(1, -(-total // PAGE))
            page = min(max(1, page), pages)
            rows = session.execute(
                select(Expert.id, Expert.name, Expert.former_unit, Division.name, Expert.status)
                .join(Division, Division.code == Expert.division_code)
                .where(within)
                .order_by(Expert.name, Expert.id)
                .offset((page - 1) * PAGE)
                .limit(PAGE)
            )
            return PersonPage(tuple(ListedPerson(*row) for row in rows), total, page, pages)


def find_oneself(session: Session, asker: Asker, expert_id: int) -> Expert:
    """The profile of a retiree who asks for what is theirs. Raises `PersonNotFound`."""
    expert = session.get(Expert, expert_id) if asker.scope.expert_id == expert_id else None
    if expert is None or expert.status is ExpertStatus.DECEASED:
        raise PersonNotFound
    return expert


def find_suggestion(session: Session, asker: Asker, number: str, *needed: Permission) -> Suggestion:
    """The suggestion with this number, for somebody who may reach its author. Raises `PersonNotFound`."""
    found = session.scalar(select(Suggestion).where(Suggestion.number == number))
    if found is None or not all(asker.may(one) for one in needed):
        raise PersonNotFound
    if not asker.scope.holds_division(found.division_code):
        raise PersonNotFound
    if asker.role is not Role.BUREAU and not _is_of_their_retirees(session, asker, found.id):
        raise PersonNotFound
    return found


def reaches(session: Session, asker: Asker, expert: Expert) -> bool:
    """Whether a person is theirs to look after: of their place, and of a liaison assigned to them at this moment."""
    if not asker.scope.holds_division(expert.division_code):
        return False
    if asker.role is Role.LIAISON:
        return expert.id in assigned_to(session, asker)
    return asker.role is Role.BUREAU


def assigned_to(session: Session, asker: Asker) -> Sequence[int]:
    """Ids of the persons whom a liaison looks after now."""
    statement = select(LiaisonAssignment.expert_id).where(
        LiaisonAssignment.account_id == asker.account_id, LiaisonAssignment.ended_at.is_(None)
    )
    return session.scalars(statement).all()


def _is_of_their_retirees(session: Session, asker: Asker, suggestion_id: int) -> bool:
    authors = select(SuggestionAuthor.expert_id).where(SuggestionAuthor.suggestion_id == suggestion_id)
    theirs = set(assigned_to(session, asker))
    return asker.role is Role.LIAISON and any(author in theirs for author in session.scalars(authors))
