"""The posting lists of one field of a segment: its terms in the order of their UTF-8, and slices of two long arrays.

A term is looked up by binary search over its first eight bytes, kept as one number per term: they tell almost all
terms apart (two Chinese characters are six bytes), and the few that share them are compared one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.arrayfile import Array, Arrays
from zhiku.engines.whoosh.strings import Strings

#: Names of a field's arrays, after the field's own and a dot.
PARTS = ("blob", "offsets", "keys", "starts", "documents", "weights")

_KEY_BYTES = 8


class TermLists:
    """The terms of a field (t,), and for each its documents, rising, and their weights."""

    def __init__(self, arrays: Arrays, field: str) -> None:
        blob, offsets, self._keys, self._starts, self._documents, self._weights = (
            arrays[f"{field}.{part}"] for part in PARTS
        )
        self.terms = Strings(blob, offsets)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Number of documents of each term (t,), deleted ones too."""
        return np.diff(self._starts)

    @property
    def starts(self) -> NDArray[np.int64]:
        """Where the postings of each term begin (t + 1,)."""
        return self._starts

    def find(self, term: bytes) -> int:
        """Number of the term, or -1."""
        place = self.find_from(term)
        return place if place < len(self) and self.terms.encoded(place) == term else -1

    def find_from(self, term: bytes) -> int:
        """Number of the first term that is not before this one."""
        key = np.uint64(_key(term))
        low = int(self._keys.searchsorted(key))
        if low == len(self) or self._keys[low] != key or self.terms.encoded(low) >= term:
            return low
        high = int(self._keys.searchsorted(key, side="right"))
        return bisect_left(range(high), term, lo=low, key=self.terms.encoded)

    def find_all(self, terms: Sequence[bytes]) -> list[int]:
        """As `find` for each of them; faster than one by one."""
        if not len(self):
            return [-1] * len(terms)
        keys = np.array(list(map(_key, terms)), np.uint64)
        lows = self._keys.searchsorted(keys)
        is_there = self._keys[np.minimum(lows, len(self) - 1)] == keys
        found = []
        for term, low, has_key in zip(terms, lows.tolist(), is_there.tolist(), strict=True):
            if not has_key:
                found.append(-1)
            else:
                found.append(low if self.terms.encoded(low) == term else self.find(term))
        return found

    def documents(self, number: int) -> NDArray[np.int32]:
        """Documents of a term, rising; a view."""
        return self._documents[self._starts[number] : self._starts[number + 1]]

    def weights(self, number: int) -> NDArray[np.float32]:
        """Folded weights W of a term, in the order of `documents`; a view."""
        return self._weights[self._starts[number] : self._starts[number + 1]]

    @property
    def all_documents(self) -> NDArray[np.int32]:
        """The documents of all terms one after another."""
        return self._documents

    @property
    def all_weights(self) -> NDArray[np.float32]:
        """The weights of all terms one after another."""
        return self._weights


def term_arrays(
    field: str,
    blob: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    starts: NDArray[np.int64],
    documents: NDArray[np.int32],
    weights: NDArray[np.float32],
) -> dict[str, Array]:
    """The arrays of a field, from terms in order and their postings."""
    parts: tuple[Array, ...] = (blob, offsets, _keys(blob, offsets), starts, documents, weights)
    return {f"{field}.{part}": array for part, array in zip(PARTS, parts, strict=True)}


def _key(term: bytes) -> int:
    return int.from_bytes(term[:_KEY_BYTES].ljust(_KEY_BYTES, b"\0"))


def _keys(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint64]:
    """`_key` of every term."""
    padded = np.concatenate([blob, np.zeros(_KEY_BYTES, np.uint8)])
    lengths = np.diff(offsets)
    keys = np.zeros(len(lengths), np.uint64)
    for place in range(_KEY_BYTES):
        keys <<= np.uint64(8)
        keys |= np.where(place < lengths, padded[offsets[:-1] + place], 0).astype(np.uint64)
    return keys
