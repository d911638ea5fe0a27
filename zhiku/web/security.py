"""What protects the pages: CSRF, the session cookie, hosts and proxies, response headers and sizes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wrappers import Response as PlainResponse

from zhiku.config import Settings
from zhiku.persistence.secret_file import secret_key
from zhiku.web import limits, sessions
from zhiku.web.tries import Tries

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: Largest body of a request, in bytes. A full form is 25 kB; whoever pastes a whole report shall still get his text
#: back with "too long" rather than an error page.
MAX_BODY = 1 << 20

#: Largest body that is read at all, in bytes: of the pages that take a file, so that one that is too large is told so
#: by its page. The server refuses what is longer (web/serving.py).
MAX_UPLOAD_BODY = 40 << 20

#: Endpoints that take a file.
UPLOADS = frozenset({"pictures.change"})

#: Largest head of a request, in bytes. A query of 2,000 Chinese characters makes 18 kB of it.
MAX_ADDRESS = 1 << 20

#: The session cookie, and its names by TLS. With `__Host-` browsers take it from this very host and for all of it only,
#: with `__Secure-` by TLS only: no neighbour in the same domain can plant one.
COOKIE, SECURE_COOKIE, HOST_COOKIE = "zhiku_session", "__Secure-zhiku_session", "__Host-zhiku_session"

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

#: What no page of ours asks a browser for.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "fullscreen", "geolocation",
        "gyroscope", "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get",
        "screen-wake-lock", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip

#: On every answer.
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Queries can name people; they stay with us.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": PERMISSIONS_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

#: For a year, this host alone: its neighbours may have no TLS.
STRICT_TRANSPORT_SECURITY = "max-age=31536000"

#: A host as a client may name it (RFC 9110, 7.2): nothing that could pass for a path, a user or another header.
_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")

#: Pages with a code or a status: they must not come back from the cache of a shared computer.
PRIVATE_PAGES = frozenset({"suggestions.submitted", "suggestions.progress"})
#: Blueprints whose pages are all such.
PRIVATE_BLUEPRINTS = frozenset({"entry", "lexicon", "persons", "sign_in"})


class SessionCookies(SecureCookieSessionInterface):
    """Session cookies that are marked Secure where the page came by https: a county may serve plain http inside."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure

    def get_cookie_name(self, app: Flask) -> str:
        if not request.is_secure:
            return COOKIE
        return HOST_COOKIE if self.get_cookie_path(app) == "/" else SECURE_COOKIE


class TrustedHosts:
    """A WSGI application that answers for these hosts only: addresses that we write out are made from the host that
    the client names, and a forged one must not get into a printed slip."""

    def __init__(self, app: WSGIApplication, hosts: tuple[str, ...]) -> None:
        """`hosts` as Werkzeug has them: "zhiku.example.gov.cn", ".example.gov.cn" with all below, with or without a
        port; none for whatever is a well-formed name."""
        self._app = app
        self._hosts = hosts

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._is_ours(environ):
            return self._app(environ, start_response)
        # Not a page of ours: its addresses would be made from that very host.
        answer = PlainResponse("这里没有这个网站。\n", 400, content_type="text/plain; charset=utf-8")
        answer.headers.extend(HEADERS)
        return answer(environ, start_response)

    def _is_ours(self, environ: WSGIEnvironment) -> bool:
        # A client of HTTP/1.0 names none: then it is ours by the address that it reached.
        host = str(environ.get("HTTP_HOST", environ.get("SERVER_NAME", ""))).lower()
        if not _HOST.fullmatch(host):
            return False
        return not self._hosts or host_is_trusted(host, self._hosts)


def install(app: Flask, settings: Settings, tries: Tries | None = None) -> None:
    """Set up everything of this file on the application; `tries` are counted in its memory unless told."""
    app.config.update(
        SECRET_KEY=secret_key(settings.home),
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        # Not Strict: a link in a message, or a slip that is scanned, would find everybody signed out.
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH=settings.url_prefix or "/",
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        # A retiree may take an afternoon over a suggestion: the token holds as long as the browser's session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    app.session_interface = SessionCookies()
    # Before CSRF, which reads the form.
    app.url_value_preprocessor(allow_uploads)
    CSRFProtect(app)
    limits.install(app, settings, tries)
    app.after_request(add_headers)
    app.wsgi_app = TrustedHosts(app.wsgi_app, settings.trusted_hosts)  # type: ignore[method-assign]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


def allow_uploads(endpoint: str | None, _values: dict[str, object] | None) -> None:
    """For `url_value_preprocessor`: a larger body where a file is taken."""
    if endpoint in UPLOADS:
        request.max_content_length = MAX_UPLOAD_BODY


def add_headers(response: Response) -> Response:
    """The headers that every response carries."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT_SECURITY
    if is_private():
        # What is set is of answers that a script asks for again at once; it stays short.
        response.headers.setdefault("Cache-Control", "no-store")
    elif request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def is_private() -> bool:
    """Whether the answer must not be kept: it is for somebody who is signed in or has a token, or has a code on it."""
    if request.endpoint == "static":
        return False
    return (
        request.endpoint in PRIVATE_PAGES
        or request.blueprint in PRIVATE_BLUEPRINTS
        or "Authorization" in request.headers
        or bool(sessions.token())
    )
