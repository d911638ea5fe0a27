"""A snapshot: the segments of one commit side by side as arrays, and the search over them.

Documents are numbered through all segments. Scores accumulate term at a time into one dense array; filters are boolean
masks over coded columns, facets counts over codes, deletions a mask. Nothing here depends on how the documents are
spread over segments: document frequencies count live documents only, and ties are broken by id.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.schema import VALUE_SEPARATOR
from zhiku.engines.whoosh.segment import Segment
from zhiku.search.hits import KINDS, HitColumns, OwnerTable
from zhiku.search.port import (
    FACETS,
    Hit,
    HitList,
    Kind,
    RequiredWord,
    SearchRequest,
    SearchResult,
    TermGroup,
    tie_breaker,
)
from zhiku.search.scoring import GROUP_WEIGHTS, MATCHING_GROUPS, idf

Mask = NDArray[np.bool_]


class _Column:
    """A coded column over all segments: distinct values and a code per document (n,)."""

    def __init__(self, segments: Sequence[Segment], name: str) -> None:
        codes: dict[str, int] = {}
        parts = []
        for segment in segments:
            coded = segment.coded[name]
            # One look-up per distinct value, then the segment's codes are translated as an array.
            translation = np.array([codes.setdefault(value, len(codes)) for value in coded.distinct], np.int32)
            parts.append(translation[coded.codes])
        self.codes: NDArray[np.int32] = _joined(parts, np.int32)
        self.distinct = list(codes)

    def mask(self, accepted: Iterable[bool]) -> Mask:
        """Documents (n,) whose value is accepted, given one answer per distinct value."""
        return np.fromiter(accepted, bool, len(self.distinct))[self.codes]


class Snapshot:
    """All live documents of one commit. `use` and `release` count the searches that hold it."""

    def __init__(self, segments: Sequence[Segment], deleted: Sequence[Iterable[int]], key: tuple[str, int]) -> None:
        #: (generation, commit): what it is a snapshot of.
        self.key = key
        self.segments = list(segments)
        self._offsets = np.concatenate([[0], np.cumsum([segment.size for segment in segments])]).astype(np.int64)
        self.size = int(self._offsets[-1])
        self._live: Mask = np.ones(self.size, bool)
        for offset, gone in zip(self._offsets, deleted, strict=False):
            self._live[[offset + number for number in gone]] = False
        self.live_count = int(self._live.sum())
        self._has_deletions = self.live_count < self.size
        self._owner = _Column(segments, "owner")
        self._kind = _Column(segments, "kind")
        self._date = _Column(segments, "date")
        self._kinds = [Kind(value) for value in self._kind.distinct]
        kind_codes = [KINDS.index(kind) for kind in self._kinds]
        self._kind_codes = np.array(kind_codes, np.int8)[self._kind.codes] if self.size else np.empty(0, np.int8)
        self._owners = self._owner_table()
        self._ties: NDArray[np.int64] = _joined([segment.ties for segment in segments], np.int64)
        self._days = [date.fromisoformat(day) if day else None for day in self._date.distinct]
        self._facets = {name: _Column(segments, f"facet_{name}") for name in FACETS}
        self._lock = threading.Lock()
        self._users = 1
        for segment in self.segments:
            segment.use()

    def _owner_table(self) -> OwnerTable:
        """Owners with the day on which each was last asked, which their live profiles say."""
        asked: NDArray[np.int32] = _joined([segment.asked for segment in self.segments], np.int32)
        keys = self._owner.distinct
        days = np.zeros(len(keys), np.int32)
        known = np.flatnonzero(self._live & (asked > 0))
        days[self._owner.codes[known]] = asked[known]
        ties = np.array([tie_breaker(key) for key in keys], np.int64)
        return OwnerTable(keys, ties, days, np.array([bool(key) for key in keys], np.bool_))

    # -- life ----------------------------------------------------------------------------------------------------

    def use(self) -> bool:
        """Hold the snapshot for a search; False when it was closed meanwhile."""
        with self._lock:
            if not self._users:
                return False
            self._users += 1
            return True

    def release(self) -> set[str]:
        """Let go of it; returns the names of segments that were closed with it."""
        with self._lock:
            self._users -= 1
            if self._users:
                return set()
        return {segment.name for segment in self.segments if segment.release()}

    # -- reading -------------------------------------------------------------------------------------------------

    def fingerprints(self) -> dict[str, str]:
        """`{id: fingerprint}` of the live documents. Reads all files, and raises `DamagedFile` where one changed."""
        for segment in self.segments:
            segment.verify()
        return {
            segment.ids[number]: segment.fingerprints[number]
            for segment, offset in zip(self.segments, self._offsets, strict=False)
            for number in range(segment.size)
            if self._live[offset + number]
        }

    def vocabulary(self) -> dict[str, int]:
        """Words with the number of live documents that have each."""
        counts: dict[str, int] = {}
        for segment, offset in zip(self.segments, self._offsets, strict=False):
            for word in segment.terms(TermGroup.WORDS.value):
                documents = segment.postings(TermGroup.WORDS.value, word).documents + offset
                counts[word] = counts.get(word, 0) + int(self._live[documents].sum())
        return {word: count for word, count in counts.items() if count}

    def search(self, request: SearchRequest) -> SearchResult:
        """See `zhiku.search.port.Engine.search`."""
        allowed = self._allowed(request)
        has_words = self._words_found(request)
        is_named = self._named(request)
        scores, matched, touched = self._score(request)
        matched |= is_named | (touched & (has_words != 0))
        documents = np.flatnonzero(matched & allowed)
        near = np.flatnonzero(touched & ~matched & allowed) if request.near_limit else documents[:0]
        owners = self._owner.codes[documents]
        is_owned = np.array([bool(value) for value in self._owner.distinct], bool)
        owned = is_owned[owners]
        by_owner = np.zeros(len(self._owner.distinct), np.int64)
        np.bitwise_or.at(by_owner, owners, has_words[documents])
        found = np.where(owned, by_owner[owners], has_words[documents])
        matching = self._top(request.limit, documents, scores)
        nearby = self._top(request.near_limit, near, scores)
        return SearchResult(
            hits=self._hits(
                documents[matching], found[matching], near[nearby], has_words[near[nearby]], scores, is_named
            ),
            total_documents=len(documents),
            total_owners=len(np.unique(owners[owned])),
            facets=self._count_facets(request.facets, documents[owned], owners[owned]),
        )

    # -- parts of a search ---------------------------------------------------------------------------------------

    def _allowed(self, request: SearchRequest) -> Mask:
        allowed = self._live.copy()
        if request.owned_only:
            allowed &= self._owner.mask(bool(value) for value in self._owner.distinct)
        if request.kinds:
            allowed &= self._kind.mask(value in request.kinds for value in self._kind.distinct)
        for name, accepted in request.filters.items():
            column = self._facets[name]
            allowed &= column.mask(not set(accepted).isdisjoint(_values(value)) for value in column.distinct)
        return allowed

    def _score(self, request: SearchRequest) -> tuple[NDArray[np.float64], Mask, Mask]:
        """Scores, which documents match, and which have any term at all: (n,) each."""
        scores = np.zeros(self.size)
        if request.terms.is_empty:
            everything = np.ones(self.size, bool)
            return scores, everything, everything
        matched = np.zeros(self.size, bool)
        touched = np.zeros(self.size, bool)
        for group, terms in request.terms.groups.items():
            decides = group in MATCHING_GROUPS and not request.terms.required
            for term, query_weight in terms.items():
                lists = [segment.postings(group.value, term) for segment in self.segments]
                numbers = [postings.documents + offset for postings, offset in zip(lists, self._offsets, strict=False)]
                frequency = sum(map(len, numbers))
                if not frequency:
                    continue
                if self._has_deletions:
                    frequency = sum(int(self._live[part].sum()) for part in numbers)
                weight = GROUP_WEIGHTS[group] * query_weight * idf(self.live_count, frequency)
                for part, postings in zip(numbers, lists, strict=True):
                    scores[part] += weight * postings.saturated
                    touched[part] = True
                    if decides:
                        matched[part] = True
        return scores, matched, touched

    def _named(self, request: SearchRequest) -> Mask:
        """Documents (n,) whose person has a name of the query."""
        named = np.zeros(self.size, bool)
        for name in request.terms.groups.get(TermGroup.NAMES, ()):
            named |= self._having(TermGroup.NAMES, name)
        return named

    def _words_found(self, request: SearchRequest) -> NDArray[np.int64]:
        """Bit masks (n,) of the required words that each document has."""
        found = np.zeros(self.size, np.int64)
        for bit, required in enumerate(request.terms.required):
            found[self._having_word(required)] |= 1 << bit
        return found

    def _having_word(self, required: RequiredWord) -> Mask:
        has = self._having(TermGroup.WORDS, required.word)
        for name in required.names:
            has |= self._having(TermGroup.NAMES, name)
        if required.parts:
            groups = [TermGroup.CHARS if len(part) == 1 else TermGroup.GRAMS for part in required.parts]
            has |= np.logical_and.reduce(list(map(self._having, groups, required.parts)))
        for synonym in required.synonyms:
            has |= self._having_word(synonym)
        return has

    def _having(self, group: TermGroup, term: str) -> Mask:
        having = np.zeros(self.size, bool)
        for segment, offset in zip(self.segments, self._offsets, strict=False):
            having[segment.postings(group.value, term).documents + offset] = True
        return having

    def _top(self, limit: int, documents: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """Places in `documents` of the best ones, in no order."""
        if limit <= 0:
            return np.empty(0, np.intp)
        if len(documents) <= limit:
            return np.arange(len(documents))
        of_documents = scores[documents]
        last = np.partition(of_documents, len(documents) - limit)[len(documents) - limit]
        above = np.flatnonzero(of_documents > last)
        # Of those that tie with the last place the digests of their ids decide.
        level = np.flatnonzero(of_documents == last)
        level = level[np.argsort(self._ties[documents[level]], kind="stable")][: limit - len(above)]
        return np.concatenate([above, level])

    def _hits(
        self,
        documents: NDArray[np.int64],
        found: NDArray[np.int64],
        near: NDArray[np.int64],
        near_found: NDArray[np.int64],
        scores: NDArray[np.float64],
        is_named: Mask,
    ) -> HitList:
        """Matching documents and near ones, each with its words found, in one list, best first."""
        everything = np.concatenate([documents, near])
        order = np.lexsort((self._ties[everything], -scores[everything]))
        chosen = everything[order]
        columns = HitColumns(
            scores=scores[chosen],
            owners=self._owner.codes[chosen],
            kinds=self._kind_codes[chosen],
            words_found=np.concatenate([found, near_found])[order],
            is_near=(np.arange(len(everything)) >= len(documents))[order],
            is_named=is_named[chosen],
        )

        def make(place: int) -> Hit:
            document = int(chosen[place])
            segment = int(np.searchsorted(self._offsets, document, side="right")) - 1
            number = document - int(self._offsets[segment])
            return Hit(
                id=self.segments[segment].ids[number],
                source=self.segments[segment].sources[number],
                owner=self._owner.distinct[self._owner.codes[document]],
                kind=self._kinds[self._kind.codes[document]],
                date=self._days[self._date.codes[document]],
                score=float(columns.scores[place]),
                words_found=int(columns.words_found[place]),
                is_near=bool(columns.is_near[place]),
                is_named=bool(columns.is_named[place]),
            )

        return HitList(self._owners, columns, make)

    def _count_facets(
        self, names: Sequence[str], documents: NDArray[np.int64], owners: NDArray[np.int32]
    ) -> dict[str, dict[str, int]]:
        # One document stands for each owner: all of an owner's documents carry the same facets.
        _, first = np.unique(owners, return_index=True)
        representatives = documents[first]
        facets: dict[str, dict[str, int]] = {}
        for name in names:
            column = self._facets[name]
            counts: dict[str, int] = {}
            combinations = np.bincount(column.codes[representatives], minlength=len(column.distinct))
            for code in np.flatnonzero(combinations):
                for value in _values(column.distinct[code]):
                    counts[value] = counts.get(value, 0) + int(combinations[code])
            facets[name] = counts
        return facets


def _joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    return np.concatenate([*parts, np.empty(0, dtype)])


def _values(joined: str) -> list[str]:
    return joined.split(VALUE_SEPARATOR) if joined else []
