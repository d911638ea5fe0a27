"""The sentences that speak for a query, cut and marked."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.indexes import analyzer
from tests.unit.texts import chinese_text, wild_text
from zhiku.analysis.normalize import normalize
from zhiku.search.highlight import MAX_SENTENCE, Passage, Passages, Sentence, best_sentences, split_sentences

texts = st.one_of(wild_text, chinese_text, st.lists(chinese_text, max_size=4).map("".join))
TERMS = {"水库": 3.0, "修": 1.0, "黄龙病": 3.0, "的": 1.0, "cad": 2.0}
GRAMS = {"水库": 1.0, "库修": 1.0, "渠道": 1.0}


def best(
    *texts: str, words: dict[str, float] = TERMS, grams: dict[str, float] = GRAMS, limit: int = 3
) -> list[Sentence]:
    documents = [Passages([Passage(n, text)]) for n, text in enumerate(texts)]
    return best_sentences(documents, analyzer(), words, grams, limit)


def marked(sentence: Sentence) -> list[str]:
    return [sentence.text[start:end] for start, end in sentence.spans]


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=3))
def test_a_sentence_is_a_part_of_its_text_and_its_spans_lie_in_it(passages: list[str]) -> None:
    for sentence in best(*passages):
        original = passages[int(str(sentence.source))]
        # A long sentence is cut and says so with "…", which the text may have as well.
        assert sentence.text in original or sentence.text.removeprefix("…").removesuffix("…") in original
        assert len(sentence.text) <= MAX_SENTENCE + 2
        assert all(0 <= start < end <= len(sentence.text) for start, end in sentence.spans)
        assert all(a[1] < b[0] for a, b in zip(sentence.spans, sentence.spans[1:], strict=False))


@settings(max_examples=200, deadline=None)
@given(texts)
def test_splitting_loses_no_word(text: str) -> None:
    rest = text
    for sentence in split_sentences(text):
        place = rest.index(sentence)
        # What lies between two sentences is space or marks.
        assert not re.search(r"\w", rest[:place])
        rest = rest[place + len(sentence) :]
    assert not re.search(r"\w", rest)


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, max_size=3))
def test_every_sentence_with_a_word_is_found(passages: list[str]) -> None:
    wanted = {**TERMS, **GRAMS}
    found = Passages([Passage(n, text) for n, text in enumerate(passages)]).sentences_with(wanted, analyzer())
    expected = [
        (n, sentence, terms)
        for n, text in enumerate(passages)
        for sentence in split_sentences(text)
        if (terms := {term for term in wanted if analyzer().has_term(normalize(sentence), term)})
    ]
    assert [(one.passage.source, one.text, set(one.terms)) for one in found] == expected


def test_no_word_reaches_from_one_sentence_into_the_next() -> None:
    assert best("喝水\n库房") == best("喝水", "库房") == []
    assert [one.text for one in best("会cad\ncad会\nca\nd\nscad")] == ["会cad", "cad会"]


def test_sentences_end_at_full_stops_and_keep_what_closes_with_them() -> None:
    text = "他说：“修水库。”大家点头！真的？好；\n\n下一行 "
    assert split_sentences(text) == ["他说：“修水库。”", "大家点头！", "真的？", "好；", "下一行"]
    assert split_sentences(" 。\n！") == []


def test_sentences_without_a_match_are_never_taken() -> None:
    assert best("种了一辈子田。", "教过书。") == []
    assert [one.text for one in best("种田。修过水库。教书。")] == ["修过水库。"]


def test_the_sentence_that_covers_most_comes_first_and_the_next_says_something_new() -> None:
    one, two, three = best("看过黄龙病。修过水库。也修水库。", limit=3)
    assert [one.text, two.text, three.text] == ["修过水库。", "看过黄龙病。", "也修水库。"]


def test_a_word_counts_as_a_word_where_it_is_a_bigram_too() -> None:
    first, *_ = best("看过漏水。修过水库。", words={"水库": 3.0, "漏水": 2.0}, grams={"水库": 1.0, "漏水": 1.0})
    assert first.text == "修过水库。"


def test_no_more_sentences_than_wanted() -> None:
    assert len(best("修水库。也修水库。还修水库。", limit=2)) == 2 and best("修水库。", limit=0) == []


def test_what_is_said_twice_is_shown_once() -> None:
    assert [one.text for one in best("修水库。" * 9, "修水库。")] == ["修水库。"]


def test_a_list_of_names_gives_way_to_a_sentence() -> None:
    passages = [Passage("领域", "水库", 0.25), Passage("简介", "修过水库的大坝。")]
    assert [one.source for one in best_sentences([Passages(passages)], analyzer(), TERMS, GRAMS, 2)] == ["简介", "领域"]


def test_words_are_marked_rather_than_accidental_bigrams() -> None:
    (sentence,) = best("在水库修渠道。")
    assert marked(sentence) == ["水库修"]
    (sentence,) = best("只看渠道。")
    assert marked(sentence) == ["渠道"]


def test_matches_in_dirty_text_are_marked_where_they_stand() -> None:
    (sentence,) = best("他會修(xiū)水庫。")
    assert marked(sentence) == ["修(xiū)水庫"] and sentence.text == "他會修(xiū)水庫。"


@pytest.mark.parametrize("before, after", [(0, 300), (300, 0), (300, 300), (44, 300), (46, 300), (60, 29)])
def test_a_long_sentence_is_cut_around_its_first_match(before: int, after: int) -> None:
    (sentence,) = best("种" * before + "水库" + "田" * after)
    assert "水库" in marked(sentence)
    assert sentence.text.startswith("…") == (before > MAX_SENTENCE // 2)
    assert sentence.text.endswith("…") == (len(sentence.text) >= MAX_SENTENCE and after > 0)


def test_a_cut_sentence_begins_at_a_clause() -> None:
    (sentence,) = best("种田种地，" * 12 + "后来才修水库，" + "一直修到退休，" * 12)
    assert sentence.text.startswith("…种田种地，") and marked(sentence)[0] == "修水库"


def test_letters_inside_a_word_make_no_sentence_speak() -> None:
    assert best("会用 CAD 制图。")[0].text == "会用 CAD 制图。"
    assert best("cascade 模型。", words={"cad": 1.0}, grams={}) == []
