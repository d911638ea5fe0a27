"""Where a person stands with the think tank: withdrawn, deceased, back, published. The archive stays for the bureau."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment, SignIn
from zhiku.domain.actors import acting_for
from zhiku.domain.base import DomainError, LabelledEnum, begin_writing
from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.experts import Availability, Expert, ExpertStatus, ExpertStatusNotAllowed
from zhiku.domain.permissions import Permission
from zhiku.domain.redaction import has_private_number
from zhiku.services.consents import was_withdrawn
from zhiku.services.persons import Asker, find_person

#: Characters of the words that say why.
MIN_REASON, MAX_REASON = 4, 100


class StandingStep(LabelledEnum):
    """What can happen to a profile here."""

    WITHDRAW = "withdraw", "登记退出"
    DECEASED = "deceased", "登记去世"
    BACK = "back", "恢复档案"
    PUBLISH = "publish", "审核通过，发布"


class ReasonMissing(DomainError):
    """A step that nobody could understand later without its reason."""


class ConsentWithdrawn(DomainError):
    """The person has taken back that they are in the think tank."""


def steps_from(status: ExpertStatus) -> tuple[StandingStep, ...]:
    """What can be done with a profile of this status."""
    if status is ExpertStatus.DECEASED:
        return (StandingStep.BACK,)
    if status is ExpertStatus.WITHDRAWN:
        return (StandingStep.BACK, StandingStep.DECEASED)
    leaving = (StandingStep.WITHDRAW, StandingStep.DECEASED)
    return (StandingStep.PUBLISH, *leaving) if status is ExpertStatus.UNDER_REVIEW else leaving


class Standing:
    """The use cases. Each change leaves the search, or comes into it, with the next drain."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def change(self, asker: Asker, expert_id: int, step: StandingStep | None, reason: str) -> Expert:
        """Take one step, for a reason that the audit keeps.

        Raises `PersonNotFound`, `ReasonMissing`, `ExpertStatusNotAllowed`, `ConsentWithdrawn`.
        """
        reason = _reason(step, reason)
        now = self._clock()
        with acting_for(purpose=reason), self._sessions.begin() as session:
            begin_writing(session)
            expert = find_person(session, asker, expert_id, Permission.CHANGE_STANDING)
            if step is StandingStep.WITHDRAW:
                expert.change_status(ExpertStatus.WITHDRAWN, now)
            elif step is StandingStep.DECEASED:
                expert.change_status(ExpertStatus.DECEASED, now)
                close_the_door(session, expert_id, now)
            elif step is StandingStep.BACK:
                was_deceased = expert.status is ExpertStatus.DECEASED
                expert.come_back(now)
                if was_deceased:
                    _open_the_door(session, expert_id, now)
            else:
                _publish(session, expert, now)
        return expert


def _reason(step: StandingStep | None, reason: str) -> str:
    reason = " ".join(reason.split())
    if step is None:
        raise ReasonMissing("请选择要登记什么。")
    if len(reason) < MIN_REASON:
        raise ReasonMissing(f"请写明原因，至少 {MIN_REASON} 个字，例如：本人来电要求退出。")
    if len(reason) > MAX_REASON:
        raise ReasonMissing(f"原因最多 {MAX_REASON} 个字，现在有 {len(reason)} 个字，请写短一些。")
    if has_private_number(reason):
        raise ReasonMissing("原因会留在审计记录里，请删去其中的电话、身份证号或电子邮箱。")
    return reason


def _publish(session: Session, expert: Expert, now: datetime) -> None:
    if was_withdrawn(session, expert.id, ConsentPurpose.PROFILE):
        raise ConsentWithdrawn("本人撤回了在智库建立档案的同意，不能发布。本人重新同意后，请先登记同意。")
    if expert.status is not ExpertStatus.UNDER_REVIEW:
        raise ExpertStatusNotAllowed(f"档案的状态是“{expert.status.label}”，要先恢复或提交审核，才能发布。")
    expert.change_status(ExpertStatus.PUBLISHED, now)
    if expert.availability is Availability.WITHDRAWN:
        # Who comes back can be asked again; otherwise the profile would be published and found by nobody.
        expert.availability = Availability.AVAILABLE


def close_the_door(session: Session, expert_id: int, now: datetime) -> None:
    """Nobody comes in by a dead person's device or code, and nobody is their liaison."""
    account = session.scalar(select(Account).where(Account.expert_id == expert_id))
    if account is not None:
        account.is_active = False
        account.updated_at = now
        for sign_in in session.scalars(
            select(SignIn).where(SignIn.account_id == account.id, SignIn.ended_at.is_(None))
        ):
            sign_in.ended_at = now
        for code in session.scalars(
            select(EntryCode).where(EntryCode.account_id == account.id, EntryCode.spent_at.is_(None))
        ):
            code.spent_at = now
    for assignment in session.scalars(
        select(LiaisonAssignment).where(LiaisonAssignment.expert_id == expert_id, LiaisonAssignment.ended_at.is_(None))
    ):
        assignment.ended_at = now


def _open_the_door(session: Session, expert_id: int, now: datetime) -> None:
    account = session.scalar(select(Account).where(Account.expert_id == expert_id))
    if account is not None and not account.is_active:
        account.is_active = True
        account.updated_at = now
