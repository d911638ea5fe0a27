"""Normalisation: one form for text that arrives full-width, Traditional, glossed, or with stray control characters.

Steps, in order: NFKC, casefold, controls and invisible characters out, pinyin glosses after a Chinese character out
(發(fā)揮 → 發揮), Traditional → Simplified (OpenCC t2s), white space folded. The result is a fixed point:
normalising it again changes nothing. A map of offsets leads back to the original, for highlighting.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

import opencc

#: Han characters (URO, extension A, compatibility, the supplementary planes) and the iteration mark 々, 〇.
HAN = r"\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

#: A gloss stands in brackets directly after a Chinese character and is its reading: 發(fā)揮, 们(men). Brackets with
#: something else, as in 基站(bts) or 面积(mu), are the author's own and stay.
#: The bracket comes first here, because a search for a character is many times as fast as one for what it is behind.
_GLOSS = re.compile(rf"[(\uff08](?<=[{HAN}].)([a-zêüāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ'· ]{{1,24}})[)\uff09]", re.IGNORECASE)
_TONE_MARK = re.compile("[āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹḿ]")

#: What `clean` keeps as it was written: NFKC would make ，：；？！ half-width, … three dots, ① a 1 and ㎡ an m2. Text that
#: is stored is text that is shown.
_PRINTED = re.compile("([，：；？！…①-⑳㈠-㈩㎡㎥℃]+)")

#: Simplified characters that OpenCC takes for older Traditional ones: 打坏 would become 打坯, 沈思 (a name) 沉思, 菜薹 菜苔.
_KEPT = frozenset("坏沈薹")

#: Characters that are right in Simplified names (萧乾, 乾县, 於是之) and stand for another one in Traditional text (乾旱, 至於).
#: They are converted only where the Chinese around them is Traditional.
_KEPT_IN_SIMPLIFIED = frozenset("乾於")

#: Whether a text has one of them: a search is ten times as fast as `isdisjoint` of a text.
_ANY_KEPT = re.compile(f"[{''.join(sorted(_KEPT | _KEPT_IN_SIMPLIFIED))}]")

#: Of these characters each has a normal form of one character, whatever stands beside it: no brackets, which may be
#: glosses, and nothing that composes.
_PLAIN_CHARACTER = (
    "[!-'*-~\uff0c\u3002\u3001\uff1b\uff1a\uff1f\uff01\u201c\u201d\u2018\u2019\u300a\u300b\u2014\u00b7\u4e00-\u9fff]"
)

#: Text of which nothing is left out: most sentences.
_PLAIN = re.compile(f"{_PLAIN_CHARACTER}+(?: {_PLAIN_CHARACTER}+)*")

_HAN_RUN = re.compile(rf"[{HAN}]+")

#: Stands between texts that are normalised together.
_LINE_END = "\n"

#: Controls that part words.
_WHITE_CONTROLS = re.compile("[\t\n\r\x0b\x0c\x85]")

#: Controls, format characters (zero-width space, BOM, bidi marks), surrogates, private use, unassigned.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


@dataclass(frozen=True, slots=True)
class Normalized:
    """`text`, and for each of its characters the half-open span of the original that it came from."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span in the original of `text[start:end]` (start < end)."""
        return self.starts[start], self.ends[end - 1]


def normalize(text: str) -> str:
    """The normal form of a text."""
    folded = _fold(_without_invisible(text))
    if "(" in folded and _GLOSS.search(folded):
        folded = "".join(folded[i] for i in _without_glosses(folded))
    return " ".join(_simplify(folded).split())


def normalize_all(texts: Iterable[str]) -> list[str]:
    """The normal form of each text: as `normalize`, and of many texts several times as fast.

    All of them are one long text in which each stands on a line of its own: nothing is composed, reordered, removed as
    a gloss or converted across a line break (but see `_simplify_lines`).
    """
    lines = list(texts)
    if not lines:
        return []
    joined = _LINE_END.join(lines)
    if joined.count(_LINE_END) >= len(lines):
        joined = _LINE_END.join([line.replace(_LINE_END, " ") for line in lines])
    folded = _fold_lines(_without_invisible_lines(joined))
    if "(" in folded and _GLOSS.search(folded):
        folded = _LINE_END.join(
            "".join(line[i] for i in _without_glosses(line)) if _GLOSS.search(line) else line
            for line in folded.split(_LINE_END)
        )
    simplified = _simplify_lines(folded)
    # No white space but single spaces is left by now; what stands at the end of a line, or twice, goes.
    while "  " in simplified:
        simplified = simplified.replace("  ", " ")
    return (
        simplified.replace(f" {_LINE_END}", _LINE_END).replace(f"{_LINE_END} ", _LINE_END).strip(" ").split(_LINE_END)
    )


@lru_cache(maxsize=4096)
def normalize_with_offsets(text: str) -> Normalized:
    """The normal form of a text, with the map back to it. Remembered: evidence shows the same sentences again."""
    if _PLAIN.fullmatch(text):
        plain = _simplify(_fold(text))
        return Normalized(plain, tuple(range(len(plain))), tuple(range(1, len(plain) + 1)))
    return _mapped(text)


def _mapped(text: str) -> Normalized:
    """As `normalize_with_offsets`, character by character."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, cluster in _clusters(text):
        for character in _fold(cluster):
            characters.append(character)
            starts.append(start)
            ends.append(end)
    folded = "".join(characters)
    kept = _without_glosses(folded)
    simplified = _simplify("".join(folded[i] for i in kept))
    # Folding white space comes last: removing a gloss can bring two spaces together.
    spaced = _without_extra_space(simplified)
    return Normalized(
        "".join(simplified[i] for i in spaced),
        tuple(starts[kept[i]] for i in spaced),
        tuple(ends[kept[i]] for i in spaced),
    )


def clean(text: str) -> str:
    """The form in which text is *stored*: as `normalize`, but case, line breaks and Chinese punctuation are kept."""
    return "\n".join(_clean_line(line) for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).strip(
        "\n"
    )


def _clean_line(line: str) -> str:
    visible = _without_invisible(_fold_width(_without_invisible(line)))
    simplified = _simplify("".join(visible[i] for i in _without_glosses(visible)))
    return "".join(simplified[i] for i in _without_extra_space(simplified))


def _fold_width(text: str) -> str:
    """NFKC for everything that is not part of how Chinese is printed."""
    pieces = _PRINTED.split(text)
    pieces[::2] = [unicodedata.normalize("NFKC", piece) for piece in pieces[::2]]
    return "".join(pieces)


def _clusters(text: str) -> list[tuple[int, int, str]]:
    """Spans of the text that NFKC may compose (a starter with what follows it), invisible characters left out."""
    clusters: list[tuple[int, int, str]] = []
    for position, character in enumerate(text):
        visible = _visible(character)
        if not visible:
            continue
        if clusters and _continues(clusters[-1][2], visible):
            start, _, cluster = clusters[-1]
            clusters[-1] = (start, position + 1, cluster + visible)
        else:
            clusters.append((position, position + 1, visible))
    return clusters


def _continues(cluster: str, character: str) -> bool:
    if character.isascii() or "\u3030" <= character <= "\u3098" or "\u309b" <= character <= "\u9fff":
        return False
    if unicodedata.combining(character):
        return True
    # Hangul jamo and a few Indic vowels compose without a combining class, and with all that is composed already: a
    # final consonant joins a syllable, not a vowel.
    composed = unicodedata.normalize("NFKC", cluster)
    return unicodedata.normalize("NFKC", composed + character) != composed + unicodedata.normalize("NFKC", character)


def _fold(text: str) -> str:
    # Case folding can leave the normal form (İ → i̇), so both are repeated until nothing changes.
    while True:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        folded = _without_invisible(folded)
        if folded == text:
            return folded
        text = folded


def _fold_lines(text: str) -> str:
    """`_fold` of each line."""
    while True:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
        folded = _without_invisible_lines(folded)
        if folded == text:
            return folded
        text = folded


def _without_invisible(text: str) -> str:
    if text.isprintable():
        return text
    # Most often it is nothing but line breaks.
    text = _WHITE_CONTROLS.sub(" ", text)
    return text if text.isprintable() else "".join(_visible(character) for character in text)


def _without_invisible_lines(text: str) -> str:
    """`_without_invisible` of each line."""
    if text.replace(_LINE_END, "").isprintable():
        return text
    return _LINE_END.join(map(_without_invisible, text.split(_LINE_END)))


def _visible(character: str) -> str:
    if character.isprintable():
        return character
    if _WHITE_CONTROLS.match(character):
        return " "
    category = unicodedata.category(character)
    return "" if category in _INVISIBLE else " " if category.startswith("Z") else character


def _without_glosses(text: str) -> list[int]:
    """Indices of the characters that are no gloss."""
    kept = list(range(len(text)))
    while "(" in text or "\uff08" in text:
        drop: set[int] = set()
        for match in _GLOSS.finditer(text):
            if _is_reading(text[max(0, match.start() - 6) : match.start()], match.group(1)):
                drop.update(range(match.start(), match.end()))
        if not drop:
            break
        # Then again: there may be a gloss behind a gloss.
        kept = [index for position, index in enumerate(kept) if position not in drop]
        text = "".join(character for position, character in enumerate(text) if position not in drop)
    return kept


def _is_reading(before: str, gloss: str) -> bool:
    """Whether the gloss, tones aside, is how the last characters of `before` are read."""
    if _TONE_MARK.search(gloss.casefold()):
        return True
    letters = "".join(character for character in gloss.casefold() if character.isalpha()).replace("ü", "v")
    return any(letters in _readings(before[-length:]) for length in range(1, len(before) + 1))


def _readings(characters: str) -> set[str]:
    import pypinyin  # half a second of dictionaries, for the few texts with glosses

    options = pypinyin.pinyin(characters, style=pypinyin.Style.NORMAL, heteronym=True, errors="ignore")
    readings = {""}
    for option in options:
        readings = {reading + syllable.replace("ü", "v") for reading in readings for syllable in option}
    return readings if len(options) == len(characters) else set()


def _without_extra_space(text: str) -> list[int]:
    """Indices that are left when runs of spaces become one and the ends are stripped."""
    keep = [i for i, character in enumerate(text) if character != " " or (i > 0 and text[i - 1] != " ")]
    while keep and text[keep[-1]] == " ":
        keep.pop()
    return keep


@cache
def _converter() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


def _simplify(text: str) -> str:
    """Traditional → Simplified, always of the same length, so that offsets hold, and a fixed point."""
    while True:
        converted = _converter().convert(text)
        if len(converted) != len(text):
            # A phrase rule changed the length.
            converted = "\n".join(map(_convert_line, text.split("\n")))
        if converted != text and _ANY_KEPT.search(text):
            converted = _with_kept(text, converted)
        # Once more, for the few characters whose simplified form has one itself (薴 → 苧 → 苎).
        if converted == text:
            return converted
        text = converted


#: Marks that describe how a character is composed (⿰ and the like).
_DESCRIPTION = re.compile("[\u2ff0-\u2fff\u31ef]")


def _simplify_lines(text: str) -> str:
    """`_simplify` of each line."""
    lines = text.split(_LINE_END)
    if _DESCRIPTION.search(text):
        # OpenCC takes such a mark and what follows for one character, also where that stands on the next line.
        return _LINE_END.join(map(_simplify, lines))
    converted = _converter().convert(text).split(_LINE_END)
    for number, (line, other) in enumerate(zip(lines, converted, strict=True)):
        if line != other:
            lines[number] = _simplify(line)
    return _LINE_END.join(lines)


def _convert_line(line: str) -> str:
    converted = _converter().convert(line)
    if len(converted) == len(line):
        return converted
    return "".join(_simplify_character(character) for character in line)


def _with_kept(text: str, converted: str) -> str:
    """The converted text, with those characters put back that are Simplified as they stand."""
    characters = list(converted)
    # Run by run, so that a line gives the same by itself and in a longer text.
    for run in _HAN_RUN.finditer(text):
        start, end = run.span()
        kept = _KEPT if _is_traditional(text[start:end], converted[start:end]) else _KEPT | _KEPT_IN_SIMPLIFIED
        characters[start:end] = (text[i] if text[i] in kept else converted[i] for i in range(start, end))
    return "".join(characters)


def _is_traditional(run: str, converted: str) -> bool:
    """Whether a character of the run was converted that no Simplified text has: one outside GB 2312."""
    return any(
        old != new and not old.encode("gb2312", "ignore")
        for old, new in zip(run, converted, strict=True)
        if old not in _KEPT_IN_SIMPLIFIED
    )


@cache
def _simplify_character(character: str) -> str:
    converted = _converter().convert(character)
    return converted if len(converted) == 1 else character
