"""The directory: one person, one suggestion, as a page shows them. Only what a search may show is found here."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, raiseload, selectinload, sessionmaker

from zhiku.analysis.names import split_name
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division, is_within
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Expert, ExpertField, WayOfHelping
from zhiku.domain.permissions import Scope
from zhiku.domain.readership import Reader
from zhiku.domain.suggestions import UNSEARCHABLE, Suggestion, SuggestionAuthor


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's page. The rows are read-only: their session is closed."""

    expert: Expert
    ways_of_helping: tuple[str, ...]
    #: Newest first.
    suggestions: tuple[Suggestion, ...]
    service_records: tuple[ServiceRecord, ...]


@dataclass(frozen=True, slots=True)
class PublicAuthor:
    """An author as everybody may see it: experts by name and with their page, others without their given name."""

    name: str
    expert_id: int | None


class Directory:
    """Reads profiles and suggestions for pages."""

    def __init__(self, sessions: sessionmaker[Session], division: str) -> None:
        """`division` is the GB/T 2260 code of the county that is served."""
        self._sessions = sessions
        self._division = division

    def county_name(self) -> str:
        """The county's name, or "" where the list of divisions does not have it."""
        with self._sessions() as session:
            return session.scalar(select(Division.name).where(Division.code == self._division)) or ""

    def profile(self, expert_id: int, scope: Scope) -> Profile | None:
        """The page of a person of the scope whom a search may name, else None; with what is of the scope on it."""
        with self._sessions() as session:
            expert = session.scalar(
                select(Expert)
                .where(Expert.id == expert_id)
                .options(
                    joinedload(Expert.division),
                    selectinload(Expert.field_links).joinedload(ExpertField.field).joinedload(FieldOfExpertise.parent),
                    selectinload(Expert.career),
                    selectinload(Expert.honours),
                    raiseload("*"),
                )
            )
            if expert is None or not expert.is_searchable or not scope.holds_division(expert.division_code):
                return None
            suggestions = session.scalars(
                select(Suggestion)
                .join(Suggestion.authors)
                .where(
                    SuggestionAuthor.expert_id == expert_id,
                    Suggestion.status.not_in(UNSEARCHABLE),
                    is_within(Suggestion.division_code, scope.division),
                    Reader(scope, is_searching=True).condition(),
                )
                .order_by(Suggestion.submitted_on.desc(), Suggestion.id.desc())
                .options(joinedload(Suggestion.lead_department).options(raiseload("*")), raiseload("*"))
            ).unique()
            records = session.scalars(
                select(ServiceRecord)
                .where(
                    ServiceRecord.expert_id == expert_id,
                    # One that does not say where it was belongs where its person does.
                    ServiceRecord.division_code.is_(None) | is_within(ServiceRecord.division_code, scope.division),
                )
                .order_by(ServiceRecord.served_on.desc(), ServiceRecord.id.desc())
                .options(raiseload("*"))
            )
            # Values that a later version may have dropped are left out rather than break the page.
            labels = {way.value: way.label for way in WayOfHelping}
            ways = tuple(labels[value] for value in expert.ways_of_helping if value in labels)
            return Profile(expert, ways, tuple(suggestions), tuple(records))

    def suggestion(self, number: str, scope: Scope) -> Suggestion | None:
        """The suggestion of the scope with this number when a search may show it, else None."""
        suggestion = self.progress(number)
        is_shown = (
            suggestion is not None and suggestion.is_searchable and scope.holds_division(suggestion.division_code)
        )
        return suggestion if is_shown else None

    def progress(self, number: str) -> Suggestion | None:
        """The suggestion with this number, whatever its status: for who has shown its code."""
        with self._sessions() as session:
            return session.scalar(
                select(Suggestion)
                .where(Suggestion.number == number)
                .options(
                    joinedload(Suggestion.lead_department).options(raiseload(Department.division)),
                    joinedload(Suggestion.field).options(raiseload("*")),
                    selectinload(Suggestion.steps),
                    selectinload(Suggestion.authors)
                    .joinedload(SuggestionAuthor.expert)
                    .options(raiseload(Expert.division)),
                    raiseload("*"),
                )
            )


def public_authors(suggestion: Suggestion, division: str = "") -> tuple[PublicAuthor, ...]:
    """The authors of a suggestion as everybody of a division may see them."""
    return tuple(_public_author(author, division) for author in suggestion.authors)


def _public_author(author: SuggestionAuthor, division: str) -> PublicAuthor:
    expert = author.expert
    if expert is not None and expert.is_searchable and expert.division_code.startswith(division):
        return PublicAuthor(expert.name, expert.id)
    # Nobody has confirmed who typed this name, and its bearer has not agreed to see it published.
    surname, _ = split_name(author.name)
    return PublicAuthor(surname + "某某", None)
