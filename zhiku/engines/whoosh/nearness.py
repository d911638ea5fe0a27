"""Nearness in meaning over the segments of a snapshot: which documents' clauses and means are near a query.

Every clause of a county's some hundred documents is compared. Of many documents only candidates are: those whose mean
is nearest in the first principal components of all means, and those whose words score highest (docs/adr/0012 has the
share of the exact answer that this finds). The components are computed when a generation is built and kept with it as
whole numbers, so that all arithmetic before the last product is exact, and the candidates do not depend on how
documents are spread over segments.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.encoder import quantise
from zhiku.engines.whoosh.arrayfile import ArrayFile, Arrays, DamagedFile, write_arrays
from zhiku.engines.whoosh.selection import highest_places
from zhiku.engines.whoosh.vectors import CLAUSES, FIRSTS, KEYS, MEAN_SCALES, MEANS, SCALES, has_vectors
from zhiku.search.meaning import Meaning, add_meaning, similarities

log = logging.getLogger(__name__)

#: Up to so many clauses all of them are compared.
EXACT_CLAUSES = 4_000

#: Candidates by the mean's principal components, and by the score of words; those that tie with the last come along.
BY_MEAN = 240
BY_WORDS = 160

#: Principal components that are kept.
COMPONENTS = 64

#: Sums of so many products of two numbers up to 127 stay below 2^24: exact in floats of 32 bits.
_EXACT_ROWS = 1024

#: Fewer means have no principal components worth keeping; all of so few are compared anyway.
FEWEST_MEANS = 4 * COMPONENTS

#: Beside the segments of a generation.
BASIS_FILE = "components.arrays"

#: What is read of a segment's arrays.
_VIEWS = (CLAUSES, SCALES, KEYS, MEANS, MEAN_SCALES)

#: Rows turned into floats at once.
_BLOCK = 4096

Basis = NDArray[np.int8]


def principal_components(means: NDArray[np.int8]) -> Basis:
    """The directions (dimensions, COMPONENTS) in which these means (n, dimensions) differ most, as whole numbers.

    The sums before the decomposition are of whole numbers and exact, so that the order of the documents, which is
    another with every number of processes that build, makes no difference.
    """
    products = np.zeros((means.shape[1], means.shape[1]))
    for start in range(0, len(means), _EXACT_ROWS):
        rows = means[start : start + _EXACT_ROWS].astype(np.float32)
        products += rows.T @ rows
    total = means.sum(axis=0, dtype=np.int64).astype(np.float64)
    _, vectors = np.linalg.eigh(products - np.outer(total, total) / len(means))
    # Columns of whole numbers; only the order of products matters, so their scales are not kept.
    components = vectors[:, ::-1][:, :COMPONENTS].T.astype(np.float32)
    return np.ascontiguousarray(quantise(components)[0].T)


def write_basis(folder: Path, nearness: Nearness) -> None:
    """Keep the principal components of a generation in its folder; of few documents there are none."""
    means = nearness.means()
    if len(means) >= FEWEST_MEANS:
        write_arrays(folder / BASIS_FILE, {"basis": principal_components(means)})


def read_basis(folder: Path) -> Basis | None:
    """What `write_basis` kept; None where there is none, or where it is damaged: all clauses are compared then."""
    try:
        file = ArrayFile(folder / BASIS_FILE)
        try:
            file.verify()
            return np.array(file["basis"])
        finally:
            file.close()
    except FileNotFoundError:
        return None
    except DamagedFile as damage:
        log.error("principal components cannot be used: %s", damage)
        return None


class SegmentVectors:
    """The vectors of one segment."""

    def __init__(self, arrays: Arrays, size: int, basis: Basis | None) -> None:
        """`size`: documents of the segment. One that was built without an encoder has no clauses."""
        self.is_empty = not has_vectors(arrays)
        self._basis = basis
        # Held here, not looked up later: hits that were given out outlive the segment that they are from.
        self._views = {} if self.is_empty else {name: arrays[name] for name in _VIEWS}
        self.firsts: NDArray[np.int64] = np.zeros(size + 1, np.int64) if self.is_empty else arrays[FIRSTS]

    @property
    def clauses(self) -> int:
        """How many there are."""
        return int(self.firsts[-1])

    @cached_property
    def coarse(self) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Means in principal components: whole numbers (n, COMPONENTS), and scales (n,)."""
        assert self._basis is not None
        basis = self._basis.astype(np.float32)
        means, mean_scales = self._views[MEANS], self._views[MEAN_SCALES]
        rows = np.zeros((len(means), basis.shape[1]), np.int8)
        scales = np.zeros(len(means), np.float32)
        for start in range(0, len(means), _BLOCK):
            # Sums of products of whole numbers below 2^24 are exact.
            projected = means[start : start + _BLOCK].astype(np.float32) @ basis
            rows[start : start + _BLOCK], scales[start : start + _BLOCK] = quantise(projected)
        return rows, scales * mean_scales

    def means(self) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Means of its documents (n, dimensions) and their scales (n,), 0 for a document without clauses."""
        return self._views[MEANS], self._views[MEAN_SCALES]

    def keys(self) -> NDArray[np.int64]:
        """Keys of its clauses (n,)."""
        return np.zeros(0, np.int64) if self.is_empty else self._views[KEYS]

    def mean_cosines(self, documents: NDArray[np.int64], query: Meaning) -> NDArray[np.float32]:
        """Of these documents (m,)."""
        if self.is_empty:
            return np.zeros(len(documents), np.float32)
        return similarities(self._views[MEANS].take(documents, axis=0), self._views[MEAN_SCALES].take(documents), query)

    def best_cosines(self, documents: NDArray[np.int64], query: Meaning) -> NDArray[np.float32]:
        """Of each of these documents' (m,) clauses the nearest; 0 where a document has none."""
        best = np.zeros(len(documents), np.float32)
        if self.is_empty:
            return best
        firsts, counts = self.firsts[documents], self.firsts[documents + 1] - self.firsts[documents]
        ends = np.cumsum(counts)
        rows = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(firsts - (ends - counts), counts)
        cosines = similarities(self._views[CLAUSES].take(rows, axis=0), self._views[SCALES].take(rows), query)
        having = np.flatnonzero(counts)
        if len(having):
            best[having] = np.maximum.reduceat(cosines, (ends - counts)[having])
        return best

    def nearest_clause(self, document: int, query: Meaning) -> tuple[int, float]:
        """Key and cosine of a document's nearest clause; (0, 0.0) where it has none."""
        first, last = int(self.firsts[document]), int(self.firsts[document + 1])
        if first == last:
            return 0, 0.0
        cosines = similarities(self._views[CLAUSES][first:last], self._views[SCALES][first:last], query)
        place = int(np.argmax(cosines))
        return int(self._views[KEYS][first + place]), float(cosines[place])


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Documents (m,) that were compared with a query, by number in the snapshot; the cosine of each one's nearest
    clause (m,) and of its mean (m,)."""

    documents: NDArray[np.int64]
    best: NDArray[np.float32]
    mean: NDArray[np.float32]


class Nearness:
    """The vectors of all segments of a snapshot."""

    def __init__(self, segments: Sequence[SegmentVectors], offsets: NDArray[np.int64], basis: Basis | None) -> None:
        """`offsets`: number of each segment's first document, and of all."""
        self._segments = segments
        self._offsets = offsets
        self._basis = basis
        self._is_exact = basis is None or sum(segment.clauses for segment in segments) <= EXACT_CLAUSES

    def near(self, query: Meaning, lexical: NDArray[np.float64], allowed: NDArray[np.bool_]) -> Near:
        """Compare the query with the allowed documents (n,), or with the candidates among them."""
        documents = np.flatnonzero(allowed if self._is_exact else self._candidates(query, lexical, allowed))
        best = np.zeros(len(documents), np.float32)
        mean = np.zeros(len(documents), np.float32)
        for segment, here, numbers in self._by_segment(documents):
            best[here] = segment.best_cosines(numbers, query)
            mean[here] = segment.mean_cosines(numbers, query)
        return Near(documents, best, mean)

    def means(self) -> NDArray[np.int8]:
        """Means of all documents that have one (n, dimensions)."""
        parts = [means[scales > 0] for means, scales in (one.means() for one in self._segments if not one.is_empty)]
        return np.concatenate(parts) if parts else np.zeros((0, 0), np.int8)

    def clause_keys(self) -> NDArray[np.int64]:
        """Keys of all clauses (n,)."""
        return np.concatenate([segment.keys() for segment in self._segments] or [np.zeros(0, np.int64)])

    def nearest_clause(self, document: int, query: Meaning) -> tuple[int, float]:
        """Key and cosine of a document's nearest clause."""
        place = int(np.searchsorted(self._offsets, document, side="right")) - 1
        return self._segments[place].nearest_clause(document - int(self._offsets[place]), query)

    def _candidates(
        self, query: Meaning, lexical: NDArray[np.float64], allowed: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        assert self._basis is not None
        projected = query.vector.astype(np.float32) @ self._basis.astype(np.float32)
        # Only the order of the cosines matters, not their size.
        direction = Meaning(quantise(projected[None, :])[0][0], 1.0)
        coarse = np.full(len(allowed), -np.inf, np.float32)
        for segment, first in zip(self._segments, self._offsets, strict=False):
            if not segment.is_empty:
                rows, scales = segment.coarse
                coarse[first : first + len(rows)] = similarities(rows, scales, direction)
        coarse[~allowed] = -np.inf
        candidates = np.zeros(len(allowed), np.bool_)
        candidates[highest_places(coarse, BY_MEAN)] = True
        with_words = np.flatnonzero((lexical > 0) & allowed)
        candidates[with_words[highest_places(lexical[with_words], BY_WORDS)]] = True
        return candidates

    def _by_segment(self, documents: NDArray[np.int64]) -> list[tuple[SegmentVectors, slice, NDArray[np.int64]]]:
        """The documents, in order, of each segment: where they are in `documents`, and their numbers there."""
        bounds = np.searchsorted(documents, self._offsets).tolist()
        return [
            (segment, slice(start, end), documents[start:end] - first)
            for segment, first, start, end in zip(self._segments, self._offsets, bounds, bounds[1:], strict=False)
            if end > start
        ]


def with_meaning(
    lexical: NDArray[np.float64], allowed: NDArray[np.bool_], compared: Near, has_all_words: bool
) -> NDArray[np.float64]:
    """Scores (n,) with what meaning adds to those of the documents that were compared."""
    highest = float(lexical[allowed].max(initial=0.0))
    scores = lexical / highest if highest else lexical.copy()
    scores[compared.documents] = add_meaning(
        lexical[compared.documents], highest, compared.best, compared.mean, has_all_words
    )
    return scores
