"""One segment, opened: its columns, and its posting lists on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from zhiku.engines.whoosh.arrayfile import ArrayFile
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
        self._lists = {name: TermLists(arrays, name) for name in INDEXED_FIELDS}

    def postings(self, field: str, term: str) -> Postings:
        """The list of a term, from the cache or from the segment."""
        key = (self.name, field, term)
        postings = self._cache.get(key)
        if postings is None:
            postings = read_postings(self._lists[field], term)
            self._cache.put(key, postings)
        return postings

    def terms(self, field: str) -> Iterable[str]:
        """All terms of a field."""
        return self._lists[field].terms.tolist()

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
