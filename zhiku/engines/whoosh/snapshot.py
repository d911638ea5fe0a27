"""A snapshot: the segments of one commit side by side as arrays, and the search over them.

Documents are numbered through all segments. Every posting list that a request needs is fetched once; scores are added
up by one `bincount` over all of them, filters are boolean masks over coded columns, facets counts over codes, deletions
a mask. Nothing here depends on how the documents are spread over segments: document frequencies count live documents
only, a document's score is added up in the order of the query's terms, and ties are broken by digests of the ids.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.columns import Column, Mask, joined
from zhiku.engines.whoosh.nearness import Basis, Near, Nearness
from zhiku.engines.whoosh.postings import EMPTY, Postings
from zhiku.engines.whoosh.segment import Segment
from zhiku.search.hits import KINDS, HitColumns, OwnerTable
from zhiku.search.meaning import NEAR_FLOOR, Meaning, add_meaning
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

#: (field, term) -> posting list over all segments.
Lists = Mapping[tuple[str, str], Postings]

#: The fields of the groups; looking at an enumeration's value takes as long as a look-up.
_FIELDS = {group: group.value for group in TermGroup}
_WORDS, _GRAMS, _CHARS, _NAMES = (group.value for group in TermGroup)

#: So many scores, or so many times the places to be filled, are looked at before all are.
_SAMPLE, _SAMPLES_PER_PLACE = 512, 4


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
        self._facets = {name: Column(segments, f"facet_{name}") for name in FACETS}
        self.nearness = Nearness([segment.vectors(basis) for segment in segments], self._offsets, basis)
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
        for segment, live in self._with_live():
            segment.verify()
            pairs = zip(segment.ids.tolist(), segment.fingerprints.tolist(), live.tolist(), strict=True)
            found.update((key, fingerprint) for key, fingerprint, is_live in pairs if is_live)
        return found

    def vocabulary(self) -> Mapping[str, int]:
        """Words with the number of live documents that have each."""
        return self._vocabulary

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for segment, live in self._with_live():
            words, frequencies = segment.frequencies(_WORDS, live)
            for word, frequency in zip(words, frequencies.tolist(), strict=True):
                if frequency:
                    counts[word] = counts.get(word, 0) + frequency
        return counts

    def _with_live(self) -> Iterator[tuple[Segment, Mask]]:
        """Each segment, and which of its documents are live."""
        for segment, offset in zip(self.segments, self._offsets.tolist(), strict=False):
            yield segment, self._live[offset : offset + segment.size]

    def search(self, request: SearchRequest) -> SearchResult:
        """See `zhiku.search.port.Engine.search`."""
        lists = self._read(_wanted(request))
        allowed = self._allowed(request, lists)
        scores = self._score(request, lists)
        has_words = self._words_found(request, lists)
        is_named = self._having(((_NAMES, name) for name in request.terms.groups.get(TermGroup.NAMES, ())), lists)
        touched, matched = self._matched(request, lists, scores, has_words, is_named)
        documents = np.flatnonzero(matched & allowed)
        owners = self._owner.codes[documents]
        found = has_words[documents]
        owned = self._is_owned[documents]
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
            scores = _with_meaning(scores, allowed, compared, has_all_words)
            closeness[compared.documents] = compared.best
            touched[compared.documents[compared.best >= NEAR_FLOOR]] = True
        near = np.flatnonzero(touched & ~matched & allowed) if request.near_limit else documents[:0]
        matching = self._top(request.limit, documents, scores)
        nearby = self._top(request.near_limit, near, scores)
        owned_owners = owners[owned]
        is_found = np.zeros(len(self._owner.distinct), bool)
        is_found[owned_owners] = True
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
            total_owners=int(np.count_nonzero(is_found)),
            facets=self._count_facets(request.facets, documents[owned], owned_owners),
        )

    # -- parts of a search ---------------------------------------------------------------------------------------

    def _read(self, wanted: Iterable[tuple[str, str]]) -> Lists:
        """The lists over all segments, with documents numbered through them."""
        keys = list(dict.fromkeys(wanted))
        if len(self.segments) == 1:
            return dict(zip(keys, self.segments[0].read(keys), strict=True))
        parts = [segment.read(keys) for segment in self.segments]
        offsets = self._offsets.tolist()
        found: dict[tuple[str, str], Postings] = {}
        for place, key in enumerate(keys):
            some = [
                (part[place], offset)
                for part, offset in zip(parts, offsets, strict=False)
                if part[place].documents.size
            ]
            documents = joined([one.documents + np.int32(offset) for one, offset in some], np.int32)
            found[key] = Postings(documents, joined([one.saturated for one, _ in some], np.float64)) if some else EMPTY
        return found

    def _allowed(self, request: SearchRequest, lists: Lists) -> Mask:
        """Documents (n,) that the filters and the exact parts leave."""
        allowed = self._live
        if request.owned_only:
            allowed = allowed & self._is_owned
        if request.kinds:
            allowed = allowed & self._kind.mask(value in request.kinds for value in self._kind.distinct)
        for name, accepted in request.filters.items():
            column = self._facets[name]
            wanted = set(accepted)
            allowed = allowed & column.mask(not wanted.isdisjoint(values) for values in column.values)
        for part in request.phrases:
            allowed = allowed & self._bearers(part, lists)
        for part in request.excluded:
            allowed = allowed & ~self._bearers(part, lists)
        return allowed

    def _bearers(self, part: ExactPart, lists: Lists) -> Mask:
        """Documents (n,) whose owner has a live document with the exact text; without an owner, that have it."""
        candidates = self._live.copy()
        for group, term in part.terms:
            candidates &= self._having([(_FIELDS[group], term)], lists)
        text = part.text.encode()
        has = np.zeros(self.size, bool)
        for segment, offset in zip(self.segments, self._offsets.tolist(), strict=False):
            numbers = np.flatnonzero(candidates[offset : offset + segment.size]).tolist()
            has[[offset + number for number in numbers if text in segment.texts.encoded(number)]] = True
        owner_has = np.zeros(len(self._owner.distinct), bool)
        owner_has[self._owner.codes[has]] = True
        return np.where(self._is_owned, owner_has[self._owner.codes], has)

    def _score(self, request: SearchRequest, lists: Lists) -> NDArray[np.float64]:
        """Scores (n,); 0 where a document has none of the terms, since no term has a weight of 0."""
        documents: list[NDArray[np.int32]] = []
        weights: list[NDArray[np.float64]] = []
        for group, terms in request.terms.groups.items():
            field, group_weight = _FIELDS[group], GROUP_WEIGHTS[group]
            for term, query_weight in terms.items():
                postings = lists[field, term]
                frequency = len(postings.documents)
                if frequency and self._has_deletions:
                    frequency = int(np.count_nonzero(self._live[postings.documents]))
                if frequency:
                    documents.append(postings.documents)
                    weights.append(postings.saturated * (group_weight * query_weight * idf(self.live_count, frequency)))
        if not documents:
            return np.zeros(self.size)
        # bincount adds one after the other, so each document's sum is that of the terms in their order.
        return np.bincount(np.concatenate(documents), np.concatenate(weights), self.size).astype(np.float64, copy=False)

    def _matched(
        self,
        request: SearchRequest,
        lists: Lists,
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
            return touched, touched.copy()
        decisive = ((_FIELDS[group], term) for group in MATCHING_GROUPS for term in groups.get(group, ()))
        return touched, self._having(decisive, lists)

    def _words_found(self, request: SearchRequest, lists: Lists) -> NDArray[np.int64]:
        """Bit masks (n,) of the required words that each document has."""
        found = np.zeros(self.size, np.int64)
        for bit, required in enumerate(request.terms.required):
            for documents in _having_word(required, lists):
                found[documents] |= 1 << bit
        return found

    def _having(self, terms: Iterable[tuple[str, str]], lists: Lists) -> Mask:
        """Documents (n,) that have any of these terms."""
        having = np.zeros(self.size, bool)
        for term in terms:
            having[lists[term].documents] = True
        return having

    def _top(self, limit: int, documents: NDArray[np.int64], scores: NDArray[np.float64]) -> NDArray[np.intp]:
        """Places in `documents` of the best ones, in no order."""
        if limit <= 0:
            return np.empty(0, np.intp)
        if len(documents) <= limit:
            return np.arange(len(documents))
        places = _hopeful(scores[documents], limit)
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


def _with_meaning(
    lexical: NDArray[np.float64], allowed: Mask, compared: Near, has_all_words: bool
) -> NDArray[np.float64]:
    """Scores (n,) with what meaning adds to those of the documents that were compared."""
    highest = float(lexical[allowed].max(initial=0.0))
    scores = lexical / highest if highest else lexical.copy()
    scores[compared.documents] = add_meaning(
        lexical[compared.documents], highest, compared.best, compared.mean, has_all_words
    )
    return scores


def _having_word(required: RequiredWord, lists: Lists) -> Iterator[NDArray[np.int32]]:
    """Lists of documents that together are all that have the word."""
    yield lists[_WORDS, required.word].documents
    for name in required.names:
        yield lists[_NAMES, name].documents
    if required.parts:
        # From the rarest on, so that few documents are looked for in the long lists.
        parts = sorted((lists[_part(part)].documents for part in required.parts), key=len)
        common = parts[0]
        for part in parts[1:]:
            if len(common):
                common = common[part[np.minimum(np.searchsorted(part, common), len(part) - 1)] == common]
        yield common
    for synonym in required.synonyms:
        yield from _having_word(synonym, lists)


def _hopeful(scores: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """Places of scores that may be among the highest so many: of many scores few, found without sorting them."""
    step = len(scores) // max(_SAMPLE, _SAMPLES_PER_PLACE * limit)
    if step < 2:
        return np.arange(len(scores))
    # The last place of a sample is never above the last place of all.
    sample = scores[::step]
    return np.flatnonzero(scores >= np.partition(sample, len(sample) - limit)[len(sample) - limit])


def _wanted(request: SearchRequest) -> Iterator[tuple[str, str]]:
    """Every list that the request needs."""
    for group, terms in request.terms.groups.items():
        field = _FIELDS[group]
        for term in terms:
            yield field, term
    for required in request.terms.required:
        yield from _wanted_by(required)
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
