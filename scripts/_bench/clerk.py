"""A clerk who is signed in, so that pages can be measured: they ask every reader who it is."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.accounts import Account, SignInKind
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import Role
from zhiku.web.app import create_app
from zhiku.web.security import COOKIE
from zhiku.web.sessions import cookie_with


def cookie_for(app: Flask, zhiku: Zhiku) -> str:
    """The session cookie of the clerk's browser. The sign-in lasts longer than any measurement."""
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        now = zhiku.clock()
        clerk = Account(
            name="测速", role=Role.BUREAU, division_prefix=zhiku.settings.division, created_at=now, updated_at=now
        )
        session.add(clerk)
        session.flush()
        account = clerk.id
    return cookie_with(app, zhiku.sign_ins.begin(account, SignInKind.PASSWORD, "127.0.0.1", "bench"))


def cookie_header(home: Path) -> str:
    """The same for an installation that another process serves: what stands behind "Cookie:"."""
    zhiku = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home), "ZHIKU_ENCODER": "none"}))
    try:
        return f"{COOKIE}={cookie_for(create_app(zhiku), zhiku)}"
    finally:
        zhiku.close()
