"""Departments of the county: who asks for experts and who answers suggestions."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base
from zhiku.domain.divisions import Division


class Department(Base):
    """A department with the description of its duties, by which suggestions find their way to it."""

    __tablename__ = "departments"
    __table_args__ = (UniqueConstraint("division_code", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    division_code: Mapped[str] = mapped_column(ForeignKey("divisions.code"))
    name: Mapped[str] = mapped_column(String(60))
    short_name: Mapped[str] = mapped_column(String(30), default="")
    duties: Mapped[str] = mapped_column(Text, default="")

    division: Mapped[Division] = relationship()
