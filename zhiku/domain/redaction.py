"""Numbers that must not be shown or indexed, wherever somebody wrote them: phone and identity numbers, e-mail.

Contact data has a table of its own; this is for what people type into ordinary texts.
"""

from __future__ import annotations

import re

_PRIVATE = re.compile(
    r"""
      (?<!\d)[1-9]\d{5}(?:19|20)\d{2}\d{7}[\dXx](?!\d)           # identity number of 18
    | (?<!\d)(?:\+?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)      # mobile
    | (?<!\d)0\d{2,3}[ -]?\d{7,8}(?!\d)                          # landline with area code
    | [\w.+-]+@[\w-]+(?:\.[\w-]+)+                               # e-mail
    """,
    re.VERBOSE,
)

#: Stands where a number was.
REMOVED = "[号码已隐去]"


def redact(text: str) -> str:
    """The text without such numbers."""
    return _PRIVATE.sub(REMOVED, text)


def has_private_number(text: str) -> bool:
    """Whether `redact` would change the text."""
    return _PRIVATE.search(text) is not None
