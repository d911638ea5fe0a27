"""The race: every engine builds, is held against the reference scorer, and answers the same queries in turn."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import Contestant, PeerMissing
from _bench.reference import Comparison, Reference
from _bench.timing import quantile, say, seconds

#: Passes over the queries that are timed when warm; one more goes before them, the first touch.
WARM_PASSES = 2

#: More of the machine than this share went to other programs: the times are longer than they would be.
BUSY = 0.1


class EngineWrong(Exception):
    """zhiku's own engine does not return what its formula says: its times would mean nothing."""


@dataclass(slots=True)
class Result:
    """One engine at one size. Times in seconds, by length of the query ("long", "short")."""

    engine: str
    formula: str
    documents: int
    build: float = 0.0
    #: Cutting the texts into terms, where the engine was given terms.
    analysis: float = 0.0
    size: int = 0
    comparisons: list[Comparison] = field(default_factory=list)
    first: dict[str, list[float]] = field(default_factory=dict)
    #: Per query, one time for each pass.
    warm: dict[str, list[list[float]]] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Documents a second, from texts to an index that answers."""
        return self.documents / (self.build + self.analysis)

    @property
    def exact(self) -> float:
        """Share of the queries whose ten are the formula's, in order."""
        return sum(one.is_exact for one in self.comparisons) / max(1, len(self.comparisons))

    @property
    def overlap(self) -> float:
        """Mean share of the ten that the formula has too."""
        return sum(one.overlap for one in self.comparisons) / max(1, len(self.comparisons))

    def p(self, share: float, length: str, queries: int | None = None) -> float:
        """A quantile over the long or the short queries (or only the first ones) when warm, in milliseconds: of each
        query the better pass, because the worse one tells what else the machine did."""
        return quantile([min(passes) for passes in self.warm[length][:queries]], share) * 1000

    def p_every_pass(self, share: float, length: str) -> float:
        """The same over every single pass."""
        return quantile([one for passes in self.warm[length] for one in passes], share) * 1000

    def p_first(self, share: float, length: str) -> float:
        """The same of the first touch."""
        return quantile(self.first[length], share) * 1000


def ratio(one: Result, other: Result, length: str) -> float:
    """p95 of one engine over that of another, both on the queries that both were asked."""
    shared = min(len(one.warm[length]), len(other.warm[length]))
    return one.p(0.95, length, shared) / max(1e-9, other.p(0.95, length, shared))


def makers() -> Mapping[str, Callable[[Path], Contestant]]:
    """Every contestant by its name on the command line. A peer that is missing raises when it is made."""
    from _bench.engines.fts5 import Fts5
    from _bench.engines.msearch import FlaskMsearch
    from _bench.engines.stock_whoosh import StockWhoosh
    from _bench.engines.tantivy_engine import Tantivy
    from _bench.engines.zhiku_engine import ZhikuEngine

    return {"zhiku": ZhikuEngine, "whoosh": StockWhoosh, "msearch": FlaskMsearch, "fts5": Fts5, "tantivy": Tantivy}


def race(
    corpus: Corpus, times: int, names: Sequence[str], folder: Path, slow_queries: int, analysis: float, is_full: bool
) -> tuple[list[Result], list[str]]:
    """Results at one size, and sentences on what was left out or disturbed.

    `analysis` is the time that cutting all texts of the corpus once took. Raises `EngineWrong`.
    """
    notes: list[str] = []
    entered: list[tuple[Contestant, Result]] = []
    documents = len(corpus.texts) * times
    reference = Reference(corpus, times)
    try:
        for name in names:
            try:
                contestant = makers()[name](folder / name)
            except PeerMissing as missing:
                notes.append(str(missing))
                continue
            if documents > contestant.largest and not is_full:
                notes.append(f"{contestant.name} is left out at {documents} documents: too slow (--full takes it in)")
                continue
            say(f"×{times}: {contestant.name} indexes {documents} documents …")
            built = [_built(contestant, corpus, times, analysis)]
            built += _companions(name, folder, built[0][1])
            entered += built
            # At once: what is wrong is known before the slow ones have built theirs.
            for one, result in built:
                _check(one, result, reference, corpus, slow_queries)
        say(f"×{times}: every engine is timed …")
        for length, queries in (("long", corpus.long), ("short", corpus.short)):
            others = _time(entered, length, queries, slow_queries)
            if others > BUSY:
                notes.append(
                    f"×{times}: other programs had {others:.0%} of a core meanwhile; {length} times are too long"
                )
    finally:
        for contestant, _ in entered:
            contestant.close()
        shutil.rmtree(folder, ignore_errors=True)
    return [result for _, result in entered], notes


def _built(contestant: Contestant, corpus: Corpus, times: int, analysis: float) -> tuple[Contestant, Result]:
    """Index the corpus, timed."""
    contestant.prepare(corpus, times)
    took = seconds(partial(contestant.build, corpus, times))
    result = Result(contestant.name, contestant.formula.name, len(corpus.texts) * times, took)
    result.analysis = 0.0 if contestant.cuts_texts else analysis * times
    result.size = contestant.size()
    return contestant, result


def _companions(name: str, folder: Path, built: Result) -> list[tuple[Contestant, Result]]:
    """Other ways to ask an index that was built."""
    if name != "tantivy":
        return []
    from _bench.engines.tantivy_engine import TantivyTopOnly

    companion = TantivyTopOnly(folder / name)
    other = Result(companion.name, built.formula, built.documents, built.build, built.analysis, built.size)
    return [(companion, other)]


def _check(contestant: Contestant, result: Result, reference: Reference, corpus: Corpus, slow_queries: int) -> None:
    contestant.open()
    for queries in (corpus.long, corpus.short):
        for query in queries[:slow_queries] if contestant.is_slow else queries:
            comparison = reference.compare(query, contestant.formula, contestant.ask(query))
            result.comparisons.append(comparison)
            if contestant.name == "zhiku" and not comparison.is_exact:
                raise EngineWrong(
                    f"zhiku's engine is wrong: for “{query.text}” its ten best of {result.documents} documents are not "
                    f"those of {contestant.formula.name} ({comparison.overlap:.0%} of them are). Nothing was timed."
                )
    contestant.close()


def _time(
    entered: Sequence[tuple[Contestant, Result]], length: str, queries: Sequence[Query], slow_queries: int
) -> float:
    """First touch, each engine by itself after opening anew; then all in turn, query by query, so that what else the
    machine does meets all alike. Returns the share of the time that other programs had."""
    for contestant, result in entered:
        contestant.close()
        contestant.open()
        asked = queries[:slow_queries] if contestant.is_slow else queries
        result.first[length] = [_timed(contestant, query) for query in asked]
        result.warm[length] = [[] for _ in asked]
    began, used = time.perf_counter(), time.process_time()
    for _ in range(WARM_PASSES):
        for place, query in enumerate(queries):
            for contestant, result in entered:
                if not contestant.is_slow or place < slow_queries:
                    result.warm[length][place].append(_timed(contestant, query))
    return max(0.0, 1 - (time.process_time() - used) / max(1e-9, time.perf_counter() - began))


def _timed(contestant: Contestant, query: Query) -> float:
    start = time.perf_counter()
    contestant.ask(query)
    return time.perf_counter() - start
