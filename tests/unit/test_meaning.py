"""Nearness in meaning: exact sums of whole numbers, what they add to a score, and what they never do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from zhiku.analysis.encoder import Encoder, make_encoder, quantise
from zhiku.search import meaning
from zhiku.search.meaning import (
    CLAUSE_WEIGHT,
    FLOOR,
    MEAN_WEIGHT,
    NEAR_FLOOR,
    SHARE_WITH_ALL_WORDS,
    Meaning,
    add_meaning,
    clauses_of,
    mean_of,
    meaning_of,
    similarities,
)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    made = make_encoder("auto")
    assert made is not None, "the extra `test` brings the encoder"
    return made


def cosine(encoder: Encoder, query: str, text: str) -> float:
    vectors, scales = quantise(encoder.encode([text]))
    asked = meaning_of(query, encoder)
    assert asked is not None
    return float(similarities(vectors, scales, asked)[0])


def rows(seed: int, count: int) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, (count, 512)).astype(np.int8)


def test_what_means_the_same_is_near_and_what_does_not_is_below_the_floor(encoder: Encoder) -> None:
    assert cosine(encoder, "打官司", "诉讼代理") > NEAR_FLOOR
    assert cosine(encoder, "看病报销", "医疗保险") > NEAR_FLOOR
    assert cosine(encoder, "打官司", "幼儿园教学") < NEAR_FLOOR
    assert cosine(encoder, "看病报销", "幼儿园教学") < FLOOR


def test_a_quantised_cosine_is_the_true_one_within_a_hundredth(encoder: Encoder) -> None:
    texts = ["修水库除险加固", "种柑橘防黄龙病", "调解邻里纠纷", "高血压慢性病管理"]
    vectors = encoder.encode(texts)
    asked = meaning_of("水库漏水找谁", encoder)
    assert asked is not None
    exact = vectors @ encoder.encode(["水库漏水找谁"])[0]
    assert similarities(*quantise(vectors), asked) == pytest.approx(exact, abs=0.01)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_a_document_has_the_same_cosine_wherever_it_stands(seed: int, count: int) -> None:
    """Sums of whole numbers below 2^24 are exact in floats: the linear algebra may add them in any order."""
    vectors, query = rows(seed, count), Meaning(rows(seed + 1, 1)[0], 0.01)
    scales = np.random.default_rng(seed).random(count).astype(np.float32)
    together = similarities(vectors, scales, query)
    alone = [similarities(vectors[i : i + 1], scales[i : i + 1], query)[0] for i in range(count)]
    assert together.tolist() == [float(one) for one in alone]
    products = vectors.astype(np.int64) @ query.vector.astype(np.int64)
    assert (vectors.astype(np.float32) @ query.vector.astype(np.float32)).tolist() == products.tolist()


def test_the_largest_sum_there_can_be_is_exact() -> None:
    extreme = np.full((1, 512), 127, np.int8)
    assert (extreme.astype(np.float32) @ extreme[0].astype(np.float32))[0] == 127 * 127 * 512 < 2**24


def test_meaning_adds_to_a_scaled_score_and_less_where_words_have_decided() -> None:
    lexical, best, mean = np.array([10.0, 5.0, 0.0]), np.float32([0.2, 0.6, 0.7]), np.float32([0.1, 0.4, 0.5])
    added = np.array([0.0, CLAUSE_WEIGHT * 0.4 + MEAN_WEIGHT * 0.2, CLAUSE_WEIGHT * 0.5 + MEAN_WEIGHT * 0.3])
    free = add_meaning(lexical, 10.0, best, mean, has_all_words=False)
    assert free == pytest.approx([1.0, 0.5, 0.0] + added)
    bound = add_meaning(lexical, 10.0, best, mean, has_all_words=True)
    assert bound == pytest.approx([1.0, 0.5, 0.0] + SHARE_WITH_ALL_WORDS * added)


def test_without_any_word_meaning_alone_makes_the_score() -> None:
    only = add_meaning(np.zeros(2), 0.0, np.float32([0.5, 0.1]), np.float32([0.3, 0.0]), has_all_words=False)
    assert only == pytest.approx([CLAUSE_WEIGHT * 0.3 + MEAN_WEIGHT * 0.1, 0.0])


def test_the_mean_is_the_direction_of_the_sum_and_nothing_of_nothing() -> None:
    vectors = np.zeros((2, 512), np.int8)
    vectors[0, 0], vectors[1, 1] = 127, 127
    mean = mean_of(vectors, np.float32([1 / 127, 1 / 127]))
    assert mean.vector[:3].tolist() == [127, 127, 0]
    assert mean.scale * 127 == pytest.approx(np.sqrt(0.5))
    assert not mean_of(vectors[:0], np.float32([])).vector.any()


def test_a_clause_said_in_two_fields_counts_once() -> None:
    clauses = clauses_of({"summary": "会修水库，懂除险加固。", "career": "会修水库，懂除险加固。"})
    assert list(clauses.values()) == ["会修水库，懂除险加固。"]


def test_a_query_without_words_has_no_meaning(encoder: Encoder) -> None:
    assert meaning_of("，。！", encoder) is None and meaning_of("", encoder) is None


def test_traditional_and_full_width_writing_mean_the_same(encoder: Encoder) -> None:
    plain, other = meaning_of("修水库GPS", encoder), meaning_of("修水庫ＧＰＳ", encoder)
    assert plain is not None and other is not None
    assert plain.vector.tolist() == other.vector.tolist()


def test_an_encoder_that_cannot_be_loaded_leaves_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from zhiku.analysis.encoder import EncoderMissing

    class Broken:
        name, version, dimensions = "broken", "1", 512

        def encode(self, texts: object) -> NDArray[np.float32]:
            raise EncoderMissing("不能使用")

        def warm_up(self) -> None:
            raise AssertionError

    assert meaning.meaning_of("修水库", Broken()) is None


def test_names_of_offices_and_places_have_no_meaning_of_their_own() -> None:
    assert list(clauses_of({"post": "杨溪桥镇人民政府", "summary": "会种杨树。"}).values()) == ["会种杨树。"]
