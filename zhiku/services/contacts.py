"""Contact data: the only reader and writer of `zhiku.domain.contacts` (import-linter holds it).

Callers get values only for the person whose page they serve; nothing here goes to the index, a report or a log. Who may
see or change one, and why, is asked in `zhiku.services.sensitive`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session, load_only

from zhiku.domain.contacts import ContactDetail, ContactSubject
from zhiku.domain.encryption import KeysUnusable

EXPERT = ContactSubject.EXPERT
SUGGESTION = ContactSubject.SUGGESTION

#: Its table, as the audit names parts of a record.
PART = ContactDetail.__tablename__

#: The column's width.
MAX_LENGTH = 200

#: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900


@dataclass(frozen=True, slots=True)
class StoredContact:
    """One stored way to reach somebody."""

    id: int
    value: str = field(repr=False)
    created_at: datetime


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
        for subject_id, sealed in session.execute(
            select(ContactDetail.subject_id, ContactDetail.sealed)
            .where(ContactDetail.subject == subject, ContactDetail.subject_id.in_(chunk))
            .order_by(ContactDetail.id)
        ):
            found.setdefault(subject_id, []).append(sealed.open(subject, subject_id))
    return found


def stored(session: Session, subject: ContactSubject, subject_id: int) -> list[StoredContact]:
    """As `of`, with ids and times."""
    rows = session.execute(
        select(ContactDetail.id, ContactDetail.sealed, ContactDetail.created_at)
        .where(ContactDetail.subject == subject, ContactDetail.subject_id == subject_id)
        .order_by(ContactDetail.id)
    )
    return [StoredContact(key, sealed.open(subject, subject_id), created_at) for key, sealed, created_at in rows]


def readable(session: Session, subject: ContactSubject, subject_id: int) -> list[tuple[int, str | None]]:
    """As `stored`, with None for what no key opens: it can still be pointed at."""
    theirs = (ContactDetail.subject == subject) & (ContactDetail.subject_id == subject_id)
    found: list[tuple[int, str | None]] = []
    for key in session.scalars(select(ContactDetail.id).where(theirs).order_by(ContactDetail.id)).all():
        try:
            sealed = session.scalar(select(ContactDetail.sealed).where(ContactDetail.id == key))
            value = sealed.open(subject, subject_id) if sealed is not None else None
        except KeysUnusable:
            value = None
        found.append((key, value))
    return found


def count(session: Session, subject: ContactSubject, subject_id: int) -> int:
    """How many ways to reach somebody are stored, readable or not."""
    theirs = (ContactDetail.subject == subject) & (ContactDetail.subject_id == subject_id)
    return session.scalar(select(func.count()).select_from(ContactDetail).where(theirs)) or 0


def change(session: Session, subject: ContactSubject, subject_id: int, key: int, value: str, at: datetime) -> bool:
    """Put another value in place of one; whether somebody has this one. The caller owns the transaction."""
    row = _row(session, subject, subject_id, key)
    if row is None:
        return False
    row.value, row.created_at = value.strip()[:MAX_LENGTH], at
    return True


def remove(session: Session, subject: ContactSubject, subject_id: int, key: int) -> bool:
    """Delete one; whether somebody had it. The caller owns the transaction."""
    row = _row(session, subject, subject_id, key)
    if row is None:
        return False
    session.delete(row)
    return True


def remove_all(session: Session, subject: ContactSubject, subject_ids: Collection[int]) -> int:
    """Delete everything of these; how many there were. The caller owns the transaction."""
    count = 0
    for chunk in _chunks(subject_ids):
        among = ContactDetail.subject_id.in_(chunk)
        # Without the value: what cannot be read any more can be deleted all the same.
        rows = select(ContactDetail).where(ContactDetail.subject == subject, among).options(load_only(ContactDetail.id))
        for row in session.scalars(rows):
            session.delete(row)
            count += 1
    return count


def is_known(value: str, known: Iterable[str]) -> bool:
    """Whether a value is among the known ones, whatever spaces and hyphens it is written with."""
    return _comparable(value[:MAX_LENGTH]) in {_comparable(other) for other in known}


def _row(session: Session, subject: ContactSubject, subject_id: int, key: int) -> ContactDetail | None:
    return session.scalar(
        select(ContactDetail)
        .where(ContactDetail.id == key, ContactDetail.subject == subject, ContactDetail.subject_id == subject_id)
        .options(load_only(ContactDetail.id))
    )


def _comparable(value: str) -> str:
    return "".join(character for character in value.casefold() if character.isalnum())


def _chunks(ids: Collection[int]) -> Iterable[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]
