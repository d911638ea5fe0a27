"""How often: the limits of everything that can be guessed, flooded or harvested, by address and by account."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flask import Flask, request
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests

from zhiku.config import Settings
from zhiku.domain.actors import current_actor
from zhiku.web.tries import CountedTries, Tries, Try

#: Guesses of a code from one address. With 1.5 * 10^8 codes, 40 an hour find one in two centuries.
STATUS_TRIES = (RateLimitItemPerMinute(10), RateLimitItemPerHour(40))
#: Suggestions from one address. An office, or an event in a village hall, is one address.
SUBMISSIONS = (RateLimitItemPerMinute(20), RateLimitItemPerHour(200))
#: Completions for one address: an office is one, and each of its clerks asks about twice a second while typing.
COMPLETIONS = (RateLimitItemPerMinute(1200),)
#: Looks for similar suggestions from one address; somebody who types asks a few times a minute.
SIMILAR_LOOKUPS = (RateLimitItemPerMinute(90), RateLimitItemPerHour(1500))
#: Tokens of the API from one address that are none: those that are right do not count.
WRONG_TOKENS = (RateLimitItemPerMinute(20), RateLimitItemPerHour(200))
_NOTED = (RateLimitItemPerMinute(1),)
#: Photos from one account: each costs a second of work.
UPLOADS = (RateLimitItemPerMinute(20), RateLimitItemPerHour(300))

#: An office with several clerks is one address.
ACCOUNTS_OF_AN_ADDRESS = 5
#: Nobody searches all day as fast as in the busiest minute; who copies all profiles does.
BUSY_MINUTES_OF_AN_HOUR = 10

#: Pages that show whom somebody looks for, and what the API answers: counted before they are computed.
COUNTED: Mapping[str, Literal["search", "api"]] = {
    "experts.search": "search",
    "experts.profile": "search",
    "suggestions.search": "search",
    "suggestions.page": "search",
    "api.experts": "api",
    "api.expert": "api",
    "api.suggestions": "api",
    "api.suggestion": "api",
    "api.departments": "api",
    "api.departments_of": "api",
}

#: Networks of one holder: an IPv6 customer has at least so many bits of addresses to himself (RFC 6177).
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one kind of page."""

    by_account: tuple[RateLimitItem, ...]
    by_address: tuple[RateLimitItem, ...]

    @classmethod
    def a_minute(cls, count: int) -> Limits:
        """So many a minute for an account, and for an address those of several accounts; none for 0."""
        if not count:
            return cls((), ())
        return cls(
            (RateLimitItemPerMinute(count), RateLimitItemPerHour(count * BUSY_MINUTES_OF_AN_HOUR)),
            (RateLimitItemPerMinute(count * ACCOUNTS_OF_AN_ADDRESS),),
        )


def install(app: Flask, settings: Settings, tries: Tries | None = None) -> None:
    """Count the pages of `COUNTED`; after it is known who asks. `tries` are counted in this process unless told."""
    app.extensions["zhiku.tries"] = tries or CountedTries()
    limits = {
        "search": Limits.a_minute(settings.searches_per_minute),
        "api": Limits.a_minute(settings.api_calls_per_minute),
    }

    def count() -> None:
        kind = COUNTED.get(request.endpoint or "")
        if kind is not None:
            _count(app, limits[kind], kind)

    app.before_request(count)


def limit_tries(app: Flask, limits: tuple[RateLimitItem, ...], what: str, account: str = "") -> None:
    """Count one try of `what` from the address of this request, and where one is named also one for an account: who
    has many addresses has no more guesses of one person's password. Raises `TooManyRequests`."""
    _count(app, Limits(limits, limits), what, f"account {account}" if account else "")


def is_noted_anew(app: Flask, endpoint: str) -> bool:
    """Whether a refused page is to be noted in the audit: once a minute for each account, which cannot fill the disk
    with events that stay for ever by asking again and again."""
    tries: Tries = app.extensions["zhiku.tries"]
    return tries.wait([(_NOTED, f"refused {endpoint}", _account_at_work())]) == 0


def network(address: str) -> str:
    """What is counted as one address: of IPv6 the network of one holder."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 6:
        mapped = parsed.ipv4_mapped
        return str(mapped or ipaddress.ip_network((parsed, _IPV6_PREFIX), strict=False))
    return str(parsed)


def _count(app: Flask, limits: Limits, what: str, account: str = "") -> None:
    account = account or _account_at_work()
    tried: list[Try] = []
    if limits.by_address:
        tried.append((limits.by_address, what, network(request.remote_addr or "")))
    if account and limits.by_account:
        tried.append((limits.by_account, what, account))
    if not tried:
        return
    tries: Tries = app.extensions["zhiku.tries"]
    seconds = tries.wait(tried)
    if seconds:
        raise TooManyRequests(_sentence(seconds), retry_after=seconds)


def _account_at_work() -> str:
    actor = current_actor()
    if actor.account_id is not None:
        return f"account {actor.account_id}"
    return f"token {actor.name}" if actor.role == "token" else ""


def _sentence(seconds: int) -> str:
    wait = f"{seconds} 秒" if seconds < 90 else f"{math.ceil(seconds / 60)} 分钟"
    return f"为了保护大家的信息，请过 {wait}再试。着急的话请打电话问县委老干部局。"
