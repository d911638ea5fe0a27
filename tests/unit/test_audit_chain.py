"""The chain of the audit: what is hashed, how it grows, and what becomes of whoever touches it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from tests.keys import TEST_KEYS
from zhiku.domain.actors import Actor
from zhiku.domain.audit import (
    GENESIS,
    MAX_ITEMS,
    MAX_VALUE,
    Action,
    AuditEvent,
    AuditHead,
    AuditUnusable,
    Note,
    append,
    canonical,
    changes_text,
    event_hash,
)
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.redaction import REMOVED
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.audit_chain import Fault, stored_events, verify_chain

ANN = Actor(7, "刘小燕", "liaison", "10.1.2.3", on_behalf_of=3, purpose="联系本人：送书")


def note(name: str = "", **changes: Any) -> Note:
    return Note(Action.CHANGED, "expert", name or "1", changes)


def write(sessions: sessionmaker[Session], *notes: Note, at: datetime = NOW, actor: Actor = ANN) -> None:
    with sessions.begin() as session:
        begin_writing(session)
        append(session, notes, at, actor)


def unguarded(database: Engine) -> None:
    """What somebody with the database's file can do: take the triggers away."""
    with database.begin() as connection:
        names = connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all()
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))


def tamper(database: Engine, *statements: str) -> None:
    unguarded(database)
    with database.connect().execution_options(is_writing=True) as connection, connection.begin():
        for statement in statements:
            connection.exec_driver_sql(statement)


# -- what is hashed ----------------------------------------------------------------------------------------------


def test_the_hash_is_of_canonical_json_that_any_program_makes_again(sessions: sessionmaker[Session]) -> None:
    write(sessions, note(last_post=["副局长", "局长\t“正职”\n"], rows=3))
    with sessions() as session:
        event = session.scalars(select(AuditEvent)).one()
    by_hand = {
        "action": "changed", "actor_id": 7, "actor_name": "刘小燕", "actor_role": "liaison", "address": "10.1.2.3",
        "at": "2026-11-23T02:00:00.000000+00:00", "changes": {"last_post": ["副局长", "局长\t“正职”\n"], "rows": 3},
        "id": 1, "on_behalf_of": 3, "previous_hash": GENESIS, "purpose": "联系本人：送书", "subject_id": "1",
        "subject_kind": "expert",
    }  # fmt: skip
    again = json.dumps(by_hand, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical({**by_hand, "at": NOW}) == again
    assert event.hash == event_hash({**by_hand, "at": NOW}) == hashlib.sha256(again.encode()).hexdigest()


#: Everything that somebody's typing, a column or a program may put into an event.
_TEXTS = st.text(st.characters(codec=None), max_size=30) | st.sampled_from(
    ["\ud800", "a\udfff", "𠮷野家😀", "\0", "\u2028", '"\\/', "é\u0301", "x" * 300, "ﷺ" * 210]
)
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.dates() | st.binary(max_size=5)
_ODD = st.datetimes(timezones=st.timezones()) | st.sampled_from([Action.CHANGED, -(2**70), frozenset({"b", "a"}), (1,)])
_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.dates() | st.binary(max_size=5)
_ODD = st.datetimes(timezones=st.timezones()) | st.sampled_from([Action.CHANGED, -(2**70), frozenset({"b", "a"}), (1,)])
_VALUES = st.recursive(
    _PLAIN | _ODD,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.dictionaries(_TEXTS, _VALUES, max_size=4), who=_TEXTS, purpose=_TEXTS, key=_TEXTS)
def test_whatever_is_noted_reads_back_and_verifies(
    sessions: sessionmaker[Session], changes: dict[str, Any], who: str, purpose: str, key: str
) -> None:
    write(sessions, Note(Action.CHANGED, "expert", key, changes), actor=Actor(1, who, "bureau", "::1", None, purpose))
    with sessions() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
        columns = {column.key: getattr(event, column.key) for column in AuditEvent.__table__.columns}
    # From the values that the database gave back, as from those that it was given.
    assert event_hash(columns) == event.hash
    assert event.changes == json.loads(changes_text(changes))
    assert verify_chain(sessions).is_whole


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))), "2026-10-25T00:30:00+00:00"),
        (date(1950, 1, 1), "1950-01-01"),
        (0.1, "0.1"),
        (float("nan"), "nan"),
        (2**53, "9007199254740992"),
        (Action.ERASED, "erased"),
        ("打 13907361111 找他", f"打 {REMOVED} 找他"),
        ("长" * 500, "长" * (MAX_VALUE - 1) + "…"),
        (["a"] * 60, ["a"] * MAX_ITEMS + ["…（共 60 项）"]),
        ([[[[[[["深"]]]]]]], [[[[["…"]]]]]),
    ],
)
def test_values_are_kept_plain_bounded_and_without_numbers_of_people(value: object, kept: object) -> None:
    assert json.loads(changes_text({"x": value}))["x"] == kept


def test_a_number_is_not_cut_in_half_at_the_end_of_what_is_kept() -> None:
    kept = json.loads(changes_text({"x": "写" * (MAX_VALUE - 6) + "13907361111"}))["x"]
    assert "139" not in kept and len(kept) <= MAX_VALUE


def test_texts_wider_than_their_columns_are_cut_before_they_are_hashed(sessions: sessionmaker[Session]) -> None:
    """PostgreSQL refuses what is wider; SQLite stores it all."""
    wide = Actor(1, "名" * 100, "r" * 30, "fe80::1%" + "e" * 50, None, "为" * 300)
    write(sessions, Note(Action.CHANGED, "k" * 60, "i" * 60), actor=wide)
    with sessions() as session:
        event = session.scalars(select(AuditEvent)).one()
    for column in AuditEvent.__table__.columns:
        length = getattr(column.type, "length", None)
        assert length is None or len(getattr(event, column.key)) <= length, column.key
    assert verify_chain(sessions).is_whole


# -- how it grows ------------------------------------------------------------------------------------------------


def test_many_flushes_of_one_transaction_follow_each_other(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        for name in ("张水生", "李水生", "王水生"):
            factories.an_expert(session, name)
        append(session, [note("9"), note("10")], NOW)
    report = verify_chain(sessions)
    assert report.is_whole
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == report.last_id
        assert session.get_one(AuditHead, 1).last_hash == report.last_hash


def test_what_is_rolled_back_leaves_neither_events_nor_a_gap(sessions: sessionmaker[Session]) -> None:
    write(sessions, note())
    with sessions() as session:
        append(session, [note("2"), note("3")], NOW)
        session.rollback()
    write(sessions, note("4"))
    with sessions() as session:
        events = session.execute(select(AuditEvent.id, AuditEvent.subject_id).order_by(AuditEvent.id)).all()
    assert [tuple(event) for event in events] == [(1, "1"), (2, "4")]
    assert verify_chain(sessions).is_whole


def test_a_savepoint_takes_its_events_back_alone(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        append(session, [note("1")], NOW)
        savepoint = session.begin_nested()
        append(session, [note("2")], NOW)
        inner = session.begin_nested()
        append(session, [note("3")], NOW)
        inner.commit()
        savepoint.rollback()
        append(session, [note("4")], NOW)
    with sessions() as session:
        assert session.scalars(select(AuditEvent.subject_id).order_by(AuditEvent.id)).all() == ["1", "4"]
    assert verify_chain(sessions).is_whole


def test_without_its_head_nothing_is_appended(database: Engine, sessions: sessionmaker[Session]) -> None:
    tamper(database, "DELETE FROM audit_head")
    with pytest.raises(AuditUnusable, match="zhiku audit verify"):
        write(sessions, note())


#: Of each process of the test: how many events, in transactions of some, now and then taken back.
_EACH = 60


def _append_at_once(url: str, number: int, start: Any) -> None:
    """What a process of the test does: half of its transactions do not say that they are going to write."""
    sessions = make_sessions(make_engine(url, TEST_KEYS), clock=lambda: NOW)
    start.wait()
    done = 0
    while done < _EACH:
        try:
            with sessions() as session:
                if done % 2:
                    begin_writing(session)
                else:
                    # It has read, so it may be overtaken: then it must fail, not fork.
                    session.scalar(select(func.count()).select_from(Expert))
                expert = session.scalars(select(Expert)).first()
                assert expert is not None
                expert.summary = f"{number} 写的第 {done} 次"
                session.flush()
                append(session, [note(f"{number}-{done}")], NOW)
                if done % 7 == 3:
                    session.rollback()
                else:
                    session.commit()
            done += 1
        except OperationalError as error:
            if "locked" not in str(error.orig):
                raise


@pytest.mark.slow
def test_processes_that_write_at_once_never_fork_the_chain(database: Engine, sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        factories.an_expert(session)
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    writers = [
        context.Process(target=_append_at_once, args=(database.url.render_as_string(False), number, start))
        for number in range(4)
    ]
    for writer in writers:
        writer.start()
    start.set()
    for writer in writers:
        writer.join(120)
    assert [writer.exitcode for writer in writers] == [0] * 4
    report = verify_chain(sessions)
    assert report.is_whole
    with sessions() as session:
        noted = session.scalars(select(AuditEvent.subject_id).where(AuditEvent.subject_id.contains("-"))).all()
    kept = {f"{number}-{done}" for number in range(4) for done in range(_EACH) if done % 7 != 3}
    assert len(noted) == len(kept) and set(noted) == kept


def test_a_writer_that_was_overtaken_fails_and_leaves_nothing(
    database: Engine, sessions: sessionmaker[Session]
) -> None:
    with sessions() as late:
        late.scalar(select(AuditHead.last_id))
        write(sessions, note("2"))
        with pytest.raises(OperationalError, match="locked"):
            append(late, [note("3")], NOW)
    report = verify_chain(sessions)
    assert report.is_whole and report.last_id == 1


# -- what shows --------------------------------------------------------------------------------------------------

_AGAIN = (
    "UPDATE audit_head SET last_id = (SELECT max(id) FROM audit_events), "
    "last_hash = (SELECT hash FROM audit_events ORDER BY id DESC LIMIT 1)"
)
_COPY = (
    "INSERT INTO audit_events SELECT {}, at, actor_id, actor_name, actor_role, address, action, subject_kind, "
    "subject_id, on_behalf_of, purpose, changes, previous_hash, hash FROM audit_events WHERE id = {}"
)


@pytest.mark.parametrize(
    ("statements", "fault", "at"),
    [
        ([], None, 0),
        *(
            ([f"UPDATE audit_events SET {change} WHERE id = 4"], Fault.CHANGED, 4)
            for change in (
                "actor_name = '别人'", "at = '2020-01-01 00:00:00.000000'", "at = 'gestern'", "actor_id = NULL",
                "on_behalf_of = NULL", "changes = '{}'", "changes = changes || ' '", "changes = 'kein JSON'",
                "purpose = ''", "subject_id = '04'", "address = ''", "action = 'signed_out'",
                f"hash = '{GENESIS}'", "actor_name = x'ff41'", "actor_name = CAST(x'ff41' AS TEXT)",
            )
        ),
        ([f"UPDATE audit_events SET previous_hash = '{GENESIS}' WHERE id = 4"], Fault.CHANGED, 4),
        (["DELETE FROM audit_events WHERE id = 4"], Fault.MISSING, 4),
        (["DELETE FROM audit_events WHERE id IN (1, 2)"], Fault.MISSING, 1),
        (["DELETE FROM audit_events WHERE id > 7"], Fault.CUT_OFF, 8),
        (["DELETE FROM audit_events"], Fault.CUT_OFF, 1),
        ([_COPY.format(0, 4)], Fault.INSERTED, 0),
        ([_COPY.format(-5, 4)], Fault.INSERTED, -5),
        ([_COPY.format(11, 4)], Fault.BEYOND, 11),
        ([_COPY.format(99, 10)], Fault.BEYOND, 11),
        (["UPDATE audit_head SET last_id = 8"], Fault.HEAD_CHANGED, 8),
        (["UPDATE audit_head SET last_id = 12"], Fault.CUT_OFF, 11),
        (["UPDATE audit_head SET last_hash = 'x'"], Fault.HEAD_CHANGED, 10),
        (["UPDATE audit_head SET last_id = 'x'"], Fault.HEAD_GONE, 0),
        (["DELETE FROM audit_head"], Fault.HEAD_GONE, 0),
        # The order of two, exchanged.
        (
            ["UPDATE audit_events SET id = 99 WHERE id = 4", "UPDATE audit_events SET id = 4 WHERE id = 5",
             "UPDATE audit_events SET id = 5 WHERE id = 99"],
            Fault.CHANGED, 4,
        ),
        # Cut off and the head set back with it, which nobody sees without an archive (tests/unit/test_audit_archive).
        (["DELETE FROM audit_events WHERE id > 7", _AGAIN], None, 0),
    ],
)  # fmt: skip
def test_the_first_broken_link_is_named(
    database: Engine, sessions: sessionmaker[Session], statements: list[str], fault: Fault | None, at: int
) -> None:
    write(sessions, *(note(str(number), last_post=["甲", "乙"]) for number in range(1, 11)))
    tamper(database, *statements)
    report = verify_chain(sessions)
    found = report.broken
    assert (found and found.fault, found.event_id if found else 0) == (fault, at)
    if found is not None:
        assert fault is not None and fault.label in found.sentence


def test_an_event_that_was_rewritten_with_its_hash_does_not_fit_the_next_one(
    database: Engine, sessions: sessionmaker[Session]
) -> None:
    write(sessions, *(note(str(number)) for number in range(1, 11)))
    with sessions() as session:
        event = dict(next(event for event in stored_events(session) if event["id"] == 4))
    event["actor_name"] = "别人"
    tamper(database, f"UPDATE audit_events SET actor_name = '别人', hash = '{event_hash(event)}' WHERE id = 4")
    broken = verify_chain(sessions).broken
    assert broken is not None and (broken.fault, broken.event_id) == (Fault.UNLINKED, 5)


def test_verifying_tells_how_far_it_is(sessions: sessionmaker[Session]) -> None:
    write(sessions, *(note(str(number)) for number in range(4_100)))
    calls: list[tuple[int, int]] = []
    assert verify_chain(sessions, lambda *call: calls.append(call)).last_id == 4_100
    assert calls == [(2_000, 4_100), (4_000, 4_100), (4_100, 4_100)]


def test_what_is_appended_while_it_is_verified_breaks_nothing(sessions: sessionmaker[Session]) -> None:
    write(sessions, *(note(str(number)) for number in range(2_500)))
    assert verify_chain(sessions, lambda *_: write(sessions, note())).is_whole
    assert verify_chain(sessions).last_id > 2_500


def test_an_empty_chain_is_whole(sessions: sessionmaker[Session]) -> None:
    report = verify_chain(sessions)
    assert report.is_whole and (report.last_id, report.last_hash) == (0, GENESIS)


# -- what the database refuses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor_name = '别人' WHERE id = 2",
        "UPDATE audit_events SET id = id",
        "DELETE FROM audit_events WHERE id = 3",
        "DELETE FROM audit_events",
        _COPY.format(2, 1).replace("INSERT", "INSERT OR REPLACE", 1),
        _COPY.format(2, 1).replace("INSERT", "REPLACE", 1),
        _COPY.format(0, 1),
        f"{_COPY.format(2, 1)} ON CONFLICT (id) DO UPDATE SET actor_name = '别人'",
        "UPDATE audit_head SET last_id = 1",
        "UPDATE audit_head SET id = 2",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head VALUES (2, 0, '')",
        "INSERT OR REPLACE INTO audit_head VALUES (1, 1, '')",
        "UPDATE OR REPLACE audit_events SET id = 1 WHERE id = 2",
        "UPDATE OR IGNORE audit_events SET actor_name = '别人'",
    ],
)
def test_the_database_refuses_to_change_the_audit(
    database: Engine, sessions: sessionmaker[Session], statement: str
) -> None:
    write(sessions, note("1"), note("2"), note("3"))
    with pytest.raises(DatabaseError, match="never changed or deleted|UNIQUE"), database.begin() as connection:
        connection.exec_driver_sql(statement)
    report = verify_chain(sessions)
    assert report.is_whole and report.last_id == 3
    write(sessions, note("4"))
    assert verify_chain(sessions).last_id == 4


def test_the_orm_cannot_change_an_event_either(sessions: sessionmaker[Session]) -> None:
    write(sessions, note())
    changes: list[Callable[[Session, AuditEvent], None]] = [
        lambda session, event: setattr(event, "actor_name", "别人"),
        lambda session, event: session.delete(event),
    ]
    for change in changes:
        with sessions() as session, pytest.raises(DatabaseError, match="never changed or deleted"):
            change(session, session.scalars(select(AuditEvent)).one())
            session.commit()
    assert verify_chain(sessions).is_whole


def test_every_number_of_an_event_fits(tmp_path: Path, database: Engine, sessions: sessionmaker[Session]) -> None:
    """More than 2^31 events are none to fear, on PostgreSQL either (BIGINT)."""
    write(sessions, note())
    tamper(database, "UPDATE audit_events SET id = 4294967296", "UPDATE audit_head SET last_id = 4294967296")
    write(sessions, note())
    with sessions() as session:
        assert session.scalar(select(func.max(AuditEvent.id))) == 2**32 + 1


def test_times_are_noted_in_utc_whatever_zone_they_come_in(sessions: sessionmaker[Session]) -> None:
    write(sessions, note(), at=datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8))))
    with sessions() as session:
        assert session.scalars(select(AuditEvent.at)).one() == datetime(2026, 11, 23, 2, 0, 0, 123456, tzinfo=UTC)
    assert verify_chain(sessions).is_whole
