"""Posting lists as arrays: whole lists come back as written, and the cache keeps within its bytes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whoosh.reading import SegmentReader

from tests.unit.indexes import analyzer
from zhiku.engines.whoosh import writing
from zhiku.engines.whoosh.postings import EMPTY, PostingCache, Postings, read_postings
from zhiku.engines.whoosh.schema import make_schema
from zhiku.search.port import IndexDocument, Kind
from zhiku.search.scoring import K1, FieldLengths, fold

#: Blocks of the codec hold so many postings; lists around that length cross a block's end.
BLOCK = 4096


def document(number: int, body: str) -> IndexDocument:
    return IndexDocument(f"service:{number}", f"service:{number}", "", Kind.SERVICE, {"body": body})


def postings(*documents: int) -> Postings:
    return Postings(np.array(documents, np.int32), np.ones(len(documents)))


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[SegmentReader]:
    """A segment in which every document has "水", every third "坝", one "堤"; more than one block of them."""
    lengths = FieldLengths({"body": 3.0})
    documents = (
        document(n, "水" * (1 + n % 5) + ("坝" if n % 3 == 0 else "") + ("堤" if n == 7 else ""))
        for n in range(BLOCK + 10)
    )
    writing.create_index(tmp_path)
    writing.write_documents(tmp_path, documents, analyzer(), lengths, lambda done: None)
    index = writing.open_index(tmp_path)
    (segment,) = index._read_toc().segments
    reader = SegmentReader(index.storage, make_schema(), segment)
    yield reader
    reader.close()


def test_a_list_longer_than_a_block_comes_back_whole(reader: SegmentReader) -> None:
    found = read_postings(reader, "chars", "水".encode())
    assert found.documents.tolist() == list(range(BLOCK + 10))
    found = read_postings(reader, "chars", "坝".encode())
    assert found.documents.tolist() == list(range(0, BLOCK + 10, 3))


def test_a_list_of_one_posting_comes_back(reader: SegmentReader) -> None:
    assert read_postings(reader, "chars", "堤".encode()).documents.tolist() == [7]


def test_weights_are_saturated_as_the_formula_says(reader: SegmentReader) -> None:
    found = read_postings(reader, "chars", "水".encode())
    for number in (0, 1, 4, 9):
        body = "水" * (1 + number % 5) + ("坝" if number % 3 == 0 else "")
        folded = fold(document(number, body), analyzer(), FieldLengths({"body": 3.0}))
        weight = float(np.float32(next(w for terms in folded.values() for t, w in terms.items() if t == "水")))
        assert found.saturated[number] == weight * (K1 + 1) / (weight + K1)


@pytest.mark.parametrize(
    ("field", "term"), [("chars", "山"), ("words", "没有的词"), ("names", "full:张水生"), ("grams", "")]
)
def test_a_term_that_is_not_there_has_an_empty_list(reader: SegmentReader, field: str, term: str) -> None:
    assert len(read_postings(reader, field, term.encode()).documents) == 0


def test_a_cache_gives_back_what_was_put_and_forgets_the_least_recently_used() -> None:
    one = postings(1).size
    cache = PostingCache(3 * one)
    for name in "abc":
        cache.put(("segment", "words", name), postings(1))
    assert cache.get(("segment", "words", "a")) is not None
    cache.put(("segment", "words", "d"), postings(1))
    assert cache.get(("segment", "words", "b")) is None, "b was used longest ago"
    assert all(cache.get(("segment", "words", name)) is not None for name in "acd")


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = PostingCache(0)
    cache.put(("segment", "words", "a"), EMPTY)
    assert (cache.get(("segment", "words", "a")), cache.size) == (None, 0)


def test_a_list_larger_than_the_whole_cache_drives_out_nothing() -> None:
    cache = PostingCache(2 * postings(1).size)
    cache.put(("segment", "words", "a"), postings(1))
    cache.put(("segment", "words", "b"), postings(*range(1000)))
    assert cache.get(("segment", "words", "a")) is not None
    assert cache.get(("segment", "words", "b")) is None


def test_forgetting_a_segment_frees_its_bytes() -> None:
    cache = PostingCache(10_000)
    cache.put(("old", "words", "a"), postings(1, 2))
    cache.put(("new", "words", "a"), postings(1))
    cache.forget({"old"})
    assert cache.get(("old", "words", "a")) is None
    assert cache.size == postings(1).size


keys = st.tuples(st.sampled_from("xy"), st.just("words"), st.sampled_from("abcdef"))


@given(
    limit=st.integers(0, 6000),
    steps=st.lists(st.tuples(st.sampled_from(("put", "get", "forget")), keys), max_size=40),
)
def test_a_cache_never_holds_more_bytes_than_it_may(limit: int, steps: list[tuple[str, tuple[str, str, str]]]) -> None:
    cache = PostingCache(limit)
    held: dict[tuple[str, str, str], Postings] = {}
    for step, key in steps:
        if step == "put":
            # A list never changes: segments are immutable.
            held.setdefault(key, postings(*range(20 * (ord(key[2]) - ord("a")))))
            cache.put(key, held[key])
        elif step == "get":
            got = cache.get(key)
            assert got is None or got is held[key]
        else:
            cache.forget({key[0]})
            assert cache.get(key) is None
        assert 0 <= cache.size <= limit
    kept = [one for key, one in held.items() if cache.get(key) is one]
    assert cache.size == sum(one.size for one in kept)


def test_threads_may_share_a_cache() -> None:
    cache = PostingCache(5 * postings(1).size)

    def use(seed: int) -> None:
        for number in range(2000):
            key = ("segment", "words", str((seed * 7 + number) % 11))
            if cache.get(key) is None:
                cache.put(key, postings(1))

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.size == 5 * postings(1).size
