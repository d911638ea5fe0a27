"""Contact data: the only reader and writer of `zhiku.domain.contacts` (import-linter holds it).

Callers get values only for the person whose page they serve; nothing here goes to the index, a report or a log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.domain.contacts import ContactDetail, ContactSubject

EXPERT = ContactSubject.EXPERT
SUGGESTION = ContactSubject.SUGGESTION

#: The column's width.
MAX_LENGTH = 200

#: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900


def add(
    session: Session,
    subject: ContactSubject,
    subject_id: int,
    value: str,
    at: datetime | None = None,
    known: Iterable[str] | None = None,
) -> ContactDetail | None:
    """Store a way to reach somebody, unless it is empty or known already; gives the new row or None.

    `at` is when it was given (aware); now by default. `known` are the values stored so far, where the caller has read
    them; otherwise they are read here. The caller owns the transaction.
    """
    value = value.strip()
    if not value or is_known(value, of(session, subject, subject_id) if known is None else known):
        return None
    detail = ContactDetail(
        subject=subject, subject_id=subject_id, value=value[:MAX_LENGTH], created_at=at or datetime.now(UTC)
    )
    session.add(detail)
    return detail


def of(session: Session, subject: ContactSubject, subject_id: int) -> list[str]:
    """The ways to reach somebody, oldest first."""
    return of_many(session, subject, [subject_id]).get(subject_id, [])


def of_many(session: Session, subject: ContactSubject, subject_ids: Collection[int]) -> dict[int, list[str]]:
    """As `of`, for many at once: `{subject_id: values}`, without those who have none."""
    found: dict[int, list[str]] = {}
    for chunk in _chunks(subject_ids):
        for subject_id, value in session.execute(
            select(ContactDetail.subject_id, ContactDetail.value)
            .where(ContactDetail.subject == subject, ContactDetail.subject_id.in_(chunk))
            .order_by(ContactDetail.id)
        ):
            found.setdefault(subject_id, []).append(value)
    return found


def is_known(value: str, known: Iterable[str]) -> bool:
    """Whether a value is among the known ones, whatever spaces and hyphens it is written with."""
    return _comparable(value[:MAX_LENGTH]) in {_comparable(other) for other in known}


def _comparable(value: str) -> str:
    return "".join(character for character in value.casefold() if character.isalnum())


def _chunks(ids: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
