"""The description of the API: complete, valid, true, and a page that shows all of it."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Annotated, Any, Literal, TypedDict

import pytest
import schemathesis
from flask import Blueprint, Flask
from flask.testing import FlaskClient
from schemathesis.core.errors import SchemathesisError

from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import FOR_TOKENS, Permission
from zhiku.search.port import FACETS
from zhiku.web.access import is_by_token, public, requirements
from zhiku.web.api_answers import Says
from zhiku.web.app import create_app
from zhiku.web.openapi import NotDescribed, document, schema_of

ADDRESS = "/api/v1/openapi.json"
#: Of the API, but no operations.
ABOUT = {"/api/v1/openapi.json", "/api/v1/docs"}


@pytest.fixture
def described(visitor: FlaskClient) -> dict[str, Any]:
    answer = visitor.get(ADDRESS)
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    found: dict[str, Any] = answer.get_json()
    return found


def test_it_is_valid_by_the_meta_schema_of_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(described).validate()


def test_a_description_that_is_not_valid_would_be_noticed(described: dict[str, Any]) -> None:
    described["paths"]["/api/v1/experts"]["get"]["responses"] = ["200"]
    with pytest.raises((SchemathesisError, ValueError)):
        schemathesis.openapi.from_dict(described).validate()


def test_every_route_of_the_api_is_in_it(app: Flask, described: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.rule not in ABOUT
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    told = {(path, method) for path, operations in described["paths"].items() for method in operations}
    assert told == routes and len(told) == 6


def test_a_route_that_says_nothing_of_itself_is_an_error(app: Flask) -> None:
    other = Flask("other")
    views = Blueprint("api", __name__, url_prefix="/api/v1")
    views.get("/new")(public(lambda: ""))
    other.register_blueprint(views)
    with pytest.raises(NotDescribed, match="api"):
        document(other, "")


def test_every_operation_names_the_permission_that_it_is_held_to(app: Flask, described: dict[str, Any]) -> None:
    needed = requirements(app)
    for operations in described["paths"].values():
        for operation in operations.values():
            endpoint = f"api.{operation['operationId']}"
            required = needed[endpoint]
            assert isinstance(required, Permission) and required in FOR_TOKENS and is_by_token(app, endpoint)
            assert operation["security"] == [{"token": [required.value]}]
            assert required.label in operation["description"]


def test_every_parameter_of_the_search_is_in_it(described: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in described["paths"]["/api/v1/experts"]["get"]["parameters"]}
    assert set(parameters) == {"q", "page", "as_typed", "by", "kw", *FACETS}
    assert all(parameters[name]["schema"]["type"] == "array" for name in ("kw", *FACETS))
    assert parameters["page"]["schema"]["maximum"] == 100_000


def test_everything_is_explained_in_chinese(described: dict[str, Any]) -> None:
    texts = [
        *(one["description"] for operations in described["paths"].values() for operation in operations.values()
          for one in operation["parameters"]),
        *(field["description"] for schema in described["components"]["schemas"].values()
          for field in schema["properties"].values()),
    ]  # fmt: skip
    assert len(texts) > 100 and all(re.search("[\u4e00-\u9fff]", text) for text in texts)


def fields_of(schema: dict[str, Any], described: dict[str, Any], answer: Any, where: str = "") -> None:
    """Hold an answer against a schema by hand: every field is told, and every field that is told is there."""
    if "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].split("/")[-1]]
    if "anyOf" in schema:
        if answer is not None:
            fields_of(next(one for one in schema["anyOf"] if "$ref" in one), described, answer, where)
        return
    if schema.get("type") == "object" and "properties" in schema:
        assert set(answer) == set(schema["properties"]) == set(schema["required"]), where
        for name, value in schema["properties"].items():
            fields_of(value, described, answer[name], f"{where}.{name}")
    elif schema.get("type") == "array":
        for one in answer:
            fields_of(schema["items"], described, one, f"{where}[]")


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/api/v1/experts", "/api/v1/experts?q=水库大坝渗水"),
        ("/api/v1/experts", "/api/v1/experts"),
        ("/api/v1/experts/{expert_id}", "/api/v1/experts/1"),
        ("/api/v1/suggestions", "/api/v1/suggestions?q=苗圃"),
        ("/api/v1/suggestions/{number}", "/api/v1/suggestions/2026-0003"),
        ("/api/v1/suggestions/{number}/departments", "/api/v1/suggestions/2026-0002/departments"),
    ],
)
def test_answers_have_the_fields_that_are_told_and_no_other(
    client: FlaskClient, described: dict[str, Any], path: str, address: str
) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    schema = described["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    fields_of(schema, described, answer.get_json())


def test_the_page_shows_every_operation_parameter_and_field(visitor: FlaskClient, described: dict[str, Any]) -> None:
    page = unescape(visitor.get("/api/v1/docs").text)
    for path, operations in described["paths"].items():
        assert f"<code>{path}</code>" in page
        for operation in operations.values():
            assert operation["summary"] in page
            assert all(f"<code>{one['name']}</code>" in page for one in operation["parameters"])
    for name, schema in described["components"]["schemas"].items():
        assert f'id="{name}"' in page
        assert all(f"<code>{field}</code>" in page for field in schema["properties"])


def test_the_page_has_no_outside_address_and_no_inline_script(visitor: FlaskClient) -> None:
    page = visitor.get("/api/v1/docs").text
    assert not re.search(r"https?://|<script|<style|\sstyle=|\son[a-z]+=", page)


def test_every_reference_on_the_page_leads_somewhere(visitor: FlaskClient) -> None:
    page = visitor.get("/api/v1/docs").text
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids)) and set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_below_a_sub_path_the_description_says_so(zhiku: Zhiku) -> None:
    app = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku")))
    assert app.test_client().get("/zhiku" + ADDRESS).get_json()["servers"] == [{"url": "/zhiku"}]


class Inner(TypedDict):
    """A type of this test."""

    day: Annotated[str | None, Says("日期", "date")]


class Outer(TypedDict, total=False):
    """Another."""

    kind: Annotated[Literal["a", "b"], Says("种类")]
    inner: Annotated[list[Inner], Says("里面")]
    perhaps: Annotated[Inner | None, Says("也许")]


def test_types_become_schemas() -> None:
    components: dict[str, Any] = {}
    assert schema_of(Outer, components) == {"$ref": "#/components/schemas/Outer"}
    assert components["Outer"] == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a", "b"], "description": "种类"},
            "inner": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}, "description": "里面"},
            "perhaps": {"anyOf": [{"$ref": "#/components/schemas/Inner"}, {"type": "null"}], "description": "也许"},
        },
        "additionalProperties": False,
    }
    assert components["Inner"]["required"] == ["day"]
    assert components["Inner"]["properties"]["day"] == {
        "type": ["string", "null"],
        "description": "日期",
        "format": "date",
    }
    with pytest.raises(TypeError):
        schema_of(set, components)
