"""What is shown of contact data and identity numbers without a reason to see more: enough to tell which one it is."""

from __future__ import annotations

import re
import unicodedata

#: Seven digits or more, with what people put between them.
_NUMBER = re.compile(r"\+?[0-9](?:[ ()-]{0,2}[0-9]){6,}")

HIDDEN = "****"

#: What pages show of what is never shown in part: a disease has no first letter that says nothing.
RECORDED = "已登记"


def masked_contact(value: str) -> str:
    """A way to reach somebody: 138****1234 of a mobile, 0736****1234 of a landline, the first character of a name."""
    text = unicodedata.normalize("NFKC", value).strip()
    numbers = [_masked_number(match[0]) for match in _NUMBER.finditer(text)]
    if not numbers:
        return f"{text[:1]}{HIDDEN}" if text else ""
    # What stands beside the number (a daughter's name) is nobody's business either.
    has_words = any(character.isalpha() for character in _NUMBER.sub("", text))
    return "、".join(numbers) + ("（另有文字）" if has_words else "")


def masked_name(name: str) -> str:
    """曾*柑, 李*: for a sheet that goes through several hands; its owner knows whose it is all the same."""
    text = name.strip()
    return text[:1] + "*" * max(1, len(text) - 2) + (text[-1] if len(text) > 2 else "") if text else ""


def masked_identity_number(number: str) -> str:
    """4307**********0012: the prefecture and the last four."""
    return f"{number[:4]}{'*' * max(0, len(number) - 8)}{number[-4:]}"


def _masked_number(text: str) -> str:
    digits = "".join(character for character in text if character.isdigit())
    if len(digits) > 11:
        digits = digits.removeprefix("0086").removeprefix("86")
    ahead = 4 if digits.startswith("0") else 3
    # Of a short number less is shown, so that three places at the least stay hidden.
    ahead, behind = (ahead, 4) if len(digits) >= 11 else (2, 2)
    return f"{digits[:ahead]}{HIDDEN}{digits[-behind:]}"
