"""Did you mean: words written as they sound (水里工程 for 水利工程) and words with one wrong character.

A noisy channel over words that are known, in the manner of Kernighan, Church and Gale (1990): the correction with the
best sum of how usual the word is and how likely the slip. Candidates come from two lists of hashed keys, each sorted:
the sound of a word, and the word without one of its characters (SymSpell, Garbe 2012), by which a query meets words
that differ from it by one character substituted, missing, added, or two exchanged.

It would rather stay silent than doubt a query that is right. A part of a query is only ever doubted when nothing in the
index has it, and what differs in more than its sound only where the segmenter found no word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.lexicon import stop_words
from zhiku.analysis.names import may_be_a_name
from zhiku.analysis.normalize import HAN
from zhiku.analysis.pinyin import character_readings, readings, sound_class

#: Characters of a word that is corrected, or that is offered.
SHORTEST, LONGEST = 2, 6

#: Longest query that is looked at, in characters: a pasted problem is searched for by many words, one more or less.
LONGEST_QUERY = 30

#: Parts of one query that are corrected at most.
MAX_CORRECTIONS = 2

#: Words in fewer documents may themselves be slips.
LEAST_DOCUMENTS = 2

#: A part that documents have is doubted only when they are this few and those with the correction so many times more.
RARE = 1
RARITY = 40

#: Costs of slips, against the natural logarithm of a word's documents.
SOUND = 1.5  # one character of the same sound
FURTHER_SOUND = 1.0  # each further one
RARE_READING = 0.75  # the same sound only by the second reading of a character
LIKE_SOUND = 2.0  # a sound that southern speakers do not tell apart
EXCHANGED = 3.0
DOUBLED = 3.0  # a character typed twice
ADDED = 5.0
MISSING = 5.0
SUBSTITUTED = 5.5
#: Where the character that would be wrong is a word by itself: so much of the logarithm of its documents.
OWN_WORD_SHARE = 0.5

#: Corrections with less are not offered; found on the slips and the right queries of tests/quality/test_spelling.py.
LEAST_SCORE = 1.5
#: Two characters are met by chance more easily.
LEAST_SCORE_OF_TWO = 4.0

#: Characters that are words by themselves in more than this share of the documents are at home anywhere.
COMMON_SHARE = 1 / 200

#: Numbers are no slips of one another.
_NUMERALS = frozenset("〇零一二三四五六七八九十百千万亿两半")

#: What each character of a correction counts: a long word is seldom met by chance.
LENGTH_BONUS = 2.0

#: Candidates whose parts are asked for in the index.
MAX_CANDIDATES = 12

_HAN_RUN = re.compile(rf"[{HAN}]{{{SHORTEST},}}")


@dataclass(frozen=True, slots=True)
class Correction:
    """`right` instead of `wrong`, which stands at `start` to `end` of the normalised query."""

    start: int
    end: int
    wrong: str
    right: str
    score: float


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the query that may be a word written wrongly."""

    start: int
    end: int
    text: str
    #: For each character, whether no word was found there, and it is no stop word.
    is_loose: tuple[bool, ...]
    #: For each character, what doubting it costs.
    doubt: tuple[float, ...]
    #: Whether more that is unknown stands directly before or behind.
    is_inside_unknown: bool
    #: Whether it stands alone and may be the name of somebody who is not in the index.
    is_like_a_name: bool


class Speller:
    """Finds corrections among known words. Immutable; safe for threads."""

    def __init__(self, documents: Mapping[str, int]) -> None:
        """`documents`: known word -> how many documents have it; words that are no Chinese words are left out."""
        kept = {word: count for word, count in documents.items() if _is_offered(word) and count >= LEAST_DOCUMENTS}
        self._words = sorted(kept)
        self._documents = documents
        self._common = COMMON_SHARE * max(documents.values(), default=0)
        self._sounds = _KeyTable((_sound_key(readings(word)), at) for at, word in enumerate(self._words))
        self._shapes = _KeyTable(
            (hash(shape), at) for at, word in enumerate(self._words) for shape in {word, *_one_less(word)}
        )

    @property
    def size(self) -> int:
        """Bytes of the tables, without the words, which belong to the vocabulary."""
        return self._sounds.size + self._shapes.size + 8 * len(self._words)

    def correct(
        self,
        text: str,
        spans: Iterable[tuple[int, int]],
        known: Callable[[str], int] | None = None,
        names: Collection[str] = (),
    ) -> tuple[Correction, ...]:
        """Corrections of a normalised query, in reading order, not overlapping.

        `spans` are its words (`Segmenter.spans`); `known(part)` how many documents have a part, as a word or with all
        its bigrams; `names` those of people, which are never corrected.
        """
        if len(text) > LONGEST_QUERY:
            return ()
        how_many = known or (lambda part: self._documents.get(part, 0))
        found = sorted(self._candidates(text, list(spans), names), key=lambda one: (-one.score, one.start, one.right))
        chosen: list[Correction] = []
        answers: dict[str, int] = {}
        for one in found[:MAX_CANDIDATES]:
            if any(one.start < other.end and other.start < one.end for other in chosen):
                continue
            if one.wrong not in answers:
                answers[one.wrong] = how_many(one.wrong)
            has = answers[one.wrong]
            is_rare = 0 < has <= RARE and len(one.wrong) > 2 and self._documents[one.right] >= RARITY * has
            if not has or is_rare:
                chosen.append(one)
        return tuple(sorted(chosen[:MAX_CORRECTIONS], key=lambda one: one.start))

    def _candidates(self, text: str, spans: Sequence[tuple[int, int]], names: Collection[str]) -> Iterator[Correction]:
        parts = list(self._parts(text, spans, _named(text, names)))
        if not parts or not self._words:
            return
        classes = [_sound_classes(character) for character in text]
        sounds = [(key, part) for part in parts for key in _sound_keys(classes[part.start : part.end])]
        shapes = [
            (hash(shape), part) for part in parts if any(part.is_loose) for shape in {part.text, *_one_less(part.text)}
        ]
        met = {
            (part.start, part.end, number): part
            for part, number in (*self._sounds.meet(sounds), *self._shapes.meet(shapes))
        }
        for (_, _, number), part in met.items():
            word = self._words[number]
            cost = _cost(part, word)
            if cost is None:
                continue
            score = math.log(1 + self._documents[word]) + LENGTH_BONUS * len(word) - cost
            if score >= (LEAST_SCORE if len(word) > 2 else LEAST_SCORE_OF_TWO):
                yield Correction(part.start, part.end, part.text, word, score)

    def _parts(self, text: str, spans: Sequence[tuple[int, int]], named: Sequence[tuple[int, int]]) -> Iterator[_Part]:
        """Stretches between the borders of words that touch no name."""
        in_word = bytearray(len(text))
        borders = {border for span in spans for border in span}
        words = set()
        for start, end in spans:
            if end - start > 1:
                in_word[start:end] = b"\1" * (end - start)
                words.add(text[start:end])
        stop = stop_words()
        alone = [0 if in_word[at] else self._documents.get(character, 0) for at, character in enumerate(text)]
        loose = [not in_word[at] and character not in stop for at, character in enumerate(text)]
        doubt = [OWN_WORD_SHARE * math.log(1 + count) for count in alone]
        is_unknown = [loose[at] and alone[at] <= self._common for at in range(len(text))]
        for run in _HAN_RUN.finditer(text):
            for start in range(run.start(), run.end() - 1):
                if start not in borders and start != run.start():
                    continue
                for end in range(start + SHORTEST, min(start + LONGEST, run.end()) + 1):
                    if end not in borders and end != run.end():
                        continue
                    part = text[start:end]
                    if part in words or any(start < other_end and other < end for other, other_end in named):
                        continue
                    is_inside = (start > run.start() and is_unknown[start - 1]) or (end < run.end() and is_unknown[end])
                    is_like_a_name = len(part) == run.end() - run.start() and may_be_a_name(part)
                    if len(part) == 2 and (is_inside or is_like_a_name or not (loose[start] and loose[start + 1])):
                        # None of the rules of `_cost` corrects it.
                        continue
                    yield _Part(
                        start,
                        end,
                        part,
                        tuple(loose[start:end]),
                        tuple(doubt[start:end]),
                        is_inside,
                        is_like_a_name,
                    )


class _KeyTable:
    """Word numbers by hashed key, as two sorted arrays: a dictionary of lists would take ten times the memory."""

    def __init__(self, entries: Iterable[tuple[int, int]]) -> None:
        table: NDArray[np.int64] = np.array(list(entries), np.int64).reshape(-1, 2)
        order = np.argsort(table[:, 0], kind="stable")
        self._keys = np.ascontiguousarray(table[order, 0])
        self._numbers = table[order, 1].astype(np.int32)

    @property
    def size(self) -> int:
        return int(self._keys.nbytes + self._numbers.nbytes)

    def meet(self, asked: Sequence[tuple[int, _Part]]) -> Iterator[tuple[_Part, int]]:
        """`(part, word number)` for all words that have one of the parts' keys; different keys may share a hash."""
        keys = np.array([key for key, _ in asked], np.int64)
        first = np.searchsorted(self._keys, keys, "left")
        last = np.searchsorted(self._keys, keys, "right")
        for place in np.flatnonzero(last > first).tolist():
            for number in self._numbers[first[place] : last[place]]:
                yield asked[place][1], int(number)


def _is_offered(word: str) -> bool:
    return SHORTEST <= len(word) <= LONGEST and _HAN_RUN.fullmatch(word) is not None


def _one_less(word: str) -> set[str]:
    """The word without one of its characters, as long as two are left."""
    return {word[:i] + word[i + 1 :] for i in range(len(word))} if len(word) > 2 else set()


def _sound_key(syllables: Iterable[str]) -> int:
    return hash(" ".join(map(sound_class, syllables)))


@lru_cache(maxsize=30_000)
def _sound_classes(character: str) -> tuple[str, ...]:
    """The sounds a character may have."""
    return tuple(map(sound_class, character_readings(character))) or ("",)


def _sound_keys(classes: Sequence[tuple[str, ...]]) -> set[int]:
    """Keys of the ways that characters with these sounds may be read; the first sixteen are enough."""
    return {hash(" ".join(sounds)) for sounds in islice(product(*classes), 16)}


def _named(text: str, names: Collection[str]) -> list[tuple[int, int]]:
    """Where a person's name stands in the text."""
    return [
        (start, start + length)
        for length in range(2, 5)
        for start in range(len(text) - length + 1)
        if text[start : start + length] in names
    ]


def _cost(part: _Part, word: str) -> float | None:
    """Cost of writing the part for the word; None when it is no slip that is corrected."""
    if part.text == word:
        return None
    if len(part.text) == len(word):
        costs = (_cost_of_sound(part, word), _cost_of_other_characters(part, word))
        return min((cost for cost in costs if cost is not None), default=None)
    if part.is_like_a_name:
        return None
    if len(part.text) == len(word) + 1:
        return _cost_of_addition(part, word)
    return _cost_of_omission(part, word)


def _cost_of_sound(part: _Part, word: str) -> float | None:
    """Characters that sound alike.

    Two characters alone say little: one of them must be right, no word may be there, and the sound must be the same.
    """
    changed = _changed(part, word)
    if len(word) == 2:
        if len(changed) > 1 or not all(part.is_loose) or part.is_inside_unknown or part.is_like_a_name:
            return None
    meant = readings(word)
    cost = 0.0
    for number, at in enumerate(changed):
        if part.text[at] in _NUMERALS or word[at] in _NUMERALS:
            return None
        typed = character_readings(part.text[at])
        cost += (FURTHER_SOUND if number else SOUND) + part.doubt[at]
        if meant[at] in typed:
            cost += RARE_READING if typed.index(meant[at]) else 0.0
        elif (
            len(word) > 2
            and not part.is_like_a_name
            and any(sound_class(syllable) == sound_class(meant[at]) for syllable in typed)
        ):
            cost += LIKE_SOUND
        else:
            return None
    return cost


def _cost_of_other_characters(part: _Part, word: str) -> float | None:
    """Another character in place of one, or two exchanged; where no word was found."""
    changed = _changed(part, word)
    if (
        len(word) < 3
        or part.is_like_a_name
        or any(part.text[at] in _NUMERALS or word[at] in _NUMERALS for at in changed)
    ):
        return None
    if len(changed) == 1 and _is_among_loose(part, changed[0]) and not part.is_inside_unknown:
        return SUBSTITUTED + part.doubt[changed[0]]
    if len(changed) == 2 and changed[1] == changed[0] + 1 and all(part.is_loose[at] for at in changed):
        first, second = changed
        if part.text[first] == word[second] and part.text[second] == word[first]:
            return EXCHANGED
    return None


def _cost_of_addition(part: _Part, word: str) -> float | None:
    """A character too many: the same one twice, or one where no word was found."""
    text = part.text
    for at in range(len(text)):
        if text[:at] + text[at + 1 :] != word or text[at] in stop_words() or text[at] in _NUMERALS:
            continue
        neighbours = [other for other in (at - 1, at + 1) if 0 <= other < len(text) and text[other] == text[at]]
        if neighbours:
            # Which of the two is the one too many is nobody's guess (可以以, 村村民).
            return DOUBLED + 2 * max(part.doubt[other] for other in (at, *neighbours))
        if len(word) > 2 and 0 < at < len(text) - 1 and _is_among_loose(part, at):
            return ADDED + part.doubt[at]
    return None


def _cost_of_omission(part: _Part, word: str) -> float | None:
    """A character too few, inside a longer word."""
    for at in range(1, len(word) - 1):
        if word[:at] + word[at + 1 :] == part.text and len(word) > 3 and word[at] not in _NUMERALS:
            return MISSING if part.is_loose[at - 1] and part.is_loose[at] else None
    return None


def _changed(part: _Part, word: str) -> list[int]:
    return [at for at, (typed, meant) in enumerate(zip(part.text, word, strict=True)) if typed != meant]


def _is_among_loose(part: _Part, at: int) -> bool:
    """Whether no word was found at this character, nor at a neighbour: a slip takes a word of two apart."""
    neighbours = part.is_loose[max(0, at - 1) : at] + part.is_loose[at + 1 : at + 2]
    return part.is_loose[at] and any(neighbours)
