"""A form sent when the sign-in has ended: nothing that was typed is lost, and nobody is tricked into sending."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.web.pages import fields_of, open_form
from tests.web.signing_in import account_of, browser_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import SignInKind
from zhiku.domain.lexicon import SynonymMember
from zhiku.domain.permissions import Role
from zhiku.services.sign_ins import IDLE_END
from zhiku.web import sessions

NEW_GROUP = "/bureau/lexicon/groups/new"
TYPED = {"members": "坼坝\n垮坝", "note": "水利局的老李说的", "how": "new"}


def leave_alone(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    """So long that everybody who came in by a password is out."""
    later = zhiku.clock() + IDLE_END + timedelta(minutes=1)
    monkeypatch.setattr(zhiku.sign_ins, "_clock", lambda: later)


def sign_in_again(client: FlaskClient, account: int) -> None:
    """As the sign-in page does at its end."""
    with client.application.test_request_context(headers={"Cookie": cookies(client)}):
        client.application.preprocess_request()
        sessions.begin(account, SignInKind.PASSWORD)
        response = client.application.process_response(client.application.make_response(""))
    client.set_cookie("zhiku_session", response.headers["Set-Cookie"].partition("=")[2].partition(";")[0])


def cookies(client: FlaskClient) -> str:
    cookie = client.get_cookie("zhiku_session")
    return f"zhiku_session={cookie.value}" if cookie else ""


def members(zhiku: Zhiku) -> list[str]:
    with zhiku.sessions() as session:
        return list(session.scalars(select(SynonymMember.text).order_by(SynonymMember.position)))


def test_what_was_typed_comes_back_and_is_stored_after_signing_in_again(
    zhiku: Zhiku, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = open_form(client, NEW_GROUP) | TYPED
    leave_alone(zhiku, monkeypatch)
    answer = client.post(NEW_GROUP, data=form)
    assert answer.status_code == 401 and answer.headers["Cache-Control"] == "no-store"
    assert "您离开得太久" in answer.text and "水利局的老李说的" in answer.text
    assert members(zhiku) == []
    kept = fields_of(answer.text)
    assert {name: kept[name] for name in TYPED} == TYPED
    # The button is pressed too early: the page comes again, with everything.
    again = client.post(NEW_GROUP, data=kept)
    assert again.status_code == 401 and {name: fields_of(again.text)[name] for name in TYPED} == TYPED
    sign_in_again(client, account_of(zhiku, Role.BUREAU))
    assert "登录好了" in client.get("/sign-in/again").text
    sent = client.post(NEW_GROUP, data=kept)
    assert sent.status_code == 303 and members(zhiku) == ["坼坝", "垮坝"]


def test_other_tabs_can_be_sent_after_signing_in_again(
    zhiku: Zhiku, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who signs in again by the sign-in page, and then remembers the form of another tab."""
    form = open_form(client, NEW_GROUP) | TYPED
    leave_alone(zhiku, monkeypatch)
    assert client.get("/experts").status_code == 303
    sign_in_again(client, account_of(zhiku, Role.BUREAU))
    assert client.post(NEW_GROUP, data=form).status_code == 303 and len(members(zhiku)) == 2


def test_somebody_else_who_signs_in_cannot_send_it(zhiku: Zhiku, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = browser_of(app, Role.DEPARTMENT)
    form = open_form(clerk, "/suggestions/new")
    leave_alone(zhiku, monkeypatch)
    sign_in_again(clerk, account_of(zhiku, Role.BUREAU))
    assert clerk.post(NEW_GROUP, data=TYPED | {"csrf_token": form["csrf_token"]}).status_code == 403
    assert members(zhiku) == []


def test_a_form_of_a_stranger_s_site_gets_no_button(zhiku: Zhiku, visitor: FlaskClient) -> None:
    """Else whoever sees the page could be talked into pressing it after signing in."""
    for token in ({"csrf_token": "x"}, {"csrf_token": open_form(visitor, "/suggestions/new")["csrf_token"] + "x"}):
        answer = visitor.post(NEW_GROUP, data=TYPED | token)
        assert answer.status_code == 401 and "再提交一次" not in answer.text
        assert "水利局的老李说的" in answer.text, "but the text is there to be copied"


def test_what_was_typed_is_shown_as_text(visitor: FlaskClient) -> None:
    answer = visitor.post(NEW_GROUP, data={"note": '好"><script>alert(1)</script>', "members": "坝"})
    assert answer.status_code == 401 and "<script>alert" not in answer.text and "&lt;script&gt;" in answer.text


def test_passwords_and_codes_are_not_in_the_page(visitor: FlaskClient) -> None:
    answer = visitor.post("/account/password", data={"old_password": "旧的很长的口令", "password": "新的很长的口令"})
    assert answer.status_code == 401 and "口令" not in answer.text and "再提交一次" not in answer.text


def test_a_pasted_problem_is_searched_after_signing_in(
    zhiku: Zhiku, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = "我们村后山的水库大坝最近一下雨就冒浑水，\n想请人来看看。" * 3
    leave_alone(zhiku, monkeypatch)
    answer = client.post("/experts/problem", data={"q": problem})
    assert answer.status_code == 401
    kept = fields_of(answer.text)
    sign_in_again(client, account_of(zhiku, Role.BUREAU))
    found = client.post("/experts/problem", data=kept)
    assert found.status_code == 303 and found.headers["Location"].startswith("/experts?q=")


def test_a_program_s_post_is_answered_in_json(visitor: FlaskClient) -> None:
    answer = visitor.post("/api/v1/departments", json={"subject": "水渠"})
    assert answer.status_code == 401 and answer.is_json


def test_without_a_sign_in_nobody_is_told_that_it_is_done(visitor: FlaskClient) -> None:
    assert "还没有登录" in visitor.get("/sign-in/again").text
