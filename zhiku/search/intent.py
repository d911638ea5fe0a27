"""Names and topics: what a query is taken for, and what is asked of the engine in each case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.port import QueryTerms, TermGroup

#: A longer query, in characters, names a person at most among other words.
MAX_NAME_QUERY = 40


class Intent(StrEnum):
    """How a query is to be taken, or was."""

    AUTO = "auto"
    NAME = "name"
    TOPIC = "topic"
    BOTH = "both"  # taken so only: a word that is also somebody's name (建设)


def as_name(text: str, analyzer: Analyzer) -> QueryTerms:
    """Only the names that the query may mean."""
    names: Mapping[str, float] = analyzer.named_query(text) if len(text) <= MAX_NAME_QUERY else {}
    return QueryTerms({TermGroup.NAMES: names} if names else {}, person=names)


def as_topic(terms: QueryTerms) -> QueryTerms:
    """The same words, none of them taken for a name."""
    groups: dict[TermGroup, Mapping[str, float]] = dict(terms.groups)
    groups.pop(TermGroup.NAMES, None)
    required = tuple(replace(word, names=()) for word in terms.required)
    return replace(terms, groups=groups, required=required, person={})
