"""Contact data, apart from everything else. Only `zhiku.services.contacts` may import this (import-linter holds it)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from zhiku.domain.base import Base, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.encryption import Encrypted, Opened, SealedText


class ContactSubject(LabelledEnum):
    """Whose contact it is. No foreign key on purpose: no join from a profile leads here."""

    EXPERT = "expert", "专家"
    SUGGESTION = "suggestion", "建议作者"


class ContactDetail(Base):
    """A way to reach somebody, as they gave it: a phone number, a WeChat name, a liaison's name."""

    __tablename__ = "contact_details"
    __table_args__ = (Index("ix_contact_details_subject", "subject", "subject_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[ContactSubject] = mapped_column(enum_column(ContactSubject))
    subject_id: Mapped[int]
    #: Bound to whose it is, not to the row: one of their values in place of another of theirs tells nobody anything.
    sealed: Mapped[SealedText] = mapped_column("value", Encrypted("contact_details.value", ("subject", "subject_id")))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    value = Opened[str]("sealed")
