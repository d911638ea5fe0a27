"""Migrations: up, down and up again, with data; models and migrations say the same; SQLite is set up to be safe."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, func, inspect, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from tests import factories
from tests.conftest import NOW
from tests.keys import TEST_KEYS
from zhiku import migrations
from zhiku.bootstrap import DatabaseNotReady, Zhiku
from zhiku.config import Settings
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.contacts import ContactDetail, ContactSubject
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import CareerEntry, Expert
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.schema import metadata
from zhiku.domain.suggestions import Suggestion, SuggestionStep
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.audit_chain import verify_chain


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    """A database file without any table."""
    engine = make_engine(f"sqlite:///{(tmp_path / 'empty.db').as_posix()}", TEST_KEYS)
    yield engine
    engine.dispose()


def revisions() -> list[str]:
    """All revisions, oldest first."""
    script = ScriptDirectory.from_config(migrations.alembic_config())
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def store_one_of_each(engine: Engine) -> None:
    with make_sessions(engine)() as session, session.begin():
        factories.reference(session)
        expert = factories.an_expert(
            session, "张水生", fields=("水库堤防",), career=(("1975", "", "水利员"),), honours=((None, "劳模"),)
        )
        department = factories.a_department(session)
        factories.a_suggestion(session, authors=(expert, "李阳春"), lead_department_id=department.id)
        factories.a_service_record(session, expert, department_id=department.id)
        session.add(ContactDetail(subject=ContactSubject.EXPERT, subject_id=expert.id, value="见字条", created_at=NOW))
        factories.a_lexicon(session)
        factories.everything_about_access(session, expert, department)


def counts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {
            table.name: connection.scalar(select(func.count()).select_from(table)) or 0
            for table in metadata.sorted_tables
        }


# -- the schema --------------------------------------------------------------------------------------------------


def test_migrations_make_exactly_the_tables_of_the_models(database: Engine) -> None:
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_migrations_make_the_same_checks_and_indexes_as_the_models(database: Engine, tmp_path: Path) -> None:
    """`compare_metadata` does not look at CHECK constraints; SQLite's own text does."""
    models = make_engine(f"sqlite:///{(tmp_path / 'models.db').as_posix()}", TEST_KEYS)
    metadata.create_all(models)
    try:
        for table in metadata.tables:
            assert _described(database, table) == _described(models, table)
    finally:
        models.dispose()


def _described(engine: Engine, table: str) -> dict[str, object]:
    inspector = inspect(engine)
    checks = [(one["name"], "".join(one["sqltext"].split())) for one in inspector.get_check_constraints(table)]
    indexes = [(one["name"], tuple(one["column_names"])) for one in inspector.get_indexes(table)]
    unique = [(one["name"], tuple(one["column_names"])) for one in inspector.get_unique_constraints(table)]
    keys = [
        (one["name"], tuple(one["constrained_columns"]), one["referred_table"], one["options"].get("ondelete", ""))
        for one in inspector.get_foreign_keys(table)
    ]
    return {"checks": set(checks), "indexes": set(indexes), "unique": set(unique), "foreign keys": set(keys)}


def test_an_id_of_the_outbox_is_never_used_twice(database: Engine) -> None:
    """A rebuild remembers entries by id: a new one must not look like one it has seen."""
    with make_sessions(database)() as session:
        first = OutboxEntry(kind="expert", entity_id="1", created_at=NOW)
        session.add(first)
        session.commit()
        used = first.id
        session.delete(first)
        session.commit()
        second = OutboxEntry(kind="expert", entity_id="1", created_at=NOW)
        session.add(second)
        session.commit()
        assert second.id > used


# -- up and down -------------------------------------------------------------------------------------------------


def test_a_new_database_is_not_current_until_it_is_migrated(empty: Engine) -> None:
    assert not migrations.is_current(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)
    migrations.upgrade(empty)
    assert migrations.is_current(empty)


def test_every_step_goes_up_down_and_up_again(empty: Engine) -> None:
    for position, revision in enumerate(revisions()):
        migrations.upgrade(empty, revision)
        migrations.downgrade(empty, revisions()[position - 1] if position else "base")
        migrations.upgrade(empty, revision)
    assert migrations.is_current(empty)
    migrations.downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version", "sqlite_sequence"}


def test_data_survives_an_upgrade_and_its_way_back(empty: Engine) -> None:
    """Down to the first revision and up again: what the first one knew is still there."""
    migrations.upgrade(empty, revisions()[0])
    of_the_first = set(inspect(empty).get_table_names())
    migrations.upgrade(empty)
    store_one_of_each(empty)
    before = counts(empty)
    assert all(before.values()), "one of each, so that no table's migration goes untried"
    before = {table: number if table in of_the_first else 0 for table, number in before.items()}
    before["audit_head"] = 1  # a chain begins anew
    migrations.downgrade(empty, revisions()[0])
    migrations.upgrade(empty)
    assert counts(empty) == before
    with make_sessions(empty)() as session:
        expert = session.scalars(select(Expert)).one()
        assert (expert.name, expert.created_at, expert.career[0].description) == ("张水生", NOW, "水利员")
        assert expert.fields[0].name == "水库堤防"
        assert session.scalars(select(ContactDetail)).one().value == "见字条"


def test_a_way_down_with_data_removes_every_table(empty: Engine) -> None:
    migrations.upgrade(empty)
    store_one_of_each(empty)
    migrations.downgrade(empty, "base")
    assert set(inspect(empty).get_table_names()) <= {"alembic_version", "sqlite_sequence"}
    migrations.upgrade(empty)
    assert {table for table, number in counts(empty).items() if number} == {"audit_head"}


def test_an_upgrade_that_fails_leaves_the_database_as_it_was(empty: Engine) -> None:
    # A foreign table under one of our names: the upgrade stumbles half-way.
    with empty.connect().execution_options(is_writing=True) as connection, connection.begin():
        connection.execute(text("CREATE TABLE suggestions (anything TEXT)"))
    with pytest.raises(OperationalError, match="already exists"):
        migrations.upgrade(empty)
    assert set(inspect(empty).get_table_names()) - {"alembic_version"} == {"suggestions"}
    assert not migrations.is_current(empty)


def test_queries_that_waited_belong_to_the_one_county_there_is(empty: Engine) -> None:
    """Of several counties nobody knows where they were asked."""
    for others, expected in (((), "430725"), (("430726",), "")):
        migrations.upgrade(empty, "0003")
        with empty.connect().execution_options(is_writing=True) as connection, connection.begin():
            connection.execute(text("DELETE FROM divisions"))
            for code in ("430725", *others):
                connection.execute(text(f"INSERT INTO divisions (code, name, level) VALUES ('{code}', '县', 'county')"))
            connection.execute(
                text(
                    "INSERT INTO unanswered_queries (normal, text, times, first_asked_at, last_asked_at, answered_by) "
                    "VALUES ('打坝', '打坝', 3, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'nothing')"
                )
            )
        migrations.upgrade(empty, "0004")
        with empty.connect() as connection:
            assert connection.scalar(text("SELECT division_prefix FROM unanswered_queries")) == expected
        migrations.downgrade(empty, "base")


# -- the audit's chain -------------------------------------------------------------------------------------------

#: What keeps the audit from being changed, on SQLite. Whoever makes the table anew in a migration makes them again.
GUARDS = {
    "audit_events_no_update", "audit_events_no_delete", "audit_events_no_replace", "audit_head_no_delete",
    "audit_head_no_replace", "audit_head_no_way_back",
}  # fmt: skip


def guards(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")))


def test_the_newest_revision_guards_the_audit(database: Engine) -> None:
    store_one_of_each(database)
    assert guards(database) == GUARDS
    for statement in ("UPDATE audit_events SET actor_name = 'x'", "DELETE FROM audit_events"):
        with database.connect() as connection, pytest.raises(IntegrityError, match="never changed or deleted"):
            connection.execute(text(statement))


def test_a_chain_goes_down_with_its_guards_and_begins_anew(empty: Engine) -> None:
    migrations.upgrade(empty)
    store_one_of_each(empty)
    assert verify_chain(make_sessions(empty)).last_id > 100
    migrations.downgrade(empty, "0002")
    assert guards(empty) == set() and "audit_events" not in inspect(empty).get_table_names()
    migrations.upgrade(empty)
    assert guards(empty) == GUARDS
    report = verify_chain(make_sessions(empty))
    assert report.is_whole and report.last_id == 0
    with make_sessions(empty)() as session, session.begin():
        factories.a_department(session, "县林业局")
    assert verify_chain(make_sessions(empty)).last_id == 1


def test_a_chain_survives_every_upgrade_from_where_it_began(empty: Engine) -> None:
    """What later migrations do to the tables must not change a hash."""
    migrations.upgrade(empty, "0003")
    with make_sessions(empty)() as session, session.begin():
        append(session, [Note(Action.CHANGED, "expert", "1", {"last_post": ["甲", "乙"]})] * 5, NOW)
    before = verify_chain(make_sessions(empty))
    migrations.upgrade(empty)
    assert verify_chain(make_sessions(empty)) == before and before.is_whole


# -- SQLite ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 90_000), ("synchronous", 2)]
)
def test_every_connection_has_the_pragmas(database: Engine, pragma: str, value: object) -> None:
    with database.connect() as first, database.connect() as second:
        for connection in (first, second):
            assert connection.scalar(text(f"PRAGMA {pragma}")) == value


def test_foreign_keys_are_enforced_and_cascade(database: Engine) -> None:
    store_one_of_each(database)
    with make_sessions(database)() as session:
        session.delete(session.scalars(select(Expert)).one())
        session.commit()
        assert session.scalars(select(ServiceRecord)).all() == session.scalars(select(CareerEntry)).all() == []
        assert [author.expert_id for author in session.scalars(select(Suggestion)).one().authors] == [None, None]
        session.add(SuggestionStep(suggestion_id=4711, status="submitted", on=date(2026, 1, 1)))
        with pytest.raises((IntegrityError, LookupError)):
            session.commit()


def test_a_value_outside_of_an_enum_is_refused_by_the_database(database: Engine) -> None:
    store_one_of_each(database)
    with database.connect() as connection, pytest.raises(IntegrityError, match="CHECK"):
        connection.execute(text("UPDATE experts SET status = 'famous'"))


def test_a_reader_is_not_stopped_by_a_writer(database: Engine) -> None:
    store_one_of_each(database)
    sessions = make_sessions(database)
    with sessions() as writer, sessions() as reader:
        begin_writing(writer)
        writer.scalars(select(Expert)).one().summary = "还没有提交"
        writer.flush()
        assert reader.scalars(select(Expert.summary)).one() == "管过黄石水库的加固。"
        writer.rollback()


def test_two_writers_take_turns_instead_of_failing(database: Engine) -> None:
    """A writing transaction takes the write lock at its beginning, so what it read cannot be overtaken."""
    store_one_of_each(database)
    sessions = make_sessions(database)
    impatient = make_engine(str(database.url), TEST_KEYS)
    event.listen(impatient, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 50"))
    with sessions() as first:
        begin_writing(first)
        with make_sessions(impatient)() as second, pytest.raises(OperationalError, match="locked"):
            begin_writing(second)
    with make_sessions(impatient)() as second:
        begin_writing(second)
        second.scalars(select(Expert)).one().summary = "轮到我了"
        second.commit()
    impatient.dispose()


def test_a_savepoint_can_be_taken_back_alone(database: Engine) -> None:
    """The driver's own transactions would commit or lose it; ours do not."""
    store_one_of_each(database)
    with make_sessions(database)() as session:
        _rewrite(session, "留下")
        savepoint = session.begin_nested()
        _rewrite(session, "不留")
        savepoint.rollback()
        session.commit()
        assert session.scalars(select(Expert.summary)).one() == "留下"


def _rewrite(session: Session, summary: str) -> None:
    session.scalars(select(Expert)).one().summary = summary
    session.flush()


def test_what_people_wrote_is_not_in_the_errors_of_the_database(database: Engine) -> None:
    store_one_of_each(database)
    with make_sessions(database)() as session:
        expert = session.scalars(select(Expert)).one()
        session.add(Suggestion(number="x", subject="电话 13900000000", year=1, serial=1, division_code="没有"))
        expert.summary = "很私人的话"
        with pytest.raises(IntegrityError) as refused:
            session.commit()
        assert "13900000000" not in str(refused.value) and "私人" not in str(refused.value)


@pytest.mark.skipif(os.name != "posix", reason="Windows only: permissions are access lists there")
def test_nobody_else_can_read_the_database(database: Engine) -> None:
    store_one_of_each(database)
    path = Path(str(database.url.database))
    files = [path, *path.parent.glob(f"{path.name}-*")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_database_of_a_newer_program_is_refused_and_left_alone(database: Engine, tmp_path: Path) -> None:
    with database.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    zhiku = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path), "ZHIKU_DATABASE_URL": str(database.url)}))
    for may_be_old in (False, True):
        with pytest.raises(DatabaseNotReady, match="更新版本"):
            zhiku.require_database(may_be_old)
    zhiku.close()
