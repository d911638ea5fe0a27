"""What makes every change of a row an event of the audit: a listener on the sessions.

New rows are noted without their values (what they were is the "before" of their first change); changed ones with the
values before and after; deleted ones without values, since what a person had erased must not live on here. Of encrypted
columns it is only noted that they changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import Account, ApiToken, EntryCode, LiaisonAssignment
from zhiku.domain.audit import Action, Note, append
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
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStep

#: Longest value that is kept of a column, in characters.
MAX_VALUE = 200

#: Columns whose values are secrets though they are not encrypted.
_SECRET = frozenset({"password_hash", "access_code_hash", "code_hash", "token_hash", "submission_key"})
#: Columns that change with every change and say nothing.
_SILENT = frozenset({"updated_at", "version", "failures", "locked_until", "totp_last_step", "used_at"})


@dataclass(frozen=True, slots=True)
class Audited:
    """How a model's rows are named in the audit."""

    kind: str
    #: Attribute with the id; of a child that of its parent, under whose kind it is noted.
    key: str = "id"


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

#: Key of `Session.info`: while it is true, changes are not noted one by one (an import notes itself as a whole).
QUIET = "zhiku_audit_quiet"


def audit_session(sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
    """Attach the listener to every session this factory makes; `clock` gives aware UTC times."""

    def after_flush(session: Session, _context: Any) -> None:
        if session.info.get(QUIET):
            return
        notes = [
            note
            for action, rows in (
                (Action.CREATED, session.new),
                (Action.CHANGED, session.dirty),
                (Action.DELETED, session.deleted),
            )
            for row in rows
            if (note := _note(action, row)) is not None
        ]
        append(session, notes, clock())

    event.listen(sessions, "after_flush", after_flush)


def _note(action: Action, row: Any) -> Note | None:
    audited = AUDITED.get(type(row))
    if audited is None:
        return None
    changes = _changes(row) if action is Action.CHANGED else {}
    if action is Action.CHANGED and not changes:
        return None
    part = row.__tablename__ if audited.key not in ("id", "code") else ""
    if part:
        # Of a child the audit says which list of the parent it stands in.
        changes = {"": part, **changes}
    return Note(action, audited.kind, str(getattr(row, audited.key)), changes)


def _changes(row: Any) -> dict[str, Any]:
    state = inspect(row)
    changes: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        name = column.key
        history = state.attrs[name].history
        if not history.has_changes() or name in _SILENT:
            continue
        if name in _SECRET or isinstance(column.columns[0].type, Encrypted):
            changes[name] = None
            continue
        before = history.deleted[0] if history.deleted else None
        after = history.added[0] if history.added else None
        if before != after:
            changes[name] = [_plain(before), _plain(after)]
    return changes


def _plain(value: Any) -> Any:
    """A value as JSON has it, no longer than need be."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, str) and len(value) > MAX_VALUE:
        return f"{value[:MAX_VALUE]}…"
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value
