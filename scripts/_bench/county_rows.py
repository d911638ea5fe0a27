"""Rows for a county of any size: the corpus as suggestions of its people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from _bench.corpus import Corpus
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.suggestions import (
    MAX_PROPOSAL,
    MAX_SITUATION,
    MAX_SUBJECT,
    Suggestion,
    SuggestionAuthor,
    SuggestionStatus,
    SuggestionStep,
)

#: Rows of one transaction.
BATCH = 1000

_YEAR = 2025


def fill(app: Zhiku, corpus: Corpus, times: int) -> int:
    """Give the people of the database the corpus, repeated, as their suggestions; the number of rows."""
    with app.sessions() as session:
        people = session.execute(select(Expert.id, Expert.name).order_by(Expert.id)).all()
    count = 0
    for batch in _batches(corpus, times):
        with app.sessions() as session, session.begin():
            begin_writing(session)
            for number, text in batch:
                person, name = people[number % len(people)]
                subject = re.split("[\uff0c。\uff01\uff1f\\s]", text.strip(), maxsplit=1)[0][:MAX_SUBJECT] or "建议"
                session.add(a_suggestion(subject, text, number + 1, name, person, app))
            count += len(batch)
    return count


def a_suggestion(subject: str, text: str, serial: int, author: str, person: int | None, app: Zhiku) -> Suggestion:
    """A new row, by an expert or by somebody else."""
    day, now = date(_YEAR, 1 + serial % 12, 1 + serial % 28), app.clock()
    return Suggestion(
        year=_YEAR,
        serial=serial,
        number=Suggestion.format_number(_YEAR, serial),
        division_code=app.settings.division,
        subject=subject,
        situation=text[:MAX_SITUATION],
        proposal=text[MAX_SITUATION : MAX_SITUATION + MAX_PROPOSAL],
        status=SuggestionStatus.SUBMITTED,
        submitted_on=day,
        created_at=now,
        updated_at=now,
        authors=[SuggestionAuthor(position=0, name=author, expert_id=person)],
        steps=[SuggestionStep(status=SuggestionStatus.SUBMITTED, on=day)],
    )


def _batches(corpus: Corpus, times: int) -> Iterator[list[tuple[int, str]]]:
    batch: list[tuple[int, str]] = []
    for one in corpus.documents(times):
        batch.append(one)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
