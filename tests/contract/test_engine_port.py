"""What every engine promises beside its answers: generations, changes, and errors (zhiku/search/port.py)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.variants import MANY_SEGMENTS, MEMORY, ONE_SEGMENT, Analyzers, Variant, rebuild
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.search.port import (
    NO_TERMS,
    Change,
    Engine,
    ExactPart,
    IndexDocument,
    IndexProblem,
    Kind,
    SearchRequest,
    TermGroup,
    tie_breaker,
)
from zhiku.search.query import parse


def profile(number: int, summary: str, name: str = "张水生") -> IndexDocument:
    key = f"expert:{number}"
    return IndexDocument(key, key, key, Kind.PROFILE, {"summary": summary}, name=name)


def put(document: IndexDocument) -> Change:
    return Change(document.source, (document,))


def ids(engine: Engine, query: str = "", **shape: object) -> list[str]:
    terms = parse(query, engine.analyzer) if query else NO_TERMS
    return [hit.id for hit in engine.search(SearchRequest(terms, **shape)).hits]  # type: ignore[arg-type]


@pytest.fixture(params=(MEMORY, ONE_SEGMENT), ids=str)
def empty(request: pytest.FixtureRequest, analyzers: Analyzers, tmp_path: Path) -> Iterator[Engine]:
    """An engine that was never filled."""
    variant: Variant = request.param
    engine = variant.open(tmp_path / "index", analyzers)
    yield engine
    if isinstance(engine, WhooshEngine):
        engine.close()


@pytest.fixture
def engine(empty: Engine) -> Engine:
    rebuild(empty, [profile(1, "修水库"), profile(2, "种柑橘")])
    return empty


def test_an_engine_without_a_generation_says_so_and_names_the_command(empty: Engine) -> None:
    for ask in (
        lambda: empty.search(SearchRequest(NO_TERMS)),
        lambda: empty.apply(lambda: [put(profile(1, "修水库"))]),
        empty.fingerprints,
    ):
        with pytest.raises(IndexProblem, match="zhiku index rebuild$"):
            ask()
    assert empty.status().problem.endswith("zhiku index rebuild")


def test_nothing_of_a_generation_is_seen_before_it_is_published(engine: Engine) -> None:
    generation = engine.begin_generation()
    generation.add([profile(3, "调解")])
    generation.finish()
    assert sorted(ids(engine)) == ["expert:1", "expert:2"]
    assert generation.fingerprints().keys() == {"expert:3"}
    assert [hit.id for hit in generation.search(SearchRequest(parse("调解", generation.analyzer))).hits] == ["expert:3"]
    generation.publish()
    assert ids(engine) == ["expert:3"]


def test_a_discarded_generation_leaves_the_old_one_answering(engine: Engine) -> None:
    generation = engine.begin_generation()
    generation.add([profile(3, "调解")])
    generation.discard()
    assert sorted(ids(engine)) == ["expert:1", "expert:2"]
    rebuild(engine, [profile(4, "高血压")])
    assert ids(engine) == ["expert:4"]


def test_a_second_rebuild_at_the_same_time_is_refused(engine: Engine) -> None:
    generation = engine.begin_generation()
    with pytest.raises(IndexProblem, match="另一个重建"):
        engine.begin_generation()
    generation.discard()
    engine.begin_generation().discard()


def test_changes_made_while_building_are_in_the_published_generation(engine: Engine) -> None:
    generation = engine.begin_generation()
    generation.add([profile(3, "调解"), profile(4, "高血压")])
    generation.finish()
    generation.apply([put(profile(4, "糖尿病"))])
    generation.publish(lambda: [Change("expert:3", ()), put(profile(5, "修水库"))])
    assert engine.fingerprints() == {d.id: d.fingerprint for d in (profile(4, "糖尿病"), profile(5, "修水库"))}


def test_a_generation_without_documents_answers_with_nothing(engine: Engine) -> None:
    rebuild(engine, [])
    result = engine.search(SearchRequest(parse("修水库", engine.analyzer), facets=("field",)))
    assert (result.hits, result.total_documents, result.total_owners, result.facets) == ((), 0, 0, {"field": {}})
    engine.apply(lambda: [put(profile(1, "修水库"))])
    assert ids(engine, "修水库") == ["expert:1"]


def test_a_change_replaces_all_documents_of_its_source(engine: Engine) -> None:
    two = tuple(
        IndexDocument(f"suggestion:1/expert:{n}", "suggestion:1", f"expert:{n}", Kind.SUGGESTION, {"title": "修路"})
        for n in (1, 2)
    )
    engine.apply(lambda: [Change("suggestion:1", two)])
    assert ids(engine, kinds=(Kind.SUGGESTION,)) == [two[0].id, two[1].id]
    engine.apply(lambda: [Change("suggestion:1", two[1:])])
    assert ids(engine, kinds=(Kind.SUGGESTION,)) == [two[1].id]
    # "expert:1" is a source of its own, not the beginning of another one's name.
    engine.apply(lambda: [put(profile(11, "修桥")), Change("expert:1", ())])
    assert ids(engine, kinds=(Kind.PROFILE,)) == ["expert:11", "expert:2"]


def test_the_last_change_of_a_source_wins_within_one_batch(engine: Engine) -> None:
    engine.apply(
        lambda: [put(profile(1, "教书")), put(profile(1, "行医")), put(profile(2, "唱戏")), Change("expert:2", ())]
    )
    assert engine.fingerprints() == {"expert:1": profile(1, "行医").fingerprint}


def test_an_error_while_reading_changes_changes_nothing(engine: Engine) -> None:
    before = engine.fingerprints()

    def failing() -> Iterator[Change]:
        yield put(profile(1, "教书"))
        raise LookupError("the database went away")

    with pytest.raises(LookupError):
        engine.apply(failing)
    assert engine.fingerprints() == before
    engine.apply(lambda: [put(profile(1, "教书"))])
    assert ids(engine, "教书") == ["expert:1"]


def test_equal_scores_come_in_one_order_whatever_the_limit(engine: Engine) -> None:
    rebuild(engine, [profile(number, "修水库") for number in (3, 12, 1, 2)])
    ordered = sorted(["expert:1", "expert:12", "expert:2", "expert:3"], key=tie_breaker)
    for limit in range(5):
        assert ids(engine, "修水库", limit=limit) == ordered[:limit]
        assert ids(engine, limit=limit) == ordered[:limit]


def test_totals_and_facets_count_everything_not_just_the_hits(engine: Engine) -> None:
    documents = [replace(profile(n, "修水库"), facets={"field": ("水利",)}) for n in range(1, 8)]
    rebuild(engine, documents)
    result = engine.search(SearchRequest(parse("修水库", engine.analyzer), facets=("field",), limit=2))
    assert (len(result.hits), result.total_documents, result.total_owners) == (2, 7, 7)
    assert result.facets == {"field": {"水利": 7}}


def test_words_found_speaks_of_all_documents_of_a_person_together(engine: Engine) -> None:
    evidence = IndexDocument("service:1", "service:1", "expert:1", Kind.SERVICE, {"title": "种柑橘"})
    rebuild(engine, [profile(1, "修水库"), evidence, profile(2, "修水库")])
    terms = parse("柑橘 水库", engine.analyzer)
    assert [required.word for required in terms.required] == ["柑橘", "水库"]
    found = {hit.id: hit.words_found for hit in engine.search(SearchRequest(terms)).hits}
    assert found == {"expert:1": 0b11, "service:1": 0b11, "expert:2": 0b10}


@pytest.mark.parametrize(
    "query", ["曾", "zeng", "ceng", "曾玉兰", "玉兰", "zengyulan", "cengyulan", "zyl", "cyl", "ZENG Yulan"]
)
def test_a_person_is_found_by_every_way_to_say_the_name(engine: Engine, query: str) -> None:
    rebuild(engine, [profile(1, "修水库", "曾玉兰"), profile(2, "种柑橘", "张水生")])
    assert ids(engine, query) == ["expert:1"]


def test_a_name_outweighs_a_text_that_mentions_it(engine: Engine) -> None:
    others = [profile(number, "推广水稻良种", "王桂花") for number in range(3, 30)]
    rebuild(engine, [profile(1, "和张水生一起修过水库", "李明"), profile(2, "种柑橘", "张水生"), *others])
    assert ids(engine, "张水生") == ["expert:2", "expert:1"]


def test_a_query_of_one_character_finds_texts_that_contain_it(engine: Engine) -> None:
    rebuild(engine, [profile(1, "管过渠道清淤"), profile(2, "种柑橘")])
    assert ids(engine, "淤") == ["expert:1"]
    assert ids(engine, "橘") == ["expert:2"]


def test_documents_that_share_only_characters_are_near_and_in_no_count(engine: Engine) -> None:
    documents = [
        profile(1, "山上起火"),
        profile(2, "山里救火多年"),
        profile(3, "种柑橘"),
        profile(4, "火车站站长，管过站台和候车室"),
    ]
    rebuild(engine, [replace(one, facets={"field": ("应急",)}) for one in documents])
    terms = parse("起火", engine.analyzer)
    result = engine.search(SearchRequest(terms, facets=("field",), near_limit=10))
    assert [(hit.id, hit.is_near) for hit in result.hits] == [
        ("expert:1", False),
        ("expert:2", True),
        ("expert:4", True),
    ]
    assert (result.total_documents, result.total_owners, result.facets) == (1, 1, {"field": {"应急": 1}})
    assert ids(engine, "起火") == ["expert:1"]


def test_a_synonym_finds_the_word_of_the_files_and_counts_as_the_word(engine: Engine) -> None:
    rebuild(engine, [profile(1, "代理民事诉讼"), profile(2, "种柑橘")])
    terms = parse("打官司", engine.analyzer)
    assert "诉讼" in terms.groups[TermGroup.WORDS]
    hits = engine.search(SearchRequest(terms)).hits
    assert [(hit.id, hit.words_found) for hit in hits] == [("expert:1", 0b1)]


def test_it_says_whether_anybody_has_a_word_as_it_was_asked(engine: Engine) -> None:
    rebuild(engine, [profile(1, "代理民事诉讼"), profile(2, "种柑橘"), profile(3, "修水泵，看库存")])

    def has_own_words(query: str) -> bool:
        return engine.search(SearchRequest(parse(query, engine.analyzer))).has_own_words

    assert not has_own_words("打官司")
    assert has_own_words("打官司 柑橘")
    assert not has_own_words("飞机")


def test_owners_of_a_name_are_counted_beside_what_is_searched_for(engine: Engine) -> None:
    named = [
        replace(profile(number, "修水库"), name=name) for number, name in enumerate(("王建设", "李建设", "王水生"), 1)
    ]
    named[1] = replace(named[1], facets={"township": ("漆河镇",)})
    about = IndexDocument("service:1", "service:1", "expert:1", Kind.SERVICE, {"body": "说到王水生"})
    rebuild(engine, [*named, about])
    names = ("given:建设", "full:建设")
    request = SearchRequest(parse("柑橘", engine.analyzer), count_names=names, owned_only=True, limit=0)
    assert engine.search(request).named_owners == 2
    assert engine.search(replace(request, filters={"township": ("漆河镇",)})).named_owners == 1
    assert engine.search(replace(request, count_names=("full:赵六",))).named_owners == 0


def test_a_scope_leaves_nothing_of_what_lies_outside_it(engine: Engine) -> None:
    """Not a hit, a total, a facet, a name or an exact text: a person of elsewhere, and evidence from elsewhere."""

    def lives(document: IndexDocument, division: str, owner_division: str | None = None) -> IndexDocument:
        owned = division if owner_division is None else owner_division
        return replace(document, division=division, owner_division=owned, facets={"field": (f"在{owned}",)})

    def evidence(number: int, owner: int) -> IndexDocument:
        key = f"suggestion:{number}/expert:{owner}"
        return IndexDocument(key, f"suggestion:{number}", f"expert:{owner}", Kind.SUGGESTION, {"title": "修水库 加固"})

    rebuild(
        engine,
        [
            lives(profile(1, "修水库", "王建设"), "430725105"),
            lives(profile(2, "修水库", "李建设"), "430726101"),
            lives(evidence(1, 1), "430726", "430725105"),
            lives(evidence(2, 2), "430725", "430726101"),
            lives(evidence(3, 1), "430725", "430725105"),
        ],
    )
    terms = parse("水库", engine.analyzer)

    def found(division: str, **shape: object) -> tuple[set[str], int, int, dict[str, int], int]:
        request = SearchRequest(terms, division=division, facets=("field",), count_names=("given:建设",))
        request = replace(request, **shape)  # type: ignore[arg-type]
        result = engine.search(request)
        hits = {hit.id for hit in result.hits}
        return hits, result.total_documents, result.total_owners, dict(result.facets["field"]), result.named_owners

    own = {"expert:1", "suggestion:3/expert:1"}
    assert found("430725", owned_only=True) == (own, 2, 1, {"在430725105": 1}, 1)
    assert found("430725105", owned_only=True) == ({"expert:1"}, 1, 1, {"在430725105": 1}, 1)
    assert found("430727", owned_only=True) == (set(), 0, 0, {}, 0)
    assert found("4307", owned_only=True)[1:3] == (5, 2)
    # A suggestion is of the division that it was given in, wherever its author lives.
    assert found("430725")[0] == {*own, "suggestion:2/expert:2"}
    exact = (ExactPart("加固"),)
    assert found("430725105", owned_only=True, phrases=exact)[0] == set()
    assert found("430725105", owned_only=True, excluded=exact)[0] == {"expert:1"}
    assert found("430725", owned_only=True, phrases=exact)[0] == own


def test_a_document_without_any_text_is_found_by_browsing_only(engine: Engine) -> None:
    bare = IndexDocument("service:1", "service:1", "", Kind.SERVICE, {})
    rebuild(engine, [bare])
    assert ids(engine) == ["service:1"]
    assert ids(engine, "修水库") == []
    assert engine.fingerprints() == {"service:1": bare.fingerprint}


def test_another_process_sees_what_was_committed(analyzers: Analyzers, tmp_path: Path) -> None:
    """Two engines over one folder stand for two processes: they share nothing but files."""
    writer = MANY_SEGMENTS.filled(tmp_path, analyzers, [profile(n, "修水库") for n in range(1, 30)])
    reader = WhooshEngine(tmp_path, analyzers, "auto")
    assert ids(reader) == ids(writer)
    assert isinstance(writer, WhooshEngine)
    for number in range(30, 40):
        writer.apply(lambda number=number: [put(profile(number, "种柑橘"))])  # type: ignore[misc]
        reader._checked_at = 0.0  # what 50 ms do
        assert f"expert:{number}" in ids(reader, "种柑橘")
    rebuild(writer, [profile(1, "调解")])
    reader._checked_at = 0.0
    assert ids(reader) == ["expert:1"]
    writer.close()
    reader.close()


def test_groups_of_terms_have_the_names_that_are_stored() -> None:
    # A renamed group would silently find nothing in an index of before: raise SCHEMA_VERSION with it.
    assert [group.value for group in TermGroup] == ["words", "grams", "chars", "names"]
