"""Near copies, measured on the demo county's suggestions: changed ones are found, different ones are told apart.

The figures in `zhiku/search/likeness.py` are from here.
"""

from __future__ import annotations

import csv
import random
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from itertools import combinations

import pytest

from tests.unit.indexes import analyzer
from zhiku import demo
from zhiku.search.likeness import Likeness, Shingled, copy_of

Change = Callable[[str, random.Random], str]


@cache
def suggestions() -> tuple[str, ...]:
    text = resources.files(demo).joinpath("suggestions.csv").read_text(encoding="utf-8-sig")
    return tuple(row["事由"] + "。" + row["情况"] + row["建议"] for row in csv.DictReader(text.splitlines()))


@cache
def words() -> tuple[str, ...]:
    return tuple(word for text in suggestions() for word in cut(text) if is_chinese(word))


def cut(text: str) -> list[str]:
    """The text in words that follow each other; overlapping ones of the search mode are left out."""
    pieces, end = [], 0
    for start, stop in sorted(analyzer().segmenter.spans(text), key=lambda span: (span[0], -span[1])):
        if start >= end:
            pieces += [text[end:start], text[start:stop]]
            end = stop
    return [*pieces, text[end:]]


def is_chinese(word: str) -> bool:
    return bool(re.fullmatch("[\u4e00-\u9fff]+", word))


def sentences(text: str) -> list[str]:
    return re.findall("[^。\uff01\uff1f\uff1b]+[。\uff01\uff1f\uff1b]?", text)


def exchange(share: float) -> Change:
    """Words, each with this chance, replaced by another of the county's words of the same length."""

    def change(text: str, chance: random.Random) -> str:
        def other(word: str) -> str:
            return next(found for found in iter(lambda: chance.choice(words()), None) if len(found) == len(word))

        return "".join(other(word) if is_chinese(word) and chance.random() < share else word for word in cut(text))

    return change


def shuffle(text: str, chance: random.Random) -> str:
    parts = sentences(text)
    chance.shuffle(parts)
    return "".join(parts)


def leave_out(share: float) -> Change:
    def change(text: str, chance: random.Random) -> str:
        parts = sentences(text)
        kept = chance.sample(range(len(parts)), max(1, round(len(parts) * (1 - share))))
        return "".join(parts[place] for place in sorted(kept))

    return change


def add(share: float) -> Change:
    """Sentences of another suggestion put in between."""

    def change(text: str, chance: random.Random) -> str:
        parts = sentences(text)
        for sentence in sentences(chance.choice(suggestions()))[: max(1, round(len(parts) * share))]:
            parts.insert(chance.randrange(len(parts) + 1), sentence)
        return "".join(parts)

    return change


def both(first: Change, second: Change) -> Change:
    return lambda text, chance: second(first(text, chance), chance)


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (exchange(0.05), 1.0),
        (exchange(0.10), 0.99),
        (exchange(0.15), 0.90),
        (shuffle, 1.0),
        (leave_out(0.25), 1.0),
        (leave_out(0.40), 0.99),
        (add(0.25), 1.0),
        (add(0.50), 1.0),
        (both(shuffle, exchange(0.10)), 0.97),
        (both(leave_out(0.25), exchange(0.10)), 0.95),
    ],
    ids=["5 % words", "10 % words", "15 % words", "order", "25 % out", "40 % out", "25 % more", "50 % more",
         "order and 10 % words", "25 % out and 10 % words"],
)  # fmt: skip
def test_a_changed_suggestion_is_recognised(change: Change, least: float) -> None:
    chance = random.Random(20261123)
    found = [copy_of(Shingled.of(text), Shingled.of(change(text, chance))) for text in suggestions()]
    recall = sum(one is not None for one in found) / len(found)
    assert recall >= least


def test_a_suggestion_with_a_third_of_its_words_exchanged_is_another_one() -> None:
    chance = random.Random(20261123)
    found = [copy_of(Shingled.of(text), Shingled.of(exchange(0.35)(text, chance))) for text in suggestions()]
    assert sum(one is not None for one in found) / len(found) < 0.1


def test_no_two_suggestions_of_the_county_are_taken_for_copies() -> None:
    shingled = [Shingled.of(text) for text in suggestions()]
    assert [(one, other) for one, other in combinations(shingled, 2) if copy_of(one, other)] == []
    assert all(copy_of(one, one) is Likeness.EXACT for one in shingled)
