"""The audit: who did what, when, from where, to which record. Append-only, and chained by hashes.

Each event carries the hash of the one before it and its own: SHA-256 over its other columns as canonical JSON (RFC
8785). Whoever changes, removes or inserts an event breaks the chain at that place. The last number and hash are kept
apart (`AuditHead`), so that cutting the end off shows too.

What changed lies in the database as the very text that was hashed: no database and no later program can write the same
value in another way and so break a chain that nobody touched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from sqlalchemy import BigInteger, Index, Integer, String, Text, insert, select, text, update
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from zhiku.domain.actors import Actor, current_actor
from zhiku.domain.base import Base, DomainError, LabelledEnum, UtcDateTime
from zhiku.domain.redaction import redact

#: What the first event has as the hash before it.
GENESIS = "0" * 64

#: Events are kept at least so long (等保 2.0: six months; PIPL article 56: three years for records of processing).
KEPT_YEARS = 3

#: Longest text that is kept of a value, in characters, and most items of a list or a mapping.
MAX_VALUE = 200
MAX_ITEMS = 50
#: Lists within lists; what lies deeper is not kept.
_MAX_DEPTH = 6

#: Keys of `Session.info`. While QUIET is true, changes of rows are not noted at all: whoever sets it notes them itself.
QUIET = "zhiku_audit_quiet"
#: While it is true, changes of rows are noted without their values: what a person has erased must not live on here.
WITHOUT_VALUES = "zhiku_audit_without_values"

#: Numbers that every program reads as they are written (RFC 8785: those of a double).
_MAX_NUMBER = 2**53 - 1


class AuditUnusable(DomainError):
    """The end of the chain is gone, so nothing can be appended."""


class Action(LabelledEnum):
    """What was done."""

    CREATED = "created", "新增"
    CHANGED = "changed", "修改"
    DELETED = "deleted", "删除"
    SIGNED_IN = "signed_in", "登录"
    SIGN_IN_REFUSED = "sign_in_refused", "登录被拒"
    SIGNED_OUT = "signed_out", "退出"
    REVEALED = "revealed", "查看敏感资料"
    EXPORTED = "exported", "导出"
    ERASED = "erased", "按要求删除"
    IMPORTED = "imported", "导入"
    ISSUED = "issued", "发放"
    REVOKED = "revoked", "收回"
    REFUSED = "refused", "越权被拒"
    ROTATED_KEYS = "rotated", "更换密钥"
    ALARM = "alarm", "警报"


class Changes(TypeDecorator[dict[str, Any]]):
    """What an event says beside its columns, as canonical JSON in a column of text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        # `append` has made the text already, for the hash.
        return value if value is None or isinstance(value, str) else changes_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, Any] | None:
        try:
            found = json.loads(value)
        except (TypeError, ValueError, RecursionError):
            # Changed behind our back: the page must still open, and `verify` names the event.
            return {}
        return found if isinstance(found, dict) else {}


class AuditEvent(Base):
    """One event. Nothing changes or deletes it: triggers of the database refuse that."""

    __tablename__ = "audit_events"
    __table_args__ = (
        # All end with the time, so that each filter gives the newest without sorting.
        Index("ix_audit_events_at", "at", "id"),
        Index("ix_audit_events_subject", "subject_kind", "subject_id", "at"),
        Index("ix_audit_events_actor", "actor_name", "at"),
        Index("ix_audit_events_action", "action", "at"),
        Index(
            "ix_audit_events_on_behalf",
            "on_behalf_of",
            "at",
            sqlite_where=text("on_behalf_of IS NOT NULL"),
            postgresql_where=text("on_behalf_of IS NOT NULL"),
        ),
    )

    #: Without a gap from 1 on; given by the chain, not by the database.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Id of the account; None for a program or the public.
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(60))
    actor_role: Mapped[str] = mapped_column(String(24))
    address: Mapped[str] = mapped_column(String(45))
    #: Value of `Action`; without a CHECK, since new kinds come with every part that is built.
    action: Mapped[str] = mapped_column(String(24))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[str] = mapped_column(String(40))
    #: The retiree for whom somebody else acted.
    on_behalf_of: Mapped[int | None]
    #: What sensitive data was looked at for.
    purpose: Mapped[str] = mapped_column(String(200))
    #: Column -> [before, after]; of sensitive columns only that they changed (null); table of parts -> what was
    #: "added" (a number), "removed" and "changed" there; anything else is a plain fact.
    changes: Mapped[dict[str, Any]] = mapped_column(Changes)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of the chain: one row, which whoever appends holds locked."""

    __tablename__ = "audit_head"

    #: Always 1.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"))
    last_hash: Mapped[str] = mapped_column(String(64))


#: Columns of text -> their width, which PostgreSQL insists on.
_WIDTHS = {
    column.name: column.type.length
    for column in AuditEvent.__table__.columns
    if isinstance(column.type, String) and column.type.length
}


def event_hash(event: Mapping[str, Any]) -> str:
    """The hash of an event given by its columns (`hash` itself does not count)."""
    return hashlib.sha256(canonical(event).encode("utf-8", "surrogatepass")).hexdigest()


def canonical(event: Mapping[str, Any]) -> str:
    """An event without its hash as RFC 8785 has it: keys in order, no spaces, nothing escaped that need not be.

    `at` is a datetime, or the text of one as SQLite stores it; `changes` is what was noted, or its canonical text.
    Values of a type that no event has stay distinguishable, so that verifying goes on where somebody put them.
    """
    at, changes = event["at"], event["changes"]
    if isinstance(at, datetime):
        at = at.astimezone(UTC).isoformat(timespec="microseconds")
    elif isinstance(at, str):
        at = f"{at.replace(' ', 'T', 1)}+00:00"
    if not isinstance(changes, str):
        changes = _dumped(changes)
    return (
        f'{{"action":{_json(event["action"])},"actor_id":{_json(event["actor_id"])}'
        f',"actor_name":{_json(event["actor_name"])},"actor_role":{_json(event["actor_role"])}'
        f',"address":{_json(event["address"])},"at":{_json(at)},"changes":{changes},"id":{_json(event["id"])}'
        f',"on_behalf_of":{_json(event["on_behalf_of"])},"previous_hash":{_json(event["previous_hash"])}'
        f',"purpose":{_json(event["purpose"])},"subject_id":{_json(event["subject_id"])}'
        f',"subject_kind":{_json(event["subject_kind"])}}}'
    )


def _json(value: Any) -> str:
    if isinstance(value, str):
        # Exactly the escapes of RFC 8785, 3.2.2.2.
        return encode_basestring(value)
    if value is None:
        return "null"
    return str(value) if type(value) is int else encode_basestring(f"?{value!r}")


def changes_text(changes: Mapping[str, Any]) -> str:
    """What an event says beside its columns, as canonical JSON, whatever it is made of."""
    return _dumped(plain(changes))


def _dumped(changes: Mapping[str, Any]) -> str:
    return json.dumps(changes, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def plain(value: Any, depth: int = 0) -> Any:
    """A value as JSON has it, no longer than need be: bounded texts and lists, no phone or identity numbers."""
    # The commonest first: an import asks for a hundred thousand values.
    if isinstance(value, str):
        # An enum that is a text is that text.
        return _without_numbers(value, MAX_VALUE)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_MAX_NUMBER <= value <= _MAX_NUMBER else str(value)
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        kept = [plain(one, depth + 1) for one in value[:MAX_ITEMS]]
        return [*kept, f"…（共 {len(value)} 项）"] if len(value) > MAX_ITEMS else kept
    if isinstance(value, Mapping):
        items = list(value.items())[:MAX_ITEMS]
        return {storable(str(key), MAX_VALUE): plain(one, depth + 1) for key, one in items}
    # Numbers with a fraction are written differently by every language; of bytes nobody can read anything.
    return _without_numbers(repr(value), MAX_VALUE)


def storable(value: str, width: int) -> str:
    """A text that every database takes and that is no wider: without half characters and zeros."""
    return _cut(_clean(value), width)


def _without_numbers(value: str, width: int) -> str:
    # A number that begins before the cut must still be seen as one.
    return _cut(redact(_clean(value[: width + 64])), width)


def _clean(value: str) -> str:
    if not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value.replace("\0", "")


def _cut(value: str, width: int) -> str:
    return value if len(value) <= width else f"{value[: width - 1]}…"


@dataclass(frozen=True, slots=True)
class Note:
    """An event to be appended: the actor and the time are added then."""

    action: Action
    subject_kind: str
    subject_id: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


def lock_head(session: Session) -> None:
    """Let nobody else append until the transaction ends.

    A write, not a SELECT … FOR UPDATE: SQLite knows no locks of rows, and takes its write lock with the first write. A
    transaction that has read before and is overtaken fails there ("database is locked") rather than fork the chain;
    one that says that it is going to write (`is_writing`) waits for its turn instead.
    """
    session.connection().execute(update(AuditHead).where(AuditHead.id == 1).values(last_id=AuditHead.last_id))


def append(session: Session, notes: Sequence[Note], at: datetime, actor: Actor | None = None) -> None:
    """Append events within the session's transaction, which must be a writing one: they are there if its changes are.

    `actor` is who is at work unless told. The head stays locked until the transaction ends, so appending is the last
    thing that a long one should do. Raises `AuditUnusable`.
    """
    if not notes:
        return
    actor = actor or current_actor()
    lock_head(session)
    connection = session.connection()
    head = connection.execute(select(AuditHead.last_id, AuditHead.last_hash).where(AuditHead.id == 1)).one_or_none()
    if head is None:
        raise AuditUnusable("审计记录的末尾标记不见了，数据库可能被人改动过，所以没有保存。请运行：zhiku audit verify")
    last_id, last_hash = head
    who: dict[str, Any] = {
        "at": at,
        "actor_id": actor.account_id,
        "actor_name": storable(actor.name, _WIDTHS["actor_name"]),
        "actor_role": storable(actor.role, _WIDTHS["actor_role"]),
        "address": storable(actor.address, _WIDTHS["address"]),
        "on_behalf_of": actor.on_behalf_of,
        "purpose": _without_numbers(actor.purpose, _WIDTHS["purpose"]),
    }
    rows: list[dict[str, Any]] = []
    for number, note in enumerate(notes, last_id + 1):
        row: dict[str, Any] = {
            **who,
            "id": number,
            "action": note.action.value,
            "subject_kind": storable(note.subject_kind, _WIDTHS["subject_kind"]),
            "subject_id": storable(note.subject_id, _WIDTHS["subject_id"]),
            "changes": changes_text(note.changes),
            "previous_hash": last_hash,
        }
        last_hash = row["hash"] = event_hash(row)
        rows.append(row)
    connection.execute(insert(AuditEvent), rows)
    connection.execute(update(AuditHead).where(AuditHead.id == 1).values(last_id=rows[-1]["id"], last_hash=last_hash))
