"""Likeness of texts: exact and near copies, and the same topic."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given

from tests.unit.texts import wild_text
from zhiku.search.likeness import Likeness, Rarity, Shingled, copy_of, topic_cosine

TEXT = (
    "陬市镇老街夜里没有路灯。从桥头到卫生院没有一盏灯，去年有三位老人摔跤，有一位到现在还下不了床。"
    "学生下晚自习也要摸黑走。先在桥头和学校门口装十盏太阳能路灯，钱不多，一个月就能装好。"
)
OTHER = (
    "漆河镇老街的水沟堵了三年。一下雨水就漫到门槛上，去年泡坏了两家的谷仓，住户自己掏过几回都不管用。"
    "请派人把盖板揭开清一次淤，以后每年汛期前清一回，钱不多，半个月就能做好。"
)


def likeness(one: str, other: str) -> Likeness | None:
    assert copy_of(Shingled.of(one), Shingled.of(other)) == copy_of(Shingled.of(other), Shingled.of(one))
    return copy_of(Shingled.of(one), Shingled.of(other))


@pytest.mark.parametrize(
    "same",
    [
        TEXT.replace("。", "\n").replace("，", " , "),
        TEXT.replace("，", "！") + "……",
        "　".join(TEXT),
        TEXT.replace("路灯", "路燈").replace("学", "學"),
        TEXT.replace("卫生院", "卫生院（wèi shēng yuàn）"),
    ],
)
def test_marks_spaces_script_and_glosses_make_no_difference(same: str) -> None:
    assert same != TEXT and likeness(TEXT, same) is Likeness.EXACT


@pytest.mark.parametrize(
    "near",
    [
        TEXT.replace("三位老人", "两位老人").replace("十盏", "二十盏"),
        "".join(sorted(TEXT.split("。"), key=len)),
        TEXT.partition("。")[2],
        TEXT[: len(TEXT) // 2],
        TEXT + OTHER[: len(OTHER) // 2],
    ],
    ids=["some words", "other order", "without the first sentence", "half of it", "something added"],
)
def test_a_text_that_was_changed_a_little_is_a_near_copy(near: str) -> None:
    assert likeness(TEXT, near) is Likeness.NEAR_DUPLICATE


def test_two_matters_in_one_phrasing_are_no_copies() -> None:
    assert likeness(TEXT, OTHER) is None


def test_a_short_sentence_inside_a_long_text_is_no_copy_of_it() -> None:
    assert "老街夜里没有路灯" in TEXT and likeness("老街夜里没有路灯。", TEXT) is None


def test_short_texts_are_near_copies_when_half_of_them_is_the_same() -> None:
    assert likeness("桥头的路灯坏了，请修好", "桥头的路灯坏了，请修一修") is Likeness.NEAR_DUPLICATE
    assert likeness("桥头的路灯坏了，请修好", "桥头的水管坏了，请修好") is None


@pytest.mark.parametrize("empty", ["", "  ", "。，！", "\u200b"])
def test_nothing_is_a_copy_of_nothing(empty: str) -> None:
    assert likeness(empty, empty) is None and likeness(empty, TEXT) is None


@given(wild_text)
def test_any_text_is_an_exact_copy_of_itself_or_says_nothing(text: str) -> None:
    assert likeness(text, text) is (Likeness.EXACT if Shingled.of(text).characters else None)


def test_a_rare_word_in_common_says_more_than_a_frequent_one() -> None:
    texts = [Counter(words) for words in (["电梯", "村里"], ["电梯", "老人"], ["村里", "水渠"], ["村里", "路灯"])]
    rarity = Rarity(texts)
    assert rarity.weight("没见过") > rarity.weight("电梯") > rarity.weight("村里") > 0
    assert topic_cosine(texts[0], texts[1], rarity) > topic_cosine(texts[0], texts[2], rarity) > 0
    assert topic_cosine(texts[0], texts[0], rarity) == pytest.approx(1.0)
    assert topic_cosine(texts[1], texts[3], rarity) == 0.0


def test_words_of_one_character_and_no_words_at_all_say_nothing() -> None:
    rarity = Rarity([Counter("的了"), Counter("的是")])
    assert topic_cosine(Counter("的了"), Counter("的是"), rarity) == 0.0
    assert topic_cosine({}, {}, rarity) == 0.0 and Rarity(()).weight("电梯") > 0
