"""Posting lists as arrays: whole lists come back as written, and the cache keeps within its bytes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.indexes import analyzer
from zhiku.engines.whoosh.arrayfile import Arrays
from zhiku.engines.whoosh.building import SegmentBuilder
from zhiku.engines.whoosh.postings import EMPTY, PostingCache, Postings, read_postings
from zhiku.engines.whoosh.terms import TermLists
from zhiku.search.port import IndexDocument, Kind
from zhiku.search.scoring import K1, FieldLengths, fold

LENGTHS = FieldLengths({"body": 3.0})
DOCUMENTS = 100


def body(number: int) -> str:
    """Every text has "水", every third "坝", one "堤"."""
    return "水" * (1 + number % 5) + ("坝" if number % 3 == 0 else "") + ("堤" if number == 7 else "")


def document(number: int) -> IndexDocument:
    return IndexDocument(f"service:{number}", f"service:{number}", "", Kind.SERVICE, {"body": body(number)})


def postings(*documents: int) -> Postings:
    return Postings(np.array(documents, np.int32), np.ones(len(documents)))


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    builder = SegmentBuilder()
    builder.add((document(number) for number in range(DOCUMENTS)), analyzer())
    return builder.arrays(LENGTHS)


def read(lists: TermLists, term: str) -> Postings:
    (postings,) = read_postings(lists, [term])
    return postings


def test_a_list_comes_back_whole(arrays: Arrays) -> None:
    chars = TermLists(arrays, "chars")
    assert read(chars, "水").documents.tolist() == list(range(DOCUMENTS))
    assert read(chars, "坝").documents.tolist() == list(range(0, DOCUMENTS, 3))
    assert read(chars, "堤").documents.tolist() == [7]


def test_weights_are_saturated_as_the_formula_says(arrays: Arrays) -> None:
    found = read(TermLists(arrays, "chars"), "水")
    for number in (0, 1, 4, 9):
        folded = fold(document(number), analyzer(), LENGTHS)
        weight = float(np.float32(next(w for terms in folded.values() for t, w in terms.items() if t == "水")))
        assert found.saturated[number] == weight * (K1 + 1) / (weight + K1)


@pytest.mark.parametrize(
    ("field", "term"), [("chars", "山"), ("words", "没有的词"), ("names", "full:张水生"), ("grams", "")]
)
def test_a_term_that_is_not_there_has_an_empty_list(arrays: Arrays, field: str, term: str) -> None:
    assert len(read(TermLists(arrays, field), term).documents) == 0


def put(cache: PostingCache, key: tuple[str, str, str], postings: Postings) -> None:
    segment, field, term = key
    cache.put_all(segment, {(field, term): postings})


def get(cache: PostingCache, key: tuple[str, str, str]) -> Postings | None:
    segment, field, term = key
    (found,), missing = cache.get_all(segment, [(field, term)])
    assert missing == ([0] if found is None else [])
    return found


def test_a_cache_gives_back_what_was_put_and_forgets_the_least_recently_used() -> None:
    one = postings(1).size
    cache = PostingCache(3 * one)
    for name in "abc":
        put(cache, ("segment", "words", name), postings(1))
    assert get(cache, ("segment", "words", "a")) is not None
    put(cache, ("segment", "words", "d"), postings(1))
    assert get(cache, ("segment", "words", "b")) is None, "b was used longest ago"
    assert all(get(cache, ("segment", "words", name)) is not None for name in "acd")


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    cache = PostingCache(0)
    put(cache, ("segment", "words", "a"), EMPTY)
    assert (get(cache, ("segment", "words", "a")), cache.size) == (None, 0)


def test_a_list_larger_than_the_whole_cache_drives_out_nothing() -> None:
    cache = PostingCache(2 * postings(1).size)
    put(cache, ("segment", "words", "a"), postings(1))
    put(cache, ("segment", "words", "b"), postings(*range(1000)))
    assert get(cache, ("segment", "words", "a")) is not None
    assert get(cache, ("segment", "words", "b")) is None


def test_forgetting_a_segment_frees_its_bytes() -> None:
    cache = PostingCache(10_000)
    put(cache, ("old", "words", "a"), postings(1, 2))
    put(cache, ("new", "words", "a"), postings(1))
    cache.forget({"old"})
    assert get(cache, ("old", "words", "a")) is None
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
            put(cache, key, held[key])
        elif step == "get":
            got = get(cache, key)
            assert got is None or got is held[key]
        else:
            cache.forget({key[0]})
            assert get(cache, key) is None
        assert 0 <= cache.size <= limit
    kept = [one for key, one in held.items() if get(cache, key) is one]
    assert cache.size == sum(one.size for one in kept)


def test_threads_may_share_a_cache() -> None:
    cache = PostingCache(5 * postings(1).size)

    def use(seed: int) -> None:
        for number in range(2000):
            key = ("segment", "words", str((seed * 7 + number) % 11))
            if get(cache, key) is None:
                put(cache, key, postings(1))

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.size == 5 * postings(1).size
