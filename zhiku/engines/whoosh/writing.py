"""Writing documents into a Whoosh index of ours, durably: whole segments, then the TOC that names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from whoosh import index as whoosh_index
from whoosh.codec.whoosh3 import W3Segment
from whoosh.filedb.filestore import FileStorage
from whoosh.index import TOC, FileIndex, LockError

from zhiku.analysis.analyzer import Analyzer
from zhiku.engines.whoosh.arrayfile import ArrayFile, Arrays, write_arrays
from zhiku.engines.whoosh.building import SegmentBuilder
from zhiku.engines.whoosh.codec import ArrayCodec, open_segment, segment_path
from zhiku.engines.whoosh.merging import merged, segments_to_merge
from zhiku.engines.whoosh.schema import SOURCE_FIELD, TIE, make_schema
from zhiku.engines.whoosh.terms import TermLists
from zhiku.engines.whoosh.vectors import VectorSource
from zhiku.search.port import Change
from zhiku.search.scoring import FieldLengths

#: Name of the index inside its folder; files begin with it.
INDEX_NAME = "zhiku"


class _DurableStorage(FileStorage):
    """A folder in which a commit that has a name survives a power cut."""

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        # Whoosh's last step: the TOC gets its name. The segments it speaks of are on the disk already (`write_arrays`);
        # afterwards the outbox entries are marked drained and old segments are deleted.
        folder = Path(self.folder)
        with (folder / oldname).open("rb+") as file:
            os.fsync(file.fileno())
        super().rename_file(oldname, newname, safe)
        flush_folder(folder)


def create_index(folder: Path) -> None:
    """Make an empty index in an empty folder."""
    FileIndex.create(_DurableStorage(str(folder)), make_schema(), INDEX_NAME)


def open_index(folder: Path) -> FileIndex:
    """Open the index for reading or writing."""
    return FileIndex(_DurableStorage(str(folder)), schema=make_schema(), indexname=INDEX_NAME)


def write_segment(folder: Path, arrays: Arrays) -> W3Segment:
    """Write a segment that no commit names yet."""
    segment = W3Segment(ArrayCodec(), INDEX_NAME, doccount=len(arrays[TIE]))
    write_arrays(segment_path(folder, segment), arrays)
    return segment


def commit_segments(folder: Path, segments: Sequence[W3Segment]) -> None:
    """Let a new index have these segments, which are written already."""
    with _committing(folder) as toc:
        toc.segments = list(segments)


def write_changes(
    folder: Path,
    changes: Iterable[Change],
    analyzer: Analyzer,
    lengths: FieldLengths,
    vectors: VectorSource | None = None,
) -> None:
    """Replace the documents of each change's source, in one commit that survives a power cut."""
    last = {change.source: change for change in changes}
    builder = SegmentBuilder(vectors)
    builder.add((document for change in last.values() for document in change.documents), analyzer)
    with _committing(folder) as toc:
        for segment in toc.segments:
            _delete_sources(folder, segment, list(last))
        if builder.size:
            toc.segments.append(write_segment(folder, builder.arrays(lengths)))
        # What is all deleted needs no merging to go.
        live: list[W3Segment] = [segment for segment in toc.segments if segment.doc_count()]
        if chosen := segments_to_merge(live):
            live = [*(segment for segment in live if segment not in chosen), _merge(folder, chosen)]
        toc.segments = live


def _delete_sources(folder: Path, segment: W3Segment, sources: Sequence[str]) -> None:
    with _opened(folder, segment) as arrays:
        lists = TermLists(arrays, SOURCE_FIELD)
        for number in lists.find_all([source.encode() for source in sources]):
            if number >= 0:
                for document in lists.documents(number).tolist():
                    segment.delete_document(document)


def _merge(folder: Path, segments: Sequence[W3Segment]) -> W3Segment:
    files: list[ArrayFile] = []
    try:
        files.extend(open_segment(folder, segment) for segment in segments)
        deleted = [list(segment.deleted_docs()) for segment in segments]
        return write_segment(folder, merged(list(zip(files, deleted, strict=True))))
    finally:
        for file in files:
            file.close()


@contextmanager
def _opened(folder: Path, segment: W3Segment) -> Iterator[ArrayFile]:
    file = open_segment(folder, segment)
    try:
        yield file
    finally:
        file.close()


@contextmanager
def _committing(folder: Path) -> Iterator[TOC]:
    """The newest TOC; what becomes of its segments is committed at the end. Nothing is, after an error."""
    index = open_index(folder)
    # Ours is not the only lock: Whoosh's keeps a writer of its own out.
    lock = index.lock("WRITELOCK")
    if not lock.acquire():
        raise LockError
    try:
        toc = index._read_toc()
        toc.generation += 1
        yield toc
        TOC(make_schema(), toc.segments, toc.generation).write(index.storage, INDEX_NAME)
        whoosh_index.clean_files(index.storage, INDEX_NAME, toc.generation, toc.segments)
    finally:
        lock.release()


def flush_folder(folder: Path) -> None:
    """Make the folder's own entries durable, where the system can (Windows cannot and need not)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
