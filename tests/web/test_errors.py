"""Errors speak Chinese, look like the site, and say what to do."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from sqlalchemy import text

from tests.web.county import settings_in
from tests.web.pages import DRAFT, open_form
from zhiku.bootstrap import Zhiku
from zhiku.search.port import IndexProblem
from zhiku.web import limits, security
from zhiku.web.access import public
from zhiku.web.app import create_app


@pytest.fixture
def broken(zhiku: Zhiku) -> FlaskClient:
    """A browser on an application with routes that fail, as it runs in production."""
    app = create_app(zhiku)

    @app.route("/fails/<int:code>")
    @app.route("/api/fails/<int:code>")
    @public
    def fails(code: int) -> str:
        if code == 500:
            raise RuntimeError("a secret of the inside")
        if code == 503:
            raise IndexProblem("索引不见了。请运行:zhiku index rebuild")
        abort(code)

    return app.test_client()


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 414, 418, 429, 500, 503])
def test_every_error_is_a_page_of_the_site_in_chinese(broken: FlaskClient, code: int) -> None:
    answer = broken.get(f"/fails/{code}")
    assert answer.status_code == code
    assert 'lang="zh-Hans"' in answer.text and "回到首页" in answer.text and "桃源县" in answer.text
    assert "a secret of the inside" not in answer.text


@pytest.mark.parametrize("code", [400, 403, 404, 405, 413, 429, 500, 503])
def test_every_error_of_the_api_is_json_in_chinese(broken: FlaskClient, code: int) -> None:
    answer = broken.get(f"/api/fails/{code}")
    assert answer.status_code == code and answer.is_json
    assert answer.get_json()["error"]["status"] == code
    assert any("\u4e00" <= character <= "\u9fff" for character in answer.get_json()["error"]["message"])


def test_a_missing_index_names_the_command_that_mends_it(broken: FlaskClient) -> None:
    assert "zhiku index rebuild" in broken.get("/fails/503").text
    assert "zhiku index rebuild" in broken.get("/api/fails/503").get_json()["error"]["message"]


def test_without_an_index_suggestions_are_still_taken_and_listed(unindexed: FlaskClient) -> None:
    assert unindexed.get("/experts?q=柑橘").status_code == 503
    assert unindexed.get("/api/v1/experts?q=柑橘").status_code == 503
    home = unindexed.get("/")
    assert home.status_code == 200 and "zhiku index rebuild" in home.text and 'href="/suggestions/new"' in home.text
    form = open_form(unindexed, "/suggestions/new") | DRAFT
    assert unindexed.post("/suggestions/new", data=form).status_code == 303
    assert DRAFT["subject"] in unindexed.get("/suggestions").text
    assert unindexed.get("/healthz").status_code == 200


def test_health_says_whether_database_and_index_can_be_used(
    client: FlaskClient, unindexed: FlaskClient, tmp_path: Path
) -> None:
    assert client.get("/healthz").get_json() == {"status": "ok", "index_problem": ""}
    assert "zhiku index rebuild" in unindexed.get("/healthz").get_json()["index_problem"]
    # A folder where the database file should be.
    settings = replace(settings_in(tmp_path / "new"), database_url=f"sqlite:///{tmp_path.as_posix()}")
    lost = Zhiku.open(settings)
    answer = create_app(lost).test_client().get("/healthz")
    assert answer.status_code == 503
    assert create_app(lost).test_client().get("/nowhere").status_code == 404
    lost.close()


def test_an_unexpected_error_is_logged_with_its_cause(broken: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        broken.get("/fails/500?q=曾繁柑")
    assert "a secret of the inside" in caplog.text and "曾繁柑" not in caplog.text


def test_a_database_that_fails_while_storing_does_not_put_the_text_into_the_log(
    zhiku: Zhiku, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(zhiku).test_client()
    form = open_form(client, "/suggestions/new") | DRAFT
    with zhiku.sessions.begin() as session:
        session.execute(text("DROP TABLE contact_details"))
    answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 503 and "还没有收下" in answer.text and DRAFT["situation"] in answer.text
    assert "contact_details" in caplog.text
    assert not any(value in caplog.text for value in DRAFT.values())
    assert client.get("/suggestions").text.count(DRAFT["subject"]) == 0


def test_a_wrong_method_is_told(client: FlaskClient) -> None:
    answer = client.post("/about", data={"csrf_token": open_form(client, "/suggestions/status")["csrf_token"]})
    assert answer.status_code == 405 and "不能这样打开" in answer.text


def test_a_body_beyond_the_limit_is_refused(client: FlaskClient) -> None:
    form = open_form(client, "/suggestions/new") | DRAFT | {"situation": "长" * (security.MAX_BODY // 3 + 1)}
    answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 413 and "太长" in answer.text


def test_a_text_far_too_long_but_within_the_limit_comes_back_with_its_problem(client: FlaskClient) -> None:
    form = open_form(client, "/suggestions/new") | DRAFT | {"situation": "长" * 50_000}
    answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 422 and "长" * 50_000 in answer.text


def test_too_many_submissions_from_one_address_are_slowed(client: FlaskClient, app: Flask) -> None:
    form = open_form(client, "/suggestions/new")
    answers = [client.post("/suggestions/new", data=form) for _ in range(limits.SUBMISSIONS[0].amount + 1)]
    assert [answer.status_code for answer in answers] == [422] * limits.SUBMISSIONS[0].amount + [429]
