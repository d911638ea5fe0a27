"""BM25F against a computation by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest

from tests.unit.indexes import analyzer, engine_in, memory_engine
from zhiku.search.port import Engine, IndexDocument, Kind, QueryTerms, SearchRequest, TermGroup
from zhiku.search.scoring import FIELD_BOOSTS, GROUP_WEIGHTS, FieldLengths, fold, idf, query_weight

#: Latin words are words of one token each and have no bigrams, so that lengths can be counted by eye.
LONG = IndexDocument(
    "expert:1", "expert:1", "expert:1", Kind.PROFILE, {"expertise": "cad", "summary": "cad gps cad dam"}, "王德明"
)
SHORT = IndexDocument("expert:2", "expert:2", "expert:2", Kind.PROFILE, {"summary": "gps dam"})
CHINESE = IndexDocument("expert:3", "expert:3", "expert:3", Kind.PROFILE, {"career": "水库水库"})

WORDS, GRAMS, CHARS, NAMES = TermGroup.WORDS, TermGroup.GRAMS, TermGroup.CHARS, TermGroup.NAMES


def fill(engine: Engine, documents: Iterable[IndexDocument]) -> Engine:
    generation = engine.begin_generation()
    generation.add(documents)
    generation.finish()
    generation.publish()
    return engine


def scores(engine: Engine, group: TermGroup, **terms: float) -> dict[str, float]:
    return {hit.id: hit.score for hit in engine.search(SearchRequest(QueryTerms({group: terms}))).hits}


def test_average_lengths_are_taken_over_the_documents_that_have_the_field() -> None:
    lengths = FieldLengths.measure([LONG, SHORT, CHINESE], analyzer())
    assert lengths.averages == {"career": 4.0, "expertise": 1.0, "summary": 3.0}


def test_an_empty_field_counts_for_no_average() -> None:
    empty = IndexDocument("expert:4", "expert:4", "expert:4", Kind.PROFILE, {"summary": "，。"})
    assert FieldLengths.measure([SHORT, empty], analyzer()).averages == {"summary": 2.0}
    assert FieldLengths.measure([], analyzer()).averages == {}


def test_frequencies_are_weighted_and_normalised_by_field_and_then_added() -> None:
    lengths = FieldLengths({"expertise": 1.0, "summary": 3.0})
    folded = fold(LONG, analyzer(), lengths)
    # expertise: boost 2.5, length 1 of 1; summary: boost 1.5, length 4 of 3: 1 - 0.8 + 0.8 * 4 / 3.
    norm = 0.2 + 0.8 * 4 / 3
    assert folded[WORDS] == pytest.approx({"cad": 2.5 * 1 / 1.0 + 1.5 * 2 / norm, "gps": 1.5 / norm, "dam": 1.5 / norm})
    assert folded[GRAMS] == {} == folded[CHARS]
    assert folded[NAMES]["full:王德明"] == 6.0


def test_bigrams_and_characters_are_counted_like_words() -> None:
    folded = fold(CHINESE, analyzer(), FieldLengths({"career": 8.0}))
    # career: boost 0.8, length 4 of 8: 1 - 0.8 + 0.8 * 4 / 8 = 0.6.
    assert folded[GRAMS] == pytest.approx({"水库": 0.8 * 2 / 0.6, "库水": 0.8 * 1 / 0.6})
    assert folded[CHARS] == pytest.approx({"水": 0.8 * 2 / 0.6, "库": 0.8 * 2 / 0.6})


def test_a_field_without_an_average_or_a_boost_has_length_and_weight_one() -> None:
    document = IndexDocument("a", "a", "", Kind.SERVICE, {"remark": "cad gps"})
    assert fold(document, analyzer(), FieldLengths())[WORDS] == {"cad": 1.0, "gps": 1.0}


def test_rare_terms_weigh_more_and_no_term_less_than_nothing() -> None:
    assert idf(3, 1) == pytest.approx(math.log(1 + 2.5 / 1.5))
    assert idf(3, 3) == pytest.approx(math.log(1 + 0.5 / 3.5)) and idf(3, 3) > 0
    assert idf(1000, 1) > idf(1000, 500) > idf(1000, 1000) > 0


def test_a_word_said_again_counts_more_but_not_twice() -> None:
    assert query_weight(1) == 1 and query_weight(0.4) == 1
    assert query_weight(2) == pytest.approx(1 + math.log(2)) and query_weight(10) < 4


@pytest.mark.parametrize("engine_name", ["memory", "whoosh"])
def test_the_score_of_a_document_is_bm25f(engine_name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = memory_engine() if engine_name == "memory" else engine_in(tmp_path_factory.mktemp("index"))
    fill(engine, [LONG, SHORT, CHINESE])
    # gps stands in two of three documents: idf = ln(1 + 1.5 / 2.5); average length of a summary: (4 + 2) / 2 = 3.
    rarity = math.log(1 + 1.5 / 2.5)
    in_long, in_short = 1.5 / (0.2 + 0.8 * 4 / 3), 1.5 / (0.2 + 0.8 * 2 / 3)
    assert scores(engine, WORDS, gps=1.0) == pytest.approx(
        {
            "expert:1": rarity * in_long * 1.9 / (in_long + 0.9),
            "expert:2": rarity * in_short * 1.9 / (in_short + 0.9),
        },
        rel=1e-5,
    )
    # The query's own weight, and the names' group weight of 4: 6 * 1.9 / 6.9 for a full name.
    by_name = scores(engine, NAMES, **{"full:王德明": 2.0})
    assert by_name == pytest.approx({"expert:1": 4 * 2 * math.log(1 + 2.5 / 1.5) * 6 * 1.9 / 6.9}, rel=1e-5)
    if engine_name == "whoosh":
        engine.close()  # type: ignore[attr-defined]


def test_every_projected_field_has_a_boost_and_every_group_a_weight() -> None:
    fields = {"expertise", "post", "career", "honours", "summary", "title", "body"}
    assert set(FIELD_BOOSTS) == fields and set(GROUP_WEIGHTS) == set(TermGroup)


def test_a_short_text_is_worth_more_than_a_long_one_with_the_same_words() -> None:
    engine = fill(memory_engine(), [LONG, SHORT])
    found = scores(engine, WORDS, gps=1.0)
    assert found["expert:2"] > found["expert:1"]
