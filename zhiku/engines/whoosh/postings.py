"""Posting lists as a search wants them, and a cache of them that is bounded in bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.terms import TermLists
from zhiku.search.scoring import K1

#: What an entry costs beside its arrays: key, tuple, two array headers.
_ENTRY_OVERHEAD = 400


@dataclass(frozen=True, slots=True, eq=False)
class Postings:
    """Documents of one term in one segment (n,), and their saturated weights W(k1+1)/(W+k1) (n,)."""

    documents: NDArray[np.int32]
    saturated: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Bytes."""
        return self.documents.nbytes + self.saturated.nbytes + _ENTRY_OVERHEAD


EMPTY = Postings(np.empty(0, np.int32), np.empty(0, np.float64))


def read_postings(lists: TermLists, terms: Sequence[str]) -> list[Postings]:
    """Lists of one field, from the segment's arrays."""
    return [
        _read(lists, number) if number >= 0 else EMPTY for number in lists.find_all([term.encode() for term in terms])
    ]


def _read(lists: TermLists, number: int) -> Postings:
    folded = lists.weights(number).astype(np.float64)
    return Postings(lists.documents(number), folded * (K1 + 1) / (folded + K1))


class PostingCache:
    """Least recently used lists, bounded in bytes. Safe for threads; a bound of 0 keeps nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[tuple[str, str, str], Postings] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes held now."""
        return self._size

    def get_all(self, segment: str, wanted: Sequence[tuple[str, str]]) -> tuple[list[Postings | None], list[int]]:
        """The lists of a segment's (field, term)s that are here, and the places of those that are not."""
        found: list[Postings | None] = []
        missing: list[int] = []
        with self._lock:
            for place, (field, term) in enumerate(wanted):
                key = (segment, field, term)
                postings = self._entries.get(key)
                if postings is None:
                    missing.append(place)
                else:
                    self._entries.move_to_end(key)
                found.append(postings)
        return found, missing

    def put_all(self, segment: str, read: Mapping[tuple[str, str], Postings]) -> None:
        """Keep a segment's lists, dropping the least recently used ones beyond the bound."""
        with self._lock:
            for (field, term), postings in read.items():
                if postings.size > self._limit:
                    continue
                key = (segment, field, term)
                replaced = self._entries.pop(key, None)
                self._size += postings.size - (replaced.size if replaced else 0)
                self._entries[key] = postings
            while self._size > self._limit:
                _, dropped = self._entries.popitem(last=False)
                self._size -= dropped.size

    def forget(self, segments: set[str]) -> None:
        """Drop all lists of segments that are gone."""
        if not segments:  # after almost every search
            return
        with self._lock:
            for key in [key for key in self._entries if key[0] in segments]:
                self._size -= self._entries.pop(key).size
