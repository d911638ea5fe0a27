"""Numbers of identity cards (公民身份号码): GB 11643-1999, eighteen characters, the last one a checksum."""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from zhiku.domain.base import DomainError

#: Weights of the first seventeen digits, 2^(18-i) mod 11, and the check character of each rest: ISO 7064, MOD 11-2.
_WEIGHTS = tuple(pow(2, 18 - place, 11) for place in range(1, 18))
_CHECKS = "10X98765432"

_SHAPE = re.compile(r"[1-8][0-9]{16}[0-9X]")


class IdentityNumberNotAcceptable(DomainError):
    """What was typed is not the number of an identity card."""


def read_identity_number(typed: str, today: date) -> str:
    """The number as it is stored: half-width, without blanks, X capital. Raises `IdentityNumberNotAcceptable`.

    The sentences never repeat what was typed.
    """
    number = "".join(unicodedata.normalize("NFKC", typed).split()).replace("-", "").upper()
    if re.fullmatch(r"[0-9]{15}", number):
        raise IdentityNumberNotAcceptable("这是 15 位的老号码，早已停用。请按现在的身份证填写 18 位号码。")
    if not _SHAPE.fullmatch(number):
        raise IdentityNumberNotAcceptable("身份证号要有 18 位：前 17 位是数字，最后一位是数字或 X。请对照证件检查。")
    if check_character(number) != number[-1]:
        raise IdentityNumberNotAcceptable("身份证号的校验位不对，多半是抄错或少抄了一位。请对照证件再填一次。")
    born = birth_date_of(number)
    if born is None or not date(1900, 1, 1) <= born <= today:
        raise IdentityNumberNotAcceptable("身份证号里的出生日期（第 7 到 14 位）不对。请对照证件再填一次。")
    return number


def check_character(number: str) -> str:
    """The eighteenth character that belongs to the first seventeen."""
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECKS[total % 11]


def birth_date_of(number: str) -> date | None:
    """The day of birth in a number of eighteen characters; None where there is no such day."""
    try:
        return date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return None


def is_of_a_man(number: str) -> bool:
    """What the seventeenth digit says: odd for men."""
    return int(number[16]) % 2 == 1
