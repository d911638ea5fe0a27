"""The reference scorer: what each engine's documented formula says the top ten are, in plain arithmetic.

It shares no code with any of the engines. A corpus that is repeated has equal documents with equal scores, so answers
are compared by the scores of what they name: any of several equals is right.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from _bench.corpus import Corpus, Query
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

#: Scores that differ by less, relatively, are ties: engines add 32-bit floats in an order of their own.
TIE = 1e-5

TOP = 10


@dataclass(frozen=True, slots=True)
class Formula:
    """An engine's BM25: idf of (documents, document frequency), and a term's part of (frequency, length, mean length).

    `length` says what a document's length is: of the field ("terms"), of both fields ("all terms"), in "characters".
    """

    name: str
    idf: Callable[[int, int], float]
    part: Callable[[Numbers, Numbers, float], Numbers]
    length: str = "terms"
    group_weights: tuple[float, float] = (1.0, 1.0)


class Reference:
    """Scores of a corpus that is repeated so many times."""

    def __init__(self, corpus: Corpus, times: int) -> None:
        self.times = times
        self.size = len(corpus.texts)
        self._postings = [_postings([terms.words for terms in corpus.terms])]
        self._postings.append(_postings([terms.grams for terms in corpus.terms]))
        words = np.array([terms.words.total() for terms in corpus.terms], float)
        grams = np.array([terms.grams.total() for terms in corpus.terms], float)
        characters = np.array([terms.length for terms in corpus.terms], float)
        self._lengths = {
            "terms": (words, grams),
            "all terms": (words + grams, words + grams),
            "characters": (characters, characters),
        }

    def scores(self, query: Query, formula: Formula) -> Numbers:
        """The score of every text (size,); 0 where it has none of the terms."""
        scores = np.zeros(self.size)
        for group, terms in enumerate((query.words, query.grams)):
            lengths = self._lengths[formula.length][group]
            # As zhiku's `FieldLengths`: over the documents that have any. Others are the same but for empty texts.
            mean = float(lengths[lengths > 0].mean()) if formula.length == "characters" else float(lengths.mean())
            for term in terms:
                if term in self._postings[group]:
                    documents, frequencies = self._postings[group][term]
                    idf = formula.idf(self.size * self.times, len(documents) * self.times)
                    parts = formula.part(frequencies, lengths[documents], mean)
                    scores[documents] += formula.group_weights[group] * idf * parts
        return scores

    def compare(self, query: Query, formula: Formula, answer: Sequence[int]) -> Comparison:
        """An engine's first ten document numbers against the formula's."""
        scores = self.scores(query, formula)
        best = np.repeat(np.sort(scores[scores > 0])[::-1][:TOP], self.times)[:TOP]
        if not len(best):
            return Comparison(not answer, 1.0 if not answer else 0.0)
        given = scores[[number % self.size for number in answer]] if answer else np.empty(0)
        is_distinct = len(set(answer)) == len(answer)
        is_exact = is_distinct and len(given) == len(best) and bool(np.allclose(given, best, rtol=TIE, atol=0.0))
        right = int((given >= best[-1] * (1 - TIE)).sum()) if is_distinct else 0
        return Comparison(is_exact, min(right, len(best)) / len(best))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether the scores of the ten are the reference's, in order; and the share of the ten that belong there."""

    is_exact: bool
    overlap: float


def _postings(counts: Sequence[dict[str, int]]) -> dict[str, tuple[NDArray[np.intp], Numbers]]:
    lists: dict[str, tuple[list[int], list[int]]] = {}
    for number, terms in enumerate(counts):
        for term, frequency in terms.items():
            documents, frequencies = lists.setdefault(term, ([], []))
            documents.append(number)
            frequencies.append(frequency)
    return {term: (np.array(found, np.intp), np.array(often, float)) for term, (found, often) in lists.items()}


def lucene_idf(documents: int, frequency: int) -> float:
    """Lucene's idf, never negative; tantivy and zhiku have the same."""
    return math.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))


def saturated(frequency: Numbers, length: Numbers, mean: float, k1: float = 1.2, b: float = 0.75) -> Numbers:
    """BM25 of a term without its idf (Robertson, Zaragoza 2009, equation 3.15)."""
    return frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * length / mean))


def zhiku_formula(k1: float, b: float, group_weights: tuple[float, float] = (1.0, 1.0), boost: float = 1.0) -> Formula:
    """BM25F with one field: the length-normalised frequency, kept as a 32-bit float, then saturated."""

    def part(frequency: Numbers, length: Numbers, mean: float) -> Numbers:
        weight = (boost * frequency / (1 - b + b * length / mean)).astype(np.float32).astype(float)
        return weight * (k1 + 1) / (weight + k1)

    return Formula("BM25F", lucene_idf, part, "characters", group_weights)


def whoosh_formula() -> Formula:
    """whoosh.scoring.BM25F: each field by itself, lengths kept in one byte, idf = log(N / (n + 1)) + 1."""

    def part(frequency: Numbers, length: Numbers, mean: float) -> Numbers:
        return saturated(frequency, _whoosh_lengths(length), mean)

    return Formula("Whoosh BM25F", lambda documents, frequency: math.log(documents / (frequency + 1)) + 1, part)


def _whoosh_lengths(lengths: Numbers) -> Numbers:
    # The table of bytes is part of Whoosh's format (whoosh.util.numeric).
    from whoosh.util.numeric import byte_to_length, length_to_byte

    return np.array([byte_to_length(length_to_byte(int(length))) for length in lengths], float)


def fts5_formula() -> Formula:
    """SQLite's bm25(): the length is that of the whole row, and terms in more than half of the rows weigh 1e-6
    (sqlite.org/fts5.html, section 5.1.1)."""

    def idf(documents: int, frequency: int) -> float:
        value = math.log((documents - frequency + 0.5) / (frequency + 0.5))
        return value if value > 0 else 1e-6

    return Formula("FTS5 bm25()", idf, saturated, "all terms")


def tantivy_formula() -> Formula:
    """tantivy's BM25: each field by itself, lengths kept in one byte as Lucene does (SmallFloat.intToByte4)."""
    kept = [_byte_length(byte) for byte in range(256)]

    def part(frequency: Numbers, length: Numbers, mean: float) -> Numbers:
        return saturated(frequency, np.array([kept[bisect_right(kept, one) - 1] for one in length], float), mean)

    return Formula("tantivy BM25", lucene_idf, part)


def _byte_length(byte: int) -> int:
    """The length that a byte stands for: exact to 39, then three bits of mantissa."""
    if byte < 24:
        return byte
    bits, shift = (byte - 24) & 7, ((byte - 24) >> 3) - 1
    return 24 + (bits if shift < 0 else (bits | 8) << shift)
