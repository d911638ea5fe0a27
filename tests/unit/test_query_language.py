"""The query language: exact parts, unwanted words, filters, and everything that only looks like them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.texts import wild_text
from zhiku.search.query_language import MAX_OPERATORS, PartKind, read

#: Pieces that begin, end or are operators.
MARKS = (
    '"', "“", "”", "＂", "「", "」", "『", "』", "-", "－", "领域:", "领域：", "乡镇:漆河", "title:", "UNIT：", " ", "　", "\n",
    "、", "，", "水库", "嫁接", "3", "5亩", ":", "：", "http://a.b/", "C-反应蛋白", "\ud800", "鄉鎮:",
)  # fmt: skip
queries = st.one_of(wild_text, st.lists(st.sampled_from(MARKS), max_size=20).map("".join))


@pytest.mark.parametrize(
    "quoted", ['"水库除险"', "“水库除险”", "＂水库除险＂", "「水库除险」", "『水库除险』", "”水库除险“"]
)
def test_quotes_of_every_kind_make_an_exact_part_whose_words_are_searched_too(quoted: str) -> None:
    asked = read(f"黄石{quoted}加固")
    assert asked.phrases == ("水库除险",) and asked.text == "黄石 水库除险 加固"


@pytest.mark.parametrize(
    "text, unwanted",
    [
        ("水库 -灌溉", ("灌溉",)),
        ("水库　－灌溉", ("灌溉",)),
        ("-灌溉 水库", ("灌溉",)),
        ("水库 -灌溉，大坝", ("灌溉",)),
        ('水库 -"果树 嫁接"', ("果树 嫁接",)),
        ("水库 -灌溉 -灌溉 -渠道", ("灌溉", "渠道")),
        ("水库 -领域:灌溉", ("灌溉",)),
    ],
)
def test_a_minus_before_a_word_excludes_it_and_never_searches_for_it(text: str, unwanted: tuple[str, ...]) -> None:
    asked = read(text)
    assert asked.excluded == unwanted
    assert "水库" in asked.text and not any(word in asked.text for word in unwanted)


@pytest.mark.parametrize(
    "text, filters",
    [
        ("领域:水利", [("field", "水利")]),
        ("領域：水利", [("field", "水利")]),
        ("領(lǐng)域：水利", [("field", "水利")]),
        ("ｆｉｅｌｄ：水利", [("field", "水利")]),
        ("Field: 水利", [("field", "水利")]),
        ("水库 乡镇:漆河 乡镇:陬市", [("township", "漆河"), ("township", "陬市")]),
        ("乡镇:漆河、陬市 水库", [("township", "漆河"), ("township", "陬市")]),
        ("单位:县水利局，水库", [("unit", "县水利局")]),
        ("title:工程师 unit:水利局 township:漆河", [("title", "工程师"), ("unit", "水利局"), ("township", "漆河")]),
        ('单位:"县 水利局"', [("unit", "县 水利局")]),
        ("状态:可联系", [("availability", "可联系")]),
    ],
)
def test_filters_are_read_in_chinese_and_english(text: str, filters: list[tuple[str, str]]) -> None:
    assert list(read(text).filters) == filters


@pytest.mark.parametrize(
    "text",
    [
        "2024-05 修的水库", "3-5 亩", "C-反应蛋白", "联系电话：13900000000", "时间:8:30", "http://a.b/x?title:y", "负责领域:水利",
        '"没有关上', "“没有关上", '""', "“ ”", "-", "--help", "- 水库", "零下 -5 度", "领域:", "领域：", "领域: 乡镇:", "field://x",
        '3"管接5"管', "水库-灌溉", "——", "水库 - 灌溉", "『", "」水库「", '"上一行\n下一行"', "领域:“",
    ],
)  # fmt: skip
def test_what_only_looks_like_an_operator_is_plain_words(text: str) -> None:
    asked = read(text)
    assert (asked.text, asked.has_operators) == (text, False)


@pytest.mark.parametrize("unit", ['"', "“", " -a", "领域:", "领域:x ", '-"', "乡镇:漆河、", "title:title:", " 单位:“"])
def test_ten_thousand_operators_are_plain_words_beyond_some(unit: str) -> None:
    asked = read(unit * 10_000)
    assert sum(part.kind is not PartKind.PLAIN for part in asked.parts) <= 2 * MAX_OPERATORS
    assert asked.typed == unit * 10_000


@settings(max_examples=400, deadline=None)
@given(queries)
def test_any_text_can_be_read_and_nothing_of_it_is_lost_or_moved(text: str) -> None:
    asked = read(text)
    assert asked.typed == text
    assert asked.has_operators or asked.text == text
    assert all(part.text.strip() for part in asked.parts if part.kind is not PartKind.PLAIN)
    unfiltered = asked.without(lambda part: part.kind is PartKind.FILTER)
    assert (unfiltered.filters, unfiltered.phrases, unfiltered.excluded) == ((), asked.phrases, asked.excluded)
    assert not asked.as_plain(lambda part: True).has_operators


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("修水库柑橘的 ，。？、漆河abc123()（）"), max_size=60))
def test_a_text_without_marks_comes_through_unchanged(text: str) -> None:
    assert read(text).text == text


def test_parts_can_be_taken_away_or_made_plain_words() -> None:
    asked = read("“水库” 渗水 -灌溉 乡镇:漆河 老师傅")
    assert asked.without(lambda part: part.kind is PartKind.FILTER).typed == "“水库” 渗水 -灌溉 老师傅"
    assert asked.as_plain(lambda part: part.kind is PartKind.PHRASE).typed == "水库 渗水 -灌溉 乡镇:漆河 老师傅"
    assert asked.without(lambda part: part.kind is PartKind.EXCLUDED).excluded == ()
