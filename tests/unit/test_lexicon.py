"""The words shipped with zhiku are well-formed: each once, in the form that texts have after normalisation."""

from __future__ import annotations

import re
from collections import Counter
from importlib import resources

import pytest

from tests.unit.indexes import analyzer
from zhiku.analysis.lexicon import shipped_words, stop_words
from zhiku.analysis.normalize import HAN, normalize


def words_in(name: str) -> list[str]:
    text = resources.files("zhiku.analysis.lexicon").joinpath(name).read_text(encoding="utf-8")
    return [word for line in text.splitlines() for word in line.partition("#")[0].split()]


@pytest.mark.parametrize("name", ["words.txt", "stop_words.txt"])
def test_each_word_stands_once_and_in_its_normal_form(name: str) -> None:
    words = words_in(name)
    assert [word for word, count in Counter(words).items() if count > 1] == []
    assert [word for word in words if normalize(word) != word] == []


def test_comments_are_no_words() -> None:
    assert "#" not in "".join(shipped_words() + tuple(stop_words()))
    assert "Agriculture" not in shipped_words() and "黄龙病" in shipped_words() and "谁" in stop_words()


def test_words_for_the_segmenter_are_chinese_and_longer_than_a_character() -> None:
    assert [word for word in shipped_words() if not re.fullmatch(f"[{HAN}]{{2,12}}", word)] == []
    assert len(shipped_words()) > 200


def test_no_word_of_the_field_is_a_stop_word() -> None:
    assert set(shipped_words()) & stop_words() == set()


@pytest.mark.parametrize("segmenter", ["jieba", "auto"])
def test_the_segmenter_cuts_every_shipped_word_as_one(segmenter: str) -> None:
    known = analyzer(segmenter, shipped_words()).segmenter
    assert [word for word in shipped_words() if word not in known.cut(word)] == []
