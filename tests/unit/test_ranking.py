"""From documents to people."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.search.port import Hit, HitList, Kind, tie_breaker
from zhiku.search.ranking import KIND_WEIGHTS, all_words_mask, rank_owners


def hit(owner: str, score: float, kind: Kind = Kind.PROFILE, key: str = "", words: int = 0, near: bool = False) -> Hit:
    key = key or f"{kind.value}:{owner}"
    return Hit(key, key, owner, kind, None, score, words, near)


def test_each_further_document_counts_half_of_the_one_before() -> None:
    hits = [hit("expert:1", 4.0), hit("expert:1", 8.0, Kind.SERVICE), hit("expert:1", 2.0, Kind.SERVICE, "service:9")]
    (person,) = rank_owners(hits)
    assert person.score == pytest.approx(8 + 4 / 2 + 2 / 4)
    assert [one.score for one in person.hits] == [8.0, 4.0, 2.0]


def test_a_suggestion_says_less_of_its_author_than_a_profile() -> None:
    by_profile, by_suggestion = hit("expert:1", 5.0), hit("expert:2", 6.0, Kind.SUGGESTION)
    assert [one.owner for one in rank_owners([by_suggestion, by_profile])] == ["expert:1", "expert:2"]
    assert rank_owners([by_suggestion])[0].score == pytest.approx(6 * 0.7) == 6 * KIND_WEIGHTS[Kind.SUGGESTION]


def test_several_pieces_of_evidence_beat_one_equal_one_but_not_one_twice_as_strong() -> None:
    many = [hit("expert:1", 3.0, Kind.SERVICE, f"service:{number}") for number in range(20)]
    assert [one.owner for one in rank_owners([*many, hit("expert:2", 3.0)])] == ["expert:1", "expert:2"]
    assert [one.owner for one in rank_owners([*many, hit("expert:2", 6.0)])] == ["expert:2", "expert:1"]


def test_equal_people_come_in_an_order_that_favours_no_number() -> None:
    owners = [f"expert:{number}" for number in (12, 9, 100, 1)]
    assert [one.owner for one in rank_owners([hit(owner, 1.0) for owner in owners])] == sorted(owners, key=tie_breaker)


def test_of_equal_people_who_was_asked_least_recently_comes_first() -> None:
    hits = [hit(f"expert:{number}", 1.0) for number in (1, 2, 3)] + [hit("expert:4", 2.0)]
    asked = {"expert:1": date(2026, 3, 1), "expert:3": date(2024, 5, 1), "expert:4": date(2026, 11, 1)}
    ranked = rank_owners(HitList.of(hits, asked))
    assert [one.owner for one in ranked] == ["expert:4", "expert:2", "expert:3", "expert:1"]


@given(st.permutations([hit(f"expert:{n % 4}", float(n % 3), Kind.SERVICE, f"service:{n}") for n in range(12)]))
def test_the_order_of_the_hits_changes_nothing(hits: list[Hit]) -> None:
    assert rank_owners(hits) == rank_owners(sorted(hits, key=lambda one: one.id))


def test_documents_without_an_owner_make_nobody() -> None:
    assert rank_owners([hit("", 9.0, Kind.SUGGESTION)]) == []


def test_other_keys_than_numbers_are_ranked_too() -> None:
    hits = [hit("P10", 1.0), hit("P9", 1.0), hit("expert:x", 1.0), hit("expert:" + "9" * 30, 1.0)]
    assert len(rank_owners(hits)) == 4


def test_who_has_all_words_has_them_in_all_documents_together() -> None:
    complete = all_words_mask(3)
    apart = [hit("expert:1", 2.0, words=0b011), hit("expert:1", 1.0, Kind.SERVICE, words=0b100)]
    assert rank_owners(apart).has_all_words(complete).tolist() == [True]
    assert rank_owners(apart[:1]).has_all_words(complete).tolist() == [False]


def test_where_no_word_is_asked_for_nobody_has_all_of_them() -> None:
    assert all_words_mask(0) == 0 and not rank_owners([hit("expert:1", 1.0, words=7)]).has_all_words(0).any()


def test_a_person_is_near_only_if_all_documents_are() -> None:
    near, exact = hit("expert:1", 5.0, near=True), hit("expert:1", 1.0, Kind.SERVICE)
    assert rank_owners([near])[0].is_near and not rank_owners([near, exact])[0].is_near
