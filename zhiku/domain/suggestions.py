"""Suggestions (建言献策): what retirees submit and what becomes of it."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.departments import Department
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Expert

#: PRODUCT: 事由 + 情况 + 建议 are at most 2,500 characters together; each field has its own share.
MAX_SUBJECT = 60
MAX_SITUATION = 1200
MAX_PROPOSAL = 1200


class SuggestionStatus(LabelledEnum):
    """In words a retiree understands."""

    SUBMITTED = "submitted", "已收到"
    ACCEPTED = "accepted", "已立案"
    ASSIGNED = "assigned", "已交办"
    IN_HAND = "in_hand", "办理中"
    REPLIED = "replied", "已答复"
    CLOSED = "closed", "已办结"
    NOT_ACCEPTED = "not_accepted", "未立案"
    WITHDRAWN = "withdrawn", "已撤回"


class ResultClass(LabelledEnum):
    """The class of a reply."""

    DONE = "A", "A（已解决或采纳）"
    PLANNED = "B", "B（列入计划）"
    REFERENCE = "C", "C（留作参考）"


#: What a search never shows: not taken up, or taken back by its author.
UNSEARCHABLE = frozenset({SuggestionStatus.NOT_ACCEPTED, SuggestionStatus.WITHDRAWN})


#: Statuses in which there is an answer: such suggestions are everybody's to read.
ANSWERED = frozenset({SuggestionStatus.REPLIED, SuggestionStatus.CLOSED})


class Suggestion(Base):
    """One suggestion in three fields: subject (事由), situation (情况), proposal (建议)."""

    __tablename__ = "suggestions"
    __table_args__ = (UniqueConstraint("year", "serial"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    year: Mapped[int]
    serial: Mapped[int]
    number: Mapped[str] = mapped_column(String(16), unique=True)
    division_code: Mapped[str] = mapped_column(ForeignKey("divisions.code"))
    subject: Mapped[str] = mapped_column(String(120))
    situation: Mapped[str] = mapped_column(Text)
    proposal: Mapped[str] = mapped_column(Text)
    field_id: Mapped[int | None] = mapped_column(ForeignKey("fields_of_expertise.id"))
    status: Mapped[SuggestionStatus] = mapped_column(
        enum_column(SuggestionStatus), default=SuggestionStatus.SUBMITTED, index=True
    )
    lead_department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id"))
    result_class: Mapped[ResultClass | None] = mapped_column(enum_column(ResultClass))
    #: Calendar day in the county, which also gives the year of the number.
    submitted_on: Mapped[date] = mapped_column(index=True)
    replied_on: Mapped[date | None]
    #: Hash of the short code that opens the status page; None for imported ones, which have no code.
    access_code_hash: Mapped[str | None] = mapped_column(String(200))
    #: Given by the form, so that a page sent twice is stored once.
    submission_key: Mapped[str | None] = mapped_column(String(40), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    field: Mapped[FieldOfExpertise | None] = relationship()
    lead_department: Mapped[Department | None] = relationship()
    authors: Mapped[list[SuggestionAuthor]] = relationship(
        back_populates="suggestion", cascade="all, delete-orphan", order_by="SuggestionAuthor.position"
    )
    steps: Mapped[list[SuggestionStep]] = relationship(
        back_populates="suggestion", cascade="all, delete-orphan", order_by="SuggestionStep.id"
    )

    __mapper_args__ = {"version_id_col": version}

    @staticmethod
    def format_number(year: int, serial: int) -> str:
        """`2026-0042`: the year and a serial of at least four digits."""
        return f"{year}-{serial:04d}"

    @property
    def is_searchable(self) -> bool:
        """Whether a search may show it."""
        return self.status not in UNSEARCHABLE

    @property
    def is_public(self) -> bool:
        """Whether everybody may read it, signed in or not."""
        return self.status in ANSWERED

    @property
    def department_ids(self) -> frozenset[int]:
        """The departments that handle it; none while it is assigned to nobody. `Reader.condition` asks for the same."""
        return frozenset() if self.lead_department_id is None else frozenset({self.lead_department_id})

    @property
    def text(self) -> str:
        """Situation and proposal, as one text."""
        return f"{self.situation}\n{self.proposal}"


class SuggestionAuthor(Base):
    """Who wrote it: an expert of the think tank, or a retiree known by name only."""

    __tablename__ = "suggestion_authors"
    __table_args__ = (UniqueConstraint("suggestion_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestions.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    expert_id: Mapped[int | None] = mapped_column(ForeignKey("experts.id", ondelete="SET NULL"), index=True)

    suggestion: Mapped[Suggestion] = relationship(back_populates="authors")
    expert: Mapped[Expert | None] = relationship()


class SuggestionStep(Base):
    """One step of a suggestion's life, for the status page: which status, on which day."""

    __tablename__ = "suggestion_steps"

    id: Mapped[int] = mapped_column(primary_key=True)
    suggestion_id: Mapped[int] = mapped_column(ForeignKey("suggestions.id", ondelete="CASCADE"), index=True)
    status: Mapped[SuggestionStatus] = mapped_column(enum_column(SuggestionStatus))
    on: Mapped[date]
    note: Mapped[str] = mapped_column(String(400), default="")

    suggestion: Mapped[Suggestion] = relationship(back_populates="steps")
