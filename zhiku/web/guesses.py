"""Guesses of entry codes: how many are looked at, from one address, of one beginning, and what happens when many come.

A code that is right is no guess and is never counted as one. So nobody can lock others out by guessing: there is no
number of wrong codes after which right ones from elsewhere are refused. When many wrong ones come from wherever, each
address has fewer of them, and the bureau and the audit hear of it.

Of 26^8 codes a county has a thousand open: a guess is right once in 2 * 10^8. From one address that takes some six
hundred years, from 10,000 addresses together, at the smaller number, some twenty weeks of alarms.
"""

from __future__ import annotations

import math

from flask import Flask, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests

from zhiku.services.entry_codes import normalize_entry_code
from zhiku.web.current import current_zhiku
from zhiku.web.limits import limit_tries, network
from zhiku.web.tries import Tries, Try

#: Codes from one address, right or wrong. An event in a village hall, where thirty people come in by one network, is
#: one address; each counts two or three times.
ENTRY_TRIES = (RateLimitItemPerMinute(30), RateLimitItemPerHour(150))
#: Wrong ones from one address.
WRONG_CODES = (RateLimitItemPerMinute(10), RateLimitItemPerHour(40))
#: Wrong ones with the same beginning, from wherever: who has seen half of a slip guesses the other half.
WRONG_OF_A_BEGINNING = (RateLimitItemPerHour(20),)
_BEGINNING = 4
#: So many wrong ones from all addresses together are no slips of the finger.
MANY = RateLimitItemPerHour(200)
#: Wrong ones from one address while there are many.
WRONG_CODES_WHILE_MANY = (RateLimitItemPerHour(6),)
_ALARMS = (RateLimitItemPerHour(1),)

_EVERYBODY: Try = ((MANY,), "wrong entry codes", "everybody")


def require_look(app: Flask, code: str) -> None:
    """Count a request with a code. Raises `TooManyRequests` where no further one is looked at."""
    limit_tries(app, ENTRY_TRIES, "entry")
    tries: Tries = app.extensions["zhiku.tries"]
    limits: tuple[RateLimitItem, ...] = WRONG_CODES
    if tries.wait([_EVERYBODY], is_counted=False):
        limits += WRONG_CODES_WHILE_MANY
    seconds = tries.wait([(limits, "wrong entry codes", _address())], is_counted=False)
    if seconds:
        raise TooManyRequests(
            f"进门码输错的次数太多。请过 {_minutes(seconds)}再试，或者请联络员帮您。", retry_after=seconds
        )
    seconds = tries.wait([(WRONG_OF_A_BEGINNING, "beginnings of entry codes", _beginning(code))], is_counted=False)
    if seconds:
        raise TooManyRequests(
            f"有人用开头一样的进门码试错了很多次。请过 {_minutes(seconds)}再试，或者请联络员另印一张。",
            retry_after=seconds,
        )


def note_wrong(app: Flask, code: str) -> None:
    """Count a code that there is not, and leave a mark of it in the audit: one of each, of many one an hour."""
    tries: Tries = app.extensions["zhiku.tries"]
    tries.wait(
        [
            (WRONG_CODES + WRONG_CODES_WHILE_MANY, "wrong entry codes", _address()),
            (WRONG_OF_A_BEGINNING, "beginnings of entry codes", _beginning(code)),
        ]
    )
    if not tries.wait([_EVERYBODY]):
        current_zhiku().entry_codes.note_refused()
    elif not tries.wait([(_ALARMS, "alarms of entry codes", "everybody")]):
        current_zhiku().entry_codes.note_alarm(MANY.amount)


def _address() -> str:
    return network(request.remote_addr or "")


def _beginning(code: str) -> str:
    return normalize_entry_code(code)[:_BEGINNING]


def _minutes(seconds: int) -> str:
    return f"{seconds} 秒" if seconds < 90 else f"{math.ceil(seconds / 60)} 分钟"
