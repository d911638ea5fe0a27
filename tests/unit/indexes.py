"""Engines for tests of what stands above them: the real embedded one in a folder, and the one in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from zhiku.analysis.analyzer import Analyzer, make_analyzer
from zhiku.engines.memory import MemoryEngine
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.search.port import NO_TERMS, Engine, SearchRequest
from zhiku.search.query import parse


@cache
def analyzer(segmenter: str = "auto", words: tuple[str, ...] = ()) -> Analyzer:
    """An analyzer; one of each for all tests, because a dictionary is dear to load."""
    return make_analyzer(segmenter, words)


def engine_in(folder: Path) -> WhooshEngine:
    """The embedded engine in a folder."""

    def analyzer_for(segmenter: str, words: Sequence[str]) -> Analyzer:
        return analyzer(segmenter, tuple(words))

    return WhooshEngine(folder, analyzer_for)


def memory_engine() -> MemoryEngine:
    """The reference engine, with nothing in it."""
    return MemoryEngine(analyzer())


def found(engine: Engine, query: str) -> list[str]:
    """Ids of the documents that a query finds, sorted; all of them for an empty one."""
    terms = parse(query, engine.analyzer) if query else NO_TERMS
    return sorted(hit.id for hit in engine.search(SearchRequest(terms)).hits)
