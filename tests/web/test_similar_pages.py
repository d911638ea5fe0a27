"""Before a suggestion is sent: others like it, while it is written and when it is submitted."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.unit.texts import wild_text
from tests.web.pages import DRAFT, fields_of, open_form, receipt_of, submit
from tests.web.signing_in import browser_of
from tests.web.test_suggestion_pages import count_suggestions
from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion
from zhiku.services.similar_suggestions import SimilarSuggestions
from zhiku.web import limits
from zhiku.web.app import create_app

#: As `DRAFT`, long enough to be known again, and with line breaks and marks of HTML in it.
WRITTEN = DRAFT | {
    "situation": "从桥头到卫生院没有一盏灯，去年有三位老人摔跤。\r\n学生下晚自习也要摸黑走，<b>家长</b>都来接。",
    "proposal": "先在桥头和学校门口装十盏太阳能路灯，钱不多，一个月就能装好。\n\n请街道的电工每个月看一回 & 换一回。",
}
#: The same with other words here and there, and by somebody else.
CHANGED = WRITTEN | {
    "name": "李奶奶",
    "contact": "13807360002",
    "situation": WRITTEN["situation"].replace("三位", "两位"),
    "proposal": WRITTEN["proposal"].replace("十盏", "二十盏"),
}


def press(client: FlaskClient, answer: TestResponse, choice: str) -> TestResponse:
    """Press a button of the page that asks."""
    assert f'name="choice" value="{choice}"' in answer.text
    return client.post("/suggestions/new", data=fields_of(answer.text) | {"choice": choice})


def typed_in(answer: TestResponse) -> dict[str, str]:
    """What the page has of what was typed; browsers send every line break as two characters."""
    kept = fields_of(answer.text)
    return {name: kept[name].replace("\r\n", "\n") for name in DRAFT}


def as_typed(typed: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("\r\n", "\n") for name, value in typed.items()}


def test_the_same_suggestion_again_is_not_stored_before_its_author_has_decided(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    submit(client, **WRITTEN)
    number, _ = receipt_of(client)
    answer = submit(client, **WRITTEN | {"name": "李奶奶", "contact": "13807360002"})
    assert answer.status_code == 409 and count_suggestions(zhiku) == 1
    assert "完全相同" in answer.text and number in answer.text and f'href="/suggestions/{number}"' in answer.text
    assert "仍然提交我的" in answer.text and "看看这条" in answer.text
    assert "王大爷" not in answer.text and "13807360001" not in answer.text


def test_nearly_the_same_is_asked_about_as_well_once_it_is_indexed(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client, **WRITTEN)
    zhiku.indexing.drain()
    answer = submit(client, **CHANGED)
    assert answer.status_code == 409 and "基本相同" in answer.text and "<mark>" in answer.text
    assert "<b>家长</b>" not in answer.text


def test_everything_typed_is_kept_and_is_stored_when_the_author_says_so(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client, **WRITTEN)
    first = receipt_of(client)
    answer = submit(client, **CHANGED)
    assert typed_in(answer) == as_typed(CHANGED)
    stored = press(client, answer, "submit-anyway")
    assert (stored.status_code, stored.headers["Location"]) == (303, "/suggestions/submitted")
    number, code = receipt_of(client)
    assert number != first[0] and code not in (None, first[1]) and count_suggestions(zhiku) == 2
    with zhiku.sessions() as session:
        row = session.scalars(select(Suggestion).where(Suggestion.number == number)).one()
        assert row.proposal == CHANGED["proposal"] and "两位" in row.situation


def test_going_back_to_writing_keeps_everything_and_the_page_stays_the_same_one(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    submit(client, **WRITTEN)
    asked = submit(client, **CHANGED)
    answer = press(client, asked, "go-on-writing")
    assert answer.status_code == 200 and "data-suggestion-form" in answer.text
    assert typed_in(answer) == as_typed(CHANGED) and count_suggestions(zhiku) == 1
    assert fields_of(answer.text)["submission_key"] == fields_of(asked.text)["submission_key"]
    other = fields_of(answer.text) | {
        "subject": "漆河镇修水渠",
        "situation": "渠道漏水，放不到田。",
        "proposal": "请派人来修。",
    }
    assert client.post("/suggestions/new", data=other).status_code == 303


def test_the_text_of_the_other_one_is_on_the_page_without_javascript(client: FlaskClient) -> None:
    answer = submit(client, subject="统一供苗防住黄龙病", situation="各乡镇自己从外地买苗，带病的多。",
                    proposal="由县里建一个无病毒苗圃，统一供苗。", name="王大爷", contact="13807360001")  # fmt: skip
    assert answer.status_code == 409
    look = re.search(r"<details.*?</details>", answer.text, re.DOTALL)
    assert look and "由县里建一个无病毒苗圃" in look[0] and "看看这条" in look[0]


def test_a_double_click_on_submit_all_the_same_stores_one(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client, **WRITTEN)
    answer = submit(client, **CHANGED)
    assert press(client, answer, "submit-anyway").status_code == 303
    first = receipt_of(client)
    assert press(client, answer, "submit-anyway").status_code == 303
    assert receipt_of(client) == first and count_suggestions(zhiku) == 2


def test_a_double_click_on_the_form_does_not_find_itself(client: FlaskClient, zhiku: Zhiku) -> None:
    form = open_form(client, "/suggestions/new") | WRITTEN
    assert client.post("/suggestions/new", data=form).status_code == 303
    first = receipt_of(client)
    zhiku.indexing.drain()
    assert client.post("/suggestions/new", data=form).status_code == 303
    assert receipt_of(client) == first and count_suggestions(zhiku) == 1


def test_an_incomplete_form_is_completed_first(client: FlaskClient) -> None:
    submit(client, **WRITTEN)
    assert submit(client, **WRITTEN | {"name": ""}).status_code == 422


def test_a_problem_found_after_the_question_is_shown_in_the_form(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client, **WRITTEN)
    form = fields_of(submit(client, **CHANGED).text) | {"choice": "submit-anyway", "contact": ""}
    answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 422 and typed_in(answer) == as_typed(CHANGED | {"contact": ""})


def test_a_question_left_open_too_long_loses_nothing(client: FlaskClient) -> None:
    submit(client, **WRITTEN)
    form = fields_of(submit(client, **CHANGED).text) | {"choice": "submit-anyway", "csrf_token": "old"}
    answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 403 and typed_in(answer) == as_typed(CHANGED)


def test_without_an_index_suggestions_are_taken_in_and_copies_still_asked_about(unindexed: FlaskClient) -> None:
    assert submit(unindexed, **WRITTEN).status_code == 303
    assert submit(unindexed, **CHANGED).status_code == 409


def test_a_trouble_with_looking_for_copies_does_not_stop_a_suggestion(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr(SimilarSuggestions, "copies", fail)
    assert submit(client, **WRITTEN).status_code == 303
    assert "disk I/O error" in caplog.text and "路灯" not in caplog.text


# -- while it is written -----------------------------------------------------------------------------------------


def look_up(client: FlaskClient, **asked: object) -> TestResponse:
    return client.post("/api/similar", json=asked)


def test_what_is_being_typed_finds_others_on_the_matter_with_their_page(client: FlaskClient) -> None:
    answer = look_up(client, subject="防黄龙病要统一供苗", text="外地买的苗带病。")
    assert answer.status_code == 200 and answer.json is not None
    found = answer.json["suggestions"]
    assert found and found[0]["page"] == f"/suggestions/{found[0]['number']}"
    assert found[0]["subject"].startswith("统一供苗防住黄龙病")
    assert found[0]["likeness"]["value"] in ("similar", "near_duplicate") and found[0]["status"]["label"]
    assert any(fragment["is_match"] for fragment in found[0]["fragments"])
    assert re.fullmatch(r"2026年3月\d日", found[0]["submitted_on_label"])


def test_what_is_not_public_is_not_among_them(client: FlaskClient, zhiku: Zhiku) -> None:
    answer = look_up(client, subject="修好水渠", text="渠道年久失修，田里放不进水。先修渗漏最重的三百米。")
    assert answer.json is not None
    with zhiku.sessions() as session:
        shown = {row.number for row in session.scalars(select(Suggestion)) if row.is_searchable}
    found = {one["number"] for one in answer.json["suggestions"]}
    assert found and found <= shown


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b'{"subject": 3}', b'{"text": null}', b"\xff"])
def test_what_is_no_question_is_refused_in_chinese(client: FlaskClient, body: bytes) -> None:
    answer = client.post("/api/similar", data=body, content_type="application/json")
    assert answer.status_code == 400 and answer.json is not None
    assert "subject（事由）" in answer.json["error"]["message"]


def test_the_text_is_never_asked_for_in_the_address(client: FlaskClient) -> None:
    assert client.get("/api/similar?subject=x").status_code == 405


def test_what_is_typed_is_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        look_up(client, subject="黄龙病", text="我家住在老街九号")
    assert "黄龙病" not in caplog.text and "老街" not in caplog.text


def test_it_cannot_be_asked_without_end(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    amount = limits.SIMILAR_LOOKUPS[0].amount
    assert {look_up(client, subject="").status_code for _ in range(amount)} == {200}
    assert look_up(client, subject="").status_code == 429
    assert submit(client, **WRITTEN).status_code == 303


def test_without_an_index_the_form_goes_on_and_the_answer_says_why(unindexed: FlaskClient) -> None:
    answer = look_up(unindexed, subject="黄龙病")
    assert answer.status_code == 503 and answer.json is not None


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wild_text, wild_text)
def test_any_text_has_an_answer(client: FlaskClient, subject: str, text: str) -> None:
    client.application.extensions["zhiku.tries"].forget()
    # Escaped, as other programs may: half of a character of two then gets as far as the service.
    body = json.dumps({"subject": subject, "text": text}).encode()
    answer = client.post("/api/similar", data=body, content_type="application/json")
    assert answer.status_code == 200


def test_visitors_learn_that_there_is_one_and_nothing_of_it_before_it_was_answered(
    visitor: FlaskClient, client: FlaskClient
) -> None:
    asked = {"subject": "统一供苗防住黄龙病", "text": "各乡镇自己从外地买苗，带病的多。"}
    seen = visitor.post("/api/similar", json=asked).get_json()
    assert seen["suggestions"] == [] and seen["notice"].startswith("已有人提过类似的建议")
    known = client.post("/api/similar", json=asked).get_json()
    assert len(known["suggestions"]) == 3 and known["notice"] == ""
    # The fifth and sixth were answered.
    asked = {"subject": "修好第5组的水渠", "text": "渠道年久失修，田里放不进水。先修渗漏最重的三百米。"}
    seen = visitor.post("/api/similar", json=asked).get_json()
    assert {one["number"] for one in seen["suggestions"]} == {"2026-0005", "2026-0006"} and seen["notice"]
    assert all(visitor.get(one["page"]).status_code == 200 for one in seen["suggestions"])
    nothing = visitor.post("/api/similar", json={"subject": "橘子卖不出去", "text": "请组织收购。"}).get_json()
    assert nothing == {"suggestions": [], "notice": ""}


def test_a_visitor_who_submits_one_like_it_is_told_so_without_its_words_and_decides(
    visitor: FlaskClient, client: FlaskClient, zhiku: Zhiku
) -> None:
    submit(client, **WRITTEN)
    number, _ = receipt_of(client)
    answer = submit(visitor, **CHANGED | {"subject": "老街没有灯"})
    assert answer.status_code == 409 and "已有人提过类似的建议" in answer.text
    assert number not in answer.text and WRITTEN["subject"] not in answer.text and "三位老人" not in answer.text
    assert typed_in(answer) == as_typed(CHANGED | {"subject": "老街没有灯"})
    assert press(visitor, answer, "submit-anyway").status_code == 303 and count_suggestions(zhiku) == 2


def test_a_retiree_who_writes_is_shown_their_own_and_opens_it(app: Flask, zhiku: Zhiku) -> None:
    retiree = browser_of(app, Role.RETIREE)
    asked = {"subject": "统一供苗防住黄龙病", "text": "各乡镇自己从外地买苗，带病的多。"}
    seen = retiree.post("/api/similar", json=asked).get_json()
    assert {one["number"] for one in seen["suggestions"]} == {"2026-0001", "2026-0002", "2026-0003"}
    assert retiree.get("/suggestions/2026-0001").status_code == 200
    asked = {"subject": "修好第4组的水渠", "text": "渠道年久失修，田里放不进水。先修渗漏最重的三百米。"}
    seen = retiree.post("/api/similar", json=asked).get_json()
    assert {one["number"] for one in seen["suggestions"]} == {"2026-0005", "2026-0006"} and seen["notice"]
    assert retiree.get("/suggestions/2026-0004").status_code == 404


def test_the_form_knows_where_to_ask_also_below_a_sub_path(zhiku: Zhiku) -> None:
    app = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku")))
    below = browser_of(app, Role.DEPARTMENT)
    page = below.get("/zhiku/suggestions/new").text
    assert 'data-similar="/zhiku/api/similar"' in page
    answer = below.post("/zhiku/api/similar", json={"subject": "统一供苗防住黄龙病"})
    assert answer.json is not None and answer.json["suggestions"][0]["page"].startswith("/zhiku/suggestions/")
