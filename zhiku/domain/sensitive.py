"""What the law calls sensitive: identity number, health, hardship. Each in its own table, encrypted, never projected.

Only `zhiku.services.sensitive` may import this; import-linter holds it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from zhiku.domain.base import Base, UtcDateTime
from zhiku.domain.encryption import Encrypted, Opened, SealedText


class IdentityNumber(Base):
    """The number of a person's identity card (GB 11643)."""

    __tablename__ = "identity_numbers"

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[SealedText] = mapped_column("value", Encrypted("identity_numbers.value", ("expert_id",)))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    value = Opened[str]("sealed")


class HealthNote(Base):
    """What whoever calls on a person must know of their health."""

    __tablename__ = "health_notes"

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[SealedText] = mapped_column("value", Encrypted("health_notes.value", ("expert_id",)))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    value = Opened[str]("sealed")


class HardshipNote(Base):
    """What a person has to struggle with: living alone, illness in the house, debts."""

    __tablename__ = "hardship_notes"

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), primary_key=True)
    sealed: Mapped[SealedText] = mapped_column("value", Encrypted("hardship_notes.value", ("expert_id",)))
    recorded_at: Mapped[datetime] = mapped_column(UtcDateTime)

    value = Opened[str]("sealed")
