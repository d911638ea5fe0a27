"""What protects the pages: the secret key, CSRF, cookies, response headers, sizes and limits of tries."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from werkzeug.exceptions import TooManyRequests
from werkzeug.middleware.proxy_fix import ProxyFix

from zhiku.config import Settings
from zhiku.web.tries import CountedTries, Tries

SECRET_KEY_FILE = "secret-key"
_SECRET_KEY_BYTES = 32

#: Largest body of a request, in bytes. A full form is 25 kB; whoever pastes a whole report shall still get his text
#: back with "too long" rather than an error page.
MAX_BODY = 1 << 20

#: Largest head of a request, in bytes. A query of 2,000 Chinese characters makes 18 kB of it.
MAX_ADDRESS = 1 << 20

#: No inline script or style anywhere; images may be data: because Bootstrap's CSS carries its icons so.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)

#: Pages with a code or a status: they must not come back from the cache of a shared computer.
PRIVATE_PAGES = frozenset({"suggestions.submitted", "suggestions.progress"})
#: Blueprints whose pages are all such.
PRIVATE_BLUEPRINTS = frozenset({"bureau_door", "lexicon"})

#: Guesses of a code from one address. With 1.5 * 10^8 codes, 40 an hour find one in two centuries.
STATUS_TRIES = (RateLimitItemPerMinute(10), RateLimitItemPerHour(40))
#: Suggestions from one address. An office, or an event in a village hall, is one address.
SUBMISSIONS = (RateLimitItemPerMinute(20), RateLimitItemPerHour(200))
#: Completions for one address: an office is one, and each of its clerks asks about twice a second while typing.
COMPLETIONS = (RateLimitItemPerMinute(1200),)
#: Looks for similar suggestions from one address; somebody who types asks a few times a minute.
SIMILAR_LOOKUPS = (RateLimitItemPerMinute(90), RateLimitItemPerHour(1500))


class SessionCookies(SecureCookieSessionInterface):
    """Session cookies that are marked Secure where the page came by https: a county may serve plain http inside."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def install(app: Flask, settings: Settings, tries: Tries | None = None) -> None:
    """Set up everything of this file on the application; `tries` are counted in its memory unless told."""
    app.config.update(
        SECRET_KEY=secret_key(settings.home),
        SESSION_COOKIE_NAME="zhiku_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH=settings.url_prefix or "/",
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        # A retiree may take an afternoon over a suggestion: the token holds as long as the browser's session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = SessionCookies()
    CSRFProtect(app)
    app.extensions["zhiku.tries"] = tries or CountedTries()
    app.after_request(add_headers)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


def add_headers(response: Response) -> Response:
    """The headers that every response carries."""
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("X-Frame-Options", "DENY")
    # Queries can name people; they stay with us.
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    if request.endpoint in PRIVATE_PAGES or request.blueprint in PRIVATE_BLUEPRINTS:
        response.headers["Cache-Control"] = "no-store"
    elif request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def limit_tries(app: Flask, limits: tuple[RateLimitItem, ...], what: str) -> None:
    """Count one try of `what` from the address of this request (web/tries.py). Raises `TooManyRequests`."""
    tries: Tries = app.extensions["zhiku.tries"]
    if not tries.hit(limits, what, request.remote_addr or ""):
        raise TooManyRequests


def secret_key(home: Path) -> bytes:
    """The key that signs cookies, from `home/secret-key`; made on the first start, readable by its owner only."""
    fresh = secrets.token_bytes(_SECRET_KEY_BYTES)
    return keep_secret_file(home / SECRET_KEY_FILE, fresh, lambda content: len(content) == _SECRET_KEY_BYTES)


def keep_secret_file(path: Path, fresh: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
    """The content of a file that only its owner may read; with `fresh` in it where it is missing or not whole."""
    is_damaged = path.exists() and not is_whole(path.read_bytes())
    if path.exists() and not is_damaged:
        return path.read_bytes()
    # Written aside (mkstemp gives 0600) and put in place in one step. If another process was faster, `link` fails and
    # its content is the one: two processes must never sign with different keys.
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(fresh)
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(Path(name), path, is_damaged)
    finally:
        Path(name).unlink(missing_ok=True)
    return path.read_bytes()


def _put_in_place(fresh: Path, path: Path, is_damaged: bool) -> None:
    if is_damaged:
        os.replace(fresh, path)
        return
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    except OSError:  # a file system without hard links
        os.replace(fresh, path)
