"""A retiree's own pages: what they see of themselves, what they say to acts of others, and that it is theirs alone."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.web.pages import DRAFT, fields_of, open_form
from tests.web.signing_in import account_of, browser_of, sign_in
from tests.web.test_entry_pages import COUNTY, Liaison, come_in, liaison, somebody_else, zeng  # noqa: F401
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account
from zhiku.domain.actors import Actor, acting_as, acting_for
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Availability, Expert, ExpertStatus
from zhiku.domain.on_behalf import ActOnBehalf, ActState
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion
from zhiku.services.on_behalf import Errand
from zhiku.services.suggestion_intake import SuggestionDraft


@pytest.fixture
def phone(app: Flask, zhiku: Zhiku, liaison: Liaison) -> FlaskClient:  # noqa: F811
    """The phone of 曾繁柑, who came in by a slip."""
    opened = app.test_client()
    assert come_in(opened, zhiku.entry_codes.issue(zeng(zhiku), liaison).code).headers["Location"] == "/mine"
    return opened


def another_retiree(app: Flask, zhiku: Zhiku) -> FlaskClient:
    """The phone of 李水生."""
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        zeng_account = session.scalars(select(Account).where(Account.role == Role.RETIREE)).one()
        account = Account(
            name="李水生", role=Role.RETIREE, division_prefix="430725", expert_id=somebody_else(zhiku),
            created_at=zeng_account.created_at, updated_at=zeng_account.created_at,
        )  # fmt: skip
        session.add(account)
        session.flush()
        account_id = account.id
    return sign_in(app.test_client(), account_id)


def file_one(zhiku: Zhiku, liaison: Liaison, subject: str = "老街夜里没有路灯") -> int:  # noqa: F811
    """The liaison files a suggestion for 曾繁柑; gives the id of the act."""
    draft = SuggestionDraft(
        "", "", subject, "从桥头到卫生院没有一盏灯。", "先装十盏太阳能路灯。", f"key-{subject:_>20}"
    )
    zhiku.on_behalf.file_suggestion(liaison, zeng(zhiku), draft, Errand("本人口述，由我代写", "phone"))
    return zhiku.on_behalf.of_person(zeng(zhiku)).acts[0].id


def test_the_first_page_has_name_liaison_suggestions_and_the_way_to_everything(phone: FlaskClient) -> None:
    page = phone.get("/mine").text
    assert "曾繁柑老同志，您好" in page and "您的联络员是 <strong>联络员账号</strong>" in page
    assert "统一供苗防住黄龙病（1）" in page and "修好第4组的水渠" not in page
    for address in set(re.findall(r'href="(/mine[^"#]*)"', page)):
        assert phone.get(address).status_code == 200, address


def test_only_their_own_suggestions_open_whatever_their_status(phone: FlaskClient, zhiku: Zhiku) -> None:
    page = phone.get("/mine/suggestions/2026-0001")
    assert page.status_code == 200 and "现在在这一步" in page.text and "县委老干部局已经收到" in page.text
    for number in ("2026-0004", "2026-9999", "x", "%00"):
        assert phone.get(f"/mine/suggestions/{number}").status_code == 404


def test_what_waits_for_them_comes_first_and_they_confirm_it(
    phone: FlaskClient, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    act = file_one(zhiku, liaison)
    home = phone.get("/mine").text
    assert "有 1 件事等您看一看" in home and "老街夜里没有路灯" in home
    page = phone.get(f"/mine/acts/{act}").text
    assert "联络员 联络员账号" in page and "本人口述，由我代写" in page and "先装十盏太阳能路灯。" in page
    answer = phone.post(f"/mine/acts/{act}", data=fields_of(page) | {"answer": "confirm"})
    assert answer.status_code == 303
    home = phone.get("/mine").text
    assert "已经记下" in home and "件事等您看一看" not in home
    assert "本人已确认" in phone.get("/mine/acts").text


def test_not_what_i_meant_needs_a_word_and_reaches_the_bureau(
    app: Flask, phone: FlaskClient, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    act = file_one(zhiku, liaison)
    form = open_form(phone, f"/mine/acts/{act}")
    wordless = phone.post(f"/mine/acts/{act}", data=form | {"answer": "object", "reason": " "})
    assert (
        wordless.status_code == 422
        and "请写一两句话" in wordless.text
        and '<details class="look mt-4" open>' in wordless.text
    )
    assert phone.post(f"/mine/acts/{act}", data=form | {"answer": "object", "reason": "我没说过。"}).status_code == 303
    bureau = browser_of(app, Role.BUREAU).get("/bureau/acts").text
    assert "我没说过。" in bureau and "曾繁柑" in bureau and "本人有异议（1）" in bureau
    with zhiku.sessions() as session:
        assert session.scalars(select(Suggestion).where(Suggestion.subject == "老街夜里没有路灯")).one()
    late = phone.post(f"/mine/acts/{act}", data=form | {"answer": "confirm"})
    assert late.status_code == 409 and "不用再答复" in late.text


def test_an_answer_that_is_neither_counts_as_no_confirmation(
    phone: FlaskClient, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    act = file_one(zhiku, liaison)
    form = open_form(phone, f"/mine/acts/{act}")
    assert phone.post(f"/mine/acts/{act}", data=form | {"answer": "sudo"}).status_code == 422
    assert phone.post(f"/mine/acts/{act}", data={"answer": "confirm"}).status_code == 403, "without a token"
    assert zhiku.on_behalf.act_of(zeng(zhiku), act).state is ActState.OPEN


def test_an_expired_act_says_who_will_ask(phone: FlaskClient, zhiku: Zhiku, liaison: Liaison) -> None:  # noqa: F811
    act = file_one(zhiku, liaison)
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.get_one(ActOnBehalf, act).expires_at = zhiku.clock() - timedelta(days=1)
    address = f"/mine/acts/{act}"
    page = phone.get(address).text
    assert "过期未确认" in page and "老干部局会打电话问您" in page and "对，是我的意思" not in page
    assert "件事等您看一看" not in phone.get("/mine").text
    assert "说了以后：老干部局会来问您" in page and "不会自动撤回" in page
    form = fields_of(page)
    wordless = phone.post(address, data=form | {"answer": "object", "reason": ""})
    assert wordless.status_code == 422 and "说了以后" in wordless.text
    assert phone.post(address, data=form | {"answer": "object", "reason": "我没有说过"}).status_code == 303
    assert "本人有异议" in phone.get(address).text and "我没有说过" in phone.get(address).text


def test_the_acts_and_suggestions_of_another_retiree_are_not_there(
    app: Flask, phone: FlaskClient, zhiku: Zhiku, liaison: Liaison  # noqa: F811
) -> None:
    act = file_one(zhiku, liaison)
    other = another_retiree(app, zhiku)
    token = open_form(phone, f"/mine/acts/{act}")
    for answer in (
        other.get(f"/mine/acts/{act}"),
        other.post(f"/mine/acts/{act}", data=fields_of(other.get("/suggestions/new").text) | {"answer": "confirm"}),
        other.get("/mine/suggestions/2026-0001"),
        other.get("/mine/acts/999999999999999999999"),
    ):
        assert answer.status_code == 404
    assert "老街夜里没有路灯" not in other.get("/mine").text + other.get("/mine/acts").text
    assert zhiku.on_behalf.act_of(zeng(zhiku), act).state is ActState.OPEN and token


def test_another_persons_device_cannot_be_ended(app: Flask, phone: FlaskClient, zhiku: Zhiku) -> None:
    other = another_retiree(app, zhiku)
    theirs = zhiku.sign_ins.listed(account_of(zhiku, Role.RETIREE))[0].id
    form = fields_of(other.get("/mine/devices").text)
    assert other.post(f"/mine/devices/{theirs}/end", data=form).status_code == 404
    assert phone.get("/mine").status_code == 200


def test_they_see_who_looked_at_their_data_and_what_for(phone: FlaskClient, zhiku: Zhiku) -> None:
    assert "没有人看过您不公开的资料" in phone.get("/mine/looks").text
    with zhiku.sessions.begin() as session, acting_as(Actor(7, "刘小燕", "bureau", "10.0.0.1")):
        begin_writing(session)
        with acting_for(purpose="走访慰问：重阳节上门"):
            append(session, [Note(Action.REVEALED, "expert", str(zeng(zhiku)), {"": "contact_details"})], zhiku.clock())
        append(
            session, [Note(Action.REVEALED, "expert", str(somebody_else(zhiku)), {"": "health_notes"})], zhiku.clock()
        )
        append(session, [Note(Action.REVEALED, "suggestion", "2026-0001", {"": "contact_details"})], zhiku.clock())
        append(session, [Note(Action.REVEALED, "suggestion", "2026-0004", {"": "contact_details"})], zhiku.clock())
        append(session, [Note(Action.EXPORTED, "expert", str(zeng(zhiku)))], zhiku.clock())
    page = phone.get("/mine/looks").text
    assert "<strong>老干部局 刘小燕</strong> 看了您的联系方式" in page and "为了：走访慰问：重阳节上门" in page
    assert "看了您提建议时留的联系方式" in page and "导出了您的全部资料" in page
    assert "健康情况。" not in page and page.count('class="when"') == 3


def test_their_profile_is_shown_as_departments_see_it_and_says_when_it_is_not_public(
    phone: FlaskClient, zhiku: Zhiku
) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        for withdrawn_on in (None, zhiku.clock().date()):
            session.add(
                Consent(
                    expert_id=zeng(zhiku), purpose=ConsentPurpose.PROFILE, form=ConsentForm.PAPER,
                    granted_on=zhiku.clock().date(), withdrawn_on=withdrawn_on, recorded_by="刘小燕",
                    created_at=zhiku.clock(),
                )
            )  # fmt: skip
    page = phone.get("/mine/profile").text
    assert "高级农艺师" in page and "1952年3月" in page and "柑橘黄龙病" in page and "13907361111" not in page
    assert page.count(f'record-title">{ConsentPurpose.PROFILE.label}') == 2 and "收回。" in page
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.get_one(Expert, zeng(zhiku)).availability = Availability.WITHDRAWN
    assert "现在不公开" in phone.get("/mine/profile").text


def test_a_consent_is_taken_back_by_who_gave_it_after_hearing_what_goes_with_it(
    app: Flask, phone: FlaskClient, zhiku: Zhiku
) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.add(
            Consent(
                expert_id=zeng(zhiku), purpose=ConsentPurpose.PROFILE, form=ConsentForm.PAPER,
                granted_on=zhiku.clock().date(), recorded_by="刘小燕", created_at=zhiku.clock(),
            )
        )  # fmt: skip
    address = "/mine/consents/profile/withdraw"
    assert address in phone.get("/mine/profile").text
    asked = phone.get(address)
    assert "档案退出智库" in asked.text
    other = another_retiree(app, zhiku)
    assert phone.post(address, data=fields_of(asked.text)).status_code == 303
    page = phone.get("/mine/profile").text
    assert "已经收回您的同意" in page and "现在不公开" in page and address not in page
    assert phone.get("/mine").status_code == 200
    with zhiku.sessions() as session:
        assert session.get_one(Expert, zeng(zhiku)).status is ExpertStatus.WITHDRAWN
        assert session.get_one(Expert, somebody_else(zhiku)).status is ExpertStatus.PUBLISHED
    assert other.get("/mine/consents/everything/withdraw").status_code == 404


def test_the_deceased_have_no_page(phone: FlaskClient, zhiku: Zhiku) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        expert = session.get_one(Expert, zeng(zhiku))
        expert.change_status(ExpertStatus.DECEASED, zhiku.clock())
    assert phone.get("/mine").status_code in (303, 404)


def test_this_device_and_another_one_are_forgotten_on_request(app: Flask, phone: FlaskClient, zhiku: Zhiku) -> None:
    lost = sign_in(app.test_client(), account_of(zhiku, Role.RETIREE))
    page = phone.get("/mine/devices").text
    assert page.count("就是现在这台") == 1 and "Firefox · Windows" in page
    ids = {one.device: one.id for one in zhiku.sign_ins.listed(account_of(zhiku, Role.RETIREE))}
    form = fields_of(page)
    assert phone.post(f"/mine/devices/{ids['Firefox · Windows']}/end", data=form).headers["Location"] == "/mine/devices"
    assert lost.get("/mine").status_code == 303 and phone.get("/mine").status_code == 200
    own = next(one for device, one in ids.items() if device != "Firefox · Windows")
    assert phone.post(f"/mine/devices/{own}/end", data=form).headers["Location"] == "/in"
    assert "不再记住您" in phone.get("/in").text and phone.get("/mine").status_code == 303


def test_a_suggestion_of_a_signed_in_retiree_is_theirs_without_a_name_or_a_contact(
    phone: FlaskClient, zhiku: Zhiku
) -> None:
    form = open_form(phone, "/suggestions/new")
    assert "name" not in form
    text = {name: DRAFT[name] for name in ("subject", "situation", "proposal")}
    # A name that is sent all the same changes nothing.
    answer = phone.post("/suggestions/new", data=form | text | {"name": "李水生"})
    assert answer.status_code == 303
    with zhiku.sessions() as session:
        stored = session.scalars(select(Suggestion).where(Suggestion.subject == DRAFT["subject"])).one()
        assert [(author.name, author.expert_id) for author in stored.authors] == [("曾繁柑", zeng(zhiku))]
    assert DRAFT["subject"] in phone.get("/mine").text


def test_a_retiree_too_is_shown_what_is_missing_and_what_is_like_it(phone: FlaskClient) -> None:
    form = open_form(phone, "/suggestions/new")
    empty = phone.post("/suggestions/new", data=form)
    assert empty.status_code == 422 and "有 3 处需要补充" in empty.text
    same = {"subject": "统一供苗防住黄龙病（1）", "situation": "各乡镇自己从外地买苗，带病的多。",
            "proposal": "由县里建一个无病毒苗圃，统一供苗。"}  # fmt: skip
    alike = phone.post("/suggestions/new", data=form | same)
    assert alike.status_code == 409 and "仍然提交我的" in alike.text
    again = fields_of(alike.text)
    assert again["subject"] == same["subject"] and "name" not in again
    assert phone.post("/suggestions/new", data=again | {"choice": "submit-anyway"}).status_code == 303


def test_the_header_of_a_retiree_has_no_button_that_signs_them_out_by_mistake(phone: FlaskClient) -> None:
    page = phone.get("/mine").text
    assert "/sign-out" not in page and 'href="/mine/devices"' in page
