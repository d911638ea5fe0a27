"""Terms of many texts at once, as sorted arrays: the same terms and counts as `Analyzer.terms`, for the index's writer.

Bigrams and characters are made by array operations over the code points of all texts together; words come from the
segmenter text by text and are numbered by a dictionary. `tests/unit/test_batch.py` holds every result against
`Analyzer.terms`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.normalize import HAN
from zhiku.analysis.segment import Segmenter

#: Stands between texts. No normalised text has it (white space is folded to single spaces), and no word or bigram
#: reaches across it.
SEPARATOR = "\n"

#: Bits of a Han character's code point (the last plane of `HAN` ends at U+3FFFF), and those left for a text's number.
_CHARACTER_BITS = 18
_TEXT_BITS = 28
#: Texts that one count can tell apart.
MAX_TEXTS = 1 << _TEXT_BITS

_HAS_WORD_CHARACTER = re.compile(r"\w")


@dataclass(frozen=True, slots=True, eq=False)
class TermCounts:
    """How often each text has each term: terms by rising UTF-8, and within a term texts by rising number."""

    #: The terms' UTF-8 one after another, and where each begins (terms + 1,).
    blob: bytes
    offsets: NDArray[np.int64]
    #: Where the pairs of each term begin (terms + 1,).
    starts: NDArray[np.int64]
    #: Number of the text, and how often it has the term (pairs,).
    texts: NDArray[np.int32]
    counts: NDArray[np.int32]


class WordNumbers(dict[str, int]):
    """Numbers words in the order in which they come; what has no letter or digit is no word and gets 0."""

    def __missing__(self, word: str) -> int:
        number = len(self) + 1 if _HAS_WORD_CHARACTER.search(word) else 0
        self[word] = number
        return number

    def cut(self, text: str, segmenter: Segmenter) -> list[int]:
        """Numbers of the words of a normalised text, in reading order."""
        return list(map(self.__getitem__, segmenter.cut(text)))


class JoinedTexts:
    """Normalised texts side by side as code points."""

    def __init__(self, joined: str, count: int) -> None:
        """`joined` is `count` texts with `SEPARATOR` between them."""
        self.count = count
        self._codes = np.frombuffer(joined.encode("utf-32-le"), "<u4")
        self._is_han = _han_table()[np.minimum(self._codes, 0x40000)]

    def lengths(self) -> NDArray[np.int64]:
        """Length of each text in Chinese characters and Latin words (texts,), as `Analyzer.length` counts."""
        is_latin = _is_word_character(self._codes) & ~self._is_han
        begins = is_latin.copy()
        begins[1:] &= ~is_latin[:-1]
        texts = self._texts()[begins | self._is_han]
        return np.bincount(texts, minlength=self.count)

    def characters(self) -> TermCounts:
        """Chinese characters."""
        places = np.flatnonzero(self._is_han)
        present, starts, texts, counts = _count_numbers(self._codes[places], self._texts()[places])
        return _counted_characters(present.astype("<u4")[:, None], starts, texts, counts)

    def bigrams(self) -> TermCounts:
        """Two Chinese characters side by side."""
        places = np.flatnonzero(self._is_han[:-1] & self._is_han[1:])
        keys = self._codes[places].astype(np.uint64)
        keys <<= np.uint64(_CHARACTER_BITS)
        keys |= self._codes[places + 1]
        keys <<= np.uint64(_TEXT_BITS)
        keys |= self._texts()[places].astype(np.uint64)
        terms, starts, texts, counts = _count_keys(keys)
        codes = np.empty((len(terms), 2), "<u4")
        codes[:, 0] = terms >> np.uint64(_CHARACTER_BITS)
        codes[:, 1] = terms & np.uint64((1 << _CHARACTER_BITS) - 1)
        return _counted_characters(codes, starts, texts, counts)

    def _texts(self) -> NDArray[np.int32]:
        """Number of the text at each code point."""
        return np.cumsum(self._codes == ord(SEPARATOR), dtype=np.int32)


def _counted_characters(
    codes: NDArray[np.uint32], starts: NDArray[np.int64], texts: NDArray[np.int32], counts: NDArray[np.int32]
) -> TermCounts:
    """Terms of so many Han characters each, given by their code points (terms, characters)."""
    # They take three bytes in UTF-8, those beyond the first plane four. Code points have UTF-8's order.
    lengths = np.where(codes >= 0x10000, 4, 3).sum(axis=1)
    return TermCounts(codes.tobytes().decode("utf-32-le").encode(), _offsets(lengths), starts, texts, counts)


def count_words(words: WordNumbers, numbers: NDArray[np.int32], texts: NDArray[np.int32]) -> TermCounts:
    """Words by text, from their numbers and the number of the text each stands in (occurrences,)."""
    by_number = [word for word, number in words.items() if number]
    order = sorted(range(len(by_number)), key=by_number.__getitem__)
    # Numbers skip nothing but what is no word, so the n-th word with a number is not always number n.
    ranks = np.zeros(len(words) + 1, np.uint32)
    given = np.fromiter((words[word] for word in by_number), np.int64, len(by_number))
    ranks[given[order]] = np.arange(len(order), dtype=np.uint32)
    is_word = numbers > 0
    present, starts, texts, counts = _count_numbers(ranks[numbers[is_word]], texts[is_word])
    encoded = [by_number[order[rank]].encode() for rank in present.tolist()]
    return TermCounts(b"".join(encoded), _offsets(list(map(len, encoded))), starts, texts, counts)


def _count_numbers(
    numbers: NDArray[np.uint32], texts: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """As `_count_keys` for terms (occurrences,) that are small numbers, in texts that come in their order.

    Numbers of 16 bits are sorted by counting them, twice as fast as keys are compared.
    """
    frequency = np.bincount(numbers)
    present = np.flatnonzero(frequency)
    if len(frequency) > 1 << 16:
        dense = np.zeros(len(frequency), np.uint32)
        dense[present] = np.arange(len(present), dtype=np.uint32)
        numbers = dense[numbers]
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    if len(present) > 1 << 16:
        order = order[np.argsort((numbers[order] >> np.uint32(16)).astype(np.uint16), kind="stable")]
    texts = texts[order]
    is_first = np.empty(len(texts), np.bool_)
    np.not_equal(texts[1:], texts[:-1], out=is_first[1:])
    begins = _offsets(frequency[present])
    is_first[begins[:-1]] = True
    firsts = np.flatnonzero(is_first)
    counts = np.diff(firsts, append=len(texts)).astype(np.int32)
    return present, np.searchsorted(firsts, begins), texts[firsts], counts


def _count_keys(
    keys: NDArray[np.uint64],
) -> tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Sorts keys of (term, text) in place: distinct terms, where the pairs of each begin, texts and counts of pairs."""
    keys.sort()
    firsts = _firsts(keys)
    counts = np.diff(firsts, append=len(keys)).astype(np.int32)
    pairs = keys[firsts]
    texts = (pairs & np.uint64(MAX_TEXTS - 1)).astype(np.int32)
    pairs >>= np.uint64(_TEXT_BITS)
    starts = _firsts(pairs)
    return pairs[starts], np.append(starts, len(pairs)), texts, counts


def _firsts(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where a value differs from the one before it."""
    if not len(values):
        return np.empty(0, np.int64)
    changes = np.flatnonzero(values[1:] != values[:-1])
    return np.concatenate([np.zeros(1, np.int64), changes + 1])


def _offsets(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


@cache
def _han_table() -> NDArray[np.bool_]:
    """Whether a code point is a Han character (0x40001,); the last entry stands for all beyond."""
    table = np.zeros(0x40001, np.bool_)
    for first, last in re.findall(r"(.)(?:-(.))?", HAN.encode().decode("unicode_escape")):
        table[ord(first) : ord(last or first) + 1] = True
    return table


@cache
def _word_character_table() -> NDArray[np.bool_]:
    """Whether `\\w` matches a code point of the first plane (0x10000,)."""
    return _matches_w(range(0x10000))


def _is_word_character(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    table = _word_character_table()
    is_word = table[np.minimum(codes, 0xFFFF)]
    beyond = codes > 0xFFFF
    if beyond.any():
        distinct, where = np.unique(codes[beyond], return_inverse=True)
        is_word[beyond] = _matches_w(distinct.tolist())[where]
    return is_word


def _matches_w(codes: Iterable[int]) -> NDArray[np.bool_]:
    return np.array([_HAS_WORD_CHARACTER.match(chr(code)) is not None for code in codes], np.bool_)
