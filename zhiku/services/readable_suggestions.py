"""Which of some suggestions somebody may read: `zhiku.domain.readership`, asked of the database."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.domain.readership import Reader
from zhiku.domain.suggestions import Suggestion

#: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900


def readable_of(session: Session, ids: Collection[int], reader: Reader) -> set[int]:
    """Those of these ids that are of suggestions which the reader may read."""
    ordered = sorted(set(ids))
    found: set[int] = set()
    for start in range(0, len(ordered), _CHUNK):
        among = Suggestion.id.in_(ordered[start : start + _CHUNK])
        found |= set(session.scalars(select(Suggestion.id).where(among, reader.condition())))
    return found
