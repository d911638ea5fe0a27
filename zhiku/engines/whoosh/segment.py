"""One segment, opened: its columns as lists and codes, its posting lists on demand."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from whoosh.reading import SegmentReader

from zhiku.engines.whoosh.postings import PostingCache, Postings, read_postings
from zhiku.engines.whoosh.schema import COLUMNS

#: Columns read document by document; all others are few distinct values, kept as codes.
PER_DOCUMENT = ("id", "source", "fingerprint")


class Coded:
    """A column as distinct values and one code per document (n,)."""

    def __init__(self, values: Sequence[str]) -> None:
        codes: dict[str, int] = {}
        self.codes: NDArray[np.int32] = np.fromiter(
            (codes.setdefault(value, len(codes)) for value in values), np.int32, len(values)
        )
        self.distinct = list(codes)


class Segment:
    """A Whoosh segment. Immutable but for its deletions, which belong to a snapshot and are passed there."""

    def __init__(self, name: str, reader: SegmentReader, cache: PostingCache) -> None:
        self.name = name
        self.size: int = reader.doc_count_all()
        self._reader = reader
        self._cache = cache
        self._lock = threading.Lock()
        #: Snapshots that use this segment; the last one closes it.
        self._users = 0
        columns = {name: self._column(name) for name in COLUMNS}
        self.ids, self.sources, self.fingerprints = (columns[name] for name in PER_DOCUMENT)
        self.coded = {name: Coded(values) for name, values in columns.items() if name not in PER_DOCUMENT}

    def _column(self, name: str) -> list[str]:
        if not self._reader.has_column(name):
            return [""] * self.size
        return [value.decode() for value in self._reader.column_reader(name)]

    def postings(self, field: str, term: str) -> Postings:
        """The list of a term, from the cache or from the segment."""
        key = (self.name, field, term)
        postings = self._cache.get(key)
        if postings is None:
            with self._lock:
                postings = read_postings(self._reader, field, term.encode())
            self._cache.put(key, postings)
        return postings

    def terms(self, field: str) -> list[str]:
        """All terms of a field."""
        with self._lock:
            return [term.decode() for term in self._reader.lexicon(field)]

    def use(self) -> None:
        """One more snapshot needs this segment."""
        with self._lock:
            self._users += 1

    def close_unused(self) -> None:
        """Close the files of a segment that no snapshot took into use."""
        with self._lock:
            if not self._users:
                self._reader.close()

    def release(self) -> bool:
        """One snapshot less; closes the files with the last one and says whether it did."""
        with self._lock:
            self._users -= 1
            if self._users:
                return False
            self._reader.close()
            return True
