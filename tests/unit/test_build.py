"""Builds: whatever the number of segments and processes, answers have the same bits; a worker's end ends the build."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.corpus import county
from tests.unit.indexes import analyzer
from zhiku.analysis.encoder import make_encoder, quantise
from zhiku.analysis.vector_cache import VectorCache
from zhiku.engines.whoosh import build, building, nearness, workers
from zhiku.engines.whoosh.build import Processes
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.engines.whoosh.vectors import means_of
from zhiku.search.meaning import mean_of
from zhiku.search.port import IndexDocument, IndexProblem, SearchRequest
from zhiku.search.query import parse

DOCUMENTS = county(experts=60, evidence=120)
QUERIES = ("修水库", "懂柑橘黄龙病的人", "张水生", "zeng", "县水利局 漆河镇", "血压高怎么办")


def engine_with(folder: Path, processes: int = 1, segmenter: str = "auto") -> WhooshEngine:
    # Workers open their own analyzers.
    cache = folder.parent / "cache"
    return WhooshEngine(
        folder,
        lambda name, words: analyzer(name, tuple(words)),
        segmenter,
        processes=Processes(processes, cache, "none"),
    )


def built(engine: WhooshEngine, documents: Sequence[IndexDocument] = DOCUMENTS) -> WhooshEngine:
    generation = engine.begin_generation()
    for start in range(0, len(documents), 7):
        generation.add(documents[start : start + 7])
    generation.finish()
    generation.publish()
    return engine


def answers(engine: WhooshEngine) -> list[list[tuple[str, float]]]:
    """Ids and scores to the last bit."""
    return [
        [(hit.id, hit.score) for hit in engine.search(SearchRequest(parse(query, engine.analyzer), near_limit=20)).hits]
        for query in QUERIES
    ]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> list[list[tuple[str, float]]]:
    """The answers of one segment, built by one process."""
    engine = built(engine_with(tmp_path_factory.mktemp("plain") / "index"))
    assert engine.status().segments == 1
    try:
        return answers(engine)
    finally:
        engine.close()


def test_a_build_that_needs_many_segments_gives_the_same_answers(
    plain: list[list[tuple[str, float]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "FULL_DOCUMENTS", 10)
    engine = built(engine_with(tmp_path / "index"))
    assert engine.status().segments >= 15
    assert answers(engine) == plain
    assert not list((tmp_path / "index").rglob("*.spooled"))
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("segmenter", ["auto", "jieba"])
def test_several_processes_give_the_same_answers(
    segmenter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FEWEST_FOR_WORKERS", 20)
    monkeypatch.setattr(workers, "BATCH", 9)
    engine = built(engine_with(tmp_path / "one" / "index", segmenter=segmenter))
    expected, fingerprints = answers(engine), engine.fingerprints()
    engine.close()
    engine = built(engine_with(tmp_path / "two" / "index", 2, segmenter))
    assert engine.status().segments == 2
    assert (answers(engine), engine.fingerprints()) == (expected, fingerprints)
    engine.close()


@pytest.mark.slow
def test_several_processes_and_segments_give_the_same_vectors_and_candidates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FEWEST_FOR_WORKERS", 20)
    monkeypatch.setattr(workers, "BATCH", 9)
    # As in a large index: only candidates by principal components are compared.
    for name, value in (("EXACT_CLAUSES", 0), ("FEWEST_MEANS", 20), ("BY_MEAN", 5), ("BY_WORDS", 5)):
        monkeypatch.setattr(nearness, name, value)
    encoder = make_encoder("auto")
    assert encoder is not None, "the extra `test` brings the encoder"
    found = []
    for name, processes, full in (("one", 1, 1000), ("many", 1, 10), ("two", 2, 1000)):
        monkeypatch.setattr(building, "FULL_DOCUMENTS", full)
        vectors = VectorCache(tmp_path / "cache", encoder)
        engine = WhooshEngine(
            tmp_path / name,
            lambda segmenter, words: analyzer(segmenter, tuple(words)),
            vectors=vectors,
            processes=Processes(processes, tmp_path / "cache", "auto"),
        )
        built(engine)
        assert (engine.status().segments > 1) == (name != "one")
        asked = [SearchRequest(parse(query, engine.analyzer, engine.encoder), near_limit=20) for query in QUERIES]
        assert any(request.terms.meaning for request in asked)
        found.append(
            [[(hit.id, hit.score, hit.clause, hit.closeness) for hit in engine.search(one).hits] for one in asked]
        )
        engine.close()
    assert found[0] == found[1] == found[2]


def test_few_documents_start_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "Workers", None)
    engine = built(engine_with(tmp_path / "index", 2))
    assert len(engine.fingerprints()) == len(DOCUMENTS)
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["add", "finish"])
def test_a_killed_worker_ends_the_build_with_a_sentence(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FEWEST_FOR_WORKERS", 20)
    root = tmp_path / "index"
    engine = built(engine_with(root))
    before = answers(engine)
    engine.processes = Processes(2, tmp_path / "cache", "none")
    generation = engine.begin_generation()
    generation.add(DOCUMENTS[:40])
    started = generation._build._workers
    assert started is not None
    victim = started._processes[1]
    assert victim.pid
    os.kill(victim.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    victim.join(30)
    with pytest.raises(IndexProblem, match="辅助进程.*zhiku index rebuild$"):
        if moment == "add":
            for _ in range(20):
                generation.add(DOCUMENTS)
        generation.finish()
    processes = list(started._processes)
    generation.discard()
    assert not started._processes and len(processes) == 2
    assert answers(engine) == before
    assert [path.name for path in root.iterdir() if path.is_dir()] == [engine.status().generation]
    built(engine_with(root)).close()
    engine.close()


@pytest.mark.slow
def test_workers_end_when_the_build_is_discarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FEWEST_FOR_WORKERS", 20)
    generation = engine_with(tmp_path / "index", 2).begin_generation()
    generation.add(DOCUMENTS)
    started = generation._build._workers
    assert started is not None
    pids = [process.pid for process in started._processes]
    generation.discard()
    deadline = time.monotonic() + 20
    while any(pid and is_alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(pid and is_alive(pid) for pid in pids)
    assert not [path for path in (tmp_path / "index").iterdir() if path.is_dir()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


@pytest.mark.slow
def test_a_worker_that_cannot_write_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "FEWEST_FOR_WORKERS", 20)
    generation = engine_with(tmp_path / "index", 2).begin_generation()
    generation.add(DOCUMENTS)
    generation._build.finish()
    folder = generation._folder
    moved = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(FileNotFoundError):
        list(generation._build._written(generation._lengths))
    moved.rename(folder)
    generation.discard()


@settings(deadline=None, max_examples=40)
@given(counts=st.lists(st.integers(0, 12), max_size=8), seed=st.integers(0, 9))
def test_means_of_many_documents_have_the_bits_of_each_ones(counts: list[int], seed: int) -> None:
    dice = np.random.default_rng(seed)
    vectors, scales = quantise(dice.standard_normal((sum(counts), 16)).astype(np.float32))
    if len(vectors):
        vectors[0], scales[0] = 0, 0
    firsts = np.cumsum([0, *counts])
    means, mean_scales = means_of(vectors, scales, firsts)
    for number, (first, last) in enumerate(zip(firsts, firsts[1:], strict=False)):
        expected = mean_of(vectors[first:last], scales[first:last])
        assert means[number].tolist() == expected.vector.tolist()
        assert mean_scales[number] == np.float32(expected.scale)
