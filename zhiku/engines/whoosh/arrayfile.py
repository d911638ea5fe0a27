"""A file of named arrays, written once and mapped into memory for reading.

    magic, version, size of directory, CRC-32 of directory, size of file    32 bytes, little-endian
    directory                                                               JSON: [name, dtype, shape, offset, CRC-32]
    arrays                                                                  each at a multiple of 64 bytes

A file that was cut short, or is another one, is known when it is opened; a byte that changed inside an array is known
when the arrays' checksums are asked for (`verify`), because reading the whole file would take longer than a search.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]

MAGIC = b"zhiku.ar"
VERSION = 1

_HEADER = struct.Struct("<8sIIIxxxxQ")
_ALIGNMENT = 64


class DamagedFile(ValueError):
    """Not a file of ours, or not all of it."""


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write a new file that survives a power cut; a failure leaves none behind."""
    contiguous = {
        name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for name, array in sorted(arrays.items())
    }
    # Offsets are relative to where the arrays begin, so that the directory's size does not depend on them.
    directory: list[list[object]] = []
    offset = 0
    for name, array in contiguous.items():
        directory.append([name, array.dtype.str, list(array.shape), offset, zlib.crc32(_bytes(array))])
        offset = _aligned(offset + array.nbytes)
    encoded = json.dumps(directory, separators=(",", ":")).encode()
    begin = _aligned(_HEADER.size + len(encoded))
    try:
        with path.open("xb") as file:
            # Not tofile(): its errors do not say what the system refused.
            file.write(_HEADER.pack(MAGIC, VERSION, len(encoded), zlib.crc32(encoded), begin + offset))
            file.write(encoded)
            file.write(bytes(begin - file.tell()))
            for array in contiguous.values():
                file.write(_bytes(array))
                file.write(bytes(_aligned(array.nbytes) - array.nbytes))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class ArrayFile(Mapping[str, Array]):
    """An open file; its arrays are views of the mapped file and cannot be written to."""

    def __init__(self, path: Path) -> None:
        """Raises `DamagedFile`, or `OSError` when it cannot be opened."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _HEADER.size:
                raise DamagedFile("shorter than a header")
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._entries: dict[str, tuple[Array, int]] = {}
        try:
            self._read_directory(size)
        except BaseException:
            self.close()
            raise

    def _read_directory(self, size: int) -> None:
        magic, version, length, checksum, total = _HEADER.unpack_from(self._map)
        if magic != MAGIC or version != VERSION:
            raise DamagedFile("another kind or version of file")
        encoded = self._map[_HEADER.size : _HEADER.size + length]
        if size != total or zlib.crc32(encoded) != checksum:
            raise DamagedFile("cut short, or its directory changed")
        begin = _aligned(_HEADER.size + length)
        for name, dtype, shape, offset, array_checksum in json.loads(encoded):
            flat = np.frombuffer(self._map, dtype, int(np.prod(shape)), begin + offset)
            self._entries[name] = flat.reshape(shape), array_checksum

    def __getitem__(self, name: str) -> Array:
        return self._entries[name][0]

    def __iter__(self) -> Any:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def verify(self) -> None:
        """Read all of it; raises `DamagedFile` when an array is not what was written."""
        for name, (array, checksum) in self._entries.items():
            if zlib.crc32(_bytes(array)) != checksum:
                raise DamagedFile(f"{name} changed")

    def close(self) -> None:
        """Let go of the file; the mapping ends when the last array that is still in use goes."""
        self._entries.clear()
        try:
            self._map.close()
        except BufferError:
            pass


def _bytes(array: Array) -> memoryview:
    return array.data.cast("B") if array.size else memoryview(b"")


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
