"""Which words say little about a subject: particles, numbers, times, faraway places, and words that are everywhere.

By the part of speech and the frequency that jieba's dictionary gives each word. It is read once, when key words are
first taken from a text; the segmenters keep no parts of speech.
"""

from __future__ import annotations

import math
import warnings
from functools import cache
from importlib import resources

#: First letters of the tags (ICTCLAS) of words without a subject of their own: adverbs, prepositions, conjunctions,
#: pronouns, particles, numerals, measures, times, positions, interjections, onomatopoeia, prefixes and suffixes.
_FUNCTION = frozenset("dpcrumqtfeyokh")

#: What a word of a class can say, against 1 for a noun or verb: place names; adjectives, adverbial ones, set phrases.
_OF_TAG = {"ns": 0.4, "a": 0.6, "ad": 0.4, "an": 0.8, "b": 0.6, "z": 0.3, "i": 0.4, "l": 0.7, "s": 0.4}

#: Words up to this frequency (in jieba's corpus of 60 million) are rare enough to say all they can; those from the
#: second one on are everywhere. Between them a word says less the more often it is met.
_RARE, _COMMON = 300, 20_000
_LEAST = 0.25


def informativeness(word: str) -> float:
    """What a word can say about a subject, 0 … 1; 1 of words that are in no dictionary."""
    return _informativeness().get(word, 1.0)


@cache
def _informativeness() -> dict[str, float]:
    """Of all words for which it is less than 1."""
    with warnings.catch_warnings():
        # As in segment.py: jieba's own source warns.
        warnings.simplefilter("ignore")
        folder = resources.files("jieba")
    known: dict[str, float] = {}
    span = math.log(_COMMON / _RARE)
    with folder.joinpath("dict.txt").open(encoding="utf-8") as lines:
        for line in lines:
            word, frequency, tag = line.split()
            value = 0.0 if tag[0] in _FUNCTION else _OF_TAG.get(tag, 1.0)
            if value and int(frequency) > _RARE:
                value *= max(_LEAST, 1 - (1 - _LEAST) * math.log(int(frequency) / _RARE) / span)
            if value < 1:
                known[word] = value
    return known
