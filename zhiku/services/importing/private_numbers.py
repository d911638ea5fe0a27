"""Telephone, identity and bank card numbers inside other text: found, taken out, never shown.

PRODUCT: such data is never in the index, so it must not hide in a summary either.
"""

from __future__ import annotations

import re

from zhiku.domain.redaction import REMOVED, has_private_number, redact

#: The word before a number goes with it, so that no empty "电话:" is left behind.
_REMOVED = re.compile(
    r"(?:(?:联系)?(?:电话|手机)(?:号码?)?|身份证(?:号码?)?|微信|tel)?[:：为是]?\s*" + re.escape(REMOVED), re.IGNORECASE
)
#: In a message even a number with a digit too few is too much.
_SUSPECT = re.compile(r"\d{7,}[Xx]?|(?<!\d)\d{3,4}(?:[ -]\d{3,4}){2}(?!\d)")

#: How much of a cell a message quotes.
_QUOTED = 40


def without_private_numbers(text: str) -> tuple[str, bool]:
    """The text without what `redact` hides, and whether there was any: nothing stored here may need hiding later."""
    if not has_private_number(text):
        return text, False
    # Taking one out can bring the parts of another together.
    while has_private_number(text):
        text = _REMOVED.sub("", redact(text))
    return re.sub(r"[(（]\s*[)）]", "", text).strip(" ,，;；、:：\n"), True


def quoted(text: str, length: int = _QUOTED) -> str:
    """The text as a message may show it: short, on one line, long numbers masked."""
    line = _SUSPECT.sub("***", redact(" ".join(text.split())))
    return line if len(line) <= length else line[: length - 1] + "…"
