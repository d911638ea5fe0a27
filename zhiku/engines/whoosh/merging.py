"""Several segments into one: arrays are concatenated term by term, documents renumbered, deleted ones dropped.

Documents keep their order, those of the first segment first, so that the postings of a term need no sorting.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from whoosh.codec.whoosh3 import W3Segment

from zhiku.engines.whoosh import vectors
from zhiku.engines.whoosh.arrayfile import Array, Arrays
from zhiku.engines.whoosh.schema import ASKED, CODED, INDEXED_FIELDS, PER_DOCUMENT, TEXT_COLUMN, TIE
from zhiku.engines.whoosh.strings import Coded, Strings, string_arrays
from zhiku.engines.whoosh.terms import TermLists, term_arrays

#: Beyond so many segments the smallest ones are merged. Every one costs each search a look-up per term.
MOST_SEGMENTS = 8

#: So many of them at least, or each commit would merge again.
MERGED_AT_ONCE = 4

#: A segment that is so much larger than those to be merged together stays out: it would be written again and again.
RATIO = 4

#: Segments of so many documents are not counted and not merged, unless more than half of one is deleted.
LARGE = 16_384


def segments_to_merge(segments: Sequence[W3Segment]) -> list[W3Segment]:
    """Those of a commit's segments that should become one; none, or at least one."""
    thinned = [segment for segment in segments if segment.deleted_count() * 2 > segment.doc_count_all() >= LARGE]
    small = sorted(
        (segment for segment in segments if segment.doc_count_all() < LARGE), key=lambda segment: segment.doc_count()
    )
    if len(small) <= MOST_SEGMENTS:
        return thinned
    chosen = small[:MERGED_AT_ONCE]
    for segment in small[MERGED_AT_ONCE:]:
        if segment.doc_count() > RATIO * sum(one.doc_count() for one in chosen):
            break
        chosen.append(segment)
    return [*thinned, *chosen]


def merged(segments: Sequence[tuple[Arrays, Sequence[int]]]) -> dict[str, Array]:
    """The arrays of one segment with the documents of several, given the arrays and deleted documents of each."""
    sources = [_Source(arrays, deleted) for arrays, deleted in segments]
    first = 0
    for source in sources:
        source.number_from(first)
        first += len(source.kept)
    result: dict[str, Array] = {}
    for name in INDEXED_FIELDS:
        result |= _merged_terms(name, sources)
    for name in (*PER_DOCUMENT, TEXT_COLUMN):
        result |= _merged_strings(name, sources)
    for name in CODED:
        result |= _merged_codes(name, sources)
    for name in (ASKED, TIE):
        result[name] = _rows(name, sources)
    if any(vectors.has_vectors(source.arrays) for source in sources):
        result |= _merged_vectors(sources)
    return result


class _Source:
    """One of the segments."""

    def __init__(self, arrays: Arrays, deleted: Sequence[int]) -> None:
        self.arrays = arrays
        is_live = np.ones(len(arrays[TIE]), bool)
        is_live[list(deleted)] = False
        #: Numbers of the documents that stay.
        self.kept = np.flatnonzero(is_live)
        #: Number of each document in the merged segment, -1 for those that go.
        self.numbers = np.full(len(is_live), -1, np.int32)

    def number_from(self, first: int) -> None:
        """The first document that stays gets this number."""
        self.numbers[self.kept] = np.arange(first, first + len(self.kept), dtype=np.int32)


def _merged_terms(field: str, sources: Sequence[_Source]) -> dict[str, Array]:
    lists = [TermLists(source.arrays, field) for source in sources]
    terms, places = _united([one.terms for one in lists])
    # Of every posting that stays: its term, document and weight.
    documents: list[NDArray[np.int32]] = []
    weights: list[NDArray[np.float32]] = []
    frequencies: list[NDArray[np.int64]] = []
    for source, one, place in zip(sources, lists, places, strict=True):
        numbers = source.numbers[one.all_documents]
        stays = numbers >= 0
        kept_before = np.zeros(len(stays) + 1, np.int64)
        np.cumsum(stays, out=kept_before[1:])
        frequency = np.zeros(len(terms), np.int64)
        frequency[place] = np.diff(kept_before[one.starts])
        frequencies.append(frequency)
        documents.append(numbers[stays])
        weights.append(one.all_weights[stays])
    total = np.sum(frequencies, axis=0)
    starts = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(total, out=starts[1:])
    merged_documents = np.empty(int(starts[-1]), np.int32)
    merged_weights = np.empty(int(starts[-1]), np.float32)
    filled = starts[:-1].copy()
    for frequency, document, weight in zip(frequencies, documents, weights, strict=True):
        before = np.cumsum(frequency) - frequency
        target = np.repeat(filled - before, frequency) + np.arange(len(document))
        merged_documents[target] = document
        merged_weights[target] = weight
        filled += frequency
    is_used = total > 0
    blob, offsets = _encoded([term for term, used in zip(terms, is_used.tolist(), strict=True) if used])
    starts = np.append(starts[:-1][is_used], starts[-1])
    return term_arrays(field, blob, offsets, starts, merged_documents, merged_weights)


def _united(parts: Sequence[Strings]) -> tuple[list[bytes], list[NDArray[np.int64]]]:
    """All terms in order, each once, and for each part where its terms are among them."""
    encoded = [part.all_encoded() for part in parts]
    terms = sorted(set().union(*encoded))
    place = {term: number for number, term in enumerate(terms)}
    return terms, [np.fromiter(map(place.__getitem__, part), np.int64, len(part)) for part in encoded]


def _encoded(terms: Sequence[bytes]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    offsets = np.zeros(len(terms) + 1, np.int64)
    np.cumsum(list(map(len, terms)), out=offsets[1:])
    return np.frombuffer(b"".join(terms), np.uint8), offsets


def _merged_strings(name: str, sources: Sequence[_Source]) -> dict[str, Array]:
    blobs: list[Array] = []
    lengths: list[Array] = []
    for source in sources:
        blob, offsets = source.arrays[f"{name}.blob"], source.arrays[f"{name}.offsets"]
        # Documents that stay come in runs: few slices instead of an index of every byte.
        for first, last in _runs(source.kept):
            blobs.append(blob[offsets[first] : offsets[last]])
            lengths.append(np.diff(offsets[first : last + 1]))
    offsets = np.zeros(sum(map(len, lengths)) + 1, np.int64)
    np.cumsum(_joined(lengths, np.int64), out=offsets[1:])
    return {f"{name}.blob": _joined(blobs, np.uint8), f"{name}.offsets": offsets}


def _runs(numbers: NDArray[np.int64]) -> list[tuple[int, int]]:
    """`(first, last + 1)` of the runs of consecutive numbers."""
    if not len(numbers):
        return []
    breaks = np.flatnonzero(np.diff(numbers) != 1)
    firsts = numbers[np.concatenate([[0], breaks + 1])]
    lasts = numbers[np.concatenate([breaks, [len(numbers) - 1]])]
    return list(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


def _merged_codes(name: str, sources: Sequence[_Source]) -> dict[str, Array]:
    place: dict[str, int] = {}
    parts: list[Array] = []
    for source in sources:
        column = Coded.of(source.arrays, name)
        codes = column.codes[source.kept]
        # Only values that a document still has.
        used = np.unique(codes)
        translation = np.zeros(len(column.distinct), np.int32)
        translation[used] = [place.setdefault(column.distinct[code], len(place)) for code in used.tolist()]
        parts.append(translation[codes])
    return {f"{name}.codes": _joined(parts, np.int32), **string_arrays(name, place)}


def _merged_vectors(sources: Sequence[_Source]) -> dict[str, Array]:
    """Those that there are: documents that a process without the encoder wrote have no clauses."""
    like = next(source.arrays for source in sources if vectors.has_vectors(source.arrays))
    for source in sources:
        if not vectors.has_vectors(source.arrays):
            source.arrays = {**source.arrays, **vectors.no_vectors(len(source.numbers), like)}
    result = {name: _rows(name, sources) for name in (vectors.MEANS, vectors.MEAN_SCALES)}
    firsts: list[Array] = []
    rows: list[Array] = []
    for source in sources:
        first = source.arrays[vectors.FIRSTS]
        counts = np.diff(first)
        firsts.append(counts[source.kept])
        rows.append(np.flatnonzero(np.repeat(source.numbers >= 0, counts)))
    for name in (vectors.CLAUSES, vectors.SCALES, vectors.KEYS):
        result[name] = np.concatenate([source.arrays[name][row] for source, row in zip(sources, rows, strict=True)])
    result[vectors.FIRSTS] = np.concatenate([np.zeros(1, np.int64), np.cumsum(_joined(firsts, np.int64))])
    return result


def _rows(name: str, sources: Sequence[_Source]) -> Array:
    """The rows of an array with one per document."""
    return np.concatenate([source.arrays[name][source.kept] for source in sources])


def _joined(parts: Sequence[Array], dtype: type[np.generic]) -> Array:
    return np.concatenate([*parts, np.empty(0, dtype)]).astype(dtype, copy=False)
