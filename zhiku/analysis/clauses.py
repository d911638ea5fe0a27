"""Clauses: the pieces of a text that get a vector each, and the key under which a clause's vector is kept.

Cut at the ends of sentences, and long sentences at their semicolons, then commas, into pieces of up to about
`MAX_CLAUSE` characters: what the model can tell in one vector, and what can be shown as evidence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

from zhiku.analysis.normalize import normalize, normalize_all

#: In the cache's identity: raise it when a text would be cut into other clauses or get another key.
CLAUSE_RULE = 1

#: Longest clause, in characters; a short neighbour may come on top.
MAX_CLAUSE = 60

#: A shorter clause says little by itself (其中：, 近年来，) and joins a neighbour on its line.
MIN_CLAUSE = 8

#: What may close after a mark and belongs to what stands before it.
_CLOSING = r"[”’」』》〉\uff09\u3011)\]]*"

_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# Each pattern begins with a class of characters, because a search for one is several times as fast as for a group; what
# else must hold of the first character stands behind it.

#: Where a line or a sentence ends. A point ends one only before white space (3.5, www.).
_SENTENCE_END = re.compile(
    rf"[。\uff01\uff1f!?….{_BREAKS}]"
    rf"(?:(?<=[{_BREAKS}])[{_BREAKS}]*|(?:(?<!\.)|(?=\s|$))(?:[。\uff01\uff1f!?…]|\.(?=\s|$))*{_CLOSING})"
)

#: Where a long sentence may be cut, the best places first. A comma or colon between digits (1,200; 9:30) ends nothing.
_MARKS = (
    re.compile(rf"[\uff1b;][\uff1b;]*{_CLOSING}"),
    re.compile(
        rf"[\uff0c\uff1a,:](?:(?<=[\uff0c\uff1a])|(?!\d)|(?<!\d[,:]))"
        rf"(?:[\uff0c\uff1a]|[,:](?!\d)|(?<!\d)[,:])*{_CLOSING}"
    ),
    re.compile(rf"[、\s](?:(?<=、)、*{_CLOSING}|(?<!、)\s*)"),
)


def split_clauses(text: str) -> list[str]:
    """The clauses of a text in reading order: stripped parts of it as it stands, none empty, none overlapping."""
    clauses: list[str] = []
    start = end = 0
    #: Where the clauses of the line that begins at `start` end.
    ends: list[int] = []
    for match in _SENTENCE_END.finditer(text):
        begin, end = end, match.end()
        if end - begin <= MAX_CLAUSE:
            ends.append(end)
        else:
            ends += _ends(text, begin, end, 0)
        if text[end - 1] in _BREAKS:
            clauses += _pieces(text, start, ends)
            start, ends = end, []
    if end < len(text):
        ends += _ends(text, end, len(text), 0)
    clauses += _pieces(text, start, ends)
    return clauses


def clause_key(text: str) -> int:
    """A key of the text's normal form, 0 … 2^63 - 1: texts of one normal form have one vector."""
    return _key(normalize(text))


def clause_keys(texts: Iterable[str]) -> list[int]:
    """`clause_key` of each of the texts; of many several times as fast."""
    return list(map(_key, normalize_all(texts)))


def _key(normal: str) -> int:
    return int.from_bytes(hashlib.blake2b(normal.encode(), digest_size=8).digest()) >> 1


def _pieces(text: str, start: int, ends: list[int]) -> list[str]:
    """The clauses of the line that begins at `start`."""
    clauses: list[str] = []
    for end in _without_short(start, ends):
        if clause := text[start:end].strip():
            clauses.append(clause)
        start = end
    return clauses


def _ends(text: str, start: int, end: int, level: int) -> list[int]:
    """Ends of the parts of a span that are short enough, cut at the best marks there are; neighbours that fit stay
    together."""
    if end - start <= MAX_CLAUSE:
        return [end]
    if level == len(_MARKS):
        # No mark for long: equal lengths.
        count = -(-(end - start) // MAX_CLAUSE)
        return [start + (end - start) * number // count for number in range(1, count + 1)]
    marks = [match.end() for match in _MARKS[level].finditer(text, start, end)]
    if not marks or marks[-1] < end:
        marks.append(end)
    if len(marks) == 1:
        return _ends(text, start, end, level + 1)
    parts: list[int] = []
    before = start
    for mark in marks:
        if mark - before <= MAX_CLAUSE:
            parts.append(mark)
        else:
            parts += _ends(text, before, mark, level + 1)
        before = mark
    joined: list[int] = []
    # Where the last of the joined parts ends, and where it begins.
    last, first = parts[0], start
    for part in parts[1:]:
        if part - first > MAX_CLAUSE:
            joined.append(last)
            first = last
        last = part
    joined.append(last)
    return joined


def _without_short(start: int, ends: list[int]) -> list[int]:
    """Ends of the clauses of one line, those below `MIN_CLAUSE` joined to a neighbour."""
    if len(ends) < 2:
        return ends
    joined: list[int] = []
    last = ends[0]
    for end in ends[1:]:
        is_short = last - start < MIN_CLAUSE or end - last < MIN_CLAUSE
        if not is_short or end - start >= MAX_CLAUSE + MIN_CLAUSE:
            joined.append(last)
            start = last
        last = end
    joined.append(last)
    return joined
