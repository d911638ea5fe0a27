"""Numbers that must not be shown or indexed, wherever somebody wrote them: phone and identity numbers, e-mail.

Contact data has a table of its own; this is for what people type into ordinary texts.
"""

from __future__ import annotations

import re

_PRIVATE = re.compile(
    r"""
      (?<!\d)[1-9]\d{5}(?:19|20)\d{2}\d{7}[\dXx](?!\d)           # identity number of 18
    | (?<!\d)[1-9]\d{7}(?:0[1-9]|1[0-2])[0-3]\d{4}(?!\d)         # identity number of 15, as old rosters have it
    | (?<!\d)(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)      # mobile
    | (?<!\d)\(?0\d{2,3}(?:\)[ ]?|[ -]?)\d{7,8}(?!\d)            # landline with area code
    | (?<![a-z0-9_.+-])[a-z0-9_.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+ # e-mail; \w would take the Chinese around it along
    """,
    re.VERBOSE | re.IGNORECASE,
)

#: Full-width characters and the ones they stand for; one for one, so that places in the text stay the same.
_NARROW = {0x3000: " "} | {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}

#: Stands where a number was.
REMOVED = "[号码已隐去]"


def redact(text: str) -> str:
    """The text without such numbers."""
    pieces: list[str] = []
    end = 0
    for found in _PRIVATE.finditer(text.translate(_NARROW)):
        pieces += (text[end : found.start()], REMOVED)
        end = found.end()
    return "".join((*pieces, text[end:]))


def has_private_number(text: str) -> bool:
    """Whether `redact` would change the text."""
    return _PRIVATE.search(text.translate(_NARROW)) is not None
