"""Reading the audit: who did what, in sentences, the newest first; by time, person, action and record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, false, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.actors import PROGRAM
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import DomainError, UtcDateTime
from zhiku.services.audit_chain import ChainReport, Progress, verify_chain
from zhiku.services.audit_names import (
    Names,
    erased_records,
    names_of,
    names_of_records,
    part_words,
    person_words,
    record_words,
    records_called,
)
from zhiku.services.audit_words import Line, Values, column_words, role_words, time_words

#: Events on a page.
PAGE = 30

#: Events read at once where all of a range are wanted.
_BATCH = 1_000

#: The largest number of an event that databases compare with their columns.
_MAX_NUMBER = 2**53


#: Nothing lies before and behind; the ends of the calendar cannot be told in another zone.
_FIRST_YEAR, _LAST_YEAR = 1900, 9000

#: Stands for what the audit keeps of people whose data was erased.
ERASED = "（本人资料已删除，不再显示）"


class EventNotFound(DomainError):
    """There is no event with this number."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events somebody wants to see; what is empty does not matter."""

    #: Days in the county, both included.
    since: date | None = None
    until: date | None = None
    #: Name of who acted, as the audit has it.
    who: str = ""
    action: Action | None = None
    #: Kind of record (`audit_words.KINDS`), and its id.
    kind: str = ""
    key: str = ""
    #: Name or number of a record, as people call it.
    about: str = ""
    #: Name of the retiree for whom somebody acted.
    on_behalf: str = ""

    @property
    def is_any(self) -> bool:
        """Whether it leaves anything out."""
        return any(getattr(self, one.name) for one in fields(self))

    def facts(self) -> dict[str, Any]:
        """What the audit says of an export with this filter."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in given.items() if value}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is read."""

    id: int
    at: datetime
    #: In the county's zone: 2026年11月23日 10:05:07.
    when: str
    who: str
    role: str
    address: str
    action: str
    #: What was done, without who and when.
    deed: str
    purpose: str
    #: The retiree for whom it was done.
    on_behalf: str
    kind: str
    key: str

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        on_behalf = f"代{self.on_behalf}" if self.on_behalf else ""
        purpose = f"，用途：{self.purpose}" if self.purpose else ""
        role = f"（{self.role}）" if self.role else " "
        return f"{self.when} {self.who}{role}{on_behalf}{self.deed}{purpose}"


@dataclass(frozen=True, slots=True)
class EntryDetails:
    """One event with all that it says."""

    entry: Entry
    lines: tuple[Line, ...]
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page, the newest first. `older` and `newer` are numbers of events to go on from; 0 where there are none."""

    entries: tuple[Entry, ...]
    older: int
    newer: int


class AuditLog:
    """Reads the audit and verifies it. Changes nothing."""

    def __init__(self, sessions: sessionmaker[Session], zone: ZoneInfo) -> None:
        """`zone` is the county's: its days are the days of filters."""
        self._sessions = sessions
        self._zone = zone

    def page(self, wanted: AuditFilter, before: int = 0, after: int = 0, size: int = PAGE) -> AuditPage:
        """The newest events, or those older than event `before`, or those newer than event `after`."""
        with self._sessions() as session:
            statement = self._select(session, wanted)
            place = _place(session, after or before)
            if place is None:
                found = list(session.scalars(_newest(statement).limit(size + 1)))
                return self._page(session, found[:size], older=len(found) > size, newer=False)
            if after:
                found = list(session.scalars(_oldest(statement.where(_key() > place)).limit(size + 1)))
                return self._page(session, found[:size][::-1], older=True, newer=len(found) > size)
            found = list(session.scalars(_newest(statement.where(_key() < place)).limit(size + 1)))
            return self._page(session, found[:size], older=len(found) > size, newer=True)

    def _page(self, session: Session, events: Sequence[AuditEvent], *, older: bool, newer: bool) -> AuditPage:
        return AuditPage(
            tuple(self._entries(session, events)),
            older=events[-1].id if events and older else 0,
            newer=events[0].id if events and newer else 0,
        )

    def entry(self, number: int) -> EntryDetails:
        """One event with all that it says. Raises `EventNotFound`."""
        with self._sessions() as session:
            event = session.get(AuditEvent, number) if 0 < number < _MAX_NUMBER else None
            if event is None:
                raise EventNotFound(f"没有编号为 {number} 的审计记录。")
            names = names_of(session, [event])
            lines = self._lines(event, names, erased_records(session, [event], names))
            return EntryDetails(self._entry(event, names), lines, event.previous_hash, event.hash)

    def stream(self, session: Session, wanted: AuditFilter) -> Iterator[tuple[Entry, tuple[Line, ...], AuditEvent]]:
        """All events of a filter, the oldest first, in words and as they lie there; some in memory at a time."""
        statement = self._select(session, wanted)
        place: tuple[Any, ...] | None = None
        while True:
            part = statement if place is None else statement.where(_key() > place)
            events = list(session.scalars(_oldest(part).limit(_BATCH)))
            names = names_of(session, events)
            erased = erased_records(session, events, names)
            for event in events:
                yield self._entry(event, names), self._lines(event, names, erased), event
            if len(events) < _BATCH:
                return
            place = _literal(events[-1])
            session.expunge_all()

    def count(self, session: Session, wanted: AuditFilter, at_most: int) -> int:
        """How many events a filter lets through; `at_most` where there are more."""
        some = self._select(session, wanted).with_only_columns(AuditEvent.id).limit(at_most).subquery()
        return session.scalar(select(func.count()).select_from(some)) or 0

    def record(self, kind: str, key: str) -> str:
        """A record as a sentence calls it."""
        with self._sessions() as session:
            return record_words(kind, key, names_of_records(session, {kind: {key}}))

    def verify(self, progress: Progress | None = None) -> ChainReport:
        """Verify the chain."""
        return verify_chain(self._sessions, progress)

    # -- from a filter to a statement ----------------------------------------------------------------------------

    def _select(self, session: Session, wanted: AuditFilter) -> Select[AuditEvent]:
        conditions: list[ColumnElement[bool]] = []
        if wanted.since is not None and wanted.since.year > _FIRST_YEAR:
            conditions.append(AuditEvent.at >= self._midnight(wanted.since))
        if wanted.until is not None and wanted.until.year < _LAST_YEAR:
            conditions.append(AuditEvent.at < self._midnight(wanted.until + timedelta(days=1)))
        if wanted.who:
            conditions.append(AuditEvent.actor_name == wanted.who.strip())
        if wanted.action is not None:
            conditions.append(AuditEvent.action == wanted.action.value)
        if wanted.kind:
            conditions.append(AuditEvent.subject_kind == wanted.kind)
        if wanted.key:
            conditions.append(AuditEvent.subject_id == wanted.key.strip())
        if wanted.about:
            conditions.append(_one_of(records_called(session, wanted.about)))
        if wanted.on_behalf:
            people = [int(key) for kind, key in records_called(session, wanted.on_behalf) if kind == "expert"]
            conditions.append(AuditEvent.on_behalf_of.in_(people) if people else false())
        return select(AuditEvent).where(*conditions)

    def _midnight(self, day: date) -> datetime:
        # A day of 23 or 25 hours begins and ends where the zone says.
        return datetime.combine(day, time.min, self._zone)

    # -- from events to sentences --------------------------------------------------------------------------------

    def _entries(self, session: Session, events: Sequence[AuditEvent]) -> list[Entry]:
        names = names_of(session, events)
        return [self._entry(event, names) for event in events]

    def _lines(self, event: AuditEvent, names: Names, erased: Set[tuple[str, str]]) -> tuple[Line, ...]:
        lines = Values(self._zone, names).lines(event.subject_kind, event.changes)
        if (event.subject_kind, event.subject_id) in erased:
            return tuple(Line(line.what, ERASED, ERASED) for line in lines)
        return tuple(lines)

    def _entry(self, event: AuditEvent, names: Names) -> Entry:
        return Entry(
            id=event.id,
            at=event.at,
            when=time_words(event.at, self._zone),
            who=event.actor_name,
            # A program's name says what it is.
            role="" if event.actor_role == PROGRAM.role else role_words(event.actor_role),
            address=event.address,
            action=next((one.label for one in Action if one.value == event.action), event.action),
            deed=_deed(event, names),
            purpose=event.purpose,
            on_behalf="" if event.on_behalf_of is None else person_words(str(event.on_behalf_of), names),
            kind=event.subject_kind,
            key=event.subject_id,
        )


def _one_of(records: Sequence[tuple[str, str]]) -> ColumnElement[bool]:
    return or_(false(), *(and_(AuditEvent.subject_kind == kind, AuditEvent.subject_id == key) for kind, key in records))


def _key() -> Any:
    return tuple_(AuditEvent.at, AuditEvent.id)


def _literal(event: AuditEvent) -> Any:
    return tuple_(literal(event.at, UtcDateTime()), literal(event.id))


def _place(session: Session, number: int) -> Any:
    """Where a page begins or ends; None for an event that there is not."""
    event = session.get(AuditEvent, number) if 0 < number < _MAX_NUMBER else None
    return None if event is None else _literal(event)


def _newest(statement: Select[AuditEvent]) -> Select[AuditEvent]:
    return statement.order_by(AuditEvent.at.desc(), AuditEvent.id.desc())


def _oldest(statement: Select[AuditEvent]) -> Select[AuditEvent]:
    return statement.order_by(AuditEvent.at, AuditEvent.id)


# -- what was done -----------------------------------------------------------------------------------------------


def _deed(event: AuditEvent, names: Names) -> str:
    words = _DEEDS.get(event.action)
    return words(event, names) if words else f"{event.action} {_what(event, names)}"


def _what(event: AuditEvent, names: Names) -> str:
    part = str(event.changes.get("", ""))
    if part:
        return part_words(event.subject_kind, event.subject_id, part, names)
    return record_words(event.subject_kind, event.subject_id, names)


def _changed(event: AuditEvent, names: Names) -> str:
    columns = "、".join(sorted({column_words(name) for name in event.changes if name}))
    return f"修改了{_what(event, names)}" + (f"：{columns}" if columns else "")


def _signed_in(event: AuditEvent, names: Names) -> str:
    device = _after(event, "device")
    return f"登录（{device}）" if device else "登录"


def _sign_in_refused(event: AuditEvent, names: Names) -> str:
    if event.subject_kind == "entry_code":
        return "用不对的进门码登录，被拒绝"
    name = names.get(("account", event.subject_id))
    reason = _after(event, "reason")
    return (
        f"想登录{name}的账号，被拒绝" + (f"（{reason}）" if reason else "") if name else "用不存在的登录名登录，被拒绝"
    )


def _exported(event: AuditEvent, names: Names) -> str:
    count = event.changes.get("rows", event.changes.get("events"))
    return f"导出了{_all_of(event, names)}" + (f"（{count} 条）" if isinstance(count, int) else "")


def _all_of(event: AuditEvent, names: Names) -> str:
    if event.subject_kind == "expert":
        return f"{person_words(event.subject_id, names)}的全部资料"
    if event.subject_kind == "suggestion":
        return f"{_what(event, names)}的作者的全部资料"
    return _what(event, names)


def _erased(event: AuditEvent, names: Names) -> str:
    whose = "的一位作者" if event.subject_kind == "suggestion" else ""
    return f"按要求删除了{_what(event, names)}{whose}"


def _imported(event: AuditEvent, names: Names) -> str:
    counts = "，".join(
        f"{column_words(name)} {count}"
        for name in ("new", "changed", "merged", "unchanged", "refused")
        if isinstance(count := event.changes.get(name), int) and count
    )
    return f"导入了{_what(event, names)}" + (f"：{counts}" if counts else "")


def _issued(event: AuditEvent, names: Names) -> str:
    given = next((name for name in event.changes if name), "")
    owner = names.get((event.subject_kind, event.subject_id))
    return f"给{owner}发放了{column_words(given)}" if given and owner else f"发放了{_what(event, names)}"


def _revoked(event: AuditEvent, names: Names) -> str:
    if event.subject_kind == "account" and "device" in event.changes:
        device = _before(event, "device")
        on_it = f"在 {device} 上" if device else ""
        return f"结束了{names.get(('account', event.subject_id), '一个账号')}{on_it}的登录"
    return f"收回了{_what(event, names)}"


def _refused(event: AuditEvent, names: Names) -> str:
    if event.subject_kind == "page":
        return f"想打开没有权限的页面（{event.subject_id}），被拒绝"
    return (
        f"想查看{_what(event, names)}，次数太多被拒绝"
        if "reveal" in event.changes
        else f"想用{_what(event, names)}，被拒绝"
    )


def _before(event: AuditEvent, name: str) -> str:
    return _of_pair(event, name, 0)


def _after(event: AuditEvent, name: str) -> str:
    return _of_pair(event, name, 1)


def _of_pair(event: AuditEvent, name: str, place: int) -> str:
    pair = event.changes.get(name)
    value = pair[place] if isinstance(pair, list) and len(pair) == 2 else None
    return "" if value is None else str(value)


_DEEDS: Mapping[str, Callable[[AuditEvent, Names], str]] = {
    Action.CREATED.value: lambda event, names: f"新增了{_what(event, names)}",
    Action.CHANGED.value: _changed,
    Action.DELETED.value: lambda event, names: f"删除了{_what(event, names)}",
    Action.SIGNED_IN.value: _signed_in,
    Action.SIGN_IN_REFUSED.value: _sign_in_refused,
    Action.SIGNED_OUT.value: lambda event, names: "退出登录",
    Action.REVEALED.value: lambda event, names: f"查看了{_what(event, names)}",
    Action.EXPORTED.value: _exported,
    Action.ERASED.value: _erased,
    Action.IMPORTED.value: _imported,
    Action.ISSUED.value: _issued,
    Action.REVOKED.value: _revoked,
    Action.REFUSED.value: _refused,
    Action.ROTATED_KEYS.value: lambda event, names: f"更换了{_what(event, names)}",
}
