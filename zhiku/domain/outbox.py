"""The outbox: which entities changed and must be projected to the index again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from zhiku.domain.base import Base, UtcDateTime

#: How long drained entries are kept: a rebuild that started before them replays them (services/indexing.py).
RETENTION_HOURS = 48


class OutboxEntry(Base):
    """`kind` and `entity_id` of a changed row, written in the transaction of the change.

    It carries no content: the drainer reads the rows again, so repeats and replays are harmless.
    """

    __tablename__ = "outbox"
    # AUTOINCREMENT: an id is never used twice, so a late reader cannot mistake a new entry for an old one.
    __table_args__ = (Index("ix_outbox_drained_at", "drained_at"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(24))
    entity_id: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: None until the engine has committed it.
    drained_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
