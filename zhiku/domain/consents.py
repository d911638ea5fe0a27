"""Consent (PIPL, articles 13 to 15 and 29): for each purpose by itself, when and how it was given, and taken back."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from zhiku.domain.base import Base, LabelledEnum, UtcDateTime, enum_column


class ConsentPurpose(LabelledEnum):
    """What personal data is used for."""

    PROFILE = "profile", "在人才智库中建立档案、供部门查找"
    CONTACT = "contact", "保存联系方式，用于联络和邀请"
    IDENTITY = "identity", "保存身份证号，用于核对本人"
    CARE = "care", "保存健康和困难情况，用于走访慰问"
    PUBLICITY = "publicity", "公开姓名、照片和事迹"


class ConsentForm(LabelledEnum):
    """How it was given."""

    PAPER = "paper", "书面签字"
    ONLINE = "online", "本人在网上同意"
    ORAL = "oral", "口头同意，联络员记录"


class Consent(Base):
    """One consent of one person. It is never overwritten: what was taken back and given again are two rows."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_person", "expert_id", "purpose"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    purpose: Mapped[ConsentPurpose] = mapped_column(enum_column(ConsentPurpose))
    form: Mapped[ConsentForm] = mapped_column(enum_column(ConsentForm))
    granted_on: Mapped[date]
    withdrawn_on: Mapped[date | None]
    #: Name of who wrote it down, as it was then.
    recorded_by: Mapped[str] = mapped_column(String(40))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    @property
    def holds(self) -> bool:
        """Whether it was not taken back."""
        return self.withdrawn_on is None
