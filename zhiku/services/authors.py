"""Authors without a profile: retirees of whom nothing is known but the name that stands under a suggestion, and how to
reach them. What the law gives to everybody is theirs, too, so they have to be found.

The same name with a way to reach them that two suggestions share is one person. The same name alone is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from zhiku.domain.divisions import is_within
from zhiku.domain.permissions import Permission, Role
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor
from zhiku.services import contacts
from zhiku.services.persons import Asker, PersonNotFound
from zhiku.services.signatures import ERASED_NAME, Signature

#: Suggestions of one name that are looked at; where there are more, the name alone says nothing anyway.
MOST = 500


@dataclass(frozen=True, slots=True)
class UnlinkedAuthor:
    """An author of one suggestion who has no profile."""

    place: int
    name: str


@dataclass(frozen=True, slots=True)
class FoundAuthor:
    """An author without a profile, with all that is known to be theirs. The rows belong to the session."""

    signature: Signature
    #: The suggestion by which they were found.
    suggestion_id: int
    suggestions: tuple[Suggestion, ...]
    #: Numbers of suggestions by somebody of the same name: nobody knows whether it is they.
    same_name: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AuthorHit:
    """One suggestion that an author was found by."""

    number: str
    subject: str
    place: int


class AuthorRecords:
    """Finds authors without a profile."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions

    def of_suggestion(self, asker: Asker, number: str) -> tuple[UnlinkedAuthor, ...]:
        """The authors of a suggestion who have no profile. Raises `PersonNotFound`."""
        with self._sessions() as session:
            suggestion = _suggestion(session, asker, number, Permission.EXPORT_PERSON)
            return tuple(UnlinkedAuthor(one.position, one.name) for one in suggestion.authors if _is_unlinked(one))

    def by_contact(self, asker: Asker, name: str, contact: str) -> tuple[AuthorHit, ...]:
        """The suggestions of somebody of this name who left this contact; the newest first."""
        name, contact = "".join(name.split()), contact.strip()
        if not (name and contact and asker.role is Role.BUREAU and asker.may(Permission.EXPORT_PERSON)):
            return ()
        with self._sessions() as session:
            rows = _signed(session, asker, name)
            return tuple(
                AuthorHit(one.number, one.subject, _place(one, name))
                for one in reversed(rows)
                if contacts.is_known(contact, _readable(session, one))
            )


def find_author(session: Session, asker: Asker, number: str, place: int, needed: Permission) -> FoundAuthor:
    """The author at this place of the suggestion with this number, who has no profile. Raises `PersonNotFound`."""
    suggestion = _suggestion(session, asker, number, needed)
    author = next((one for one in suggestion.authors if one.position == place and _is_unlinked(one)), None)
    if author is None:
        raise PersonNotFound
    first = Signature(author.name)
    left = _readable(session, suggestion)
    known = left if first.is_alone_on(suggestion) else [one for one in left if first.has(one)]
    theirs: list[Suggestion] = []
    same_name: list[Suggestion] = []
    for one in _signed(session, asker, author.name):
        is_theirs = one.id == suggestion.id or any(
            contacts.is_known(contact, left) for contact in _readable(session, one)
        )
        (theirs if is_theirs else same_name).append(one)
    for one in theirs:
        if first.is_alone_on(one):
            known += _readable(session, one)
    signature = Signature(author.name, None, tuple(dict.fromkeys(known)))
    return FoundAuthor(signature, suggestion.id, tuple(theirs), tuple(one.number for one in same_name))


def _suggestion(session: Session, asker: Asker, number: str, needed: Permission) -> Suggestion:
    found = session.scalar(
        select(Suggestion).where(Suggestion.number == number).options(selectinload(Suggestion.authors))
    )
    is_theirs = asker.role is Role.BUREAU and asker.may(needed)
    if found is None or not is_theirs or not asker.scope.holds_division(found.division_code):
        raise PersonNotFound
    return found


def _signed(session: Session, asker: Asker, name: str) -> Sequence[Suggestion]:
    """The suggestions of the asker's division under this name without a profile, oldest first."""
    by_name = Suggestion.authors.any((SuggestionAuthor.name == name) & SuggestionAuthor.expert_id.is_(None))
    return session.scalars(
        select(Suggestion)
        .where(by_name, is_within(Suggestion.division_code, asker.scope.division))
        .options(selectinload(Suggestion.authors), selectinload(Suggestion.steps))
        .order_by(Suggestion.id)
        .limit(MOST)
    ).all()


def _readable(session: Session, suggestion: Suggestion) -> list[str]:
    found = contacts.readable(session, contacts.SUGGESTION, suggestion.id)
    return [value for _, value in found if value is not None]


def _is_unlinked(author: SuggestionAuthor) -> bool:
    return author.expert_id is None and author.name != ERASED_NAME


def _place(suggestion: Suggestion, name: str) -> int:
    return next(one.position for one in suggestion.authors if one.expert_id is None and one.name == name)
