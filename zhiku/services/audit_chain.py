"""Verifying the audit: every event's hash made again, every link compared, in constant memory.

The first thing that is wrong is named. What a chain of hashes cannot show by itself is that somebody wrote all of it
anew, or cut off its end and set the head back with it: for that there are archives that lie elsewhere
(`zhiku.services.audit_archive`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, String, Text, func, select, type_coerce
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.audit import GENESIS, AuditEvent, AuditHead, event_hash
from zhiku.domain.base import LabelledEnum

#: Rows taken from the database at once, and events between two calls of `progress`.
_BATCH = 2_000

#: `(done, total)` in events.
Progress = Callable[[int, int], None]


class Fault(LabelledEnum):
    """What is wrong with a chain at one place. The label says what it means and what may be behind it."""

    CHANGED = "changed", "内容和它的校验值对不上，有人改过这一条"
    MISSING = "missing", "这一条不见了，有人删除过"
    INSERTED = "inserted", "编号不在应有的位置，是后来插入的"
    UNLINKED = "unlinked", "和前一条接不上，两条中有一条是后来重写或插入的"
    CUT_OFF = "cut_off", "从这一条起到末尾的记录不见了，有人删除过"
    BEYOND = "beyond", "排在末尾标记之后，不是程序写的"
    HEAD_CHANGED = "head_changed", "末尾标记和最后一条对不上，其中一个被人改过"
    HEAD_GONE = "head_gone", "末尾标记不见了，有人删除过"
    DIFFERS = "differs", "和存档里的同一条不一样，整条链可能被重写过"


@dataclass(frozen=True, slots=True)
class BrokenLink:
    """The first thing that is wrong."""

    fault: Fault
    #: The event that it shows at; 0 where it is about none.
    event_id: int

    @property
    def sentence(self) -> str:
        """For whoever has to look into it."""
        return f"第 {self.event_id} 条：{self.fault.label}。" if self.event_id else f"{self.fault.label}。"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What verifying found."""

    #: Number and hash of the last event that was found in order, counting from 1.
    last_id: int
    last_hash: str
    broken: BrokenLink | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.broken is None


class Links:
    """Follows a chain event by event."""

    def __init__(self) -> None:
        self.last_id, self.last_hash = 0, GENESIS

    def follow(self, event: Mapping[str, Any]) -> BrokenLink | None:
        """What is wrong with the next event, given by its columns (see `canonical`); None if it is the right one."""
        return self.step(event["id"], event["previous_hash"], event["hash"], event_hash(event))

    def step(self, number: Any, previous_hash: Any, stored_hash: Any, digest: str) -> BrokenLink | None:
        """As `follow`, of an event whose hash was made again (`digest`)."""
        expected = self.last_id + 1
        if number != expected:
            is_later = isinstance(number, int) and number > expected
            return BrokenLink(Fault.MISSING, expected) if is_later else BrokenLink(Fault.INSERTED, number)
        if digest != stored_hash:
            return BrokenLink(Fault.CHANGED, expected)
        if previous_hash != self.last_hash:
            return BrokenLink(Fault.UNLINKED, expected)
        self.last_id, self.last_hash = expected, digest
        return None

    def report(self, broken: BrokenLink | None = None) -> ChainReport:
        """How far it came."""
        return ChainReport(self.last_id, self.last_hash, broken)


#: The columns as they lie there: what somebody put into one must not stop us from naming it. Times are text on SQLite.
_COLUMNS = {
    column.key: (
        type_coerce(column, Text)
        if column.key == "changes"
        else type_coerce(column, String) if column.key == "at" else column
    )
    for column in AuditEvent.__table__.columns
}
_NAMES = tuple(_COLUMNS)


def verify_chain(sessions: sessionmaker[Session], progress: Progress | None = None) -> ChainReport:
    """Verify the whole chain of the database. What is appended meanwhile is left to the next time."""
    links = Links()
    is_beyond = False
    with sessions() as session:
        total, head_hash, highest = _head(session)
        for event in stored_events(session):
            if event is UNREADABLE:
                return links.report(broken=BrokenLink(Fault.CHANGED, links.last_id + 1))
            if links.last_id == total and event["id"] > total:
                # Nobody's, or appended since (PostgreSQL shows what others commit meanwhile).
                is_beyond = highest > total
                break
            broken = links.follow(event)
            if broken is not None:
                return links.report(broken=broken)
            if progress is not None and links.last_id % _BATCH == 0:
                progress(links.last_id, max(total, highest))
    if progress is not None:
        progress(max(total, links.last_id), max(total, links.last_id))
    return links.report(broken=_at_the_end(links, total, head_hash, is_beyond))


def _at_the_end(links: Links, total: int, head_hash: str, is_beyond: bool) -> BrokenLink | None:
    if total < 0:
        return BrokenLink(Fault.HEAD_GONE, 0)
    if links.last_id < total:
        return BrokenLink(Fault.CUT_OFF, links.last_id + 1)
    if links.last_hash != head_hash:
        return BrokenLink(Fault.HEAD_CHANGED, links.last_id)
    return BrokenLink(Fault.BEYOND, total + 1) if is_beyond else None


def _head(session: Session) -> tuple[int, str, int]:
    """Last number and hash as the head has them (-1 where there is none), and the highest number there is."""
    highest = select(func.coalesce(func.max(AuditEvent.id), 0)).scalar_subquery()
    found = session.execute(
        select(highest, AuditHead.last_id, AuditHead.last_hash)
        .select_from(select(1).subquery())
        .outerjoin(AuditHead, AuditHead.id == 1)
    ).one()
    number, total, head_hash = found
    return (total if isinstance(total, int) else -1), head_hash or "", number


#: Stands for a row that the driver could not read.
UNREADABLE: Mapping[str, Any] = {"id": None}


def stored_events(session: Session) -> Iterator[Mapping[str, Any]]:
    """The events of the database in order, raw, a batch in memory at a time; `UNREADABLE` and no more where one has
    bytes that are no text."""
    statement = select(*_COLUMNS.values()).order_by(AuditEvent.id)
    rows = session.execute(statement.execution_options(yield_per=_BATCH))
    given: int | None = None
    try:
        for row in rows:
            yield dict(zip(_NAMES, row, strict=True))
            given = row[0]
    except OperationalError as error:
        if not _is_unreadable(error):
            raise
        # It is one of a batch: those before it are in order.
        yield from _one_by_one(session, statement, given)
    finally:
        rows.close()


def _one_by_one(session: Session, statement: Select[Any], given: int | None) -> Iterator[Mapping[str, Any]]:
    for _ in range(_BATCH):
        rest = statement if given is None else statement.where(AuditEvent.id > given)
        try:
            row = session.execute(rest.limit(1)).one()
        except OperationalError as error:
            if not _is_unreadable(error):
                raise
            break
        yield dict(zip(_NAMES, row, strict=True))
        given = row[0]
    yield UNREADABLE


def _is_unreadable(error: OperationalError) -> bool:
    # Anything else is the database's own trouble.
    return "decode" in str(error.orig).lower()
