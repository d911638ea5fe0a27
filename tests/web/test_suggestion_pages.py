"""Submitting a suggestion in the browser's words: form, receipt, status."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests.web.pages import DRAFT, fields_of, open_form, receipt_of, submit
from zhiku.bootstrap import Zhiku
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor, SuggestionStatus, SuggestionStep
from zhiku.persistence import session as persistence
from zhiku.web import limits
from zhiku.web.app import create_app
from zhiku.web.views import suggestions


def count_suggestions(zhiku: Zhiku) -> int:
    with zhiku.sessions() as session:
        taken_in = select(func.count()).select_from(Suggestion).where(Suggestion.submission_key.is_not(None))
        return session.scalar(taken_in) or 0


def test_a_submitted_suggestion_gives_a_number_and_a_code_that_opens_its_status(client: FlaskClient) -> None:
    answer = submit(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/suggestions/submitted")
    number, code = receipt_of(client)
    assert re.fullmatch(r"20\d\d-\d{4}", number) and code is not None
    form = open_form(client, "/suggestions/status") | {"number": number, "code": code.lower()}
    opened = client.post("/suggestions/status", data=form)
    assert opened.headers["Location"] == f"/suggestions/status/{number}"
    page = client.get(opened.headers["Location"])
    assert "已收到" in page.text and "已答复" in page.text and DRAFT["subject"] in page.text
    assert "王大爷" in page.text


def test_the_receipt_survives_a_reload_and_is_gone_when_the_reader_leaves(client: FlaskClient) -> None:
    submit(client)
    assert receipt_of(client) == receipt_of(client)
    answer = client.post("/suggestions/submitted/close", data=fields_of(client.get("/suggestions/submitted").text))
    assert answer.status_code == 303
    assert client.get("/suggestions/submitted").headers["Location"] == "/suggestions/status"


def test_the_receipt_is_shown_for_a_limited_time(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(client)
    monkeypatch.setattr(suggestions, "RECEIPT_SHOWN_FOR", timedelta(seconds=-1))
    assert client.get("/suggestions/submitted").status_code == 302


def test_the_code_is_in_no_address_and_in_no_other_browser(client: FlaskClient, app: Flask) -> None:
    location = submit(client).headers["Location"]
    _, code = receipt_of(client)
    assert code is not None and code not in location
    assert app.test_client().get("/suggestions/submitted").headers["Location"] == "/suggestions/status"


def test_while_a_long_import_holds_the_database_nothing_typed_is_lost(
    zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(persistence, "SQLITE_BUSY_TIMEOUT_MS", 100)
    hurried = Zhiku.open(zhiku.settings)
    client = create_app(hurried).test_client()
    form = open_form(client, "/suggestions/new") | DRAFT
    with zhiku.database.connect().execution_options(is_writing=True) as importing, importing.begin():
        answer = client.post("/suggestions/new", data=form)
    assert answer.status_code == 503 and "还没有收下" in answer.text
    assert all(typed in answer.text for typed in (DRAFT["subject"], DRAFT["situation"], DRAFT["contact"]))
    assert count_suggestions(zhiku) == 0
    assert client.post("/suggestions/new", data=fields_of(answer.text) | DRAFT).status_code == 303
    hurried.close()


def test_pages_with_a_code_or_a_status_are_not_cached(client: FlaskClient) -> None:
    submit(client)
    assert client.get("/suggestions/submitted").headers["Cache-Control"] == "no-store"


def test_a_double_click_stores_one_suggestion_and_both_answers_show_the_same_code(
    client: FlaskClient, zhiku: Zhiku, app: Flask
) -> None:
    form = open_form(client, "/suggestions/new") | DRAFT
    cookie = client.get_cookie("zhiku_session")
    assert cookie is not None
    client.post("/suggestions/new", data=form)
    first = receipt_of(client)
    # The second click was sent before the answer to the first came: with the cookie of the form page.
    other = app.test_client()
    other.set_cookie("zhiku_session", cookie.value)
    other.post("/suggestions/new", data=form)
    assert receipt_of(other) == first
    assert count_suggestions(zhiku) == 1


def test_a_page_sent_again_after_its_receipt_was_left_says_so(client: FlaskClient, zhiku: Zhiku) -> None:
    form = open_form(client, "/suggestions/new") | DRAFT
    client.post("/suggestions/new", data=form)
    number, _ = receipt_of(client)
    client.post("/suggestions/submitted/close", data=fields_of(client.get("/suggestions/submitted").text))
    form["csrf_token"] = open_form(client, "/suggestions/status")["csrf_token"]
    client.post("/suggestions/new", data=form)
    assert receipt_of(client) == (number, None)
    assert "没有重复登记" in client.get("/suggestions/submitted").text
    assert count_suggestions(zhiku) == 1


def test_a_form_with_problems_keeps_all_that_was_typed_and_names_each_problem(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    typed = DRAFT | {"proposal": "", "situation": "长" * 1201, "subject": "<b>路灯</b>"}
    answer = submit(client, **typed)
    assert answer.status_code == 422
    assert 'href="#proposal"' in answer.text and 'href="#situation"' in answer.text
    assert "删去 1 个字" in answer.text
    kept = fields_of(answer.text)
    assert {name: kept[name] for name in typed} == typed
    assert "<b>路灯</b>" not in answer.text
    for name in ("proposal", "situation"):
        field = re.search(rf'<textarea[^>]*id="{name}"[^>]*>', answer.text)
        assert field and f"{name}-problem" in field[0] and 'aria-invalid="true"' in field[0]
    assert count_suggestions(zhiku) == 0


def test_the_page_shown_again_has_the_same_submission_key(client: FlaskClient) -> None:
    form = open_form(client, "/suggestions/new")
    answer = client.post("/suggestions/new", data=form | DRAFT | {"name": ""})
    assert fields_of(answer.text)["submission_key"] == form["submission_key"]


def test_a_form_without_its_token_stores_nothing_and_keeps_the_text(client: FlaskClient, zhiku: Zhiku) -> None:
    answer = client.post("/suggestions/new", data=DRAFT)
    assert answer.status_code == 403
    assert "请再按一次" in answer.text
    kept = fields_of(answer.text)
    assert {name: kept[name] for name in DRAFT} == DRAFT
    assert count_suggestions(zhiku) == 0
    assert client.post("/suggestions/new", data=kept).status_code == 303
    assert count_suggestions(zhiku) == 1


def test_other_forms_without_their_token_are_refused_kindly(client: FlaskClient) -> None:
    submit(client)
    answer = client.post("/suggestions/submitted/close")
    assert answer.status_code == 403 and "打开得太久" in answer.text
    assert receipt_of(client)[1] is not None


def test_a_wrong_number_and_a_wrong_code_get_the_same_page(client: FlaskClient) -> None:
    submit(client)
    number, code = receipt_of(client)
    assert code is not None
    other = ("A" if code[0] != "A" else "C") + code[1:]
    pages = []
    for tried in ({"number": number, "code": other}, {"number": "2019-0001", "code": code}):
        answer = client.post("/suggestions/status", data=open_form(client, "/suggestions/status") | tried)
        assert answer.status_code == 422
        hidden = fields_of(answer.text)
        text = answer.text
        for value in (hidden["csrf_token"], tried["number"], tried["code"]):
            text = text.replace(value, "")
        pages.append(text)
    assert pages[0] == pages[1]
    assert "编号和查询码对不上" in pages[0]


def test_codes_cannot_be_guessed_quickly(visitor: FlaskClient) -> None:
    form = open_form(visitor, "/suggestions/status") | {"number": "2026-0001", "code": "AAAAAA"}
    tries = limits.STATUS_TRIES[0].amount
    assert [visitor.post("/suggestions/status", data=form).status_code for _ in range(tries)] == [422] * tries
    refused = visitor.post("/suggestions/status", data=form)
    assert refused.status_code == 429 and "再试" in refused.text
    elsewhere = visitor.post("/suggestions/status", data=form, environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
    assert elsewhere.status_code == 422


def test_a_status_page_needs_the_code_in_this_browser(client: FlaskClient, app: Flask) -> None:
    submit(client)
    number, code = receipt_of(client)
    stranger = app.test_client().get(f"/suggestions/status/{number}")
    assert stranger.status_code == 302 and stranger.headers["Location"] == f"/suggestions/status?number={number}"
    client.post("/suggestions/status", data=open_form(client, "/suggestions/status") | {"number": number, "code": code})
    page = client.get(f"/suggestions/status/{number}")
    assert page.status_code == 200
    client.post("/suggestions/status/close", data=fields_of(page.text))
    assert client.get(f"/suggestions/status/{number}").status_code == 302


def test_the_status_page_names_days_unit_and_what_was_refused(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client)
    number, code = receipt_of(client)
    with zhiku.sessions.begin() as session:
        suggestion = session.scalars(select(Suggestion).where(Suggestion.number == number)).one()
        suggestion.status = SuggestionStatus.NOT_ACCEPTED
        suggestion.steps.append(
            SuggestionStep(status=SuggestionStatus.NOT_ACCEPTED, on=suggestion.submitted_on, note="与已有项目重复")
        )
    client.post("/suggestions/status", data=open_form(client, "/suggestions/status") | {"number": number, "code": code})
    page = client.get(f"/suggestions/status/{number}")
    assert "未立案" in page.text and "与已有项目重复" in page.text and "办理中" not in page.text
    assert client.get(f"/suggestions/{number}").status_code == 404


def test_the_public_page_shows_surname_only_and_no_contact(client: FlaskClient) -> None:
    submit(client)
    number, code = receipt_of(client)
    page = client.get(f"/suggestions/{number}")
    assert page.status_code == 200
    assert "王某某" in page.text and "王大爷" not in page.text
    assert DRAFT["contact"] not in page.text and code is not None and code not in page.text


def test_the_public_page_names_an_expert_author_and_leads_to_the_profile(client: FlaskClient, zhiku: Zhiku) -> None:
    with zhiku.sessions() as session:
        author = session.scalars(select(SuggestionAuthor).join(SuggestionAuthor.expert)).first()
        assert author is not None
        number, expert_id, name = author.suggestion.number, author.expert_id, author.name
    page = client.get(f"/suggestions/{number}")
    assert name in page.text and f'href="/experts/{expert_id}"' in page.text


def test_an_author_who_left_the_think_tank_is_not_named_in_full(client: FlaskClient, zhiku: Zhiku) -> None:
    with zhiku.sessions.begin() as session:
        author = session.scalars(select(SuggestionAuthor).join(SuggestionAuthor.expert)).first()
        assert author is not None and author.expert_id is not None
        number, name = author.suggestion.number, author.name
        expert = session.get(Expert, author.expert_id)
        assert expert is not None
        expert.change_status(ExpertStatus.DECEASED, expert.updated_at)
    page = client.get(f"/suggestions/{number}")
    assert name not in page.text and f"{name[0]}某某" in page.text


@pytest.mark.parametrize("number", ["2026-9999", "x", "2026-0001%00", "%F0%9F%98%80", "..%2f"])
def test_a_suggestion_that_is_not_there_is_not_found(client: FlaskClient, number: str) -> None:
    answer = client.get(f"/suggestions/{number}")
    assert answer.status_code == 404 and "<html" in answer.text


def test_the_list_shows_the_newest_first_and_never_a_withdrawn_one(client: FlaskClient, zhiku: Zhiku) -> None:
    page = client.get("/suggestions").text
    with zhiku.sessions() as session:
        rows = session.scalars(select(Suggestion)).all()
        shown = [row for row in rows if row.is_searchable]
        shown.sort(key=lambda row: (row.submitted_on, row.id), reverse=True)
        hidden = [row.number for row in rows if not row.is_searchable]
    numbers = list(dict.fromkeys(re.findall(r'href="/suggestions/(\d{4}-\d+)"', page)))
    assert numbers == [row.number for row in shown][: zhiku.settings.page_size]
    assert hidden and not any(number in page for number in hidden)


def test_suggestions_are_found_by_their_words(client: FlaskClient) -> None:
    page = client.get("/suggestions", query_string={"q": "无病毒苗圃"})
    assert "统一供苗" in page.text and "<mark>" in page.text
