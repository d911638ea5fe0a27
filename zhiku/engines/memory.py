"""The reference engine: plain Python over dictionaries, written to be read rather than fast.

The contract tests hold every other engine against it. It keeps nothing on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import count
from threading import Lock

import numpy as np

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.encoder import Encoder, quantise
from zhiku.search.meaning import NEAR_FLOOR, DocumentVectors, add_meaning, clauses_of, mean_of, similarities
from zhiku.search.port import (
    Change,
    EngineStatus,
    Hit,
    HitList,
    IndexDocument,
    IndexProblem,
    RebuildAtWork,
    RequiredWord,
    SearchRequest,
    SearchResult,
    TermGroup,
    tie_breaker,
)
from zhiku.search.scoring import GROUP_WEIGHTS, K1, MATCHING_GROUPS, FieldLengths, fold, idf, normal_text


@dataclass
class _Store:
    """Documents and their folded terms."""

    analyzer: Analyzer
    encoder: Encoder | None = None
    lengths: FieldLengths = field(default_factory=FieldLengths)
    documents: dict[str, IndexDocument] = field(default_factory=dict)
    terms: dict[str, dict[TermGroup, dict[str, float]]] = field(default_factory=dict)
    vectors: dict[str, DocumentVectors] = field(default_factory=dict)

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for gone in [key for key, document in self.documents.items() if document.source == change.source]:
                del self.documents[gone], self.terms[gone]
                self.vectors.pop(gone, None)
            for document in change.documents:
                self.put(document)

    def put(self, document: IndexDocument) -> None:
        self.documents[document.id] = document
        # Postings keep weights as 32-bit floats, so the reference does too.
        self.terms[document.id] = {
            group: {term: float(np.float32(weight)) for term, weight in weights.items()}
            for group, weights in fold(document, self.analyzer, self.lengths).items()
        }
        clauses = clauses_of(document.fields)
        if self.encoder and clauses:
            vectors, scales = quantise(self.encoder.encode(list(clauses.values())))
            keys = np.array(list(clauses), np.int64)
            self.vectors[document.id] = DocumentVectors(keys, vectors, scales, mean_of(vectors, scales))

    def fingerprints(self) -> dict[str, str]:
        return {key: document.fingerprint for key, document in self.documents.items()}

    def search(self, request: SearchRequest) -> SearchResult:
        lexical, touched, matched = self._lexical(request)
        allowed = self._allowed(request)
        found = {key: self._words_found(key, request) for key in matched & allowed}
        owners: dict[str, int] = {}
        for key in found:
            if owner := self.documents[key].owner:
                owners[owner] = owners.get(owner, 0) | found[key]
        complete = (1 << len(request.terms.required)) - 1
        has_all_words = bool(complete) and complete in (*found.values(), *owners.values())
        scores, nearest = self._with_meaning(lexical, request, allowed, has_all_words)
        near = {key for key in touched - matched if key in allowed}
        near |= {key for key, (_, closeness) in nearest.items() if closeness >= NEAR_FLOOR and key in allowed - matched}
        matched &= allowed
        hits = [
            self._hit(key, scores[key], owners.get(self.documents[key].owner, found[key]), request, nearest)
            for key in matched
        ]
        near_hits = [replace(self._hit(key, scores[key], 0, request, nearest), is_near=True) for key in near]
        shown = [*_best(hits, request.limit), *_best(near_hits, request.near_limit)]
        return SearchResult(
            HitList.of(shown, self._asked_on()),
            len(matched),
            len(owners),
            self._facets(request, matched),
            named_owners=len({self.documents[key].owner for key in allowed if self._has_name(key, request)} - {""}),
            has_own_words=any(
                required.word in self.terms[key][TermGroup.WORDS]
                for key in matched
                for required in request.terms.required
            ),
        )

    def _has_name(self, key: str, request: SearchRequest) -> bool:
        return any(name in self.terms[key][TermGroup.NAMES] for name in request.count_names)

    def _hit(
        self, key: str, score: float, words_found: int, request: SearchRequest, nearest: Mapping[str, tuple[int, float]]
    ) -> Hit:
        document = self.documents[key]
        is_named = any(
            name in self.terms[key][TermGroup.NAMES] for name in request.terms.groups.get(TermGroup.NAMES, ())
        )
        clause, closeness = nearest.get(key, (0, 0.0))
        return Hit(
            id=key,
            source=document.source,
            owner=document.owner,
            kind=document.kind,
            date=document.date,
            score=score,
            words_found=words_found,
            is_named=is_named,
            clause=clause,
            closeness=closeness,
        )

    def _lexical(self, request: SearchRequest) -> tuple[dict[str, float], set[str], set[str]]:
        """Scores of all documents, those that have any term, and those that match."""
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
        return scores, touched, matched

    def _with_meaning(
        self, lexical: dict[str, float], request: SearchRequest, allowed: set[str], has_all_words: bool
    ) -> tuple[dict[str, float], dict[str, tuple[int, float]]]:
        """Scores with what meaning adds, and each document's nearest clause with its cosine."""
        meaning = request.terms.meaning
        if meaning is None:
            return lexical, {}
        highest = max((lexical[key] for key in allowed), default=0.0)
        scores: dict[str, float] = {}
        nearest: dict[str, tuple[int, float]] = {}
        for key in self.documents:
            best = mean = np.zeros(1, np.float32)
            if vectors := self.vectors.get(key):
                cosines = similarities(vectors.vectors, vectors.scales, meaning)
                place = int(np.argmax(cosines))
                is_shown = cosines[place] >= NEAR_FLOOR
                nearest[key] = int(vectors.keys[place]) if is_shown else 0, float(cosines[place])
                best = cosines[place : place + 1]
                mean_scale = np.array([vectors.mean.scale], np.float32)
                mean = similarities(vectors.mean.vector[None, :], mean_scale, meaning)
            scores[key] = float(add_meaning(np.array([lexical[key]]), highest, best, mean, has_all_words)[0])
        return scores, nearest

    def _allowed(self, request: SearchRequest) -> set[str]:
        """Documents that the filters and the exact parts leave."""
        bearers: dict[str, list[str]] = {}
        for key, document in self.documents.items():
            if _is_within(document, request):
                bearers.setdefault(document.owner or key, []).append(key)
        allowed: set[str] = set()
        for keys in bearers.values():
            texts = [self._normal_text(key) for key in keys]
            has_all = all(any(part.text in text for text in texts) for part in request.phrases)
            if has_all and not any(part.text in text for part in request.excluded for text in texts):
                allowed.update(keys)
        return {key for key in allowed if _passes(self.documents[key], request)}

    def _normal_text(self, key: str) -> str:
        return normal_text(self.documents[key].fields, self.analyzer)

    def _asked_on(self) -> dict[str, date | None]:
        return {
            document.owner: document.asked_on for document in self.documents.values() if document.asked_on is not None
        }

    def vocabulary(self, division: str = "") -> dict[str, int]:
        counts: dict[str, int] = {}
        for key, terms in self.terms.items():
            for word in terms[TermGroup.WORDS] if self.documents[key].division.startswith(division) else ():
                counts[word] = counts.get(word, 0) + 1
        return counts

    def _words_found(self, key: str, request: SearchRequest) -> int:
        terms = self.terms[key]
        mask = 0
        for bit, required in enumerate(request.terms.required):
            if _has_word(terms, required):
                mask |= 1 << bit
        return mask

    def _facets(self, request: SearchRequest, matched: Iterable[str]) -> dict[str, dict[str, int]]:
        by_owner = {self.documents[key].owner: self.documents[key] for key in sorted(matched)}
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
        self._store = _Store(engine.analyzer, engine.new_encoder)

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

    def __init__(self, analyzer: Analyzer, encoder: Encoder | None = None) -> None:
        """New generations get vectors from `encoder`."""
        self.analyzer = analyzer
        self.new_encoder = encoder
        self.current: _Store | None = None
        self.built_at: datetime | None = None
        self.generation = ""
        #: Held while changes are read and applied, and while a generation is built.
        self.writing = Lock()
        self.building = Lock()
        self._numbers = count(1)

    @property
    def encoder(self) -> Encoder | None:
        return self._usable().encoder

    def vocabulary(self, division: str = "") -> dict[str, int]:
        return self._usable().vocabulary(division)

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
            self.generation,
            self.built_at,
            documents,
            1,
            0,
            self.analyzer.segmenter.name,
            bool(problem),
            problem,
            self.current.encoder.name if self.current and self.current.encoder else "",
        )

    def _usable(self) -> _Store:
        if self.current is None:
            raise IndexProblem("还没有建立索引，请运行：zhiku index rebuild")
        return self.current


def _best(hits: Iterable[Hit], limit: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, tie_breaker(hit.id)))[:limit]


def _is_within(document: IndexDocument, request: SearchRequest) -> bool:
    is_owner_within = not request.owned_only or document.owner_division.startswith(request.division)
    return document.division.startswith(request.division) and is_owner_within


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
