"""Administrative divisions by GB/T 2260 (county and above, 2-6 digits) and GB/T 10114 (townships, 9 digits)."""

from __future__ import annotations

from sqlalchemy import ColumnElement, ForeignKey, String, true
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column, relationship

from zhiku.domain.base import Base, LabelledEnum, enum_column


class DivisionLevel(LabelledEnum):
    """Where a division stands in the hierarchy."""

    PROVINCE = "province", "省"
    PREFECTURE = "prefecture", "市"
    COUNTY = "county", "县"
    TOWNSHIP = "township", "乡镇"
    VILLAGE = "village", "村"


class Division(Base):
    """A place of the hierarchy. Codes are prefixes of the codes below: 43 · 4307 · 430725 · 430725105."""

    __tablename__ = "divisions"

    code: Mapped[str] = mapped_column(String(12), primary_key=True)
    name: Mapped[str] = mapped_column(String(60), index=True)
    level: Mapped[DivisionLevel] = mapped_column(enum_column(DivisionLevel))
    parent_code: Mapped[str | None] = mapped_column(ForeignKey("divisions.code"))

    parent: Mapped[Division | None] = relationship(remote_side=[code])


def is_within(code: InstrumentedAttribute[str] | InstrumentedAttribute[str | None], prefix: str) -> ColumnElement[bool]:
    """The condition that a row's division lies within a scope; "" holds everything."""
    return code.startswith(prefix, autoescape=True) if prefix else true()
