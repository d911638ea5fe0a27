"""Key words of a pasted problem: the few words of it that say what it is about.

A word counts by how often the text says it and how rare it is in the county's files (tf · idf); what describes
somebody's expertise counts more, and greetings, times, numbers and places count less.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.clauses import split_clauses
from zhiku.analysis.encoder import Encoder
from zhiku.analysis.lexicon import letter_words
from zhiku.analysis.word_classes import informativeness
from zhiku.search.meaning import MAX_ENCODED, meaning_of
from zhiku.search.port import QueryTerms, TermGroup
from zhiku.search.query import parse, word_groups
from zhiku.search.scoring import idf, query_weight

#: A longer text, in Chinese characters and Latin words, is a problem that was pasted rather than some words.
PROBLEM_LENGTH = 40
#: So is a shorter one that has several sentences.
SENTENCES_LENGTH = 24

#: Key words that are taken from a problem.
MAX_KEYWORDS = 10
#: Key words that a reader may have chosen in all, and the longest of them in characters.
MAX_CHOSEN = 12
MAX_KEYWORD_LENGTH = 20

#: A key word must weigh this share of the heaviest one.
LEAST_SHARE = 0.2

#: A word or phrase by which expertise is described: a field's, somebody's key word, a synonym.
_TOPIC = 1.6
#: A word of such a phrase.
_OF_TOPIC = 1.2
#: A name of a person or a place says where and who, not what.
_NAME = 0.3
#: A word that no file has leads to nobody by itself.
_UNKNOWN = 0.4
#: One character is part of very many things.
_SINGLE = 0.4
#: Each character beyond the second: 水库大坝 says more than 大坝.
_PER_CHARACTER = 0.15

#: What the text's other words count, against 1 for its weightiest key word.
BACKGROUND = 0.5

_SENTENCE_END = re.compile("[。\uff01\uff1f!?\n]+")
_NUMBER = re.compile(r"[\d.%]+[a-z]{0,3}|[a-z]")
_CHINESE_NUMBER = re.compile(
    "[零〇一二两三四五六七八九十百千万亿几数第半多]+(?:[年月日号天周岁个位名户亩米里斤吨元块次条栋层度点时分秒家人口只头棵株]|月份|年代|分钟|公里|平米)?"
)
#: A part of an address or an institution: 漆河镇, 三组, 某某路.
_ADDRESS = re.compile(r".+(?:省|市|县|区|镇|乡|街道|社区|村委会|小区|花园)")


@dataclass(frozen=True, slots=True)
class KnownWords:
    """What is known of the county's words, in normal form."""

    #: Word of the index -> documents that have it.
    documents: Mapping[str, int] = field(default_factory=dict)
    #: Number of all documents.
    total: int = 0
    #: Words and phrases by which expertise is described.
    topics: frozenset[str] = frozenset()
    #: Words of those.
    of_topics: frozenset[str] = frozenset()
    #: Names of people and places.
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Keyword:
    """A key word with its weight in the text."""

    word: str
    weight: float


def is_problem(text: str, analyzer: Analyzer) -> bool:
    """Whether a query is a problem that was pasted: long, or of several sentences."""
    length = analyzer.length(text)
    if length > PROBLEM_LENGTH:
        return True
    sentences = [part for part in _SENTENCE_END.split(text) if re.search(r"\w", part)]
    return length > SENTENCES_LENGTH and len(sentences) > 1


def find_keywords(weights: Mapping[str, float], limit: int = MAX_KEYWORDS) -> list[Keyword]:
    """Up to `limit` key words of a text by the weights of its words (`weigh_words`), the weightiest first; equal ones
    as they stand in the text."""
    heaviest = sorted(weights, key=lambda word: -weights[word])
    chosen: list[Keyword] = []
    for word in heaviest:
        if len(chosen) == limit or weights[word] < LEAST_SHARE * weights[heaviest[0]]:
            break
        # 水库 beside 水库大坝 would be said twice.
        if not any(word in other.word for other in chosen):
            chosen = [other for other in chosen if other.word not in word]
            chosen.append(Keyword(word, weights[word]))
    return chosen


def weigh_words(text: str, analyzer: Analyzer, known: KnownWords) -> dict[str, float]:
    """Weight of each word of a text that says something, in reading order."""
    analysis = analyzer.query(text, with_synonyms=False)
    normal = analyzer.normal(text)
    weights: dict[str, float] = {}
    for whole in analysis.whole_words:
        words = [whole]
        if known.total and whole not in known.documents and whole not in known.topics:
            # No file says 柑橘园, but many say 柑橘.
            words += [word for word in analysis.words if len(word) > 1 and word in whole and word in known.documents]
        for word in words[1:] or words:
            weight = _weight(word, analysis.words[word], known)
            if weight > 0:
                weights[word] = weight
    for phrase, count in _phrases(normal, known.topics).items():
        weights[phrase] = max(weights.get(phrase, 0.0), _weight(phrase, count, known))
    return weights


def problem_terms(
    text: str,
    chosen: Sequence[Keyword],
    weights: Mapping[str, float],
    analyzer: Analyzer,
    encoder: Encoder | None = None,
    dropped: Collection[str] = (),
) -> QueryTerms:
    """What is searched for a problem: its key words by their weight, and less so all its words but the dropped ones.

    Key words alone lose what only the whole text tells, and the whole text drowns in greetings and circumstances. RR@10
    of the author of a demo suggestion or service record that was itself left out, and of demo queries in the middle of
    a letter: whole text 0.70 and 0.39 (with meaning 0.62, 0.34), key words alone 0.55 and 0.46, both 0.65 and 0.81
    (with meaning 0.64, 0.81).
    """
    words = " ".join(keyword.word for keyword in chosen)
    if not chosen:
        return parse(text, analyzer, encoder)
    # The telling part, because only so much is encoded, and a letter begins with greetings.
    meaning = meaning_of(telling_part(text, chosen, analyzer, MAX_ENCODED), encoder) if encoder else None
    heaviest = max(weights.values(), default=0.0)
    groups = word_groups(_without(text, dropped, analyzer), analyzer)
    for terms in groups.values():
        for term in terms:
            terms[term] *= BACKGROUND
    background = groups[TermGroup.WORDS]
    for word in background:
        background[word] *= min(1.0, 2 * weights.get(word, 0.0) / heaviest) if heaviest else 1.0
    top = max(keyword.weight for keyword in chosen)
    for keyword in chosen:
        for group, its in parse(keyword.word, analyzer).groups.items():
            if group in groups:
                for term, weight in its.items():
                    groups[group][term] = groups[group].get(term, 0.0) + weight * keyword.weight / top
    # Sorted, so that all engines add scores in the same order.
    kept: dict[TermGroup, Mapping[str, float]] = {
        group: dict(sorted((term, weight) for term, weight in terms.items() if weight > 0))
        for group, terms in groups.items()
    }
    return QueryTerms(
        {group: terms for group, terms in kept.items() if terms}, parse(words, analyzer).required, {}, meaning
    )


def chosen_keywords(words: Sequence[str], found: Sequence[Keyword]) -> list[Keyword]:
    """The key words that a reader chose, those that were added as weighty as the weightiest one found."""
    weights = {keyword.word: keyword.weight for keyword in found}
    heaviest = max(weights.values(), default=1.0)
    return [Keyword(word, weights.get(word, heaviest)) for word in dict.fromkeys(words)]


def telling_part(text: str, keywords: Sequence[Keyword], analyzer: Analyzer, limit: int) -> str:
    """The clauses of a text that have most of its key words, in reading order, together at most `limit` characters."""
    clauses = split_clauses(text)
    worth = [
        sum(keyword.weight for keyword in keywords if keyword.word in normal) / (1 + len(normal) / 60)
        for normal in map(analyzer.normal, clauses)
    ]
    taken: set[int] = set()
    length = 0
    for place in sorted(range(len(clauses)), key=lambda place: (-worth[place], place)):
        if worth[place] and length + len(clauses[place]) <= limit:
            taken.add(place)
            length += len(clauses[place])
    return "".join(clauses[place] for place in sorted(taken)) or text[:limit]


def _weight(word: str, count: int, known: KnownWords) -> float:
    if word in letter_words() or _NUMBER.fullmatch(word) or _CHINESE_NUMBER.fullmatch(word):
        return 0.0
    is_topic = word in known.topics
    weight = query_weight(max(count, 1)) * max(informativeness(word), 0.5 if is_topic else 0.0)
    if known.total:
        is_known = word in known.documents or is_topic
        # Phrases are in no list of words: as rare as one of them that a few files have.
        weight *= idf(known.total, known.documents.get(word, known.total // 50)) * (1 if is_known else _UNKNOWN)
    weight *= _TOPIC if is_topic else _OF_TOPIC if word in known.of_topics else 1
    if word in known.names or (_ADDRESS.fullmatch(word) and not is_topic):
        weight *= _NAME
    return weight * _SINGLE if len(word) == 1 else weight * (1 + _PER_CHARACTER * (min(len(word), 6) - 2))


def _without(text: str, dropped: Collection[str], analyzer: Analyzer) -> str:
    normal = analyzer.normal(text)
    for word in sorted(dropped, key=lambda word: (-len(word), word)):
        normal = normal.replace(word, " ")
    return normal


#: Lengths of phrases that are looked for whole, in characters.
_PHRASE_LENGTHS = range(8, 2, -1)


def _phrases(normal: str, topics: frozenset[str]) -> dict[str, int]:
    """Topics that stand in the text though the segmenter may cut them, longer ones first; none inside another."""
    found: dict[str, int] = {}
    taken = bytearray(len(normal))
    for length in _PHRASE_LENGTHS:
        for start in range(len(normal) - length + 1):
            phrase = normal[start : start + length]
            if phrase in topics and not any(taken[start : start + length]):
                found[phrase] = found.get(phrase, 0) + 1
                taken[start : start + length] = b"\1" * length
    return found
