"""Slips on paper: seen again while the printer is jammed, several on one sheet, and with what is to be confirmed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from tests import factories
from tests.web.pages import fields_of
from tests.web.signing_in import browser_of, sign_in
from tests.web.test_entry_pages import COUNTY, Liaison, come_in, liaison, somebody_else, zeng  # noqa: F401
from tests.web.test_liaison_pages import officer, page, slip_of  # noqa: F401
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account, EntryCode
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.experts import Availability, Expert
from zhiku.domain.masking import masked_name
from zhiku.domain.permissions import Role
from zhiku.services.entry_codes import MOST_AT_ONCE
from zhiku.services.on_behalf import Errand
from zhiku.web.app import create_app
from zhiku.web.slips import SLIP_SHOWN_FOR

Later = Callable[[timedelta], None]


@pytest.fixture
def later(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> Later:
    """Lets time pass for the slips."""

    def pass_by(by: timedelta) -> None:
        clock: Callable[[], datetime] = zhiku.clock
        monkeypatch.setattr(Zhiku, "clock", staticmethod(lambda: clock() + by))

    return pass_by


@pytest.fixture
def people(zhiku: Zhiku, liaison: Liaison) -> list[int]:  # noqa: F811
    """Three retirees of the liaison."""
    with zhiku.sessions() as session:
        chosen = [zeng(zhiku), somebody_else(zhiku)]
        chosen.append(session.scalars(select(Expert.id).where(Expert.id.not_in(chosen)).limit(1)).one())
    zhiku.liaisons.assign(chosen, liaison.account_id, COUNTY)
    return chosen


def tick(browser: FlaskClient, chosen: list[int], **fields: str) -> dict[str, object]:
    """What the list sends when these are ticked."""
    form = fields_of(browser.get("/liaison").text)
    sent = {name: form[name] for name in ("csrf_token", "form_key", "q")}
    return sent | fields | {"people": [str(one) for one in chosen]}


def codes_on(text: str) -> list[str]:
    return re.findall(r"data-slip-code>([^<]+)<", text)


def count(zhiku: Zhiku) -> int:
    with zhiku.sessions() as session:
        return session.scalar(select(func.count()).select_from(EntryCode)) or 0


# -- a jammed printer --------------------------------------------------------------------------------------------


def test_a_slip_can_be_opened_again_for_half_an_hour_and_says_so(
    officer: FlaskClient, page: str, later: Later  # noqa: F811
) -> None:
    code = slip_of(officer, page)
    assert "30 分钟内，在这台电脑上，您还能从曾繁柑的页面再打开" in officer.get(f"{page}/slip").text
    later(timedelta(minutes=20))
    assert "刚才印的纸条还能再看 10 分钟" in officer.get(page).text
    assert codes_on(officer.get(f"{page}/slip").text) == [code]
    later(SLIP_SHOWN_FOR)
    assert "刚才印的纸条" not in officer.get(page).text
    assert officer.get(f"{page}/slip").headers["Location"] == page
    with officer.session_transaction() as session:
        assert code.replace(" ", "") not in str(dict(session))


def test_nobody_but_who_issued_a_slip_sees_it_again_nor_they_after_signing_in_anew(
    app: Flask, officer: FlaskClient, page: str, zhiku: Zhiku  # noqa: F811
) -> None:
    code = slip_of(officer, page)
    for other in (browser_of(app, Role.BUREAU), browser_of(app, Role.LIAISON)):
        assert other.get(f"{page}/slip").headers["Location"] == page and code not in other.get(page).text
    with officer.session_transaction() as session:
        kept = session["slips"]
    # Even where somebody else gets hold of the very same session.
    bureau = browser_of(app, Role.BUREAU)
    with bureau.session_transaction() as session:
        session["slips"] = kept
    assert bureau.get(f"{page}/slip").headers["Location"] == page
    sign_in(officer, Liaison(zhiku).account_id)
    with officer.session_transaction() as session:
        session.pop("slips", None)
    assert officer.get(f"{page}/slip").headers["Location"] == page


def test_a_slip_that_was_used_or_withdrawn_is_not_printed_again(
    app: Flask, officer: FlaskClient, page: str  # noqa: F811
) -> None:
    used = slip_of(officer, page)
    come_in(app.test_client(), used)
    assert officer.get(f"{page}/slip").headers["Location"] == page and "再打开那张纸条" not in officer.get(page).text
    slip_of(officer, page)
    elsewhere = browser_of(app, Role.BUREAU)
    elsewhere.post(f"{page}/code/withdraw", data=fields_of(elsewhere.get(page).text))
    assert officer.get(f"{page}/slip").headers["Location"] == page


# -- several on one sheet ----------------------------------------------------------------------------------------


def test_slips_for_several_lie_on_one_sheet_and_each_lets_its_own_in(
    app: Flask, officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    answer = officer.post("/liaison/slips", data=tick(officer, people))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/liaison/slips")
    sheet = officer.get("/liaison/slips")
    codes = codes_on(sheet.text)
    assert len(set(codes)) == 3 and sheet.text.count("<svg") == 3 and sheet.headers["Cache-Control"] == "no-store"
    assert "曾*柑" in sheet.text and "曾繁柑" not in sheet.text and sheet.text.count("前有效") == 3
    names = []
    for code in codes:
        phone = app.test_client()
        come_in(phone, code)
        names.append(re.findall(r"<h1>(\S+)老同志，您好", phone.get("/mine").text)[0])
    with zhiku.sessions() as session:
        assert names == [session.get_one(Expert, one).name for one in people]


def test_each_slip_of_a_sheet_is_an_event_of_its_own(
    officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    officer.post("/liaison/slips", data=tick(officer, people))
    with zhiku.sessions() as session:
        noted = session.scalars(
            select(AuditEvent.subject_id).where(
                AuditEvent.action == Action.ISSUED.value, AuditEvent.actor_name == "联络员账号"
            )
        ).all()
    assert sorted(noted) == sorted(map(str, people))


def test_the_same_form_sent_twice_makes_the_same_sheet(
    officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    form = tick(officer, people)
    sheets = []
    for _ in range(2):
        officer.post("/liaison/slips", data=form)
        sheets.append(codes_on(officer.get("/liaison/slips").text))
    assert sheets[0] == sheets[1] and count(zhiku) == 3
    officer.post("/liaison/slips", data=tick(officer, people))
    assert set(codes_on(officer.get("/liaison/slips").text)).isdisjoint(sheets[0])


def test_with_somebody_elses_retiree_among_them_nobody_gets_a_slip(
    officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    with zhiku.sessions() as session:
        other = session.scalars(select(Expert.id).where(Expert.id.not_in(people)).limit(1)).one()
    for wrong in (other, 424242, 2**40, 0):
        assert officer.post("/liaison/slips", data=tick(officer, [people[0], wrong])).status_code == 404
    assert count(zhiku) == 0


def test_who_has_a_closed_account_is_named_and_the_others_get_theirs(
    officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    officer.post("/liaison/slips", data=tick(officer, people))
    with zhiku.sessions.begin() as session:
        session.connection(execution_options={"is_writing": True})
        session.scalars(select(Account).where(Account.expert_id == people[0])).one().is_active = False
    officer.post("/liaison/slips", data=tick(officer, people))
    sheet = officer.get("/liaison/slips").text
    assert "曾繁柑的账号已经停用，没有印" in sheet and len(codes_on(sheet)) == 2


def test_nobody_ticked_or_too_many_gets_a_sentence(
    officer: FlaskClient, people: list[int], zhiku: Zhiku  # noqa: F811
) -> None:
    assert officer.post("/liaison/slips", data=tick(officer, [])).headers["Location"] == "/liaison"
    assert "请先勾选" in officer.get("/liaison").text
    officer.post("/liaison/slips", data=tick(officer, list(range(1, MOST_AT_ONCE + 2)), q="曾"))
    assert f"一次最多印 {MOST_AT_ONCE} 位" in officer.get("/liaison").text and count(zhiku) == 0


def test_a_full_sheet_fits_the_cookie(officer: FlaskClient, zhiku: Zhiku, liaison: Liaison) -> None:  # noqa: F811
    with zhiku.sessions.begin() as session:
        session.connection(execution_options={"is_writing": True})
        many = [factories.an_expert(session, name=f"欧阳{place}").id for place in range(MOST_AT_ONCE)]
    zhiku.liaisons.assign(many, liaison.account_id, COUNTY)
    officer.post("/liaison/slips", data=tick(officer, many))
    cookie = officer.get_cookie("zhiku_session")
    assert cookie is not None and len(cookie.value) < 4000
    assert len(codes_on(officer.get("/liaison/slips").text)) == MOST_AT_ONCE


def test_a_sheet_that_was_put_away_is_gone(officer: FlaskClient, people: list[int]) -> None:  # noqa: F811
    officer.post("/liaison/slips", data=tick(officer, people))
    assert "刚才印的 3 张纸条还没有收起来" in officer.get("/liaison").text
    sheet = officer.get("/liaison/slips").text
    assert officer.post("/liaison/slips/close", data=fields_of(sheet)).headers["Location"] == "/liaison"
    assert officer.get("/liaison/slips").headers["Location"] == "/liaison"
    assert "没有还能看的纸条" in officer.get("/liaison").text
    with officer.session_transaction() as session:
        assert not any(code.replace(" ", "") in str(dict(session)) for code in codes_on(sheet))


@pytest.mark.parametrize(
    ("name", "shown"), [("曾繁柑", "曾*柑"), ("李水", "李*"), ("欧阳中石", "欧**石"), ("曾", "曾*"), (" ", "")]
)
def test_a_name_on_a_sheet_is_told_by_its_owner_only(name: str, shown: str) -> None:
    assert masked_name(name) == shown


# -- what is to be confirmed -------------------------------------------------------------------------------------


@pytest.fixture
def act(zhiku: Zhiku, liaison: Liaison) -> int:  # noqa: F811
    """Something that the liaison did for 曾繁柑 and that waits for an answer."""
    changed = replace(zhiku.on_behalf.willingness(liaison, zeng(zhiku)), availability=Availability.PHONE_ONLY)
    zhiku.on_behalf.change_willingness(liaison, zeng(zhiku), changed, Errand("本人说的", "visit"))
    return zhiku.on_behalf.of_person(zeng(zhiku)).acts[0].id


def test_a_slip_says_what_was_done_and_leads_to_where_it_is_confirmed(
    app: Flask, officer: FlaskClient, page: str, act: int, zhiku: Zhiku  # noqa: F811
) -> None:
    form = {"csrf_token": fields_of(officer.get(page).text)["csrf_token"], "act": str(act)}
    assert "印一张请他确认的纸条" in officer.get(page).text
    officer.post(f"{page}/code", data=form)
    slip = officer.get(f"{page}/slip").text
    assert "由“可联系”改为“仅电话”" in slip and "联络员替您办了" in slip
    phone = app.test_client()
    assert come_in(phone, codes_on(slip)[0]).headers["Location"] == "/mine/acts"
    shown = phone.get("/mine/acts").text
    assert "有 1 件事等您看一看" in shown and "这台设备已经记住您了" in shown
    phone.post(f"/mine/acts/{act}", data=fields_of(phone.get(f"/mine/acts/{act}").text) | {"answer": "confirm"})
    assert "印一张请他确认的纸条" not in officer.get(page).text
    # Nothing waits any more: the next slip leads to their own page.
    assert come_in(app.test_client(), slip_of(officer, page)).headers["Location"] == "/mine"


def test_scanning_the_slip_again_leads_to_what_waits(
    app: Flask, officer: FlaskClient, page: str, act: int, zhiku: Zhiku  # noqa: F811
) -> None:
    code = slip_of(officer, page)
    phone = app.test_client()
    come_in(phone, code)
    assert phone.get(f"/in/{code.replace(' ', '')}").headers["Location"] == "/mine/acts"
    zhiku.on_behalf.confirm(zeng(zhiku), act)
    assert phone.get(f"/in/{code.replace(' ', '')}").headers["Location"] == "/mine"


@pytest.mark.parametrize("wrong", ["0", "x", "424242", "99999999999999999999"])
def test_an_act_that_there_is_not_is_not_on_the_slip(
    officer: FlaskClient, page: str, act: int, wrong: str  # noqa: F811
) -> None:
    form = {"csrf_token": fields_of(officer.get(page).text)["csrf_token"], "act": wrong}
    officer.post(f"{page}/code", data=form)
    slip = officer.get(f"{page}/slip")
    # Without a number all that waits is named.
    assert slip.status_code == 200 and ("联络员替您办了" in slip.text) is (wrong in ("0", "x", "99999999999999999999"))


def test_below_a_sub_path_the_sheet_leads_to_the_right_place(zhiku: Zhiku, people: list[int]) -> None:
    below = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku")))
    browser = browser_of(below, Role.LIAISON)
    form = fields_of(browser.get("/zhiku/liaison").text)
    browser.post("/zhiku/liaison/slips", data=form | {"people": [str(people[0])]})
    assert "http://localhost/zhiku/in<" in browser.get("/zhiku/liaison/slips").text
