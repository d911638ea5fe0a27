"""Terms of many texts at once are those that the analyzer gives text by text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.indexes import analyzer
from tests.unit.texts import chinese_text, wild_text
from zhiku.analysis.batch import SEPARATOR, JoinedTexts, TermCounts, WordNumbers, count_words


def by_text(counts: TermCounts, size: int) -> list[Counter[str]]:
    """The same as a counter for each text."""
    found: list[Counter[str]] = [Counter() for _ in range(size)]
    for number in range(len(counts.offsets) - 1):
        term = counts.blob[counts.offsets[number] : counts.offsets[number + 1]].decode()
        for pair in range(counts.starts[number], counts.starts[number + 1]):
            assert term not in found[counts.texts[pair]]
            found[counts.texts[pair]][term] = int(counts.counts[pair])
    return found


def terms_of(counts: TermCounts) -> list[bytes]:
    return [counts.blob[a:b] for a, b in zip(counts.offsets, counts.offsets[1:], strict=False)]


@pytest.mark.parametrize("segmenter", ["jieba", "auto"])
@settings(max_examples=60, deadline=None)
@given(many=st.lists(wild_text | chinese_text, max_size=6))
@example(many=[])
@example(many=["", "", "修水库"])
@example(many=["修水库", "水库", "", "CAD 图集 3.5 ２０２０"])
@example(many=["𠮷田水", "々〇一", "\U0003134a水", "𝒜𝒷 ßẞ", "\U00010400\U00010401 \U0001f474"])
def test_counts_and_lengths_are_those_of_the_analyzer(segmenter: str, many: Sequence[str]) -> None:
    chosen = analyzer(segmenter)
    normal = [chosen.normal(text) for text in many]
    expected = [chosen.terms(text) for text in many]
    joined = JoinedTexts(SEPARATOR.join(normal), len(many))
    words = WordNumbers()
    numbers = [words.cut(text, chosen.segmenter) for text in normal]
    counted = count_words(
        words,
        np.array([number for cut in numbers for number in cut], np.int32),
        np.repeat(np.arange(len(many), dtype=np.int32), [len(cut) for cut in numbers]),
    )
    assert joined.lengths().tolist() == [terms.length for terms in expected]
    for counts, group in ((counted, "words"), (joined.bigrams(), "grams"), (joined.characters(), "chars")):
        assert by_text(counts, len(many)) == [getattr(terms, group) for terms in expected]
        assert terms_of(counts) == sorted(set(terms_of(counts)))


def test_nothing_reaches_from_one_text_into_the_next() -> None:
    joined = JoinedTexts(SEPARATOR.join(["水", "库"]), 2)
    assert terms_of(joined.bigrams()) == []
    assert joined.lengths().tolist() == [1, 1]


def test_more_words_than_sixteen_bits_can_number_are_counted() -> None:
    words = WordNumbers({f"w{number:05}": number for number in range(1, 70_001)})
    texts = np.repeat(np.arange(3, dtype=np.int32), 70_001)
    one = np.concatenate([np.arange(70_000, 0, -1), [7]])
    counts = count_words(words, np.concatenate([one, one, one]).astype(np.int32), texts)
    assert terms_of(counts) == sorted(word.encode() for word in words)
    assert counts.starts.tolist() == list(range(0, 210_001, 3)) and counts.texts[:6].tolist() == [0, 1, 2, 0, 1, 2]
    assert np.flatnonzero(counts.counts != 1).tolist() == [18, 19, 20] and counts.counts[18] == 2
