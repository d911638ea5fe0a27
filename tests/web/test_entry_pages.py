"""How a retiree comes in by a slip: what a scan does, what a press does, and what guessing meets."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.web.county import store_lexicon
from tests.web.pages import fields_of, open_form
from tests.web.signing_in import account_of, browser_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account, EntryCode, SignIn, SignInKind
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Permission, Role, Scope, may
from zhiku.services.entry_codes import new_code
from zhiku.services.sign_ins import DEVICE_END
from zhiku.web.app import create_app
from zhiku.web.views.entry import ENTRY_TRIES

COUNTY = Scope("430725")


class Liaison:
    """The liaison account, as services see somebody signed in."""

    role = Role.LIAISON
    scope = COUNTY

    def __init__(self, zhiku: Zhiku) -> None:
        self.account_id = account_of(zhiku, Role.LIAISON)
        self.name = "联络员账号"

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


def zeng(zhiku: Zhiku) -> int:
    """The profile of 曾繁柑."""
    with zhiku.sessions() as session:
        return session.scalars(select(Expert.id).where(Expert.name == "曾繁柑")).one()


def somebody_else(zhiku: Zhiku, name: str = "李水生") -> int:
    with zhiku.sessions() as session:
        return session.scalars(select(Expert.id).where(Expert.name == name)).one()


@pytest.fixture
def liaison(zhiku: Zhiku) -> Liaison:
    """The liaison of 曾繁柑 and of nobody else."""
    made = Liaison(zhiku)
    zhiku.liaisons.assign([zeng(zhiku)], made.account_id, COUNTY)
    return made


@pytest.fixture
def code(zhiku: Zhiku, liaison: Liaison) -> str:
    """What stands on the slip of 曾繁柑."""
    return zhiku.entry_codes.issue(zeng(zhiku), liaison).grouped


def type_in(phone: FlaskClient, typed: str) -> TestResponse:
    return phone.post("/in", data=open_form(phone, "/in") | {"code": typed})


def press_yes(phone: FlaskClient, address: str) -> TestResponse:
    return phone.post(address, data=fields_of(phone.get(address).text))


def come_in(phone: FlaskClient, code: str) -> TestResponse:
    return press_yes(phone, type_in(phone, code).headers["Location"])


def test_a_typed_code_asks_who_it_is_and_yes_lets_in(visitor: FlaskClient, code: str) -> None:
    answer = type_in(visitor, f" {code.lower()} ")
    assert answer.status_code == 303
    question = visitor.get(answer.headers["Location"])
    assert "您是曾繁柑老同志吗？" in question.text and question.headers["Cache-Control"] == "no-store"
    entered = press_yes(visitor, answer.headers["Location"])
    assert (entered.status_code, entered.headers["Location"]) == (303, "/mine")
    assert "曾繁柑老同志，您好" in visitor.get("/mine").text


def test_opening_the_scanned_address_any_number_of_times_uses_nothing_up(
    app: Flask, visitor: FlaskClient, code: str, zhiku: Zhiku
) -> None:
    address = f"/in/{code.replace(' ', '')}"
    for _ in range(3):
        assert app.test_client().get(address).status_code == 200
    assert visitor.head(address).status_code == 200
    assert press_yes(visitor, address).status_code == 303
    with zhiku.sessions() as session:
        assert session.scalars(select(EntryCode)).one().spent_at is not None


def test_the_device_stays_known_for_half_a_year_and_the_cookie_too(
    visitor: FlaskClient, code: str, zhiku: Zhiku
) -> None:
    entered = come_in(visitor, code)
    cookie = next(header for header in entered.headers.getlist("Set-Cookie") if header.startswith("zhiku_session="))
    assert "Expires=" in cookie and "HttpOnly" in cookie
    with zhiku.sessions() as session:
        row = session.scalars(select(SignIn)).one()
        assert row.kind is SignInKind.DEVICE and row.expires_at - row.began_at == DEVICE_END == timedelta(days=180)


def test_a_code_that_was_used_tells_the_next_browser_what_to_do(app: Flask, visitor: FlaskClient, code: str) -> None:
    come_in(visitor, code)
    other = app.test_client()
    answer = other.get(f"/in/{code.replace(' ', '')}")
    assert answer.status_code == 410 and "再印一张" in answer.text and "曾繁柑" not in answer.text
    assert type_in(other, code).status_code == 422


def test_a_known_phone_that_scans_the_old_slip_again_is_simply_let_in(visitor: FlaskClient, code: str) -> None:
    come_in(visitor, code)
    for address in (f"/in/{code.replace(' ', '')}", "/in"):
        answer = visitor.get(address)
        assert answer.status_code in (302, 303) and answer.headers["Location"] == "/mine"


def test_a_button_pressed_twice_lets_in_both_times(visitor: FlaskClient, code: str, app: Flask) -> None:
    address = type_in(visitor, code).headers["Location"]
    fields = fields_of(visitor.get(address).text)
    # The second press leaves the browser before the first answer has come: with the same cookie.
    cookie = visitor.get_cookie("zhiku_session")
    assert cookie is not None
    assert visitor.post(address, data=fields).status_code == 303
    second = app.test_client()
    second.set_cookie("zhiku_session", cookie.value)
    assert second.post(address, data=fields).status_code == 303
    assert second.get("/mine").status_code == 200


def test_a_session_that_somebody_planted_does_not_become_the_retirees(visitor: FlaskClient, code: str) -> None:
    with visitor.session_transaction() as session:
        session["planted"] = "by somebody else"
    come_in(visitor, code)
    with visitor.session_transaction() as session:
        assert "planted" not in session


def test_a_press_without_a_token_of_ours_does_nothing(visitor: FlaskClient, code: str, zhiku: Zhiku) -> None:
    address = f"/in/{code.replace(' ', '')}"
    refused = visitor.post(address)
    assert refused.status_code == 403 and "再扫一次" in refused.text
    with zhiku.sessions() as session:
        assert session.scalars(select(EntryCode)).one().spent_at is None
        assert session.scalar(select(func.count()).select_from(SignIn)) == 0


def test_whoever_is_signed_in_is_told_that_yes_signs_them_out(app: Flask, code: str) -> None:
    officer = browser_of(app, Role.LIAISON)
    page = officer.get(f"/in/{code.replace(' ', '')}").text
    assert "这台设备现在登录的是“联络员账号”" in page
    press_yes(officer, f"/in/{code.replace(' ', '')}")
    assert officer.get("/liaison").status_code == 404 and officer.get("/mine").status_code == 200


@pytest.mark.parametrize("typed", ["", "  ", "ABC", "ABCD 12345", "进门码", "😀" * 8, "\x00\x00"])
def test_what_can_be_no_code_gets_a_sentence_and_is_no_guess(visitor: FlaskClient, typed: str, zhiku: Zhiku) -> None:
    for _ in range(ENTRY_TRIES[0].amount + 1):
        answer = type_in(visitor, typed)
        assert answer.status_code == 422 and 'role="alert"' in answer.text
    with zhiku.sessions() as session:
        refused = select(func.count()).where(AuditEvent.action == Action.SIGN_IN_REFUSED.value)
        assert session.scalar(refused) == 0


@pytest.mark.parametrize("path", ["x", "0000000000000", "%00", "%F0%9F%98%80", "..%2f", "%ff", "' or 1=1"])
def test_an_address_that_has_no_code_is_answered_with_the_form(visitor: FlaskClient, path: str) -> None:
    answer = visitor.get(f"/in/{path}")
    assert answer.status_code == 404 and "<html" in answer.text


def test_a_thousand_guesses_find_nothing_and_most_are_not_even_looked_at(
    visitor: FlaskClient, code: str, zhiku: Zhiku
) -> None:
    fields = open_form(visitor, "/in")
    answers = [visitor.post("/in", data=fields | {"code": new_code()}).status_code for _ in range(1000)]
    assert set(answers) == {422, 429}
    assert answers.count(429) == 1000 - ENTRY_TRIES[0].amount
    with zhiku.sessions() as session:
        refused = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.SIGN_IN_REFUSED.value)).all()
    assert len(refused) == ENTRY_TRIES[0].amount and {event.changes.get("code") for event in refused} == {None}
    # The right one is not looked at either, until the minute is over.
    assert type_in(visitor, code).status_code == 429
    assert visitor.get(f"/in/{code.replace(' ', '')}").status_code == 429


def test_guessing_from_many_addresses_meets_the_limit_for_all(app: Flask, code: str) -> None:
    answers = []
    for place in range(130):
        answers.append(
            app.test_client().get(f"/in/{new_code()}", environ_base={"REMOTE_ADDR": f"10.0.{place}.1"}).status_code
        )
    assert answers[0] == 404 and answers[-1] == 429


def test_a_closed_account_is_not_let_in(visitor: FlaskClient, code: str, zhiku: Zhiku) -> None:
    address = type_in(visitor, code).headers["Location"]
    fields = fields_of(visitor.get(address).text)
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.scalars(select(Account).where(Account.role == Role.RETIREE)).one().is_active = False
    assert visitor.post(address, data=fields).status_code == 410
    assert visitor.get("/mine").status_code == 303


def test_below_a_sub_path_everything_leads_to_the_right_place(zhiku: Zhiku, code: str) -> None:
    phone = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku"))).test_client()
    page = phone.get("/zhiku/in", base_url="http://localhost/").text
    assert 'action="/zhiku/in"' in page and not re.search(r'(?:href|src|action)="/(?!zhiku/)', page)


def test_asking_for_the_head_of_a_page_only_does_nothing_that_a_form_does(client: FlaskClient, zhiku: Zhiku) -> None:
    store_lexicon(zhiku.sessions)
    answer = client.head("/bureau/lexicon/groups/1/delete")
    assert answer.status_code == 200 and answer.data == b""
    assert zhiku.lexicon.group(1)
