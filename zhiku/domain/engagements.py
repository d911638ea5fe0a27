"""Service records: what experts did when they were asked. Finished ones are evidence of expertise."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base, UtcDateTime, enum_column
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.experts import Expert, WayOfHelping


class ServiceRecord(Base):
    """One time an expert helped: when, who asked, what it was about, what came of it."""

    __tablename__ = "service_records"
    __table_args__ = (Index("ix_service_records_identity", "expert_id", "served_on", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    served_on: Mapped[date]
    way: Mapped[WayOfHelping] = mapped_column(enum_column(WayOfHelping))
    #: Who asked, as written; the department where it is one of ours.
    requested_by: Mapped[str] = mapped_column(String(120), default="")
    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id"))
    division_code: Mapped[str | None] = mapped_column(ForeignKey("divisions.code"))
    subject: Mapped[str] = mapped_column(String(200))
    account: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    expert: Mapped[Expert] = relationship()
    department: Mapped[Department | None] = relationship()
    division: Mapped[Division | None] = relationship()
