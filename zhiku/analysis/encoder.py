"""Sentence vectors (being written)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.normalize import normalize


class Encoder(Protocol):
    """Turns texts into unit vectors."""

    name: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimensions)."""


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """int8 vectors and their scales."""
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    safe = np.where(scales > 0, scales, 1)
    return np.rint(vectors / safe[:, None]).astype(np.int8), scales


def split_clauses(text: str) -> list[str]:
    """Clauses."""
    return [part.strip() for part in re.split("[。；！？\n]", text) if part.strip()]


def clause_key(text: str) -> int:
    """Digest."""
    return int.from_bytes(hashlib.blake2b(normalize(text).encode(), digest_size=8).digest()) >> 1
