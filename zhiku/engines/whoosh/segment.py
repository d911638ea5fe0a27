"""One segment, opened: its columns, and its posting lists on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.arrayfile import ArrayFile
from zhiku.engines.whoosh.nearness import Basis, SegmentVectors
from zhiku.engines.whoosh.postings import PostingCache, Postings, read_postings
from zhiku.engines.whoosh.schema import ASKED, CODED, INDEXED_FIELDS, PER_DOCUMENT, TEXT_COLUMN, TIE
from zhiku.engines.whoosh.strings import Coded, Strings
from zhiku.engines.whoosh.terms import TermLists


class Segment:
    """A segment of the index. Immutable but for its deletions, which belong to a snapshot and are passed there.

    Safe for threads: nothing here has a position in a file.
    """

    def __init__(self, name: str, arrays: ArrayFile, cache: PostingCache) -> None:
        self.name = name
        self._arrays = arrays
        self._cache = cache
        self._lock = threading.Lock()
        #: Snapshots that use this segment; the last one closes it.
        self._users = 0
        self.asked, self.ties = arrays[ASKED], arrays[TIE]
        self.size = len(self.ties)
        self.ids, self.sources, self.fingerprints = (Strings.of(arrays, name) for name in PER_DOCUMENT)
        self.texts = Strings.of(arrays, TEXT_COLUMN)
        self.coded = {name: Coded.of(arrays, name) for name in CODED}
        self._vectors: SegmentVectors | None = None
        self._lists = {name: TermLists(arrays, name) for name in INDEXED_FIELDS}

    def read(self, wanted: Sequence[tuple[str, str]]) -> list[Postings]:
        """The lists of these (field, term)s, from the cache or from the segment."""
        found, missing = self._cache.get_all(self.name, wanted)
        if missing:
            read = dict(self._read_missing([wanted[place] for place in missing]))
            for place in missing:
                found[place] = read[wanted[place]]
            self._cache.put_all(self.name, read)
        return cast(list[Postings], found)

    def _read_missing(self, wanted: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], Postings]]:
        by_field: dict[str, list[str]] = {}
        for field, term in wanted:
            by_field.setdefault(field, []).append(term)
        for field, terms in by_field.items():
            for term, postings in zip(terms, read_postings(self._lists[field], terms), strict=True):
                yield (field, term), postings

    def frequencies(self, field: str, is_live: NDArray[np.bool_]) -> tuple[list[str], NDArray[np.int64]]:
        """All terms of a field, and in how many live documents each is."""
        lists = self._lists[field]
        live_before = np.zeros(len(lists.all_documents) + 1, np.int64)
        np.cumsum(is_live[lists.all_documents], out=live_before[1:])
        return lists.terms.tolist(), np.diff(live_before[lists.starts])

    def vectors(self, basis: Basis | None) -> SegmentVectors:
        """Its vectors. `basis` is that of its generation: always the same one."""
        with self._lock:
            if self._vectors is None:
                self._vectors = SegmentVectors(self._arrays, self.size, basis)
            return self._vectors

    def verify(self) -> None:
        """Read the whole file; raises `DamagedFile` where it is not what was written."""
        self._arrays.verify()

    def use(self) -> None:
        """One more snapshot needs this segment."""
        with self._lock:
            self._users += 1

    def close_unused(self) -> None:
        """Close the file of a segment that no snapshot took into use."""
        with self._lock:
            if not self._users:
                self._arrays.close()

    def release(self) -> bool:
        """One snapshot less; closes the file with the last one and says whether it did."""
        with self._lock:
            self._users -= 1
            if self._users:
                return False
            # Hits that were given out may still look into the file; it is closed with the last of them.
            self._arrays.close()
            return True
