"""The engines under contract, each brought to the same contents in its own way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zhiku.analysis.analyzer import Analyzer
from zhiku.engines.memory import MemoryEngine
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.search.port import Change, Engine, IndexDocument, SearchResult, sources_of

#: (segmenter name, words of ours) -> analyzer.
Analyzers = Callable[[str, Sequence[str]], Analyzer]

#: Many small commits make many segments.
SMALL_CHANGES = 20


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to run an engine."""

    name: str
    engine: str = "whoosh"
    #: "auto" is rjieba where it is installed.
    segmenter: str = "auto"
    cache_bytes: int = 16 << 20
    #: Every document is written again in so many commits, so that it lies in another segment than before.
    rewritten_in: int = 0

    def __str__(self) -> str:
        return self.name

    def open(self, folder: Path, analyzers: Analyzers) -> Engine:
        """An engine with nothing in it."""
        if self.engine == "memory":
            return MemoryEngine(analyzers(self.segmenter, ()))
        return WhooshEngine(folder, analyzers, self.segmenter, cache_bytes=self.cache_bytes)

    def filled(
        self,
        folder: Path,
        analyzers: Analyzers,
        documents: Sequence[IndexDocument],
        changes: Sequence[Change] = (),
    ) -> Engine:
        """An engine built from `documents` and then brought forward by `changes`."""
        engine = self.open(folder, analyzers)
        rebuild(engine, documents)
        if self.rewritten_in:
            for part in parts(list(sources_of(documents)), self.rewritten_in):
                engine.apply(lambda part=part: part)  # type: ignore[misc]
        if changes:
            for part in parts(changes, self.rewritten_in or 1):
                engine.apply(lambda part=part: part)  # type: ignore[misc]
        return engine


MEMORY = Variant("memory", engine="memory")
MEMORY_JIEBA = Variant("memory-jieba", engine="memory", segmenter="jieba")
ONE_SEGMENT = Variant("whoosh-one-segment")
MANY_SEGMENTS = Variant("whoosh-many-segments", rewritten_in=SMALL_CHANGES)
NO_CACHE = Variant("whoosh-no-cache", cache_bytes=0)
MANY_NO_CACHE = Variant("whoosh-many-segments-no-cache", cache_bytes=0, rewritten_in=6)
TINY_CACHE = Variant("whoosh-tiny-cache", cache_bytes=2_000, rewritten_in=3)
JIEBA = Variant("whoosh-jieba", segmenter="jieba", rewritten_in=3)

WHOOSH = (ONE_SEGMENT, MANY_SEGMENTS, NO_CACHE, MANY_NO_CACHE, TINY_CACHE)
ALL = (MEMORY, *WHOOSH, JIEBA)


def rebuild(engine: Engine, documents: Iterable[IndexDocument]) -> None:
    """A generation of exactly these documents answers."""
    generation = engine.begin_generation()
    generation.add(documents)
    generation.finish()
    generation.publish()


def parts(changes: Sequence[Change], count: int) -> list[list[Change]]:
    """The changes in at most `count` runs of about equal length, none empty."""
    size = max(1, -(-len(changes) // count))
    return [list(changes[start : start + size]) for start in range(0, len(changes), size)]


def answer(result: SearchResult) -> tuple[object, ...]:
    """All of a result that engines must agree upon: everything but the scores."""
    hits = [(hit.id, hit.source, hit.owner, hit.kind, hit.date, hit.words_found, hit.is_near) for hit in result.hits]
    facets = {name: dict(counts) for name, counts in result.facets.items()}
    totals = (result.total_documents, result.total_owners, result.named_owners, result.has_own_words)
    return (hits, totals, facets)


def scores(result: SearchResult) -> list[float]:
    """The scores of the hits, in order."""
    return [hit.score for hit in result.hits]
