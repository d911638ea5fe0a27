"""Columns of text as arrays: one UTF-8 blob and where each value begins; or few distinct values and a code each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from zhiku.engines.whoosh.arrayfile import Array, Arrays


class Strings(Sequence[str]):
    """Values that are decoded when they are looked at."""

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self._blob = blob
        self._offsets = offsets

    @classmethod
    def of(cls, arrays: Arrays, name: str) -> Strings:
        """The column of this name."""
        return cls(arrays[f"{name}.blob"], arrays[f"{name}.offsets"])

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> list[str]: ...

    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        return self.encoded(place).decode()

    def encoded(self, place: int) -> bytes:
        """A value as UTF-8."""
        return self._blob[self._offsets[place] : self._offsets[place + 1]].tobytes()

    def all_encoded(self) -> list[bytes]:
        """All values as UTF-8; much faster than one by one."""
        blob, offsets = self._blob.tobytes(), self._offsets.tolist()
        return [blob[start:end] for start, end in zip(offsets, offsets[1:], strict=False)]

    def tolist(self) -> list[str]:
        """All values."""
        return [value.decode() for value in self.all_encoded()]


class Coded:
    """A column as distinct values and one code per document (n,)."""

    def __init__(self, codes: NDArray[np.int32], distinct: Sequence[str]) -> None:
        self.codes = codes
        self.distinct = distinct

    @classmethod
    def of(cls, arrays: Arrays, name: str) -> Coded:
        """The column of this name."""
        return cls(arrays[f"{name}.codes"], Strings.of(arrays, name).tolist())


def string_arrays(name: str, values: Iterable[str]) -> dict[str, Array]:
    """The arrays of a column of strings."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum(list(map(len, encoded)), out=offsets[1:])
    return {f"{name}.blob": np.frombuffer(b"".join(encoded), np.uint8), f"{name}.offsets": offsets}


def coded_arrays(name: str, values: Sequence[str]) -> dict[str, Array]:
    """The arrays of a coded column."""
    codes: dict[str, int] = {}
    numbers = np.fromiter((codes.setdefault(value, len(codes)) for value in values), np.int32, len(values))
    return {f"{name}.codes": numbers, **string_arrays(name, codes)}
