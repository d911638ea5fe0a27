"""Indexing: the outbox drained into the engine, the index rebuilt aside, and both compared with the database.

A change of a row leaves an outbox entry in the same transaction (`zhiku.persistence.outbox`). The drainer takes a
batch, reads the rows *again*, projects them and gives them to the engine; only when the engine has committed are the
entries marked. A crash between any two steps replays without harm, because an entry says only "look at this row again".
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.outbox import RETENTION_HOURS, OutboxEntry
from zhiku.search.port import Change, Engine, Generation, IndexDocument, SearchRequest, TermGroup
from zhiku.search.projections import expert_key, source_of
from zhiku.search.query import parse
from zhiku.services.index_rows import EXPERTS, all_documents, changes_for, chunks, count_rows

log = logging.getLogger(__name__)

#: Outbox entries taken at once.
DRAIN_BATCH = 500

#: Clocks of two machines may differ by so much; a rebuild replays what was drained since its start less this.
CLOCK_MARGIN = timedelta(minutes=5)

#: People whose names are searched for in a new generation before it may answer.
PROBES = 20


class BuildRefused(DomainError):
    """A new generation failed its checks; the old one goes on answering."""


@dataclass(frozen=True, slots=True)
class DrainReport:
    """What one drain did."""

    entries: int
    sources: int


@dataclass(frozen=True, slots=True)
class RebuildReport:
    """What a rebuild did. Seconds of wall time."""

    generation: str
    documents: int
    seconds: float


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Database against index, by document id."""

    missing: tuple[str, ...]
    stale: tuple[str, ...]
    orphaned: tuple[str, ...]
    #: Outbox entries that wait for the next drain.
    pending: int
    documents: int

    @property
    def is_clean(self) -> bool:
        """Whether the index has exactly what the database has."""
        return not (self.missing or self.stale or self.orphaned)


class Indexing:
    """Keeps the engine's index true to the database."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        engine: Engine,
        clock: Callable[[], datetime],
        after_rebuild: Callable[[], None] = lambda: None,
    ) -> None:
        """`after_rebuild` is called when a new generation answers."""
        self._after_rebuild = after_rebuild
        self._sessions = sessions
        self._engine = engine
        self._clock = clock

    # -- drain ---------------------------------------------------------------------------------------------------

    def drain(self) -> DrainReport:
        """Bring all waiting changes into the current generation. Raises `IndexProblem`."""
        entries = sources = 0
        while True:
            batch = self._drain_batch()
            entries += batch.entries
            sources += batch.sources
            if batch.entries < DRAIN_BATCH:
                self._purge()
                return DrainReport(entries, sources)

    def _drain_batch(self) -> DrainReport:
        taken: list[int] = []
        changed = 0

        def changes() -> Iterable[Change]:
            nonlocal changed
            with self._sessions() as session:
                waiting = _pending(session, DRAIN_BATCH)
                taken.extend(entry.id for entry in waiting)
                found = changes_for(session, waiting)
                changed = len(found)
                return found

        if not self.pending():
            return DrainReport(0, 0)
        self._engine.apply(changes)
        self._mark_drained(taken)
        return DrainReport(len(taken), changed)

    def _mark_drained(self, ids: Collection[int]) -> None:
        """The engine has committed what these entries speak of."""
        if not ids:
            return
        with self._sessions() as session, session.begin():
            begin_writing(session)
            now = self._clock()
            for chunk in chunks(ids):
                waiting = OutboxEntry.id.in_(chunk) & OutboxEntry.drained_at.is_(None)
                session.execute(update(OutboxEntry).where(waiting).values(drained_at=now))

    def pending(self) -> int:
        """Number of outbox entries that wait."""
        with self._sessions() as session:
            return session.scalar(select(func.count()).where(OutboxEntry.drained_at.is_(None))) or 0

    def _purge(self) -> None:
        before = self._clock() - timedelta(hours=RETENTION_HOURS)
        with self._sessions() as session:
            oldest = session.scalar(select(func.min(OutboxEntry.drained_at)))
        if oldest is not None and oldest < before:
            with self._sessions() as session, session.begin():
                begin_writing(session)
                session.execute(delete(OutboxEntry).where(OutboxEntry.drained_at < before))

    # -- rebuild -------------------------------------------------------------------------------------------------

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> RebuildReport:
        """Build a new generation aside, check it, and let it answer.

        `progress(done, total)` counts documents. Raises `IndexProblem` when another rebuild is at work, `BuildRefused`
        when the checks fail; either way the current generation goes on answering.
        """
        began = self._clock()
        with _collecting_only_new_garbage():
            generation = self._engine.begin_generation()
            try:
                expected, covered = self._fill(generation, progress)
                self._replay(generation, began, covered, expected)
                self._check(generation, began, covered, expected)
                generation.publish(lambda: self._changes_since(began, covered))
            except BaseException:
                generation.discard()
                raise
            self._mark_drained(covered)
            self.drain()
            self._after_rebuild()
        seconds = (self._clock() - began).total_seconds()
        log.info("rebuilt the index: %s, %d documents, %.1f s", generation.name, len(expected), seconds)
        return RebuildReport(generation.name, len(expected), seconds)

    def _fill(self, generation: Generation, progress: Callable[[int, int], None] | None) -> tuple[_Expected, set[int]]:
        """Index everything; returns what was read, and the outbox entries that are covered by it."""
        expected = _Expected()
        with self._sessions() as session:
            # Asked before the rows: what these entries speak of is read after them, so it is in the new generation.
            covered = {entry.id for entry in _pending(session, None)}
            rows = count_rows(session)
            for batch in all_documents(session):
                # First, so that other processes are sent the fingerprints with the documents.
                expected.add(batch)
                # Most of the work is done here, and `finish` takes the rest in few steps.
                generation.add(batch)
                if progress:
                    progress(max(0, len(expected) - 1), max(rows, len(expected)))
        generation.finish()
        if progress:
            progress(len(expected), len(expected))
        return expected, covered

    def _replay(self, generation: Generation, began: datetime, covered: set[int], expected: _Expected) -> None:
        """Apply what changed meanwhile, until little is left for the moment in which writers wait."""
        for _ in range(5):
            changes = self._changes_since(began, covered)
            if not changes:
                break
            generation.apply(changes)
            for change in changes:
                expected.replace(change)

    def _changes_since(self, began: datetime, covered: set[int]) -> Sequence[Change]:
        """Changes of entries that wait or were drained since, but for the covered ones, to which they are added."""
        with self._sessions() as session:
            entries = _entries_since(session, began, covered)
            changes = changes_for(session, entries)
        covered.update(entry.id for entry in entries)
        return changes

    def _check(self, generation: Generation, began: datetime, covered: set[int], read: _Expected) -> None:
        """Refuse a generation that differs from what was read, or that cannot find people by their names."""
        built = generation.fingerprints()
        expected = read.fingerprints()
        with self._sessions() as session:
            probes = session.scalars(EXPERTS.order_by(Expert.id).limit(PROBES)).unique().all()
            # What changed after the last replay is no fault of the build; publish brings it in. Asked after the
            # rows, so that nobody's change is seen without its entry.
            late = {change.source for change in changes_for(session, _entries_since(session, began, covered))}
        wrong = [
            key
            for key in sorted(expected.keys() | built.keys())
            if expected.get(key) != built.get(key) and source_of(key) not in late
        ]
        if wrong:
            raise BuildRefused(
                f"新索引与数据库不一致（{len(wrong)} 条，例如 {wrong[0]}），没有启用；原来的索引继续使用。"
                "请再运行一次：zhiku index rebuild"
            )
        for expert in probes:
            if expert.is_searchable and expert_key(expert.id) not in late:
                self._probe(generation, expert)

    def _probe(self, generation: Generation, expert: Expert) -> None:
        terms = parse(expert.name, generation.analyzer)
        if not terms.groups.get(TermGroup.NAMES, {}).keys() & generation.analyzer.name_terms(expert.name).keys():
            return  # a name that no index would find by itself ("Ann Lee") says nothing about this one
        result = generation.search(SearchRequest(terms, owned_only=True))
        # Hits are made as they are looked at, and the person is among the first.
        if not any(hit.owner == expert_key(expert.id) for hit in result.hits):
            raise BuildRefused(
                "新索引没有通过检查（按姓名查不到已发布的专家），没有启用；原来的索引继续使用。"
                "请再运行一次：zhiku index rebuild"
            )

    # -- verify --------------------------------------------------------------------------------------------------

    def verify(self) -> VerifyReport:
        """Compare database and index. Raises `IndexProblem`."""
        built = self._engine.fingerprints()
        pending = self.pending()
        with self._sessions() as session:
            expected = {document.id: document.fingerprint for batch in all_documents(session) for document in batch}
        return VerifyReport(
            missing=tuple(sorted(expected.keys() - built.keys())),
            stale=tuple(sorted(key for key in expected.keys() & built.keys() if expected[key] != built[key])),
            orphaned=tuple(sorted(built.keys() - expected.keys())),
            pending=pending,
            documents=len(expected),
        )

    def repair(self, report: VerifyReport) -> int:
        """Enqueue everything that differs, for the next drain; returns the number of entries."""
        sources = {source_of(key) for key in (*report.missing, *report.stale, *report.orphaned)}
        with self._sessions() as session, session.begin():
            begin_writing(session)
            now = self._clock()
            for source in sorted(sources):
                kind, _, key = source.partition(":")
                session.add(OutboxEntry(kind=kind, entity_id=key, created_at=now))
        return len(sources)


class _Expected:
    """What a new generation must hold: fingerprints of the documents that were read for it, by source."""

    def __init__(self) -> None:
        self._by_source: dict[str, dict[str, str]] = {}

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Documents of sources that were not read before."""
        for document in documents:
            self._by_source.setdefault(document.source, {})[document.id] = document.fingerprint

    def replace(self, change: Change) -> None:
        """A source was read again."""
        self._by_source[change.source] = {document.id: document.fingerprint for document in change.documents}

    def fingerprints(self) -> dict[str, str]:
        """`{document id: fingerprint}`."""
        return {key: value for documents in self._by_source.values() for key, value in documents.items()}

    def __len__(self) -> int:
        return sum(map(len, self._by_source.values()))


@contextmanager
def _collecting_only_new_garbage() -> Iterator[None]:
    """Leaves out what is there already when Python looks for garbage: a rebuild makes many objects, and each time all
    dictionaries and code would be looked through again, a tenth of the whole time.

    For a process of its own: what a process had frozen before is not frozen any more afterwards."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _pending(session: Session, limit: int | None) -> Sequence[OutboxEntry]:
    statement = select(OutboxEntry).where(OutboxEntry.drained_at.is_(None)).order_by(OutboxEntry.id).limit(limit)
    return session.scalars(statement).all()


def _entries_since(session: Session, began: datetime, known: set[int]) -> list[OutboxEntry]:
    """Entries that wait or were drained since `began`, but for the known ones."""
    waiting_or_late = OutboxEntry.drained_at.is_(None) | (OutboxEntry.drained_at >= began - CLOCK_MARGIN)
    entries = session.scalars(select(OutboxEntry).where(waiting_or_late).order_by(OutboxEntry.id))
    return [entry for entry in entries if entry.id not in known]
