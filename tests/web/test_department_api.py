"""The department for a suggestion, for programs of the bureau."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.departments import Department
from zhiku.domain.permissions import Role

ADDRESS = "/api/v1/suggestions/2026-0002/departments"


@pytest.fixture
def bureau(client: FlaskClient, zhiku: Zhiku) -> FlaskClient:
    """A clerk of the bureau's browser; the department's duties are known."""
    with zhiku.sessions.begin() as session:
        session.scalars(select(Department)).one().duties = "管种植、养殖。群众反映柑橘黄龙病、苗木带病。"
    return client


def test_who_does_not_pass_suggestions_on_is_told_nothing(
    visitor: FlaskClient, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    for address in (ADDRESS, "/api/v1/suggestions/2019-0001/departments"):
        for client, status in ((visitor, 401), (signed_in_as(Role.DEPARTMENT), 404)):
            answer = client.get(address)
            assert answer.status_code == status and answer.json is not None
            assert "没有编号" not in answer.json["error"]["message"]


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


def test_similar_suggestions_stay_open_to_everybody(visitor: FlaskClient) -> None:
    assert visitor.post("/api/similar", json={"subject": "黄龙病"}).status_code == 200
