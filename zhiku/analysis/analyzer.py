"""The analyzer: from text to the terms that documents and queries share.

Three groups are made of every text (docs/adr/0004): **words** (jieba), **grams** (bigrams of each run of Chinese
characters, so that any part of two characters is found whatever the cut) and **chars** (single Chinese characters).
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from zhiku.analysis import names
from zhiku.analysis.lexicon import stop_words
from zhiku.analysis.normalize import HAN, normalize, normalize_with_offsets
from zhiku.analysis.segment import Segmenter, dictionary_version, make_segmenter
from zhiku.analysis.synonyms import NO_SYNONYMS, SynonymSource, shipped_synonyms

#: Raised with every change of this package that gives other terms for the same text; old indexes then need a rebuild.
ANALYSIS_VERSION = 2

_HAN_RUN = re.compile(rf"[{HAN}]+")
_HAS_WORD_CHARACTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class Terms:
    """Term frequencies of a text, by group, and its length in characters and Latin words."""

    words: Counter[str]
    grams: Counter[str]
    chars: Counter[str]
    length: int


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """What is left of a query's text to search for."""

    #: Words with their counts, the shorter ones inside longer ones too.
    words: Counter[str]
    grams: Counter[str]
    chars: Counter[str]
    #: The words a reader sees in the query: distinct, in reading order, none inside another.
    whole_words: tuple[str, ...]
    #: What could have been said instead.
    alternatives: tuple[Alternatives, ...] = ()


@dataclass(frozen=True, slots=True)
class Alternatives:
    """Synonyms of a part of a query."""

    #: Those of `QueryAnalysis.whole_words` that lie in the part, even if only with some of their characters.
    words: tuple[str, ...]
    #: The synonyms.
    phrases: tuple[str, ...]
    #: Each of them analysed like a query, but without alternatives of its own.
    analyses: tuple[QueryAnalysis, ...]


class Analyzer:
    """Analyses normalised text with one segmenter and one lexicon. Safe for threads."""

    def __init__(
        self, segmenter: Segmenter, own_words: Iterable[str] = (), synonyms: SynonymSource = NO_SYNONYMS
    ) -> None:
        self.segmenter = segmenter
        self._synonyms = synonyms
        #: Words the segmenter knows beside jieba's dictionary: shipped ones and the county's.
        self.own_words = tuple(sorted(set(own_words)))

    @property
    def dictionary_hash(self) -> str:
        """Digest of everything the segmentation depends on but the segmenter's name: dictionary and own words."""
        return dictionary_hash(self.own_words)

    def terms(self, text: str) -> Terms:
        """Terms of a document's text."""
        text = normalize(text)
        words: Counter[str] = Counter(word for word in self.segmenter.cut(text) if _HAS_WORD_CHARACTER.search(word))
        grams: Counter[str] = Counter()
        chars: Counter[str] = Counter()
        latin = text
        for run in _HAN_RUN.findall(text):
            chars.update(run)
            grams.update(run[i : i + 2] for i in range(len(run) - 1))
        latin = _HAN_RUN.sub(" ", text)
        length = chars.total() + len(re.findall(r"\w+", latin))
        return Terms(words, grams, chars, length)

    def normal(self, text: str) -> str:
        """The normal form in which terms are looked for."""
        return normalize(text)

    def length(self, text: str) -> int:
        """`terms(text).length`, much cheaper: a first pass over all documents needs only this."""
        text = normalize(text)
        return sum(len(run) for run in _HAN_RUN.findall(text)) + len(re.findall(r"\w+", _HAN_RUN.sub(" ", text)))

    def query(self, text: str, with_synonyms: bool = True) -> QueryAnalysis:
        """Terms of a query: like a document's, but without stop words where something else is left."""
        text = normalize(text)
        spans = self._content_spans(text)
        analysis = _analysis(text, spans)
        alternatives = tuple(self._alternatives(text, spans)) if with_synonyms else ()
        return replace(analysis, alternatives=alternatives) if alternatives else analysis

    def _alternatives(self, text: str, spans: list[tuple[int, int]]) -> Iterator[Alternatives]:
        outer = _outer(spans)
        for (start, end), synonyms in self._synonyms.expand(text, spans).items():
            words = dict.fromkeys(text[a:b] for a, b in outer if a < end and start < b)
            analyses = tuple(_analysis(synonym, self._content_spans(synonym)) for synonym in synonyms)
            yield Alternatives(tuple(words), synonyms, analyses)

    def _content_spans(self, text: str) -> list[tuple[int, int]]:
        spans = [span for span in self.segmenter.spans(text) if _HAS_WORD_CHARACTER.search(text[span[0] : span[1]])]
        content = [
            span
            for span in (self._without_leading_stop_word(text, span) for span in spans)
            if text[span[0] : span[1]] not in stop_words()
        ]
        return content or spans

    def _without_leading_stop_word(self, text: str, span: tuple[int, int]) -> tuple[int, int]:
        """A guessed word such as 会修 (of 会修水库) is its second character and a stop word."""
        start, end = span
        if end - start == 2 and text[start] in stop_words() and not self.segmenter.knows(text[start:end]):
            return start + 1, end
        return span

    def name_terms(self, name: str) -> dict[str, float]:
        """Terms of a person's name, for the index."""
        return names.indexed_terms(normalize(name))

    def name_query(self, text: str) -> dict[str, float]:
        """Terms of the names that a query may mean."""
        return names.query_terms(normalize(text))

    def person_query(self, text: str) -> dict[str, float]:
        """Terms of the name, when the query as a whole is a way to name a person; else none."""
        return names.person_terms(normalize(text))

    def named_query(self, text: str) -> dict[str, float]:
        """Terms of the names that a query may mean when it is known to name a person."""
        return names.named_terms(normalize(text))

    def has_term(self, normalized: str, term: str) -> bool:
        """Whether a normalised text has a word or bigram in a place that `match_spans` marks."""
        return term in normalized and (not _has_latin_end(term) or bool(_places(normalized, term)))

    def places(self, normalized: str, term: str) -> list[int]:
        """Where a word or bigram begins in a normalised text, at those places that `match_spans` marks."""
        return _places(normalized, term)

    def match_spans(self, text: str, words: Iterable[str], grams: Iterable[str]) -> list[tuple[int, int]]:
        """Where a text has the query's words or bigrams: merged `(start, end)` spans in the *original* text."""
        normalized = normalize_with_offsets(text)
        marked = [
            (start, start + len(term)) for term in {*words, *grams} if term for start in _places(normalized.text, term)
        ]
        if len(marked) == 1:
            return [normalized.original_span(*marked[0])]
        spans = [normalized.original_span(start, end) for start, end in _joined(marked)]
        # What is apart in the normal form may be of one character (㍿ is 株式会社).
        return _joined(spans)


def make_analyzer(
    segmenter: str,
    own_words: Iterable[str],
    cache_dir: Path | None = None,
    synonyms: SynonymSource | None = None,
) -> Analyzer:
    """An analyzer whose segmenter ("jieba", "rjieba", "auto") knows exactly these words beside jieba's dictionary.

    It has the shipped synonyms where no others are given. Raises `SegmenterMissing`.
    """
    words = tuple(sorted(set(map(normalize, own_words))))
    known = shipped_synonyms() if synonyms is None else synonyms
    return Analyzer(make_segmenter(segmenter, words, cache_dir), words, known)


def dictionary_hash(own_words: Sequence[str]) -> str:
    """`Analyzer.dictionary_hash` of an analyzer with these words, which are normalised, distinct and sorted."""
    digest = hashlib.blake2b(f"jieba {dictionary_version()}\n".encode(), digest_size=8)
    # As one text, so that a county's long list costs a moment: a status asks for it.
    digest.update("".join(f"{word}\n" for word in own_words).encode())
    return digest.hexdigest()


def _analysis(text: str, spans: list[tuple[int, int]]) -> QueryAnalysis:
    """The terms of the text that lie in the spans."""
    grams: Counter[str] = Counter()
    chars: Counter[str] = Counter()
    for start, end in _joined(spans):
        for run in _HAN_RUN.findall(text[start:end]):
            chars.update(run)
            grams.update(run[i : i + 2] for i in range(len(run) - 1))
    whole = [text[start:end] for start, end in _outer(spans)]
    return QueryAnalysis(Counter(text[start:end] for start, end in spans), grams, chars, tuple(dict.fromkeys(whole)))


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans with those that touch or overlap joined."""
    pieces: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if pieces and start <= pieces[-1][1]:
            pieces[-1] = (pieces[-1][0], max(end, pieces[-1][1]))
        else:
            pieces.append((start, end))
    return pieces


def _outer(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans that lie in no other one, in their order. In one pass: a pasted page has a thousand of them."""
    outer: set[tuple[int, int]] = set()
    furthest = -1
    for start, end in sorted(set(spans), key=lambda span: (span[0], -span[1])):
        if end > furthest:
            outer.add((start, end))
            furthest = end
    return [span for span in spans if span in outer]


def _places(text: str, term: str) -> list[int]:
    """Where the term stands in the text, but for places inside a Latin word."""
    places: list[int] = []
    start = text.find(term)
    while start >= 0:
        places.append(start)
        start = text.find(term, start + 1)
    if _has_latin_end(term):
        places = [start for start in places if not _inside_latin_word(text, start, start + len(term))]
    return places


@lru_cache(maxsize=4096)
def _has_latin_end(term: str) -> bool:
    """Whether the term begins or ends with a Latin letter or a digit: only then it can stand inside a longer word."""
    return _is_latin(term[:1]) or _is_latin(term[-1:])


def _inside_latin_word(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] begins or ends inside a Latin word or a number: "cad" is not in "cascade"."""
    before = start > 0 and _is_latin(text[start - 1]) and _is_latin(text[start])
    after = end < len(text) and _is_latin(text[end]) and _is_latin(text[end - 1])
    return before or after


def _is_latin(character: str) -> bool:
    return character.isalnum() and not _HAN_RUN.match(character)
