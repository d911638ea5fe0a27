"""Consents of persons: given for each purpose by itself, with date and form, and taken back at any time.

What a consent covered goes in the transaction that takes it back: contact, identity number, care notes, the public
picture; and without the consent to be in the think tank, the person leaves the search.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Permission, Role
from zhiku.domain.photos import ExpertPhoto
from zhiku.services.persons import Asker, find_oneself, find_person

#: The think tank is not older.
EARLIEST = date(2000, 1, 1)

#: SQLite takes 32,766 variables in a statement, older builds 999.
_CHUNK = 900

#: What goes with each consent, for the page that asks before it is taken back.
CONSEQUENCES: Mapping[ConsentPurpose, str] = {
    ConsentPurpose.PROFILE: "档案退出智库：不再出现在搜索、名单和个人页面里。档案本身由老干部局留存，可以恢复，也可以按本人要求彻底删除。",
    ConsentPurpose.CONTACT: "删除保存的全部联系方式。以后要联系，只能通过联络员上门。",
    ConsentPurpose.IDENTITY: "删除保存的身份证号。",
    ConsentPurpose.CARE: "删除保存的健康情况和困难情况。",
    ConsentPurpose.PUBLICITY: "删除公开的照片。已经答复的建议仍按规定留存。",
}


class ConsentNotAcceptable(DomainError):
    """A consent that cannot be noted so; nothing was stored."""


@dataclass(frozen=True, slots=True)
class ConsentState:
    """Where a person stands with one purpose."""

    purpose: ConsentPurpose
    #: The one that holds; None where there is none (any more).
    held: Consent | None
    #: All there were, oldest first.
    history: tuple[Consent, ...]

    @property
    def was_withdrawn(self) -> bool:
        """Whether it was given once and taken back."""
        return self.held is None and bool(self.history)


#: Removes what a consent covered, and notes it: `(session, expert_id, at)`.
Removal = Callable[[Session, int, datetime], object]


class Consents:
    """The use cases."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        clock: Callable[[], datetime],
        zone: tzinfo,
        removals: Mapping[ConsentPurpose, Removal],
    ) -> None:
        """`removals`: what goes when a consent is taken back, beside the profile's place in the search."""
        self._sessions = sessions
        self._clock = clock
        self._zone = zone
        self._removals = removals

    def states(self, asker: Asker, expert_id: int) -> list[ConsentState]:
        """Where a person stands with every purpose. Raises `PersonNotFound`."""
        with self._sessions() as session:
            find_person(session, asker, expert_id, Permission.RECORD_CONSENT)
            rows = _rows(session, expert_id)
        by_purpose = {purpose: [row for row in rows if row.purpose is purpose] for purpose in ConsentPurpose}
        return [
            ConsentState(purpose, next((row for row in found if row.holds), None), tuple(found))
            for purpose, found in by_purpose.items()
        ]

    def grant(
        self, asker: Asker, expert_id: int, purpose: ConsentPurpose | None, form: ConsentForm | None, on: date | None
    ) -> Consent:
        """Note a consent. Raises `PersonNotFound`, `ConsentNotAcceptable`."""
        now = self._clock()
        if purpose is None or form is None:
            raise ConsentNotAcceptable("请选择同意的内容和方式。")
        with self._sessions.begin() as session:
            begin_writing(session)
            find_person(session, asker, expert_id, Permission.RECORD_CONSENT)
            return note_consent(session, expert_id, purpose, form, on, asker.name, now, self._zone)

    def withdraw(self, asker: Asker, expert_id: int, purpose: ConsentPurpose | None) -> None:
        """Take a consent back, today, and remove what it covered. Without one there is still something to remove.

        Who gave it may do so, too: that is as easy as giving it. Raises `PersonNotFound`, `ConsentNotAcceptable`.
        """
        if purpose is None:
            raise ConsentNotAcceptable("请选择撤回哪一项同意。")
        now = self._clock()
        today = now.astimezone(self._zone).date()
        with self._sessions.begin() as session:
            begin_writing(session)
            if asker.role is Role.RETIREE:
                expert = find_oneself(session, asker, expert_id)
            else:
                expert = find_person(session, asker, expert_id, Permission.RECORD_CONSENT)
            held = [row for row in _rows(session, expert_id) if row.purpose is purpose and row.holds]
            if not held:
                # Of many who were in the think tank before, nobody wrote a consent down. They may object all the same.
                session.add(
                    Consent(
                        expert_id=expert_id, purpose=purpose, form=ConsentForm.ORAL, granted_on=today,
                        withdrawn_on=today, recorded_by=asker.name[:40], created_at=now,
                    )
                )  # fmt: skip
            for row in held:
                row.withdrawn_on = max(today, row.granted_on)
            if purpose is ConsentPurpose.PROFILE:
                _leave_search(expert, now)
            removal = self._removals.get(purpose)
            if removal is not None:
                removal(session, expert_id, now)


def note_consent(
    session: Session,
    expert_id: int,
    purpose: ConsentPurpose,
    form: ConsentForm,
    on: date | None,
    by: str,
    now: datetime,
    zone: tzinfo,
) -> Consent:
    """Add a consent given on a day of the county's zone, written down by whom. Whether they may is the caller's to ask,
    and the transaction is the caller's. Raises `ConsentNotAcceptable`."""
    if purpose in purposes_held(session, expert_id):
        raise ConsentNotAcceptable(f"“{purpose.label}”的同意已经登记过了，不用再登记。")
    day = _day(on, now.astimezone(zone).date())
    earlier = [row.withdrawn_on for row in _rows(session, expert_id) if row.purpose is purpose]
    last = max((one for one in earlier if one is not None), default=EARLIEST)
    if day < last:
        raise ConsentNotAcceptable(f"本人在 {last.isoformat()} 撤回过这项同意，重新同意的日期不能更早。")
    consent = Consent(
        expert_id=expert_id, purpose=purpose, form=form, granted_on=day, recorded_by=by[:40], created_at=now
    )
    session.add(consent)
    return consent


def purposes_held(session: Session, expert_id: int) -> set[ConsentPurpose]:
    """What a person has agreed to and not taken back."""
    return {row.purpose for row in _rows(session, expert_id) if row.holds}


def was_withdrawn(session: Session, expert_id: int, purpose: ConsentPurpose) -> bool:
    """Whether the last word on a purpose was a withdrawal; not so where nothing was ever noted."""
    rows = [row for row in _rows(session, expert_id) if row.purpose is purpose]
    return bool(rows) and not any(row.holds for row in rows)


def withdrawn_of_many(session: Session, expert_ids: Collection[int]) -> dict[int, set[ConsentPurpose]]:
    """As `was_withdrawn`, for many at once: `{expert_id: purposes}`, without those who took nothing back."""
    held: dict[tuple[int, ConsentPurpose], bool] = {}
    ordered = sorted(set(expert_ids))
    for start in range(0, len(ordered), _CHUNK):
        rows = session.scalars(select(Consent).where(Consent.expert_id.in_(ordered[start : start + _CHUNK])))
        for row in rows:
            key = (row.expert_id, row.purpose)
            held[key] = held.get(key, False) or row.holds
    found: dict[int, set[ConsentPurpose]] = {}
    for (expert_id, purpose), holds in held.items():
        if not holds:
            found.setdefault(expert_id, set()).add(purpose)
    return found


def is_withdrawn(purpose: ConsentPurpose) -> ColumnElement[bool]:
    """The condition on `Expert` that the last word on a purpose was a withdrawal."""
    noted = (Consent.expert_id == Expert.id) & (Consent.purpose == purpose)
    return exists().where(noted) & ~exists().where(noted, Consent.withdrawn_on.is_(None))


def remove_photo(session: Session, expert_id: int, _at: datetime) -> None:
    """A `Removal`: the public picture goes; the listener of the session notes it."""
    photo = session.get(ExpertPhoto, expert_id)
    if photo is not None:
        session.delete(photo)


def _day(on: date | None, today: date) -> date:
    if on is None:
        raise ConsentNotAcceptable("请填写同意的日期，例如 2026-05-04。")
    if on > today:
        raise ConsentNotAcceptable("同意的日期不能在今天以后。请检查年份和月份。")
    if on < EARLIEST:
        raise ConsentNotAcceptable(f"同意的日期不能早于 {EARLIEST.year} 年。请检查年份。")
    return on


def _rows(session: Session, expert_id: int) -> Sequence[Consent]:
    return session.scalars(select(Consent).where(Consent.expert_id == expert_id).order_by(Consent.id)).all()


def _leave_search(expert: Expert, now: datetime) -> None:
    if expert.status not in (ExpertStatus.WITHDRAWN, ExpertStatus.DECEASED):
        expert.change_status(ExpertStatus.WITHDRAWN, now)
