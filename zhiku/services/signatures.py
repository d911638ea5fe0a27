"""Signatures: the author of a suggestion as one person, linked to a profile or known by name only, and what of a
suggestion is theirs where several signed it.

A suggestion keeps ways to reach "the author" and does not say which of several. So those are somebody's that are known
to be: written with their name, or known of them from elsewhere. Of the others a human decides.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from zhiku.domain.masking import masked_contact
from zhiku.domain.suggestions import ANSWERED, Suggestion, SuggestionAuthor
from zhiku.services import contacts

#: Stands where the name of an author was who was erased.
ERASED_NAME = "某某"

#: Stands for a contact whose key is lost.
UNREADABLE = "（打不开，密钥不在）"


@dataclass(frozen=True, slots=True)
class Signature:
    """One person as an author."""

    name: str
    #: The profile; None for somebody who has none and is known by the name alone.
    expert_id: int | None = None
    #: Ways to reach them that are known to be theirs.
    contacts: tuple[str, ...] = field(default=(), repr=False)

    def is_on(self, author: SuggestionAuthor) -> bool:
        """Whether this author of a suggestion is they."""
        if self.expert_id is not None:
            return author.expert_id == self.expert_id
        return author.expert_id is None and author.name == self.name

    def is_alone_on(self, suggestion: Suggestion) -> bool:
        """Whether nobody else signed it."""
        return all(self.is_on(author) for author in suggestion.authors)

    def has(self, contact: str) -> bool:
        """Whether a way to reach an author is known to be theirs."""
        return self.name in contact or contacts.is_known(contact, self.contacts)


@dataclass(frozen=True, slots=True)
class JointContact:
    """A way to reach one of the several authors of a suggestion."""

    id: int
    number: str
    #: Masked.
    text: str
    #: Whether it is known to be this person's.
    is_own: bool


def own_contacts(session: Session, signature: Signature, suggestion: Suggestion) -> list[str]:
    """The ways to reach this person that a suggestion keeps; those of others who signed it are left out."""
    stored = contacts.of(session, contacts.SUGGESTION, suggestion.id)
    return stored if signature.is_alone_on(suggestion) else [one for one in stored if signature.has(one)]


def joint_contacts(session: Session, signature: Signature, suggestions: Sequence[Suggestion]) -> list[JointContact]:
    """The ways to reach somebody that suggestions of several authors keep."""
    return [
        JointContact(key, one.number, UNREADABLE if value is None else masked_contact(value), _is_own(signature, value))
        for one in suggestions
        if not signature.is_alone_on(one)
        for key, value in contacts.readable(session, contacts.SUGGESTION, one.id)
    ]


def take_out(
    session: Session, signature: Signature, suggestions: Sequence[Suggestion], chosen: Collection[int]
) -> tuple[int, int]:
    """Take a person out of suggestions; how many stay without the name, and how many others go or lose an author.

    Answered ones stay as records. Unanswered ones go, or stay with their other authors; the name goes from every text.
    Contacts go that are the person's, and those of joint suggestions whose ids were `chosen` by hand. The caller owns
    the transaction.
    """
    kept = 0
    for suggestion in suggestions:
        is_alone = signature.is_alone_on(suggestion)
        _remove_contacts(session, signature, suggestion, is_alone, chosen)
        if suggestion.status in ANSWERED:
            kept += 1
            for author in suggestion.authors:
                if signature.is_on(author):
                    author.name, author.expert_id = ERASED_NAME, None
        elif is_alone:
            session.delete(suggestion)
            continue
        else:
            suggestion.authors[:] = [author for author in suggestion.authors if not signature.is_on(author)]
        _take_name_off(suggestion, signature.name)
        if is_alone:
            # Nobody opens it as its author any more.
            suggestion.access_code_hash = None
            suggestion.submission_key = None
    return kept, len(suggestions) - kept


def _remove_contacts(
    session: Session, signature: Signature, suggestion: Suggestion, is_alone: bool, chosen: Collection[int]
) -> None:
    if is_alone:
        contacts.remove_all(session, contacts.SUGGESTION, [suggestion.id])
        return
    for key, value in contacts.readable(session, contacts.SUGGESTION, suggestion.id):
        if key in chosen or _is_own(signature, value):
            contacts.remove(session, contacts.SUGGESTION, suggestion.id, key)


def _is_own(signature: Signature, value: str | None) -> bool:
    return value is not None and signature.has(value)


def _take_name_off(suggestion: Suggestion, name: str) -> None:
    suggestion.subject = suggestion.subject.replace(name, ERASED_NAME)
    suggestion.situation = suggestion.situation.replace(name, ERASED_NAME)
    suggestion.proposal = suggestion.proposal.replace(name, ERASED_NAME)
    for step in suggestion.steps:
        step.note = step.note.replace(name, ERASED_NAME)
