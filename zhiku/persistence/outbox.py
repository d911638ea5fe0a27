"""The outbox listener: a change of an indexed row leaves an outbox entry in the same transaction.

Bulk statements (`session.execute(update(Expert)…)`) bypass the unit of work, so the listener could not see which rows
they touch; on watched models and their tables they raise `BulkWriteRefused`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NoReturn

from sqlalchemy import event, insert, inspect, select
from sqlalchemy.orm import ORMExecuteState, Session, class_mapper, sessionmaker

from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import CareerEntry, Expert, ExpertField, Honour
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor

#: Watched model -> (kind of an entity that must be projected again, attribute with its id).
#: Child rows point at their parent; reference rows (division, field, department) are expanded by the drainer. A service
#: record is a document, and its day is part of its expert's profile.
WATCHED: dict[type, tuple[tuple[str, str], ...]] = {
    Expert: (("expert", "id"),),
    ExpertField: (("expert", "expert_id"),),
    CareerEntry: (("expert", "expert_id"),),
    Honour: (("expert", "expert_id"),),
    Suggestion: (("suggestion", "id"),),
    SuggestionAuthor: (("suggestion", "suggestion_id"),),
    ServiceRecord: (("service", "id"), ("expert", "expert_id")),
    Division: (("division", "code"),),
    FieldOfExpertise: (("field", "id"),),
    Department: (("department", "id"),),
}

#: Keys of `Session.info`: entries written in this transaction; entries to write with the flush at work.
_WRITTEN = "zhiku_outbox_written"
_EVIDENCE = "zhiku_outbox_evidence"


class BulkWriteRefused(RuntimeError):
    """A bulk INSERT, UPDATE or DELETE of a watched model, which the index would never hear of."""


class WatchedSession(Session):
    """A session without the older bulk methods, which no event hears of."""

    def bulk_save_objects(self, *_: Any, **__: Any) -> NoReturn:
        raise BulkWriteRefused("bulk_save_objects: add the rows to the session, so that the index hears of them")

    def bulk_insert_mappings(self, *_: Any, **__: Any) -> NoReturn:
        raise BulkWriteRefused("bulk_insert_mappings: add the rows to the session, so that the index hears of them")

    def bulk_update_mappings(self, *_: Any, **__: Any) -> NoReturn:
        raise BulkWriteRefused("bulk_update_mappings: change the rows one by one, so that the index hears of them")


def watch_session(sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
    """Attach the listeners to every session this factory makes; `clock` gives aware UTC times."""
    tables = {table for model in WATCHED for table in class_mapper(model).tables}

    def before_flush(session: Session, _context: Any, _instances: Any) -> None:
        deleted = [row.id for row in session.deleted if isinstance(row, Expert)]
        if deleted:
            session.info[_EVIDENCE] = _evidence_of(session, deleted)

    def after_flush(session: Session, _context: Any) -> None:
        entries = {
            entry for row in (*session.new, *session.dirty, *session.deleted) for entry in _entries_for(session, row)
        }
        entries |= session.info.pop(_EVIDENCE, set())
        written: set[tuple[str, str]] = session.info.setdefault(_WRITTEN, set())
        fresh = sorted(entries - written)
        if fresh:
            now = clock()
            session.connection().execute(
                insert(OutboxEntry), [{"kind": kind, "entity_id": key, "created_at": now} for kind, key in fresh]
            )
            written.update(fresh)

    def after_end(session: Session, transaction: Any) -> None:
        # Entries written in a rolled-back SAVEPOINT are gone with it, so what was "written" is only known per
        # transaction: forget it whenever one ends, nested or not. A repeated entry does no harm. Every flush is a
        # transaction of the session's own within, which writes nothing that could be taken back alone.
        if transaction.nested or transaction.parent is None:
            session.info.pop(_WRITTEN, None)

    def do_orm_execute(state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            table = getattr(state.statement, "table", None)
            if table in tables:
                raise BulkWriteRefused(
                    f"bulk write to {table}: change its rows one by one, so that the index hears of it"
                )

    for model, watched in WATCHED.items():
        for _, attribute in watched:
            # A row that moves to another parent must still know the one it left, even if it was not loaded.
            event.listen(getattr(model, attribute), "set", _noticed, active_history=True)
    event.listen(sessions, "before_flush", before_flush)
    event.listen(sessions, "after_flush", after_flush)
    event.listen(sessions, "after_transaction_end", after_end)
    event.listen(sessions, "do_orm_execute", do_orm_execute)


def _noticed(_row: object, _value: object, _old: object, _initiator: object) -> None:
    """Nothing to do: that it listens makes SQLAlchemy load and keep the old value."""


def _evidence_of(session: Session, experts: Sequence[int]) -> set[tuple[str, str]]:
    """Entries for rows that the database deletes or changes with these experts, unseen by any session."""
    with session.no_autoflush:
        records = session.scalars(select(ServiceRecord.id).where(ServiceRecord.expert_id.in_(experts)))
        entries = {("service", str(key)) for key in records}
        authored = session.scalars(
            select(SuggestionAuthor.suggestion_id).where(SuggestionAuthor.expert_id.in_(experts))
        )
        return entries | {("suggestion", str(key)) for key in authored}


def _entries_for(session: Session, row: object) -> set[tuple[str, str]]:
    watched = WATCHED.get(type(row))
    if watched is None or (row in session.dirty and not session.is_modified(row)):
        return set()
    entries: set[tuple[str, str]] = set()
    for kind, attribute in watched:
        keys = {getattr(row, attribute)}
        # A child that moved to another parent changes both.
        keys.update(inspect(row).attrs[attribute].history.deleted or ())
        entries |= {(kind, str(key)) for key in keys if key is not None}
    return entries
