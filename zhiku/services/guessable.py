"""How easily a password is guessed: of how few pieces that everybody knows it can be put together.

A piece is a common password or word, one of the owner's own words (their name, their county, in Chinese or as it
sounds), a syllable of pinyin, a date or number that others know, a run (abc, 2468, 666), keys that lie side by side
(qwe, 1qaz), or else a single character. Guessers put such pieces together; what takes few of them is found early,
whatever capitals and signs it has. The idea is that of zxcvbn (Wheeler, USENIX Security 2016), with Chinese habits and
without its estimates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from importlib.resources import files

#: A password of fewer pieces is guessed too easily. Five syllables of pinyin are one of 10^13.
FEWEST_PIECES = 5
#: So few different characters are no password, however long.
FEWEST_CHARACTERS = 5

#: Shortest word that is looked up; of the owner's own words two letters are enough (initials, a surname).
_SHORTEST_WORD = 3
_LONGEST_PIECE = 24
#: So many of the commonest leaked passwords are known; further down the list are words that are in many sentences.
LEAKED = 8000

_SYLLABLE = re.compile(
    "(?:[zcs]h|[b-df-hj-np-tw-z])(?:i?ang|eng|ing|i?ong|uang|i?an|uan|en|in|un|u?ai|ei|ui|i?ao|ou|iu|ie|[uv]e|i?a|ua|uo"
    "|o|e|i|u|v)|an?|ang|a[io]|e|en|er|ou?"
)
_MONTH_AND_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
#: A year, a date with or without its year, a mobile number, an identity number.
_KNOWN_NUMBER = re.compile(
    f"(?:19|20)[0-9]{{2}}(?:[-./]?(?:0?[1-9]|1[0-2])(?:[-./]?(?:0?[1-9]|[12][0-9]|3[01]))?)?|(?:[0-9]{{2}})?"
    f"{_MONTH_AND_DAY}|1[3-9][0-9]{{9}}|[0-9]{{17}}[0-9x]"
)

#: Rows of keys, each a little to the right of the one above; and the pad of digits.
_KEYBOARD = ("`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./")
_PAD = ("789", "456", "123", "0. ")
#: What the same keys give with Shift.
_UNSHIFTED = str.maketrans('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./")
#: Signs that stand for letters.
_MEANT = str.maketrans("@4031!5$7", "aaoeiisst")


def pieces(password: str, own_words: Collection[str] = ()) -> int:
    """The fewest pieces that a password can be put together from; `own_words` are those that concern its owner."""
    text = unicodedata.normalize("NFKC", password).casefold()
    own = {word.casefold() for word in own_words if len(word) > 1}
    fewest = [0]
    for end in range(1, len(text) + 1):
        starts = range(max(0, end - _LONGEST_PIECE), end)
        fewest.append(min(fewest[start] + 1 for start in starts if end - start == 1 or _is_known(text[start:end], own)))
    unit, times = _repeated(text)
    # Whatever is written several times is guessed as itself, and once more.
    return min(fewest[-1], pieces(unit, own) + 1) if times > 1 else fewest[-1]


def is_guessable(password: str, own_words: Collection[str] = ()) -> bool:
    """Whether it is of few pieces, or of few different characters."""
    return len(set(password)) < FEWEST_CHARACTERS or pieces(password, own_words) < FEWEST_PIECES


@lru_cache(maxsize=1)
def common_passwords() -> frozenset[str]:
    """The commonest of leaked passwords, by zxcvbn's list, and those of Chinese users, by ours; lower case."""
    # A megabyte of lists, which only a new password needs.
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    text = files("zhiku.reference").joinpath("common_passwords.txt").read_text(encoding="utf-8")
    ours = (line for line in text.splitlines() if line and not line.startswith("# "))
    return frozenset((*FREQUENCY_LISTS["passwords"][:LEAKED], *ours))


def _is_known(part: str, own: Collection[str]) -> bool:
    if part in own or _SYLLABLE.fullmatch(part):
        return True
    if len(part) < _SHORTEST_WORD:
        return False
    common = common_passwords()
    return (
        part in common
        or part.translate(_MEANT) in common
        or part.translate(_MEANT) in own
        or _KNOWN_NUMBER.fullmatch(part) is not None
        or _is_run(part)
        or _is_walk(part)
    )


def _repeated(text: str) -> tuple[str, int]:
    """The shortest part that gives the text by being written again and again, and how often."""
    # A text is a rotation of itself exactly where its repeated part begins anew.
    size = (text + text).find(text, 1) if text else 0
    return (text[:size], len(text) // size) if size else (text, 1)


def _is_run(part: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in zip(part, part[1:], strict=False)}
    return part.isalnum() and len(steps) == 1 and abs(next(iter(steps))) <= 2


def _is_walk(part: str) -> bool:
    keys = part.translate(_UNSHIFTED)
    return any(
        all(key in places for key in keys)
        and all(_are_neighbours(places[one], places[other]) for one, other in zip(keys, keys[1:], strict=False))
        for places in (_places(_KEYBOARD), _places(_PAD))
    )


def _are_neighbours(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(one[0] - other[0]) <= 1 and abs(one[1] - other[1]) <= 1


@lru_cache(maxsize=2)
def _places(rows: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    return {key: (y, x) for y, row in enumerate(rows) for x, key in enumerate(row) if key != " "}
