"""Who may read which suggestions: of a row in hand, and as a condition of the database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.permissions import Scope
from zhiku.domain.readership import Reader
from zhiku.domain.suggestions import ANSWERED, UNSEARCHABLE, Suggestion, SuggestionStatus

OPEN = frozenset(SuggestionStatus) - ANSWERED - UNSEARCHABLE
ELSEWHERE = "430724"


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """Every status, of this county and of another, by somebody known and by somebody else."""
    with sessions() as session:
        factories.reference(session)
        session.add(Division(code=ELSEWHERE, name="临澧县", level=DivisionLevel.COUNTY, parent_code="4307"))
        author = factories.an_expert(session, "作者")
        for name in ("县水利局", "县教育局"):
            factories.a_department(session, name)
        for status in SuggestionStatus:
            for division in (factories.COUNTY, factories.QIHE, ELSEWHERE):
                for authors, department in (((author,), 1), (("李阳春", author), 2), (("李阳春",), None)):
                    factories.a_suggestion(
                        session, authors=authors, status=status, division_code=division, lead_department_id=department
                    )
        yield session


def read_by(session: Session, reader: Reader) -> list[Suggestion]:
    """What a reader may read, the same by row and by condition."""
    everything = session.scalars(select(Suggestion)).all()
    found = {row.id for row in session.scalars(select(Suggestion).where(reader.condition()))}
    assert {row.id for row in everything if reader.may_read(row)} == found
    return [row for row in everything if row.id in found]


def test_visitors_read_what_was_answered_and_nothing_else(session: Session) -> None:
    assert {row.status for row in read_by(session, Reader())} == ANSWERED


def test_authors_read_all_that_is_theirs(session: Session) -> None:
    (author_id,) = {a.expert_id for row in session.scalars(select(Suggestion)) for a in row.authors} - {None}
    found = read_by(session, Reader(Scope(division=factories.COUNTY, expert_id=author_id)))
    theirs = [row for row in found if any(author.expert_id == author_id for author in row.authors)]
    assert {row.status for row in theirs} == set(SuggestionStatus)
    assert {row.status for row in found if row not in theirs} == ANSWERED


def test_staff_read_what_a_search_of_their_division_shows(session: Session) -> None:
    found = read_by(session, Reader(Scope(division=factories.COUNTY), is_searching=True))
    assert {row.status for row in found if row.division_code != ELSEWHERE} == OPEN | ANSWERED
    assert {row.status for row in found if row.division_code == ELSEWHERE} == ANSWERED


def test_a_department_reads_what_it_handles_and_what_is_public(session: Session) -> None:
    found = read_by(session, Reader(Scope(factories.COUNTY, department_id=1), is_searching=True))
    unanswered = [row for row in found if row.status not in ANSWERED]
    assert {row.lead_department_id for row in unanswered} == {1} and {row.status for row in unanswered} == OPEN
    assert {row.division_code for row in unanswered} == {factories.COUNTY, factories.QIHE}
    assert len([row for row in found if row.status in ANSWERED]) == len(ANSWERED) * 9


def test_a_scope_covers_a_department_or_all_of_them() -> None:
    assert Scope().covers_department() and Scope().covers_department(1, None)
    mine = Scope(department_id=2)
    assert mine.covers_department(2) and mine.covers_department(1, 2)
    assert not mine.covers_department() and not mine.covers_department(1, None)
