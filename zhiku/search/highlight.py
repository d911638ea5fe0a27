"""Highlighting: the sentences of a text that speak for a query, with the matching parts marked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.normalize import normalize

#: Longest sentence shown, in characters; longer ones are cut around their first match.
MAX_SENTENCE = 90

#: Texts whose sentences are remembered, some megabytes: the same people answer many queries.
PREPARED_TEXTS = 8192

#: A sentence ends with 。！？；, in full width or ASCII, and what closes with it.
_SENTENCE = re.compile("[^。\uff01\uff1f\uff1b!?;\n]+[。\uff01\uff1f\uff1b!?;]?[”’」』\uff09》]*")
_CLAUSE_END = re.compile("[\uff0c、。\uff01\uff1f\uff1b\uff1a,!?;:]")


@dataclass(frozen=True, slots=True)
class Passage:
    """A text to look in; `source` is whatever the caller wants back with its sentences."""

    source: object
    text: str
    #: What a match here is worth, against 1 for running text: a bare list of fields explains less than a sentence.
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence with the spans `(start, end)` in it that match."""

    source: object
    text: str
    spans: tuple[tuple[int, int], ...]
    score: float


def best_sentences(
    passages: Iterable[Passage],
    analyzer: Analyzer,
    words: Mapping[str, float],
    grams: Mapping[str, float],
    limit: int,
) -> list[Sentence]:
    """Up to `limit` sentences that together cover the query best; each new one counts what is not yet covered double.

    `words` and `grams` give the weight of each term, e.g. its rarity. Sentences without any match are never taken.
    """
    # Most words of two characters are bigrams too; they keep the weight of a word.
    wanted = {**grams, **words}
    candidates = [
        _Candidate(passage.source, text, position, terms, passage.weight)
        for position, (passage, text, normal) in enumerate(
            (passage, text, normal) for passage in passages for text, normal in _prepared(passage.text)
        )
        if (terms := _terms_in(analyzer, normal, wanted))
    ]
    chosen: list[_Candidate] = []
    covered: set[str] = set()
    while candidates and len(chosen) < limit:
        best = max(candidates, key=lambda one: (one.worth(covered), -one.position))
        chosen.append(best)
        # Texts repeat themselves, a subject its first sentence: said twice, it explains no more.
        candidates = [one for one in candidates if one.text != best.text]
        covered |= best.terms.keys()
    return [_finish(candidate, analyzer, words, grams) for candidate in chosen]


def first_sentence(passages: Iterable[Passage]) -> list[Sentence]:
    """The first sentence there is, with nothing marked; none for empty passages."""
    for passage in passages:
        for text in split_sentences(passage.text):
            return [Sentence(passage.source, _shorten(text, [])[0], (), 0.0)]
    return []


def split_sentences(text: str) -> list[str]:
    """Sentences in order, stripped, without those of marks only."""
    return [match.group().strip() for match in _SENTENCE.finditer(text) if re.search(r"\w", match.group())]


@dataclass(frozen=True, slots=True)
class _Candidate:
    source: object
    text: str
    position: int
    terms: Mapping[str, float]
    weight: float

    def worth(self, covered: set[str]) -> float:
        gain = sum(weight if term in covered else 2 * weight for term, weight in self.terms.items())
        # A little against very long sentences, in which everything matches something.
        return self.weight * gain / (1 + len(self.text) / 400)


@lru_cache(maxsize=PREPARED_TEXTS)
def _prepared(text: str) -> tuple[tuple[str, str], ...]:
    """Sentences of a text, each as it stands and in its normal form."""
    return tuple((sentence, normalize(sentence)) for sentence in split_sentences(text))


@lru_cache(maxsize=PREPARED_TEXTS)
def normal_form(text: str) -> str:
    """As `normalize`, for texts that are looked at again and again."""
    return normalize(text)


def _terms_in(analyzer: Analyzer, normal: str, wanted: Mapping[str, float]) -> dict[str, float]:
    """Terms of a text in normal form. That a term stands there at all is asked first: most do not."""
    return {term: weight for term, weight in wanted.items() if term in normal and analyzer.has_term(normal, term)}


def _finish(
    candidate: _Candidate, analyzer: Analyzer, words: Mapping[str, float], grams: Mapping[str, float]
) -> Sentence:
    # Bigrams that are no word of the query's (橘黄 of 柑橘黄龙病) are marked only where they join marked words, so the
    # eye is not led to accidents: words first, and bigrams where the sentence has no word.
    spans = analyzer.match_spans(candidate.text, words, ())
    if not spans:
        spans = analyzer.match_spans(candidate.text, (), grams)
    text, spans = _shorten(candidate.text, spans)
    return Sentence(candidate.source, text, tuple(spans), candidate.worth(set()))


def _shorten(text: str, spans: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    if len(text) <= MAX_SENTENCE:
        return text, spans
    first = spans[0][0] if spans else 0
    start = 0
    if first > MAX_SENTENCE // 2:
        # Begin at a clause, so that the reader is not dropped into the middle of a word.
        ends = [
            match.end() for match in _CLAUSE_END.finditer(text, 0, first) if first - match.end() < MAX_SENTENCE // 2
        ]
        start = ends[0] if ends else first - MAX_SENTENCE // 3
    end = min(len(text), start + MAX_SENTENCE)
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    moved = [
        (max(a, start) - start + len(head), min(b, end) - start + len(head)) for a, b in spans if b > start and a < end
    ]
    return head + text[start:end] + tail, moved
