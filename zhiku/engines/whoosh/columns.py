"""Columns over all segments of a snapshot: distinct values and a code per document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """The parts one after another; an empty array of that type for none."""
    return np.concatenate([*parts, np.empty(0, dtype)]) if len(parts) != 1 else parts[0]
