"""A part of a build: what one process analyses, and the segments it becomes."""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Iterable, Iterator
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


class Part:
    """Documents that one process analyses: with as much memory as one segment needs."""

    def __init__(self, folder: Path, analyzer: Analyzer, vectors: VectorSource | None) -> None:
        self._folder = folder
        self._analyzer = analyzer
        self._vectors = vectors
        self._builder = SegmentBuilder(vectors)
        self._spooled: list[Path] = []
        self._totals = LengthTotals()

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Analyse documents."""
        self._builder.add(documents, self._analyzer)
        if self._builder.is_full:
            self._spool()

    def _spool(self) -> None:
        self._totals.add_all(self._builder.finish())
        path = self._folder / f"{secrets.token_hex(8)}{SPOOLED}"
        with path.open("xb") as file:
            pickle.dump(self._builder, file, pickle.HIGHEST_PROTOCOL)
        self._spooled.append(path)
        self._builder = SegmentBuilder(self._vectors)

    def finish(self) -> LengthTotals:
        """The lengths of all that was added; nothing may be added any more."""
        self._totals.add_all(self._builder.finish())
        return self._totals

    def segments(self, lengths: FieldLengths) -> Iterator[W3Segment]:
        """Write all segments, one after the other."""
        if self._builder.size:
            yield write_segment(self._folder, self._builder.arrays(lengths))
        # Its memory is for the next one.
        self._builder = SegmentBuilder()
        for path in self._spooled:
            with path.open("rb") as file:
                builder: SegmentBuilder = pickle.load(file)
            path.unlink()
            yield write_segment(self._folder, builder.arrays(lengths))
