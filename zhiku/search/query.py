"""From what was typed to query terms. Never raises: any string at all gives terms, perhaps none."""

from __future__ import annotations

from zhiku.analysis.analyzer import Analyzer
from zhiku.search.port import QueryTerms, RequiredWord, TermGroup
from zhiku.search.scoring import query_weight

#: "All words" is asked of at most so many words: nobody has all words of a pasted page, and a mask has 63 bits.
MAX_REQUIRED = 12

#: Distinct terms per group that are looked up; beyond that a text is long enough for its most frequent ones.
MAX_TERMS = 256


def parse(text: str, analyzer: Analyzer) -> QueryTerms:
    """Analyse a query's text."""
    analysis = analyzer.query(text)
    groups = {
        TermGroup.WORDS: _weighted(analysis.words),
        TermGroup.GRAMS: _weighted(analysis.grams),
        TermGroup.CHARS: _weighted(analysis.chars),
        TermGroup.NAMES: dict(list(analyzer.name_query(text).items())[:MAX_TERMS]),
    }
    names = groups[TermGroup.NAMES]
    whole = analysis.whole_words if len(analysis.whole_words) <= MAX_REQUIRED else ()
    required = tuple(
        RequiredWord(word, _parts(word), tuple(term for term in names if term.partition(":")[2] == word))
        for word in whole
    )
    return QueryTerms({group: terms for group, terms in groups.items() if terms}, required)


def _weighted(counts: dict[str, int]) -> dict[str, float]:
    kept = sorted(counts, key=lambda term: (-counts[term], term))[:MAX_TERMS]
    return {term: query_weight(counts[term]) for term in sorted(kept)}


def _parts(word: str) -> tuple[str, ...]:
    """What a document without the word must have to have it all the same: its bigrams, or its one character."""
    if not all(ord(character) >= 0x3005 for character in word):
        return ()
    return tuple(word[i : i + 2] for i in range(len(word) - 1)) or (word,)
