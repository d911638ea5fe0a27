"""The audit on PostgreSQL: one chain whoever writes at once, and nobody changes it."""

from __future__ import annotations

import multiprocessing
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.orm.exc import StaleDataError

from tests import factories
from tests.conftest import NOW
from tests.keys import TEST_KEYS
from tests.unit.test_audit_chain import note, write
from zhiku.domain.audit import AuditEvent, append
from zhiku.domain.experts import Expert
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.audit_chain import verify_chain

#: Of each process: how many events, in transactions of two, now and then taken back.
_EACH = 40


def _append_at_once(url: str, number: int, start: Any) -> None:
    """What a process of the test does."""
    engine = make_engine(url, TEST_KEYS)
    sessions = make_sessions(engine, clock=lambda: NOW)
    start.wait()
    done = 0
    while done < _EACH:
        try:
            with sessions() as session:
                expert = session.scalars(select(Expert)).one()
                expert.summary = f"{number} 写的第 {done} 次"
                session.flush()
                append(session, [note(f"{number}-{done}")], NOW)
                if done % 7 == 3:
                    session.rollback()
                else:
                    session.commit()
            done += 1
        except StaleDataError:
            # Another process changed the profile since it was read: it is read again, and nothing was noted.
            continue
    engine.dispose()


@pytest.mark.slow
def test_processes_that_write_at_once_never_fork_the_chain(database: Engine, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        factories.an_expert(session)
    before = verify_chain(sessions).last_id
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(2)
    url = database.url.render_as_string(hide_password=False)
    processes = [context.Process(target=_append_at_once, args=(url, number, start)) for number in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    report = verify_chain(sessions)
    kept = 2 * sum(done % 7 != 3 for done in range(_EACH))
    # Each transaction that stayed has the change of the profile and what was noted beside it, and there is no gap.
    assert report.is_whole and report.last_id == before + 2 * kept
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == report.last_id


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor_name = '别人' WHERE id = 2",
        "UPDATE audit_events SET id = id",
        "DELETE FROM audit_events WHERE id = 3",
        "TRUNCATE audit_events",
        "TRUNCATE audit_head",
        "UPDATE audit_head SET last_id = 1",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head VALUES (2, 0, '')",
        "INSERT INTO audit_events SELECT 2, at, actor_id, actor_name, actor_role, address, action, subject_kind, "
        "subject_id, on_behalf_of, purpose, changes, previous_hash, hash FROM audit_events WHERE id = 1 "
        "ON CONFLICT (id) DO UPDATE SET actor_name = '别人'",
        "INSERT INTO audit_events SELECT 0, at, actor_id, actor_name, actor_role, address, action, subject_kind, "
        "subject_id, on_behalf_of, purpose, changes, previous_hash, hash FROM audit_events WHERE id = 1",
    ],
)
def test_the_database_refuses_to_change_the_audit(
    database: Engine, sessions: sessionmaker[Session], statement: str
) -> None:
    write(sessions, note("1"), note("2"), note("3"))
    with pytest.raises(DatabaseError, match="never changed or deleted"), database.begin() as connection:
        connection.exec_driver_sql(statement)
    report = verify_chain(sessions)
    assert report.is_whole and report.last_id == 3
    write(sessions, note("4"))
    assert verify_chain(sessions).last_id == 4


def test_what_is_rolled_back_leaves_neither_events_nor_a_gap(sessions: sessionmaker[Session]) -> None:
    write(sessions, note("1"))
    with sessions() as session:
        append(session, [note("2")], NOW)
        session.rollback()
    write(sessions, note("3"))
    report = verify_chain(sessions)
    assert report.is_whole and report.last_id == 2
