"""Likeness of two texts: the same, nearly the same, or about the same thing.

**Copies.** Both texts are normalised, marks and spaces fall away, and what is left is cut into shingles of three
characters (Broder, "On the resemblance and containment of documents", 1997). Texts are exact copies when nothing but
marks, width or script differs. They are near copies when of the smaller one's shingles at least 60 % are in the other
(containment: one may have been shortened or added to; sentences may stand in another order), or, of texts too short for
that, when they share half of all their shingles (resemblance).

Measured on the 436 suggestions of the demo county (tests/quality/test_near_duplicates.py). Of copies with 10 % of their
words exchanged 100 % are found, with 15 % 93 %; with the sentences in another order 100 %, and 10 % of the words
exchanged as well 98 %; with 25 or 40 % of the sentences left out, or 50 % more put in, 100 %. Of the 94,830 pairs of
different suggestions, many on one topic, none is taken for a copy (the highest containment is 0.05). Among 4,326
messages of a real mayor's mailbox 544 pairs are taken for copies, 133 of them exact; of 25 of the least certain ones
(containment below 0.75), read one by one, 22 are the same complaint sent again and 3 two matters in one phrasing, as
most pairs between 0.5 and 0.6 are.

**Topic.** The cosine of the words of both (the subject counted twice) or of their subjects alone, weighted by rarity
(tf-idf). Read pair by pair on the demo county: whole texts are about the same thing from 0.15 on, subjects from 0.4; at
0.1 most pairs are not.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from zhiku.analysis.normalize import normalize
from zhiku.domain.base import LabelledEnum
from zhiku.search.scoring import idf

SHINGLE = 3

#: Share of the smaller text's shingles that must be in the other one.
NEAR_CONTAINMENT = 0.6
#: Of a text with fewer shingles containment says little: a sentence of ten characters is in many a page.
LEAST_SHINGLES = 30
#: Share of all shingles that two texts, one of them short, must have in common.
NEAR_RESEMBLANCE = 0.5

#: Cosine of the words from which on two texts are about the same thing, and of the words of their subjects.
SAME_TOPIC = 0.15
SAME_SUBJECT = 0.4

#: Texts without the word that are thought beside those by which its rarity is judged: where there are only a few, a
#: matter that many of them speak of is still no common word.
TEXTS_BESIDE = 20

_NO_WORD_CHARACTER = re.compile(r"[\W_]+")


class Likeness(LabelledEnum):
    """How alike two suggestions are, the most alike first."""

    EXACT = "exact", "完全相同"
    NEAR_DUPLICATE = "near_duplicate", "基本相同"
    SIMILAR = "similar", "相似"

    @property
    def is_copy(self) -> bool:
        """Whether one is as good as the other."""
        return self is not Likeness.SIMILAR


@dataclass(frozen=True, slots=True)
class Shingled:
    """A text prepared for comparing: its characters without marks, and their shingles."""

    characters: str
    shingles: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Shingled:
        """Prepare a text."""
        characters = _NO_WORD_CHARACTER.sub("", normalize(text))
        starts = range(max(1, len(characters) - SHINGLE + 1)) if characters else ()
        return cls(characters, frozenset(characters[start : start + SHINGLE] for start in starts))


def copy_of(one: Shingled, other: Shingled) -> Likeness | None:
    """Whether two texts are copies of each other, exact or near; None for different ones, and for empty ones."""
    if not one.characters or not other.characters:
        return None
    if one.characters == other.characters:
        return Likeness.EXACT
    common = len(one.shingles & other.shingles)
    smaller = min(len(one.shingles), len(other.shingles))
    if smaller >= LEAST_SHINGLES and common >= NEAR_CONTAINMENT * smaller:
        return Likeness.NEAR_DUPLICATE
    union = len(one.shingles) + len(other.shingles) - common
    return Likeness.NEAR_DUPLICATE if common >= NEAR_RESEMBLANCE * union else None


class Rarity:
    """How much a word tells texts apart, judged by some of them (each given as words with their counts)."""

    def __init__(self, texts: Iterable[Mapping[str, int]]) -> None:
        listed = list(texts)
        self._count = len(listed) + TEXTS_BESIDE
        self._frequency = Counter(word for words in listed for word in words)

    def weight(self, word: str) -> float:
        """The word's weight; none for words of one character, which stand in every text."""
        return idf(self._count, self._frequency[word]) if len(word) > 1 else 0.0


def topic_cosine(one: Mapping[str, int], other: Mapping[str, int], rarity: Rarity) -> float:
    """Cosine, from 0 to 1, of two texts given as words with their counts."""
    left, right = _weighted(one, rarity), _weighted(other, rarity)
    length = math.sqrt(sum(w * w for w in left.values()) * sum(w * w for w in right.values()))
    return sum(weight * right.get(word, 0.0) for word, weight in left.items()) / length if length else 0.0


def _weighted(counts: Mapping[str, int], rarity: Rarity) -> dict[str, float]:
    return {word: (1.0 + math.log(count)) * rarity.weight(word) for word, count in counts.items()}
