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

    def beginning_with(self, prefix: str) -> Mask | None:
        """Documents (n,) whose value begins so; None where every one does."""
        accepted = [value.startswith(prefix) for value in self.distinct]
        return None if all(accepted) else self.mask(accepted)

    @cached_property
    def values(self) -> list[list[str]]:
        """What each distinct value stands for: several values, one, or none."""
        return [joined.split(VALUE_SEPARATOR) if joined else [] for joined in self.distinct]

    @cached_property
    def _single_values(self) -> tuple[list[str], NDArray[np.int32], NDArray[np.int32]]:
        """All single values (v,), sorted; the number of each that a code stands for, code after code (m,); and how
        many that are for each code (n,)."""
        names = sorted({value for its in self.values for value in its})
        number = {value: place for place, value in enumerate(names)}
        numbers = np.array([number[value] for its in self.values for value in its], np.int32)
        return names, numbers, np.array([len(its) for its in self.values], np.int32)

    def count(self, documents: NDArray[np.int64]) -> dict[str, int]:
        """How many of these documents have each value, in the order of the values."""
        names, numbers, lengths = self._single_values
        of_code = np.bincount(self.codes[documents], minlength=len(self.distinct))
        # Sums of whole numbers: exact in floats.
        of_value = np.bincount(numbers, np.repeat(of_code, lengths), len(names)).astype(np.int64)
        found = np.flatnonzero(of_value)
        return dict(zip([names[place] for place in found.tolist()], of_value[found].tolist(), strict=True))


def joined(parts: Sequence[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """The parts one after another; an empty array of that type for none."""
    return np.concatenate([*parts, np.empty(0, dtype)]) if len(parts) != 1 else parts[0]
