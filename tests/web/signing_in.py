"""Signs browsers of the tests in, without the sign-in page: as it does, but without asking who it is."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account, SignInKind
from zhiku.domain.permissions import Role
from zhiku.web import sessions


def browser_of(app: Flask, role: Role) -> FlaskClient:
    """A browser of its own in which the account of this role is signed in (`store_accounts` made it)."""
    return sign_in(app.test_client(), account_of(app.extensions["zhiku"], role))


def cookie_of(app: Flask, role: Role) -> str:
    """The value of the session cookie of a browser in which the account of this role is signed in."""
    zhiku: Zhiku = app.extensions["zhiku"]
    token = zhiku.sign_ins.begin(account_of(zhiku, role), SignInKind.PASSWORD, "127.0.0.1", "Firefox · Windows")
    return sessions.cookie_with(app, token)


def account_of(zhiku: Zhiku, role: Role) -> int:
    """The id of the first account of a role."""
    with zhiku.sessions() as session:
        return session.scalars(select(Account.id).where(Account.role == role).order_by(Account.id)).first() or 0


def sign_in(client: FlaskClient, account_id: int) -> FlaskClient:
    """Sign an account in with this browser."""
    zhiku: Zhiku = client.application.extensions["zhiku"]
    with zhiku.sessions() as session:
        is_retiree = session.get_one(Account, account_id).role is Role.RETIREE
    kind = SignInKind.DEVICE if is_retiree else SignInKind.PASSWORD
    token = zhiku.sign_ins.begin(account_id, kind, "127.0.0.1", "Firefox · Windows")
    with client.session_transaction(base_url=f"http://localhost{zhiku.settings.url_prefix}/") as session:
        session[sessions.TOKEN] = token
    return client
