"""Key words of a pasted problem: what it is about, and nothing of what letters are made of."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings

from tests.unit.indexes import analyzer
from tests.unit.texts import wild_text
from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.word_classes import informativeness
from zhiku.search.keywords import (
    MAX_KEYWORDS,
    Keyword,
    KnownWords,
    chosen_keywords,
    find_keywords,
    is_problem,
    problem_terms,
    telling_part,
    weigh_words,
)
from zhiku.search.port import TermGroup

ANALYZER = analyzer("auto", shipped_words())
KNOWN = KnownWords(
    documents={"柑橘": 9, "水库": 20, "大坝": 6, "渗水": 4, "叶子": 12, "发黄": 3, "经验": 60, "合同": 2},
    total=100,
    topics=frozenset({"黄龙病", "高接换种", "水库大坝渗水"}),
    names=frozenset({"漆河镇", "王德明"}),
)
LETTER = (
    "尊敬的领导：\n您好！我是漆河镇的村民王德明，今年三月份开始，我家二十多亩柑橘园叶子发黄，听说是黄龙病。"
    "请问哪位专家能来指导？电话13900000000。谢谢！\n此致\n敬礼"
)


def keywords(text: str, known: KnownWords = KNOWN) -> list[str]:
    return [keyword.word for keyword in find_keywords(weigh_words(text, ANALYZER, known))]


def test_a_letter_is_told_by_its_subject() -> None:
    found = keywords(LETTER)
    assert found[0] == "黄龙病" and set(found) >= {"柑橘", "叶子", "发黄"}
    assert not set(found) & {
        "您好",
        "领导",
        "谢谢",
        "敬礼",
        "今年",
        "三月份",
        "月份",
        "13900000000",
        "王德明",
        "漆河镇",
    }


def test_a_topic_of_several_words_is_one_key_word() -> None:
    found = keywords("我们村后山的水库大坝渗水，一下雨就冒，群众很担心，想请懂行的人来看看。")
    assert found[0] == "水库大坝渗水" and "大坝" not in found


def test_it_does_not_depend_on_how_often_or_where_it_is_asked() -> None:
    assert keywords(LETTER) == keywords(LETTER)
    assert (
        len(
            keywords(
                "渠道淤了，机耕路断了，涵管破了，水泵坏了，电线老化，鱼塘缺氧，稻子倒伏，茶树生虫，果树冻坏，猪场发臭，鸡瘟，牛瘦。"
            )
        )
        == MAX_KEYWORDS
    )


def test_words_that_are_everywhere_say_less() -> None:
    assert informativeness("的") == 0 and informativeness("今年") == 0
    assert informativeness("工作") < informativeness("水库") <= informativeness("黄龙病") == 1


@pytest.mark.parametrize(
    "text, expected",
    [
        ("水库大坝渗水", False),
        ("你好。请问水库找谁？", False),
        ("两个组为一片山争了十几年，手上只有老契约和老图，谁认得这些东西", False),
        ("我们村后山的水库一下雨就冒浑水。群众很担心，怎么办？找谁看看才好？", True),
        ("渠" * 41, True),
        ("waterway " * 41, True),
    ],
)
def test_a_problem_is_long_or_of_several_sentences(text: str, expected: bool) -> None:
    assert is_problem(text, ANALYZER) is expected


def test_a_dropped_word_is_searched_for_in_no_form() -> None:
    weights = weigh_words(LETTER, ANALYZER, KNOWN)
    found = find_keywords(weights)
    kept = [keyword for keyword in found if keyword.word != "叶子"]
    terms = problem_terms(LETTER, kept, weights, ANALYZER, dropped=["叶子"])
    assert "叶子" not in terms.groups[TermGroup.WORDS] and "叶子" not in terms.groups[TermGroup.GRAMS]
    assert "叶子" in problem_terms(LETTER, found, weights, ANALYZER).groups[TermGroup.WORDS]


def test_the_weightiest_key_word_counts_most() -> None:
    weights = weigh_words(LETTER, ANALYZER, KNOWN)
    words = problem_terms(LETTER, find_keywords(weights), weights, ANALYZER).groups[TermGroup.WORDS]
    assert words["黄龙病"] > words["叶子"] > words.get("家", 0)


def test_an_added_word_is_as_weighty_as_the_weightiest() -> None:
    found = [Keyword("黄龙病", 8.0), Keyword("叶子", 2.0)]
    assert chosen_keywords(["叶子", "木虱"], found) == [Keyword("叶子", 2.0), Keyword("木虱", 8.0)]


def test_the_meaning_is_taken_from_the_clauses_with_the_key_words() -> None:
    part = telling_part(LETTER, find_keywords(weigh_words(LETTER, ANALYZER, KNOWN)), ANALYZER, 60)
    assert "黄龙病" in part and "尊敬" not in part and len(part) <= 60


@settings(max_examples=150, deadline=None)
@given(wild_text)
def test_any_text_has_key_words_or_none(text: str) -> None:
    weights = weigh_words(text, ANALYZER, KNOWN)
    found = find_keywords(weights)
    assert len(found) <= MAX_KEYWORDS and len({keyword.word for keyword in found}) == len(found)
    assert all(keyword.weight > 0 for keyword in found)
    problem_terms(text, found, weights, ANALYZER)


def test_two_thousand_characters_take_milliseconds() -> None:
    text = (LETTER * 20)[:2000]
    keywords(text)
    began = time.perf_counter()
    keywords(text)
    assert time.perf_counter() - began < 0.25, "a pass over all pairs of words took as long as this"
