"""The audit: who did what, when, from where, to which record. Append-only, and chained by hashes.

Each event carries the hash of the one before it and its own: SHA-256 over a canonical form (JSON, sorted keys, no
spaces) of all its other columns. Whoever changes, removes or inserts an event breaks the chain at that place. The last
number and hash are kept apart (`AuditHead`), so that cutting the end off shows too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Index, String, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from zhiku.domain.actors import Actor, current_actor
from zhiku.domain.base import Base, LabelledEnum, UtcDateTime

#: What the first event has as the hash before it.
GENESIS = "0" * 64

#: Events are kept at least so long (等保 2.0: six months; PIPL article 56: three years for records of processing).
KEPT_YEARS = 3


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


class AuditEvent(Base):
    """One event. Nothing changes or deletes it: triggers of the database refuse that."""

    __tablename__ = "audit_events"
    __table_args__ = (
        Index("ix_audit_events_at", "at"),
        Index("ix_audit_events_subject", "subject_kind", "subject_id"),
        Index("ix_audit_events_actor", "actor_id", "at"),
    )

    #: Without a gap from 1 on; given by the chain, not by the database.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
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
    #: Column -> [before, after]; of sensitive columns only that they changed.
    changes: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of the chain: one row, which whoever appends holds locked."""

    __tablename__ = "audit_head"

    #: Always 1.
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_id: Mapped[int]
    last_hash: Mapped[str] = mapped_column(String(64))


def event_hash(event: dict[str, Any]) -> str:
    """The hash of an event given by its columns (`hash` itself does not count)."""
    content = {name: _plain(value) for name, value in event.items() if name != "hash"}
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


@dataclass(frozen=True, slots=True)
class Note:
    """An event to be appended: the actor and the time are added then."""

    action: Action
    subject_kind: str
    subject_id: str = ""
    changes: dict[str, Any] = field(default_factory=dict)


def append(session: Session, notes: Sequence[Note], at: datetime, actor: Actor | None = None) -> None:
    """Append events within the session's transaction, which must be a writing one: they are there if its changes are.

    `actor` is who is at work unless told. The head stays locked until the transaction ends, so appending is the last
    thing that a long one should do.
    """
    if not notes:
        return
    actor = actor or current_actor()
    connection = session.connection()
    last_id, last_hash = connection.execute(
        select(AuditHead.last_id, AuditHead.last_hash).where(AuditHead.id == 1).with_for_update()
    ).one()
    rows: list[dict[str, Any]] = []
    for number, note in enumerate(notes, last_id + 1):
        row: dict[str, Any] = {
            "id": number,
            "at": at,
            "actor_id": actor.account_id,
            "actor_name": actor.name,
            "actor_role": actor.role,
            "address": actor.address,
            "action": note.action.value,
            "subject_kind": note.subject_kind,
            "subject_id": note.subject_id,
            "on_behalf_of": actor.on_behalf_of,
            "purpose": actor.purpose,
            "changes": note.changes,
            "previous_hash": last_hash,
        }
        last_hash = row["hash"] = event_hash(row)
        rows.append(row)
    connection.execute(insert(AuditEvent), rows)
    connection.execute(update(AuditHead).where(AuditHead.id == 1).values(last_id=rows[-1]["id"], last_hash=last_hash))
