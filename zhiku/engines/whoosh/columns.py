"""Columns over all segments of a snapshot: distinct values and a code per document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.schema import VALUE_SEPARATOR
from zhiku.engines.whoosh.segment import Segment

Mask = NDArray[np.bool_]


class Column:
    """A coded column over all segments."""

    def __init__(self, segments: Sequence[Segment], name: str) -> None:
        codes: dict[str, int] = {}
        parts = []
        for segment in segments:
            coded = segment.coded[name]
            # One look-up per distinct value, then the segment's codes are translated as an array.
            translation = np.array([codes.setdefault(value, len(codes)) for value in coded.distinct], np.int32)
            parts.append(translation[coded.codes])
        #: The code of each document (n,).
        self.codes: NDArray[np.int32] = joined(parts, np.int32)
        self.distinct = list(codes)

    def mask(self, accepted: Iterable[bool]) -> Mask:
        """Documents (n,) whose value is accepted, given one answer per distinct value."""
        return np.fromiter(accepted, bool, len(self.distinct))[self.codes]

    @cached_property
    def values(self) -> list[list[str]]:
        """What each distinct value stands for: several values, one, or none."""
        return [joined.split(VALUE_SEPARATOR) if joined else [] for joined in self.distinct]

    def count(self, documents: NDArray[np.int64]) -> dict[str, int]:
        """How many of these documents have each value."""
        of_code = np.bincount(self.codes[documents], minlength=len(self.distinct))
        found = np.flatnonzero(of_code)
        values = self.values
        counts: dict[str, int] = {}
        for code, count in zip(found.tolist(), of_code[found].tolist(), strict=True):
            for value in values[code]:
                counts[value] = counts.get(value, 0) + count
        return counts


def joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """The parts one after another; an empty array of that type for none."""
    return np.concatenate([*parts, np.empty(0, dtype)]) if len(parts) != 1 else parts[0]
