"""Experts: the profiles (人才档案) of experienced retirees."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base, DomainError, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.divisions import Division
from zhiku.domain.expertise import FieldOfExpertise


class Sex(LabelledEnum):
    """As a roster states it."""

    MALE = "male", "男"
    FEMALE = "female", "女"


class DatePrecision(LabelledEnum):
    """How much of a date of life is known; rosters often give only year and month."""

    YEAR = "year", "年"
    MONTH = "month", "月"
    DAY = "day", "日"


class Availability(LabelledEnum):
    """Whether a person may be asked, without any medical reason."""

    AVAILABLE = "available", "可联系"
    PHONE_ONLY = "phone_only", "仅电话"
    UNAVAILABLE = "unavailable", "暂不便"
    WITHDRAWN = "withdrawn", "已退出"


class WayOfHelping(LabelledEnum):
    """What a person is willing to do."""

    ADVICE = "advice", "咨询"
    TALK = "talk", "讲座"
    ON_SITE = "on_site", "现场指导"
    MEDIATION = "mediation", "调解"
    REVIEW = "review", "评审"
    TEACHING = "teaching", "授课"


class ExpertStatus(LabelledEnum):
    """The admission of a profile. Only PUBLISHED ones are found by a search."""

    DRAFT = "draft", "草稿"
    UNDER_REVIEW = "under_review", "审核中"
    PUBLISHED = "published", "已发布"
    WITHDRAWN = "withdrawn", "已退出"
    DECEASED = "deceased", "已故"


#: draft → under review → published → withdrawn or deceased; a review may send back, a withdrawn person may return.
ALLOWED_STATUS_CHANGES: dict[ExpertStatus, frozenset[ExpertStatus]] = {
    ExpertStatus.DRAFT: frozenset({ExpertStatus.UNDER_REVIEW, ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED}),
    ExpertStatus.UNDER_REVIEW: frozenset(
        {ExpertStatus.DRAFT, ExpertStatus.PUBLISHED, ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED}
    ),
    ExpertStatus.PUBLISHED: frozenset({ExpertStatus.UNDER_REVIEW, ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED}),
    ExpertStatus.WITHDRAWN: frozenset({ExpertStatus.UNDER_REVIEW, ExpertStatus.DECEASED}),
    ExpertStatus.DECEASED: frozenset(),
}


def is_searchable(status: ExpertStatus, availability: Availability) -> bool:
    """Whether a search may name a person of this status and availability."""
    return status is ExpertStatus.PUBLISHED and availability is not Availability.WITHDRAWN


class ExpertStatusNotAllowed(DomainError):
    """A step that the admission of profiles does not know."""


class Expert(Base):
    """One person's profile. Contact data is not here: see `zhiku.domain.contacts`."""

    __tablename__ = "experts"
    __table_args__ = (Index("ix_experts_identity", "name", "birth_date", "former_unit"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), index=True)
    sex: Mapped[Sex | None] = mapped_column(enum_column(Sex))
    birth_date: Mapped[date | None]
    birth_precision: Mapped[DatePrecision | None] = mapped_column(enum_column(DatePrecision))
    division_code: Mapped[str] = mapped_column(ForeignKey("divisions.code"), index=True)
    former_unit: Mapped[str] = mapped_column(String(120), default="")
    last_post: Mapped[str] = mapped_column(String(120), default="")
    professional_title: Mapped[str] = mapped_column(String(60), default="")
    #: Free words of expertise, beside the two-level list.
    keywords: Mapped[list[str]] = mapped_column(JSON, default=list)
    summary: Mapped[str] = mapped_column(Text, default="")
    #: Values of `WayOfHelping`.
    ways_of_helping: Mapped[list[str]] = mapped_column(JSON, default=list)
    availability: Mapped[Availability] = mapped_column(enum_column(Availability), default=Availability.AVAILABLE)
    liaison_name: Mapped[str] = mapped_column(String(40), default="")
    status: Mapped[ExpertStatus] = mapped_column(enum_column(ExpertStatus), default=ExpertStatus.DRAFT, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    division: Mapped[Division] = relationship()
    field_links: Mapped[list[ExpertField]] = relationship(
        back_populates="expert", cascade="all, delete-orphan", order_by="ExpertField.position"
    )
    career: Mapped[list[CareerEntry]] = relationship(
        back_populates="expert", cascade="all, delete-orphan", order_by="CareerEntry.position"
    )
    honours: Mapped[list[Honour]] = relationship(
        back_populates="expert", cascade="all, delete-orphan", order_by="Honour.position"
    )

    __mapper_args__ = {"version_id_col": version}

    @property
    def fields(self) -> list[FieldOfExpertise]:
        """Fields of expertise, the main one first."""
        return [link.field for link in self.field_links]

    @property
    def is_searchable(self) -> bool:
        """Whether a search may name this person."""
        return is_searchable(self.status, self.availability)

    def change_status(self, to: ExpertStatus, at: datetime) -> None:
        """Move the admission one step; the same status again is no step.

        Raises `ExpertStatusNotAllowed`.
        """
        if to is self.status:
            return
        if to not in ALLOWED_STATUS_CHANGES[self.status]:
            raise ExpertStatusNotAllowed(f"档案不能从“{self.status.label}”改为“{to.label}”。")
        self.status = to
        self.updated_at = at

    def come_back(self, at: datetime) -> None:
        """Back after leaving, or after a death that was written down by mistake; the bureau then looks at the profile.

        Raises `ExpertStatusNotAllowed`.
        """
        if self.status not in (ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED):
            raise ExpertStatusNotAllowed(f"档案的状态是“{self.status.label}”，不用恢复。")
        # A mistake is no step of the admission: so nothing but this takes anybody back from there.
        self.status = ExpertStatus.UNDER_REVIEW
        self.updated_at = at


class ExpertField(Base):
    """A person's field of expertise, in order of weight."""

    __tablename__ = "expert_fields"

    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), primary_key=True)
    field_id: Mapped[int] = mapped_column(ForeignKey("fields_of_expertise.id"), primary_key=True)
    position: Mapped[int]

    expert: Mapped[Expert] = relationship(back_populates="field_links")
    field: Mapped[FieldOfExpertise] = relationship()


class CareerEntry(Base):
    """One station of a career. `began` and `ended` are as given ("1975.03"); rosters seldom know more."""

    __tablename__ = "career_entries"

    id: Mapped[int] = mapped_column(primary_key=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    began: Mapped[str] = mapped_column(String(10), default="")
    ended: Mapped[str] = mapped_column(String(10), default="")
    description: Mapped[str] = mapped_column(String(400))

    expert: Mapped[Expert] = relationship(back_populates="career")


class Honour(Base):
    """An award, with its year where it is known."""

    __tablename__ = "honours"

    id: Mapped[int] = mapped_column(primary_key=True)
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    year: Mapped[int | None]
    title: Mapped[str] = mapped_column(String(400))

    expert: Mapped[Expert] = relationship(back_populates="honours")
