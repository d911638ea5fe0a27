"""The sign-in of a browser: its token lies in the signed session cookie, and everything else in the database."""

from __future__ import annotations

import re

from flask import Flask, g, request, session
from flask.sessions import SecureCookieSessionInterface

from zhiku.domain.accounts import SignInKind
from zhiku.services.sign_in import Passed
from zhiku.services.sign_ins import DEVICE_END, SignedIn
from zhiku.web.current import current_zhiku

#: Where the token lies in Flask's session.
TOKEN = "sign_in"
#: Where Flask-WTF keeps the secret of the tokens against forged requests.
_FORMS = "csrf_token"

_BROWSERS = (
    # Those that name others too come first: Edge says Chrome and Safari, Chrome says Safari.
    ("微信", re.compile(r"MicroMessenger")),
    ("Edge", re.compile(r"Edg(?:e|A|iOS)?/")),
    ("QQ 浏览器", re.compile(r"QQBrowser")),
    ("Firefox", re.compile(r"Firefox/|FxiOS/")),
    ("Chrome", re.compile(r"Chrome/|Chromium/|CriOS/")),
    ("Safari", re.compile(r"Safari/")),
)
_SYSTEMS = (
    ("HarmonyOS", re.compile(r"HarmonyOS|OpenHarmony")),
    ("Android", re.compile(r"Android")),
    ("iPhone", re.compile(r"iPhone")),
    ("iPad", re.compile(r"iPad")),
    ("Windows", re.compile(r"Windows")),
    ("macOS", re.compile(r"Mac OS X|Macintosh")),
    ("Linux", re.compile(r"Linux|X11")),
)


def install(app: Flask) -> None:
    """Let a known device's cookie live as long as its sign-in, and not send it anew with every page."""
    app.config.update(PERMANENT_SESSION_LIFETIME=DEVICE_END, SESSION_REFRESH_EACH_REQUEST=False)


def current() -> SignedIn | None:
    """Who is signed in, looked up once a request; None for visitors."""
    if "signed_in" not in g:
        g.signed_in = current_zhiku().sign_ins.find(token())
    found: SignedIn | None = g.signed_in
    return found


def token() -> str:
    """The token that this browser shows; "" where it has none."""
    shown = session.get(TOKEN)
    return shown if isinstance(shown, str) else ""


def has_ended() -> bool:
    """Whether somebody was signed in with this browser who is no more: idle too long, or ended elsewhere."""
    return bool(token()) and current() is None


def begin_by_password(passed: Passed) -> None:
    """Sign in the browser of somebody whose password, and code where one is asked for, were right. Raises
    `AccountClosed`, and `BeginAgain` where the password was reset meanwhile."""
    begin(passed.account_id, SignInKind.PASSWORD, passed)


def begin(account_id: int, kind: SignInKind, passed: Passed | None = None) -> None:
    """Sign this browser in. Whatever its session held is gone: what somebody planted there must not become theirs.

    Who was signed in with it before and comes back keeps the secret of their forms, so that what they have typed in
    other tabs can still be sent. Raises `AccountClosed` and `BeginAgain`.
    """
    sign_ins = current_zhiku().sign_ins
    secret = session.get(_FORMS) if sign_ins.was(token()) == account_id else None
    fresh = sign_ins.begin(account_id, kind, request.remote_addr or "", device_name(), passed)
    session.clear()
    session[TOKEN] = fresh
    if secret is not None:
        session[_FORMS] = secret
    # A device stays known when the browser is closed; a password's sign-in does not.
    session.permanent = kind is SignInKind.DEVICE
    g.pop("signed_in", None)


def cookie_with(app: Flask, shown: str) -> str:
    """The value of the session cookie of a browser that shows this token: for programs that measure or test the pages
    of an installation whose secret they can read."""
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None, "the application has its secret key"
    return str(serializer.dumps({TOKEN: shown}))


def clear() -> None:
    """Forget what the session holds, before the second step of a sign-in: nothing planted in it shall stay. What
    `begin` looks at does."""
    kept = {name: session[name] for name in (TOKEN, _FORMS) if name in session}
    session.clear()
    session.update(kept)


def end() -> None:
    """Sign this browser out; nothing of its session is left."""
    if token():
        current_zhiku().sign_ins.end(token())
    session.clear()
    g.signed_in = None


def device_name(user_agent: str | None = None) -> str:
    """What a browser says of itself, as its owner would name it: "Firefox · Windows"."""
    said = request.user_agent.string if user_agent is None else user_agent
    named = (
        next((name for name, pattern in known if pattern.search(said)), other)
        for known, other in ((_BROWSERS, "其他浏览器"), (_SYSTEMS, "其他系统"))
    )
    return " · ".join(named)
