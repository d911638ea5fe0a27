"""From index documents to the arrays of a segment, many documents at once.

Documents are normalised and cut as they are added. Weights need the average length of each field over the whole
generation, so they are computed when the arrays are made; the result is bit for bit that of `search.scoring.fold`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.batch import SEPARATOR, JoinedTexts, TermCounts, WordNumbers, count_words
from zhiku.analysis.encoder import usable_cores
from zhiku.analysis.normalize import normalize_all
from zhiku.engines.whoosh.arrayfile import Array
from zhiku.engines.whoosh.schema import ASKED, CODED, SOURCE_FIELD, TEXT_COLUMN, TIE, VALUE_SEPARATOR
from zhiku.engines.whoosh.strings import coded_arrays, string_arrays
from zhiku.engines.whoosh.terms import term_arrays
from zhiku.engines.whoosh.vectors import VectorBuilder, VectorSource
from zhiku.search.port import FACETS, IndexDocument, TermGroup, tie_breaker
from zhiku.search.scoring import FIELD_BOOSTS, B, FieldLengths

#: A segment is full with so many documents or characters: what its arrays take in memory while they are made (some
#: hundred megabytes) is bounded by it. One segment for a county; a prefecture has a few, a province thirty.
FULL_DOCUMENTS = 32_768
FULL_CHARACTERS = 12_000_000


@dataclass(slots=True)
class LengthTotals:
    """Sum of lengths and number of texts that have any, by field."""

    totals: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, name: str, length: int, count: int) -> None:
        """Take in `count` texts of a field."""
        total, before = self.totals.get(name, (0, 0))
        self.totals[name] = (total + length, before + count)

    def add_all(self, others: Mapping[str, tuple[int, int]]) -> None:
        """Take in other totals."""
        for name, (length, count) in others.items():
            self.add(name, length, count)

    def averages(self) -> FieldLengths:
        """As `FieldLengths.measure` over the same documents."""
        return FieldLengths({name: total / count for name, (total, count) in sorted(self.totals.items())})


class SegmentBuilder:
    """Takes documents and makes the arrays of one segment."""

    def __init__(self, vectors: VectorSource | None = None) -> None:
        self.size = 0
        self.lengths = LengthTotals()
        self._characters = 0
        self._columns: dict[str, list[str]] = {name: [] for name in ("id", "source", "fingerprint", *CODED)}
        self._asked: list[int] = []
        self._ties: list[int] = []
        #: The normalised text of each document: its fields in order, joined.
        self._texts: list[str] = []
        #: Of every field of every document: its document, its name's code, its length, and how many words it has.
        self._text_documents: list[int] = []
        self._text_fields: list[int] = []
        self._text_lengths: list[NDArray[np.int64]] = []
        self._word_counts: list[int] = []
        self._field_codes: dict[str, int] = {}
        self._words = WordNumbers()
        self._word_numbers: list[NDArray[np.int32]] = []
        #: Terms of names: (term, document) -> weight.
        self._names: dict[tuple[bytes, int], float] = {}
        self._vectors = VectorBuilder(vectors) if vectors else None

    @property
    def is_full(self) -> bool:
        """Whether further documents belong into another segment."""
        return self.size >= FULL_DOCUMENTS or self._characters >= FULL_CHARACTERS

    def add(self, documents: Iterable[IndexDocument], analyzer: Analyzer) -> None:
        """Take documents, in the order in which the segment will number them."""
        batch = list(documents)
        names = [sorted(document.fields) for document in batch]
        texts = normalize_all(document.fields[name] for document, own in zip(batch, names, strict=True) for name in own)
        numbers: list[int] = []
        first_text = len(self._text_documents)
        start = 0
        for document, own in zip(batch, names, strict=True):
            end = start + len(own)
            for name, text in zip(own, texts[start:end], strict=True):
                self._text_documents.append(self.size)
                self._text_fields.append(self._field_codes.setdefault(name, len(self._field_codes)))
                words = self._words.cut(text, analyzer.segmenter)
                self._word_counts.append(len(words))
                numbers += words
            self._add_columns(document, SEPARATOR.join(texts[start:end]))
            if document.name:
                for term, weight in analyzer.name_terms(document.name).items():
                    self._names[term.encode(), self.size] = weight
            self.size += 1
            start = end
        if self._vectors:
            self._vectors.add(batch)
        self._word_numbers.append(np.array(numbers, np.int32))
        lengths = JoinedTexts(SEPARATOR.join(texts), len(texts)).lengths()
        self._text_lengths.append(lengths)
        self._measure(self._text_fields[first_text:], lengths)

    def _add_columns(self, document: IndexDocument, text: str) -> None:
        columns = self._columns
        columns["id"].append(document.id)
        columns["source"].append(document.source)
        columns["fingerprint"].append(document.fingerprint)
        columns["owner"].append(document.owner)
        columns["kind"].append(document.kind.value)
        columns["date"].append(document.date.isoformat() if document.date else "")
        columns["division"].append(document.division)
        columns["owner_division"].append(document.owner_division)
        for name in FACETS:
            columns[f"facet_{name}"].append(VALUE_SEPARATOR.join(document.facets.get(name, ())))
        self._asked.append(document.asked_on.toordinal() if document.asked_on else 0)
        self._ties.append(tie_breaker(document.id))
        self._texts.append(text)
        self._characters += len(text)

    def _measure(self, fields: list[int], lengths: NDArray[np.int64]) -> None:
        codes = np.array(fields, np.int64)
        size = len(self._field_codes)
        totals = np.bincount(codes, weights=lengths, minlength=size).astype(np.int64).tolist()
        counts = np.bincount(codes[lengths > 0], minlength=size).tolist()
        for name, code in self._field_codes.items():
            if counts[code]:
                self.lengths.add(name, totals[code], counts[code])

    def finish(self) -> Mapping[str, tuple[int, int]]:
        """Lengths of all that was added (`LengthTotals.totals`); nothing may be added any more."""
        if self._vectors:
            self._vectors.finish()
        return self.lengths.totals

    def arrays(self, lengths: FieldLengths) -> dict[str, Array]:
        """The segment's arrays, with weights by these average lengths."""
        joined = SEPARATOR.join(text for text, has in zip(self._texts, self._has_fields(), strict=True) if has)
        texts = JoinedTexts(joined, len(self._text_documents))
        boosts = self._boosts(lengths)
        documents = np.array(self._text_documents, np.int32)
        words = np.concatenate([*self._word_numbers, np.empty(0, np.int32)])
        word_texts = np.repeat(np.arange(len(documents), dtype=np.int32), self._word_counts)
        groups: list[tuple[TermGroup, Callable[[], TermCounts]]] = [
            (TermGroup.WORDS, lambda: count_words(self._words, words, word_texts)),
            (TermGroup.GRAMS, texts.bigrams),
            (TermGroup.CHARS, texts.characters),
        ]
        arrays: dict[str, Array] = {}
        # Sorting takes most of the time here, and lets other threads run meanwhile.
        with ThreadPoolExecutor(min(len(groups), usable_cores()), thread_name_prefix="zhiku-build") as pool:
            for part in pool.map(lambda one: _folded(one[0], one[1](), documents, boosts), groups):
                arrays |= part
        arrays |= _listed(TermGroup.NAMES.value, self._names)
        sources = {(source.encode(), number): 1.0 for number, source in enumerate(self._columns["source"])}
        arrays |= _listed(SOURCE_FIELD, sources)
        arrays |= self._column_arrays()
        if self._vectors:
            arrays |= self._vectors.arrays()
        return arrays

    def _has_fields(self) -> list[bool]:
        return np.bincount(self._text_documents, minlength=self.size).astype(bool).tolist()[: self.size]

    def _boosts(self, lengths: FieldLengths) -> NDArray[np.float64]:
        """What one occurrence in each text adds to a term's weight (texts,): see `scoring.fold`."""
        length = np.concatenate([*self._text_lengths, np.empty(0, np.int64)]).astype(np.float64)
        fields = np.array(self._text_fields, np.int64)
        names = list(self._field_codes)
        # A field without an average, and 0 / 0 of an empty text, which has no terms: the norm of an average length.
        averages = np.array([lengths.averages.get(name, np.nan) for name in names], np.float64)[fields]
        averages = np.where(np.isnan(averages), np.maximum(length, 1.0), averages)
        norms = 1.0 - B + B * length / averages
        by_field = np.array([FIELD_BOOSTS.get(name, 1.0) for name in names], np.float64)
        boosts: NDArray[np.float64] = by_field[fields] / norms
        return boosts

    def _column_arrays(self) -> dict[str, Array]:
        arrays: dict[str, Array] = {ASKED: np.array(self._asked, np.int32), TIE: np.array(self._ties, np.int64)}
        for name, values in self._columns.items():
            arrays |= coded_arrays(name, values) if name in CODED else string_arrays(name, values)
        return arrays | string_arrays(TEXT_COLUMN, self._texts)


def _folded(
    group: TermGroup, terms: TermCounts, documents: NDArray[np.int32], boosts: NDArray[np.float64]
) -> dict[str, Array]:
    """From counts by text to weights by document. A document's texts stand side by side, in the order of its fields."""
    of_pairs = documents[terms.texts]
    is_first = np.ones(len(of_pairs), bool)
    is_first[1:] = of_pairs[1:] != of_pairs[:-1]
    is_first[terms.starts[:-1]] = True
    firsts = np.flatnonzero(is_first)
    # bincount adds up one after the other, in the order of the pairs: the sums have the bits that `fold` gives.
    weights = np.bincount(np.cumsum(is_first) - 1, weights=boosts[terms.texts] * terms.counts, minlength=len(firsts))
    starts = np.searchsorted(firsts, terms.starts)
    blob = np.frombuffer(terms.blob, np.uint8)
    return term_arrays(group.value, blob, terms.offsets, starts, of_pairs[firsts], weights.astype(np.float32))


def _listed(name: str, weights: Mapping[tuple[bytes, int], float]) -> dict[str, Array]:
    """The arrays of a field from `{(term, document): weight}`."""
    pairs = sorted(weights)
    terms = [term for term, _ in pairs]
    firsts = [place for place, term in enumerate(terms) if not place or term != terms[place - 1]]
    distinct = [terms[place] for place in firsts]
    offsets = np.zeros(len(distinct) + 1, np.int64)
    np.cumsum(list(map(len, distinct)), out=offsets[1:])
    return term_arrays(
        name,
        np.frombuffer(b"".join(distinct), np.uint8),
        offsets,
        np.array([*firsts, len(pairs)], np.int64),
        np.array([document for _, document in pairs], np.int32),
        np.array([weights[pair] for pair in pairs], np.float32),
    )
