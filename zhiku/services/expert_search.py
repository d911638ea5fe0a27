"""Expert search: from plain words to people with reasons. The page, the API and the command all answer from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

#: Longest query that is looked at, in characters; the rest is dropped and the page says so.
MAX_QUERY = 2000


class Step(StrEnum):
    """Which step of the ladder answered."""

    BROWSE = "browse"  # an empty query: the fields to browse, or a filter alone
    ALL_WORDS = "all_words"
    ANY_WORD = "any_word"
    NEAREST_FIELD = "nearest_field"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Fragment:
    """A piece of a sentence; `is_match` pieces are highlighted. Plain text: whoever shows it escapes it."""

    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sentence that speaks for a person, where it is from and when."""

    fragments: tuple[Fragment, ...]
    #: "profile", "suggestion" or "service".
    kind: str
    #: Where from, in Chinese: "档案·简介", "建议《关于…》", "服务记录《…》".
    source: str
    date: date | None
    #: The number of a suggestion that has a page, else "".
    suggestion_number: str = ""


@dataclass(frozen=True, slots=True)
class PersonFound:
    """One person of an answer."""

    expert_id: int
    name: str
    #: "桃源县水利局 · 原副局长"
    former_unit: str
    last_post: str
    professional_title: str
    township: str
    fields: tuple[str, ...]
    availability: str
    availability_label: str
    ways_of_helping: tuple[str, ...]
    score: float
    #: Query words this person's documents have, and those they lack.
    words_found: tuple[str, ...]
    words_missing: tuple[str, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a facet with the number of people who have it."""

    value: str
    label: str
    count: int
    is_selected: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet: `name` is its parameter in the address (field, township, unit, title, availability)."""

    name: str
    label: str
    values: tuple[FacetValue, ...]


@dataclass(frozen=True, slots=True)
class FieldToBrowse:
    """A main field with its subfields, each with its number of people."""

    name: str
    count: int
    subfields: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a page of results shows."""

    query: str
    step: Step
    #: Which step answered and with how many, as a sentence for the reader.
    sentence: str
    people: tuple[PersonFound, ...]
    #: People who have every word of the query, over all pages; they come first.
    total_all_words: int
    total: int
    page: int
    pages: int
    facets: tuple[Facet, ...]
    filters: Mapping[str, tuple[str, ...]]
    fields: tuple[FieldToBrowse, ...] = ()
    notes: tuple[str, ...] = field(default=())
