"""What makes every change of a row an event of the audit: listeners on the sessions.

A flush makes one event for each record that it changed, whatever rows the record is made of. New rows are noted without
their values (what they were is the "before" of their first change); changed ones with the values before and after;
deleted ones without values, since what a person had erased must not live on here, except where a part of a record goes
and the record stays. Of encrypted columns it is only noted that they changed.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import LargeBinary, event, inspect
from sqlalchemy.orm import ORMExecuteState, Session, object_session, sessionmaker
from sqlalchemy.util import IdentitySet

from zhiku.domain.accounts import Account, ApiToken, EntryCode, LiaisonAssignment
from zhiku.domain.audit import MAX_ITEMS, MAX_VALUE, QUIET, WITHOUT_VALUES, Action, Note, append, lock_head
from zhiku.domain.base import Base
from zhiku.domain.consents import Consent
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.encryption import Encrypted
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import CareerEntry, Expert, ExpertField, Honour
from zhiku.domain.lexicon import CountyWord, SynonymGroup, SynonymMember
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.photos import ExpertPhoto
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStep

#: Columns whose values are secrets though they are not encrypted.
SECRET = frozenset({"password_hash", "access_code_hash", "code_hash", "token_hash", "submission_key", "spent_by"})
#: Columns that change with every change and say nothing.
SILENT = frozenset({"updated_at", "version", "failures", "locked_until", "totp_last_step", "used_at"})

#: Key of `Session.info`: rows that the flush at work has deleted.
_GONE = "zhiku_audit_gone"

#: How much of a long text is shown before the first character that differs.
_BEFORE_DIFFERENCE = 40


@dataclass(frozen=True, slots=True)
class Audited:
    """How a model's rows are named in the audit."""

    kind: str
    #: Attribute with the id; of a part of a record that of the record, under whose kind it is noted.
    key: str = "id"

    @property
    def is_part(self) -> bool:
        """Whether the row is no record of its own."""
        return self.key not in ("id", "code")


#: Models whose changes are events. What programs note by themselves (outbox, sign-ins, counts of queries) is not here;
#: contact and sensitive data is noted by its own service, which knows the purpose.
AUDITED: Mapping[type[Base], Audited] = {
    Account: Audited("account"),
    ApiToken: Audited("api_token"),
    EntryCode: Audited("account", "account_id"),
    LiaisonAssignment: Audited("liaison_assignment"),
    ActOnBehalf: Audited("act_on_behalf"),
    Consent: Audited("expert", "expert_id"),
    Expert: Audited("expert"),
    ExpertField: Audited("expert", "expert_id"),
    CareerEntry: Audited("expert", "expert_id"),
    Honour: Audited("expert", "expert_id"),
    ExpertPhoto: Audited("expert", "expert_id"),
    ServiceRecord: Audited("service"),
    Suggestion: Audited("suggestion"),
    SuggestionAuthor: Audited("suggestion", "suggestion_id"),
    SuggestionStep: Audited("suggestion", "suggestion_id"),
    Department: Audited("department"),
    Division: Audited("division", "code"),
    FieldOfExpertise: Audited("field"),
    SynonymGroup: Audited("synonym_group"),
    SynonymMember: Audited("synonym_group", "group_id"),
    CountyWord: Audited("county_word"),
}


class UnauditedWrite(RuntimeError):
    """A bulk UPDATE or DELETE of an audited model: it tells nobody which rows it touched."""


def audit_session(sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
    """Attach the listeners to every session this factory makes; `clock` gives aware UTC times."""
    tables = {model.__table__ for model in AUDITED}

    def before_flush(session: Session, _context: Any, _instances: Any) -> None:
        session.info.pop(_GONE, None)
        # The head first and the rows then, in every transaction: whoever takes locks in one order cannot be caught in
        # a deadlock, and what the flush reads cannot be overtaken.
        if not session.info.get(QUIET) and any(
            type(row) in AUDITED
            for row in (*session.new, *session.deleted, *filter(session.is_modified, session.dirty))
        ):
            lock_head(session)

    def after_flush(session: Session, _context: Any) -> None:
        if not session.info.get(QUIET):
            append(session, _notes(session), clock())

    def do_orm_execute(state: ORMExecuteState) -> None:
        if not (state.is_update or state.is_delete):
            return
        table = getattr(state.statement, "table", None)
        if table in tables and not (state.is_update and _columns_set(state.statement) <= SILENT):
            raise UnauditedWrite(f"bulk write to {table}: change its rows one by one, so that the audit hears of it")

    for model in AUDITED:
        for column in inspect(model).column_attrs:
            if column.key not in SILENT:
                # What a column was before must be known even if it was not loaded when it was set.
                event.listen(getattr(model, column.key), "set", _noticed, active_history=True)
        event.listen(model, "after_delete", _gone)
    event.listen(sessions, "before_flush", before_flush)
    event.listen(sessions, "after_flush", after_flush)
    event.listen(sessions, "do_orm_execute", do_orm_execute)


def _noticed(_row: object, _value: object, _old: object, _initiator: object) -> None:
    """Nothing to do: that it listens makes SQLAlchemy load and keep the old value."""


def _gone(_mapper: object, _connection: object, row: Any) -> None:
    """A part that its record let go is in none of the session's lists while the flush deletes it."""
    session = object_session(row)
    if session is not None:
        session.info.setdefault(_GONE, []).append(row)


def _columns_set(statement: Any) -> set[str]:
    # SQLAlchemy says in no other way which columns an UPDATE sets; 2.1 has them in `_values` only.
    columns = {*(statement._values or {}), *(key for key, _ in getattr(statement, "_ordered_values", None) or ())}
    return {getattr(column, "key", str(column)) for column in columns}


@dataclass(slots=True)
class _Record:
    """What a flush did to one record."""

    action: Action = Action.CHANGED
    changes: dict[str, Any] = field(default_factory=dict)
    #: Table -> what became of the record's parts there.
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def part(self, table: str) -> dict[str, Any]:
        return self.parts.setdefault(table, {"added": 0, "removed": [], "changed": []})

    def note(self, kind: str, key: str) -> Note:
        changes = dict(self.changes)
        if self.action is not Action.DELETED:
            for table, part in self.parts.items():
                changes[table] = {name: value for name, value in part.items() if value}
        return Note(self.action, kind, key, changes)


def _notes(session: Session) -> list[Note]:
    """One note for each record, in the order of their kinds and ids."""
    is_bare = bool(session.info.get(WITHOUT_VALUES))
    gone = IdentitySet(session.info.pop(_GONE, ()))
    records: dict[tuple[str, str], _Record] = {}
    for action, rows in (
        (Action.CREATED, session.new),
        (Action.CHANGED, session.dirty.difference(gone)),
        (Action.DELETED, gone),
    ):
        for row in rows:
            audited = AUDITED.get(type(row))
            if audited is None:
                continue
            changes = _changes(row, is_bare) if action is Action.CHANGED else {}
            if action is Action.CHANGED and not changes:
                continue
            for key in _keys(row, audited):
                record = records.setdefault((audited.kind, key), _Record())
                if not audited.is_part:
                    record.action = action
                    record.changes = changes
                elif action is Action.CREATED:
                    record.part(row.__tablename__)["added"] += 1
                else:
                    values = changes if action is Action.CHANGED else _values(row, audited, is_bare)
                    kept = record.part(row.__tablename__)["changed" if action is Action.CHANGED else "removed"]
                    if len(kept) <= MAX_ITEMS:
                        kept.append(values)
    return [
        record.note(kind, key)
        for (kind, key), record in sorted(records.items(), key=lambda item: (item[0][0], len(item[0][1]), item[0][1]))
    ]


def _keys(row: Any, audited: Audited) -> Iterable[str]:
    """The ids of the records that a row belongs to: a part that moved belonged to another one before."""
    state = inspect(row)
    keys = [state.dict.get(audited.key)]
    if audited.is_part:
        keys += state.attrs[audited.key].history.deleted or ()
    return dict.fromkeys(str(key) for key in keys if key is not None)


def _changes(row: Any, is_bare: bool) -> dict[str, Any]:
    state = inspect(row)
    changes: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        name = column.key
        if name in SILENT or not (history := state.attrs[name].history).has_changes():
            continue
        before = history.deleted[0] if history.deleted else None
        after = history.added[0] if history.added else None
        if before == after:
            continue
        # Under the name of the column: the attribute of an encrypted one is called otherwise.
        changes[column.columns[0].name] = None if is_bare or _is_secret(column) else _pair(before, after)
    return changes


def _values(row: Any, audited: Audited, is_bare: bool) -> dict[str, Any]:
    """What a part was that is gone, of what was loaded."""
    if is_bare:
        return {}
    state = inspect(row)
    return {
        column.key: value
        for column in state.mapper.column_attrs
        if column.key not in SILENT | {"id", "position", audited.key}
        and not _is_secret(column)
        and (value := state.dict.get(column.key)) not in (None, "")
    }


def _is_secret(column: Any) -> bool:
    return column.key in SECRET or isinstance(column.columns[0].type, (Encrypted, LargeBinary))


def _pair(before: Any, after: Any) -> list[Any]:
    """Both values; of long texts the part around the first difference."""
    texts = [redact(one) if isinstance(one, str) else one for one in (before, after)]
    if all(isinstance(one, str) for one in texts) and max(map(len, texts)) > MAX_VALUE:
        start = len(os.path.commonprefix(texts)) - _BEFORE_DIFFERENCE
        if start > 0:
            return [f"…{one[start:]}" for one in texts]
    return [before, after]
