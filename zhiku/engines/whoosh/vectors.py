"""The vectors of a segment: one per distinct clause of each document, and their mean (`zhiku.search.meaning`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.encoder import Encoder
from zhiku.engines.whoosh.arrayfile import Array, Arrays
from zhiku.search.meaning import clauses_of, mean_of
from zhiku.search.port import IndexDocument

#: Names of the arrays: per clause its vector, scale and key; where each document's clauses begin; per document the
#: mean's vector and scale.
CLAUSES, SCALES, KEYS, FIRSTS, MEANS, MEAN_SCALES = (
    f"vectors.{part}" for part in ("clauses", "scales", "keys", "firsts", "means", "mean_scales")
)

#: Clauses asked for at once.
_BATCH = 4096


class VectorSource(Protocol):
    """Encodes clauses, or remembers how they were encoded."""

    #: Name and version of the encoder; goes into the manifest.
    identity: str
    dimensions: int
    #: Encodes queries the same way.
    encoder: Encoder

    def vectors(self, texts: Sequence[str]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Quantised vectors (n, dimensions) and their scales (n,)."""


def has_vectors(arrays: Arrays) -> bool:
    """Whether a segment was built with an encoder."""
    return CLAUSES in arrays


class VectorBuilder:
    """Takes documents and makes the vectors of one segment."""

    def __init__(self, source: VectorSource) -> None:
        self._source = source
        #: Distinct clauses that wait to be encoded, by key.
        self._waiting: dict[int, str] = {}
        #: Key -> row in the vectors of all distinct clauses.
        self._rows: dict[int, int] = {}
        self._vectors: list[NDArray[np.int8]] = []
        self._scales: list[NDArray[np.float32]] = []
        #: Clauses of each document.
        self._documents: list[list[int]] = []

    def add(self, document: IndexDocument) -> None:
        """Take a document."""
        clauses = clauses_of(document.fields)
        self._documents.append(list(clauses))
        self._waiting.update((key, text) for key, text in clauses.items() if key not in self._rows)
        if len(self._waiting) >= _BATCH:
            self._encode()

    def _encode(self) -> None:
        if self._waiting:
            vectors, scales = self._source.vectors(list(self._waiting.values()))
            self._vectors.append(vectors)
            self._scales.append(scales)
            for key in self._waiting:
                self._rows[key] = len(self._rows)
            self._waiting.clear()

    def arrays(self) -> dict[str, Array]:
        """The arrays."""
        self._encode()
        dimensions = self._source.dimensions
        vectors = np.concatenate([*self._vectors, np.empty((0, dimensions), np.int8)])
        scales = np.concatenate([*self._scales, np.empty(0, np.float32)])
        keys = np.array([key for document in self._documents for key in document], np.int64)
        rows = np.array([self._rows[key] for document in self._documents for key in document], np.int64)
        firsts = np.zeros(len(self._documents) + 1, np.int64)
        np.cumsum(list(map(len, self._documents)), out=firsts[1:])
        means = np.zeros((len(self._documents), dimensions), np.int8)
        mean_scales = np.zeros(len(self._documents), np.float32)
        for number, (first, last) in enumerate(zip(firsts.tolist(), firsts[1:].tolist(), strict=False)):
            if first < last:
                mean = mean_of(vectors[rows[first:last]], scales[rows[first:last]])
                means[number], mean_scales[number] = mean.vector, mean.scale
        return {
            CLAUSES: vectors[rows],
            SCALES: scales[rows],
            KEYS: keys,
            FIRSTS: firsts,
            MEANS: means,
            MEAN_SCALES: mean_scales,
        }
