"""Signing in and out on the pages: who is let in, where it leads, and what guessers find."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pyotp
import pytest
from argon2.profiles import CHEAPEST
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.web.pages import fields_of, open_form
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import FREE_FAILURES, Account, SignIn
from zhiku.domain.audit import AuditEvent
from zhiku.domain.permissions import Role, Scope
from zhiku.services.accounts import AccountDraft
from zhiku.services.given_codes import new_form_key
from zhiku.services.passwords import Passwords
from zhiku.web.app import create_app

PASSWORD = "houshanjuzijinnianhongle"
ENTER, CODE, SET_UP = "/sign-in", "/sign-in/code", "/sign-in/set-up"


@pytest.fixture
def zhiku(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> Zhiku:
    """The county, with hashes that cost nothing."""
    for service in (zhiku.accounts, zhiku.staff_sign_in):
        monkeypatch.setattr(service, "_passwords", Passwords(CHEAPEST))
    return zhiku


@pytest.fixture
def clerk(zhiku: Zhiku) -> int:
    """An account of the bureau that has chosen its password."""
    return add(zhiku, "liuxiaoyan", Role.BUREAU)


@pytest.fixture
def keeper(zhiku: Zhiku) -> int:
    """An administrator who has not set up a second factor yet."""
    return add(zhiku, "wangli", Role.ADMINISTRATOR)


def add(zhiku: Zhiku, name: str, role: Role, password: str | None = PASSWORD) -> int:
    draft = AccountDraft(name, "刘小燕", role.value, "430725")
    return zhiku.accounts.add(Scope(), draft, new_form_key(), password).account_id


def type_in(client: FlaskClient, name: str, password: str, wanted: str = "") -> TestResponse:
    form = open_form(client, ENTER) | {"name": name, "password": password, "next": wanted}
    return client.post(ENTER, data=form)


def is_in(client: FlaskClient) -> bool:
    return client.get("/account").status_code in (200, 303) and "/sign-in" not in client.get("/account").headers.get(
        "Location", ""
    )


def secret_on(page: str) -> pyotp.TOTP:
    found = re.search(r'qr-secret">([A-Z2-7 ]+)<', page)
    assert found
    return pyotp.TOTP(found[1].replace(" ", ""))


def later(monkeypatch: pytest.MonkeyPatch, zhiku: Zhiku, by: timedelta) -> None:
    """Let this time pass for everything that signs in."""
    for service in (zhiku.staff_sign_in, zhiku.second_factors, zhiku.sign_ins, zhiku.accounts):
        clock: Callable[[], datetime] = service._clock
        monkeypatch.setattr(service, "_clock", lambda clock=clock: clock() + by)


# -- in and out --------------------------------------------------------------------------------------------------


def test_a_clerk_comes_in_sees_the_account_and_leaves(zhiku: Zhiku, visitor: FlaskClient, clerk: int) -> None:
    answer = type_in(visitor, "LiuXiaoYan", PASSWORD)
    assert answer.status_code == 303 and answer.headers["Location"] == "/"
    page = visitor.get("/account").text
    assert "刘小燕" in page and "就是这里" in page
    left = visitor.post("/sign-out", data={"csrf_token": fields_of(page)["csrf_token"]})
    assert left.status_code == 303 and "已退出登录" in visitor.get(left.headers["Location"]).text
    assert not is_in(visitor)


def test_somebody_who_is_in_need_not_sign_in_again(visitor: FlaskClient, clerk: int) -> None:
    type_in(visitor, "liuxiaoyan", PASSWORD)
    assert visitor.get(f"{ENTER}?next=/account").headers["Location"] == "/account"


def test_the_page_that_was_wanted_follows(visitor: FlaskClient, clerk: int) -> None:
    asked = visitor.get("/account?x=1")
    assert asked.status_code == 303
    form = open_form(visitor, asked.headers["Location"]) | {"name": "liuxiaoyan", "password": PASSWORD}
    assert visitor.post(ENTER, data=form).headers["Location"] == "/account?x=1"


@pytest.mark.parametrize(
    "wanted",
    [
        "https://example.org/", "//example.org", "/\\example.org", "\\\\example.org", "http:example.org",
        "javascript:x",
        "/%0d%0a//x\r\n", "%2f%2fexample.org", "///example.org", "/\t/example.org", " //example.org", "experts",
        "//example.org/%2e%2e", "https:///example.org", "data:text/html,x",
    ],
)  # fmt: skip
def test_the_sign_in_leads_to_no_other_host(visitor: FlaskClient, clerk: int, wanted: str) -> None:
    assert type_in(visitor, "liuxiaoyan", PASSWORD, wanted).headers["Location"] == "/"
    assert visitor.get(ENTER, query_string={"next": wanted}).headers["Location"] == "/"


def test_the_session_before_the_sign_in_is_not_the_one_after(app: Flask, visitor: FlaskClient, clerk: int) -> None:
    with visitor.session_transaction() as session:
        session["planted"] = "x"
    type_in(visitor, "liuxiaoyan", PASSWORD)
    with visitor.session_transaction() as session:
        assert "planted" not in session and "sign_in" in session


def test_the_cookie_carries_neither_name_nor_password(visitor: FlaskClient, keeper: int) -> None:
    answer = type_in(visitor, "wangli", PASSWORD)
    assert answer.headers["Location"] == SET_UP
    cookie = visitor.get_cookie("zhiku_session")
    assert cookie is not None and cookie.http_only and cookie.same_site == "Lax"
    assert PASSWORD not in cookie.value and "wangli" not in cookie.value


def test_a_tampered_cookie_is_nobodys(app: Flask, visitor: FlaskClient, clerk: int) -> None:
    type_in(visitor, "liuxiaoyan", PASSWORD)
    cookie = visitor.get_cookie("zhiku_session")
    assert cookie is not None
    for forged in (cookie.value[:-2] + "AA", "x" + cookie.value, "", "." * 50):
        other = app.test_client()
        other.set_cookie("zhiku_session", forged)
        assert not is_in(other)


def test_it_all_works_below_a_sub_path(zhiku: Zhiku, clerk: int) -> None:
    client = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku"))).test_client()
    asked = client.get("/zhiku/account")
    assert asked.headers["Location"].startswith("/zhiku/sign-in?next=")
    form = open_form(client, asked.headers["Location"]) | {"name": "liuxiaoyan", "password": PASSWORD}
    assert client.post("/zhiku/sign-in", data=form).headers["Location"] == "/zhiku/account"


# -- what guessers find ------------------------------------------------------------------------------------------


def test_nobody_learns_whether_the_name_or_the_password_was_wrong(
    zhiku: Zhiku, visitor: FlaskClient, clerk: int
) -> None:
    add(zhiku, "zhaofang", Role.LEADER)
    zhiku.accounts.set_active(Scope(), zhiku.accounts.find("zhaofang").id, False)

    def told(name: str, password: str) -> str:
        answer = type_in(visitor, name, password)
        assert answer.status_code == 422 and not is_in(visitor)
        page = re.sub(r'value="[^"]*"', "", answer.text)
        return page

    texts = {told("liuxiaoyan", "wrong"), told("nobody.here", "wrong"), told("zhaofang", PASSWORD), told("", "")}
    for _ in range(FREE_FAILURES):
        texts.add(told("liuxiaoyan", "wrong"))
    texts.add(told("liuxiaoyan", PASSWORD))
    assert len(texts) == 1 and "登录名或密码不对" in texts.pop()


def test_what_was_typed_as_a_password_is_never_sent_back(visitor: FlaskClient, clerk: int) -> None:
    answer = type_in(visitor, "liuxiaoyan", "wo-de-mi-ma-9731")
    assert "wo-de-mi-ma-9731" not in answer.text and "liuxiaoyan" in answer.text


@pytest.mark.slow
def test_an_attack_of_a_thousand_guesses_is_refused(zhiku: Zhiku, app: Flask, visitor: FlaskClient, clerk: int) -> None:
    """From one address against one account: five are looked at, and the page stops answering after thirty."""
    form = open_form(visitor, ENTER) | {"name": "liuxiaoyan"}
    codes = [visitor.post(ENTER, data=form | {"password": f"guess {number}"}).status_code for number in range(1000)]
    assert codes.count(422) == 30 and codes.count(429) == 970
    with zhiku.sessions() as session:
        account = session.get_one(Account, clerk)
        assert account.failures == FREE_FAILURES and account.locked_until is not None
        refused = session.scalars(select(AuditEvent).where(AuditEvent.action == "sign_in_refused")).all()
    assert len(refused) == 30 and {event.address for event in refused} == {"127.0.0.1"}
    waits = visitor.post(ENTER, data=form | {"password": PASSWORD})
    assert waits.status_code == 429 and "Retry-After" in waits.headers


def test_one_name_from_many_addresses_is_limited_too(app: Flask, visitor: FlaskClient, clerk: int) -> None:
    form = open_form(visitor, ENTER) | {"name": "LIUXIAOYAN", "password": "wrong"}
    codes = [
        visitor.post(ENTER, data=form, environ_overrides={"REMOTE_ADDR": f"10.0.{number}.1"}).status_code
        for number in range(40)
    ]
    assert codes == [422] * 30 + [429] * 10
    other = visitor.post(ENTER, data=form | {"name": "other"}, environ_overrides={"REMOTE_ADDR": "10.0.1.1"})
    assert other.status_code == 422


def test_a_form_without_its_token_changes_nothing(zhiku: Zhiku, visitor: FlaskClient, clerk: int) -> None:
    answer = visitor.post(ENTER, data={"name": "liuxiaoyan", "password": PASSWORD})
    assert answer.status_code == 403 and "打开得太久" in answer.text and "liuxiaoyan" in answer.text
    assert visitor.post("/sign-out").status_code == 403
    with zhiku.sessions() as session:
        assert session.scalar(select(func.count()).select_from(SignIn)) == 0


@pytest.mark.parametrize("typed", ["\x00", "\ud800", "x" * 100_000, "' OR 1=1 --", "<script>", "%00", "名" * 300])
def test_whatever_is_typed_is_answered(visitor: FlaskClient, typed: str) -> None:
    safe = typed.encode("utf-8", "surrogatepass")
    form = open_form(visitor, ENTER) | {"name": safe, "password": safe, "next": safe}
    answer = visitor.post(ENTER, data=form)
    assert answer.status_code == 422 and "<script>" not in answer.text


# -- the second factor -------------------------------------------------------------------------------------------


def test_an_administrator_sets_up_a_second_factor_before_anything_opens(
    zhiku: Zhiku, visitor: FlaskClient, keeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert type_in(visitor, "wangli", PASSWORD, "/admin/accounts?q=x").headers["Location"] == SET_UP
    assert not is_in(visitor) and visitor.get("/admin/accounts").status_code == 303
    type_in(visitor, "wangli", PASSWORD, "/admin/accounts?q=x")
    page = visitor.get(SET_UP)
    assert page.headers["Cache-Control"] == "no-store" and 'src="data:image/svg+xml' in page.text
    form, app = fields_of(page.text), secret_on(page.text)
    wrong = visitor.post(SET_UP, data=form | {"code": "000000"})
    assert wrong.status_code == 422 and secret_on(wrong.text).secret == app.secret and not is_in(visitor)
    type_in(visitor, "wangli", PASSWORD, "/admin/accounts?q=x")
    done = visitor.post(SET_UP, data=fields_of(visitor.get(SET_UP).text) | {"code": app.now()})
    assert done.status_code == 200 and len(re.findall(r"<li>[0-9A-Z-]{19}</li>", done.text)) == 8
    assert 'href="/admin/accounts?q=x"' in done.text and visitor.get("/admin/accounts").status_code == 200
    with zhiku.sessions() as session:
        noted = session.scalars(select(AuditEvent).where(AuditEvent.subject_id == str(keeper))).all()
    assert {event.actor_name for event in noted if event.action in ("issued", "changed")} >= {"刘小燕"}
    later(monkeypatch, zhiku, timedelta(minutes=2))
    other = visitor.application.test_client()
    assert type_in(other, "wangli", PASSWORD).headers["Location"] == CODE
    assert not is_in(other)
    type_in(other, "wangli", PASSWORD)
    form = open_form(other, CODE)
    assert other.post(CODE, data=form | {"code": "12345"}).status_code == 422
    code = app.at(zhiku.staff_sign_in._clock())
    assert other.post(CODE, data=form | {"code": code}).headers["Location"] == "/admin/accounts"
    again = other.application.test_client()
    type_in(again, "wangli", PASSWORD)
    assert again.post(CODE, data=open_form(again, CODE) | {"code": code}).status_code == 422


def test_the_second_step_cannot_be_had_without_the_first(visitor: FlaskClient, keeper: int) -> None:
    for address in (CODE, SET_UP):
        assert visitor.get(address).headers["Location"] == ENTER
        token = open_form(visitor, ENTER)["csrf_token"]
        answer = visitor.post(address, data={"csrf_token": token, "code": "000000"})
        assert answer.status_code == 303 and answer.headers["Location"] == ENTER


def test_who_has_to_show_a_code_cannot_set_up_another_one(
    zhiku: Zhiku, visitor: FlaskClient, keeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two browsers with the password: the first sets up its phone, and the second does not put its own in its place."""
    other = visitor.application.test_client()
    for browser in (visitor, other):
        type_in(browser, "wangli", PASSWORD)
    theirs = fields_of(other.get(SET_UP).text)
    form = fields_of(visitor.get(SET_UP).text)
    app = secret_on(visitor.get(SET_UP).text)
    visitor.post(SET_UP, data=form | {"code": app.now()})
    answer = other.post(SET_UP, data=theirs | {"code": app.now()})
    assert answer.status_code == 303 and answer.headers["Location"].startswith(ENTER) and not is_in(other)
    type_in(other, "wangli", PASSWORD)
    assert other.get(SET_UP).headers["Location"] == ENTER


def test_a_set_up_sent_twice_shows_the_same_codes(visitor: FlaskClient, keeper: int) -> None:
    """A double click: both requests left the browser with the cookie of before."""
    type_in(visitor, "wangli", PASSWORD)
    page = visitor.get(SET_UP).text
    cookie = visitor.get_cookie("zhiku_session")
    assert cookie is not None
    form = fields_of(page) | {"code": secret_on(page).now()}
    shown = []
    for _ in range(2):
        visitor.set_cookie("zhiku_session", cookie.value)
        shown.append(re.findall(r"<li>([0-9A-Z-]{19})</li>", visitor.post(SET_UP, data=form).text))
    assert len(shown[0]) == 8 and shown[0] == shown[1]


def test_too_slow_between_password_and_code_begins_anew(
    zhiku: Zhiku, visitor: FlaskClient, keeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(visitor, "wangli", PASSWORD, "/account")
    later(monkeypatch, zhiku, timedelta(minutes=11))
    answer = visitor.get(SET_UP)
    assert answer.headers["Location"].startswith(f"{ENTER}?next=")
    assert "从头输入" in visitor.get(answer.headers["Location"]).text


# -- given passwords, and the end --------------------------------------------------------------------------------


def test_a_given_password_opens_nothing_but_its_own_change(zhiku: Zhiku, visitor: FlaskClient) -> None:
    given = zhiku.accounts.add(Scope(), AccountDraft("zhaofang", "赵芳", "leader", "430725"), new_form_key())
    answer = type_in(visitor, "zhaofang", given.password.lower(), "/experts")
    assert answer.headers["Location"] == "/account/password"
    for address in ("/account", "/experts?q=x", "/account/second-factor"):
        answer = visitor.get(address, follow_redirects=True)
        assert "请先换成自己的密码" in answer.text, address
    form = open_form(visitor, "/account/password")
    for new, again, said in (
        (PASSWORD, PASSWORD + "x", "两遍输入的新密码不一样"),
        ("short", "short", "至少要 10 个"),
        ("zhaofang-zhaofang", "zhaofang-zhaofang", "登录名"),
        (given.password, given.password, "和现在的一样"),
    ):
        answer = visitor.post(
            "/account/password",
            data=form | {"old_password": given.password, "new_password": new, "new_password_again": again},
        )
        assert answer.status_code == 422 and said in answer.text and new not in answer.text
    wrong = visitor.post(
        "/account/password",
        data=form | {"old_password": "wrong", "new_password": PASSWORD, "new_password_again": PASSWORD},
    )
    assert wrong.status_code == 422 and "现在的密码不对" in wrong.text
    done = visitor.post(
        "/account/password",
        data=form | {"old_password": given.password, "new_password": PASSWORD, "new_password_again": PASSWORD},
    )
    assert done.status_code == 303 and "密码已经改好" in visitor.get("/account").text
    other = visitor.application.test_client()
    assert type_in(other, "zhaofang", given.password).status_code == 422
    assert type_in(other, "zhaofang", PASSWORD).status_code == 303


def test_after_half_an_hour_without_a_page_one_is_asked_again_and_told_why(
    zhiku: Zhiku, visitor: FlaskClient, clerk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_in(visitor, "liuxiaoyan", PASSWORD)
    later(monkeypatch, zhiku, timedelta(minutes=31))
    answer = visitor.get("/account")
    assert answer.headers["Location"].startswith(ENTER)
    assert "请再登录一次" in visitor.get(answer.headers["Location"]).text


def test_the_pages_are_well_formed(visitor: FlaskClient, keeper: int) -> None:
    type_in(visitor, "wangli", PASSWORD)
    for address in (ENTER, SET_UP):
        page = visitor.get(address).text
        assert page.count("<h1") == 1 and not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
        for field in re.findall(r"<(?:input|select|textarea)(?![^>]*hidden)[^>]*>", page):
            name = re.search(r'\sid="([^"]+)"', field)
            assert name and f'for="{name[1]}"' in page
