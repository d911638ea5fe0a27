"""Synonyms: what people say beside what files say. They act on queries only, so a new one needs no rebuild."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib import resources

from zhiku.analysis.normalize import normalize


class Synonyms:
    """Groups of interchangeable words or phrases."""

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self._groups: list[tuple[str, ...]] = []
        self._by_member: dict[str, list[int]] = {}
        for group in groups:
            members = tuple(dict.fromkeys(normalize(member) for member in group if member.strip()))
            if len(members) > 1:
                for member in members:
                    self._by_member.setdefault(member, []).append(len(self._groups))
                self._groups.append(members)
        self._lengths = sorted({len(member) for member in self._by_member}, reverse=True)

    def __len__(self) -> int:
        return len(self._groups)

    def expand(self, text: str, words: Collection[tuple[int, int]]) -> dict[tuple[int, int], tuple[str, ...]]:
        """What else could have been said: span of a member in the normalised text -> the others of its groups.

        Longer members win over shorter ones inside them. A member of two characters must be a word of the text (a span
        in `words`): any two characters meet by accident (起诉 in 一起诉苦).
        """
        found: dict[tuple[int, int], tuple[str, ...]] = {}
        taken = bytearray(len(text))
        for length in self._lengths:
            for start in range(len(text) - length + 1):
                end = start + length
                member = text[start:end]
                if member not in self._by_member or any(taken[start:end]):
                    continue
                if length == 2 and (start, end) not in words:
                    continue
                taken[start:end] = b"\1" * length
                others = (other for group in self._by_member[member] for other in self._groups[group])
                found[start, end] = tuple(dict.fromkeys(other for other in others if other != member))
        return found


NO_SYNONYMS = Synonyms(())


@cache
def shipped_synonyms() -> Synonyms:
    """The groups shipped with zhiku: one a line, members separated by spaces, `#` starts a comment."""
    text = resources.files("zhiku.analysis.lexicon").joinpath("synonyms.txt").read_text(encoding="utf-8")
    return Synonyms(line.partition("#")[0].split() for line in text.splitlines())
