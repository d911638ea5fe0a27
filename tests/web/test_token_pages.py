"""The administrator's page of tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.web.pages import fields_of, open_form
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Permission, Role

PAGE = "/admin/tokens"
TYPED = {"name": "县协同办公系统", "permissions": "search_experts", "division": "430725", "days": "90"}


@pytest.fixture
def admin(signed_in_as: Callable[[Role], FlaskClient]) -> FlaskClient:
    return signed_in_as(Role.ADMINISTRATOR)


def make(admin: FlaskClient, **typed: str) -> str:
    """Make a token and give it."""
    answer = admin.post(PAGE, data=open_form(admin, PAGE) | TYPED | typed)
    assert answer.status_code == 200
    return re.findall(r'id="issued-token" value="([^"]+)"', answer.text)[0]


def test_a_token_is_shown_once_and_works(admin: FlaskClient, zhiku: Zhiku) -> None:
    secret = make(admin)
    assert zhiku.api_tokens.find(secret).may(Permission.SEARCH_EXPERTS)
    page = admin.get(PAGE)
    assert secret not in page.text and "县协同办公系统" in page.text and secret[:6] in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert secret not in str(admin.get_cookie("zhiku_session"))


def test_the_page_says_when_a_token_was_used_last(admin: FlaskClient) -> None:
    secret = make(admin)
    assert "没用过" in admin.get(PAGE).text
    other = admin.application.test_client()
    assert other.get("/api/v1/experts?q=水库", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert "没用过" not in admin.get(PAGE).text


def test_a_token_is_revoked_after_asking_once_more(admin: FlaskClient, zhiku: Zhiku) -> None:
    secret = make(admin)
    number = zhiku.api_tokens.find(secret).token_id
    asked = admin.get(f"{PAGE}/{number}/revoke")
    assert "要收回这个令牌吗" in asked.text and zhiku.api_tokens.get(number).holds
    answer = admin.post(f"{PAGE}/{number}/revoke", data=fields_of(asked.text))
    assert answer.status_code == 303 and "立即失效" in admin.get(PAGE).text
    refused = admin.application.test_client().get("/api/v1/experts", headers={"Authorization": f"Bearer {secret}"})
    assert refused.status_code == 401 and "收回" in refused.get_json()["error"]["message"]


def test_what_was_typed_comes_back_with_its_problem(admin: FlaskClient, zhiku: Zhiku) -> None:
    form = open_form(admin, PAGE) | TYPED | {"name": "", "days": "9999"}
    answer = admin.post(PAGE, data=form)
    assert answer.status_code == 422 and "给哪个系统用" in answer.text and "1 到 365" in answer.text
    assert 'value="9999"' in answer.text and zhiku.api_tokens.listed() == []


@pytest.mark.parametrize(
    "typed",
    [{"permissions": "manage_accounts"}, {"permissions": "x"}, {"division": ""}, {"division": "44"}, {"days": "-1"},
     {"days": "１２"}, {"days": "1" * 4000}, {"name": "\x00"}, {"name": "<script>" * 9}],
)  # fmt: skip
def test_a_forged_form_makes_no_token(admin: FlaskClient, zhiku: Zhiku, typed: dict[str, str]) -> None:
    answer = admin.post(PAGE, data=open_form(admin, PAGE) | TYPED | typed)
    if typed.get("days") == "１２":
        assert answer.status_code == 200  # full-width digits are digits
        return
    assert answer.status_code == 422 and zhiku.api_tokens.listed() == []


def test_a_form_sent_twice_makes_one_token(admin: FlaskClient, zhiku: Zhiku) -> None:
    form = open_form(admin, PAGE) | TYPED
    assert admin.post(PAGE, data=form).status_code == 200
    again = admin.post(PAGE, data=form)
    assert again.status_code == 422 and "已经有一个" in again.text and len(zhiku.api_tokens.listed()) == 1


def test_without_its_csrf_token_nothing_is_made(admin: FlaskClient, zhiku: Zhiku) -> None:
    assert admin.post(PAGE, data=TYPED).status_code == 403 and zhiku.api_tokens.listed() == []


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_nobody_else_sees_tokens(signed_in_as: Callable[[Role], FlaskClient], role: Role) -> None:
    assert signed_in_as(role).get(PAGE).status_code == 404


@pytest.mark.parametrize("number", ["0", "99", "9" * 30])
def test_a_token_that_is_none_is_not_found(admin: FlaskClient, number: str) -> None:
    assert admin.get(f"{PAGE}/{number}/revoke").status_code == 404
