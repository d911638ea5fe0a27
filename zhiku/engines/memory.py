"""The reference engine: plain Python over dictionaries, written to be read rather than fast.

The contract tests hold every other engine against it. It keeps nothing on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from threading import Lock

import numpy as np

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.port import (
    Change,
    EngineStatus,
    Hit,
    IndexDocument,
    IndexProblem,
    RebuildAtWork,
    RequiredWord,
    SearchRequest,
    SearchResult,
    TermGroup,
)
from zhiku.search.scoring import GROUP_WEIGHTS, K1, MATCHING_GROUPS, FieldLengths, fold, idf


@dataclass
class _Store:
    """Documents and their folded terms."""

    analyzer: Analyzer
    lengths: FieldLengths = field(default_factory=FieldLengths)
    documents: dict[str, IndexDocument] = field(default_factory=dict)
    terms: dict[str, dict[TermGroup, dict[str, float]]] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for gone in [key for key, document in self.documents.items() if document.source == change.source]:
                del self.documents[gone], self.terms[gone]
            for document in change.documents:
                self.put(document)

    def put(self, document: IndexDocument) -> None:
        self.documents[document.id] = document
        # Postings keep weights as 32-bit floats, so the reference does too.
        self.terms[document.id] = {
            group: {term: float(np.float32(weight)) for term, weight in weights.items()}
            for group, weights in fold(document, self.analyzer, self.lengths).items()
        }

    def fingerprints(self) -> dict[str, str]:
        return {key: document.fingerprint for key, document in self.documents.items()}

    def search(self, request: SearchRequest) -> SearchResult:
        scores, near = self._scores(request)
        found = {key: self._words_found(key, request) for key in scores}
        owners: dict[str, int] = {}
        for key in scores:
            if owner := self.documents[key].owner:
                owners[owner] = owners.get(owner, 0) | found[key]
        hits = [
            self._hit(key, scores[key], owners.get(self.documents[key].owner, found[key]), request) for key in scores
        ]
        near_hits = [replace(self._hit(key, score, 0, request), is_near=True) for key, score in near.items()]
        shown = [*_best(hits, request.limit), *_best(near_hits, request.near_limit)]
        return SearchResult(tuple(_best(shown, len(shown))), len(scores), len(owners), self._facets(request, scores))

    def _hit(self, key: str, score: float, words_found: int, request: SearchRequest) -> Hit:
        document = self.documents[key]
        is_named = any(
            name in self.terms[key][TermGroup.NAMES] for name in request.terms.groups.get(TermGroup.NAMES, ())
        )
        return Hit(
            key, document.source, document.owner, document.kind, document.date, score, words_found, is_named=is_named
        )

    def _scores(self, request: SearchRequest) -> tuple[dict[str, float], dict[str, float]]:
        """Scores of the documents that match, and of those that are only near."""
        total = len(self.documents)
        scores = {key: 0.0 for key in self.documents}
        touched: set[str] = set()
        matched: set[str] = set() if not request.terms.is_empty else set(self.documents)
        for group, terms in request.terms.groups.items():
            for term, query_weight in terms.items():
                holders = [key for key in self.documents if term in self.terms[key][group]]
                weight = GROUP_WEIGHTS[group] * query_weight * idf(total, len(holders))
                for key in holders:
                    folded = self.terms[key][group][term]
                    scores[key] += weight * (folded * (K1 + 1) / (folded + K1))
                touched.update(holders)
                if group is TermGroup.NAMES or (group in MATCHING_GROUPS and not request.terms.required):
                    matched.update(holders)
        matched.update(key for key in touched if self._words_found(key, request))
        allowed = {key for key in self.documents if _passes(self.documents[key], request)}
        return (
            {key: scores[key] for key in matched & allowed},
            {key: scores[key] for key in (touched - matched) & allowed} if request.near_limit else {},
        )

    def _words_found(self, key: str, request: SearchRequest) -> int:
        terms = self.terms[key]
        mask = 0
        for bit, required in enumerate(request.terms.required):
            if _has_word(terms, required):
                mask |= 1 << bit
        return mask

    def _facets(self, request: SearchRequest, scores: Mapping[str, float]) -> dict[str, dict[str, int]]:
        by_owner = {self.documents[key].owner: self.documents[key] for key in sorted(scores)}
        by_owner.pop("", None)
        counts: dict[str, dict[str, int]] = {name: {} for name in request.facets}
        for document in by_owner.values():
            for name in request.facets:
                for value in document.facets.get(name, ()):
                    counts[name][value] = counts[name].get(value, 0) + 1
        return counts


class MemoryGeneration:
    """A generation of the memory engine."""

    def __init__(self, engine: MemoryEngine, name: str) -> None:
        self.name = name
        self._engine = engine
        self._added: list[IndexDocument] = []
        self._store = _Store(engine.analyzer)

    @property
    def analyzer(self) -> Analyzer:
        return self._engine.analyzer

    def add(self, documents: Iterable[IndexDocument]) -> None:
        self._added.extend(documents)

    def finish(self, progress: Callable[[int, int], None] | None = None) -> None:
        self._store.lengths = FieldLengths.measure(self._added, self._engine.analyzer)
        for done, document in enumerate(self._added, 1):
            self._store.put(document)
            if progress:
                progress(done, len(self._added))

    def apply(self, changes: Iterable[Change]) -> None:
        self._store.apply(changes)

    def fingerprints(self) -> dict[str, str]:
        return self._store.fingerprints()

    def search(self, request: SearchRequest) -> SearchResult:
        return self._store.search(request)

    def publish(self, catch_up: Callable[[], Iterable[Change]] | None = None) -> None:
        with self._engine.writing:
            if catch_up:
                self.apply(catch_up())
            self._engine.current = self._store
            self._engine.built_at = datetime.now(UTC)
            self._engine.generation = self.name

        self._engine.building.release()

    def discard(self) -> None:
        self._store = _Store(self._engine.analyzer)
        self._engine.building.release()


class MemoryEngine:
    """All in this process's memory."""

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self.current: _Store | None = None
        self.built_at: datetime | None = None
        self.generation = ""
        #: Held while changes are read and applied, and while a generation is built.
        self.writing = Lock()
        self.building = Lock()
        self._numbers = count(1)

    def search(self, request: SearchRequest) -> SearchResult:
        return self._usable().search(request)

    def begin_generation(self) -> MemoryGeneration:
        if not self.building.acquire(blocking=False):
            raise RebuildAtWork()
        return MemoryGeneration(self, f"memory-{next(self._numbers)}")

    def apply(self, changes: Callable[[], Iterable[Change]]) -> None:
        with self.writing:
            # All of them are read before the first is applied: an error half-way changes nothing.
            self._usable().apply(list(changes()))

    def fingerprints(self) -> dict[str, str]:
        return self._usable().fingerprints()

    def status(self) -> EngineStatus:
        documents = len(self.current.documents) if self.current else 0
        problem = "" if self.current else "还没有建立索引，请运行：zhiku index rebuild"
        return EngineStatus(
            self.generation, self.built_at, documents, 1, 0, self.analyzer.segmenter.name, bool(problem), problem
        )

    def _usable(self) -> _Store:
        if self.current is None:
            raise IndexProblem("还没有建立索引，请运行：zhiku index rebuild")
        return self.current


def _best(hits: Iterable[Hit], limit: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit]


def _passes(document: IndexDocument, request: SearchRequest) -> bool:
    if request.owned_only and not document.owner:
        return False
    if request.kinds and document.kind not in request.kinds:
        return False
    return all(set(values) & set(document.facets.get(name, ())) for name, values in request.filters.items())


def _has_word(terms: Mapping[TermGroup, Mapping[str, float]], required: RequiredWord) -> bool:
    return (
        required.word in terms[TermGroup.WORDS]
        or (bool(required.parts) and all(part in terms[_group_of(part)] for part in required.parts))
        or any(name in terms[TermGroup.NAMES] for name in required.names)
        or any(_has_word(terms, synonym) for synonym in required.synonyms)
    )


def _group_of(part: str) -> TermGroup:
    return TermGroup.CHARS if len(part) == 1 else TermGroup.GRAMS
