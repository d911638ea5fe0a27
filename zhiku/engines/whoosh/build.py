"""A build: all documents of a generation into segments, with as much memory as one segment needs."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from pathlib import Path

from whoosh.codec.whoosh3 import W3Segment

from zhiku.analysis.analyzer import Analyzer
from zhiku.engines.whoosh.building import LengthTotals, SegmentBuilder
from zhiku.engines.whoosh.vectors import VectorSource
from zhiku.engines.whoosh.writing import write_segment
from zhiku.search.port import IndexDocument
from zhiku.search.scoring import FieldLengths

#: Ending of what a full segment's documents are kept in until the average lengths are known.
SPOOLED = ".spooled"


class Build:
    """Takes documents, then writes segments."""

    def __init__(self, folder: Path, analyzer: Analyzer, vectors: VectorSource | None = None) -> None:
        self._folder = folder
        self._analyzer = analyzer
        self._totals = LengthTotals()
        self._spooled: list[Path] = []
        self._vectors = vectors
        self._builder = SegmentBuilder(vectors)
        self._added = 0

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Analyse documents."""
        batch = list(documents)
        self._builder.add(batch, self._analyzer)
        self._added += len(batch)
        if self._builder.is_full:
            self._spool()

    def _spool(self) -> None:
        self._totals.add_all(self._builder.lengths.totals)
        path = self._folder / f"{len(self._spooled):06d}{SPOOLED}"
        with path.open("xb") as file:
            pickle.dump(self._builder, file, pickle.HIGHEST_PROTOCOL)
        self._spooled.append(path)
        self._builder = SegmentBuilder(self._vectors)

    def lengths(self) -> FieldLengths:
        """The average lengths over all that was added."""
        totals = LengthTotals()
        totals.add_all(self._totals.totals)
        totals.add_all(self._builder.lengths.totals)
        return totals.averages()

    def segments(self, lengths: FieldLengths, progress: Callable[[int, int], None]) -> list[W3Segment]:
        """Write all segments; `progress(done, total)` in documents after each."""
        segments: list[W3Segment] = []
        done = 0
        builder: SegmentBuilder | None = self._builder
        while builder is not None or self._spooled:
            if builder is None:
                path = self._spooled.pop()
                with path.open("rb") as file:
                    builder = pickle.load(file)
                path.unlink()
            if builder.size:
                segments.append(write_segment(self._folder, builder.arrays(lengths)))
                done += builder.size
                progress(done, self._added)
            builder = None
        return segments
