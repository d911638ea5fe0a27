"""Numbers of suggestions: a serial for each year."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from zhiku.domain.suggestions import Suggestion


def next_serial(session: Session, year: int) -> int:
    """The first free serial after the highest one of this year, 1 in a new year.

    Safe inside a writing transaction, which holds the write lock until it ends. A number is never given twice, even
    when a suggestion in between was removed; only the removal of the very last one frees its number.
    """
    highest = session.scalar(select(func.max(Suggestion.serial)).where(Suggestion.year == year))
    return (highest or 0) + 1
