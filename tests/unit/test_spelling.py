"""Corrections of queries from known words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.indexes import analyzer
from zhiku.analysis.lexicon import shipped_words
from zhiku.search.spelling import LONGEST_QUERY, Speller

WORDS = {
    "水利工程": 20, "水利": 60, "工程": 90, "工程师": 30, "水库": 80, "水库大坝": 9, "大坝": 40, "除险加固": 12, "加固": 25,
    "黄龙病": 15, "人民调解": 14, "柑橘": 40, "溢洪道": 8, "湖南": 9, "城镇化": 5, "会计": 12, "治理": 50, "诉讼": 7, "高血压": 30,
    "村民": 60, "可以": 40, "以": 300, "种": 200, "怎么": 90, "修": 150, "银行": 20, "九家": 5, "高原": 6, "建设": 90,
    "稀奇词": 1,
}  # fmt: skip

SPELLER = Speller(WORDS)


def spans_of(text: str) -> list[tuple[int, int]]:
    return analyzer("auto", shipped_words()).segmenter.spans(text)


def corrected(text: str, names: frozenset[str] = frozenset()) -> str:
    for one in reversed(SPELLER.correct(text, spans_of(text), names=names)):
        text = text[: one.start] + one.right + text[one.end :]
    return text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("水里工程", "水利工程"),  # both halves are words of their own
        ("水里工程师", "水利工程师"),
        ("谁懂水里公程", "谁懂水利工程"),
        ("水酷大坝", "水库大坝"),
        ("村里的水酷", "村里的水库"),
        ("除险加故", "除险加固"),
        ("黄龙并", "黄龙病"),
        ("人民条解", "人民调解"),  # 调 is diao by itself, tiao in 调解
        ("诉松", "诉讼"),
    ],
)
def test_what_is_written_as_it_sounds_is_corrected(typed: str, meant: str) -> None:
    assert corrected(typed) == meant


def test_sounds_of_the_south_count_only_in_longer_words() -> None:
    assert corrected("水利工陈") == "水利工程"  # chen for cheng
    assert corrected("层镇化") == "城镇化"  # ceng for cheng
    assert corrected("弗南") == "弗南"  # fu for hu


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("溢道洪", "溢洪道"),  # exchanged
        ("水利利工程", "水利工程"),  # twice
        ("溢珙道", "溢洪道"),  # another character
        ("人民调鲜", "人民调解"),
    ],
)
def test_one_wrong_character(typed: str, meant: str) -> None:
    assert corrected(typed) == meant


@pytest.mark.parametrize(
    "right",
    [
        # Words of the dictionary are nobody's slips, even where no text has them (古筝, 适用 beside 使用).
        "古筝", "适用", "校园霸凌", "铁路建设",
        *WORDS, "会修水库", "修水库", "水库和大坝", "种柑橘怎么施肥", "修水渠", "可以以村民的名义", "十家", "水利工程水利工程",
        "李水力", "张建设", "建设", "高远", "2023年", "CAD制图", "abc", "", " ", "？！", "水",
    ],
)  # fmt: skip
def test_what_is_right_is_left_alone(right: str) -> None:
    assert corrected(right) == right


def test_a_person_s_name_is_never_corrected_wherever_it_stands() -> None:
    assert corrected("水酷") == "水库"
    assert corrected("水酷", frozenset({"水酷"})) == "水酷"
    assert corrected("请水酷来修大坝", frozenset({"水酷"})) == "请水酷来修大坝"


def test_what_documents_have_is_not_doubted() -> None:
    spans = spans_of("水里工程")
    assert SPELLER.correct("水里工程", spans, known=lambda part: 3) == ()
    assert SPELLER.correct("水里工程", spans, known=lambda part: 0) != ()


def test_a_slip_that_stands_in_one_document_is_doubted_where_many_have_the_right_word() -> None:
    speller = Speller({**WORDS, "水利工程": 60})
    spans = spans_of("水里工程")
    assert [one.right for one in speller.correct("水里工程", spans, known=lambda part: 1)] == ["水利工程"]
    assert SPELLER.correct("水里工程", spans, known=lambda part: 1) == ()


def test_a_word_of_one_document_is_offered_to_nobody() -> None:
    assert corrected("稀其词") == "稀其词"


def test_two_slips_are_corrected_in_their_places() -> None:
    text = "水酷大坝和黄龙并"
    found = SPELLER.correct(text, spans_of(text))
    assert [(one.wrong, one.right) for one in found] == [("水酷大坝", "水库大坝"), ("黄龙并", "黄龙病")]
    assert [text[one.start : one.end] for one in found] == [one.wrong for one in found]


def test_a_long_text_is_left_to_the_search() -> None:
    text = "水里工程" + "，请帮忙" * LONGEST_QUERY
    assert SPELLER.correct(text, spans_of(text)) == ()


def test_nothing_known_corrects_nothing() -> None:
    assert Speller({}).correct("水里工程", spans_of("水里工程")) == ()


@given(st.text(alphabet="水里利工程师库酷大坝黄龙病并a1 ，李的〇一", max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_text_gives_corrections_that_lie_in_it_and_differ_from_it(text: str) -> None:
    end = 0
    for one in SPELLER.correct(text, spans_of(text)):
        assert end <= one.start < one.end <= len(text)
        assert one.wrong == text[one.start : one.end] != one.right and WORDS[one.right] > 1
        end = one.end


def test_a_large_vocabulary_is_searched_in_a_few_milliseconds() -> None:
    characters = [chr(0x4E00 + number) for number in range(0, 3000, 3)]
    words = {a + b + characters[(i * 7 + j) % 1000]: 2 + i % 50 for i, a in enumerate(characters[:100])
             for j, b in enumerate(characters[:300])}  # fmt: skip
    speller = Speller({**WORDS, **words})
    assert speller.size < 200 * len(words)
    queries = ["谁懂水里公程师", "村里的水酷大坝一下雨就冒浑水怎么治"]
    spans = [spans_of(query) for query in queries]
    speller.correct(queries[0], spans[0])
    began = time.process_time()
    for _ in range(20):
        for query, words_of_it in zip(queries, spans, strict=True):
            speller.correct(query, words_of_it)
    assert (time.process_time() - began) / 40 < 0.005
