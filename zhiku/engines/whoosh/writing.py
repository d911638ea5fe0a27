"""Writing documents into a Whoosh index of ours, durably."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from whoosh.codec.whoosh3 import W3Codec
from whoosh.filedb.filestore import FileStorage
from whoosh.index import FileIndex
from whoosh.writing import IndexWriter

from zhiku.analysis.analyzer import Analyzer
from zhiku.engines.whoosh.schema import SOURCE_FIELD, VALUE_SEPARATOR, make_schema
from zhiku.search.port import FACETS, Change, IndexDocument
from zhiku.search.scoring import FieldLengths, fold

#: Name of the index inside its folder; files begin with it.
INDEX_NAME = "zhiku"

#: Memory for postings before Whoosh spools them to disk.
_SPOOL_MB = 256


class _DurableStorage(FileStorage):
    """A folder in which a commit that has a name survives a power cut."""

    def rename_file(self, oldname: str, newname: str, safe: bool = False) -> None:
        # Whoosh's last step: the TOC gets its name, and the segments it replaces are deleted. What it speaks of must
        # be on the disk before, and the outbox entries are marked drained after this.
        folder = Path(self.folder)
        _flush_files(folder)
        super().rename_file(oldname, newname, safe)
        flush_folder(folder)


def create_index(folder: Path) -> None:
    """Make an empty index in an empty folder."""
    FileIndex.create(_DurableStorage(str(folder)), make_schema(), INDEX_NAME)


def open_index(folder: Path) -> FileIndex:
    """Open the index for reading or writing."""
    return FileIndex(_DurableStorage(str(folder)), schema=make_schema(), indexname=INDEX_NAME)


def write_changes(folder: Path, changes: Iterable[Change], analyzer: Analyzer, lengths: FieldLengths) -> None:
    """Replace the documents of each change's source, in one commit that survives a power cut."""
    # Whoosh deletes only what was committed before: a second change of a source would leave the first one's documents.
    last = {change.source: change for change in changes}
    writer = _writer(folder)
    try:
        for change in last.values():
            writer.delete_by_term(SOURCE_FIELD, change.source)
            for document in change.documents:
                _add(writer, document, analyzer, lengths)
    except BaseException:
        writer.cancel()
        raise
    writer.commit()


def write_documents(
    folder: Path,
    documents: Iterable[IndexDocument],
    analyzer: Analyzer,
    lengths: FieldLengths,
    progress: Callable[[int], None],
) -> None:
    """Write documents of a new index in one segment; `progress(done)` after each."""
    writer = _writer(folder)
    try:
        for done, document in enumerate(documents, 1):
            _add(writer, document, analyzer, lengths)
            progress(done)
    except BaseException:
        writer.cancel()
        raise
    writer.commit(merge=False)


def _writer(folder: Path) -> IndexWriter:
    # Large uncompressed blocks: a list is always read whole, and unpacking dominates the first touch.
    return open_index(folder).writer(codec=W3Codec(blocklimit=4096, compression=0), limitmb=_SPOOL_MB)


def _add(writer: IndexWriter, document: IndexDocument, analyzer: Analyzer, lengths: FieldLengths) -> None:
    columns = {
        "id": document.id,
        "source": document.source,
        "owner": document.owner,
        "kind": document.kind.value,
        "date": document.date.isoformat() if document.date else "",
        "fingerprint": document.fingerprint,
        **{f"facet_{name}": VALUE_SEPARATOR.join(document.facets.get(name, ())) for name in FACETS},
    }
    writer.add_document(
        **{group.value: terms for group, terms in fold(document, analyzer, lengths).items() if terms},
        **{SOURCE_FIELD: document.source},
        **{name: value.encode() for name, value in columns.items() if value},
    )


def _flush_files(folder: Path) -> None:
    # Whoosh leaves its files to the operating system's cache.
    for path in folder.iterdir():
        if path.is_file() and not path.name.endswith("LOCK"):
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Make the folder's own entries durable, where the system can (Windows cannot and need not)."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
