"""Nearness in meaning: vectors of a document's clauses and their mean, compared with the query's.

All vectors are quantised to int8 with a scale each. A product of two of them is a sum of at most 512 integers below
127^2, which is less than 2^24: exact in 32-bit floats in whatever order it is added. So scores do not depend on the
linear algebra library, on its threads, or on how documents are spread over segments.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import cast

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.clauses import clause_keys, split_clauses
from zhiku.analysis.encoder import Encoder, EncoderMissing, quantise

log = logging.getLogger(__name__)

#: Fields that are names of offices and places: they are near to whatever looks like a name (杨树 to 杨溪桥).
NAMES_ONLY = frozenset({"post"})

#: Vectors are turned into floats by so many bytes: what stays in a processor's cache until it is multiplied.
_BLOCK_BYTES = 1 << 20

#: A clause or document that is less near than this (cosine) says nothing: unrelated Chinese texts are this near too.
FLOOR = 0.2

#: A document without any word of the query is near in meaning from here on. For 124 questions of the demo county the
#: best clauses of the right people are nearer in nine cases of ten, and the best of all 7,300 clauses for questions
#: about what the county does not have (量子计算机, 比特币, 外星人) mostly are not.
NEAR_FLOOR = 0.4

#: What the best clause and the document's mean add to a lexical score scaled to at most 1.
CLAUSE_WEIGHT = 0.6
MEAN_WEIGHT = 0.2

#: Share of it that is left where somebody has all words of the query: words have decided, meaning settles among equals.
SHARE_WITH_ALL_WORDS = 0.3

#: Longest text of a query that is encoded, in characters: the meaning of a page is not in one vector, and encoding
#: takes as long as the text.
MAX_ENCODED = 100


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """A quantised vector (dimensions,) and its scale."""

    vector: NDArray[np.int8]
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class DocumentVectors:
    """The clauses of one document: keys (c,), vectors (c, dimensions), scales (c,); and their mean."""

    keys: NDArray[np.int64]
    vectors: NDArray[np.int8]
    scales: NDArray[np.float32]
    mean: Meaning


def meaning_of(text: str, encoder: Encoder) -> Meaning | None:
    """The meaning of a query; None of a text without any word, or when the encoder cannot be loaded."""
    return _meaning_of(text.strip()[:MAX_ENCODED], cast(Hashable, encoder))


@lru_cache(maxsize=512)
def _meaning_of(text: str, encoder: Hashable) -> Meaning | None:
    try:
        vectors, scales = quantise(cast(Encoder, encoder).encode([text]))
    except EncoderMissing as error:
        # The words still answer. Nothing of what was asked is in the log.
        log.error("queries are answered without meaning: %s", error)
        return None
    return Meaning(vectors[0], float(scales[0])) if scales[0] else None


def clauses_of(fields: Mapping[str, str]) -> dict[int, str]:
    """Distinct clauses of a document's fields, by key, in the order of the fields' names."""
    return clauses_of_all([fields])[0]


def clauses_of_all(documents: Iterable[Mapping[str, str]]) -> list[dict[int, str]]:
    """`clauses_of` of each document's fields; of many several times as fast."""
    cut = [
        [clause for name in sorted(fields.keys() - NAMES_ONLY) for clause in split_clauses(fields[name])]
        for fields in documents
    ]
    keys = iter(clause_keys(clause for clauses in cut for clause in clauses))
    return [dict(zip(islice(keys, len(clauses)), clauses, strict=True)) for clauses in cut]


def mean_of(vectors: NDArray[np.int8], scales: NDArray[np.float32]) -> Meaning:
    """The direction of the sum of quantised vectors (n, dimensions), quantised; zeros for none."""
    total = (vectors.astype(np.float64) * scales[:, None].astype(np.float64)).sum(axis=0)
    length = float(np.sqrt((total * total).sum()))
    unit = (total / length if length else total).astype(np.float32)
    quantised, quantised_scales = quantise(unit[None, :])
    return Meaning(quantised[0], float(quantised_scales[0]))


def similarities(vectors: NDArray[np.int8], scales: NDArray[np.float32], query: Meaning) -> NDArray[np.float32]:
    """Cosines (n,) of quantised unit vectors (n, dimensions) with the query."""
    asked = query.vector.astype(np.float32)
    products = np.empty(len(vectors), np.float32)
    rows = max(1, _BLOCK_BYTES // (4 * max(1, vectors.shape[1])))
    for start in range(0, len(vectors), rows):
        products[start : start + rows] = vectors[start : start + rows].astype(np.float32) @ asked
    return products * (scales * np.float32(query.scale))


def add_meaning(
    lexical: NDArray[np.float64],
    highest: float,
    best: NDArray[np.float32],
    mean: NDArray[np.float32],
    has_all_words: bool,
) -> NDArray[np.float64]:
    """Scores (n,): lexical ones scaled by the highest, and what the best clause and the mean add (DESIGN, Ranking).

    `has_all_words` says whether any of the documents' owners has all words of the query (docs/adr/0012).
    """
    share = SHARE_WITH_ALL_WORDS if has_all_words else 1.0
    scaled = lexical / highest if highest else lexical
    clause = np.maximum(best - np.float32(FLOOR), 0).astype(np.float64)
    document = np.maximum(mean - np.float32(FLOOR), 0).astype(np.float64)
    return scaled + share * (CLAUSE_WEIGHT * clause + MEAN_WEIGHT * document)
