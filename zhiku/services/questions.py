"""Questions: what was typed, read as far as it can be: operators, filters, names or topics, a pasted problem."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from zhiku.analysis.normalize import normalize
from zhiku.domain.experts import Availability
from zhiku.search import query_language
from zhiku.search.intent import Intent, as_name, as_topic
from zhiku.search.keywords import (
    MAX_CHOSEN,
    MAX_KEYWORD_LENGTH,
    KnownWords,
    chosen_keywords,
    find_keywords,
    is_problem,
    problem_terms,
    weigh_words,
)
from zhiku.search.port import (
    FACETS,
    NO_TERMS,
    ExactPart,
    Kind,
    QueryTerms,
    Searcher,
    SearchRequest,
)
from zhiku.search.query import MAX_QUERY, exact_part, parse
from zhiku.search.query_language import Asked, Part, PartKind
from zhiku.services.answers import FACET_LABELS

#: A filter may stand for so many values at most: 职称:高级 for all titles that begin so.
MAX_VALUES = 20
#: From so many characters on, what was typed for a filter may be the beginning or a part of several values.
LEAST_PART = 2

_WORD = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it is worked on."""

    #: The query without the filters that were read from it: what the page shows and its links carry.
    query: str
    #: What is searched for by words.
    text: str
    terms: QueryTerms
    #: Filters of known facets only: those that were clicked and those of the query.
    filters: Mapping[str, tuple[str, ...]]
    page: int
    intent: Intent = Intent.AUTO
    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    exact: tuple[ExactPart, ...] = ()
    unwanted: tuple[ExactPart, ...] = ()
    #: Terms of the names that the query may mean when it is known to name a person.
    names: tuple[str, ...] = ()
    #: Whether the query is a problem that was pasted, and the key words by which it is searched.
    is_problem: bool = False
    keywords: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def without_phrases(self) -> Question:
        """The same with the phrases as plain words, for where nobody has them as they stand."""
        quoted = "、".join(f"“{phrase}”" for phrase in self.phrases)
        note = f"没有资料一字不差地写着{quoted}，已按普通词语检索。"
        return replace(self, phrases=(), exact=(), notes=(*self.notes, note))


class QuestionReader:
    """Reads queries. Safe for threads."""

    def __init__(self, engine: Searcher, known_words: Callable[[], KnownWords | None] = lambda: None) -> None:
        """`known_words()` gives what is known of the county's words; None while that is not ready."""
        self._engine = engine
        self._known_words = known_words

    def read(
        self,
        query: str,
        filters: Mapping[str, tuple[str, ...]],
        page: int,
        intent: Intent = Intent.AUTO,
        keywords: Sequence[str] | None = None,
    ) -> Question:
        """The question of a request; `keywords` are those that the reader chose. Raises `IndexProblem`."""
        text = query.strip()
        notes: tuple[str, ...] = ()
        if len(text) > MAX_QUERY:
            text = text[:MAX_QUERY]
            notes = (f"问题太长，只用了前 {MAX_QUERY} 个字。",)
        analyzer = self._engine.analyzer
        chosen = {name: tuple(filters[name]) for name in FACETS if filters.get(name)}
        asked = query_language.read(text)
        if is_problem(asked.plain, analyzer):
            if asked.has_operators:
                notes += ("这段文字按一段情况来找，其中的引号、减号和冒号当作普通文字。",)
            return self._problem(text, chosen, max(1, page), notes, keywords)
        if asked.filters:
            asked, of_query, told = self._with_filters(asked)
            notes += told
            for facet, value in of_query:
                chosen[facet] = tuple(dict.fromkeys((*chosen.get(facet, ()), value)))
        terms = parse(asked.text, analyzer, self._engine.encoder)
        by_name = as_name(asked.text.strip(), analyzer)
        if intent is Intent.NAME:
            terms = by_name
        elif intent is Intent.TOPIC:
            terms = as_topic(terms)
        return Question(
            query=asked.typed.strip(),
            text=asked.text.strip(),
            terms=terms,
            filters={name: chosen[name] for name in FACETS if name in chosen},
            page=max(1, page),
            intent=intent,
            phrases=asked.phrases,
            excluded=asked.excluded,
            exact=tuple(exact_part(phrase, analyzer) for phrase in asked.phrases),
            unwanted=tuple(exact_part(word, analyzer) for word in asked.excluded),
            names=tuple(by_name.person),
            notes=notes,
        )

    def as_topic(self, question: Question) -> Question:
        """The question, its words taken for no name."""
        terms = as_topic(parse(question.text, self._engine.analyzer, self._engine.encoder))
        return replace(question, terms=terms, intent=Intent.TOPIC)

    def count_by_topic(self, question: Question) -> int:
        """How many people the question would find if its words were taken for no name."""
        terms = as_topic(parse(question.text, self._engine.analyzer))
        if terms.is_empty:
            return 0
        request = SearchRequest(
            terms, question.filters, owned_only=True, limit=0,
            phrases=question.exact, excluded=question.unwanted,
        )  # fmt: skip
        return self._engine.search(request).total_owners

    # -- a pasted problem ----------------------------------------------------------------------------------------

    def _problem(
        self,
        text: str,
        filters: Mapping[str, tuple[str, ...]],
        page: int,
        notes: tuple[str, ...],
        keywords: Sequence[str] | None,
    ) -> Question:
        analyzer = self._engine.analyzer
        weights = weigh_words(text, analyzer, self._known_words() or KnownWords())
        found = find_keywords(weights)
        chosen, dropped = found, []
        if keywords and (words := _usable(map(analyzer.normal, keywords))):
            chosen = chosen_keywords(words, found)
            dropped = [keyword.word for keyword in found if keyword.word not in words]
        return Question(
            query=text,
            text=text,
            terms=problem_terms(text, chosen, weights, analyzer, self._engine.encoder, dropped),
            filters=filters,
            page=page,
            is_problem=True,
            keywords=tuple(keyword.word for keyword in chosen),
            notes=notes,
        )

    # -- filters -------------------------------------------------------------------------------------------------

    def _with_filters(self, asked: Asked) -> tuple[Asked, list[tuple[str, str]], tuple[str, ...]]:
        """The query without the filters that have values, those as (facet, value), and what to tell the reader."""
        request = SearchRequest(NO_TERMS, kinds=(Kind.PROFILE,), owned_only=True, facets=FACETS, limit=0)
        counts = self._engine.search(request).facets
        found: list[tuple[str, str]] = []
        notes: list[str] = []
        unknown: set[tuple[str, str]] = set()
        for facet, typed in asked.filters:
            values = matching_values(typed, _names_of(facet, counts.get(facet, {})))
            label = FACET_LABELS[facet]
            if not values:
                unknown.add((facet, typed))
                notes.append(f"没有专家的{label}叫“{typed}”，已当作普通词语检索。")
            elif len(values) > 1:
                notes.append(f"“{typed}”对应 {len(values)} 个{label}，符合任何一个的都列出。")
            found += [(facet, value) for value in values]

        def is_unknown(part: Part) -> bool:
            return part.kind is PartKind.FILTER and (part.facet, part.text) in unknown

        return (
            asked.as_plain(is_unknown).without(lambda part: part.kind is PartKind.FILTER),
            found,
            tuple(dict.fromkeys(notes)),
        )


def matching_values(typed: str, names: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The values (value -> its names) that what was typed for a filter means, in their order.

    The one of that name; else those whose names begin so; else those that have it in them; () for none or too many.
    """
    wanted = normalize(typed)
    normal = {value: [normalize(name) for name in its] for value, its in names.items()}
    for fits in (
        lambda name: name == wanted,
        lambda name: len(wanted) >= LEAST_PART and name.startswith(wanted),
        lambda name: len(wanted) >= LEAST_PART and wanted in name,
    ):
        values = tuple(value for value, its in normal.items() if any(map(fits, its)))
        if values:
            return values if len(values) <= MAX_VALUES else ()
    return ()


def _names_of(facet: str, values: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """What each value is called."""
    if facet == "availability":
        labels = {availability.value: availability.label for availability in Availability}
        return {value: (value, labels.get(value, value)) for value in sorted(values)}
    return {value: (value,) for value in sorted(values)}


def _usable(words: Iterable[str]) -> list[str]:
    """Key words as they may be chosen: each once, none too long, not too many."""
    kept = (word[:MAX_KEYWORD_LENGTH].strip() for word in words)
    return [word for word in dict.fromkeys(kept) if _WORD.search(word)][:MAX_CHOSEN]
