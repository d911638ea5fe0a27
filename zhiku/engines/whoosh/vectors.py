"""The vectors of a segment: one per distinct clause of each document, and their mean (`zhiku.search.meaning`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.encoder import Encoder, quantise
from zhiku.engines.whoosh.arrayfile import Array, Arrays
from zhiku.search.meaning import clauses_of_all
from zhiku.search.port import IndexDocument

#: Names of the arrays: per clause its vector, scale and key; where each document's clauses begin; per document the
#: mean's vector and scale.
CLAUSES, SCALES, KEYS, FIRSTS, MEANS, MEAN_SCALES = (
    f"vectors.{part}" for part in ("clauses", "scales", "keys", "firsts", "means", "mean_scales")
)

#: Clauses asked for at once.
_BATCH = 4096

#: Documents whose means are computed at once.
_DOCUMENTS_AT_ONCE = 1024


def no_vectors(documents: int, like: Arrays) -> dict[str, Array]:
    """The arrays of so many documents without clauses, of the shapes and types of other ones."""
    per_document = {
        name: np.zeros((documents, *like[name].shape[1:]), like[name].dtype) for name in (MEANS, MEAN_SCALES)
    }
    per_clause = {name: like[name][:0] for name in (CLAUSES, SCALES, KEYS)}
    return {**per_document, **per_clause, FIRSTS: np.zeros(documents + 1, like[FIRSTS].dtype)}


class VectorSource(Protocol):
    """Encodes clauses, or remembers how they were encoded."""

    #: Name and version of the encoder; goes into the manifest.
    identity: str
    dimensions: int
    #: Encodes queries the same way.
    encoder: Encoder

    def vectors(self, texts: Sequence[str], keys: Sequence[int]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Quantised vectors (n, dimensions) of texts with these `clause_key`s, and their scales (n,)."""


def has_vectors(arrays: Arrays) -> bool:
    """Whether a segment was built with an encoder."""
    return CLAUSES in arrays


class VectorBuilder:
    """Takes documents and makes the vectors of one segment."""

    def __init__(self, source: VectorSource) -> None:
        self._source: VectorSource | None = source
        self._dimensions = source.dimensions
        #: Distinct clauses that wait to be encoded, by key.
        self._waiting: dict[int, str] = {}
        #: Key -> row in the vectors of all distinct clauses.
        self._rows: dict[int, int] = {}
        self._vectors: list[NDArray[np.int8]] = []
        self._scales: list[NDArray[np.float32]] = []
        #: Clauses of each document.
        self._documents: list[list[int]] = []

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Take documents."""
        for clauses in clauses_of_all([document.fields for document in documents]):
            self._documents.append(list(clauses))
            self._waiting.update((key, text) for key, text in clauses.items() if key not in self._rows)
            if len(self._waiting) >= _BATCH:
                self._encode()

    def _encode(self) -> None:
        if self._waiting:
            assert self._source is not None, "nothing is added any more"
            vectors, scales = self._source.vectors(list(self._waiting.values()), list(self._waiting))
            self._vectors.append(vectors)
            self._scales.append(scales)
            for key in self._waiting:
                self._rows[key] = len(self._rows)
            self._waiting.clear()

    def finish(self) -> None:
        """Encode what waits, and let go of the source: what is left can be kept in a file."""
        self._encode()
        self._source = None

    def arrays(self) -> dict[str, Array]:
        """The arrays."""
        self._encode()
        vectors = np.concatenate([*self._vectors, np.empty((0, self._dimensions), np.int8)])
        scales = np.concatenate([*self._scales, np.empty(0, np.float32)])
        keys = np.array([key for document in self._documents for key in document], np.int64)
        rows = np.array([self._rows[key] for document in self._documents for key in document], np.int64)
        firsts = np.zeros(len(self._documents) + 1, np.int64)
        np.cumsum(list(map(len, self._documents)), out=firsts[1:])
        clauses, clause_scales = vectors[rows], scales[rows]
        means, mean_scales = means_of(clauses, clause_scales, firsts)
        return {
            CLAUSES: clauses,
            SCALES: clause_scales,
            KEYS: keys,
            FIRSTS: firsts,
            MEANS: means,
            MEAN_SCALES: mean_scales,
        }


def means_of(
    vectors: NDArray[np.int8], scales: NDArray[np.float32], firsts: NDArray[np.int64]
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """`mean_of` of each document's clauses, bit for bit: vectors (n, dimensions) and scales (n,).

    `firsts` (n + 1,) says where each document's clauses begin.
    """
    means = np.zeros((len(firsts) - 1, vectors.shape[1]), np.int8)
    mean_scales = np.zeros(len(means), np.float32)
    counts = np.diff(firsts)
    for start in range(0, len(means), _DOCUMENTS_AT_ONCE):
        count = counts[start : start + _DOCUMENTS_AT_ONCE]
        total = np.zeros((len(count), vectors.shape[1]), np.float64)
        # First all first clauses, then all second ones: each sum is added up in its document's order.
        for place in range(int(count.max(initial=0))):
            having = np.flatnonzero(count > place)
            rows = firsts[start + having] + place
            total[having] += vectors[rows].astype(np.float64) * scales[rows, None].astype(np.float64)
        length = np.sqrt((total * total).sum(axis=1))
        unit = (total / np.where(length > 0, length, 1.0)[:, None]).astype(np.float32)
        block = slice(start, start + len(count))
        means[block], mean_scales[block] = quantise(unit)
    return means, mean_scales
