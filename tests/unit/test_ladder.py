"""The ladder: who has all words, any word, or is only near in wording."""

from __future__ import annotations

import pytest

from tests.unit.indexes import memory_engine
from zhiku.search.ladder import NEAR_PLACES, Found, find_people
from zhiku.search.port import IndexDocument, Kind
from zhiku.search.query import parse


def ask(query: str, *texts: str, filters: dict[str, tuple[str, ...]] | None = None) -> tuple[list[int], Found]:
    """Numbers (from 1) of the people found, whose summaries these are; evens live in 漆河镇, odds in 陬市镇."""
    engine = memory_engine()
    generation = engine.begin_generation()
    generation.add(
        IndexDocument(
            f"expert:{number}", f"expert:{number}", f"expert:{number}", Kind.PROFILE, {"summary": text},
            facets={"township": ("漆河镇" if number % 2 == 0 else "陬市镇",)},
        )
        for number, text in enumerate(texts, 1)
    )  # fmt: skip
    generation.finish()
    generation.publish()
    found = find_people(engine, parse(query, engine.analyzer), filters)
    return [int(one.owner.partition(":")[2]) for one in found.people], found


def test_who_has_both_words_comes_before_who_has_one_often() -> None:
    people, found = ask(
        "溢洪道 启闭机", "溢洪道，溢洪道，溢洪道。", "看过溢洪道，也修过一台启闭机，还教书种田养鱼。", "种田。"
    )
    assert people == [2, 1]
    assert (found.matched, found.with_all_words) == (2, 1)


def test_words_may_stand_in_different_texts_of_a_person() -> None:
    engine = memory_engine()
    generation = engine.begin_generation()
    generation.add(
        [
            IndexDocument("expert:1", "expert:1", "expert:1", Kind.PROFILE, {"summary": "看过溢洪道。"}),
            IndexDocument("service:1", "service:1", "expert:1", Kind.SERVICE, {"body": "修启闭机。"}),
        ]
    )
    generation.finish()
    generation.publish()
    assert find_people(engine, parse("溢洪道 启闭机", engine.analyzer)).with_all_words == 1


def test_who_shares_only_characters_is_near_and_not_counted() -> None:
    people, found = ask("溢洪道", "修过溢洪道。", "洪水来了守堤。", "教书。")
    assert people == [1, 2]
    assert [one.is_near for one in found.people] == [False, True]
    assert (found.matched, found.with_all_words, found.result.total_owners) == (1, 1, 1)


def test_where_nobody_has_a_word_only_near_people_are_left() -> None:
    people, found = ask("溢洪道", "洪水来了守堤。", "教书。")
    assert people == [1] and found.matched == 0 == found.result.total_owners


def test_nobody_at_all_is_an_answer_too() -> None:
    people, found = ask("溢洪道", "教书。")
    assert people == [] and found.matched == 0


def test_people_near_in_wording_never_make_a_list_longer_than_its_first_places() -> None:
    near = ["洪水来了守堤。"] * 30
    assert len(ask("溢洪道", *near)[0]) == NEAR_PLACES
    people, found = ask("溢洪道", *["修过溢洪道。"] * 15, *near)
    assert len(people) == 15 == found.matched
    people, found = ask("溢洪道", *["修过溢洪道。"] * 4, *near)
    assert len(people) == NEAR_PLACES and found.matched == 4


@pytest.mark.parametrize("query", ["溢洪道", "溢洪道 守堤", "洪", "洪水"])
def test_everybody_stands_in_the_list_once(query: str) -> None:
    people, _ = ask(query, *["修过溢洪道，守堤。", "洪水。", "守堤。", "教书。"] * 5)
    assert len(people) == len(set(people))


def test_with_a_filter_nobody_is_listed_who_is_only_near() -> None:
    people, found = ask("溢洪道", "洪水。", "洪水。", "溢洪道。", "溢洪道。", filters={"township": ("漆河镇",)})
    assert people == [4] and found.result.total_owners == 1


def test_where_a_filter_leaves_nobody_with_a_word_those_near_are_listed_and_in_no_count() -> None:
    people, found = ask("溢洪道", "洪水。", "洪水。", "溢洪道。", filters={"township": ("漆河镇",)})
    assert people == [2] and (found.matched, found.result.total_owners) == (0, 0)
