"""Synonyms: what people say beside what files say. They act on queries only, so a new one needs no rebuild."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from importlib import resources
from typing import Protocol

from zhiku.analysis.normalize import normalize


class SynonymSource(Protocol):
    """What an analyzer asks for synonyms: `Synonyms`, or something that gives those of the moment."""

    def expand(self, text: str, words: Collection[tuple[int, int]]) -> dict[tuple[int, int], tuple[str, ...]]:
        """As `Synonyms.expand`."""


class Synonyms:
    """Groups of interchangeable words or phrases.

    A member may stand in several groups, and groups may lead in circles (A = B, B = C, C = A): a member offers the
    others of its own groups and nothing beyond, so no chain is ever followed.
    """

    def __init__(self, groups: Iterable[Sequence[str]], is_normal: bool = False) -> None:
        """`is_normal`: the members are in normal form already, and none is empty."""
        self._groups: list[tuple[str, ...]] = []
        self._by_member: dict[str, list[int]] = {}
        for group in groups:
            given = group if is_normal else (normalize(member) for member in group if member.strip())
            members = tuple(dict.fromkeys(given))
            if len(members) > 1:
                for member in members:
                    self._by_member.setdefault(member, []).append(len(self._groups))
                self._groups.append(members)
        #: First character of a member -> lengths of the members that begin with it.
        self._lengths: dict[str, set[int]] = {}
        for member in self._by_member:
            self._lengths.setdefault(member[0], set()).add(len(member))

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def groups(self) -> Sequence[tuple[str, ...]]:
        """All groups, their members in normal form."""
        return self._groups

    def groups_of(self, member: str) -> list[tuple[str, ...]]:
        """The groups in which a (normalised) word or phrase stands."""
        return [self._groups[number] for number in self._by_member.get(member, ())]

    def expand(self, text: str, words: Collection[tuple[int, int]]) -> dict[tuple[int, int], tuple[str, ...]]:
        """What else could have been said: span of a member in the normalised text -> the others of its groups.

        Longer members win over shorter ones inside them. A member of one or two characters must be a word of the text
        (a span in `words`), or two characters that are in no other word: any two characters meet by accident (起诉 in
        一起诉苦). A member never begins or ends inside a Latin word or a number.
        """
        found: dict[tuple[int, int], tuple[str, ...]] = {}
        taken = bytearray(len(text))
        for length, start in sorted(self._places(text), key=lambda place: (-place[0], place[1])):
            end = start + length
            if any(taken[start:end]) or _cuts_latin_word(text, start, end):
                continue
            if length <= 2 and (start, end) not in words and not _is_of_single_characters(start, end, words):
                continue
            taken[start:end] = b"\1" * length
            member = text[start:end]
            others = (other for group in self.groups_of(member) for other in group)
            found[start, end] = tuple(dict.fromkeys(other for other in others if other != member))
        return found

    def _places(self, text: str) -> Iterable[tuple[int, int]]:
        """(length, start) of every member in the text."""
        for start, character in enumerate(text):
            for length in self._lengths.get(character, ()):
                if start + length <= len(text) and text[start : start + length] in self._by_member:
                    yield length, start


NO_SYNONYMS = Synonyms(())


@cache
def shipped_synonyms() -> Synonyms:
    """The groups shipped with zhiku: one a line, members separated by spaces, `#` starts a comment."""
    text = resources.files("zhiku.analysis.lexicon").joinpath("synonyms.txt").read_text(encoding="utf-8")
    return Synonyms(line.partition("#")[0].split() for line in text.splitlines())


def _is_of_single_characters(start: int, end: int, words: Collection[tuple[int, int]]) -> bool:
    """Whether the segmenter left each character alone: it does so with a local word that is in no dictionary."""
    return end - start == 2 and (start, start + 1) in words and (start + 1, end) in words


def _cuts_latin_word(text: str, start: int, end: int) -> bool:
    return (start > 0 and _is_latin(text[start - 1]) and _is_latin(text[start])) or (
        end < len(text) and _is_latin(text[end]) and _is_latin(text[end - 1])
    )


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
