"""The ladder: all words, then any word or a synonym, then near in wording.

A search is one question to the engine. Short queries put the people who have all words first. People who share only
single characters with the query may stand among the first ones, where their score puts them, but never make a list
longer than that: almost every text shares some character with a long query.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zhiku.search.port import Engine, QueryTerms, SearchRequest, SearchResult
from zhiku.search.ranking import RankedOwner, all_words_mask, has_all_words, rank_owners

#: Documents an answer is ranked from. People beyond them are counted, but cannot be paged to.
DOCUMENT_LIMIT = 2000

#: Documents near in wording that are looked at, and the places that people may have by them.
NEAR_DOCUMENTS = 50
NEAR_PLACES = 10

#: Up to so many words, people who have all of them come first. With more words, who has the last of them too says less
#: than the score (measured: experts-cae RR@10 0.622 by score, 0.622 with 2, 0.617 with any number).
STRICT_WORDS = 2


@dataclass(frozen=True, slots=True)
class Found:
    """People found for a query, best first."""

    people: Sequence[RankedOwner]
    #: How many of them are there by a word, and not only near in wording.
    matched: int
    #: Of the matched ones, how many have every required word.
    with_all_words: int
    #: The engine's answer: totals and facets of the matched ones.
    result: SearchResult


def find_people(
    engine: Engine,
    terms: QueryTerms,
    filters: Mapping[str, tuple[str, ...]] | None = None,
    facets: tuple[str, ...] = (),
) -> Found:
    """People for a query. Raises `IndexProblem`."""
    result = engine.search(
        SearchRequest(
            terms, filters or {}, owned_only=True, facets=facets, limit=DOCUMENT_LIMIT, near_limit=NEAR_DOCUMENTS
        )
    )
    people = rank_owners(result.hits)
    complete = all_words_mask(len(terms.required))
    if 0 < len(terms.required) <= STRICT_WORDS:
        people.sort(key=lambda one: not has_all_words(one, complete))
    people = [*people[:NEAR_PLACES], *(one for one in people[NEAR_PLACES:] if not one.is_near)]
    matched = [one for one in people if not one.is_near]
    return Found(people, len(matched), sum(has_all_words(one, complete) for one in matched), result)
