"""Meaning in both engines: the same documents in the same order, with the same bits whatever lies where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.contract.corpus import county
from tests.contract.variants import Analyzers, answer, rebuild, scores
from zhiku.analysis.encoder import Encoder, make_encoder
from zhiku.analysis.vector_cache import VectorCache
from zhiku.engines.memory import MemoryEngine
from zhiku.engines.whoosh import nearness
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.search.meaning import NEAR_FLOOR
from zhiku.search.port import Change, Engine, IndexDocument, Kind, SearchRequest, sources_of
from zhiku.search.query import parse

DOCUMENTS = county(evidence=30)

#: With words of the texts, with other words for them, and with none.
QUERIES = ("水库漏水", "果树生病了怎么治", "打官司", "血压高", "修水库", "田里用水", "CAD", "太空旅行", "，。")


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> VectorCache:
    encoder = make_encoder("auto")
    assert encoder is not None, "the extra `test` brings the encoder"
    return VectorCache(tmp_path_factory.mktemp("vectors"), encoder)


@pytest.fixture(scope="module")
def reference(analyzers: Analyzers, vectors: VectorCache) -> MemoryEngine:
    engine = MemoryEngine(analyzers("auto", ()), vectors.encoder)
    rebuild(engine, DOCUMENTS)
    return engine


def opened(folder: Path, analyzers: Analyzers, vectors: VectorCache | None, cache: int = 1 << 20) -> WhooshEngine:
    return WhooshEngine(folder, analyzers, cache_bytes=cache, vectors=vectors)


def ask(engine: Engine, query: str, encoder: Encoder | None, **shape: object) -> SearchRequest:
    return SearchRequest(parse(query, engine.analyzer, encoder), near_limit=20, **shape)  # type: ignore[arg-type]


@pytest.fixture
def engine(tmp_path: Path, analyzers: Analyzers, vectors: VectorCache) -> Iterator[WhooshEngine]:
    made = opened(tmp_path / "index", analyzers, vectors)
    rebuild(made, DOCUMENTS)
    yield made
    made.close()


def rewrite(engine: WhooshEngine, commits: int) -> None:
    """Every document is written again, in so many commits."""
    changes: Sequence[Change] = list(sources_of(DOCUMENTS))
    for start in range(commits):
        engine.apply(lambda start=start: changes[start::commits])  # type: ignore[misc]


@pytest.mark.parametrize("shape", [{}, {"owned_only": True, "limit": 5}, {"filters": {"township": ("漆河镇",)}}])
def test_both_engines_answer_alike(
    reference: MemoryEngine, engine: WhooshEngine, vectors: VectorCache, shape: dict[str, object]
) -> None:
    for query in QUERIES:
        request = ask(engine, query, vectors.encoder, **shape)
        expected, found = reference.search(request), engine.search(request)
        assert answer(found) == answer(expected)
        assert scores(found) == pytest.approx(scores(expected), rel=1e-5)
        nearest = [(hit.clause, round(hit.closeness, 5)) for hit in found.hits]
        assert nearest == [(hit.clause, round(hit.closeness, 5)) for hit in expected.hits]


def test_results_have_the_same_bits_in_one_segment_and_in_many(
    engine: WhooshEngine, tmp_path: Path, analyzers: Analyzers, vectors: VectorCache
) -> None:
    many = opened(tmp_path / "many", analyzers, vectors, cache=0)
    rebuild(many, DOCUMENTS)
    rewrite(many, 20)
    for query in QUERIES:
        request = ask(engine, query, vectors.encoder)
        one, other = engine.search(request), many.search(request)
        assert answer(one) == answer(other)
        assert scores(one) == scores(other)
        assert [hit.closeness for hit in one.hits] == [hit.closeness for hit in other.hits]
    many.close()


def test_candidates_of_many_documents_have_the_same_bits_in_one_segment_and_in_many(
    tmp_path: Path, analyzers: Analyzers, vectors: VectorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearness, "EXACT_CLAUSES", 0)
    monkeypatch.setattr(nearness, "FEWEST_MEANS", 20)
    monkeypatch.setattr(nearness, "BY_MEAN", 15)
    monkeypatch.setattr(nearness, "BY_WORDS", 5)
    one, many = (opened(tmp_path / name, analyzers, vectors) for name in ("one", "many"))
    rebuild(one, DOCUMENTS)
    rebuild(many, DOCUMENTS)
    rewrite(many, 12)
    for query in QUERIES:
        request = ask(one, query, vectors.encoder)
        assert answer(one.search(request)) == answer(many.search(request))
        assert scores(one.search(request)) == scores(many.search(request))
    one.close()
    many.close()


def test_few_candidates_hold_the_best_that_all_documents_give(
    engine: WhooshEngine,
    tmp_path: Path,
    analyzers: Analyzers,
    vectors: VectorCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = [[hit.id for hit in engine.search(ask(engine, query, vectors.encoder)).hits][:3] for query in QUERIES]
    monkeypatch.setattr(nearness, "EXACT_CLAUSES", 0)
    monkeypatch.setattr(nearness, "FEWEST_MEANS", 20)
    monkeypatch.setattr(nearness, "BY_MEAN", 40)
    monkeypatch.setattr(nearness, "BY_WORDS", 20)
    sparing = opened(tmp_path / "sparing", analyzers, vectors)
    rebuild(sparing, DOCUMENTS)
    found = [[hit.id for hit in sparing.search(ask(engine, query, vectors.encoder)).hits][:3] for query in QUERIES]
    assert found == expected
    sparing.close()


def test_a_text_without_a_common_word_is_near_in_meaning_and_in_no_count(engine: WhooshEngine) -> None:
    rebuild(
        engine,
        [
            IndexDocument("expert:1", "expert:1", "expert:1", Kind.PROFILE, {"summary": "企业会计，做账。"}),
            IndexDocument("expert:2", "expert:2", "expert:2", Kind.PROFILE, {"summary": "幼儿园老师，教唱歌跳舞。"}),
        ],
    )
    result = engine.search(ask(engine, "公司财务", engine.encoder))
    (hit,) = result.hits
    assert (hit.id, hit.is_near, result.total_documents) == ("expert:1", True, 0)
    assert hit.closeness >= NEAR_FLOOR


def test_new_and_changed_texts_have_their_meaning_at_once(engine: WhooshEngine) -> None:
    document = IndexDocument("expert:99", "expert:99", "expert:99", Kind.PROFILE, {"summary": "企业会计，做账。"})
    engine.apply(lambda: [Change("expert:99", (document,))])
    request = ask(engine, "公司财务", engine.encoder)
    assert "expert:99" in [hit.id for hit in engine.search(request).hits]
    engine.apply(lambda: [Change("expert:99", ())])
    assert "expert:99" not in [hit.id for hit in engine.search(request).hits]


def test_an_index_without_vectors_answers_by_words_alone(tmp_path: Path, analyzers: Analyzers) -> None:
    plain = opened(tmp_path / "plain", analyzers, None)
    rebuild(plain, DOCUMENTS)
    assert plain.encoder is None and plain.status().encoder == ""
    assert plain.search(ask(plain, "修水库", plain.encoder)).total_documents
    plain.close()


def test_a_process_without_the_encoder_reads_and_writes_an_index_that_has_vectors(
    engine: WhooshEngine, tmp_path: Path, analyzers: Analyzers, vectors: VectorCache
) -> None:
    without = opened(tmp_path / "index", analyzers, None)
    assert without.encoder is None
    assert without.search(ask(without, "修水库", None)).total_documents
    document = IndexDocument("expert:99", "expert:99", "expert:99", Kind.PROFILE, {"summary": "修水库，懂启闭机。"})
    without.apply(lambda: [Change("expert:99", (document,))])
    assert without.status().is_stale
    without.close()
    again = opened(tmp_path / "index", analyzers, vectors)
    # So many commits merge the segment without vectors with others.
    for number in range(100, 110):
        more = IndexDocument(f"expert:{number}", f"expert:{number}", f"expert:{number}", Kind.PROFILE, document.fields)
        again.apply(lambda more=more: [Change(more.source, (more,))])  # type: ignore[misc]
    assert again.status().segments < 10
    found = [hit.id for hit in again.search(ask(again, "启闭机", again.encoder)).hits]
    assert "expert:99" in found
    near = [hit for hit in again.search(ask(again, "果树生病了怎么治", again.encoder)).hits if hit.closeness]
    assert near, "a segment without vectors must not take away those of others"
    again.close()


def test_a_generation_of_another_encoder_is_searched_by_words(
    engine: WhooshEngine, tmp_path: Path, analyzers: Analyzers, vectors: VectorCache
) -> None:
    other = VectorCache(tmp_path / "other", vectors.encoder)
    other.identity = "another encoder"
    opened_by_other = opened(tmp_path / "index", analyzers, other)
    assert opened_by_other.encoder is None and opened_by_other.status().is_stale
    assert opened_by_other.search(ask(opened_by_other, "修水库", None)).total_documents
    opened_by_other.close()
