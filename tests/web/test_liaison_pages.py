"""Liaisons and their retirees, slips, lost phones, and the bureau's assignments, as pages."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.web.pages import DRAFT, fields_of, open_form
from tests.web.signing_in import account_of, browser_of, sign_in
from tests.web.test_entry_pages import COUNTY, Liaison, come_in, liaison, somebody_else, zeng  # noqa: F401
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account, EntryCode
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Availability, Expert
from zhiku.domain.on_behalf import ActOnBehalf
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion
from zhiku.services.on_behalf import Errand
from zhiku.web.app import create_app

TEXT = {name: DRAFT[name] for name in ("subject", "situation", "proposal")}
ERRAND = {"channel": "phone", "why": "本人不会用手机，口述后由我代写"}


@pytest.fixture
def officer(app: Flask, liaison: Liaison) -> FlaskClient:  # noqa: F811
    """The browser of the liaison of 曾繁柑."""
    return browser_of(app, Role.LIAISON)


@pytest.fixture
def page(zhiku: Zhiku) -> str:
    """The address of the page of 曾繁柑."""
    return f"/liaison/{zeng(zhiku)}"


def slip_of(browser: FlaskClient, address: str) -> str:
    """Press the button that prints a slip; gives the code on it."""
    answer = browser.post(f"{address}/code", data=fields_of(browser.get(address).text))
    assert answer.headers["Location"] == f"{address}/slip"
    shown = browser.get(f"{address}/slip")
    assert shown.status_code == 200 and shown.headers["Cache-Control"] == "no-store"
    return re.findall(r"data-slip-code>([^<]+)<", shown.text)[0]


# -- the list and its limits -----------------------------------------------------------------------------------


def test_a_liaison_sees_their_retirees_only_and_finds_them_by_name(officer: FlaskClient) -> None:
    everybody = officer.get("/liaison").text
    assert "曾繁柑" in everybody and "李水生" not in everybody and "一共 1 位" in everybody
    for typed in ("繁柑", "zfg", "ceng"):
        assert "找到 1 位" in officer.get("/liaison", query_string={"q": typed}).text
    assert "没有姓名像“李水生”的" in officer.get("/liaison", query_string={"q": "李水生"}).text


def test_somebody_elses_retiree_is_not_there_whatever_is_tried(officer: FlaskClient, zhiku: Zhiku) -> None:
    token = open_form(officer, f"/liaison/{zeng(zhiku)}/willingness")
    for expert_id in (somebody_else(zhiku), 424242, 2**40):
        for path in ("", "/suggestion", "/willingness", "/slip"):
            assert officer.get(f"/liaison/{expert_id}{path}").status_code == 404, path
        for path in ("/suggestion", "/willingness", "/code", "/code/withdraw", "/devices/end", "/devices/1/end"):
            answer = officer.post(f"/liaison/{expert_id}{path}", data=token | TEXT | ERRAND)
            assert answer.status_code == 404 and "没有找到" in answer.text, path
    with zhiku.sessions() as session:
        counts = [session.scalar(select(func.count()).select_from(model)) for model in (EntryCode, ActOnBehalf)]
    assert counts == [0, 0]


def test_when_the_assignment_ended_an_open_form_is_refused(officer: FlaskClient, page: str, zhiku: Zhiku) -> None:
    form = open_form(officer, f"{page}/suggestion")
    zhiku.liaisons.end(zeng(zhiku), COUNTY)
    assert officer.post(f"{page}/suggestion", data=form | TEXT | ERRAND).status_code == 404
    assert officer.get(page).status_code == 404 and "还没有给您安排老同志" in officer.get("/liaison").text
    with zhiku.sessions() as session:
        assert session.scalar(select(func.count()).where(Suggestion.subject == TEXT["subject"])) == 0


# -- acting ----------------------------------------------------------------------------------------------------


def test_a_suggestion_is_filed_for_a_retiree_with_why_and_channel(
    officer: FlaskClient, page: str, zhiku: Zhiku
) -> None:
    form = open_form(officer, f"{page}/suggestion")
    answer = officer.post(f"{page}/suggestion", data=form | TEXT | ERRAND)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    shown = officer.get(page).text
    assert "已经替曾繁柑提交建议" in shown and re.search(r"查询码 [0-9A-Z]{6}（", shown) and "等本人确认" in shown
    assert "查询码" not in officer.get(page).text, "shown once"
    with zhiku.sessions() as session:
        stored = session.scalars(select(Suggestion).where(Suggestion.subject == TEXT["subject"])).one()
        assert [(author.name, author.expert_id) for author in stored.authors] == [("曾繁柑", zeng(zhiku))]
    done = officer.get("/liaison/acts").text
    assert TEXT["subject"] in done and ERRAND["why"] in done


def test_the_same_form_sent_twice_is_one_suggestion_and_one_act(officer: FlaskClient, page: str, zhiku: Zhiku) -> None:
    form = open_form(officer, f"{page}/suggestion") | TEXT | ERRAND
    assert [officer.post(f"{page}/suggestion", data=form | {"choice": "submit-anyway"}).status_code for _ in "12"] == [
        303,
        303,
    ]
    with zhiku.sessions() as session:
        assert session.scalar(select(func.count()).where(Suggestion.subject == TEXT["subject"])) == 1
        assert session.scalar(select(func.count()).select_from(ActOnBehalf)) == 1


def test_what_is_missing_is_named_and_what_was_typed_and_chosen_stays(officer: FlaskClient, page: str) -> None:
    form = open_form(officer, f"{page}/suggestion")
    wordless = officer.post(f"{page}/suggestion", data=form | TEXT | {"channel": "paper"})
    assert wordless.status_code == 422 and "请写明为什么代办" in wordless.text
    assert TEXT["situation"] in wordless.text and 'value="paper" checked' in wordless.text
    unchosen = officer.post(f"{page}/suggestion", data=form | TEXT | {"why": ERRAND["why"], "channel": "pigeon"})
    assert (
        unchosen.status_code == 422 and "请选择老同志是怎样告诉您的" in unchosen.text and ERRAND["why"] in unchosen.text
    )


def test_a_suggestion_like_another_is_asked_about_and_keeps_why_and_channel(officer: FlaskClient, page: str) -> None:
    same = {"subject": "统一供苗防住黄龙病（1）", "situation": "各乡镇自己从外地买苗，带病的多。",
            "proposal": "由县里建一个无病毒苗圃，统一供苗。"}  # fmt: skip
    alike = officer.post(f"{page}/suggestion", data=open_form(officer, f"{page}/suggestion") | same | ERRAND)
    assert alike.status_code == 409 and f'action="{page}/suggestion"' in alike.text
    again = fields_of(alike.text)
    assert (again["why"], again["channel"]) == (ERRAND["why"], "phone")
    back = officer.post(f"{page}/suggestion", data=again | {"choice": "go-on-writing"})
    assert back.status_code == 200 and same["situation"] in back.text and 'value="phone" checked' in back.text
    assert officer.post(f"{page}/suggestion", data=again | {"choice": "submit-anyway"}).status_code == 303


def test_availability_and_ways_of_helping_are_noted_for_them(officer: FlaskClient, page: str, zhiku: Zhiku) -> None:
    opened = officer.get(f"{page}/willingness").text
    assert 'value="available" checked' in opened and 'value="on_site" checked' in opened and "withdrawn" not in opened
    form = {name: value for name, value in fields_of(opened).items() if name in ("csrf_token", "version")}
    chosen = form | ERRAND | {"availability": "phone_only", "ways": ["advice", "talk"]}
    assert officer.post(f"{page}/willingness", data=chosen).status_code == 303
    assert "联系状态由“可联系”改为“仅电话”" in officer.get(page).text
    assert officer.post(f"{page}/willingness", data=chosen).status_code == 303
    assert "没有改动" in officer.get(page).text
    overtaken = officer.post(f"{page}/willingness", data=chosen | {"availability": "unavailable"})
    assert overtaken.status_code == 409 and 'value="unavailable" checked' in overtaken.text
    again = (
        form | {"version": fields_of(overtaken.text)["version"]} | ERRAND | {"availability": "unavailable", "ways": []}
    )
    assert officer.post(f"{page}/willingness", data=again).status_code == 303
    with zhiku.sessions() as session:
        expert = session.get_one(Expert, zeng(zhiku))
        assert (expert.availability, expert.ways_of_helping) == (Availability.UNAVAILABLE, [])
        assert session.scalar(select(func.count()).select_from(ActOnBehalf)) == 2


@pytest.mark.parametrize(
    "wrong", [{"availability": "withdrawn"}, {"availability": "x"}, {"version": "x"}, {"ways": "fly"}]
)
def test_choices_that_there_are_not_change_nothing_that_was_not_chosen(
    officer: FlaskClient, page: str, zhiku: Zhiku, wrong: dict[str, str]
) -> None:
    opened = fields_of(officer.get(f"{page}/willingness").text)
    form = {"csrf_token": opened["csrf_token"], "version": opened["version"], "availability": "available"}
    answer = officer.post(f"{page}/willingness", data=form | ERRAND | wrong)
    assert answer.status_code in (303, 409)
    with zhiku.sessions() as session:
        assert session.get_one(Expert, zeng(zhiku)).availability is Availability.AVAILABLE


# -- slips and devices -----------------------------------------------------------------------------------------


def test_a_slip_has_code_picture_address_and_three_steps_and_lets_in(
    app: Flask, officer: FlaskClient, page: str
) -> None:
    code = slip_of(officer, page)
    shown = officer.get(f"{page}/slip").text
    assert re.fullmatch(r"[0-9A-Z]{4} [0-9A-Z]{4}", code)
    assert "<svg" in shown and "style=" not in shown and "http://localhost/in<" in shown
    assert shown.count("<li>", shown.index("<ol>"), shown.index("</ol>")) == 3
    assert "联络员账号印发" in shown and "只能用一次" in shown and "曾繁柑" in shown
    assert come_in(app.test_client(), code).headers["Location"] == "/mine"


def test_the_code_stands_nowhere_but_on_the_slip_and_not_after_it_was_put_away(officer: FlaskClient, page: str) -> None:
    code = slip_of(officer, page)
    assert code not in officer.get(page).text and "有一张还没用的纸条" in officer.get(page).text
    officer.post(f"{page}/slip/close", data=fields_of(officer.get(f"{page}/slip").text))
    assert officer.get(f"{page}/slip").headers["Location"] == page
    with officer.session_transaction() as session:
        assert code.replace(" ", "") not in str(dict(session))


def test_the_button_pressed_twice_makes_one_slip_and_later_another(
    app: Flask, officer: FlaskClient, page: str, zhiku: Zhiku
) -> None:
    form = fields_of(officer.get(page).text)
    officer.post(f"{page}/code", data=form)
    officer.post(f"{page}/code", data=form)
    with zhiku.sessions() as session:
        assert session.scalar(select(func.count()).select_from(EntryCode)) == 1
    first = slip_of(officer, page)
    officer.post(f"{page}/slip/close", data=form)
    assert slip_of(officer, page) != first
    assert app.test_client().get(f"/in/{first.replace(' ', '')}").status_code == 410


def test_the_address_on_the_slip_is_the_one_that_was_set_for_phones(
    zhiku: Zhiku, liaison: Liaison, page: str  # noqa: F811
) -> None:  # noqa: F811
    outside = replace(zhiku.settings, public_url="https://zhiku.example.gov.cn", url_prefix="/zhiku")
    browser = browser_of(create_app(replace(zhiku, settings=outside)), Role.LIAISON)
    browser.post(f"/zhiku{page}/code", data=fields_of(browser.get(f"/zhiku{page}").text))
    assert "https://zhiku.example.gov.cn/zhiku/in<" in browser.get(f"/zhiku{page}/slip").text


def test_a_used_slip_can_be_printed_anew_and_a_lost_one_is_withdrawn(
    app: Flask, officer: FlaskClient, page: str
) -> None:
    code = slip_of(officer, page)
    officer.post(f"{page}/code/withdraw", data=fields_of(officer.get(page).text))
    assert "进门码已经作废" in officer.get(page).text
    assert app.test_client().get(f"/in/{code.replace(' ', '')}").status_code == 410
    # Not the withdrawn one again.
    again = slip_of(officer, page)
    assert again != code and come_in(app.test_client(), again).status_code == 303


def test_a_lost_phone_is_ended_by_the_liaison_and_the_next_slip_works(
    app: Flask, officer: FlaskClient, page: str
) -> None:
    lost, other = app.test_client(), app.test_client()
    come_in(lost, slip_of(officer, page))
    assert "其他浏览器" in officer.get(page).text
    officer.post(f"{page}/devices/end", data=fields_of(officer.get(page).text))
    assert "1 台设备都已退出" in officer.get(page).text
    assert lost.get("/mine").status_code == 303
    assert come_in(other, slip_of(officer, page)).status_code == 303 and other.get("/mine").status_code == 200


@pytest.mark.parametrize("ended_by", ["liaison", "owner"])
def test_who_was_signed_out_does_not_come_in_again_by_the_button_pressed_twice(
    app: Flask, officer: FlaskClient, page: str, ended_by: str
) -> None:
    """Within the two minutes in which a button pressed twice is one entry."""
    phone = app.test_client()
    address = f"/in/{slip_of(officer, page).replace(' ', '')}"
    form = fields_of(phone.get(address).text)
    name = app.config["SESSION_COOKIE_NAME"]
    before = phone.get_cookie(name)
    assert before is not None

    def press_as_before() -> TestResponse:
        browser = app.test_client()
        browser.set_cookie(name, before.value)
        return browser.post(address, data=form)

    assert phone.post(address, data=form).headers["Location"] == "/mine"
    assert press_as_before().headers["Location"] == "/mine", "pressed twice"
    if ended_by == "liaison":
        officer.post(f"{page}/devices/end", data=fields_of(officer.get(page).text))
    else:
        devices = phone.get("/mine/devices").text
        token = {"csrf_token": fields_of(devices)["csrf_token"]}
        for end in re.findall(r"/mine/devices/\d+/end", devices):
            phone.post(end, data=token)
    assert phone.get("/mine").headers["Location"].startswith("/in")
    answer = press_as_before()
    assert answer.status_code == 410 and "Location" not in answer.headers


def test_a_liaison_ends_one_device_but_none_of_anybody_else(
    app: Flask, officer: FlaskClient, page: str, zhiku: Zhiku
) -> None:
    phone = sign_in(app.test_client(), account_of(zhiku, Role.RETIREE))
    device = zhiku.sign_ins.listed(account_of(zhiku, Role.RETIREE))[0].id
    bureaus = browser_of(app, Role.BUREAU)
    theirs = zhiku.sign_ins.listed(account_of(zhiku, Role.BUREAU))[0].id
    form = fields_of(officer.get(page).text)
    assert officer.post(f"{page}/devices/{theirs}/end", data=form).status_code == 404
    assert bureaus.get("/bureau/liaisons").status_code == 200
    assert officer.post(f"{page}/devices/{device}/end", data=form).status_code == 303
    assert phone.get("/mine").status_code == 303


def test_the_bureau_prints_slips_for_anybody_but_acts_for_nobody(app: Flask, zhiku: Zhiku) -> None:
    bureau = browser_of(app, Role.BUREAU)
    address = f"/liaison/{somebody_else(zhiku)}"
    assert come_in(app.test_client(), slip_of(bureau, address)).headers["Location"] == "/mine"
    assert "替他提建议" not in bureau.get(address).text
    assert bureau.get(f"{address}/suggestion").status_code == 404


def test_a_closed_account_gets_no_slip_but_a_sentence(officer: FlaskClient, page: str, zhiku: Zhiku) -> None:
    slip_of(officer, page)
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.scalars(select(Account).where(Account.role == Role.RETIREE)).one().is_active = False
    officer.post(f"{page}/slip/close", data=fields_of(officer.get(page).text))
    assert officer.post(f"{page}/code", data=fields_of(officer.get(page).text)).headers["Location"] == page
    assert "账号已经停用" in officer.get(page).text


# -- the bureau ------------------------------------------------------------------------------------------------


def test_the_bureau_assigns_whom_it_ticks(app: Flask, zhiku: Zhiku) -> None:
    bureau = browser_of(app, Role.BUREAU)
    listed = bureau.get("/bureau/liaisons").text
    assert "没有联络员的（8）" in listed
    form = {"csrf_token": fields_of(listed)["csrf_token"]}
    chosen = [str(zeng(zhiku)), str(somebody_else(zhiku))]
    nobody = bureau.post("/bureau/liaisons/assign", data=form | {"officer": "1"})
    assert nobody.status_code == 422 and "请先勾选" in nobody.text
    unchosen = bureau.post("/bureau/liaisons/assign", data=form | {"people": chosen, "officer": ""})
    assert unchosen.status_code == 422 and "请选择一位联络员" in unchosen.text and unchosen.text.count(" checked") == 2
    officer = str(account_of(zhiku, Role.LIAISON))
    answer = bureau.post("/bureau/liaisons/assign", data=form | {"people": chosen, "officer": officer})
    assert answer.status_code == 303
    listed = bureau.get("/bureau/liaisons").text
    assert "2 位老同志由联络员账号联络" in listed and "没有联络员的（6）" in listed
    assert "一共 2 位" in browser_of(app, Role.LIAISON).get("/liaison").text


@pytest.mark.parametrize("sent", [{"people": "x"}, {"people": "999999"}, {"people": ["1", "99999999999"]}])
def test_people_whom_there_are_not_are_not_assigned(app: Flask, zhiku: Zhiku, sent: dict[str, object]) -> None:
    bureau = browser_of(app, Role.BUREAU)
    form = {"csrf_token": fields_of(bureau.get("/bureau/liaisons").text)["csrf_token"]}
    officer = str(account_of(zhiku, Role.LIAISON))
    assert bureau.post("/bureau/liaisons/assign", data=form | {"officer": officer} | sent).status_code == 404
    assert zhiku.liaisons.history(1) == []


def test_the_bureau_assigns_by_the_roster(app: Flask, zhiku: Zhiku) -> None:
    bureau = browser_of(app, Role.BUREAU)
    assert "还没有这位联络员的账号" in bureau.get("/bureau/liaisons").text
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.scalars(select(Account).where(Account.role == Role.LIAISON)).one().name = "刘小燕"
    page = bureau.get("/bureau/liaisons").text
    assert "刘小燕</strong>：1 位老同志" in page
    bureau.post("/bureau/liaisons/by-roster", data={"csrf_token": fields_of(page)["csrf_token"]})
    assert "按花名册安排 1 位" in bureau.get("/bureau/liaisons").text
    history = bureau.get(f"/bureau/liaisons/{zeng(zhiku)}").text
    assert "刘小燕" in history and "现在" in history
    bureau.post(f"/bureau/liaisons/{zeng(zhiku)}/end", data={"csrf_token": fields_of(history)["csrf_token"]})
    assert browser_of(app, Role.LIAISON).get(f"/liaison/{zeng(zhiku)}").status_code == 404


def test_the_bureau_of_another_county_sees_and_assigns_nobody_here(
    app: Flask, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:  # noqa: F811
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.scalars(select(Account).where(Account.role == Role.BUREAU)).one().division_prefix = "430726"
    elsewhere = browser_of(app, Role.BUREAU)
    page = elsewhere.get("/bureau/liaisons?show=all")
    assert page.status_code == 200 and "曾繁柑" not in page.text and "联络员账号" not in page.text
    for path in (f"/bureau/liaisons/{zeng(zhiku)}", f"/liaison/{zeng(zhiku)}", f"/liaison/{zeng(zhiku)}/slip"):
        assert elsewhere.get(path).status_code == 404
    token = {"csrf_token": fields_of(elsewhere.get("/suggestions/new").text)["csrf_token"]}
    for path in (f"/bureau/liaisons/{zeng(zhiku)}/end", f"/liaison/{zeng(zhiku)}/code", "/bureau/acts/1/settle"):
        assert elsewhere.post(path, data=token | {"note": "处理了"}).status_code == 404


def test_an_objection_is_settled_in_words_that_all_three_read(
    app: Flask, officer: FlaskClient, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    changed = replace(zhiku.on_behalf.willingness(liaison, zeng(zhiku)), availability=Availability.PHONE_ONLY)
    zhiku.on_behalf.change_willingness(liaison, zeng(zhiku), changed, Errand("本人说的", "visit"))
    act = zhiku.on_behalf.of_person(zeng(zhiku)).acts[0].id
    zhiku.on_behalf.object(zeng(zhiku), act, "我没这么说")
    bureau = browser_of(app, Role.BUREAU)
    assert "代办记录：1 件要处理" in bureau.get("/bureau/liaisons").text
    token = {"csrf_token": fields_of(bureau.get("/bureau/acts").text)["csrf_token"], "show": "objected"}
    wordless = bureau.post(f"/bureau/acts/{act}/settle", data=token | {"note": ""})
    assert wordless.status_code == 422 and "请写明处理结果" in wordless.text and "我没这么说" in wordless.text
    note = {"note": "电话问过本人，已经改回来。"}
    for _ in range(2):
        assert bureau.post(f"/bureau/acts/{act}/settle", data=token | note).status_code == 303
    assert "没有本人提出异议、还没处理的事" in bureau.get("/bureau/acts").text
    phone = sign_in(app.test_client(), account_of(zhiku, Role.RETIREE))
    for reader, path in (
        (bureau, "/bureau/acts?show=settled"),
        (officer, "/liaison/acts"),
        (phone, f"/mine/acts/{act}"),
    ):
        assert note["note"] in reader.get(path).text and "我没这么说" in reader.get(path).text


def test_a_liaison_who_confirms_by_a_slip_of_their_own_is_shown_to_the_bureau(
    app: Flask, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    changed = replace(zhiku.on_behalf.willingness(liaison, zeng(zhiku)), availability=Availability.PHONE_ONLY)
    zhiku.on_behalf.change_willingness(liaison, zeng(zhiku), changed, Errand("本人说的", "visit"))
    act = zhiku.on_behalf.of_person(zeng(zhiku)).acts[0].id
    phone = app.test_client()
    come_in(phone, zhiku.entry_codes.issue(zeng(zhiku), liaison).code)
    form = fields_of(phone.get(f"/mine/acts/{act}").text)
    assert phone.post(f"/mine/acts/{act}", data=form | {"answer": "confirm"}).status_code == 303
    bureau = browser_of(app, Role.BUREAU)
    assert "代办记录：1 件要处理" in bureau.get("/bureau/liaisons").text
    page = bureau.get("/bureau/acts?show=own-code").text
    assert "本人确认所用的进入码由同一位联络员开出" in page and "写处理结果" in page
    token = {"csrf_token": fields_of(page)["csrf_token"], "show": "own-code"}
    assert (
        bureau.post(f"/bureau/acts/{act}/settle", data=token | {"note": "电话问过本人，是他自己确认的。"}).status_code
        == 303
    )
    assert "没有要核对的确认" in bureau.get("/bureau/acts?show=own-code").text
