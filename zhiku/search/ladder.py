"""The ladder: all words, then any word (or a synonym), then near in wording. What is tried when little is found.

Every step only adds people behind those of the step before, so a longer ladder never hides a better answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from zhiku.search.port import Engine, QueryTerms, SearchRequest, SearchResult, TermGroup
from zhiku.search.ranking import RankedOwner, all_words_mask, has_all_words, rank_owners

#: Documents an answer is ranked from. People beyond them are counted, but cannot be paged to.
DOCUMENT_LIMIT = 2000

#: With fewer people than this, people who are near in wording are added.
ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Found:
    """People found for a query: the first `matched` have a word, the others are only near in wording."""

    people: Sequence[RankedOwner]
    matched: int
    #: Of the matched ones, how many have every required word.
    with_all_words: int
    #: The engine's answer about the matched ones: totals and facets.
    result: SearchResult


def find_people(
    engine: Engine,
    terms: QueryTerms,
    filters: Mapping[str, tuple[str, ...]] | None = None,
    facets: tuple[str, ...] = (),
) -> Found:
    """People for a query, best first. Raises `IndexProblem`."""
    request = SearchRequest(terms, filters or {}, owned_only=True, facets=facets, limit=DOCUMENT_LIMIT)
    result = engine.search(request)
    people = rank_owners(result.hits)
    matched = len(people)
    complete = all_words_mask(len(terms.required))
    with_all_words = sum(has_all_words(one, complete) for one in people)
    if matched < ENOUGH and terms.groups.get(TermGroup.CHARS):
        known = {one.owner for one in people}
        wider = engine.search(replace(request, match_chars=True, facets=()))
        near = [one for one in rank_owners(wider.hits) if one.owner not in known]
        people += near[: ENOUGH - matched]
    return Found(people, matched, with_all_words, result)
