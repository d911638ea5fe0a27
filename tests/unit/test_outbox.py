"""The outbox: every change of an indexed row leaves an entry in the same transaction, and nothing else does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import CareerEntry, Expert, ExpertField, ExpertStatus, Honour
from zhiku.domain.lexicon import UnansweredQuery
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStep
from zhiku.persistence.outbox import WATCHED, BulkWriteRefused

Sessions = sessionmaker[Session]


@pytest.fixture
def session(sessions: Sessions) -> Session:
    """A session over the reference data, with an empty outbox."""
    with sessions() as session:
        factories.reference(session)
        session.commit()
        forget(session)
    return sessions()


def forget(session: Session) -> None:
    session.execute(delete(OutboxEntry))
    session.commit()


def entries(session: Session) -> list[tuple[str, str]]:
    """What waits, as another session sees it: committed."""
    found = session.execute(select(OutboxEntry.kind, OutboxEntry.entity_id).order_by(OutboxEntry.id))
    return [(kind, key) for kind, key in found]


def a_person(session: Session, name: str = "张水生") -> Expert:
    """A committed person, of whom the outbox knows nothing any more."""
    expert = factories.an_expert(
        session, name, fields=("土壤肥料",), career=(("1975", "1980", "公社水利员"),), honours=((1990, "劳动模范"),)
    )
    session.commit()
    forget(session)
    return expert


def test_a_new_row_and_its_entry_are_committed_together(session: Session, sessions: Sessions) -> None:
    expert = factories.an_expert(session)
    with sessions() as other:
        assert entries(other) == []
    session.commit()
    with sessions() as other:
        assert entries(other) == [("expert", str(expert.id))]
        entry = other.scalars(select(OutboxEntry)).one()
        assert (entry.created_at, entry.drained_at) == (NOW, None)


def test_a_rollback_takes_the_entry_with_the_row(session: Session) -> None:
    factories.an_expert(session)
    session.rollback()
    assert entries(session) == []
    # And the session does not believe that it wrote the entry before.
    expert = factories.an_expert(session)
    session.commit()
    assert entries(session) == [("expert", str(expert.id))]


def test_a_savepoint_takes_back_only_what_was_written_in_it(session: Session) -> None:
    kept = a_person(session, "张水生")
    dropped = a_person(session, "李桂花")
    kept.summary = "改了"
    savepoint = session.begin_nested()
    dropped.summary = "也改了"
    session.flush()
    savepoint.rollback()
    session.commit()
    assert entries(session) == [("expert", str(kept.id))]


def test_a_change_repeated_after_its_savepoint_was_rolled_back_has_its_entry(session: Session) -> None:
    expert = a_person(session)
    with pytest.raises(LookupError), session.begin_nested():
        expert.summary = "第一次"
        session.flush()
        raise LookupError
    expert.summary = "第二次"
    session.commit()
    assert set(entries(session)) == {("expert", str(expert.id))}


def test_several_flushes_of_one_transaction_write_an_entry_once(session: Session) -> None:
    expert = a_person(session)
    for number in range(3):
        expert.summary = f"第 {number} 次"
        session.flush()
    expert.career[0].description = "乡水利员"
    session.commit()
    assert entries(session) == [("expert", str(expert.id))]


def test_each_transaction_writes_an_entry_of_its_own(session: Session) -> None:
    expert = a_person(session)
    for number in range(2):
        expert.summary = f"第 {number} 次"
        session.commit()
    assert entries(session) == [("expert", str(expert.id))] * 2


def test_a_flush_that_changes_nothing_writes_nothing(session: Session) -> None:
    expert = a_person(session)
    expert.summary = str(expert.summary)
    expert.name = "别的名字"
    expert.name = "张水生"
    session.flush()
    session.commit()
    session.scalars(select(Expert)).all()
    session.commit()
    assert entries(session) == []


def test_what_is_not_indexed_leaves_no_entry(session: Session) -> None:
    suggestion = factories.a_suggestion(session)
    session.commit()
    forget(session)
    session.add(SuggestionStep(suggestion_id=suggestion.id, status=suggestion.status, on=date(2026, 5, 5)))
    session.commit()
    assert entries(session) == []


def change_career(session: Session, expert: Expert) -> None:
    session.scalars(select(CareerEntry)).one().description = "县水利局工程师"


def change_honour(session: Session, expert: Expert) -> None:
    session.scalars(select(Honour)).one().title = "先进工作者"


def change_field(session: Session, expert: Expert) -> None:
    session.scalars(select(ExpertField)).one().position = 7


def remove_career(session: Session, expert: Expert) -> None:
    expert.career.clear()


def remove_career_row(session: Session, expert: Expert) -> None:
    session.delete(session.scalars(select(CareerEntry)).one())


def add_honour(session: Session, expert: Expert) -> None:
    session.add(Honour(expert_id=expert.id, position=9, year=None, title="三等功"))


def add_field(session: Session, expert: Expert) -> None:
    field = factories.a_field(session, "果树柑橘")
    session.add(ExpertField(expert_id=expert.id, field_id=field.id, position=2))


@pytest.mark.parametrize(
    "change",
    [change_career, change_honour, change_field, remove_career, remove_career_row, add_honour, add_field],
)
@pytest.mark.parametrize("is_loaded", [True, False])
def test_a_change_of_a_child_row_speaks_of_its_parent(
    session: Session, change: Callable[[Session, Expert], None], is_loaded: bool
) -> None:
    expert = a_person(session)
    if not is_loaded:
        session.expunge_all()
        expert = session.get_one(Expert, expert.id)
    change(session, expert)
    session.commit()
    assert entries(session) == [("expert", str(expert.id))]


def move_by_id(child: CareerEntry, to: Expert) -> None:
    child.expert_id = to.id


def move_by_parent(child: CareerEntry, to: Expert) -> None:
    child.expert = to


def move_by_list(child: CareerEntry, to: Expert) -> None:
    to.career.append(child)


@pytest.mark.parametrize("move", [move_by_id, move_by_parent, move_by_list])
@pytest.mark.parametrize("state", ["loaded", "expired", "alone"])
def test_a_child_that_moved_speaks_of_both_parents(
    session: Session, move: Callable[[CareerEntry, Expert], None], state: str
) -> None:
    first, second = a_person(session, "张水生"), a_person(session, "李桂花")
    child = first.career[0]
    if state == "expired":
        session.expire(child)
    elif state == "alone":
        session.expunge_all()
        child, second = session.get_one(CareerEntry, child.id), session.get_one(Expert, second.id)
        session.expire(child)
    move(child, second)
    session.commit()
    assert set(entries(session)) == {("expert", str(first.id)), ("expert", str(second.id))}


def test_an_author_who_is_added_or_removed_speaks_of_the_suggestion(session: Session) -> None:
    expert = a_person(session)
    suggestion = factories.a_suggestion(session)
    session.commit()
    forget(session)
    suggestion.authors.append(SuggestionAuthor(position=5, name=expert.name, expert_id=expert.id))
    session.commit()
    del suggestion.authors[0]
    session.commit()
    assert entries(session) == [("suggestion", str(suggestion.id))] * 2


def test_a_deleted_person_speaks_of_all_evidence_that_the_database_changes_with_it(session: Session) -> None:
    """Service records go by ON DELETE CASCADE, authors lose their person by SET NULL: no session sees those rows."""
    expert, other = a_person(session, "张水生"), a_person(session, "李桂花")
    record = factories.a_service_record(session, expert)
    factories.a_service_record(session, other)
    suggestion = factories.a_suggestion(session, authors=(expert, other))
    session.commit()
    forget(session)
    session.expunge_all()
    session.delete(session.get_one(Expert, expert.id))
    session.commit()
    expected = {("expert", str(expert.id)), ("service", str(record.id)), ("suggestion", str(suggestion.id))}
    assert set(entries(session)) == expected


def test_deleted_evidence_has_its_entry(session: Session) -> None:
    expert = a_person(session)
    record = factories.a_service_record(session, expert)
    suggestion = factories.a_suggestion(session)
    session.commit()
    forget(session)
    session.delete(record)
    session.delete(suggestion)
    session.commit()
    # The day of the record is part of the person's profile.
    expected = {("service", str(record.id)), ("expert", str(expert.id)), ("suggestion", str(suggestion.id))}
    assert set(entries(session)) == expected


def test_reference_rows_have_entries_of_their_own(session: Session) -> None:
    department = factories.a_department(session)
    session.commit()
    forget(session)
    department.name = "县水务局"
    field = factories.a_field(session, "土壤肥料")
    field.everyday_words = "修水库 修渠道"
    township = session.get_one(Division, factories.QIHE)
    township.name = "漆河街道"
    session.commit()
    expected = {("department", str(department.id)), ("field", str(field.id)), ("division", factories.QIHE)}
    assert set(entries(session)) == expected


BULK = {
    "update": lambda: update(Expert).values(name="无名"),
    "delete": lambda: delete(Expert),
    "insert": lambda: insert(Division).values(code="430799", name="某县", level="county"),
    "update of a child": lambda: update(CareerEntry).values(description=""),
    "update of the table": lambda: update(Expert.__table__).values(name="无名"),  # type: ignore[arg-type]
    "delete from the table": lambda: delete(ServiceRecord.__table__),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("statement", BULK.values(), ids=BULK.keys())
def test_a_bulk_statement_is_refused(session: Session, statement: Callable[[], object]) -> None:
    a_person(session)
    with pytest.raises(BulkWriteRefused, match="one by one"):
        session.execute(statement())  # type: ignore[call-overload]
    session.rollback()
    assert session.scalars(select(Expert)).one().name == "张水生"


def test_older_ways_to_write_in_bulk_are_refused(session: Session) -> None:
    expert = a_person(session)
    with pytest.raises(BulkWriteRefused):
        session.query(Expert).update({"name": "无名"})
    with pytest.raises(BulkWriteRefused):
        session.bulk_save_objects([expert])
    with pytest.raises(BulkWriteRefused):
        session.bulk_update_mappings(Expert, [{"id": expert.id, "name": "无名"}])
    with pytest.raises(BulkWriteRefused):
        session.bulk_insert_mappings(Expert, [{"name": "无名"}])


def test_bulk_statements_on_other_tables_are_allowed(session: Session) -> None:
    session.execute(delete(UnansweredQuery))
    session.execute(delete(OutboxEntry))
    session.commit()


def test_every_column_that_is_projected_belongs_to_a_watched_model() -> None:
    assert set(WATCHED) == {
        Expert, ExpertField, CareerEntry, Honour, Suggestion, SuggestionAuthor, ServiceRecord, Division,
        FieldOfExpertise, Department,
    }  # fmt: skip


def test_a_withdrawal_is_a_change(session: Session) -> None:
    expert = a_person(session)
    expert.change_status(ExpertStatus.WITHDRAWN, NOW)
    session.commit()
    assert entries(session) == [("expert", str(expert.id))]
