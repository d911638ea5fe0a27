"""Sensitive data of persons: recorded, corrected, removed, shown masked, and revealed for a purpose that is noted.

The only reader and writer of `zhiku.domain.sensitive` (import-linter holds it). A value leaves here by `reveal` only,
which writes who looked and what for into the audit before it gives anything, and by `values_of`, for the export that a
person has a right to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session, load_only, sessionmaker

from zhiku.domain.actors import acting_for
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError, LabelledEnum, begin_writing
from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.experts import DatePrecision, Expert, Sex
from zhiku.domain.identity_numbers import birth_date_of, is_of_a_man, read_identity_number
from zhiku.domain.masking import RECORDED, masked_contact, masked_identity_number
from zhiku.domain.permissions import Permission
from zhiku.domain.sensitive import HardshipNote, HealthNote, IdentityNumber
from zhiku.services import contacts
from zhiku.services.consents import Removal, purposes_held, was_withdrawn
from zhiku.services.persons import Asker, PersonNotFound, find_person, find_suggestion
from zhiku.services.reveals import RevealPurpose, TooManyReveals, note_stopped, purpose_text, require_allowed

#: Longest note on health or hardship, in characters.
MAX_NOTE = 1000
MIN_CONTACT = 2

_Row = IdentityNumber | HealthNote | HardshipNote


class SensitiveKind(LabelledEnum):
    """What is kept apart."""

    CONTACT = "contact", "联系方式"
    IDENTITY = "identity", "身份证号"
    HEALTH = "health", "健康情况"
    HARDSHIP = "hardship", "困难情况"

    @property
    def to_reveal(self) -> Permission:
        """What somebody must be permitted to see it."""
        return _TO_REVEAL[self]

    @property
    def consent(self) -> ConsentPurpose:
        """What the person must have agreed to."""
        return _CONSENTS[self]

    @property
    def part(self) -> str:
        """Its table, as the audit names parts of a record."""
        return contacts.PART if self is SensitiveKind.CONTACT else _MODELS[self].__tablename__


_TO_REVEAL = {
    SensitiveKind.CONTACT: Permission.REVEAL_CONTACT,
    SensitiveKind.IDENTITY: Permission.REVEAL_IDENTITY,
    SensitiveKind.HEALTH: Permission.REVEAL_CARE,
    SensitiveKind.HARDSHIP: Permission.REVEAL_CARE,
}
_CONSENTS = {
    SensitiveKind.CONTACT: ConsentPurpose.CONTACT,
    SensitiveKind.IDENTITY: ConsentPurpose.IDENTITY,
    SensitiveKind.HEALTH: ConsentPurpose.CARE,
    SensitiveKind.HARDSHIP: ConsentPurpose.CARE,
}
_MODELS: dict[SensitiveKind, type[_Row]] = {
    SensitiveKind.IDENTITY: IdentityNumber,
    SensitiveKind.HEALTH: HealthNote,
    SensitiveKind.HARDSHIP: HardshipNote,
}


class ValueNotAcceptable(DomainError):
    """What was typed cannot be stored; nothing was."""


class ConsentMissing(DomainError):
    """The law asks for a consent of its own before this is stored (个人信息保护法, article 29)."""


class NothingStored(DomainError):
    """There is no such value (any more)."""


@dataclass(frozen=True, slots=True)
class MaskedValue:
    """A stored value as it may be seen without a reason."""

    #: Id of a contact; 0 of what a person has one of.
    id: int
    text: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was stored, and what somebody should look at."""

    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Revealed:
    """Values for one look."""

    values: tuple[str, ...] = field(repr=False)
    purpose: str


class SensitiveData:
    """The use cases. Whoever asks must be permitted, and the person theirs to look after."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime], zone: tzinfo) -> None:
        self._sessions = sessions
        self._clock = clock
        self._zone = zone

    def masked(self, asker: Asker, expert_id: int) -> dict[SensitiveKind, list[MaskedValue]]:
        """Everything that is stored of a person, masked. Raises `PersonNotFound`."""
        with self._sessions() as session:
            find_person(session, asker, expert_id, Permission.RECORD_SENSITIVE)
            found = {
                SensitiveKind.CONTACT: [
                    MaskedValue(one.id, masked_contact(one.value), one.created_at)
                    for one in contacts.stored(session, contacts.EXPERT, expert_id)
                ]
            }
            for kind, model in _MODELS.items():
                may_see = kind is SensitiveKind.IDENTITY and asker.may(kind.to_reveal)
                row = _row(session, model, expert_id, is_read=may_see)
                shown = masked_identity_number(row.value) if row is not None and may_see else RECORDED
                found[kind] = [] if row is None else [MaskedValue(0, shown, row.recorded_at)]
            return found

    def masked_of_suggestion(self, asker: Asker, number: str) -> list[MaskedValue]:
        """How the author of a suggestion can be reached, masked. Raises `PersonNotFound`."""
        with self._sessions() as session:
            suggestion = find_suggestion(session, asker, number, Permission.REVEAL_CONTACT)
            return [
                MaskedValue(one.id, masked_contact(one.value), one.created_at)
                for one in contacts.stored(session, contacts.SUGGESTION, suggestion.id)
            ]

    def record(self, asker: Asker, expert_id: int, kind: SensitiveKind, typed: str, contact_id: int = 0) -> Recorded:
        """Store a value, in place of the one before (for a contact: of the one with this id; 0 adds one).

        Raises `PersonNotFound`, `ConsentMissing`, `ValueNotAcceptable`, `IdentityNumberNotAcceptable`, `NothingStored`.
        """
        now = self._clock()
        with self._sessions.begin() as session:
            begin_writing(session)
            expert = find_person(session, asker, expert_id, Permission.RECORD_SENSITIVE)
            warnings = _consent_warnings(session, expert_id, kind)
            if kind is SensitiveKind.CONTACT:
                action = self._store_contact(session, expert_id, typed, contact_id, now)
            else:
                value = self._cleaned(kind, typed, now)
                if kind is SensitiveKind.IDENTITY:
                    warnings += _differences(expert, value)
                action = _store(session, _MODELS[kind], expert_id, value, now)
            session.flush()
            append(session, [Note(action, "expert", str(expert_id), {"": kind.part})], now)
        return Recorded(tuple(warnings))

    def remove(self, asker: Asker, expert_id: int, kind: SensitiveKind, contact_id: int = 0) -> None:
        """Delete a value. Raises `PersonNotFound`, `NothingStored`."""
        with self._sessions.begin() as session:
            begin_writing(session)
            find_person(session, asker, expert_id, Permission.RECORD_SENSITIVE)
            if kind is SensitiveKind.CONTACT:
                is_gone = contacts.remove(session, contacts.EXPERT, expert_id, contact_id)
            else:
                is_gone = bool(remove_all(session, expert_id, [kind]))
            if not is_gone:
                raise NothingStored(f"这条{kind.label}刚才已经被别人删除了。")
            session.flush()
            append(session, [Note(Action.DELETED, "expert", str(expert_id), {"": kind.part})], self._clock())

    def reveal(
        self, asker: Asker, expert_id: int, kind: SensitiveKind, purpose: RevealPurpose | None, words: str
    ) -> Revealed:
        """The values, after it was noted who looks and what for.

        Raises `PersonNotFound`, `PurposeMissing`, `TooManyReveals`, `NothingStored`.
        """

        def read(session: Session) -> tuple[int, Sequence[str]]:
            find_person(session, asker, expert_id, kind.to_reveal)
            return expert_id, values_of(session, expert_id, kind)

        return self._reveal(asker, "expert", kind, read, purpose_text(purpose, words))

    def reveal_of_suggestion(self, asker: Asker, number: str, purpose: RevealPurpose | None, words: str) -> Revealed:
        """As `reveal`, of how the author of a suggestion can be reached."""

        def read(session: Session) -> tuple[int, Sequence[str]]:
            suggestion = find_suggestion(session, asker, number, Permission.REVEAL_CONTACT)
            return suggestion.id, contacts.of(session, contacts.SUGGESTION, suggestion.id)

        return self._reveal(asker, "suggestion", SensitiveKind.CONTACT, read, purpose_text(purpose, words))

    def _reveal(
        self,
        asker: Asker,
        subject_kind: str,
        kind: SensitiveKind,
        read: Callable[[Session], tuple[int, Sequence[str]]],
        purpose: str,
    ) -> Revealed:
        now = self._clock()
        stopped: TooManyReveals | None = None
        with acting_for(purpose=purpose), self._sessions.begin() as session:
            begin_writing(session)
            subject_id, values = read(session)
            if not values:
                raise NothingStored(f"没有登记{kind.label}。")
            try:
                require_allowed(session, asker, now)
            except TooManyReveals as refused:
                # The event that says so must stay: so no exception ends this transaction.
                note_stopped(session, subject_kind, str(subject_id), kind.part, now)
                stopped = refused
            else:
                append(session, [Note(Action.REVEALED, subject_kind, str(subject_id), {"": kind.part})], now)
        if stopped is not None:
            raise stopped
        return Revealed(tuple(values), purpose)

    def _store_contact(self, session: Session, expert_id: int, typed: str, contact_id: int, now: datetime) -> Action:
        value = " ".join(typed.split())
        if len(value) < MIN_CONTACT:
            raise ValueNotAcceptable("请填写联系方式，例如手机号码、座机号码，或者家人的电话和称呼。")
        if len(value) > contacts.MAX_LENGTH:
            raise ValueNotAcceptable(f"联系方式最多 {contacts.MAX_LENGTH} 个字，现在有 {len(value)} 个字。")
        others = [one.value for one in contacts.stored(session, contacts.EXPERT, expert_id) if one.id != contact_id]
        if contacts.is_known(value, others):
            raise ValueNotAcceptable("这个联系方式已经登记过了。")
        if not contact_id:
            contacts.add(session, contacts.EXPERT, expert_id, value, now, others)
            return Action.CREATED
        if not contacts.change(session, contacts.EXPERT, expert_id, contact_id, value, now):
            raise NothingStored("要修改的联系方式刚才已经被别人删除了，请重新登记。")
        return Action.CHANGED

    def _cleaned(self, kind: SensitiveKind, typed: str, now: datetime) -> str:
        if kind is SensitiveKind.IDENTITY:
            return read_identity_number(typed, now.astimezone(self._zone).date())
        value = typed.strip()
        if not value:
            raise ValueNotAcceptable(f"请填写{kind.label}。")
        if len(value) > MAX_NOTE:
            raise ValueNotAcceptable(f"{kind.label}最多 {MAX_NOTE} 个字，现在有 {len(value)} 个字，请写短一些。")
        return value


def values_of(session: Session, expert_id: int, kind: SensitiveKind) -> list[str]:
    """What is stored of a person, in the clear. Who may have it is the caller's to ask."""
    if kind is SensitiveKind.CONTACT:
        return contacts.of(session, contacts.EXPERT, expert_id)
    row = _row(session, _MODELS[kind], expert_id, is_read=True)
    return [] if row is None else [row.value]


def count_of(session: Session, expert_id: int, kind: SensitiveKind) -> int:
    """How many values of a kind are stored of a person, readable or not."""
    if kind is SensitiveKind.CONTACT:
        return contacts.count(session, contacts.EXPERT, expert_id)
    return int(_row(session, _MODELS[kind], expert_id, is_read=False) is not None)


def removing(*kinds: SensitiveKind) -> Removal:
    """What takes all values of these kinds away when a consent is taken back, with an event of each kind."""

    def remove(session: Session, expert_id: int, at: datetime) -> None:
        gone = [kind for kind in kinds if remove_all(session, expert_id, [kind])]
        session.flush()
        append(session, [Note(Action.DELETED, "expert", str(expert_id), {"": kind.part}) for kind in gone], at)

    return remove


def remove_all(session: Session, expert_id: int, kinds: Sequence[SensitiveKind]) -> int:
    """Delete all values of these kinds, readable or not; how many there were. The caller owns the transaction."""
    count = 0
    for kind in kinds:
        if kind is SensitiveKind.CONTACT:
            count += contacts.remove_all(session, contacts.EXPERT, [expert_id])
            continue
        row = _row(session, _MODELS[kind], expert_id, is_read=False)
        if row is not None:
            session.delete(row)
            count += 1
    return count


def _row(session: Session, model: type[_Row], expert_id: int, is_read: bool) -> _Row | None:
    """The row; its value only where it is to be read, so that a lost key hinders nobody from deleting it."""
    columns = [model.expert_id, model.recorded_at] + ([model.value] if is_read else [])
    statement = select(model).where(model.expert_id == expert_id).options(load_only(*columns))
    return cast("_Row | None", session.scalar(statement))


def _store(session: Session, model: type[_Row], expert_id: int, value: str, now: datetime) -> Action:
    row = _row(session, model, expert_id, is_read=False)
    if row is None:
        session.add(model(expert_id=expert_id, value=value, recorded_at=now))
        return Action.CREATED
    row.value, row.recorded_at = value, now
    return Action.CHANGED


def _consent_warnings(session: Session, expert_id: int, kind: SensitiveKind) -> list[str]:
    """Raise `ConsentMissing` where the law wants the consent first, and where it was taken back; a number to call
    somebody by who was never asked is only warned of, because asking for a consent takes a call."""
    if kind.consent in purposes_held(session, expert_id):
        return []
    if was_withdrawn(session, expert_id, kind.consent):
        raise ConsentMissing(
            f"本人撤回了“{kind.consent.label}”的同意，不能再登记{kind.label}。本人重新同意的，请先在“本人的同意”里登记。"
        )
    if kind is SensitiveKind.CONTACT:
        return ["还没有登记本人对“保存联系方式”的同意，请在联系时征得同意并登记。"]
    raise ConsentMissing(
        f"{kind.label}是敏感个人信息，要本人单独同意才能保存。请先在“本人的同意”里登记“{kind.consent.label}”，再回来填写。"
    )


def _differences(expert: Expert, number: str) -> list[str]:
    """Where an identity number and the profile disagree; the profile may be the wrong one."""
    found = []
    born = birth_date_of(number)
    if born is not None and expert.birth_date is not None and not _agrees(born, expert):
        found.append("身份证号里的出生日期和档案里的不一致，请核对是号码写错了，还是档案要改。")
    if expert.sex is not None and (expert.sex is Sex.MALE) != is_of_a_man(number):
        found.append("身份证号里的性别和档案里的不一致，请核对。")
    return found


def _agrees(born: date, expert: Expert) -> bool:
    known = expert.birth_date
    assert known is not None
    if expert.birth_precision is DatePrecision.YEAR:
        return born.year == known.year
    if expert.birth_precision is DatePrecision.MONTH:
        return (born.year, born.month) == (known.year, known.month)
    return born == known


__all__ = [
    "ConsentMissing",
    "MaskedValue",
    "NothingStored",
    "PersonNotFound",
    "Recorded",
    "Revealed",
    "SensitiveData",
    "SensitiveKind",
    "ValueNotAcceptable",
    "count_of",
    "remove_all",
    "removing",
    "values_of",
]
