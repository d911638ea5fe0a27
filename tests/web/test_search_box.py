"""The address that completes what is typed, and the line that asks whether something else was meant."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.experts import Availability, Expert
from zhiku.web.limits import COMPLETIONS


@pytest.fixture(autouse=True)
def prepared(zhiku: Zhiku) -> None:
    zhiku.completer.prepare()
    zhiku.did_you_mean.prepare()


def complete(client: FlaskClient, typed: str) -> list[dict[str, str]]:
    answer = client.get("/api/complete", query_string={"q": typed})
    assert answer.status_code == 200 and answer.is_json
    return answer.get_json()["completions"]


def test_a_completion_has_its_text_and_what_it_is(client: FlaskClient) -> None:
    assert complete(client, "zengf") == [{"text": "曾繁柑", "completed": "曾繁柑", "group": "name", "label": "姓名"}]
    assert complete(client, "漆河镇 cengf")[0]["text"] == "漆河镇 曾繁柑"
    labels = {one["label"] for typed in ("水", "漆", "县", "高级") for one in complete(client, typed)}
    assert labels <= {"姓名", "领域", "词语", "乡镇", "单位", "职称"} and len(labels) > 3


def test_an_answer_may_be_kept_for_a_moment_by_the_reader_s_own_browser_only(client: FlaskClient) -> None:
    answer = client.get("/api/complete?q=水")
    assert re.fullmatch(r"private, max-age=\d{1,2}", answer.headers["Cache-Control"])
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "typed",
    ["", " ", "qqqxyz", "水" * 5000, "\x00", "\ud800", "<script>", "'; DROP TABLE experts", "%_%", "(", "🍊", "𠮷"],
)
def test_any_text_at_all_is_answered(client: FlaskClient, typed: str) -> None:
    answer = client.get("/api/complete", query_string={"q": typed.encode("utf-8", "surrogatepass")})
    assert answer.status_code == 200 and isinstance(answer.get_json()["completions"], list)


def test_no_parameter_completes_nothing(client: FlaskClient) -> None:
    assert client.get("/api/complete").get_json() == {"query": "", "completions": []}


@pytest.mark.parametrize("typed", ["139", "13907361111", "1111", "刘小燕", "liuxiaoyan", "隐名", "yinming", "王大爷"])
def test_contact_data_liaison_officers_and_hidden_people_are_not_completed(client: FlaskClient, typed: str) -> None:
    assert not {one["completed"] for one in complete(client, typed)} & {"13907361111", "刘小燕", "隐名氏", "王大爷"}


def test_a_person_who_withdrew_is_gone_at_once(client: FlaskClient, zhiku: Zhiku) -> None:
    assert complete(client, "曾繁")
    with zhiku.sessions.begin() as session:
        session.scalars(select(Expert).where(Expert.name == "曾繁柑")).one().availability = Availability.WITHDRAWN
    assert complete(client, "曾繁") == [] and complete(client, "zengf") == []


def test_it_answers_without_an_index(unindexed: FlaskClient) -> None:
    unindexed.application.extensions["zhiku"].completer.prepare()
    assert [one["completed"] for one in complete(unindexed, "zengf")] == ["曾繁柑"]


def test_who_asks_without_end_is_told_to_wait(app: Flask, client: FlaskClient) -> None:
    tries = app.extensions["zhiku.tries"]
    for _ in range(COMPLETIONS[0].amount):
        tries.wait([(COMPLETIONS, "complete", "127.0.0.1")])
    answer = client.get("/api/complete?q=水")
    assert answer.status_code == 429 and answer.get_json()["error"]["status"] == 429


@pytest.mark.parametrize("address", ["/", "/experts", "/experts?q=水库"])
def test_the_boxes_of_the_expert_pages_complete(client: FlaskClient, address: str) -> None:
    page = client.get(address).text
    assert page.count('data-complete="/api/complete"') == 1 and "js/complete.js" in page
    # A combobox is what the script makes of it: without it, the box must not say so.
    assert 'role="combobox"' not in page


def test_other_boxes_do_not(client: FlaskClient) -> None:
    assert "data-complete" not in client.get("/suggestions").text


def test_the_page_asks_whether_something_else_was_meant_and_keeps_the_filters(client: FlaskClient) -> None:
    page = client.get("/experts", query_string={"q": "水酷大坝", "township": "漆河镇"}).text
    found = re.search(
        r'class="did-you-mean".*?您是不是要找：<a class="target" href="([^"]+)">水库大坝</a>', page, re.DOTALL
    )
    assert found and page.index("did-you-mean") < page.index('class="results"')
    meant = parse_qs(urlsplit(found[1].replace("&amp;", "&")).query)
    assert meant == {"q": ["水库大坝"], "township": ["漆河镇"]}
    assert 'value="水酷大坝"' in page, "what was typed stays in the box"
    assert "did-you-mean" not in client.get("/experts?q=水库大坝").text


def test_the_api_says_it_too(client: FlaskClient) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": "水酷大坝"}).get_json()
    assert answer["query"] == "水酷大坝" and answer["did_you_mean"] == "水库大坝" and answer["answered_as"] is None


def test_a_query_that_finds_nobody_is_answered_as_meant_with_a_way_back(client: FlaskClient) -> None:
    # No character of it is in anybody's texts.
    page = client.get("/experts", query_string={"q": "搞雪鸭"}).text
    assert "没有找到“搞雪鸭”，已按“高血压”检索。" in page and "单佩兰" in page
    back = re.search(r'href="([^"]+)">仍按原文检索', page)
    assert back
    as_typed = client.get(back[1].replace("&amp;", "&")).text
    assert "已按“高血压”检索" not in as_typed and "您是不是要找" in as_typed


def test_what_was_meant_is_escaped(client: FlaskClient) -> None:
    page = client.get("/experts", query_string={"q": "<b>水酷大坝</b>"}).text
    assert "<b>水" not in page
