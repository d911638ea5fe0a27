"""Answers: what a search for people gives, as the page, the API and the command show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter

from zhiku.domain.experts import Availability
from zhiku.search.intent import Intent
from zhiku.search.ladder import Found
from zhiku.search.port import FACETS, QueryTerms, SearchResult
from zhiku.services.evidence import Evidence
from zhiku.services.reasons import Reasons


class Step(StrEnum):
    """Which step of the ladder answered."""

    BROWSE = "browse"  # an empty query: the fields to browse, or a filter alone
    NAME = "name"  # the query is a person's name
    ALL_WORDS = "all_words"
    ANY_WORD = "any_word"
    SYNONYM = "synonym"  # only other words for what was asked
    MEANING = "meaning"  # no word found: people whose texts are near the query in meaning
    NEAR = "near"  # people whose texts share characters with the query
    NEAREST_FIELD = "nearest_field"
    NOTHING = "nothing"


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
    #: Whether the person has none of the words and is only near in wording or meaning.
    is_near: bool
    #: Whether texts of the person are near the query in meaning.
    is_near_in_meaning: bool = False
    #: Why the person is in the answer.
    why: Reasons = Reasons()


@dataclass(slots=True)
class FacetValue:
    """A value of a facet with the number of people who have it.

    Not frozen, since an answer has hundreds of them, and a frozen one takes three times as long to make.
    """

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
    #: People who have every word of the query, over all pages.
    total_all_words: int
    #: People who have any word of it, over all pages.
    total: int
    page: int
    pages: int
    facets: tuple[Facet, ...]
    filters: Mapping[str, tuple[str, ...]]
    fields: tuple[FieldToBrowse, ...] = ()
    notes: tuple[str, ...] = field(default=())
    #: What the query was probably meant to say; "" where it seems right.
    did_you_mean: str = ""
    #: What was answered instead of the query, which finds nobody; "" where the query itself was.
    answered_as: str = ""
    #: What the query was taken for.
    intent: Intent = Intent.TOPIC
    #: How many people it finds by name and by topic; None where that was not asked, since it names nobody.
    by_name: int | None = None
    by_topic: int | None = None
    #: Exact parts that everybody listed has, and what nobody listed has.
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    #: Whether the query is a problem that was pasted, and the key words by which it was searched.
    is_problem: bool = False
    keywords: tuple[str, ...] = ()


#: What a facet is called, and where its label comes from when the value is not the label.
FACET_LABELS: Mapping[str, str] = {
    "field": "领域",
    "township": "乡镇",
    "unit": "原单位",
    "title": "职称",
    "availability": "联系状态",
}


def sentence_of(found: Found, terms: QueryTerms) -> str:
    """Which step answered and with how many."""
    total, complete = found.result.total_owners, found.with_all_words
    if found.by_name:
        return f"按姓名找到 {total} 位专家。"
    words = "、".join(f"“{required.word}”" for required in terms.required[:6])
    if any(required.synonyms for required in terms.required):
        words += "（或意思相同的说法）"
    near = int(found.people.is_near.sum())
    also_near = f"另有 {near} 位只是字词相近，已经标明。" if near else ""
    if not terms.required:
        return f"按问题中的词语，找到 {total} 位专家。{also_near}"
    if len(terms.required) == 1 or complete == total:
        return f"{total} 位专家的资料符合{words}。{also_near}"
    if complete:
        return f"{complete} 位专家的资料符合全部词语{words}，{total - complete} 位符合其中一部分。{also_near}"
    return f"没有人同时符合全部词语{words}，{total} 位符合其中一部分。{also_near}"


_AVAILABILITIES = {availability.value: availability.label for availability in Availability}


def facets_of(
    result: SearchResult, filters: Mapping[str, tuple[str, ...]], main_of: Mapping[str, str]
) -> tuple[Facet, ...]:
    """The facets with their counts. Of the fields of expertise the main ones, and the subfields of a chosen one."""
    open_mains = {main_of.get(name, name) for name in filters.get("field", ())}
    facets = []
    for name in FACETS:
        selected = filters.get(name, ())
        counts = {**dict.fromkeys(selected, 0), **result.facets.get(name, {})}
        if name == "field":
            counts = {
                value: count for value, count in counts.items() if value not in main_of or main_of[value] in open_mains
            }
        # Python's sort is stable: by value, then by falling count, then the chosen ones first.
        values = sorted(counts.items())
        values.sort(key=itemgetter(1), reverse=True)
        if selected:
            values.sort(key=lambda counted: counted[0] in selected, reverse=True)
        labels = _AVAILABILITIES if name == "availability" else {}
        shown = [FacetValue(value, labels.get(value, value), count, value in selected) for value, count in values]
        facets.append(Facet(name, FACET_LABELS[name], tuple(shown)))
    return tuple(facets)
