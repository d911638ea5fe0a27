"""The query language: `"…"` an exact part, `-word` what must not be, `领域:水利` filters. Optional and forgiving.

Whatever is no complete operator is plain words. Nothing here knows what the values of a filter are: who searches
compares them with those that there are, and puts back as plain words what is none (`Asked.without`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from zhiku.analysis.normalize import normalize

#: Facet -> what it is called in a query, in normal form.
FILTER_NAMES: Mapping[str, tuple[str, ...]] = {
    "field": ("领域", "专长领域", "field"),
    "township": ("乡镇", "township"),
    "unit": ("单位", "原单位", "unit"),
    "title": ("职称", "title"),
    "availability": ("联系", "状态", "联系状态", "availability"),
}

#: Operators that are read; further ones are plain words.
MAX_OPERATORS = 30

_FACET_OF = {name: facet for facet, names in FILTER_NAMES.items() for name in names}
_LONGEST_NAME = max(map(len, _FACET_OF))

#: Quotes of all widths are one mark to those who type them, and Chinese ones are easily turned round.
_QUOTES = '"\uff02“”„‟'
#: Opening quote -> what closes it.
_CLOSING = {**dict.fromkeys(_QUOTES, _QUOTES), "「": "」", "『": "』", "﹁": "﹂", "﹃": "﹄"}

_MINUS = "-\uff0d"
_WORD = re.compile(r"\w")
#: A word that must not be ends before a blank or what ends a clause.
_EXCLUDED = re.compile('[^\\s\uff0c。\uff1b\uff01\uff1f、,;!?"“”\uff02]+')
#: A filter: its name, which may be glossed (領(lǐng)域), a colon of any width, a value on the same line.
_FILTER = re.compile(
    rf"(?P<name>(?:\w(?:[(\uff08][^()\uff08\uff09\s]{{1,24}}[)\uff09])?){{1,{_LONGEST_NAME}}})"
    r"[^\S\n]*[:\uff1a\ufe55∶][^\S\n]*(?P<value>[^\s\uff0c。\uff1b\uff01\uff1f,;!?]*)"
)
#: One value from the next: 漆河、陬市 or 漆河|陬市.
_VALUES = re.compile(r"[^、|\uff5c]*\w[^、|\uff5c]*")


class PartKind(StrEnum):
    """What a part of a query is."""

    PLAIN = "plain"
    PHRASE = "phrase"  # must be there exactly so
    EXCLUDED = "excluded"  # must not be there
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a query."""

    kind: PartKind
    #: What was typed for it, blanks and marks included; of all parts together, the query.
    typed: str
    #: The words themselves, without marks: of a filter its value.
    text: str
    #: Of a filter, the facet.
    facet: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, read: its parts in the order in which they were typed."""

    parts: tuple[Part, ...] = ()

    @property
    def typed(self) -> str:
        """The query as it stands, with all its marks."""
        return "".join(part.typed for part in self.parts)

    @property
    def text(self) -> str:
        """What is left to search for by words: plain text and the words of phrases, never what is excluded."""
        wanted = [part.text for part in self.parts if part.kind in (PartKind.PLAIN, PartKind.PHRASE)]
        return wanted[0] if len(wanted) == 1 else " ".join(filter(None, (text.strip() for text in wanted)))

    @property
    def plain(self) -> str:
        """The text outside all operators."""
        return " ".join(filter(None, (part.text.strip() for part in self.parts if part.kind is PartKind.PLAIN)))

    @property
    def phrases(self) -> tuple[str, ...]:
        """Exact parts, each once."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind is PartKind.PHRASE))

    @property
    def excluded(self) -> tuple[str, ...]:
        """What must not be there, each once."""
        return tuple(dict.fromkeys(part.text for part in self.parts if part.kind is PartKind.EXCLUDED))

    @property
    def filters(self) -> tuple[tuple[str, str], ...]:
        """(facet, value as it was typed), each once."""
        return tuple(dict.fromkeys((part.facet, part.text) for part in self.parts if part.kind is PartKind.FILTER))

    @property
    def has_operators(self) -> bool:
        """Whether anything but plain text is there."""
        return any(part.kind is not PartKind.PLAIN for part in self.parts)

    def without(self, leave_out: Callable[[Part], bool]) -> Asked:
        """The query without some of its parts."""
        return Asked(_tidy(part for part in self.parts if not leave_out(part)))

    def as_plain(self, is_plain: Callable[[Part], bool]) -> Asked:
        """The query with some of its parts as plain words, without their marks."""
        return Asked(
            _tidy(
                replace(part, kind=PartKind.PLAIN, typed=_spaced(part.text), facet="") if is_plain(part) else part
                for part in self.parts
            )
        )


def plain(text: str) -> Asked:
    """A text in which no mark means anything."""
    return Asked((Part(PartKind.PLAIN, text, text),) if text else ())


def read(text: str) -> Asked:
    """Read a query. Never raises; a text without an operator is one plain part, unchanged."""
    parts: list[Part] = []
    begun = position = operators = 0
    while position < len(text) and operators < MAX_OPERATORS:
        found = _operator_at(text, position)
        if found is None:
            position += 1
            continue
        end, read_parts = found
        if begun < position:
            parts.append(Part(PartKind.PLAIN, text[begun:position], text[begun:position]))
        parts += read_parts
        operators += len(read_parts)
        begun = position = end
    if begun < len(text):
        parts.append(Part(PartKind.PLAIN, text[begun:], text[begun:]))
    return Asked(tuple(parts))


def _operator_at(text: str, start: int) -> tuple[int, list[Part]] | None:
    """The operator that begins here: where it ends, and its parts; None when there is none."""
    character = text[start]
    if character in _CLOSING:
        return _phrase_at(text, start)
    if character in _MINUS:
        return _excluded_at(text, start)
    return _filter_at(text, start) if character.isalpha() and _is_boundary(text, start) else None


def _phrase_at(text: str, start: int) -> tuple[int, list[Part]] | None:
    end = _end_of_quoted(text, start)
    # 3" and 5": inches. A digit before an opening quote of words is set off by a blank.
    if end is None or (text[start] == '"' and start and text[start - 1].isascii() and text[start - 1].isdigit()):
        return None
    return end, [Part(PartKind.PHRASE, text[start:end], text[start + 1 : end - 1].strip())]


def _excluded_at(text: str, start: int) -> tuple[int, list[Part]] | None:
    """A minus counts at the beginning or after a blank only: 3-5亩, 2024-05 and C-反应蛋白 have none."""
    if start and not text[start - 1].isspace():
        return None
    at = start + 1
    if at < len(text) and text[at] in _CLOSING:
        end = _end_of_quoted(text, at)
        return None if end is None else (end, [_excluded(text[start:end], text[at + 1 : end - 1])])
    match = _EXCLUDED.match(text, at)
    # -5℃ is a number, --help and -- are dashes.
    if match is None or match.group()[0] in _MINUS or match.group()[0].isdigit() or not _WORD.search(match.group()):
        return None
    named = _FILTER.fullmatch(match.group())
    # A filter cannot be turned round, but who writes -领域:灌溉 does not want 灌溉.
    is_filter = named is not None and normalize(named["name"]) in _FACET_OF and _WORD.search(named["value"])
    word = named["value"] if named is not None and is_filter else match.group()
    return match.end(), [_excluded(text[start : match.end()], word)]


def _excluded(typed: str, text: str) -> Part:
    return Part(PartKind.EXCLUDED, typed, text.strip())


def _filter_at(text: str, start: int) -> tuple[int, list[Part]] | None:
    match = _FILTER.match(text, start)
    facet = _FACET_OF.get(normalize(match["name"]), "") if match else ""
    if match is None or not facet:
        return None
    at = match.start("value")
    if at < len(text) and text[at] in _CLOSING:
        end = _end_of_quoted(text, at)
        if end is None:
            return None
        return end, [Part(PartKind.FILTER, text[start:end], text[at + 1 : end - 1].strip(), facet)]
    value = match["value"]
    if not _WORD.match(value) or _is_filter(value):
        return None
    parts: list[Part] = []
    begun = start
    for one in _VALUES.finditer(text, at, match.end()):
        parts.append(Part(PartKind.FILTER, text[begun : one.end()], one.group(), facet))
        begun = one.end()
        if len(parts) > MAX_OPERATORS:
            return None
    # A mark behind the last value (漆河、) goes with it.
    parts[-1] = replace(parts[-1], typed=parts[-1].typed + text[begun : match.end()])
    return match.end(), parts


def _end_of_quoted(text: str, start: int) -> int | None:
    """The place behind the quote that closes the one here; None when none does on this line, or nothing is quoted."""
    closing = _CLOSING[text[start]]
    end = start + 1
    while end < len(text) and text[end] not in closing and text[end] not in "\r\n":
        end += 1
    if end == len(text) or text[end] not in closing or not _WORD.search(text[start + 1 : end]):
        return None
    return end + 1


def _is_boundary(text: str, start: int) -> bool:
    """Whether a name may begin here: not inside a word (负责领域), an address or a path."""
    return not start or not (text[start - 1].isalnum() or text[start - 1] in "_./@:\uff1a#&?=")


def _is_filter(text: str) -> bool:
    match = _FILTER.match(text)
    return match is not None and normalize(match["name"]) in _FACET_OF


def _spaced(text: str) -> str:
    return f" {text} "


def _tidy(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Parts with neighbouring plain ones joined, and no more blanks than words need."""
    joined: list[Part] = []
    for part in parts:
        if part.kind is PartKind.PLAIN and joined and joined[-1].kind is PartKind.PLAIN:
            text = f"{joined[-1].typed.rstrip()} {part.typed.lstrip()}"
            joined[-1] = Part(PartKind.PLAIN, text, text)
        else:
            joined.append(part)
    if joined and joined[0].kind is PartKind.PLAIN:
        joined[0] = _stripped(joined[0], joined[0].typed.lstrip())
    if joined and joined[-1].kind is PartKind.PLAIN:
        joined[-1] = _stripped(joined[-1], joined[-1].typed.rstrip())
    spaced: list[Part] = []
    for part in joined:
        if part.kind is PartKind.PLAIN and not part.typed.strip() and not spaced:
            continue
        # Two operators side by side would run together once what stood between them is gone.
        if spaced and part.kind is not PartKind.PLAIN and spaced[-1].kind is not PartKind.PLAIN:
            spaced.append(Part(PartKind.PLAIN, " ", " "))
        spaced.append(part)
    return tuple(part for part in spaced if part.typed)


def _stripped(part: Part, text: str) -> Part:
    return Part(part.kind, text, text)
