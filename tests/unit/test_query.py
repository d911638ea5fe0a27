"""From what was typed to query terms: any string at all gives terms, and never an error."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.indexes import analyzer, memory_engine
from tests.unit.texts import wild_text
from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.lexicon import shipped_words
from zhiku.search.ladder import find_people
from zhiku.search.port import IndexDocument, Kind, QueryTerms, TermGroup
from zhiku.search.query import MAX_REQUIRED, PHRASE_WEIGHT, SYNONYM_WEIGHT, parse

SHIPPED = analyzer("auto", shipped_words())

#: What a query language would make something of. It is text here.
SYNTAX = ('"', "“", "title:", "field:水利", "AND", "OR NOT", "(", ")", "*", "?", "~2", "^9", "-", "+", "\\", "[1 TO 2]")

#: Terms of a group that an engine may be asked for: 256 of the query's own, as many synonyms.
MOST_TERMS = 512

queries = st.one_of(
    wild_text,
    st.lists(st.one_of(st.sampled_from(SYNTAX), st.sampled_from(("修水库", "谁", " ", "cad"))), max_size=12).map(
        "".join
    ),
)


@settings(max_examples=400, deadline=None)
@given(queries)
def test_no_text_makes_the_parser_fail(text: str) -> None:
    terms = parse(text, SHIPPED)
    assert all(math.isfinite(weight) and weight > 0 for group in terms.groups.values() for weight in group.values())
    assert all(group for group in terms.groups.values())
    assert len(terms.required) <= MAX_REQUIRED


@settings(max_examples=100, deadline=None)
@given(queries)
def test_whatever_it_gives_can_be_searched_for(text: str) -> None:
    engine = memory_engine()
    generation = engine.begin_generation()
    generation.add(
        [IndexDocument("expert:1", "expert:1", "expert:1", Kind.PROFILE, {"summary": "会修水库。"}, "王德明")]
    )
    generation.finish()
    generation.publish()
    assert len(find_people(engine, parse(text, engine.analyzer)).people) <= 1


@pytest.mark.parametrize(
    "unit", ["修水库", "柑橘黄龙病怎么治？", "abc ", "\x00", '"', "field:", "😀", "𠮷", "\ud800", "水"]
)
def test_ten_thousand_characters_are_a_query_too(unit: str) -> None:
    terms = parse(unit * (10_000 // len(unit)), SHIPPED)
    assert all(len(group) <= MOST_TERMS for group in terms.groups.values())


def test_a_long_page_keeps_its_most_frequent_terms() -> None:
    rare = "".join(chr(code) for code in range(0x4E00, 0x4E00 + 2000))
    terms = parse(rare + "水库大坝" * 20, SHIPPED)
    assert "水库" in terms.groups[TermGroup.GRAMS] and "水" in terms.groups[TermGroup.CHARS]
    assert len(terms.groups[TermGroup.CHARS]) <= MOST_TERMS
    assert terms.required == ()


@pytest.mark.parametrize("text", ["", "   ", "\x00\ufeff", "？！", "\ud800", "“”", '"'])
def test_nothing_to_search_for_is_empty(text: str) -> None:
    assert parse(text, SHIPPED).is_empty


def test_the_same_text_written_otherwise_gives_the_same_terms() -> None:
    assert parse("會修(xiū)水庫", SHIPPED) == parse("会修水库", SHIPPED) == parse("　会修水库 ", SHIPPED)


def test_repeated_words_count_more_with_falling_returns() -> None:
    words = parse("水库 水库 水库 大坝", SHIPPED).groups[TermGroup.WORDS]
    assert words["水库"] == pytest.approx(1 + math.log(3)) and words["大坝"] == 1


def test_synonyms_count_less_than_what_was_said() -> None:
    words = parse("会修水库", SHIPPED).groups[TermGroup.WORDS]
    # 修水库 is the whole query, of two words; a synonym of one word, or of a part, says less.
    assert words["水库"] == 1 and words["水库除险加固"] == PHRASE_WEIGHT
    alone = parse("打官司", SHIPPED).groups[TermGroup.WORDS]
    assert alone["打官司"] == 1 and alone["诉讼"] == SYNONYM_WEIGHT
    assert parse("会修水库和渠道", SHIPPED).groups[TermGroup.WORDS]["水库除险加固"] == SYNONYM_WEIGHT


def test_a_word_that_is_said_keeps_its_weight_where_a_synonym_says_it_too() -> None:
    words = parse("水库维修怎么修水库", SHIPPED).groups[TermGroup.WORDS]
    assert words["维修"] == 1 and words["水库"] > 1


def test_terms_are_sorted_so_that_all_engines_add_in_one_order() -> None:
    groups = parse("请人看看山塘漏水和水库大坝渗水", SHIPPED).groups
    for group in (TermGroup.WORDS, TermGroup.GRAMS, TermGroup.CHARS):
        assert list(groups[group]) == sorted(groups[group])


def required(text: str, by: Analyzer = SHIPPED) -> dict[str, tuple[str, ...]]:
    return {one.word: one.parts for one in parse(text, by).required}


def test_all_words_asks_for_words_or_all_their_parts() -> None:
    assert required("柑橘黄龙病") == {"柑橘": ("柑橘",), "黄龙病": ("黄龙", "龙病")}
    assert required("修CAD") == {"修": ("修",), "cad": ()}


def test_nobody_is_asked_to_have_all_words_of_a_page() -> None:
    page = "水库大坝渠道山塘涵管泵站堤防水井自来水洪水干旱滑坡塌方"
    assert len(required(page)) == 0 < len(parse(page, SHIPPED).groups[TermGroup.WORDS])


def test_quotes_and_field_names_are_text() -> None:
    assert set(required('"水库" 领域:大坝')) == {"水库", "领域", "大坝"}


def test_a_word_guessed_from_its_characters_is_no_condition() -> None:
    # 榨才 is what jieba would make of 怎么榨才香.
    assert set(required("茶油怎么榨才香")) == {"茶油", "榨", "香"}


def test_a_synonym_of_two_characters_must_be_a_word() -> None:
    (word,) = parse("打官司", SHIPPED).required
    assert {synonym.word: synonym.parts for synonym in word.synonyms}["诉讼"] == ()
    assert "诉讼" not in parse("打官司", SHIPPED).groups[TermGroup.GRAMS]
    assert isinstance(parse("水", SHIPPED), QueryTerms)
