"""The outbox listener: a change of an indexed row leaves an outbox entry in the same transaction.

Bulk statements (`session.execute(update(Expert)…)`) bypass the unit of work, so the listener could not see which rows
they touch; on watched models they raise `BulkWriteRefused`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import event, insert, inspect
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker

from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import CareerEntry, Expert, ExpertField, Honour
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor

#: Watched model -> (kind of the entity that must be projected again, attribute with its id).
#: Child rows point at their parent; reference rows (division, field, department) are expanded by the drainer.
WATCHED: dict[type, tuple[str, str]] = {
    Expert: ("expert", "id"),
    ExpertField: ("expert", "expert_id"),
    CareerEntry: ("expert", "expert_id"),
    Honour: ("expert", "expert_id"),
    Suggestion: ("suggestion", "id"),
    SuggestionAuthor: ("suggestion", "suggestion_id"),
    ServiceRecord: ("service", "id"),
    Division: ("division", "code"),
    FieldOfExpertise: ("field", "id"),
    Department: ("department", "id"),
}

_PENDING = "zhiku_outbox_pending"


class BulkWriteRefused(RuntimeError):
    """A bulk INSERT, UPDATE or DELETE of a watched model, which the index would never hear of."""


def watch_session(sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
    """Attach the listeners to every session this factory makes; `clock` gives aware UTC times."""

    def after_flush(session: Session, _context: Any) -> None:
        entries = {
            entry for row in (*session.new, *session.dirty, *session.deleted) for entry in _entries_for(session, row)
        }
        written: set[tuple[str, str]] = session.info.setdefault(_PENDING, set())
        fresh = sorted(entries - written)
        if fresh:
            now = clock()
            session.connection().execute(
                insert(OutboxEntry), [{"kind": kind, "entity_id": key, "created_at": now} for kind, key in fresh]
            )
            written.update(fresh)

    def after_end(session: Session, transaction: Any) -> None:
        # Entries written in a rolled-back SAVEPOINT are gone with it, so what was "written" is only known per
        # transaction: forget it whenever one ends, nested or not. A repeated entry does no harm.
        session.info.pop(_PENDING, None)

    def do_orm_execute(state: ORMExecuteState) -> None:
        if state.is_insert or state.is_update or state.is_delete:
            mapper = state.bind_mapper
            if mapper is not None and mapper.class_ in WATCHED:
                raise BulkWriteRefused(
                    f"bulk write to {mapper.class_.__name__}: change its rows one by one, so that the index hears of it"
                )

    event.listen(sessions, "after_flush", after_flush)
    event.listen(sessions, "after_transaction_end", after_end)
    event.listen(sessions, "do_orm_execute", do_orm_execute)


def _entries_for(session: Session, row: object) -> set[tuple[str, str]]:
    watched = WATCHED.get(type(row))
    if watched is None or (row in session.dirty and not session.is_modified(row)):
        return set()
    kind, attribute = watched
    keys = {getattr(row, attribute)}
    # A child that moved to another parent changes both.
    keys.update(inspect(row).attrs[attribute].history.deleted or ())
    return {(kind, str(key)) for key in keys if key is not None}
