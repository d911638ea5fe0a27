"""Processes that analyse a part of a build's documents each, and write their segments.

They are started anew (spawn), which every system can, and hold nothing but a pipe to the process that builds: when
that ends, however it ends, they read the end of the pipe and end too.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from whoosh.codec.whoosh3 import W3Segment

from zhiku.analysis.analyzer import make_analyzer
from zhiku.analysis.encoder import EncoderMissing, make_encoder
from zhiku.analysis.segment import SegmenterMissing
from zhiku.analysis.vector_cache import VectorCache
from zhiku.engines.whoosh.part import Part
from zhiku.search.port import IndexDocument, IndexProblem
from zhiku.search.scoring import FieldLengths

log = logging.getLogger(__name__)

#: Documents sent at once: a worker has its next ones before it asks, and none has much more to do than the others.
BATCH = 250

#: How long a worker that was told to end may take, in seconds.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a worker opens for itself."""

    folder: Path
    segmenter: str
    own_words: tuple[str, ...]
    #: What must come of them; otherwise texts would be cut differently by the processes.
    dictionary_hash: str
    cache_dir: Path
    encoder: str
    encoder_identity: str
    processes: int


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a worker gave up. No message of an error: it may have a text in it."""

    kind: str
    place: str
    #: Of an error of the system.
    errno: int | None = None
    strerror: str = ""
    #: What is missing here, in Chinese and with what to do.
    missing: str = ""


class WorkerEnded(IndexProblem):
    """A worker was killed or failed; the build cannot go on."""

    def __init__(self) -> None:
        super().__init__(
            "建立索引的辅助进程意外结束（可能内存不足），新索引没有启用；原来的索引继续使用。"
            "请设置 ZHIKU_BUILD_PROCESSES=1，再运行：zhiku index rebuild"
        )


class Workers:
    """The processes of one build, seen from the one that started them."""

    def __init__(self, recipe: Recipe) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._next = 0
        for _ in range(recipe.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(recipe, theirs), daemon=True, name="zhiku-build")
            with _without_main():
                process.start()
            # Only the worker holds its end now, so that its death is seen as the end of the pipe.
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)

    def add(self, documents: Sequence[IndexDocument]) -> None:
        """Hand documents out; waits while all workers are busy."""
        for start in range(0, len(documents), BATCH):
            self._send(self._pipes[self._next], list(documents[start : start + BATCH]))
            self._next = (self._next + 1) % len(self._pipes)

    def finish(self) -> Mapping[str, tuple[int, int]]:
        """Sum of lengths and number of texts of all that was added, by field."""
        for pipe in self._pipes:
            self._send(pipe, None)
        totals: dict[str, tuple[int, int]] = {}
        for pipe in self._pipes:
            for name, (length, count) in self._receive(pipe).items():
                before = totals.get(name, (0, 0))
                totals[name] = (before[0] + length, before[1] + count)
        return totals

    def segments(self, lengths: FieldLengths) -> Iterator[W3Segment]:
        """The segments, each when it is written."""
        for pipe in self._pipes:
            self._send(pipe, lengths)
        open_pipes = list(self._pipes)
        while open_pipes:
            ready = wait(open_pipes)
            for pipe in [pipe for pipe in open_pipes if pipe in ready]:
                segment = self._receive(pipe)
                if segment is None:
                    open_pipes.remove(pipe)
                else:
                    yield segment
        self.close()

    def close(self) -> None:
        """End all of them."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.join(_PATIENCE if process.exitcode is None else 0)
            if process.exitcode is None:
                process.kill()
                process.join()
            process.close()
        self._pipes, self._processes = [], []

    def _send(self, pipe: Connection, message: object) -> None:
        try:
            pipe.send(message)
        except OSError:
            # It may have said why before it ended.
            self._receive(pipe)
            raise WorkerEnded() from None

    def _receive(self, pipe: Connection) -> Any:
        try:
            answer = pipe.recv()
        except (EOFError, OSError):
            raise WorkerEnded() from None
        if isinstance(answer, _Failure):
            if answer.errno is not None:
                raise OSError(answer.errno, answer.strerror)
            if answer.missing:
                raise IndexProblem(answer.missing)
            log.error("a process of the build failed: %s in %s", answer.kind, answer.place)
            raise WorkerEnded()
        return answer


@contextmanager
def _without_main() -> Iterator[None]:
    """Lets a new process not import again what this one was started with: a worker needs nothing of the command line
    or of a script, which might not even be made for it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def work(recipe: Recipe, pipe: Connection) -> None:
    """The life of a worker: documents until None comes, then lengths out, averages in, segments out."""
    # An interrupt in a terminal goes to all processes; the one that builds tells us to end, by ending the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            _work(recipe, pipe)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            pipe.send(_failure(error))


def _work(recipe: Recipe, pipe: Connection) -> None:
    analyzer = make_analyzer(recipe.segmenter, recipe.own_words, recipe.cache_dir)
    encoder = make_encoder(recipe.encoder, threads=1)
    vectors = VectorCache(recipe.cache_dir, encoder) if encoder else None
    if analyzer.dictionary_hash != recipe.dictionary_hash:
        raise RuntimeError("another dictionary")
    if (vectors.identity if vectors else "") != recipe.encoder_identity:
        raise RuntimeError("another encoder")
    # What is here now stays as long as the process, and need not be looked through for garbage again and again.
    gc.freeze()
    part = Part(recipe.folder, analyzer, vectors)
    while (documents := pipe.recv()) is not None:
        part.add(documents)
    pipe.send(part.finish().totals)
    for segment in part.segments(pipe.recv()):
        pipe.send(segment)
    pipe.send(None)


def _failure(error: Exception) -> _Failure:
    frame = error.__traceback__
    while frame and frame.tb_next:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else ""
    if isinstance(error, OSError):
        return _Failure(type(error).__name__, place, error.errno, error.strerror or "")
    missing = str(error) if isinstance(error, EncoderMissing | SegmenterMissing) else ""
    return _Failure(type(error).__name__, place, missing=missing)
