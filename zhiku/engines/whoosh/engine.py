"""The Whoosh engine: generations, snapshots and the locks between them."""

from __future__ import annotations

import pickle
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from whoosh.codec.base import Segment as WhooshSegment
from whoosh.index import EmptyIndexError, FileIndex
from whoosh.index import IndexError as WhooshIndexError
from whoosh.reading import SegmentReader

from zhiku.analysis.analyzer import ANALYSIS_VERSION, Analyzer
from zhiku.analysis.segment import SegmenterMissing
from zhiku.engines.whoosh.generations import REBUILD_HINT, GenerationFolder, Manifest
from zhiku.engines.whoosh.postings import PostingCache
from zhiku.engines.whoosh.schema import SCHEMA_VERSION, make_schema
from zhiku.engines.whoosh.segment import Segment
from zhiku.engines.whoosh.snapshot import Snapshot
from zhiku.engines.whoosh.writing import create_index, open_index, write_changes, write_documents
from zhiku.search.port import (
    Change,
    EngineStatus,
    IndexDocument,
    IndexProblem,
    RebuildAtWork,
    SearchRequest,
    SearchResult,
)
from zhiku.search.scoring import FieldLengths

#: How long a search may use a snapshot before it looks for a commit of another process.
FRESHNESS_SECONDS = 0.05

#: What damaged files raise somewhere below Whoosh.
DAMAGE = (OSError, EOFError, ValueError, KeyError, IndexError, AttributeError, TypeError, pickle.UnpicklingError)

T = TypeVar("T")

#: (segmenter name, words of ours) -> analyzer.
MakeAnalyzer = Callable[[str, Sequence[str]], Analyzer]


class WhooshEngine:
    """The embedded engine in one folder. Safe for threads; several processes may share the folder."""

    def __init__(
        self,
        root: Path,
        make_analyzer: MakeAnalyzer,
        segmenter: str = "auto",
        own_words: Sequence[str] = (),
        cache_bytes: int = 256 << 20,
    ) -> None:
        """`segmenter` and `own_words` are for new generations; a search uses those of its generation."""
        self.folder = GenerationFolder(root)
        self._make_analyzer = make_analyzer
        self._segmenter = segmenter
        self._own_words = tuple(own_words)
        self._cache = PostingCache(cache_bytes)
        self._analyzers: dict[tuple[str, tuple[str, ...]], Analyzer] = {}
        self._state_lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        self._lengths = FieldLengths()
        self._analyzer: Analyzer | None = None
        self._checked_at = 0.0

    # -- port ----------------------------------------------------------------------------------------------------

    @property
    def analyzer(self) -> Analyzer:
        """The analyzer of the current generation, with which queries must be cut."""
        with self._using_snapshot():
            assert self._analyzer is not None
            return self._analyzer

    def search(self, request: SearchRequest) -> SearchResult:
        with self._using_snapshot() as snapshot:
            return _guarded(lambda: snapshot.search(request))

    def begin_generation(self) -> WhooshGeneration:
        self.folder.prepare()
        lock = self._lock("rebuild")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RebuildAtWork() from None
        try:
            return WhooshGeneration(self, self.new_analyzer(), lock)
        except BaseException:
            lock.release()
            raise

    def apply(self, changes: Callable[[], Iterable[Change]]) -> None:
        with self.writing():
            name, manifest = self.folder.usable_current()
            analyzer = self._analyzer_of(name, manifest)
            # Read before anything is guarded: an error of the database is not a damaged index.
            batch = list(changes())
            if not batch:
                return
            lengths = FieldLengths(manifest.field_lengths)
            _guarded(lambda: write_changes(self.folder.root / name, batch, analyzer, lengths))
        self.forget_snapshot()

    def fingerprints(self) -> dict[str, str]:
        with self._using_snapshot() as snapshot:
            return snapshot.fingerprints()

    def status(self) -> EngineStatus:
        name, manifest = "", None
        try:
            name = self.folder.current_name()
            name, manifest = self.folder.usable_current()
            with self._using_snapshot() as snapshot:
                documents, segments = snapshot.live_count, len(snapshot.segments)
        except IndexProblem as problem:
            return EngineStatus(name, None, 0, 0, 0, "", True, str(problem))
        size = sum(path.stat().st_size for path in (self.folder.root / name).rglob("*") if path.is_file())
        running = self.new_analyzer()
        is_stale = (manifest.segmenter, manifest.dictionary_hash) != (running.segmenter.name, running.dictionary_hash)
        return EngineStatus(
            name, datetime.fromisoformat(manifest.built_at), documents, segments, size, manifest.segmenter, is_stale
        )

    def close(self) -> None:
        """Close all files."""
        self.forget_snapshot()

    # -- for generations -----------------------------------------------------------------------------------------

    def new_analyzer(self) -> Analyzer:
        """The analyzer for a new generation."""
        return self._analyzer_for(self._segmenter, self._own_words)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """The lock against other writers, in this process and others; waits."""
        self.folder.prepare()
        with self._lock("write"):
            yield

    def forget_snapshot(self) -> None:
        """The next search opens the newest commit."""
        with self._state_lock:
            snapshot, self._snapshot = self._snapshot, None
            self._checked_at = 0.0
        if snapshot:
            self._cache.forget(snapshot.release())

    def open_snapshot(self, name: str, previous: Snapshot | None = None) -> Snapshot:
        """The newest commit of a generation, with the segments of `previous` that are still in it."""
        return _guarded(lambda: self._open_snapshot(name, previous))

    # -- snapshots -----------------------------------------------------------------------------------------------

    @contextmanager
    def _using_snapshot(self) -> Iterator[Snapshot]:
        while True:
            snapshot = self._fresh_snapshot()
            if snapshot.use():
                break
        try:
            yield snapshot
        finally:
            self._cache.forget(snapshot.release())

    def _fresh_snapshot(self) -> Snapshot:
        with self._state_lock:
            now = time.monotonic()
            if self._snapshot is not None and now - self._checked_at < FRESHNESS_SECONDS:
                return self._snapshot
            name = self.folder.current_name()
            held = self._snapshot
            if held is None or held.key != (name, self._newest_commit(name)):
                self._replace_snapshot()
            self._checked_at = now
            assert self._snapshot is not None
            return self._snapshot

    def _replace_snapshot(self) -> None:
        name, manifest = self.folder.usable_current()
        analyzer = self._analyzer_of(name, manifest)
        previous = self._snapshot
        self._snapshot = self.open_snapshot(name, previous)
        self._analyzer = analyzer
        if previous:
            self._cache.forget(previous.release())

    def _newest_commit(self, name: str) -> int:
        try:
            return open_index(self.folder.root / name).latest_generation()
        except DAMAGE:
            return -1

    def _open_snapshot(self, name: str, previous: Snapshot | None) -> Snapshot:
        index = open_index(self.folder.root / name)
        kept = {segment.name: segment for segment in previous.segments} if previous else {}
        for attempt in range(10):
            toc = index._read_toc()
            opened: list[Segment] = []
            try:
                for whoosh_segment in toc.segments:
                    segment = kept.get(whoosh_segment.segment_id())
                    opened.append(segment or self._open_segment(index, whoosh_segment, toc.generation))
            except FileNotFoundError:
                # A writer finished meanwhile and removed what this commit used: read the next one.
                if attempt == 9:
                    raise
                continue
            deleted = [set(whoosh_segment.deleted_docs()) for whoosh_segment in toc.segments]
            return Snapshot(opened, deleted, (name, toc.generation))
        raise AssertionError("unreachable")

    def _open_segment(self, index: FileIndex, whoosh_segment: WhooshSegment, commit: int) -> Segment:
        reader = SegmentReader(index.storage, make_schema(), whoosh_segment, generation=commit)
        return Segment(whoosh_segment.segment_id(), reader, self._cache)

    # -- analyzers and locks -------------------------------------------------------------------------------------

    def _analyzer_of(self, name: str, manifest: Manifest) -> Analyzer:
        try:
            return self._analyzer_for(manifest.segmenter, self.folder.words(name))
        except SegmenterMissing as error:
            raise IndexProblem(str(error)) from error

    def _analyzer_for(self, segmenter: str, words: Sequence[str]) -> Analyzer:
        key = (segmenter, tuple(words))
        with self._state_lock:
            if key not in self._analyzers:
                self._analyzers[key] = self._make_analyzer(segmenter, words)
            return self._analyzers[key]

    def _lock(self, name: str) -> FileLock:
        # A new object each time: FileLock is re-entrant within one object, and threads must exclude each other too.
        return FileLock(str(self.folder.root / f".{name}.lock"), is_singleton=False)


class WhooshGeneration:
    """A generation being built aside. Documents are spooled first, because weights need the average field lengths."""

    def __init__(self, engine: WhooshEngine, analyzer: Analyzer, lock: FileLock) -> None:
        self._engine = engine
        self.analyzer = analyzer
        self._lock = lock
        self._folder = engine.folder.begin()
        self.name = self._folder.name
        self._spool = self._folder / "spool"
        self._spool.mkdir()
        self._batches = 0
        self._added = 0
        self._lengths = FieldLengths()

    def add(self, documents: Iterable[IndexDocument]) -> None:
        batch = list(documents)
        with (self._spool / f"{self._batches:06d}").open("wb") as file:
            pickle.dump(batch, file)
        self._batches += 1
        self._added += len(batch)

    def finish(self, progress: Callable[[int, int], None] | None = None) -> None:
        report = progress or (lambda done, total: None)
        total = self._added
        self._lengths = FieldLengths.measure(self._spooled(), self.analyzer)
        create_index(self._folder)
        write_documents(self._folder, self._spooled(), self.analyzer, self._lengths, lambda done: report(done, total))
        shutil.rmtree(self._spool)

    def apply(self, changes: Iterable[Change]) -> None:
        write_changes(self._folder, changes, self.analyzer, self._lengths)

    def fingerprints(self) -> dict[str, str]:
        with self._opened() as snapshot:
            return snapshot.fingerprints()

    def search(self, request: SearchRequest) -> SearchResult:
        with self._opened() as snapshot:
            return snapshot.search(request)

    def publish(self, catch_up: Callable[[], Iterable[Change]] | None = None) -> None:
        folder = self._engine.folder
        with self._engine.writing():
            changes = list(catch_up()) if catch_up else []
            if changes:
                self.apply(changes)
            with self._opened() as snapshot:
                documents = snapshot.live_count
            folder.finish(
                self._folder,
                Manifest(
                    schema_version=SCHEMA_VERSION,
                    analysis_version=ANALYSIS_VERSION,
                    segmenter=self.analyzer.segmenter.name,
                    dictionary_hash=self.analyzer.dictionary_hash,
                    documents=documents,
                    built_at=datetime.now(UTC).isoformat(timespec="seconds"),
                    field_lengths=dict(self._lengths.averages),
                ),
                self.analyzer.own_words,
            )
            folder.set_current(self.name)
            folder.remove_old()
        self._engine.forget_snapshot()
        self._lock.release()

    def discard(self) -> None:
        try:
            self._engine.folder.remove(self._folder)
        finally:
            self._lock.release()

    def _spooled(self) -> Iterator[IndexDocument]:
        for path in sorted(self._spool.iterdir()):
            with path.open("rb") as file:
                yield from pickle.load(file)

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        snapshot = self._engine.open_snapshot(self.name)
        try:
            yield snapshot
        finally:
            snapshot.release()


def _guarded(work: Callable[[], T]) -> T:
    """Run; whatever damaged files raise becomes an `IndexProblem` with the command that mends it."""
    try:
        return work()
    except (EmptyIndexError, WhooshIndexError, *DAMAGE) as error:
        raise IndexProblem(f"索引文件缺失或损坏。{REBUILD_HINT}") from error
