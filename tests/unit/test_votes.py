"""Votes by reciprocal rank, computed by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.search.votes import reciprocal_rank_votes

ranked = st.lists(
    st.tuples(st.sampled_from("水农教卫"), st.floats(0.0, 100.0, allow_subnormal=False)), max_size=40
).map(lambda found: sorted(found, key=lambda one: -one[1]))


def test_a_vote_is_the_score_by_the_rank_and_the_constant() -> None:
    votes = reciprocal_rank_votes([("水利局", 9.0), ("农业农村局", 8.0), ("农业农村局", 6.0)], constant=1.0)
    assert dict(votes) == pytest.approx({"水利局": 9 / 2, "农业农村局": 8 / 3 + 6 / 4})


def test_two_good_examples_outvote_one_that_is_a_little_better() -> None:
    votes = reciprocal_rank_votes([("水利局", 9.0), ("农业农村局", 8.9), ("农业农村局", 8.8)])
    assert [owner for owner, _ in votes] == ["农业农村局", "水利局"]


def test_many_weak_examples_do_not_outvote_one_strong_one() -> None:
    votes = reciprocal_rank_votes([("水利局", 9.0), *[("农业农村局", 1.0)] * 20])
    assert votes[0][0] == "水利局"


def test_documents_beyond_the_first_k_do_not_vote() -> None:
    assert reciprocal_rank_votes([("甲", 3.0), ("乙", 2.0), ("丙", 1.0)], k=2, constant=1.0) == [
        ("甲", 1.5),
        ("乙", 2 / 3),
    ]
    assert reciprocal_rank_votes([]) == []


def test_of_equal_ones_who_was_found_first_comes_first() -> None:
    assert [owner for owner, _ in reciprocal_rank_votes([("乙", 0.0), ("甲", 0.0)])] == ["乙", "甲"]


@given(ranked)
def test_the_scale_of_the_scores_does_not_matter(found: list[tuple[str, float]]) -> None:
    scaled = [(owner, 4.0 * score) for owner, score in found]
    assert [owner for owner, _ in reciprocal_rank_votes(scaled)] == [owner for owner, _ in reciprocal_rank_votes(found)]
