"""For any small corpus, any edits and any query, the Whoosh engine answers as the reference does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.contract.variants import MEMORY, ONE_SEGMENT, Analyzers, Variant, answer
from zhiku.search.port import FACETS, Change, ExactPart, IndexDocument, Kind, SearchRequest
from zhiku.search.query import parse

#: Few characters, so that texts share terms; some that need normalising, some that are no words at all.
TEXTS = st.text(st.sampled_from("修水库坝柑橘黃龙病调解一a1 ，。\n龍ＣＡＤ👴"), max_size=24)
NAMES = st.sampled_from(("张水生", "曾水", "单玉兰", "欧阳修", "阿·买买提", "Ann Lee", "𠮷田"))
DIVISIONS = st.sampled_from(("", "43", "430725", "430725105", "430726"))
VALUES = st.sampled_from(((), ("水利",), ("农业",), ("法律", "水利"), ("水利", "农业")))
OWNERS = tuple(f"expert:{number}" for number in range(1, 6))
LIVES = dict(zip(OWNERS, ("430725105", "430725105", "430725001", "430726101", "4307"), strict=True))
SOURCES = (
    *OWNERS,
    *(f"suggestion:{number}" for number in range(1, 5)),
    *(f"service:{number}" for number in range(1, 5)),
)

Facets = dict[str, dict[str, tuple[str, ...]]]


@st.composite
def documents_of(draw: st.DrawFn, source: str, facets: Facets) -> tuple[IndexDocument, ...]:
    """What one source may be projected to; every document carries the facets of its owner."""
    kind = {"expert": Kind.PROFILE, "suggestion": Kind.SUGGESTION, "service": Kind.SERVICE}[source.partition(":")[0]]
    if kind is Kind.PROFILE:
        fields = draw(st.fixed_dictionaries({}, optional={name: TEXTS for name in ("expertise", "post", "summary")}))
        place = LIVES[source]
        return (
            IndexDocument(
                source, source, source, kind, fields, name=draw(NAMES), facets=facets[source],
                division=place, owner_division=place,
            ),
        )  # fmt: skip
    fields = draw(st.fixed_dictionaries({}, optional={"title": TEXTS, "body": TEXTS}))
    place = draw(DIVISIONS)
    day = draw(st.none() | st.dates(date(2000, 1, 1), date(2030, 1, 1)))
    owners = draw(st.lists(st.sampled_from(OWNERS), unique=True, max_size=2))
    if not owners:
        return (IndexDocument(source, source, "", kind, fields, date=day, division=place),)
    return tuple(
        IndexDocument(
            f"{source}/{owner}", source, owner, kind, fields, facets=facets[owner], date=day,
            division=place, owner_division=LIVES[owner],
        )
        for owner in owners
    )  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[IndexDocument], list[Change]]:
    """Documents that are there at first, and changes that come one after another."""
    facets: Facets = {owner: {name: draw(VALUES) for name in FACETS} for owner in OWNERS}
    first = draw(st.lists(st.sampled_from(SOURCES), unique=True, max_size=8))
    documents = [document for source in first for document in draw(documents_of(source, facets))]
    changes = [
        Change(source, draw(documents_of(source, facets)) if draw(st.booleans()) else ())
        for source in draw(st.lists(st.sampled_from(SOURCES), max_size=8))
    ]
    return documents, changes


#: Texts as they stand; without terms every document is looked through.
PARTS = st.sampled_from(("修", "水库", "橘", "一a")).map(ExactPart)

requests = st.fixed_dictionaries(
    {},
    optional={
        "filters": st.dictionaries(st.sampled_from(FACETS), VALUES, max_size=2),
        "kinds": st.lists(st.sampled_from(Kind), unique=True).map(tuple),
        "owned_only": st.booleans(),
        "division": DIVISIONS,
        "phrases": st.lists(PARTS, max_size=1).map(tuple),
        "excluded": st.lists(PARTS, max_size=1).map(tuple),
        "near_limit": st.integers(0, 4),
        "facets": st.just(FACETS),
        "limit": st.integers(0, 6),
    },
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    history=histories(),
    commits=st.integers(1, 4),
    asked=st.lists(st.tuples(TEXTS | NAMES, requests), min_size=1, max_size=6),
)
@example(
    history=(
        [IndexDocument("expert:1", "expert:1", "expert:1", Kind.PROFILE, {"summary": "修水库"}, name="张水生")],
        [Change("expert:1", ()), Change("expert:1", ())],
    ),
    commits=1,
    asked=[("修水库", {})],
)
def test_any_history_gives_the_answers_of_the_reference(
    analyzers: Analyzers,
    history: tuple[list[IndexDocument], list[Change]],
    commits: int,
    asked: Sequence[tuple[str, dict[str, object]]],
) -> None:
    documents, changes = history
    model = MEMORY.filled(Path(), analyzers, documents, changes)
    with tempfile.TemporaryDirectory() as folder:
        variant = Variant("any", rewritten_in=commits)
        engine = variant.filled(Path(folder), analyzers, documents, changes)
        try:
            assert engine.fingerprints() == model.fingerprints()
            for text, shape in asked:
                request = SearchRequest(parse(text, engine.analyzer), **shape)  # type: ignore[arg-type]
                assert answer(engine.search(request)) == answer(model.search(request))
        finally:
            engine.close()  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_text_can_be_indexed_and_searched(analyzers: Analyzers, text: str) -> None:
    document = IndexDocument("service:1", "service:1", "", Kind.SERVICE, {"body": text})
    terms = parse(text, analyzers("auto", ()))
    model = MEMORY.filled(Path(), analyzers, [document])
    found = [hit.id for hit in model.search(SearchRequest(terms)).hits]
    # A text finds itself by any word of it that is not a stop word; with none left, everything matches.
    assert found == ["service:1"] or not terms.groups.keys() - {"names", "chars"}


def test_terms_too_long_for_a_word_are_stored_all_the_same(analyzers: Analyzers, tmp_path: Path) -> None:
    body = "a" * 70_000 + " 修水库"
    document = IndexDocument("service:1", "service:1", "", Kind.SERVICE, {"body": body})
    engine = ONE_SEGMENT.filled(tmp_path, analyzers, [document])
    assert [hit.id for hit in engine.search(SearchRequest(parse("修水库", engine.analyzer))).hits] == ["service:1"]
    engine.close()  # type: ignore[attr-defined]
