"""The ladder: by name, all words, any word, a synonym, near in meaning or in wording.

A query that is a person's name is answered by the people of that name. Otherwise people are ranked by score: those
whose name is in the query first, then, for short queries, those who have all words. People who have none of its words
and are only near it, in wording or in meaning, are listed among the first places or not at all: almost every text
shares some character with a long query.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from zhiku.search.port import ExactPart, QueryTerms, Searcher, SearchRequest, SearchResult, TermGroup
from zhiku.search.ranking import RankedOwners, all_words_mask, rank_owners

#: Documents an answer is ranked from. People beyond them are counted, but cannot be paged to.
DOCUMENT_LIMIT = 2000

#: Documents near in wording that are looked at, and the length of a list up to which people are added by them.
NEAR_DOCUMENTS = 50
NEAR_PLACES = 10

#: Up to so many words, people who have all of them come first, if their score is at least this share of the best one.
#: With more words, who has the last of them too says less than the score (docs/adr/0005 has the figures).
STRICT_WORDS = 2
STRICT_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Found:
    """People found for a query, best first."""

    people: RankedOwners
    #: How many of them are there by a name or a word; the others are only near, in wording or in meaning.
    matched: int
    #: Of the matched ones, how many have every required word.
    with_all_words: int
    #: Whether the query was taken as a person's name.
    by_name: bool
    #: Whether nobody has a word as it was asked, and all are there by other words for it.
    is_by_synonym: bool
    #: The engine's answer: totals and facets of the matched ones.
    result: SearchResult


def find_people(
    engine: Searcher,
    terms: QueryTerms,
    filters: Mapping[str, tuple[str, ...]] | None = None,
    facets: tuple[str, ...] = (),
    phrases: tuple[ExactPart, ...] = (),
    excluded: tuple[ExactPart, ...] = (),
    names: Collection[str] = (),
) -> Found:
    """People for a query, all of whom have the phrases and nothing of what is excluded. Raises `IndexProblem`.

    How many people have any of `names` (terms of the names group) is counted beside.
    """
    filters = filters or {}
    request = SearchRequest(
        terms, filters, owned_only=True, facets=facets, limit=DOCUMENT_LIMIT, phrases=phrases, excluded=excluded,
        count_names=names,
    )  # fmt: skip
    if terms.person:
        result = engine.search(replace(request, terms=QueryTerms({TermGroup.NAMES: terms.person})))
        if result.hits:
            people = rank_owners(result.hits)
            return Found(people, len(people), 0, True, False, result)
    result = engine.search(replace(request, near_limit=NEAR_DOCUMENTS))
    ranked = rank_owners(result.hits)
    complete = ranked.has_all_words(all_words_mask(len(terms.required)))
    comes_first = np.zeros(len(ranked), np.bool_)
    if 0 < len(terms.required) <= STRICT_WORDS and len(ranked):
        comes_first = complete & (ranked.scores >= STRICT_SHARE * ranked.scores[0])
    order = np.lexsort((~comes_first, ~ranked.is_named))
    # A filter is a promise about everybody listed, and its counts are of people who have a word. Where nobody has one,
    # those near the query are the answer, and are called so.
    is_narrowed = bool(filters or phrases) and not ranked.is_near.all()
    places = 0 if is_narrowed else NEAR_PLACES
    order = order[(np.arange(len(order)) < places) | ~ranked.is_near[order]]
    matched = int((~ranked.is_near[order]).sum())
    return Found(
        people=ranked.take(order),
        matched=matched,
        with_all_words=int((complete & ~ranked.is_near).sum()),
        by_name=False,
        is_by_synonym=bool(matched) and not result.has_own_words and any(one.synonyms for one in terms.required),
        result=result,
    )
