"""Highlighting: the sentences of a text that speak for a query, with the matching parts marked."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.normalize import normalize_all

#: Longest sentence shown, in characters; longer ones are cut around their first match.
MAX_SENTENCE = 90

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


class Passages:
    """The passages of one document, cut into sentences once: the same people answer many queries.

    Terms are looked for in all sentences together, since most documents have few of a query's terms, and most
    sentences none.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = tuple(passages)
        # A little against very long sentences, in which everything matches something.
        self._sentences = tuple(
            (passage, sentence, 1 + len(sentence) / 400)
            for passage in self._passages
            for sentence in split_sentences(passage.text)
        )
        self._normal_lines = normalize_all(sentence for _, sentence, _ in self._sentences)
        # No term has a line break in it, and none stands inside a word across one.
        self._normal = "\n".join(self._normal_lines)
        self._starts = [0, *accumulate(len(sentence) + 1 for sentence in self._normal_lines)]

    def __iter__(self) -> Iterator[Passage]:
        return iter(self._passages)

    def __len__(self) -> int:
        return len(self._passages)

    def normal_sentences(self) -> Iterator[tuple[Passage, str]]:
        """Each sentence in normal form, with its passage."""
        for (passage, _, _), normal in zip(self._sentences, self._normal_lines, strict=True):
            yield passage, normal

    @property
    def first_sentence(self) -> tuple[Passage, str] | None:
        """The first sentence there is, with its passage."""
        return self._sentences[0][:2] if self._sentences else None

    def sentences_with(self, wanted: Mapping[str, float], analyzer: Analyzer) -> list[_Candidate]:
        """Sentences that have any of these terms, in their order."""
        found: dict[int, dict[str, float]] = {}
        normal, starts = self._normal, self._starts
        for term, weight in wanted.items():
            if term in normal:
                for place in analyzer.places(normal, term):
                    found.setdefault(bisect_right(starts, place) - 1, {})[term] = weight
        return [_Candidate(*self._sentences[number], found[number]) for number in sorted(found)]


def best_sentences(
    documents: Iterable[Passages],
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
    candidates = [one for passages in documents for one in passages.sentences_with(wanted, analyzer)]
    chosen: list[Sentence] = []
    covered: set[str] = set()
    while candidates and limit > 0:
        # Of equals the first one.
        best = max(candidates, key=attrgetter("worth"))
        chosen.append(_finish(best, analyzer, words, grams))
        if len(chosen) == limit:
            break
        # Texts repeat themselves, a subject its first sentence: said twice, it explains no more.
        candidates = [one for one in candidates if one.text != best.text]
        newly = best.terms.keys() - covered
        covered |= newly
        for one in candidates:
            if not newly.isdisjoint(one.terms):
                one.consider(covered)
    return chosen


def first_sentence(documents: Iterable[Passages]) -> list[Sentence]:
    """The first sentence there is, with nothing marked; none for empty passages."""
    for passages in documents:
        if (first := passages.first_sentence) is not None:
            passage, text = first
            return [Sentence(passage.source, _shorten(text, [])[0], (), 0.0)]
    return []


def split_sentences(text: str) -> list[str]:
    """Sentences in order, stripped, without those of marks only."""
    return [match.group().strip() for match in _SENTENCE.finditer(text) if re.search(r"\w", match.group())]


class _Candidate:
    """A sentence that may be chosen, with the terms that stand in it, and what its length takes of its worth."""

    __slots__ = ("passage", "text", "penalty", "terms", "score", "worth")

    def __init__(self, passage: Passage, text: str, penalty: float, terms: Mapping[str, float]) -> None:
        self.passage = passage
        self.text = text
        self.penalty = penalty
        self.terms = terms
        #: What it is worth by itself, and beside those that are chosen already.
        self.score = self.worth = passage.weight * sum([2 * weight for weight in terms.values()]) / penalty

    def consider(self, covered: Set[str]) -> None:
        """Sets what it is worth where these terms are covered."""
        gains = [weight if term in covered else 2 * weight for term, weight in self.terms.items()]
        self.worth = self.passage.weight * sum(gains) / self.penalty


def _finish(
    candidate: _Candidate, analyzer: Analyzer, words: Mapping[str, float], grams: Mapping[str, float]
) -> Sentence:
    # Bigrams that are no word of the query's (橘黄 of 柑橘黄龙病) are marked only where they join marked words, so the
    # eye is not led to accidents: words first, and bigrams where the sentence has no word.
    terms = candidate.terms
    spans = analyzer.match_spans(candidate.text, [term for term in terms if term in words], ())
    if not spans:
        spans = analyzer.match_spans(candidate.text, (), [term for term in terms if term in grams])
    text, spans = _shorten(candidate.text, spans)
    return Sentence(candidate.passage.source, text, tuple(spans), candidate.score)


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
