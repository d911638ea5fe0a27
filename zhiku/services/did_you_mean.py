"""Did you mean: what a query with a slip of the pen would be without it, from the county's own words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from zhiku.analysis.names import sounds_of, split_name
from zhiku.analysis.normalize import normalize, normalize_with_offsets
from zhiku.analysis.synonyms import shipped_synonyms
from zhiku.search.port import QueryTerms, RequiredWord, Searcher, SearchRequest, TermGroup
from zhiku.search.spelling import LONGEST_QUERY, Speller
from zhiku.services.county_words import CountyWords, CountyWordsReader
from zhiku.services.prepared import FIRST_WAIT, Prepared

#: Names of fields, places and units, and synonyms, are right even where no text has them: as if so many had.
DOCUMENTS_OF_A_NAME = 3


@dataclass(frozen=True, slots=True)
class _Known:
    speller: Speller
    people: frozenset[str]
    #: How a name is read -> those who are called so.
    by_sound: Mapping[str, Sequence[str]]


class DidYouMean:
    """Offers corrections of queries. Safe for threads; what it needs is made in the background."""

    def __init__(
        self,
        engine: Searcher,
        words: CountyWordsReader,
        synonyms: Callable[[], Iterable[Sequence[str]]] = lambda: shipped_synonyms().groups,
    ) -> None:
        """`synonyms()` gives the groups of the moment, in normal form."""
        self._engine = engine
        self._words = words
        self._synonyms = synonyms
        self._known = Prepared(self._make, words.version)

    def start(self) -> None:
        """Begin to make ready what is needed, in the background."""
        self._known.start()

    def prepare(self) -> None:
        """Make ready what is needed, as of this moment. Raises what reading the database or the index raises."""
        self._known.prepare()

    def close(self, is_waiting: bool = True) -> None:
        """Nothing is made ready any more; to be called before database and index are closed."""
        self._known.close(is_waiting)

    def suggest(self, query: str, wait: float = FIRST_WAIT) -> str:
        """The query as it was probably meant, or "" when it seems right.

        Only what is wrong is replaced; the rest stays as it was typed. "" too while the words are still being made
        ready after a start, for which nobody waits longer than `wait` seconds. Raises `IndexProblem`.
        """
        if len(query) > 2 * LONGEST_QUERY:
            return ""
        normal = normalize_with_offsets(query)
        if not 1 < len(normal.text) <= LONGEST_QUERY:
            return ""
        known = self._known.get(wait)
        if known is None:
            return ""
        spans = self._engine.analyzer.segmenter.spans(normal.text)
        meant = query
        for one in reversed(known.speller.correct(normal.text, spans, self._documents_with, known.people)):
            start, end = normal.original_span(one.start, one.end)
            meant = meant[:start] + one.right + meant[end:]
        if meant != query:
            return meant
        if name := self._name_that_sounds_so(normal.text, known):
            typed, right = name
            start, end = normal.original_span(normal.text.index(typed), normal.text.index(typed) + len(typed))
            return query[:start] + right + query[end:]
        return ""

    def _name_that_sounds_so(self, text: str, known: _Known) -> tuple[str, str] | None:
        """The name that a text is, and that of somebody of the same surname who can be found now and whose given name
        sounds the same (李先怀, 李先槐); None where somebody has that very name, or where texts speak of it."""
        terms = self._engine.analyzer.person_query(text)
        names = [term.removeprefix("full:") for term in terms if term.startswith("full:")]
        if not names or not known.people.isdisjoint(names) or names[0] not in text:
            return None
        typed = names[0]
        surname = split_name(typed)[0]
        alike = {name for sound in sounds_of(typed) for name in known.by_sound.get(sound, ())}
        alike = {name for name in alike if split_name(name)[0] == surname and self._can_be_found(name)}
        if not alike or self._documents_with(typed):
            return None
        return typed, min(alike, key=lambda name: (-len(set(name) & set(typed)), name))

    def _can_be_found(self, name: str) -> bool:
        """Whether the index names anybody so at this moment: the list of people is some seconds old."""
        request = SearchRequest(QueryTerms({TermGroup.NAMES: {f"full:{name}": 1.0}}), owned_only=True, limit=0)
        return self._engine.search(request).total_owners > 0

    def _documents_with(self, part: str) -> int:
        """How many documents have the part as a word, with all its bigrams, or as a name."""
        bigrams = tuple(part[at : at + 2] for at in range(len(part) - 1))
        groups = {
            TermGroup.WORDS: {part: 1.0},
            TermGroup.GRAMS: {bigram: 1.0 for bigram in sorted(set(bigrams))},
            TermGroup.NAMES: self._engine.analyzer.name_query(part),
        }
        terms = QueryTerms(groups, (RequiredWord(part, bigrams),))
        return self._engine.search(SearchRequest(terms, limit=0)).total_documents

    def _make(self) -> _Known:
        words = self._words.words()
        people = frozenset(map(normalize, words.people))
        by_sound: dict[str, list[str]] = {}
        for name in sorted(people):
            for sound in sounds_of(name):
                by_sound.setdefault(sound, []).append(name)
        return _Known(Speller(documents_by_word(words, self._synonyms())), people, by_sound)


def documents_by_word(words: CountyWords, synonyms: Iterable[Sequence[str]]) -> dict[str, int]:
    """All that a query may have been meant to say, with the documents (people) that speak of it.

    Names of people are left out: nobody's name is offered for another word, and hidden ones for none at all.
    """
    documents = dict(words.words)
    for named in (words.fields, words.keywords, words.titles, words.townships, words.units):
        for name, count in named.items():
            name = normalize(name)
            documents[name] = max(documents.get(name, 0), count, DOCUMENTS_OF_A_NAME)
    for name in (*words.everyday_words, *words.short_units, *(member for group in synonyms for member in group)):
        name = normalize(name)
        documents[name] = max(documents.get(name, 0), DOCUMENTS_OF_A_NAME)
    for name in (*words.people, *words.hidden):
        documents.pop(normalize(name), None)
    return documents
