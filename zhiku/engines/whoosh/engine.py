"""The Whoosh engine: generations, snapshots and the locks between them."""

from __future__ import annotations

import errno
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from whoosh.codec.whoosh3 import W3Segment
from whoosh.index import EmptyIndexError

from zhiku.analysis.analyzer import ANALYSIS_VERSION, Analyzer, dictionary_hash
from zhiku.analysis.encoder import Encoder, EncoderMissing
from zhiku.analysis.segment import SegmenterMissing, segmenter_name
from zhiku.engines.whoosh.arrayfile import DamagedFile
from zhiku.engines.whoosh.build import Build, Processes
from zhiku.engines.whoosh.codec import open_segment
from zhiku.engines.whoosh.generations import REBUILD_HINT, GenerationFolder, Manifest, begun_at
from zhiku.engines.whoosh.nearness import read_basis, write_basis
from zhiku.engines.whoosh.postings import PostingCache
from zhiku.engines.whoosh.schema import SCHEMA_VERSION, TIE
from zhiku.engines.whoosh.segment import Segment
from zhiku.engines.whoosh.snapshot import Snapshot
from zhiku.engines.whoosh.vectors import VectorSource
from zhiku.engines.whoosh.writing import commit_segments, create_index, open_index, write_changes
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

#: A commit removes files of the one before: how often a reader that was overtaken looks again, and seconds between.
OPEN_TRIES, OPEN_WAIT = 20, 0.01

#: Dictionaries kept in memory: that of the current generation, of the one before, and of the one being built.
ANALYZERS_KEPT = 3

#: The system refuses to write; nothing is damaged.
CANNOT_WRITE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS}

log = logging.getLogger(__name__)

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
        own_words: Callable[[], Sequence[str]] = tuple,
        cache_bytes: int = 256 << 20,
        vectors: VectorSource | None = None,
        processes: Processes | None = None,
    ) -> None:
        """`segmenter`, `own_words` and `vectors` are for new generations; a search uses those of its generation.

        `own_words` is asked when a generation begins: its words are normalised, each once, sorted. `processes` lets
        several processes build a large generation; this one alone does where it is None.
        """
        self.processes = processes
        self.folder = GenerationFolder(root)
        self._make_analyzer = make_analyzer
        self._segmenter = segmenter
        self._own_words = own_words
        self._cache = PostingCache(cache_bytes)
        self._vectors = vectors
        self._encoder_name = ""
        self._analyzers: dict[tuple[str, tuple[str, ...]], Analyzer] = {}
        self._state_lock = threading.RLock()
        self._snapshot: Snapshot | None = None
        #: (generation, commit) that cannot be used, and why, while an older generation answers instead of it.
        self._unusable: tuple[str, int] | None = None
        self._problem = ""
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

    @property
    def encoder(self) -> Encoder | None:
        with self._using_snapshot():
            vectors = self.vectors_for(self._encoder_name)
            return vectors.encoder if vectors else None

    def vocabulary(self, division: str = "") -> Mapping[str, int]:
        with self._using_snapshot() as snapshot:
            return _guarded(lambda: snapshot.vocabulary(division))

    def search(self, request: SearchRequest) -> SearchResult:
        with self._using_snapshot() as snapshot:
            return _guarded(lambda: snapshot.search(request))

    def begin_generation(self) -> WhooshGeneration:
        analyzer = self.new_analyzer()
        self.folder.prepare()
        lock = self._lock("rebuild")
        try:
            with self.writing_failures("rebuild"):
                lock.acquire(timeout=0)
        except Timeout:
            raise RebuildAtWork() from None
        try:
            with self.writing_failures("rebuild"):
                self.folder.remove_unfinished()
                return WhooshGeneration(self, analyzer, lock)
        except BaseException:
            lock.release()
            raise

    def apply(self, changes: Callable[[], Iterable[Change]]) -> None:
        with self.writing("drain"):
            name, manifest = self.folder.usable_current()
            analyzer = self._analyzer_of(name, manifest)
            # Read before anything is guarded: an error of the database is not a damaged index.
            batch = list(changes())
            if not batch:
                return
            lengths = FieldLengths(manifest.field_lengths)

            def write() -> None:
                folder, vectors = self.folder.root / name, self.vectors_for(manifest.encoder)
                with self.writing_failures("drain"):
                    try:
                        write_changes(folder, batch, analyzer, lengths, vectors)
                    except EncoderMissing as error:
                        # Words matter more: these documents have vectors after the next rebuild.
                        log.error("documents are indexed without vectors: %s", error)
                        write_changes(folder, batch, analyzer, lengths)

            _guarded(write)
        self.forget_snapshot()

    def fingerprints(self) -> dict[str, str]:
        with self._using_snapshot() as snapshot:
            if self._problem:
                raise IndexProblem(self._problem)
            return _guarded(lambda: snapshot.fingerprints())

    def status(self) -> EngineStatus:
        name, manifest = "", None
        try:
            name = self.folder.current_name()
            name, manifest = self.folder.usable_current()
            is_stale = self._is_stale(manifest)
            with self._using_snapshot() as snapshot:
                documents, segments = snapshot.live_count, len(snapshot.segments)
            if self._problem:
                raise IndexProblem(self._problem)
        except IndexProblem as problem:
            return EngineStatus(name, None, 0, 0, 0, "", True, str(problem))
        size = sum(map(_size, (self.folder.root / name).rglob("*")))
        return EngineStatus(
            name,
            datetime.fromisoformat(manifest.built_at),
            documents,
            segments,
            size,
            manifest.segmenter,
            is_stale,
            encoder=manifest.encoder,
        )

    def close(self) -> None:
        """Close all files."""
        self.forget_snapshot()

    # -- for generations -----------------------------------------------------------------------------------------

    def new_analyzer(self) -> Analyzer:
        """The analyzer for a new generation; raises `IndexProblem` when its segmenter is not installed."""
        try:
            return self._analyzer_for(self._segmenter, self._own_words())
        except SegmenterMissing as error:
            raise self._segmenter_missing() from error

    def vectors_for(self, encoder: str) -> VectorSource | None:
        """The source of vectors for a generation whose manifest names this encoder.

        None where it has none, or where the encoder is not here: documents then wait for the next rebuild for theirs.
        """
        return self._vectors if self._vectors and self._vectors.identity == encoder else None

    def new_vectors(self) -> VectorSource | None:
        """The source of vectors for a new generation."""
        return self._vectors

    def begun_at(self) -> datetime | None:
        """When the current generation was begun; None where there is none that can be used."""
        try:
            return begun_at(self.folder.usable_current()[0])
        except IndexProblem:
            return None

    def forget_begun_before(self, moment: datetime) -> None:
        """Delete older generations that were begun before a moment: what was erased then is still in them.

        One that is in use, or while somebody builds, is left to the next rebuild.
        """
        lock = self._lock("rebuild")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return
        try:
            with self.writing("rebuild"):
                self.folder.remove_begun_before(moment)
        finally:
            lock.release()

    def clause_keys(self) -> NDArray[np.int64]:
        """Keys of all clauses that the current generation has vectors of (n,). Raises `IndexProblem`."""
        with self._using_snapshot() as snapshot:
            return snapshot.nearness.clause_keys()

    @contextmanager
    def writing(self, command: str) -> Iterator[None]:
        """The lock against other writers, in this process and others; waits."""
        self.folder.prepare()
        lock = self._lock("write")
        with self.writing_failures(command):
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def writing_failures(self, command: str) -> Iterator[None]:
        """A full disk or missing rights become an `IndexProblem` that names the `zhiku index` command to run again.

        So does an encoder that turns out not to be loadable.
        """
        try:
            yield
        except EncoderMissing as error:
            raise IndexProblem(str(error)) from error
        except OSError as error:
            if error.errno not in CANNOT_WRITE:
                raise
            raise IndexProblem(
                f"不能写入索引目录 {self.folder.root}({error.strerror})，原来的索引没有改变。"
                f"请检查磁盘空间和权限，再运行：zhiku index {command}"
            ) from error

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
            newest = (name, self._newest_commit(name))
            if held is None or newest not in (held.key, self._unusable):
                self._replace_snapshot()
            self._checked_at = now
            assert self._snapshot is not None
            return self._snapshot

    def _replace_snapshot(self) -> None:
        previous = self._snapshot
        for attempt in range(OPEN_TRIES):
            name = self.folder.current_name()
            try:
                name, manifest = self.folder.usable_current()
                analyzer = self._analyzer_of(name, manifest)
                self._snapshot = self.open_snapshot(name, previous)
                self._unusable, self._problem = None, ""
                break
            except IndexProblem as problem:
                # It may have been removed because another one answers now.
                if attempt < OPEN_TRIES - 1 and self.folder.current_name() != name:
                    continue
                older = self._older_generation(name)
                if older is None:
                    raise
                self._unusable, self._problem = (name, self._newest_commit(name)), str(problem)
                manifest, analyzer, self._snapshot = older
                log.error("generation %s cannot be used; %s answers", name, self._snapshot.key[0])
                break
        self._analyzer = analyzer
        self._encoder_name = manifest.encoder
        if previous:
            self._cache.forget(previous.release())

    def _older_generation(self, name: str) -> tuple[Manifest, Analyzer, Snapshot] | None:
        """The newest other generation that can answer, where this one is ours and damaged; rows are read anew anyway.

        None where CURRENT names nothing of ours: somebody changed it by hand, and shall be told.
        """
        if name not in self.folder.names():
            return None
        for older in sorted((one for one in self.folder.names() if one != name), reverse=True):
            try:
                manifest = self.folder.manifest(older)
                if not manifest.problem:
                    return manifest, self._analyzer_of(older, manifest), self.open_snapshot(older)
            except IndexProblem:
                continue
        return None

    def _newest_commit(self, name: str) -> int:
        """Number of the generation's newest commit; -1 when it cannot be told."""
        try:
            return open_index(self.folder.root / name).latest_generation()
        except Exception:
            # Whatever it is, opening the snapshot meets it again and says so.
            return -1

    def _open_snapshot(self, name: str, previous: Snapshot | None) -> Snapshot:
        kept = {segment.name: segment for segment in previous.segments} if previous else {}
        for _ in range(OPEN_TRIES - 1):
            try:
                return self._open_newest_commit(name, kept)
            except (FileNotFoundError, EmptyIndexError):
                # A writer finished meanwhile and removed what this commit used: read the next one.
                time.sleep(OPEN_WAIT)
        return self._open_newest_commit(name, kept)

    def _open_newest_commit(self, name: str, kept: Mapping[str, Segment]) -> Snapshot:
        index = open_index(self.folder.root / name)
        toc = index._read_toc()
        opened: list[Segment] = []
        try:
            for whoosh_segment in toc.segments:
                segment = kept.get(whoosh_segment.segment_id())
                opened.append(segment or self._open_segment(self.folder.root / name, whoosh_segment))
            deleted = [set(whoosh_segment.deleted_docs()) for whoosh_segment in toc.segments]
            return Snapshot(opened, deleted, (name, toc.generation), read_basis(self.folder.root / name))
        except BaseException:
            for segment in opened:
                segment.close_unused()
            raise

    def _open_segment(self, folder: Path, segment: W3Segment) -> Segment:
        arrays = open_segment(folder, segment)
        try:
            if len(arrays[TIE]) != segment.doc_count_all():
                raise DamagedFile("not the segment that the commit names")
            return Segment(segment.segment_id(), arrays, self._cache)
        except BaseException:
            arrays.close()
            raise

    # -- analyzers and locks -------------------------------------------------------------------------------------

    def _analyzer_of(self, name: str, manifest: Manifest) -> Analyzer:
        try:
            analyzer = self._analyzer_for(manifest.segmenter, self.folder.words(name))
        except SegmenterMissing as error:
            raise IndexProblem(str(error)) from error
        if analyzer.dictionary_hash != manifest.dictionary_hash:
            # Another version of jieba, or a word list that lost its end: queries would be cut unlike the texts.
            raise IndexProblem(f"索引的词表损坏，或分词程序的词典换了版本。{REBUILD_HINT}")
        return analyzer

    def _analyzer_for(self, segmenter: str, words: Sequence[str]) -> Analyzer:
        key = (segmenter, tuple(words))
        with self._state_lock:
            analyzer = self._analyzers.pop(key, None) or self._make_analyzer(segmenter, words)
            # Last used last; a dictionary is some hundred megabytes, and every edit of the words makes another one.
            self._analyzers[key] = analyzer
            while len(self._analyzers) > ANALYZERS_KEPT:
                del self._analyzers[next(iter(self._analyzers))]
            return analyzer

    def _is_stale(self, manifest: Manifest) -> bool:
        """Whether a new generation would have another dictionary or encoder; loads neither, for this is asked often."""
        try:
            running = segmenter_name(self._segmenter)
        except SegmenterMissing as error:
            raise self._segmenter_missing() from error
        encoder = self._vectors.identity if self._vectors else ""
        return (manifest.segmenter, manifest.dictionary_hash, manifest.encoder) != (
            running,
            dictionary_hash(self._own_words()),
            encoder,
        )

    def _segmenter_missing(self) -> IndexProblem:
        return IndexProblem(
            f"设置要求用 {self._segmenter} 分词（ZHIKU_SEGMENTER），而这台电脑没有安装它。"
            f"请安装（pip install {self._segmenter}）或改为 auto，再运行：zhiku index rebuild"
        )

    def _lock(self, name: str) -> FileLock:
        # A new object each time: FileLock is re-entrant within one object, and threads must exclude each other too.
        return FileLock(str(self.folder.root / f".{name}.lock"), is_singleton=False)


class WhooshGeneration:
    """A generation being built aside. Documents are analysed as they come; weights wait for the average lengths."""

    def __init__(self, engine: WhooshEngine, analyzer: Analyzer, lock: FileLock) -> None:
        self._engine = engine
        self.analyzer = analyzer
        self._lock = lock
        self._folder = engine.folder.begin()
        self.name = self._folder.name
        self._vectors = engine.new_vectors()
        self._build = Build(self._folder, analyzer, self._vectors, engine.processes)
        self._lengths = FieldLengths()

    def add(self, documents: Iterable[IndexDocument]) -> None:
        with self._engine.writing_failures("rebuild"):
            self._build.add(documents)

    def finish(self, progress: Callable[[int, int], None] | None = None) -> None:
        with self._engine.writing_failures("rebuild"):
            self._lengths = self._build.finish()
            create_index(self._folder)
            commit_segments(self._folder, self._build.segments(self._lengths, progress or (lambda done, total: None)))
        with self._opened() as snapshot, self._engine.writing_failures("rebuild"):
            write_basis(self._folder, snapshot.nearness)

    def apply(self, changes: Iterable[Change]) -> None:
        with self._engine.writing_failures("rebuild"):
            write_changes(self._folder, changes, self.analyzer, self._lengths, self._vectors)

    def fingerprints(self) -> dict[str, str]:
        with self._opened() as snapshot:
            return snapshot.fingerprints()

    def search(self, request: SearchRequest) -> SearchResult:
        with self._opened() as snapshot:
            return snapshot.search(request)

    def publish(self, catch_up: Callable[[], Iterable[Change]] | None = None) -> None:
        with self._engine.writing("rebuild"):
            changes = list(catch_up()) if catch_up else []
            if changes:
                self.apply(changes)
            with self._opened() as snapshot:
                documents = snapshot.live_count
            with self._engine.writing_failures("rebuild"):
                self._take_over(documents)
        self._engine.forget_snapshot()
        self._lock.release()

    def _take_over(self, documents: int) -> None:
        folder = self._engine.folder
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
                encoder=self._vectors.identity if self._vectors else "",
            ),
            self.analyzer.own_words,
        )
        previous = folder.answering()
        folder.set_current(self.name)
        folder.remove_old(previous)

    def discard(self) -> None:
        try:
            self._build.close()
            self._engine.folder.remove(self._folder)
        finally:
            self._lock.release()

    @contextmanager
    def _opened(self) -> Iterator[Snapshot]:
        snapshot = self._engine.open_snapshot(self.name)
        try:
            yield snapshot
        finally:
            snapshot.release()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0  # a commit removed it meanwhile


def _guarded(work: Callable[[], T]) -> T:
    """Run; whatever damaged files raise becomes an `IndexProblem` with the command that mends it.

    Whoosh unpickles what it reads, and damaged bytes can raise anything there.
    """
    try:
        return work()
    except IndexProblem:
        raise
    except Exception as error:
        # Without the error's message, which may carry what somebody searched for.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        log.error("the index cannot be read: %s in %s:%s", type(error).__name__, frame.filename, frame.lineno)
        raise IndexProblem(f"索引文件缺失或损坏。{REBUILD_HINT}") from error
