"""Readings of words, and the sounds that southern speakers do not tell apart."""

from __future__ import annotations

import pytest

from zhiku.analysis.pinyin import MAX_READINGS, character_readings, readings, sound_class


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("水利工程", "shui li gong cheng"),
        ("银行", "yin hang"),
        ("行政管理", "xing zheng guan li"),
        ("中国银行行长", "zhong guo yin hang hang zhang"),
        ("女儿", "nv er"),
        ("绿化", "lv hua"),
    ],
)
def test_a_character_is_read_as_in_the_phrase_it_stands_in(word: str, expected: str) -> None:
    assert " ".join(readings(word)) == expected


def test_there_is_one_syllable_a_character_even_for_what_has_no_reading() -> None:
    assert readings("水a？") == ("shui", "", "")
    assert readings("") == ()


def test_a_character_keeps_its_usual_readings_only() -> None:
    assert character_readings("行") == ("xing", "hang")
    assert character_readings("水") == ("shui",)
    assert character_readings("a") == () and character_readings("水利") == ()
    assert all(len(character_readings(character)) <= MAX_READINGS for character in "和大不差")


@pytest.mark.parametrize(
    ("one", "other"),
    [("zhang", "zang"), ("chi", "ci"), ("shui", "sui"), ("nan", "lan"), ("nv", "lv"), ("hui", "fei"), ("huang", "fang"),
     ("xing", "xin"), ("cheng", "chen"), ("zheng", "zen")],
)  # fmt: skip
def test_sounds_that_are_one_in_the_south(one: str, other: str) -> None:
    assert sound_class(one) == sound_class(other)


@pytest.mark.parametrize(("one", "other"), [("an", "en"), ("ba", "pa"), ("hei", "fei"), ("n", "l"), ("dong", "deng")])
def test_sounds_that_are_two_everywhere(one: str, other: str) -> None:
    assert sound_class(one) != sound_class(other)
