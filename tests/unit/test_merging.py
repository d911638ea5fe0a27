"""Which segments are merged: few are left, large ones stay, and no document is written again at every commit."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from whoosh.codec.whoosh3 import W3Segment

from tests.unit.indexes import engine_in
from zhiku.engines.whoosh.codec import ArrayCodec
from zhiku.engines.whoosh.merging import LARGE, MOST_SEGMENTS, segments_to_merge
from zhiku.search.port import Change, IndexDocument, Kind


def segment(documents: int, deleted: int = 0) -> W3Segment:
    return W3Segment(ArrayCodec(), "zhiku", documents, deleted=set(range(deleted)))


@settings(max_examples=50)
@given(st.lists(st.integers(1, 600), min_size=1, max_size=150))
def test_commits_of_any_sizes_leave_few_segments_and_write_no_document_often(commits: list[int]) -> None:
    segments: list[W3Segment] = []
    written = 0
    for size in commits:
        segments.append(segment(size))
        if chosen := segments_to_merge(segments):
            assert len(chosen) > 1
            total = sum(one.doc_count() for one in chosen)
            segments = [*(one for one in segments if one not in chosen), segment(total)]
            written += total
        assert len(segments) <= MOST_SEGMENTS
    assert sum(one.doc_count() for one in segments) == sum(commits)
    assert written <= 12 * sum(commits)


def test_large_segments_are_left_alone_and_not_counted() -> None:
    large = [segment(LARGE + number) for number in range(20)]
    small = [segment(number) for number in range(1, MOST_SEGMENTS + 1)]
    assert segments_to_merge([*large, *small]) == []
    chosen = segments_to_merge([*large, *small, segment(1)])
    assert chosen and not set(chosen) & set(large)


def test_a_large_segment_of_which_more_than_half_is_deleted_is_written_anew() -> None:
    kept, thinned = segment(LARGE, LARGE // 2), segment(LARGE, LARGE // 2 + 1)
    assert segments_to_merge([kept, thinned, segment(5)]) == [thinned]


def test_many_single_changes_leave_few_segments_and_every_document(tmp_path: Path) -> None:
    engine = engine_in(tmp_path)
    generation = engine.begin_generation()
    generation.finish()
    generation.publish()
    expected = {}
    for number in range(40):
        key = f"suggestion:{number % 30}"
        document = IndexDocument(key, key, "", Kind.SUGGESTION, {"title": f"修水库{number}"})
        expected[key] = document.fingerprint
        engine.apply(lambda document=document: [Change(document.source, (document,))])  # type: ignore[misc]
        assert engine.status().segments <= MOST_SEGMENTS
    assert engine.fingerprints() == expected
    files = {path.suffix for path in tmp_path.rglob("zhiku_*.seg")}
    assert files == {".seg"} and len(list(tmp_path.rglob("*.seg"))) == engine.status().segments
    engine.close()
