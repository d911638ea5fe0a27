"""On behalf (代办): what a liaison did for a retiree, why, by which channel, and whether the retiree confirmed it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.accounts import Account
from zhiku.domain.base import Base, DomainError, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.experts import Expert

#: An act that nobody confirmed for so long counts as not confirmed; the bureau asks by phone.
CONFIRMABLE_FOR = timedelta(days=30)


#: A confirmation by a device that came in by a code which the same liaison made so shortly before says little: the
#: liaison may have used it. The bureau asks.
OWN_CODE_WITHIN = timedelta(hours=24)


class Channel(LabelledEnum):
    """How the retiree told the liaison."""

    PHONE = "phone", "电话"
    PAPER = "paper", "纸质材料"
    VISIT = "visit", "上门走访"


class ActState(LabelledEnum):
    """What became of it."""

    OPEN = "open", "等本人确认"
    CONFIRMED = "confirmed", "本人已确认"
    OBJECTED = "objected", "本人有异议"
    EXPIRED = "expired", "过期未确认"


class ActAlreadyAnswered(DomainError):
    """It was confirmed or objected to before, or it is too late."""


class ActNotToBeSettled(DomainError):
    """There is nothing for the bureau to settle about it, or it was settled."""


class ActOnBehalf(Base):
    """One thing done for a retiree."""

    __tablename__ = "acts_on_behalf"
    __table_args__ = (Index("ix_acts_on_behalf_person", "expert_id", "acted_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    #: Name of the liaison as it was then: the record outlives the account.
    liaison_name: Mapped[str] = mapped_column(String(40))
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"))
    #: What was done, for the retiree to read: "提交建议 2026-0042《…》".
    what: Mapped[str] = mapped_column(String(200))
    #: The row it made or changed, as kind and id ("suggestion", 42).
    subject_kind: Mapped[str] = mapped_column(String(24))
    subject_id: Mapped[str] = mapped_column(String(24))
    why: Mapped[str] = mapped_column(String(200))
    channel: Mapped[Channel] = mapped_column(enum_column(Channel))
    acted_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Whether it was confirmed by a device that had just come in by a code from the same liaison (`OWN_CODE_WITHIN`).
    is_by_own_code: Mapped[bool] = mapped_column(default=False)
    objected_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    objection: Mapped[str] = mapped_column(String(400), default="")
    #: What the bureau found out and did about an objection, or about an act that nobody confirmed in time.
    settled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    settled_by: Mapped[str] = mapped_column(String(40), default="")
    settlement: Mapped[str] = mapped_column(String(400), default="")

    account: Mapped[Account | None] = relationship()
    expert: Mapped[Expert] = relationship()

    def state(self, at: datetime) -> ActState:
        """What became of it by then."""
        if self.objected_at is not None:
            return ActState.OBJECTED
        if self.confirmed_at is not None:
            return ActState.CONFIRMED
        return ActState.OPEN if at < self.expires_at else ActState.EXPIRED

    def confirm(self, at: datetime, is_by_own_code: bool = False) -> None:
        """The retiree says that it is so. Raises `ActAlreadyAnswered`."""
        self._require_open(at)
        self.confirmed_at, self.is_by_own_code = at, is_by_own_code

    def object(self, reason: str, at: datetime) -> None:
        """The retiree says that it is not so, in time or later: what nobody confirmed is not theirs for being old.

        Raises `ActAlreadyAnswered`, also where the bureau has settled an act that expired.
        """
        if self.state(at) is ActState.EXPIRED and self.settled_at is not None:
            raise ActAlreadyAnswered(
                "这件事老干部局已经问过、处理过了，结果写在上面。还有不对的，请打电话告诉老干部局。"
            )
        if self.state(at) is not ActState.EXPIRED:
            self._require_open(at)
        self.objected_at, self.objection = at, reason

    def settle(self, note: str, by: str, at: datetime) -> None:
        """The bureau writes down what became of an objection, of an act that expired, or of one that was confirmed by
        a code of the liaison's own; its state stays.

        Raises `ActNotToBeSettled`.
        """
        if self.settled_at is not None:
            raise ActNotToBeSettled("这件事已经处理过了，处理结果写在下面。")
        if self.state(at) not in (ActState.OBJECTED, ActState.EXPIRED) and not self.is_by_own_code:
            raise ActNotToBeSettled("本人没有异议，也没有过期，不用处理。")
        self.settled_at, self.settled_by, self.settlement = at, by, note

    def _require_open(self, at: datetime) -> None:
        state = self.state(at)
        if state is not ActState.OPEN:
            raise ActAlreadyAnswered(f"这件事的状态是“{state.label}”，不用再答复。有疑问请找联络员或老干部局。")
