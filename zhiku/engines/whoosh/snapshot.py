"""A snapshot: the segments of one commit side by side as arrays, and the search over them.

Documents are numbered through all segments. Every posting list that a request needs is fetched once; scores are added
up by one `bincount` over all of them, filters are boolean masks over coded columns, facets counts over codes, deletions
a mask. Nothing here depends on how the documents are spread over segments: document frequencies count live documents
only, a document's score is added up in the order of the query's terms, and ties are broken by digests of the ids.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.columns import Column, Mask, joined
from zhiku.engines.whoosh.nearness import Basis, Nearness, with_meaning
from zhiku.engines.whoosh.postings import Postings
from zhiku.engines.whoosh.segment import Segment
from zhiku.engines.whoosh.selection import hopeful_places
from zhiku.search.hits import KINDS, HitColumns, OwnerTable
from zhiku.search.meaning import NEAR_FLOOR, Meaning
from zhiku.search.port import (
    FACETS,
    ExactPart,
    Hit,
    HitList,
    Kind,
    RequiredWord,
    SearchRequest,
    SearchResult,
    TermGroup,
)
from zhiku.search.scoring import GROUP_WEIGHTS, MATCHING_GROUPS, idf

#: (field, term) -> posting list in one segment.
Lists = Mapping[tuple[str, str], Postings]

#: The fields of the groups; looking at an enumeration's value takes as long as a look-up.
_FIELDS = {group: group.value for group in TermGroup}
_NOBODY = np.empty(0, np.int32)
_WORDS, _GRAMS, _CHARS, _NAMES = (group.value for group in TermGroup)


@dataclass(frozen=True, slots=True)
class SegmentLists:
    """One segment's part of a search: its documents are `start` to `end` of the snapshot's."""

    start: int
    end: int
    #: Documents in them are numbered from 0 in each segment.
    lists: Lists


class Snapshot:
    """All live documents of one commit. `use` and `release` count the searches that hold it."""

    def __init__(
        self,
        segments: Sequence[Segment],
        deleted: Sequence[Iterable[int]],
        key: tuple[str, int],
        basis: Basis | None = None,
    ) -> None:
        #: (generation, commit): what it is a snapshot of.
        self.key = key
        self.segments = list(segments)
        self._offsets = np.concatenate([[0], np.cumsum([segment.size for segment in segments])]).astype(np.int64)
        self._first_documents: list[int] = self._offsets.tolist()
        self.size = int(self._offsets[-1])
        self._live: Mask = np.ones(self.size, bool)
        for offset, gone in zip(self._offsets, deleted, strict=False):
            self._live[[offset + number for number in gone]] = False
        self.live_count = int(self._live.sum())
        self._has_deletions = self.live_count < self.size
        self._owner = Column(segments, "owner")
        self._owners = self._owner_table()
        self._is_owned: Mask = self._owners.is_somebody[self._owner.codes]
        self._kind = Column(segments, "kind")
        self._kinds = [Kind(value) for value in self._kind.distinct]
        kind_codes = np.array([KINDS.index(kind) for kind in self._kinds], np.int8)
        self._kind_codes: NDArray[np.int8] = kind_codes[self._kind.codes]
        self._date = Column(segments, "date")
        self._days = [date.fromisoformat(day) if day else None for day in self._date.distinct]
        self._ties: NDArray[np.int64] = joined([segment.ties for segment in segments], np.int64)
        self._division = Column(segments, "division")
        self._owner_division = Column(segments, "owner_division")
        self._facets = {name: Column(segments, f"facet_{name}") for name in FACETS}
        self.nearness = Nearness([segment.vectors(basis) for segment in segments], self._offsets, basis)
        #: Of no document anything is known: what most queries have instead of names or required words. Never written.
        self._none: Mask = np.zeros(self.size, bool)
        self._no_words = np.zeros(self.size, np.int64)
        self._none.flags.writeable = self._no_words.flags.writeable = False
        self._lock = threading.Lock()
        self._users = 1
        for segment in self.segments:
            segment.use()

    def _owner_table(self) -> OwnerTable:
        """Owners with the day on which each was last asked, which their live profiles say."""
        asked: NDArray[np.int32] = joined([segment.asked for segment in self.segments], np.int32)
        days = np.zeros(len(self._owner.distinct), np.int32)
        known = np.flatnonzero(self._live & (asked > 0))
        days[self._owner.codes[known]] = asked[known]
        return OwnerTable.of(self._owner.distinct, days)

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
        found: dict[str, str] = {}
        for segment, live in self._by_segment(self._live):
            segment.verify()
            pairs = zip(segment.ids.tolist(), segment.fingerprints.tolist(), live.tolist(), strict=True)
            found.update((key, fingerprint) for key, fingerprint, is_live in pairs if is_live)
        return found

    def vocabulary(self, division: str = "") -> Mapping[str, int]:
        """Words with the number of live documents that have each; of documents of divisions whose codes begin so."""
        there = self._division.beginning_with(division)
        return self._vocabulary if there is None else self._count_words(self._live & there)

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        return self._count_words(self._live)

    def _count_words(self, among: Mask) -> dict[str, int]:
        counts: dict[str, int] = {}
        for segment, live in self._by_segment(among):
            words, frequencies = segment.frequencies(_WORDS, live)
            for word, frequency in zip(words, frequencies.tolist(), strict=True):
                if frequency:
                    counts[word] = counts.get(word, 0) + frequency
        return counts

    def _by_segment(self, documents: Mask) -> Iterator[tuple[Segment, Mask]]:
        """Each segment, and which of its documents are among these (n,)."""
        for segment, offset in zip(self.segments, self._offsets.tolist(), strict=False):
            yield segment, documents[offset : offset + segment.size]

    def search(self, request: SearchRequest) -> SearchResult:
        """See `zhiku.search.port.Engine.search`."""
        parts = self._read(request)
        allowed = self._allowed(request, parts)
        scores = self._score(request, parts)
        has_words = self._words_found(request, parts)
        is_named = self._having([(_NAMES, name) for name in request.terms.groups.get(TermGroup.NAMES, ())], parts)
        touched, matched = self._matched(request, parts, scores, has_words, is_named)
        documents = np.flatnonzero(matched & allowed)
        owners = self._owner.codes[documents]
        found = has_words[documents]
        owned = self._is_owned[documents] if not request.owned_only else np.ones(len(documents), bool)
        if request.terms.required:
            by_owner = np.zeros(len(self._owner.distinct), np.int64)
            np.bitwise_or.at(by_owner, owners, found)
            found = np.where(owned, by_owner[owners], found)
        meaning = request.terms.meaning
        closeness = np.zeros(self.size if meaning else 0, np.float32)
        if meaning is not None:
            complete = (1 << len(request.terms.required)) - 1
            has_all_words = bool(complete) and bool((found == complete).any())
            compared = self.nearness.near(meaning, scores, allowed)
            scores = with_meaning(scores, allowed, compared, has_all_words)
            closeness[compared.documents] = compared.best
            touched = touched.copy()
            touched[compared.documents[compared.best >= NEAR_FLOOR]] = True
        near = np.flatnonzero(touched & ~matched & allowed) if request.near_limit else documents[:0]
        matching = self._top(request.limit, documents, scores)
        nearby = self._top(request.near_limit, near, scores)
        owned_owners = owners if request.owned_only else owners[owned]
        return SearchResult(
            hits=self._hits(
                documents[matching],
                found[matching],
                near[nearby],
                has_words[near[nearby]],
                scores,
                is_named,
                self._nearest_in(meaning, closeness),
            ),
            total_documents=len(documents),
            total_owners=self._count_owners(owned_owners),
            facets=self._count_facets(request.facets, documents[owned], owned_owners),
            named_owners=self._count_named(request, parts, allowed),
            has_own_words=self._has_own_words(request, parts, documents),
        )

    # -- parts of a search ---------------------------------------------------------------------------------------

    def _read(self, request: SearchRequest) -> list[SegmentLists]:
        """The lists that the request needs, segment by segment. Scores are added up in the segments too: of a term's
        lists in all segments one would be made first otherwise, for every term of every query."""
        keys = list(dict.fromkeys(_wanted(request)))
        return [
            SegmentLists(offset, offset + segment.size, dict(zip(keys, segment.read(keys), strict=True)))
            for segment, offset in zip(self.segments, self._offsets.tolist(), strict=False)
        ]

    def _allowed(self, request: SearchRequest, parts: Sequence[SegmentLists]) -> Mask:
        """Documents (n,) that the filters and the exact parts leave."""
        within = allowed = self._within(request)
        if request.owned_only:
            allowed = allowed & self._is_owned
        if request.kinds:
            allowed = allowed & self._kind.mask(value in request.kinds for value in self._kind.distinct)
        for name, accepted in request.filters.items():
            column = self._facets[name]
            wanted = set(accepted)
            allowed = allowed & column.mask(not wanted.isdisjoint(values) for values in column.values)
        for exact in request.phrases:
            allowed = allowed & self._bearers(exact, parts, within)
        for exact in request.excluded:
            allowed = allowed & ~self._bearers(exact, parts, within)
        return allowed

    def _within(self, request: SearchRequest) -> Mask:
        """Live documents (n,) of the request's division; where it is everybody's, all of them without a look at any."""
        within = self._live
        if request.division:
            columns = (self._division, self._owner_division) if request.owned_only else (self._division,)
            for column in columns:
                if (there := column.beginning_with(request.division)) is not None:
                    within = within & there
        return within

    def _bearers(self, exact: ExactPart, parts: Sequence[SegmentLists], within: Mask) -> Mask:
        """Documents (n,) whose owner has one of these documents with the exact text; without an owner, that have it."""
        candidates = within.copy()
        for group, term in exact.terms:
            candidates &= self._having([(_FIELDS[group], term)], parts)
        text = exact.text.encode()
        has = np.zeros(self.size, bool)
        for segment, offset in zip(self.segments, self._offsets.tolist(), strict=False):
            numbers = np.flatnonzero(candidates[offset : offset + segment.size]).tolist()
            has[[offset + number for number in numbers if text in segment.texts.encoded(number)]] = True
        owner_has = np.zeros(len(self._owner.distinct), bool)
        owner_has[self._owner.codes[has]] = True
        return np.where(self._is_owned, owner_has[self._owner.codes], has)

    def _score(self, request: SearchRequest, parts: Sequence[SegmentLists]) -> NDArray[np.float64]:
        """Scores (n,); 0 where a document has none of the terms, since no term has a weight of 0."""
        terms: list[tuple[str, str]] = []
        weights: list[float] = []
        for group, its in request.terms.groups.items():
            field, group_weight = _FIELDS[group], GROUP_WEIGHTS[group]
            for term, query_weight in its.items():
                if frequency := self._frequency((field, term), parts):
                    terms.append((field, term))
                    weights.append(group_weight * query_weight * idf(self.live_count, frequency))
        if not terms:
            return np.zeros(self.size)
        scores: list[NDArray[np.float64]] = []
        for part in parts:
            lists = [part.lists[term] for term in terms]
            factors = np.repeat(weights, [len(one.documents) for one in lists])
            # bincount adds one after the other, so each document's sum is that of the terms in their order. Of no
            # documents at all it makes whole numbers.
            sums = np.bincount(
                np.concatenate([one.documents for one in lists]),
                np.concatenate([one.saturated for one in lists]) * factors,
                part.end - part.start,
            )
            scores.append(sums.astype(np.float64, copy=False))
        return joined(scores, np.float64)

    def _frequency(self, term: tuple[str, str], parts: Sequence[SegmentLists]) -> int:
        """In how many live documents the term is."""
        if not self._has_deletions:
            return sum(len(part.lists[term].documents) for part in parts)
        return sum(
            int(np.count_nonzero(self._live[part.start : part.end][part.lists[term].documents])) for part in parts
        )

    def _matched(
        self,
        request: SearchRequest,
        parts: Sequence[SegmentLists],
        scores: NDArray[np.float64],
        has_words: NDArray[np.int64],
        is_named: Mask,
    ) -> tuple[Mask, Mask]:
        """Which documents (n,) have any term at all, and which match."""
        if request.terms.is_empty:
            everything = np.ones(self.size, bool)
            return everything, everything
        touched = scores > 0
        if request.terms.required:
            return touched, is_named | (touched & (has_words != 0))
        groups = request.terms.groups
        if all(group in MATCHING_GROUPS for group, terms in groups.items() if terms):
            return touched, touched
        decisive = [(_FIELDS[group], term) for group in MATCHING_GROUPS for term in groups.get(group, ())]
        return touched, self._having(decisive, parts)

    def _words_found(self, request: SearchRequest, parts: Sequence[SegmentLists]) -> NDArray[np.int64]:
        """Bit masks (n,) of the required words that each document has."""
        if not request.terms.required:
            return self._no_words
        found = np.zeros(self.size, np.int64)
        for part in parts:
            masks = found[part.start : part.end]
            for bit, required in enumerate(request.terms.required):
                for documents in _having_word(required, part.lists):
                    masks[documents] |= 1 << bit
        return found

    def _has_own_words(
        self, request: SearchRequest, parts: Sequence[SegmentLists], documents: NDArray[np.int64]
    ) -> bool:
        """Whether any of these documents has a required word as a word of its own."""
        if not request.terms.required or not len(documents):
            return False
        is_found = np.zeros(self.size, bool)
        is_found[documents] = True
        return any(
            bool(is_found[part.start : part.end][part.lists[_WORDS, required.word].documents].any())
            for part in parts
            for required in request.terms.required
        )

    def _having(self, terms: Sequence[tuple[str, str]], parts: Sequence[SegmentLists]) -> Mask:
        """Documents (n,) that have any of these terms."""
        if not terms:
            return self._none
        having = np.zeros(self.size, bool)
        for term in terms:
            for part in parts:
                having[part.start : part.end][part.lists[term].documents] = True
        return having

    def _count_owners(self, owners: NDArray[np.int32]) -> int:
        """How many there are, each counted once."""
        is_found = np.zeros(len(self._owner.distinct), bool)
        is_found[owners] = True
        return int(np.count_nonzero(is_found))

    def _count_named(self, request: SearchRequest, parts: Sequence[SegmentLists], allowed: Mask) -> int:
        names = [(_NAMES, name) for name in request.count_names]
        if not any(len(part.lists[name].documents) for name in names for part in parts):
            return 0
        return self._count_owners(self._owner.codes[self._having(names, parts) & allowed & self._is_owned])

    def _top(self, limit: int, documents: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """Places in `documents` of the best ones, in no order."""
        if limit <= 0:
            return np.empty(0, np.intp)
        if len(documents) <= limit:
            return np.arange(len(documents))
        places = hopeful_places(scores[documents], limit)
        hopeful = scores[documents[places]]
        last = np.partition(hopeful, len(hopeful) - limit)[len(hopeful) - limit]
        above = places[hopeful > last]
        # Of those that tie with the last place the digests of their ids decide.
        level = places[hopeful == last]
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
        nearest: Callable[[int], tuple[int, float]],
    ) -> HitList:
        """Matching documents and near ones, each with its words found, in one list, best first."""
        everything = np.concatenate([documents, near]) if len(near) else documents
        order = np.lexsort((self._ties[everything], -scores[everything]))
        chosen = everything[order]
        columns = HitColumns(
            scores=scores[chosen],
            owners=self._owner.codes[chosen],
            kinds=self._kind_codes[chosen],
            words_found=(np.concatenate([found, near_found]) if len(near) else found)[order],
            is_near=(np.arange(len(everything)) >= len(documents))[order],
            is_named=is_named[chosen],
        )

        def make(place: int) -> Hit:
            document = int(chosen[place])
            # Not searchsorted, which takes longer over so few offsets than the rest of this function.
            segment = bisect_right(self._first_documents, document) - 1
            number = document - self._first_documents[segment]
            clause, closeness = nearest(document)
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
                clause=clause,
                closeness=closeness,
            )

        return HitList(self._owners, columns, make)

    def _nearest_in(
        self, meaning: Meaning | None, closeness: NDArray[np.float32]
    ) -> Callable[[int], tuple[int, float]]:
        """From a document to the key of its nearest clause, where that is near enough to be shown, and its cosine."""

        def nearest(document: int) -> tuple[int, float]:
            if meaning is None:
                return 0, 0.0
            if closeness[document] < NEAR_FLOOR:
                return 0, float(closeness[document])
            return self.nearness.nearest_clause(document, meaning)

        return nearest

    def _count_facets(
        self, names: Sequence[str], documents: NDArray[np.int64], owners: NDArray[np.int32]
    ) -> dict[str, dict[str, int]]:
        if not names:
            return {}
        # One document stands for each owner: all of an owner's documents carry the same facets.
        of_owner = np.full(len(self._owner.distinct), -1, np.int64)
        of_owner[owners] = documents
        representatives = of_owner[of_owner >= 0]
        return {name: self._facets[name].count(representatives) for name in names}


def _having_word(required: RequiredWord, lists: Lists) -> Iterator[NDArray[np.int32]]:
    """Lists of documents that together are all that have the word."""
    for name in required.names:
        yield lists[_NAMES, name].documents
    common = _having_all([lists[_part(part)].documents for part in required.parts]) if required.parts else _NOBODY
    if len(common):
        # Whoever has the word has its parts: every bigram of a run of Chinese characters is indexed.
        yield common
    else:
        yield lists[_WORDS, required.word].documents
    for synonym in required.synonyms:
        yield from _having_word(synonym, lists)


def _having_all(lists: list[NDArray[np.int32]]) -> NDArray[np.int32]:
    """Documents that are in all of these lists, from the shortest on, so that few are looked for in the long ones."""
    common, *others = sorted(lists, key=len)
    for one in others:
        if not len(common):
            break
        common = common[one[np.minimum(np.searchsorted(one, common), len(one) - 1)] == common]
    return common


def _wanted(request: SearchRequest) -> Iterator[tuple[str, str]]:
    """Every list that the request needs."""
    for group, terms in request.terms.groups.items():
        field = _FIELDS[group]
        for term in terms:
            yield field, term
    for required in request.terms.required:
        yield from _wanted_by(required)
    for name in request.count_names:
        yield _NAMES, name
    for part in (*request.phrases, *request.excluded):
        for group, term in part.terms:
            yield _FIELDS[group], term


def _wanted_by(required: RequiredWord) -> Iterator[tuple[str, str]]:
    yield _WORDS, required.word
    for name in required.names:
        yield _NAMES, name
    for part in required.parts:
        yield _part(part)
    for synonym in required.synonyms:
        yield from _wanted_by(synonym)


def _part(part: str) -> tuple[str, str]:
    """Where a part of a word is looked up."""
    return (_CHARS if len(part) == 1 else _GRAMS), part
