"""Codes that the program makes and a person types: first passwords, recovery codes.

They are made from the key of the form that asks for them (random, in a hidden field), so that a form that is sent twice
gives the same code twice: what somebody wrote down is what holds.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata

#: Without what looks alike (0O 1IL 2Z 5S 8B UV): a code is read from one screen and typed on another.
ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
#: Four groups of four: 23^16, one of 6 * 10^21.
GROUPS, GROUP = 4, 4

#: Characters of a form's key: 256 bits in base64.
FORM_KEY_LENGTH = 43


def new_form_key() -> str:
    """A key for a form: 256 random bits."""
    return secrets.token_urlsafe(32)


def code_from(form_key: str, purpose: str) -> str:
    """The code of a form for one purpose: the same whenever it is asked for. "ACDE-3467-FGHJ-99KM".

    A form that lost its key gets a code that comes from no form: never one that anybody could compute.
    """
    if len(form_key) < FORM_KEY_LENGTH:
        form_key = new_form_key()
    digest = hmac.new(form_key.encode("utf-8", "surrogatepass"), purpose.encode(), hashlib.sha512).digest()
    number = int.from_bytes(digest, "big")
    characters = []
    for _ in range(GROUPS * GROUP):
        number, place = divmod(number, len(ALPHABET))
        characters.append(ALPHABET[place])
    text = "".join(characters)
    return "-".join(text[start : start + GROUP] for start in range(0, len(text), GROUP))


def fresh_code() -> str:
    """A code that comes from no form."""
    return code_from(new_form_key(), "code")


def folded(typed: str) -> str:
    """A code as it is compared: full-width or not, small or capital, with or without dashes and spaces."""
    normal = unicodedata.normalize("NFKC", typed[:100]).upper()
    return "".join(character for character in normal if character.isalnum())


def code_hash(code: str) -> str:
    """SHA-256 of a code or of a form's key, which have so many bits that nothing slower is needed."""
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
