"""From what was typed to query terms. Never raises: any string at all gives terms, perhaps none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from zhiku.analysis.analyzer import Alternatives, Analyzer
from zhiku.analysis.encoder import Encoder
from zhiku.search.meaning import meaning_of
from zhiku.search.port import ExactPart, QueryTerms, RequiredWord, TermGroup
from zhiku.search.scoring import query_weight

#: "All words" is asked of at most so many words: nobody has all words of a pasted page, and a mask has 63 bits.
MAX_REQUIRED = 12

#: Longest query that is looked at, in characters; the rest is dropped and the page says so.
MAX_QUERY = 2000

#: Weight of a term that is only a synonym's, against 1 for the query's own.
SYNONYM_WEIGHT = 0.35

#: The same where the synonym is one of the whole query, of several words: 家庭教育 says more of 娃娃不听话 than 娃娃 does.
PHRASE_WEIGHT = 0.7

#: Distinct terms per group that are looked up; beyond that a text is long enough for its most frequent ones.
MAX_TERMS = 256


def parse(text: str, analyzer: Analyzer, encoder: Encoder | None = None) -> QueryTerms:
    """Analyse a query's text; its meaning too, where the index has vectors of this encoder."""
    analysis = analyzer.query(text)
    names = dict(list(analyzer.name_query(text).items())[:MAX_TERMS])
    synonyms = [
        (other, PHRASE_WEIGHT if 1 < len(alternatives.words) == len(analysis.whole_words) else SYNONYM_WEIGHT)
        for alternatives in analysis.alternatives
        for other in alternatives.analyses
    ]
    groups = {
        TermGroup.WORDS: _weighted(analysis.words, [(other.words, weight) for other, weight in synonyms]),
        # The bigram of a synonym of two characters would find it inside other words.
        TermGroup.GRAMS: _weighted(
            analysis.grams, [(other.grams, weight) for other, weight in synonyms if len(other.grams) > 1]
        ),
        TermGroup.CHARS: _weighted(analysis.chars, [(other.chars, weight) for other, weight in synonyms]),
        TermGroup.NAMES: names,
    }
    whole = analysis.whole_words if len(analysis.whole_words) <= MAX_REQUIRED else ()
    required = tuple(
        _required(word, _names_with(whole, place, names), analysis.alternatives) for place, word in enumerate(whole)
    )
    found = {group: terms for group, terms in groups.items() if terms}
    meaning = meaning_of(text, encoder) if encoder and found else None
    return QueryTerms(found, required, analyzer.person_query(text), meaning)


def word_groups(text: str, analyzer: Analyzer) -> dict[TermGroup, dict[str, float]]:
    """Only the words, bigrams and characters of a text, without synonyms, names and meaning."""
    analysis = analyzer.query(text, with_synonyms=False)
    return {
        TermGroup.WORDS: _weighted(analysis.words, ()),
        TermGroup.GRAMS: _weighted(analysis.grams, ()),
        TermGroup.CHARS: _weighted(analysis.chars, ()),
    }


def exact_part(text: str, analyzer: Analyzer) -> ExactPart:
    """A text that must be there, or must not, as it stands."""
    found = analyzer.terms(text)
    # Bigrams lie inside runs of Chinese characters, so a document with the text has them all; words it may cut
    # differently.
    terms = [(TermGroup.GRAMS, gram) for gram in sorted(found.grams)]
    return ExactPart(analyzer.normal(text), tuple(terms or [(TermGroup.CHARS, char) for char in sorted(found.chars)]))


def _weighted(counts: Mapping[str, int], synonyms: Sequence[tuple[Mapping[str, int], float]]) -> dict[str, float]:
    """Terms with their weights, sorted: all engines then add scores in the same order."""
    kept = sorted(counts, key=lambda term: (-counts[term], term))[:MAX_TERMS]
    weights = {term: query_weight(counts[term]) for term in kept}
    for terms, weight in synonyms:
        for term in terms:
            if term in weights or len(weights) < 2 * MAX_TERMS:
                weights[term] = max(weight, weights.get(term, 0.0))
    return dict(sorted(weights.items()))


def _names_with(words: Sequence[str], place: int, names: Iterable[str]) -> tuple[str, ...]:
    """Terms of the names group that the word at this place is, alone or with its neighbours: 欧阳烈 is cut apart."""
    joined = {"".join(words[a:b]) for a in range(place + 1) for b in range(place + 1, len(words) + 1)}
    return tuple(term for term in names if term.partition(":")[2] in joined)


def _required(word: str, names: tuple[str, ...], alternatives: Iterable[Alternatives]) -> RequiredWord:
    synonyms = tuple(
        # Two characters meet inside other words by accident (性病 in 慢性病), so a synonym of two must be a word.
        RequiredWord(phrase, _parts(phrase) if len(phrase) > 2 else ())
        for alternative in alternatives
        if word in alternative.words
        for phrase in alternative.phrases
    )
    return RequiredWord(word, _parts(word), names, synonyms)


def _parts(word: str) -> tuple[str, ...]:
    """What a document without the word must have to have it all the same: its bigrams, or its one character."""
    if not all(ord(character) >= 0x3005 for character in word):
        return ()
    return tuple(word[i : i + 2] for i in range(len(word) - 1)) or (word,)
