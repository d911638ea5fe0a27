"""Words shipped with zhiku: `words.txt` goes to the segmenter, `stop_words.txt` acts on queries only,
`letter_words.txt` on pasted problems.

One word a line; `#` starts a comment.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def shipped_words() -> tuple[str, ...]:
    """Words of the field that jieba's dictionary lacks or cuts apart, sorted."""
    return tuple(sorted(set(_read("words.txt"))))


@cache
def stop_words() -> frozenset[str]:
    """Words of questions that say nothing about what is looked for."""
    return frozenset(_read("stop_words.txt"))


@cache
def letter_words() -> frozenset[str]:
    """Words of letters and messages that say nothing about their subject."""
    return frozenset(_read("letter_words.txt"))


def _read(name: str) -> list[str]:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return [word for line in text.splitlines() for word in line.partition("#")[0].split()]
