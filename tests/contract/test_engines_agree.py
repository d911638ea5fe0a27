"""Every engine gives the same answer as the memory engine, however its index came to be (DESIGN, The port)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.contract.corpus import county
from tests.contract.variants import (
    ALL,
    MANY_SEGMENTS,
    MEMORY,
    MEMORY_JIEBA,
    ONE_SEGMENT,
    WHOOSH,
    Analyzers,
    Variant,
    answer,
    scores,
)
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.search.port import (
    FACETS,
    NO_TERMS,
    Change,
    Engine,
    ExactPart,
    IndexDocument,
    Kind,
    SearchRequest,
    sources_of,
)
from zhiku.search.query import parse

QUERIES = (
    "修水库",
    "修水库 修水库 修水库",
    "懂柑橘黄龙病的人",
    "邻里纠纷谁能劝",
    "老年人高血压怎么管",
    "生物质能源",
    "水",
    "修",
    "CAD",
    "张",
    "张水生",
    "水生",
    "zhangshuisheng",
    "zss",
    "zeng",
    "ceng",
    "覃玉兰会修水库吗",
    "發揮余熱",
    "没有的词",
    "血压高怎么办",
    "邻里吵架",
    "县水利局 漆河镇",
    "主持黄石水库除险加固，解决坝脚渗漏。推广柑橘黄龙病防控，教果农剪枝施肥。调解邻里纠纷三百多起。",
)

SHAPES = (
    SearchRequest(NO_TERMS),
    SearchRequest(NO_TERMS, owned_only=True, facets=FACETS),
    SearchRequest(NO_TERMS, kinds=(Kind.PROFILE,)),
    SearchRequest(NO_TERMS, kinds=(Kind.SUGGESTION, Kind.SERVICE), facets=("unit",)),
    SearchRequest(NO_TERMS, filters={"township": ("漆河镇",)}, facets=("field", "township")),
    SearchRequest(NO_TERMS, filters={"township": ("漆河镇", "陬市镇"), "field": ("水利",)}, owned_only=True),
    SearchRequest(NO_TERMS, filters={"title": ("没有这个职称",)}, facets=FACETS),
    SearchRequest(NO_TERMS, limit=5),
    SearchRequest(NO_TERMS, limit=1, owned_only=True, facets=FACETS),
    SearchRequest(NO_TERMS, limit=0, facets=FACETS),
    SearchRequest(NO_TERMS, owned_only=True, facets=FACETS, near_limit=50),
    SearchRequest(NO_TERMS, filters={"township": ("漆河镇",)}, limit=3, near_limit=3),
    SearchRequest(NO_TERMS, division="430725", owned_only=True, facets=FACETS, near_limit=50),
    SearchRequest(NO_TERMS, division="430725105", facets=FACETS, limit=7),
    SearchRequest(NO_TERMS, division="43", owned_only=True, phrases=(ExactPart("水库"),), facets=("field",)),
    SearchRequest(NO_TERMS, division="430725", excluded=(ExactPart("柑橘"),)),
)


def edits(documents: list[IndexDocument]) -> list[Change]:
    """Every third source gone, every fourth rewritten, some new ones, and one that never was."""
    changes = []
    for position, change in enumerate(sources_of(documents)):
        if position % 3 == 0:
            changes.append(Change(change.source, ()))
        elif position % 4 == 0:
            fields = {"title": "改过的题目", "body": "改为懂柑橘黄龙病，也修水库。"}
            rewritten = tuple(replace(document, fields=fields, date=date(2026, 1, 2)) for document in change.documents)
            changes.append(Change(change.source, rewritten))
    for document in county(seed=8, experts=5, evidence=0):
        key = document.source.replace(":", ":9")
        changes.append(Change(key, (replace(document, id=key, source=key, owner=key),)))
    changes.append(Change("service:4711", ()))
    return changes


@pytest.fixture(scope="module")
def documents() -> list[IndexDocument]:
    return county()


@pytest.fixture(scope="module", params=ALL, ids=str)
def variant(request: pytest.FixtureRequest) -> Variant:
    chosen: Variant = request.param
    return chosen


@pytest.fixture(scope="module")
def engine(
    variant: Variant, documents: list[IndexDocument], analyzers: Analyzers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = variant.filled(tmp_path_factory.mktemp("built"), analyzers, documents)
    yield engine
    close(engine)


@pytest.fixture(scope="module")
def edited(
    variant: Variant, documents: list[IndexDocument], analyzers: Analyzers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    engine = variant.filled(tmp_path_factory.mktemp("edited"), analyzers, documents, edits(documents))
    yield engine
    close(engine)


Answers = Callable[..., list[tuple[SearchRequest, object]]]


@pytest.fixture(scope="module")
def expected(analyzers: Analyzers, documents: list[IndexDocument]) -> Answers:
    """Every request with the reference's answer; worked out once for each segmenter, because it takes its time."""

    made: dict[tuple[str, bool], list[tuple[SearchRequest, object]]] = {}

    def answers(variant: Variant, *changes: Change) -> list[tuple[SearchRequest, object]]:
        key = (variant.segmenter, bool(changes))
        if key not in made:
            model = MEMORY_JIEBA if variant.segmenter == "jieba" else MEMORY
            filled = model.filled(Path(), analyzers, documents, changes)
            made[key] = [(request, answer(filled.search(request))) for request in requests(filled)]
        return made[key]

    return answers


def close(engine: Engine) -> None:
    if isinstance(engine, WhooshEngine):
        engine.close()


def requests(engine: Engine) -> list[SearchRequest]:
    """Every query in every shape."""
    parsed = [NO_TERMS, *(parse(query, engine.analyzer) for query in QUERIES)]
    return [replace(shape, terms=terms) for terms in parsed for shape in SHAPES]


def test_every_answer_is_that_of_the_reference(variant: Variant, engine: Engine, expected: Answers) -> None:
    for request, answered in expected(variant):
        assert answer(engine.search(request)) == answered, request


def test_after_edits_every_answer_is_that_of_the_reference(
    variant: Variant, edited: Engine, documents: list[IndexDocument], expected: Answers
) -> None:
    for request, answered in expected(variant, *edits(documents)):
        assert answer(edited.search(request)) == answered, request


def test_fingerprints_are_those_of_the_documents_that_went_in(
    engine: Engine, edited: Engine, documents: list[IndexDocument]
) -> None:
    assert engine.fingerprints() == {document.id: document.fingerprint for document in documents}
    left = {change.source: change.documents for change in (*sources_of(documents), *edits(documents))}
    assert edited.fingerprints() == {doc.id: doc.fingerprint for group in left.values() for doc in group}


@pytest.mark.parametrize("division", ["", "43", "430725", "430725105", "430726", "4307251", "99"])
def test_the_words_of_a_division_are_those_of_its_documents(
    engine: Engine, documents: list[IndexDocument], division: str, analyzers: Analyzers, variant: Variant
) -> None:
    model = MEMORY_JIEBA if variant.segmenter == "jieba" else MEMORY
    there = [document for document in documents if document.division.startswith(division)]
    assert dict(engine.vocabulary(division)) == model.filled(Path(), analyzers, there).vocabulary()


def test_status_counts_the_documents(engine: Engine, documents: list[IndexDocument]) -> None:
    status = engine.status()
    assert (status.documents, status.problem, status.is_stale) == (len(documents), "", False)
    assert status.built_at is not None and status.built_at.tzinfo is not None


def test_the_queries_of_this_suite_find_something(engine: Engine) -> None:
    found = {query: len(engine.search(SearchRequest(parse(query, engine.analyzer))).hits) for query in QUERIES}
    assert {query for query, hits in found.items() if not hits} == {"没有的词"}


@pytest.mark.parametrize("other", WHOOSH[1:], ids=str)
def test_scores_do_not_depend_on_segments_or_caches(
    other: Variant, analyzers: Analyzers, documents: list[IndexDocument], tmp_path: Path
) -> None:
    one = ONE_SEGMENT.filled(tmp_path / "one", analyzers, documents)
    another = other.filled(tmp_path / "another", analyzers, documents)
    assert (one.status().segments, another.status().segments > 1) == (1, other.rewritten_in > 0)
    try:
        for request in requests(one):
            # Twice, so that the second time the cache answers where there is one.
            expected = scores(one.search(request))
            assert scores(another.search(request)) == expected, request
            assert scores(another.search(request)) == expected, request
    finally:
        close(one)
        close(another)


def test_twenty_small_changes_really_leave_many_segments(
    analyzers: Analyzers, documents: list[IndexDocument], tmp_path: Path
) -> None:
    engine = MANY_SEGMENTS.filled(tmp_path, analyzers, documents)
    assert engine.status().segments >= 4
    close(engine)
