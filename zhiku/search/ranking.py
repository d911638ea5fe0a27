"""Ranking: from documents to people.

A person's score is the sum of their documents' scores in rank order, each further one at half the weight of the one
before. It rewards several pieces of evidence without letting many weak ones outweigh one strong one (measured against
best-document-only and plain sum: docs/adr/0005). Equal scores go to who was asked for help least recently.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray

from zhiku.search.hits import KINDS, Hit, HitList, Kind

#: How much each further document of a person counts, relative to the one before.
FADING = 0.5

#: What a document's score is worth for its owner, by kind.
KIND_WEIGHTS: Mapping[Kind, float] = {Kind.PROFILE: 1.0, Kind.SERVICE: 1.0, Kind.SUGGESTION: 0.7}

_WEIGHT_OF_KIND = np.array([KIND_WEIGHTS[kind] for kind in KINDS])


@dataclass(frozen=True, slots=True)
class RankedOwner:
    """An owner with the documents that speak for them, best first."""

    owner: str
    score: float
    hits: Sequence[Hit]
    #: What each of them adds to the score.
    points: tuple[float, ...]
    #: Bit mask over the required words, of all the owner's documents together.
    words_found: int

    #: Whether the query has the owner's name.
    is_named: bool = False
    #: Whether none of the documents matches, and all are only near the query in wording or meaning.
    is_near: bool = False


class OwnedHits(Sequence[Hit]):
    """Some places of a list of hits; each `Hit` is made when it is first looked at."""

    def __init__(self, hits: HitList, places: list[int]) -> None:
        self._hits = hits
        self._places = places
        self._made: dict[int, Hit] = {}

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> OwnedHits: ...

    def __getitem__(self, place: int | slice) -> Hit | OwnedHits:
        if isinstance(place, slice):
            part = OwnedHits(self._hits, self._places[place])
            part._made = self._made
            return part
        return self._hit(self._places[place])

    def __iter__(self) -> Iterator[Hit]:
        return map(self._hit, self._places)

    def _hit(self, number: int) -> Hit:
        if number not in self._made:
            self._made[number] = self._hits[number]
        return self._made[number]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


class RankedOwners(Sequence[RankedOwner]):
    """Owners in an order, as columns; a `RankedOwner` is made when one is looked at."""

    def __init__(
        self,
        hits: HitList,
        scores: NDArray[np.float64],
        words_found: NDArray[np.int64],
        is_near: NDArray[np.bool_],
        is_named: NDArray[np.bool_],
        places: NDArray[np.intp],
        starts: NDArray[np.intp],
        counts: NDArray[np.intp],
    ) -> None:
        """One value per owner (n,). The hits of one are at `places[start : start + count]`, best first."""
        self.scores = scores
        self.words_found = words_found
        self.is_near = is_near
        self.is_named = is_named
        self._hits = hits
        self._places, self._starts, self._counts = places, starts, counts

    def take(self, order: NDArray[np.intp]) -> RankedOwners:
        """These places, in this order."""
        return RankedOwners(
            self._hits,
            self.scores[order],
            self.words_found[order],
            self.is_near[order],
            self.is_named[order],
            self._places,
            self._starts[order],
            self._counts[order],
        )

    def has_all_words(self, complete: int) -> NDArray[np.bool_]:
        """Which owners (n,) have every required word; nobody has where none is required."""
        if not complete:
            return np.zeros(len(self), np.bool_)
        return (self.words_found & complete) == complete

    def __len__(self) -> int:
        return len(self.scores)

    @overload
    def __getitem__(self, place: int) -> RankedOwner: ...

    @overload
    def __getitem__(self, place: slice) -> list[RankedOwner]: ...

    def __getitem__(self, place: int | slice) -> RankedOwner | list[RankedOwner]:
        if isinstance(place, slice):
            return [self._make(number) for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._make(place)

    def _make(self, place: int) -> RankedOwner:
        start = self._starts[place]
        places = self._places[start : start + self._counts[place]].tolist()
        columns, owners = self._hits.columns, self._hits.owners
        return RankedOwner(
            owner=owners.keys[columns.owners[places[0]]],
            score=float(self.scores[place]),
            hits=OwnedHits(self._hits, places),
            points=tuple(
                score * float(_WEIGHT_OF_KIND[kind]) * FADING**depth
                for depth, (score, kind) in enumerate(
                    zip(columns.scores[places].tolist(), columns.kinds[places].tolist(), strict=True)
                )
            ),
            words_found=int(self.words_found[place]),
            is_named=bool(self.is_named[place]),
            is_near=bool(self.is_near[place]),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def rank_owners(found: HitList | Iterable[Hit]) -> RankedOwners:
    """Owners by falling score; equal scores by who was asked least recently, then by `tie_breaker`.

    Hits without an owner are left out.
    """
    hits = found if isinstance(found, HitList) else HitList.of(found)
    columns, owners = hits.columns, hits.owners
    owned = np.flatnonzero(owners.is_somebody[columns.owners])
    if not len(owned):
        nobody, no_places = np.zeros(0, np.bool_), np.zeros(0, np.intp)
        return RankedOwners(hits, np.zeros(0), np.zeros(0, np.int64), nobody, nobody, no_places, no_places, no_places)
    weighted = columns.scores[owned] * _WEIGHT_OF_KIND[columns.kinds[owned]]
    # By owner, and within an owner by weighted score; the sort is stable, so hits that are equal keep their order.
    order = np.lexsort((-weighted, columns.owners[owned]))
    places, weighted = owned[order], weighted[order]
    codes = columns.owners[places]
    starts = np.flatnonzero(np.concatenate([[True], codes[1:] != codes[:-1]]))
    counts = np.diff(np.append(starts, len(codes)))
    number = np.repeat(np.arange(len(starts)), counts)
    depth = np.arange(len(codes)) - np.repeat(starts, counts)
    # bincount adds in order, whatever the length: the same documents give the same bits everywhere.
    scores = np.bincount(number, weights=weighted * np.power(FADING, depth), minlength=len(starts)).astype(np.float64)
    who = codes[starts]
    ranked = RankedOwners(
        hits,
        scores,
        np.bitwise_or.reduceat(columns.words_found[places], starts),
        np.logical_and.reduceat(columns.is_near[places], starts),
        np.logical_or.reduceat(columns.is_named[places], starts),
        places,
        starts,
        counts,
    )
    return ranked.take(np.lexsort((owners.ties[who], owners.asked[who], -scores)))


def all_words_mask(required_words: int) -> int:
    """The mask of an owner who has all words; 0 when there are none to have."""
    return (1 << required_words) - 1
