"""Numbers that must not be shown or indexed, wherever somebody wrote them: phone, identity, card numbers, e-mail.

Contact data has a table of its own; this is for what people type into ordinary texts. The index folds what it reads
(① is a 1 there), and readers fold more (138.0736.1234), so numbers are looked for in a folded copy.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

#: Stands where a number was.
REMOVED = "[号码已隐去]"

_MARKS = r".·•・‧∙⋅\-‐-―−()_/"
#: What may stand between two digits of one number: two marks, and white space, which the index takes for one space.
_GAP = rf"\s*+(?:[{_MARKS}]\s*+){{0,2}}+"
_MONTH = rf"(?:0{_GAP}[1-9]|1{_GAP}[0-2])"
_DAY = rf"(?:0{_GAP}[1-9]|[12]{_GAP}[0-9]|3{_GAP}[01])"
#: The first two digits of identity numbers: the provinces of GB/T 2260.
_PROVINCE = rf"(?:1{_GAP}[1-5]|2{_GAP}[1-3]|3{_GAP}[1-7]|4{_GAP}[1-6]|5{_GAP}[0-4]|6{_GAP}[1-5]|7{_GAP}1|8{_GAP}[1-3])"
#: Digits of a mobile number also as Chinese ones, and as the letters that look like them.
_ONE = "1一壹幺"
_THREE_TO_NINE = "3-9三四五六七八九叁肆伍陆柒捌玖"
_ANY = f"{_ONE}{_THREE_TO_NINE}02零〇○二贰oil"


def _digits(count: str, kind: str = "0-9") -> str:
    """A pattern of so many digits (`count` as in a regular expression), each with the gap behind it."""
    return rf"(?:[{kind}]{_GAP}){{{count}}}"


_PRIVATE = re.compile(
    rf"""
      (?<![0-9]){_PROVINCE}{_GAP}{_digits("4")}(?:1{_GAP}9|2{_GAP}0){_GAP}{_digits("2")}
        {_MONTH}{_GAP}{_DAY}{_GAP}{_digits("3")}[0-9x](?![0-9])                   # identity number of 18
    | (?<![0-9])[0-9]{{15,18}}[0-9x](?![0-9])                                     # bank card or mistyped identity
    | (?<![0-9])62[0-9]{{2}}(?:[\ -]?[0-9]{{4}}){{3}}(?:[\ -]?[0-9]{{1,3}})?(?![0-9])  # bank card in groups
    | (?<![0-9]){_PROVINCE}{_GAP}{_digits("6")}{_MONTH}{_GAP}{_DAY}{_GAP}{_digits("2")}
        [0-9](?![0-9])                                                            # identity number of 15, as of old
    | (?:(?<![0-9])(?:\+|00)?86{_GAP})?
        (?:(?<![0-9])[{_ONE}]|(?<=86)[{_ONE}]|(?<![0-9a-z])[il]){_GAP}[{_THREE_TO_NINE}]{_GAP}
        {_digits("8", _ANY)}[{_ANY}](?![0-9])                                     # mobile
    | (?<![0-9])\(?0(?!\.){_GAP}[1-9]{_GAP}{_digits("7,9")}?[0-9](?![0-9])  # landline with area code
    | (?<![a-z0-9_.+-])[a-z0-9_.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+  # e-mail; \w would take the Chinese around it along
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: Every number looked for has seven digits or more, or is an address; most texts have neither.
_MAYBE = re.compile(rf"[0-9{_ANY}](?:{_GAP}[0-9{_ANY}]){{6}}|@", re.IGNORECASE)

# Folding takes longer than all else, and most texts need none. So this is for characters as they are written.
#: What folds to one digit or nothing; what folds to no digit and may stand between two; where a number ends.
_MAYBE_DIGIT = f"0-9\uff10-\uff19{_ANY}OIL"
_MAYBE_GAP = rf"\s{_MARKS}\uff08\uff09\uff0d\uff0e\uff0f\uff3f…"
_END = (
    r"!-'*+,:-?A-HJKMNP-Z\[-\^`a-hjkmnp-z{-~\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f"
    "“”‘’《》〈〉「」『』【】\uff05\uff5e\uff0b\uff1d×"
    + "".join(
        f"{chr(before + 1)}-{chr(number - 1)}"
        for before, number in pairwise([0x4DFF, *sorted(ord(one) for one in _ANY if "一" <= one <= "龥"), 0xA000])
        if number - before > 1
    )
)

#: Anything else, or seven digits in a row: without a match the folded text has none of `_MAYBE`.
_MAYBE_UNFOLDED = re.compile(
    rf"[^{_MAYBE_GAP}{_END}](?:(?<![{_MAYBE_DIGIT}])|(?:[{_MAYBE_GAP}]*+[{_MAYBE_DIGIT}]){{6}})"
)

#: A landline without its area code is a phone number only where the text says so; it may also be a sum.
_LOCAL = re.compile(
    rf"(?<![0-9])[2-8]{_GAP}(?:[0-9]{_GAP}){{5,6}}?[0-9](?![0-9])"
    r"(?!\s*(?:[元亩万亿千吨斤米人户个株头平立]|公[里斤顷]|[a-z%]))",
    re.IGNORECASE,
)
# Not 号码 alone: `REMOVED` has it, and must not make a phone number of what stands beside it.
_PHONE_WORD = re.compile("电话|手机|座机|固话|致电|拨打|热线|传真|☎|☏|📞|tel|phone", re.IGNORECASE)
#: 电话6622345、6622346: what stands beside one number is another.
_BESIDE_ANOTHER = re.compile(re.escape(REMOVED) + "[、,/或和及]$")
#: How far the word may be from the number, in characters: before it, and behind it (6622345是我家电话).
_WORD_BEFORE = 10
_WORD_BEHIND = 6

_YEAR = "(?:19|20)[0-9]{2}"
_DASH = rf"[ ]?[{_MARKS}][ ]?"
_DATE = rf"{_YEAR}{_DASH}(?:0?[1-9]|1[0-2])(?:{_DASH}(?:0?[1-9]|[12][0-9]|3[01]))?(?![0-9])"
_YEAR_OR_DATE = rf"(?:{_DATE}|{_YEAR}(?![0-9]))"
_NOT_BEHIND_DIGITS = rf"(?<![0-9])(?<![0-9][\s{_MARKS}])(?<![0-9][\s{_MARKS}]{{2}})"
#: Dates and periods (1975.03-1983.8, 2021 2022 2023), and ranges of sums (13000-150000元), have as many digits as a
#: phone number. Behind other digits they are the rest of one, except behind the number of an item of a list.
_NO_NUMBER = re.compile(
    rf"""
      (?:^(?<![0-9]\n)[ ]*\(?[0-9]{{1,2}}[.)][ ]?|{_NOT_BEHIND_DIGITS})
        (?:{_DATE}|{_YEAR}{_GAP}{_YEAR_OR_DATE})(?:{_GAP}{_YEAR_OR_DATE})*(?![0-9a-z@_])
    | {_NOT_BEHIND_DIGITS}[0-9]+[-‐-―~][0-9]+(?=\s*(?:万?元|亩|公里|公斤|斤|吨|[平立]方米))
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE,
)


def redact(text: str) -> str:
    """The text without such numbers. Doing it again changes nothing."""
    # Once more, until nothing is found: what was removed may have stood between a number and the word 电话.
    while spans := private_spans(text):
        pieces: list[str] = []
        end = 0
        for start, next_end in spans:
            pieces += (text[end:start], REMOVED)
            end = next_end
        text = "".join((*pieces, text[end:]))
    return text


def has_private_number(text: str) -> bool:
    """Whether `redact` would change the text."""
    return bool(private_spans(text))


def private_spans(text: str) -> list[tuple[int, int]]:
    """Half-open spans of such numbers, in order, apart from each other."""
    if not _MAYBE_UNFOLDED.search(text):
        return []
    folded = text.translate(_FOLDED)
    if not _MAYBE.search(folded):
        return []
    found = _folded_spans(_NO_NUMBER.sub(lambda match: "\0" * len(match[0]), folded))
    if not found or folded == text:
        return found
    places: list[int] = []
    for place, character in enumerate(text):
        places += [place] * len(character.translate(_FOLDED))
    # What folds to nothing behind a number (the frame of 1️⃣) goes with it.
    ends = [*places[1:], len(text)]
    spans: list[tuple[int, int]] = []
    for start, end in found:
        first, last = places[start], max(ends[end - 1], places[end - 1] + 1)
        # Of one character that folds to several (㉑) there may be a number in each half.
        if spans and first < spans[-1][1]:
            first, _ = spans.pop()
        spans.append((first, last))
    return spans


def _folded_spans(text: str) -> list[tuple[int, int]]:
    spans = [match.span() for match in _PRIVATE.finditer(text)]
    if REMOVED in text or _PHONE_WORD.search(text):
        for match in _LOCAL.finditer(text):
            start, end = match.span()
            is_new = all(end <= other_start or other_end <= start for other_start, other_end in spans)
            before, behind = text[max(0, start - _WORD_BEFORE) : start], text[end : end + _WORD_BEHIND]
            is_phone = _PHONE_WORD.search(before) or _PHONE_WORD.search(behind) or _BESIDE_ANOTHER.search(before)
            if is_new and is_phone:
                spans.append((start, end))
    return sorted(spans)


class _Folded(dict[int, str]):
    """What each character is to the eye, for `str.translate`: any digit as 0-9, the invisible as nothing."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        digit = unicodedata.digit(character, None)
        if digit is not None:
            folded = str(digit)
        elif character.isspace():
            folded = character
        else:
            composed = unicodedata.normalize("NFKC", character)
            folded = "".join(part for part in composed if unicodedata.category(part) not in _WITHOUT_A_BODY)
        self[code] = folded
        return folded


#: Controls, format characters, marks over and around others.
_WITHOUT_A_BODY = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Mn", "Me"})
_FOLDED = _Folded()
