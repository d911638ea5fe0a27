"""Segments of arrays: what is written is what is read, by us and by Whoosh, and damage is noticed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.filedb.filestore import ReadOnlyError
from whoosh.query import Prefix, Term
from whoosh.searching import Searcher
from whoosh.support.levenshtein import distance

from tests.contract.corpus import county
from tests.unit.indexes import analyzer, engine_in
from tests.unit.texts import chinese_text, wild_text
from zhiku.engines.whoosh.arrayfile import ArrayFile, Arrays, DamagedFile, write_arrays
from zhiku.engines.whoosh.building import SegmentBuilder
from zhiku.engines.whoosh.merging import merged
from zhiku.engines.whoosh.strings import Strings
from zhiku.engines.whoosh.terms import TermLists, term_arrays
from zhiku.engines.whoosh.writing import open_index
from zhiku.search.port import Change, IndexDocument, IndexProblem, Kind, QueryTerms, SearchRequest, TermGroup
from zhiku.search.scoring import FieldLengths, fold, normal_text

NAMES = st.sampled_from(("", "张水生", "曾水", "欧阳修", "阿·买买提", "Ann Lee"))
FIELDS = ("expertise", "summary", "title", "remark")
#: A document's fingerprint is of UTF-8, so lone surrogates never come this far.
TEXTS = (wild_text | chinese_text).map(lambda text: text.encode(errors="ignore").decode())


@st.composite
def some_documents(draw: st.DrawFn) -> list[IndexDocument]:
    """Documents with any texts in any of the fields."""
    fields = st.dictionaries(st.sampled_from(FIELDS), TEXTS, max_size=4)
    drawn = draw(st.lists(st.tuples(fields, NAMES), max_size=8))
    return [
        IndexDocument(f"service:{n}", f"service:{n // 2}", "", Kind.SERVICE, fields, name=name)
        for n, (fields, name) in enumerate(drawn)
    ]


def built(documents: Sequence[IndexDocument], lengths: FieldLengths | None = None, segmenter: str = "auto") -> Arrays:
    """The arrays of one segment."""
    builder = SegmentBuilder()
    builder.add(documents, analyzer(segmenter))
    return builder.arrays(builder.lengths.averages() if lengths is None else lengths)


def weights_of(arrays: Arrays, group: TermGroup) -> dict[tuple[str, int], float]:
    """`{(term, document): weight}` of a group."""
    lists = TermLists(arrays, group.value)
    return {
        (term, document): weight
        for number, term in enumerate(lists.terms)
        for document, weight in zip(lists.documents(number).tolist(), lists.weights(number).tolist(), strict=True)
    }


def assert_holds(arrays: Arrays, documents: Sequence[IndexDocument], lengths: FieldLengths, segmenter: str) -> None:
    """Every weight has the bits that `fold` gives, and there are no others; every column has its values."""
    for group in TermGroup:
        assert weights_of(arrays, group) == {
            (term, number): float(np.float32(weight))
            for number, document in enumerate(documents)
            for term, weight in fold(document, analyzer(segmenter), lengths)[group].items()
        }
    assert Strings.of(arrays, "id").tolist() == [document.id for document in documents]
    assert Strings.of(arrays, "fingerprint").tolist() == [document.fingerprint for document in documents]
    assert Strings.of(arrays, "text").tolist() == [
        normal_text(document.fields, analyzer(segmenter)) for document in documents
    ]


# -- the writer --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("segmenter", ["jieba", "auto"])
@settings(max_examples=60, deadline=None)
@given(documents=some_documents(), batch=st.integers(1, 8))
def test_the_bulk_writer_gives_the_bits_of_fold(segmenter: str, documents: list[IndexDocument], batch: int) -> None:
    builder = SegmentBuilder()
    for start in range(0, len(documents), batch):
        builder.add(documents[start : start + batch], analyzer(segmenter))
    lengths = builder.lengths.averages()
    assert lengths == FieldLengths.measure(documents, analyzer(segmenter))
    assert_holds(builder.arrays(lengths), documents, lengths, segmenter)


@settings(max_examples=40, deadline=None)
@given(documents=some_documents())
def test_weights_by_the_averages_of_another_day_are_those_of_fold_too(documents: list[IndexDocument]) -> None:
    lengths = FieldLengths({"summary": 3.7, "title": 11.0})
    assert_holds(built(documents, lengths), documents, lengths, "auto")


# -- merging -----------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(some_documents(), min_size=1, max_size=4),
    dice=st.randoms(use_true_random=False),
)
def test_merged_segments_are_the_segment_of_the_documents_that_are_left(
    parts: list[list[IndexDocument]], dice: random.Random
) -> None:
    lengths = FieldLengths({"summary": 3.0, "title": 5.0})
    deleted = [[number for number in range(len(part)) if dice.random() < 0.3] for part in parts]
    left = [
        document for part, gone in zip(parts, deleted, strict=True) for n, document in enumerate(part) if n not in gone
    ]
    result = merged([(built(part, lengths), gone) for part, gone in zip(parts, deleted, strict=True)])
    expected = built(left, lengths)
    assert result.keys() == expected.keys()
    for name in expected:
        assert result[name].dtype == expected[name].dtype, name
        assert result[name].tobytes() == expected[name].tobytes(), name


# -- terms -------------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    terms=st.sets(st.text("ab\x00水库", max_size=12).map(str.encode)),
    asked=st.lists(st.text("ab\x00水库", max_size=12).map(str.encode)),
)
def test_a_term_is_found_where_it_is_and_nowhere_else(terms: set[bytes], asked: list[bytes]) -> None:
    ordered = sorted(terms)
    offsets = np.cumsum([0, *map(len, ordered)])
    starts = np.arange(len(ordered) + 1)
    blob = np.frombuffer(b"".join(ordered), np.uint8)
    documents, weights = np.arange(len(ordered), dtype=np.int32), np.ones(len(ordered), np.float32)
    lists = TermLists(term_arrays("f", blob, offsets, starts, documents, weights), "f")
    for term in (*ordered, *asked):
        expected = ordered.index(term) if term in terms else -1
        assert lists.find(term) == expected
        assert lists.find_from(term) == sum(one < term for one in ordered)
    assert lists.find_all([*ordered, *asked]) == [lists.find(term) for term in (*ordered, *asked)]


# -- Whoosh over our segments ------------------------------------------------------------------------------------


def test_a_stock_searcher_of_whoosh_finds_the_same_documents(tmp_path: Path) -> None:
    documents = county()
    engine = engine_in(tmp_path)
    generation = engine.begin_generation()
    generation.add(documents)
    generation.finish()
    generation.publish()
    gone, changed = documents[0], replace(documents[1], fields={"summary": "修水库，也修水渠"}, date=date(2026, 1, 2))
    engine.apply(lambda: [Change(gone.source, ()), Change(changed.source, (changed,))])
    assert engine.status().segments == 2
    with open_index(tmp_path / engine.status().generation).searcher() as searcher:
        assert searcher.doc_count() == len(documents) - 1
        for word in ("水库", "柑橘", "调解", "高血压", "没有的词"):
            ours = {hit.id for hit in engine.search(SearchRequest(QueryTerms({TermGroup.WORDS: {word: 1.0}}))).hits}
            assert found_by_whoosh(searcher, word) == ours
            assert bool(ours) == (word != "没有的词")
        assert found_by_whoosh(searcher, "水渠") >= {changed.id}
        by_prefix = searcher.search(Prefix("source_key", changed.source[:-1]), limit=None)
        assert {column(searcher, "source", hit.docnum) for hit in by_prefix} >= {changed.source}
        assert gone.id not in {column(searcher, "id", number) for number in searcher.reader().all_doc_ids()}
        near = list(searcher.reader().terms_within("words", "水裤", 1))
        assert "水库" in near and all(distance(word, "水裤") <= 1 for word in near)
    engine.close()


def found_by_whoosh(searcher: Searcher, word: str) -> set[str]:
    return {column(searcher, "id", hit.docnum) for hit in searcher.search(Term("words", word), limit=None)}


def column(searcher: Searcher, name: str, number: int) -> str:
    value: bytes = searcher.reader().column_reader(name)[number]
    return bytes(value).decode()


def test_whoosh_may_not_write_where_segments_are_written_whole(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    generation = engine.begin_generation()
    generation.add(county()[:3])
    generation.finish()
    generation.publish()
    index = open_index(tmp_path / engine.status().generation)
    (segment,) = index._read_toc().segments
    with pytest.raises(ReadOnlyError, match="written whole"):
        segment.codec().field_writer(index.storage, segment)
    engine.close()


# -- files -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    shape=st.lists(st.integers(0, 5), min_size=1, max_size=2),
    dtype=st.sampled_from(("<i4", "<f4", "<i8", "|u1", "<u8", "|i1")),
)
def test_arrays_come_back_as_written(tmp_path_factory: pytest.TempPathFactory, shape: list[int], dtype: str) -> None:
    path = tmp_path_factory.mktemp("arrays") / "file"
    array = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    write_arrays(path, {"a": array, "b": array[:0]})
    file = ArrayFile(path)
    file.verify()
    assert list(file) == ["a", "b"]
    assert file["a"].tolist() == array.tolist() and file["a"].dtype == array.dtype
    assert not file["a"].flags.writeable or not array.size
    file.close()


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    write_arrays(tmp_path / "file", {"a": np.arange(3)})
    with pytest.raises(FileExistsError):
        write_arrays(tmp_path / "file", {"a": np.arange(4)})


@pytest.fixture(scope="module")
def segment_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("segment") / "file"
    write_arrays(path, built(county()[:8]))
    return path.read_bytes()


def test_a_file_cut_anywhere_is_refused(segment_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    for length in (0, 1, 31, 32, 100, len(segment_file) // 2, len(segment_file) - 1):
        path.write_bytes(segment_file[:length])
        with pytest.raises(DamagedFile):
            ArrayFile(path)
    path.write_bytes(segment_file + b"\0")
    with pytest.raises(DamagedFile):
        ArrayFile(path)


def test_a_byte_that_changed_is_noticed(segment_file: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    dice = random.Random(7)
    noticed = 0
    for _ in range(200):
        damaged = bytearray(segment_file)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        try:
            file = ArrayFile(path)
            file.verify()
            assert _contents(file) == _contents_of(segment_file, tmp_path), "only padding may change unnoticed"
            file.close()
        except DamagedFile:
            noticed += 1
    assert noticed > 150


def _contents(file: ArrayFile) -> dict[str, bytes]:
    return {name: file[name].tobytes() for name in file}


def _contents_of(data: bytes, folder: Path) -> dict[str, bytes]:
    path = folder / "whole"
    path.write_bytes(data)
    file = ArrayFile(path)
    try:
        return _contents(file)
    finally:
        file.close()


def test_a_changed_byte_of_a_posting_list_is_found_by_verify(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    generation = engine.begin_generation()
    generation.add(county())
    generation.finish()
    generation.publish()
    engine.close()
    (path,) = tmp_path.rglob("*.seg")
    file = ArrayFile(path)
    weights = file["grams.weights"].tobytes()
    file.close()
    data = bytearray(path.read_bytes())
    data[data.index(weights) + len(weights) // 2] ^= 0x40
    path.write_bytes(data)
    with pytest.raises(IndexProblem, match="zhiku index rebuild$"):
        engine.fingerprints()
    engine.close()
