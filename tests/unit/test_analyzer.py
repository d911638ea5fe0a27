"""The analyzer: terms of documents and queries, and where a text matches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.indexes import analyzer, engine_in, found, memory_engine
from tests.unit.texts import chinese_text, wild_text
from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.lexicon import shipped_words, stop_words
from zhiku.analysis.normalize import HAN, normalize
from zhiku.bootstrap import open_engine
from zhiku.search.port import Change, Engine, IndexDocument, Kind

ANY = settings(max_examples=200, deadline=None)


@pytest.fixture(scope="module")
def shipped() -> Analyzer:
    return analyzer("auto", shipped_words())


def profile(text: str, key: str = "expert:1") -> IndexDocument:
    return IndexDocument(key, key, key, Kind.PROFILE, {"summary": text})


def fill(engine: Engine, *texts: str) -> Engine:
    generation = engine.begin_generation()
    generation.add(profile(text, f"expert:{number}") for number, text in enumerate(texts, 1))
    generation.finish()
    generation.publish()
    return engine


# -- documents ----------------------------------------------------------------------------------------------------


def test_a_text_gives_words_bigrams_and_characters(shipped: Analyzer) -> None:
    terms = shipped.terms("修水庫，CAD图")
    assert terms.words == {"修": 1, "水库": 1, "cad": 1, "图": 1}
    assert terms.grams == {"修水": 1, "水库": 1}
    assert terms.chars == {"修": 1, "水": 1, "库": 1, "图": 1}
    assert terms.length == 5


def test_bigrams_do_not_reach_over_punctuation_letters_or_spaces(shipped: Analyzer) -> None:
    assert set(shipped.terms("水。库 大a坝").grams) == set()
    assert set(shipped.terms("水\u200b库").grams) == {"水库"}


@ANY
@given(wild_text)
def test_the_cheap_length_is_the_length(text: str) -> None:
    assert analyzer().length(text) == analyzer().terms(text).length


@ANY
@given(wild_text)
def test_no_term_is_only_punctuation(text: str) -> None:
    terms = analyzer().terms(text)
    assert all(re.search(r"\w", term) for term in [*terms.words, *terms.grams, *terms.chars])


# -- queries ------------------------------------------------------------------------------------------------------


def test_words_of_asking_are_left_out(shipped: Analyzer) -> None:
    assert shipped.query("想找一个懂柑橘黄龙病的老师傅").whole_words == ("柑橘", "黄龙病")
    assert shipped.query("请问谁会修水库？").whole_words == ("修", "水库")


@pytest.mark.parametrize("text", ["谁", "的", "谁能帮忙", "怎么办"])
def test_words_of_asking_count_where_nothing_else_is_said(shipped: Analyzer, text: str) -> None:
    assert shipped.query(text).words


def test_a_guessed_word_loses_its_word_of_asking(shipped: Analyzer) -> None:
    # The segmenter guesses 会修 in 会修水库.
    assert "会修" in shipped.segmenter.cut("会修水库")
    query = shipped.query("会修水库")
    assert "会修" not in query.words and "会修" not in query.grams and "会" not in query.chars


def test_what_was_left_out_leaves_no_bigrams_behind(shipped: Analyzer) -> None:
    assert set(shipped.query("水库的大坝").grams) == {"水库", "大坝"}


def test_the_words_a_reader_sees_are_not_inside_one_another(shipped: Analyzer) -> None:
    query = shipped.query("高血压和糖尿病")
    assert query.whole_words == ("高血压", "糖尿病") and "血压" in query.words


@ANY
@given(wild_text)
def test_a_query_has_the_terms_of_the_text_and_no_others(text: str) -> None:
    query, terms = analyzer().query(text), analyzer().terms(text)
    assert set(query.grams) <= set(terms.grams) and set(query.chars) <= set(terms.chars)
    assert set(query.whole_words) <= set(query.words)
    assert bool(query.words) == bool(terms.words)
    stops = query.words.keys() & stop_words()
    assert not stops or stops == query.words.keys()


# -- any part of two characters is found --------------------------------------------------------------------------


@st.composite
def texts_with_a_part(draw: st.DrawFn) -> tuple[str, str]:
    """A text and two neighbouring Chinese characters of it."""
    text = draw(chinese_text.filter(lambda text: re.search(f"[{HAN}]{{2}}", normalize(text)) is not None))
    normal = normalize(text)
    starts = [match.start() for match in re.finditer(f"(?=[{HAN}]{{2}})", normal)]
    start = draw(st.sampled_from(starts))
    return text, normal[start : start + 2]


@settings(max_examples=150, deadline=None)
@given(texts_with_a_part())
def test_any_two_characters_of_a_text_find_it(case: tuple[str, str]) -> None:
    text, part = case
    assert found(fill(memory_engine(), text, "别的"), part)[:1] == ["expert:1"]


def test_any_two_characters_of_a_text_find_it_in_the_embedded_index(tmp_path: Path) -> None:
    texts = ["研究生物质能源，发(fā)揮余热。", "漆河镇人民调解员,劝和邻里", "懂柑橘黄龙病的人会修水库吗"]
    engine = engine_in(tmp_path)
    fill(engine, *texts)
    for number, text in enumerate(texts, 1):
        for match in re.finditer(f"(?=([{HAN}]{{2}}))", normalize(text)):
            assert f"expert:{number}" in found(engine, match.group(1)), match.group(1)
    engine.close()


@pytest.mark.parametrize("asked", ["生物质", "生物", "物质", "生物质能源", "研究生", "能源", "漆河", "河镇", "黄龙"])
def test_words_inside_other_cuts_are_found(asked: str) -> None:
    engine = fill(memory_engine(), "在漆河镇研究生物质能源和黄龙病。", "别的")
    assert found(engine, asked) == ["expert:1"]


# -- where a text matches -----------------------------------------------------------------------------------------


def test_matches_are_marked_in_the_text_as_it_was_written(shipped: Analyzer) -> None:
    text = "他在桃源縣發(fā)揮餘熱，修水庫。"
    spans = shipped.match_spans(text, ["发挥", "水库"], [])
    assert [text[start:end] for start, end in spans] == ["發(fā)揮", "水庫"]


def test_neighbouring_matches_are_one(shipped: Analyzer) -> None:
    assert shipped.match_spans("会修水库大坝", ["水库", "大坝"], ["修水"]) == [(1, 6)]


def test_letters_inside_a_latin_word_are_no_match(shipped: Analyzer) -> None:
    assert shipped.match_spans("cascade用CAD2026，cad图", ["cad"], []) == [(16, 19)]
    assert shipped.match_spans("13907361234", ["0736"], []) == []


@ANY
@given(wild_text, st.lists(st.one_of(st.sampled_from(["水库", "修", "cad", "的", "fa"]), wild_text), max_size=4))
def test_matches_lie_in_the_text_in_order_and_apart(text: str, words: list[str]) -> None:
    words = [word for word in map(normalize, words) if word]
    spans = analyzer().match_spans(text, words, [])
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] < after[0] for before, after in zip(spans, spans[1:], strict=False))


# -- one dictionary for an index and its queries ------------------------------------------------------------------


def test_the_dictionary_hash_changes_with_the_words_and_not_with_their_order() -> None:
    one, same, other = (
        analyzer("auto", ("甲乙", "丙丁")),
        analyzer("auto", ("丙丁", "甲乙")),
        analyzer("auto", ("甲乙",)),
    )
    assert one.dictionary_hash == same.dictionary_hash != other.dictionary_hash
    assert analyzer("auto").dictionary_hash != other.dictionary_hash


def test_queries_are_cut_by_the_segmenter_and_the_words_that_built_the_index(tmp_path: Path) -> None:
    """A word that a dictionary knows only today would not be found in an index that was cut without it."""
    pytest.importorskip("rjieba", reason="rjieba is not installed")
    root, cache = tmp_path / "index", tmp_path / "cache"
    builder = open_engine(root, cache, "jieba")
    fill(builder, "看涵卧管，修水库")
    words = builder.analyzer.own_words
    builder.close()
    reader = open_engine(root, cache, "rjieba")
    assert reader.analyzer.segmenter.name == "jieba" and reader.analyzer.own_words == words
    assert found(reader, "涵卧管") == ["expert:1"]
    # A change keeps to the generation's dictionary too; only a rebuild takes the new segmenter.
    reader.apply(lambda: [Change("expert:2", (profile("查涵卧管", "expert:2"),))])
    assert reader.analyzer.segmenter.name == "jieba" and found(reader, "涵卧管") == ["expert:1", "expert:2"]
    fill(reader, "看涵卧管")
    assert reader.analyzer.segmenter.name == "rjieba"
    reader.close()


def test_words_of_one_character_of_the_original_are_one_span() -> None:
    assert analyzer().match_spans("办㍿的", ["株", "会"], []) == [(1, 2)]
