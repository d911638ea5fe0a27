"""Texts by the beginning of a key: sorted keys, found by bisection, the weightiest first."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np

#: Sorts behind every character.
_LAST = "\U0010ffff"


class PrefixList:
    """An immutable list of (key, weight, text). Safe for threads."""

    def __init__(self, entries: Iterable[tuple[str, int, str]]) -> None:
        ordered = sorted(set(entries), key=lambda entry: (entry[0], -entry[1], entry[2]))
        self._keys = [key for key, _, _ in ordered]
        self._texts = [text for _, _, text in ordered]
        self._weights = np.array([weight for _, weight, _ in ordered], np.int32)

    def __len__(self) -> int:
        return len(self._keys)

    def best(self, prefix: str, limit: int) -> list[str]:
        """Distinct texts whose key begins with the prefix: by falling weight, then by key, then by text."""
        first = bisect_left(self._keys, prefix)
        last = bisect_left(self._keys, prefix + _LAST, lo=first)
        if first == last or limit < 1:
            return []
        weights = self._weights[first:last]
        order = np.argsort(-weights, kind="stable") if weights.max() != weights.min() else range(last - first)
        found: dict[str, None] = {}
        for place in order:
            found[self._texts[first + int(place)]] = None
            if len(found) == limit:
                break
        return list(found)
