"""A build: all documents of a generation into segments, by this process or by several.

One part of the documents is analysed by each process. Which document goes to which makes no difference to any answer:
a document's weights depend on its own text and on the average lengths, which are counted over all parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from whoosh.codec.whoosh3 import W3Segment

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.encoder import usable_cores
from zhiku.engines.whoosh.part import Part
from zhiku.engines.whoosh.vectors import VectorSource
from zhiku.engines.whoosh.workers import Recipe, Workers
from zhiku.search.port import IndexDocument
from zhiku.search.scoring import FieldLengths

#: Fewer documents are analysed before a process has started and read its dictionary.
FEWEST_FOR_WORKERS = 1_500

#: More processes than this wait for the one that reads the database.
MOST_PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Processes:
    """How many processes analyse the documents of a large build, and what each needs to open."""

    #: 0: as many as there are cores, at most `MOST_PROCESSES`.
    count: int
    cache_dir: Path
    encoder: str

    @property
    def chosen(self) -> int:
        """How many there will be."""
        return self.count or min(MOST_PROCESSES, usable_cores())


class Build:
    """Takes documents, then writes segments."""

    def __init__(
        self, folder: Path, analyzer: Analyzer, vectors: VectorSource | None = None, processes: Processes | None = None
    ) -> None:
        self._part = Part(folder, analyzer, vectors)
        self._recipe: Recipe | None = None
        if processes and processes.chosen > 1:
            self._recipe = Recipe(
                folder=folder,
                segmenter=analyzer.segmenter.name,
                own_words=analyzer.own_words,
                dictionary_hash=analyzer.dictionary_hash,
                cache_dir=processes.cache_dir,
                encoder=processes.encoder if vectors else "none",
                encoder_identity=vectors.identity if vectors else "",
                processes=processes.chosen,
            )
        self._workers: Workers | None = None
        #: Documents that wait until it is known whether processes are worth starting.
        self._waiting: list[IndexDocument] = []
        self._added = 0

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Analyse documents."""
        batch = list(documents)
        self._added += len(batch)
        if self._workers:
            self._workers.add(batch)
        elif not self._recipe:
            self._part.add(batch)
        else:
            self._waiting += batch
            if len(self._waiting) >= FEWEST_FOR_WORKERS:
                self._workers = Workers(self._recipe)
                self._workers.add(self._waiting)
                self._waiting = []

    def finish(self) -> FieldLengths:
        """The average lengths over all that was added; nothing may be added any more."""
        self._part.add(self._waiting)
        self._waiting = []
        totals = self._part.finish()
        if self._workers:
            totals.add_all(self._workers.finish())
        return totals.averages()

    def segments(self, lengths: FieldLengths, progress: Callable[[int, int], None]) -> list[W3Segment]:
        """Write all segments; `progress(done, total)` in documents after each."""
        segments: list[W3Segment] = []
        done = 0
        for segment in self._written(lengths):
            segments.append(segment)
            done += segment.doc_count_all()
            progress(done, self._added)
        return segments

    def _written(self, lengths: FieldLengths) -> Iterator[W3Segment]:
        yield from self._part.segments(lengths)
        if self._workers:
            yield from self._workers.segments(lengths)

    def close(self) -> None:
        """End what still runs; whatever it wrote is left."""
        if self._workers:
            self._workers.close()
