"""The department for a suggestion, for programs of the bureau."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.web.pages import open_form
from zhiku.bootstrap import Zhiku
from zhiku.domain.departments import Department
from zhiku.web.bureau_door import bureau_key

ADDRESS = "/api/v1/suggestions/2026-0002/departments"


@pytest.fixture
def bureau(client: FlaskClient, zhiku: Zhiku) -> FlaskClient:
    """A browser that has shown the bureau's key; the department's duties are known."""
    with zhiku.sessions.begin() as session:
        session.scalars(select(Department)).one().duties = "管种植、养殖。群众反映柑橘黄龙病、苗木带病。"
    form = open_form(client, "/bureau/enter") | {"key": bureau_key(zhiku.settings)}
    assert client.post("/bureau/enter", data=form).status_code == 303
    return client


def test_without_the_key_nothing_is_said(client: FlaskClient) -> None:
    for address in (ADDRESS, "/api/v1/suggestions/2019-0001/departments"):
        answer = client.get(address)
        assert answer.status_code == 403 and answer.json is not None
        assert "口令" in answer.json["error"]["message"]


def test_the_department_is_named_with_the_reason(bureau: FlaskClient) -> None:
    answer = bureau.get(ADDRESS)
    assert answer.status_code == 200 and answer.json is not None
    assert answer.json["number"] == "2026-0002"
    (department,) = answer.json["departments"]
    assert department["name"] == "桃源县农业农村局" and 0 < department["share"] <= 1
    assert any(reason.startswith("职责相符：") and "黄龙病" in reason for reason in department["reasons"])


@pytest.mark.parametrize("number", ["2019-0001", "x", "%F0%9F%98%80"])
def test_an_unknown_number_is_not_found(bureau: FlaskClient, number: str) -> None:
    answer = bureau.get(f"/api/v1/suggestions/{number}/departments")
    assert answer.status_code == 404 and answer.json is not None
    assert "没有编号为" in answer.json["error"]["message"]


def test_similar_suggestions_stay_open_to_everybody(client: FlaskClient) -> None:
    assert client.post("/api/similar", json={"subject": "黄龙病"}).status_code == 200
