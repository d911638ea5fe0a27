"""Telephone, identity and bank card numbers inside other text: found, taken out, never shown.

PRODUCT: such data is never in the index, so it must not hide in a summary either.
"""

from __future__ import annotations

import re

from zhiku.domain.redaction import REMOVED, redact

_MOBILE = r"1[3-9]\d(?:[ -]?\d{4}){2}"
_LANDLINE = r"0\d{2,3}[ -]?\d{7,8}"
_IDENTITY = r"[1-9]\d{16}[\dXx]|[1-9]\d{14}"
_CARD = r"\d{16,19}"
#: The word before a number goes with it, so that no empty "电话:" is left behind.
_PATTERN = re.compile(
    r"(?:(?:联系)?(?:电话|手机)(?:号码?)?|身份证(?:号码?)?|微信|tel)?[:：为是]?\s*"
    rf"(?<!\d)(?:{_IDENTITY}|{_CARD}|{_MOBILE}|{_LANDLINE})(?!\d)",
    re.IGNORECASE,
)
#: In a message even a number with a digit too few is too much.
_SUSPECT = re.compile(rf"{_LANDLINE}|\d{{7,}}[Xx]?|(?<!\d)\d{{3,4}}(?:[ -]\d{{3,4}}){{2}}(?!\d)")

#: How much of a cell a message quotes.
_QUOTED = 40


def without_private_numbers(text: str) -> tuple[str, bool]:
    """The text without such numbers and e-mail addresses, and whether there were any. Expects half-width digits."""
    if not any(character.isdigit() or character == "@" for character in text):
        return text, False
    # What `redact` knows is taken out too: nothing stored here may need hiding where it is shown.
    result = redact(_PATTERN.sub("", text)).replace(REMOVED, "")
    if result == text:
        return text, False
    return re.sub(r"[((]\s*[))]", "", result).strip(" ,，;；、:：\n"), True


def quoted(text: str, length: int = _QUOTED) -> str:
    """The text as a message may show it: short, on one line, long numbers masked."""
    line = redact(_SUSPECT.sub("***", " ".join(text.split())))
    return line if len(line) <= length else line[: length - 1] + "…"
