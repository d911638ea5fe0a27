"""Ranking: from documents to people.

A person's score is the sum of their documents' scores in rank order, each further one at half the weight of the one
before. It rewards several pieces of evidence without letting many weak ones outweigh one strong one (measured against
best-document-only and plain sum: docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from zhiku.search.port import Hit, Kind

#: How much each further document of a person counts, relative to the one before.
FADING = 0.5

#: What a document's score is worth for its owner, by kind.
KIND_WEIGHTS: Mapping[Kind, float] = {Kind.PROFILE: 1.0, Kind.SERVICE: 1.0, Kind.SUGGESTION: 0.7}


@dataclass(frozen=True, slots=True)
class RankedOwner:
    """An owner with the documents that speak for them, best first."""

    owner: str
    score: float
    hits: tuple[Hit, ...]
    #: Bit mask over the required words, of all the owner's documents together.
    words_found: int

    @property
    def is_named(self) -> bool:
        """Whether the query has the owner's name."""
        return any(hit.is_named for hit in self.hits)

    @property
    def is_near(self) -> bool:
        """Whether none of the documents matches, and all only share characters with the query."""
        return all(hit.is_near for hit in self.hits)


def rank_owners(hits: Iterable[Hit]) -> list[RankedOwner]:
    """Owners by falling score; equal scores by id. Hits without an owner are left out."""
    by_owner: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.owner:
            by_owner.setdefault(hit.owner, []).append(hit)
    ranked = [_rank(owner, owned) for owner, owned in by_owner.items()]
    return sorted(ranked, key=lambda one: (-one.score, _natural(one.owner)))


def all_words_mask(required_words: int) -> int:
    """The mask of an owner who has all words; 0 when there are none to have."""
    return (1 << required_words) - 1


def has_all_words(ranked: RankedOwner, complete: int) -> bool:
    """Whether the owner has every required word."""
    return bool(complete) and ranked.words_found & complete == complete


def _rank(owner: str, hits: Sequence[Hit]) -> RankedOwner:
    weighted = sorted(hits, key=lambda hit: (-hit.score * KIND_WEIGHTS[hit.kind], hit.id))
    score = sum(hit.score * KIND_WEIGHTS[hit.kind] * FADING**position for position, hit in enumerate(weighted))
    return RankedOwner(owner, score, tuple(weighted), reduce(or_, (hit.words_found for hit in weighted)))


def _natural(owner: str) -> tuple[str, int, str]:
    """`expert:9` before `expert:12`."""
    kind, _, key = owner.partition(":")
    return (kind, int(key), "") if key.isdecimal() and len(key) < 19 else (kind, -1, key)
