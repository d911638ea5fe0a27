"""Hits as columns: what ranking needs of thousands of documents as arrays, and a `Hit` only of those that are shown."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Kind(StrEnum):
    """What an index document is made from."""

    PROFILE = "profile"
    SUGGESTION = "suggestion"
    SERVICE = "service"


#: Codes of `HitList.kinds` are places in here.
KINDS = tuple(Kind)


def tie_breaker(key: str) -> int:
    """A number of 63 bits by which equal scores are ordered: stable, and in favour of nobody, unlike the key itself."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) >> 1


@dataclass(frozen=True, slots=True)
class Hit:
    """One document found. `words_found` is a bit mask over `QueryTerms.required` of its owner's documents together."""

    id: str
    source: str
    owner: str
    kind: Kind
    date: dt.date | None
    score: float
    words_found: int
    #: Whether it has none of the required words, and only shares bigrams, characters or meaning with the query.
    is_near: bool = False
    #: Whether it is found by the name of its person.
    is_named: bool = False
    #: `clause_key` of its clause that is nearest in meaning, where that is near enough to be shown, else 0.
    clause: int = 0
    #: How near that clause is (cosine); 0 where meaning was not asked for, or the document not compared.
    closeness: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class OwnerTable:
    """All owners of an index, by code. One of the codes may stand for "", the owner of what belongs to nobody."""

    keys: Sequence[str]
    #: `tie_breaker` of each key (n,).
    ties: NDArray[np.int64]
    #: Ordinal day on which each was last asked for help, 0 for never (n,).
    asked: NDArray[np.int32]
    #: False for "" (n,).
    is_somebody: NDArray[np.bool_]

    @classmethod
    def of(cls, keys: Sequence[str], asked: NDArray[np.int32]) -> OwnerTable:
        """A table of these owners, last asked on these days (n,)."""
        ties = np.array([tie_breaker(key) for key in keys], np.int64)
        return cls(keys, ties, asked, np.array([bool(key) for key in keys], np.bool_))


@dataclass(frozen=True, slots=True, eq=False)
class HitColumns:
    """One value per hit (n,)."""

    scores: NDArray[np.float64]
    owners: NDArray[np.int32]
    kinds: NDArray[np.int8]
    words_found: NDArray[np.int64]
    is_near: NDArray[np.bool_]
    is_named: NDArray[np.bool_]


class HitList(Sequence[Hit]):
    """Hits by falling score, equal scores by `tie_breaker` of their id. A `Hit` is made when one is looked at."""

    def __init__(self, owners: OwnerTable, columns: HitColumns, make: Callable[[int], Hit]) -> None:
        """`make(place)` gives the hit at a place."""
        self.owners = owners
        self.columns = columns
        self._make = make

    @classmethod
    def of(cls, hits: Iterable[Hit], asked_on: Mapping[str, dt.date | None] | None = None) -> HitList:
        """From hits in any order; `asked_on` says when owners were last asked."""
        ordered = sorted(hits, key=lambda hit: (-hit.score, tie_breaker(hit.id)))
        codes: dict[str, int] = {}
        owners = [codes.setdefault(hit.owner, len(codes)) for hit in ordered]
        columns = HitColumns(
            np.array([hit.score for hit in ordered], np.float64),
            np.array(owners, np.int32),
            np.array([KINDS.index(hit.kind) for hit in ordered], np.int8),
            np.array([hit.words_found for hit in ordered], np.int64),
            np.array([hit.is_near for hit in ordered], np.bool_),
            np.array([hit.is_named for hit in ordered], np.bool_),
        )
        days = [day.toordinal() if (day := (asked_on or {}).get(owner)) else 0 for owner in codes]
        return cls(OwnerTable.of(list(codes), np.array(days, np.int32)), columns, ordered.__getitem__)

    def __len__(self) -> int:
        return len(self.columns.scores)

    @overload
    def __getitem__(self, place: int) -> Hit: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...

    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        if isinstance(place, slice):
            return tuple(self._make(number) for number in range(*place.indices(len(self))))
        if not -len(self) <= place < len(self):
            raise IndexError(place)
        return self._make(place % len(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]
