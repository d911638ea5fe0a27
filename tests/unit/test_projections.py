"""The allow-list: plant a value of its own in every column there is, and find only the allowed ones in documents."""

from __future__ import annotations

import enum
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import JSON, Column, ForeignKey, select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from tests.factories import COUNTY, QIHE
from tests.unit.indexes import engine_in, found
from zhiku.domain.base import Base, UtcDateTime
from zhiku.domain.contacts import ContactDetail
from zhiku.domain.encryption import Encrypted
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Availability, Expert, ExpertStatus
from zhiku.domain.schema import metadata
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.search.port import IndexDocument
from zhiku.search.projections import Owner, owner_of, project_expert, project_service, project_suggestion
from zhiku.services.indexing import Indexing

Sessions = sessionmaker[Session]

#: Table and column of everything that may be in an index document, as text, name or facet.
ALLOWED = {
    ("experts", "name"),
    ("experts", "former_unit"),
    ("experts", "last_post"),
    ("experts", "professional_title"),
    ("experts", "keywords"),
    ("experts", "summary"),
    ("career_entries", "description"),
    ("honours", "title"),
    ("fields_of_expertise", "name"),
    ("divisions", "name"),
    ("suggestions", "subject"),
    ("suggestions", "situation"),
    ("suggestions", "proposal"),
    ("suggestions", "submitted_on"),
    ("service_records", "subject"),
    ("service_records", "account"),
    ("service_records", "served_on"),
    ("departments", "name"),
}

#: Columns of rows that lead nowhere near a document (the outbox, the bureau's words, queries without an answer, the
#: audit) need no value: the projections read none of these tables.
ELSEWHERE = {
    "outbox", "county_words", "lexicon_revisions", "synonym_groups", "synonym_members", "unanswered_queries",
    "audit_events", "audit_head", "data_keys",
}  # fmt: skip
PLANTED = {table.name for table in metadata.sorted_tables} - ELSEWHERE


def marker(number: int) -> str:
    """A word of its own, of letters that no rule of ours rewrites: "qxaabz"."""
    letters = "abcdefghij"
    return "qx" + "".join(letters[int(digit)] for digit in f"{number:03d}") + "z"


@pytest.fixture
def planted(sessions: Sessions) -> Iterator[tuple[Session, dict[tuple[str, str], str]]]:
    """One row in every table, with a value of its own in every column that can hold one."""
    with sessions() as session:
        rows = _rows(session)
        markers: dict[tuple[str, str], str] = {}
        for number, (row, column) in enumerate((row, column) for row in rows for column in _plantable(row)):
            value, shown = _value(column, number)
            setattr(row, _attribute(row, column), value)
            markers[(row.__tablename__, column.name)] = shown
        session.commit()
        session.expunge_all()
        yield session, markers


def _rows(session: Session) -> list[Base]:
    factories.reference(session)
    field = factories.a_field(session, "水库堤防")
    department = factories.a_department(session, "某局")
    expert = factories.an_expert(session, fields=(field.name,), career=(("", "", "x"),), honours=((1990, "x"),))
    suggestion = factories.a_suggestion(session, authors=(expert,), field=field.name)
    suggestion.lead_department_id = department.id
    record = factories.a_service_record(session, expert, department_id=department.id)
    contacts = [
        ContactDetail(subject=subject, subject_id=1, value="x", created_at=NOW)
        for subject in ContactDetail.__table__.c.subject.type.enum_class  # type: ignore[attr-defined]
    ]
    session.add_all(contacts)
    session.flush()
    factories.everything_about_access(session, expert, department)
    rows: list[Base] = [
        expert, expert.division, expert.field_links[0], expert.career[0], expert.honours[0], field, department,
        suggestion, suggestion.authors[0], suggestion.steps[0], record, *contacts,
    ]  # fmt: skip
    shown = {row.__tablename__ for row in rows}
    for mapper in Base.registry.mappers:
        if mapper.class_.__tablename__ in PLANTED - shown:
            rows.extend(session.scalars(select(mapper.class_).limit(1)))
    assert {row.__tablename__ for row in rows} == PLANTED, "a new table: plant a value in each of its columns"
    return rows


def _plantable(row: Base) -> Iterator[Column[Any]]:
    for column in metadata.tables[row.__tablename__].columns:
        is_structure = column.primary_key or column.foreign_keys or column.name in ("version", "position", "subject_id")
        if not is_structure and not _is_enum(column) and _python_type(column) is not bool:
            yield column


def _is_enum(column: Column[Any]) -> bool:
    enum_class = getattr(column.type, "enum_class", None)
    return enum_class is not None and issubclass(enum_class, enum.Enum)


def _attribute(row: Base, column: Column[Any]) -> str:
    # Of an encrypted column the text, not what lies in the database.
    if isinstance(column.type, Encrypted):
        return column.name
    return type(row).__mapper__.get_property_by_column(column).key


def _value(column: Column[Any], number: int) -> tuple[object, str]:
    """A value for the column, and how it would look in a document."""
    kind = _python_type(column)
    if kind is list:
        return [marker(number)], marker(number)
    if kind is datetime:
        at = datetime(2100 + number, 1, 1, tzinfo=NOW.tzinfo)
        return at, str(at.year)
    if kind is date:
        return date(2100 + number, 1, 1), str(2100 + number)
    if kind is int:
        return 700_000 + number, str(700_000 + number)
    if kind is bytes:
        return marker(number).encode(), marker(number)
    assert kind is str, f"{column}: say how to plant a {kind}"
    return marker(number), marker(number)


def _python_type(column: Column[Any]) -> type:
    if isinstance(column.type, UtcDateTime):
        return datetime
    if isinstance(column.type, Encrypted):
        return str
    return list if isinstance(column.type, JSON) else column.type.python_type


def owners(session: Session) -> dict[int, Owner]:
    return {row.id: owner_of(row) for row in session.scalars(select(Expert)) if row.is_searchable}


def authors_of(suggestion: Suggestion) -> list[int | None]:
    return [author.expert_id for author in suggestion.authors]


def documents_of(session: Session) -> list[IndexDocument]:
    known = owners(session)
    return [
        *(doc for row in session.scalars(select(Expert)) for doc in project_expert(row)),
        *(
            doc
            for row in session.scalars(select(Suggestion))
            for doc in project_suggestion(row, authors_of(row), known)
        ),
        *(doc for row in session.scalars(select(ServiceRecord)) for doc in project_service(row, known)),
    ]


def test_only_allowed_columns_reach_a_document(planted: tuple[Session, dict[tuple[str, str], str]]) -> None:
    session, markers = planted
    documents = documents_of(session)
    assert len(documents) == 3
    everything = repr(documents) + "".join(str(document.date) for document in documents)
    reached = {column for column, shown in markers.items() if shown in everything}
    assert reached - ALLOWED == set(), "these columns must not be in the index"
    assert ALLOWED & set(markers) - reached == set(), "these columns should be in the index and are not"


def test_documents_carry_the_division_of_their_row_and_of_their_owner(sessions: Sessions) -> None:
    """So that a scope holds: nothing is found of whom, and by what, it does not hold."""
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session)
        suggestion = factories.a_suggestion(session, authors=(expert,))
        orphan = factories.a_suggestion(session, authors=("李阳春",), serial=77)
        there = factories.a_service_record(session, expert, division_code="430725001")
        nowhere = factories.a_service_record(session, expert, division_code=None)
        found = {one.source: (one.division, one.owner_division) for one in documents_of(session)}
        assert found == {
            f"expert:{expert.id}": (QIHE, QIHE),
            f"suggestion:{suggestion.id}": (COUNTY, QIHE),
            f"suggestion:{orphan.id}": (COUNTY, ""),
            f"service:{there.id}": ("430725001", QIHE),
            f"service:{nowhere.id}": (QIHE, QIHE),
        }


def test_only_allowed_columns_can_be_searched_for(
    planted: tuple[Session, dict[tuple[str, str], str]], sessions: Sessions, tmp_path: Path
) -> None:
    _, markers = planted
    engine = engine_in(tmp_path / "index")
    Indexing(sessions, engine, lambda: NOW).rebuild()
    findable = {column for column, shown in markers.items() if found(engine, shown)}
    assert findable - ALLOWED == set()
    assert ("experts", "summary") in findable and ("suggestions", "proposal") in findable
    for path in (tmp_path / "index").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            written = {column for column, shown in markers.items() if len(shown) > 4 and shown.encode() in data}
            assert written - ALLOWED == set(), path.name
    engine.close()


def test_contact_data_cannot_be_reached_from_a_profile() -> None:
    """No foreign key leads to it or from it, so no projection can follow one."""
    contacts = ContactDetail.__table__
    assert not [column for column in contacts.columns if column.foreign_keys]
    keys = [key for table in metadata.sorted_tables for key in table.columns if key.foreign_keys]
    assert not [key for key in keys for foreign in key.foreign_keys if _leads_to(foreign, "contact_details")]


def _leads_to(foreign: ForeignKey, table: str) -> bool:
    return foreign.column.table.name == table


NUMBERS = {
    "mobile": "13907361234",
    "mobile with spaces": "139 0736 1234",
    "mobile with dashes": "139-0736-1234",
    "mobile with country code": "+8613907361234",
    "landline": "0736-6622345",
    "identity number": "430725195003011234",
    "identity number with X": "43072519500301123X",
    "e-mail": "zhang.shuisheng@example.com",
    "full-width mobile": "１３９０７３６１２３４",
    "full-width identity number": "４３０７２５１９５００３０１１２３４",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
def test_numbers_that_somebody_typed_into_a_text_are_not_indexed(
    sessions: Sessions, tmp_path: Path, number: str
) -> None:
    with sessions() as session, session.begin():
        factories.reference(session)
        expert = factories.an_expert(
            session,
            summary=f"修过水库，电话{number}，随时可以打。",
            former_unit=f"县水利局{number}",
            last_post=f"副局长（{number}）",
            professional_title=f"工程师{number}",
            keywords=[f"修坝{number}"],
            career=(("", "", f"公社水利员，手机：{number}"),),
            honours=((None, f"劳模{number}"),),
        )
        factories.a_suggestion(session, f"找我{number}", authors=(expert,), situation=f"打{number}", proposal=number)
        factories.a_service_record(
            session, expert, subject=f"看坝{number}", account=f"联系人{number}。", requested_by=f"村里{number}"
        )
    with sessions() as session:
        documents = documents_of(session)
    assert len(documents) == 3
    for document in documents:
        everything = repr(document)
        for hidden in (number, "".join(filter(str.isalnum, number)), number[-6:]):
            assert hidden not in everything
    engine = engine_in(tmp_path / "index")
    Indexing(sessions, engine, lambda: NOW).rebuild()
    assert found(engine, number) == []
    assert found(engine, "修过水库") != []
    engine.close()


# -- who and what is left out ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [status for status in ExpertStatus if status is not ExpertStatus.PUBLISHED])
def test_only_published_people_have_documents(sessions: Sessions, status: ExpertStatus) -> None:
    with sessions() as session:
        factories.reference(session)
        hidden = factories.an_expert(session, "张水生", status=status)
        other = factories.an_expert(session, "李桂花")
        suggestion = factories.a_suggestion(session, authors=(hidden, other))
        record = factories.a_service_record(session, hidden)
        assert project_expert(hidden) == project_service(record, owners(session)) == ()
        assert [
            document.owner for document in project_suggestion(suggestion, authors_of(suggestion), owners(session))
        ] == [f"expert:{other.id}"]


def test_who_has_withdrawn_from_being_asked_has_no_documents(sessions: Sessions) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session, availability=Availability.WITHDRAWN)
        assert project_expert(expert) == ()


@pytest.mark.parametrize("status", list(SuggestionStatus))
def test_suggestions_that_were_not_taken_up_have_no_documents(sessions: Sessions, status: SuggestionStatus) -> None:
    with sessions() as session:
        factories.reference(session)
        suggestion = factories.a_suggestion(session, status=status)
        is_hidden = status in (SuggestionStatus.NOT_ACCEPTED, SuggestionStatus.WITHDRAWN)
        assert (project_suggestion(suggestion, authors_of(suggestion), owners(session)) == ()) is is_hidden


def test_an_author_named_twice_makes_one_document(sessions: Sessions) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session)
        suggestion = factories.a_suggestion(session, authors=(expert, expert))
        assert [
            document.id for document in project_suggestion(suggestion, authors_of(suggestion), owners(session))
        ] == [f"suggestion:{suggestion.id}/expert:1"]


def set_summary(expert: Expert) -> None:
    expert.summary = "会打渔鼓"


def set_liaison(expert: Expert) -> None:
    expert.liaison_name = "别人"
    expert.updated_at = NOW + timedelta(days=1)


@pytest.mark.parametrize(("change", "is_visible"), [(set_summary, True), (set_liaison, False)])
def test_a_fingerprint_changes_with_what_is_indexed_and_with_nothing_else(
    sessions: Sessions, change: Callable[[Expert], None], is_visible: bool
) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session)
        (before,) = project_expert(expert)
        change(expert)
        (after,) = project_expert(expert)
        assert (before.fingerprint != after.fingerprint) is is_visible


def test_a_fingerprint_that_was_asked_for_is_not_that_of_a_changed_copy(sessions: Sessions) -> None:
    with sessions() as session:
        factories.reference(session)
        factories.an_expert(session)
        (document,) = documents_of(session)
    asked = document.fingerprint
    assert document.fingerprint == pickle.loads(pickle.dumps(document)).fingerprint == asked
    assert replace(document, name="李桂花").fingerprint != asked
    assert replace(document, name="李桂花") != document == replace(document)
