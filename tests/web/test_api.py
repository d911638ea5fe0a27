"""The API for other systems: by tokens of a scope, with errors that say what to do, and pages to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from zhiku.bootstrap import Zhiku
from zhiku.domain.audit import AuditEvent
from zhiku.domain.departments import Department
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import FOR_TOKENS, Permission, Role
from zhiku.services.api_tokens import ApiTokens
from zhiku.web import limits
from zhiku.web.app import create_app

ADDRESSES = [
    "/api/v1/experts?q=水库", "/api/v1/experts/1", "/api/v1/suggestions", "/api/v1/suggestions/2026-0001",
    "/api/v1/suggestions/2026-0002/departments",
]  # fmt: skip

Ask = Callable[..., TestResponse]


@pytest.fixture
def issue(zhiku: Zhiku) -> Callable[..., str]:
    """Makes tokens: `issue(Permission.SEARCH_EXPERTS, division="43")`."""

    def make(*permissions: Permission, division: str = "430725") -> str:
        name = f"系统{len(zhiku.api_tokens.listed())}"
        return zhiku.api_tokens.issue(name, permissions or tuple(FOR_TOKENS), division).secret

    return make


@pytest.fixture
def ask(visitor: FlaskClient) -> Ask:
    """Asks with a token."""

    def asked(token: str, address: str, **options: object) -> TestResponse:
        headers = {"Authorization": f"Bearer {token}"}
        method = "POST" if "json" in options else "GET"
        return visitor.open(address, method=method, headers=headers, **options)  # type: ignore[arg-type]

    return asked


def message_of(answer: TestResponse) -> str:
    error = answer.get_json()["error"]
    assert set(answer.get_json()) == {"error"} and set(error) == {"status", "message"}
    assert error["status"] == answer.status_code
    return str(error["message"])


# -- who is let in -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_token_opens_everything_that_it_carries(ask: Ask, issue: Callable[..., str], address: str) -> None:
    assert ask(issue(), address).status_code == 200


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer zk_x", "Bearer zk_" + "a" * 43]
)
def test_without_a_good_token_nothing_is_said(visitor: FlaskClient, address: str, header: str | None) -> None:
    answer = visitor.get(address, headers={"Authorization": header} if header is not None else {})
    assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
    assert "令牌" in message_of(answer)


def test_a_wrong_token_is_not_saved_by_a_good_sign_in(client: FlaskClient) -> None:
    assert client.get(ADDRESSES[0]).status_code == 200
    assert client.get(ADDRESSES[0], headers={"Authorization": "Bearer zk_x"}).status_code == 401


def test_a_token_of_another_permission_opens_nothing_and_says_which_it_would_need(
    ask: Ask, issue: Callable[..., str], zhiku: Zhiku
) -> None:
    answer = ask(issue(Permission.SEARCH_SUGGESTIONS), "/api/v1/experts?q=水库")
    assert answer.status_code == 404 and Permission.SEARCH_EXPERTS.label in message_of(answer)
    with zhiku.sessions() as session:
        event = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc())).first()
    assert event is not None and event.action == "refused"
    assert (event.actor_role, event.actor_name, event.address) == ("token", "系统0", "127.0.0.1")


def test_revoked_and_expired_tokens_say_so(ask: Ask, zhiku: Zhiku, issue: Callable[..., str]) -> None:
    one = issue()
    zhiku.api_tokens.revoke(zhiku.api_tokens.find(one).token_id)
    answer = ask(one, ADDRESSES[0])
    assert answer.status_code == 401 and "收回" in message_of(answer)
    past: Callable[[], datetime] = lambda: zhiku.clock() - timedelta(days=31)
    old = ApiTokens(zhiku.sessions, past).issue("旧系统", tuple(FOR_TOKENS), "430725", 30).secret
    answer = ask(old, ADDRESSES[0])
    assert answer.status_code == 401 and "到期" in message_of(answer)


def test_a_token_opens_no_page(ask: Ask, issue: Callable[..., str]) -> None:
    for address in ("/experts?q=水库", "/experts/1", "/suggestions", "/admin/tokens", "/experts/1/photo"):
        assert ask(issue(), address).status_code == 303
    assert ask(issue(), "/api/complete?q=水").status_code == 401


@pytest.mark.parametrize("division", ["430725106", "4307251"])
def test_rows_of_another_division_do_not_exist(
    ask: Ask, issue: Callable[..., str], zhiku: Zhiku, division: str
) -> None:
    with zhiku.sessions() as session:
        experts = {one.id: one for one in session.scalars(select(Expert))}
    token = issue(division=division)
    for expert in experts.values():
        answer = ask(token, f"/api/v1/experts/{expert.id}")
        is_shown = expert.is_searchable and expert.division_code.startswith(division)
        assert answer.status_code == (200 if is_shown else 404)
        if not is_shown:
            assert message_of(answer) == message_of(ask(token, "/api/v1/experts/999"))
    found = ask(token, "/api/v1/experts?q=水库").get_json()
    assert all(experts[person["id"]].division_code.startswith(division) for person in found["people"])
    assert division == "4307251" or all(value["count"] for facet in found["facets"] for value in facet["values"])
    # The suggestions are the county's, and the county is no part of it.
    assert ask(token, "/api/v1/suggestions/2026-0001").status_code == 404
    assert ask(token, "/api/v1/suggestions").get_json()["total"] == 0
    assert ask(token, "/api/v1/suggestions/2026-0002/departments").status_code == 404


# -- what it says ------------------------------------------------------------------------------------------------


def test_nothing_sensitive_is_in_any_answer(ask: Ask, issue: Callable[..., str]) -> None:
    token = issue()
    for address in ADDRESSES:
        text = ask(token, address).text
        assert "13907361111" not in text and "birth" not in text and "1952-03-14" not in text


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "999", "99999999999999999999", "１"])
def test_an_expert_that_is_none_is_not_found(ask: Ask, issue: Callable[..., str], number: str) -> None:
    assert "没有这位专家" in message_of(ask(issue(), f"/api/v1/experts/{number}"))


@pytest.mark.parametrize("number", ["2019-0001", "x", "%F0%9F%98%80", "2026-0007"])
def test_a_suggestion_that_is_not_public_is_not_found(ask: Ask, issue: Callable[..., str], number: str) -> None:
    assert "没有这件建议" in message_of(ask(issue(), f"/api/v1/suggestions/{number}"))


def test_a_number_is_read_however_it_is_written(ask: Ask, issue: Callable[..., str]) -> None:
    assert ask(issue(), "/api/v1/suggestions/２０２６－１").get_json()["number"] == "2026-0001"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/api/v1/experts?page=0", "page"), ("/api/v1/experts?page=x", "page"),
        ("/api/v1/experts?page=", "page"), ("/api/v1/suggestions?page=-1", "page"),
        ("/api/v1/suggestions?page=100001", "page"), ("/api/v1/experts?by=age", "name、topic"),
        ("/api/v1/experts?as_typed=yes", "as_typed"),
    ],
)  # fmt: skip
def test_a_parameter_that_cannot_be_is_named(ask: Ask, issue: Callable[..., str], address: str, said: str) -> None:
    answer = ask(issue(), address)
    assert answer.status_code == 400 and said in message_of(answer)


@pytest.mark.parametrize("address", ["/api/v1/suggestions?q=", "/api/v1/experts?q=水库&field=水利&kw=a&kw=b"])
def test_links_lead_through_all_pages_and_keep_what_was_asked(
    ask: Ask, issue: Callable[..., str], address: str
) -> None:
    token, seen = issue(), []
    answer = ask(token, address).get_json()
    pages = answer["pages"]
    while True:
        seen += [one.get("number") or one["id"] for one in answer.get("suggestions", answer.get("people"))]
        assert ask(token, answer["links"]["self"]).get_json() == answer
        if answer["links"]["next"] is None:
            break
        following = ask(token, answer["links"]["next"]).get_json()
        assert ask(token, following["links"]["previous"]).get_json() == answer
        answer = following
    assert answer["page"] == pages and len(seen) == len(set(seen)) == answer["total"]
    assert answer["links"]["last"] == answer["links"]["self"]


def test_links_take_no_orders_from_parameters(ask: Ask, issue: Callable[..., str]) -> None:
    odd = "/api/v1/experts?q=水库&_scheme=javascript&_external=1&endpoint=pages.home&_anchor=x&host=evil.example"
    links = ask(issue(), odd).get_json()["links"]
    assert all(link is None or link.startswith("/api/v1/experts?") for link in links.values())


# -- departments -------------------------------------------------------------------------------------------------


def test_the_department_is_named_with_the_reason(ask: Ask, issue: Callable[..., str], zhiku: Zhiku) -> None:
    with zhiku.sessions.begin() as session:
        session.scalars(select(Department)).one().duties = "管种植、养殖。群众反映柑橘黄龙病、苗木带病。"
    stored = ask(issue(), "/api/v1/suggestions/2026-0002/departments").get_json()
    typed = ask(issue(), "/api/v1/departments", json={"subject": "柑橘黄龙病", "text": "苗木带病。"}).get_json()
    assert (stored["number"], typed["number"]) == ("2026-0002", None)
    for answer in (stored, typed):
        (department,) = answer["departments"]
        assert department["name"] == "桃源县农业农村局" and 0 < department["share"] <= 1
        assert any(reason.startswith("职责相符：") and "黄龙病" in reason for reason in department["reasons"])


@pytest.mark.parametrize(
    ("sent", "said"),
    [([], "JSON 对象"), ("x", "JSON 对象"), ({"text": 1}, "都应是文字"), ({"text": "水", "other": 1}, "只能有"),
     ({}, "没有看到"), ({"subject": "，。"}, "没有看到")],
)  # fmt: skip
def test_a_text_that_is_none_is_refused(ask: Ask, issue: Callable[..., str], sent: object, said: str) -> None:
    answer = ask(issue(), "/api/v1/departments", json=sent)
    assert answer.status_code == 400 and said in message_of(answer)


def test_a_body_that_is_no_json_or_too_long_is_refused(visitor: FlaskClient, issue: Callable[..., str]) -> None:
    headers = {"Authorization": f"Bearer {issue()}"}
    for data in (b"{", b"\xff", b"[" * 100_000):
        answer = visitor.post("/api/v1/departments", data=data, headers=headers, content_type="application/json")
        assert answer.status_code == 400
        assert visitor.post("/api/similar", data=data, content_type="application/json").status_code == 400
    assert visitor.post("/api/v1/departments", data={"text": "水"}, headers=headers).status_code == 400
    answer = visitor.post("/api/v1/departments", json={"text": "水" * 2_000_000}, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("role", [Role.DEPARTMENT, Role.LEADER, Role.LIAISON, Role.ADMINISTRATOR, Role.RETIREE])
def test_routing_is_for_the_bureau_and_its_programs(signed_in_as: Callable[[Role], FlaskClient], role: Role) -> None:
    other = signed_in_as(role)
    assert other.get("/api/v1/suggestions/2026-0002/departments").status_code == 404
    assert other.post("/api/v1/departments", json={"text": "水库"}).status_code == 404


def test_similar_suggestions_stay_open_to_everybody(visitor: FlaskClient) -> None:
    assert visitor.post("/api/similar", json={"subject": "黄龙病"}).status_code == 200


# -- limits ------------------------------------------------------------------------------------------------------


def limited(zhiku: Zhiku, **settings: int) -> Flask:
    return create_app(replace(zhiku, settings=replace(zhiku.settings, **settings)))


def test_each_token_has_its_own_number_of_calls(zhiku: Zhiku, issue: Callable[..., str]) -> None:
    client = limited(zhiku, api_calls_per_minute=5).test_client()
    one, other = issue(), issue()

    def call(token: str) -> TestResponse:
        return client.get("/api/v1/suggestions", headers={"Authorization": f"Bearer {token}"})

    assert [call(one).status_code for _ in range(6)] == [200] * 5 + [429]
    refused = call(one)
    assert 0 < int(refused.headers["Retry-After"]) <= 3600 and "再试" in message_of(refused)
    assert call(other).status_code == 200


def test_wrong_tokens_are_counted_by_address_and_good_ones_are_not(
    visitor: FlaskClient, issue: Callable[..., str]
) -> None:
    good = {"Authorization": f"Bearer {issue()}"}
    amount = limits.WRONG_TOKENS[0].amount
    for _ in range(amount):
        assert visitor.get(ADDRESSES[2], headers={"Authorization": "Bearer zk_" + "b" * 43}).status_code == 401
    assert visitor.get(ADDRESSES[2], headers={"Authorization": "Bearer zk_" + "b" * 43}).status_code == 429
    assert visitor.get(ADDRESSES[2], headers=good).status_code == 200
