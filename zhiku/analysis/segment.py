"""Word segmentation by jieba, in search mode, with a dictionary of our own.

Two implementations of the same algorithm over the same dictionary: `jieba` (pure Python, runs everywhere) and `rjieba`
(Rust, about twelve times as fast). They cut a few texts in ten thousand differently, so the index's manifest records
which one built it and queries use that one.
"""

from __future__ import annotations

import logging
import re
import tempfile
import threading
import warnings
from collections.abc import Iterable, Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Protocol
from weakref import WeakValueDictionary

from zhiku.analysis.normalize import HAN

_HAN_RUN = re.compile(rf"[{HAN}]+")

#: Frequency given to words of ours: high enough that jieba's own segmentation of the same characters loses.
OWN_WORD_FREQUENCY = 20_000


class SegmenterMissing(RuntimeError):
    """The index was built with a segmenter that is not installed here. `str(error)` is Chinese, for the operator."""


class Segmenter(Protocol):
    """Cuts normalised text into words."""

    #: "jieba" or "rjieba".
    name: str

    def cut(self, text: str) -> list[str]:
        """Words in search mode: long words, and the shorter words inside them. In reading order."""

    def spans(self, text: str) -> list[tuple[int, int]]:
        """`(start, end)` of the words of a query: as `cut`, but without words guessed from their characters.

        In a few words without context the guesses are wrong as often as right (榨才 of 怎么榨才香), and a wrong word is
        a condition nobody meets.
        """

    def knows(self, word: str) -> bool:
        """Whether the word is in the dictionary; others were guessed from their characters."""


class JiebaSegmenter:
    """The pure-Python segmenter; its own Tokenizer, because the module-level one leaks words between users."""

    name = "jieba"

    def __init__(self, words: Iterable[str], cache_dir: Path | None = None) -> None:
        with warnings.catch_warnings():
            # jieba's source has invalid escapes and imports pkg_resources; neither is ours to mend.
            warnings.simplefilter("ignore")
            import jieba
        jieba.setLogLevel(logging.WARNING)
        self._tokenizer = jieba.Tokenizer()
        # Never the shared system folder, where anybody could place a prepared cache: jieba unmarshals it.
        if cache_dir is None:
            with tempfile.TemporaryDirectory(prefix="zhiku-jieba-") as folder:
                self._load(Path(folder))
        else:
            cache_dir.mkdir(parents=True, exist_ok=True)
            self._load(cache_dir)
        for word in words:
            self._tokenizer.add_word(word, OWN_WORD_FREQUENCY)

    def _load(self, cache_dir: Path) -> None:
        """Read the dictionary, or the cache of it that an earlier run left in the folder."""
        self._tokenizer.tmp_dir = str(cache_dir)
        self._tokenizer.initialize()

    def cut(self, text: str) -> list[str]:
        return list(self._tokenizer.cut_for_search(text))

    def spans(self, text: str) -> list[tuple[int, int]]:
        return list(_without_guesses(self, text, self._tokenizer.tokenize(text, mode="search")))

    def knows(self, word: str) -> bool:
        return bool(self._tokenizer.FREQ.get(word))


class RjiebaSegmenter:
    """The Rust segmenter."""

    name = "rjieba"

    def __init__(self, words: Iterable[str]) -> None:
        import rjieba

        self._tokenizer = rjieba.Jieba()
        for word in words:
            self._tokenizer.add_word(word, OWN_WORD_FREQUENCY, None)

    def cut(self, text: str) -> list[str]:
        return self._tokenizer.cut_for_search(text)

    def spans(self, text: str) -> list[tuple[int, int]]:
        return list(_without_guesses(self, text, self._tokenizer.tokenize(text, mode="search")))

    def knows(self, word: str) -> bool:
        return self._tokenizer.has_word(word)


#: Segmenters that somebody has, by name and words: a dictionary takes its time to load, and a hundred megabytes.
_IN_USE: WeakValueDictionary[tuple[str, tuple[str, ...]], Segmenter] = WeakValueDictionary()
_MAKING = threading.Lock()


def make_segmenter(name: str, words: Iterable[str], cache_dir: Path | None = None) -> Segmenter:
    """A segmenter by name ("auto": rjieba where it is installed) that knows `words` beside jieba's dictionary.

    The same one for the same words, as long as somebody has it: nobody can teach it others. Raises `SegmenterMissing`
    when rjieba is asked for by name and is not here.
    """
    name, words = segmenter_name(name), tuple(words)
    with _MAKING:
        segmenter = _IN_USE.get((name, words))
        if segmenter is None:
            segmenter = RjiebaSegmenter(words) if name == "rjieba" else JiebaSegmenter(words, cache_dir)
            _IN_USE[name, words] = segmenter
        return segmenter


def segmenter_name(setting: str) -> str:
    """Which segmenter ("jieba", "rjieba") a setting stands for here; raises as `make_segmenter`."""
    if setting in ("auto", "rjieba"):
        try:
            import rjieba  # noqa: F401

            return "rjieba"
        except ImportError:
            if setting == "rjieba":
                raise SegmenterMissing(
                    "索引是用 rjieba 分词建立的，而这台电脑没有安装 rjieba。"
                    "请安装它（pip install rjieba），或改用 jieba 重建索引：zhiku index rebuild"
                ) from None
    return "jieba"


def _without_guesses(
    segmenter: Segmenter, text: str, tokens: Iterable[tuple[str, int, int]]
) -> Iterator[tuple[int, int]]:
    """The spans of the tokens, Chinese words that are in no dictionary taken apart.

    Not by cutting without the HMM: that would take 3.5 and 0.4kv apart too, which stand whole in the index.
    """
    for _, start, end in tokens:
        if end - start > 1 and _HAN_RUN.fullmatch(text, start, end) and not segmenter.knows(text[start:end]):
            yield from ((position, position + 1) for position in range(start, end))
        else:
            yield start, end


def dictionary_version() -> str:
    """Version of jieba's dictionary; rjieba carries the same one."""
    return metadata.version("jieba")


def is_listed_name(word: str) -> bool:
    """Whether jieba's dictionary has the word as a person's name (tags nr, nrt, nrfg): 王德明 is in it.

    Looks through the dictionary's file, which takes milliseconds: not for every query.
    """
    content = resources.files("jieba").joinpath("dict.txt").read_bytes()
    start = content.find(f"\n{word} ".encode())
    return start >= 0 and content[start + 1 : content.find(b"\n", start + 1)].split()[-1].startswith(b"nr")
