"""Clauses: the pieces of a text that get a vector each, and the key under which a clause's vector is kept.

Cut at the ends of sentences, and long sentences at their semicolons, then commas, into pieces of up to about
`MAX_CLAUSE` characters: what the model can tell in one vector, and what can be shown as evidence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable

from zhiku.analysis.normalize import normalize, normalize_all

#: In the cache's identity: raise it when a text would be cut into other clauses or get another key.
CLAUSE_RULE = 1

#: Longest clause, in characters; a short neighbour may come on top.
MAX_CLAUSE = 60

#: A shorter clause says little by itself (其中：, 近年来，) and joins a neighbour on its line.
MIN_CLAUSE = 8

#: What may close after a mark and belongs to what stands before it.
_CLOSING = r"[”’」』》〉\uff09\u3011)\]]*"

_LINE_BREAK = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")

#: Where a text may be cut, the best places first. A point ends a sentence only before white space (3.5, www.), a comma
#: or colon between digits (1,200; 9:30) ends nothing.
_MARKS = (
    re.compile(rf"(?:[。\uff01\uff1f!?…]|\.(?=\s|$))+{_CLOSING}"),
    re.compile(rf"[\uff1b;]+{_CLOSING}"),
    re.compile(rf"(?:[\uff0c\uff1a]|[,:](?!\d)|(?<!\d)[,:])+{_CLOSING}"),
    re.compile(rf"[、]+{_CLOSING}|\s+"),
)

_Span = tuple[int, int]


def split_clauses(text: str) -> list[str]:
    """The clauses of a text in reading order: stripped parts of it as it stands, none empty, none overlapping."""
    clauses: list[str] = []
    for line in _cut(_LINE_BREAK, text, (0, len(text))):
        spans = [part for sentence in _cut(_MARKS[0], text, line) for part in _fit(text, sentence, 1)]
        pieces = [text[start:end].strip() for start, end in _without_short(spans)]
        clauses += filter(None, pieces)
    return clauses


def clause_key(text: str) -> int:
    """A key of the text's normal form, 0 … 2^63 - 1: texts of one normal form have one vector."""
    return _key(normalize(text))


def clause_keys(texts: Iterable[str]) -> list[int]:
    """`clause_key` of each of the texts; of many several times as fast."""
    return list(map(_key, normalize_all(texts)))


def _key(normal: str) -> int:
    return int.from_bytes(hashlib.blake2b(normal.encode(), digest_size=8).digest()) >> 1


def _fit(text: str, span: _Span, level: int) -> list[_Span]:
    """Parts of a span that are short enough, cut at the best marks there are; neighbours that fit stay together."""
    start, end = span
    if end - start <= MAX_CLAUSE:
        return [span]
    if level == len(_MARKS):
        # No mark for long: equal lengths.
        count = -(-(end - start) // MAX_CLAUSE)
        edges = [start + (end - start) * number // count for number in range(count + 1)]
        return list(zip(edges, edges[1:], strict=False))
    parts = [part for piece in _cut(_MARKS[level], text, span) for part in _fit(text, piece, level + 1)]
    return _joined(parts, lambda left, right: right[1] - left[0] <= MAX_CLAUSE)


def _without_short(spans: Iterable[_Span]) -> list[_Span]:
    """Spans of one line, those below `MIN_CLAUSE` joined to a neighbour."""
    return _joined(
        spans,
        lambda left, right: min(left[1] - left[0], right[1] - right[0]) < MIN_CLAUSE
        and right[1] - left[0] < MAX_CLAUSE + MIN_CLAUSE,
    )


def _joined(spans: Iterable[_Span], is_one: Callable[[_Span, _Span], bool]) -> list[_Span]:
    """Adjacent spans, each joined to what stands before it where `is_one(before, span)` says so."""
    joined: list[_Span] = []
    for span in spans:
        if joined and is_one(joined[-1], span):
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
    return joined


def _cut(marks: re.Pattern[str], text: str, span: _Span) -> list[_Span]:
    """The span in parts, each with the marks that end it."""
    start, end = span
    edges = [start, *[match.end() for match in marks.finditer(text, start, end)]]
    if edges[-1] < end:
        edges.append(end)
    return list(zip(edges, edges[1:], strict=False))
