"""A person's records on the pages of the bureau and of their liaison: masked, revealed, changed, erased."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.web.pages import fields_of, receipt_of, submit
from tests.web.signing_in import account_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import LiaisonAssignment
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Role
from zhiku.services import contacts, reveals

PAGE = "/experts/1/records"
NUMBER = "11010519491231002X"
#: The contact that the county stores of the first expert.
PHONE = "13907361111"
PURPOSE = {"purpose": "invite", "words": "商量敬老座谈会"}

ADDRESSES = ["/experts/records", PAGE, f"{PAGE}/contact", f"{PAGE}/contact?contact=1", f"{PAGE}/identity",
             f"{PAGE}/health", f"{PAGE}/contact/remove?contact=1", f"{PAGE}/contact/reveal", f"{PAGE}/consents",
             f"{PAGE}/consents/profile/withdraw", f"{PAGE}/standing/withdraw", f"{PAGE}/standing/deceased",
             f"{PAGE}/export", f"{PAGE}/erase", "/bureau/reveals", "/suggestions/2026-0002/author",
             "/experts/records/authors", "/suggestions/2026-0004/authors/0/export",
             "/suggestions/2026-0004/authors/0/erase"]  # fmt: skip


@pytest.fixture
def liaison(zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]) -> FlaskClient:
    """The browser of the liaison of the first expert."""
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        for old in session.scalars(select(LiaisonAssignment).where(LiaisonAssignment.expert_id == 1)):
            session.delete(old)
        session.flush()
        session.add(LiaisonAssignment(account_id=account_of(zhiku, Role.LIAISON), expert_id=1, began_at=zhiku.clock()))
    return signed_in_as(Role.LIAISON)


def send(client: FlaskClient, address: str, **typed: str) -> TestResponse:
    form = fields_of(client.get(address).text)
    return client.post(address, data=form | typed)


def agree(client: FlaskClient, *purposes: str) -> None:
    for purpose in purposes:
        answer = send(client, f"{PAGE}/consents", purpose=purpose, form="paper", on="2026.5.4")
        assert answer.status_code == 303, answer.text


@pytest.mark.parametrize("address", ADDRESSES)
def test_pages_are_well_formed_and_kept_by_nobody(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    page = answer.text
    assert answer.status_code == 200 and answer.headers["Cache-Control"] == "no-store"
    assert page.count("<h1") == 1 and not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for field in re.findall(r"<(?:input|textarea)(?![^>]*hidden)[^>]*>", page):
        name = re.search(r'\sid="([^"]+)"', field)
        assert name and f'for="{name[1]}"' in page
    for named in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', page):
        assert set(named.split()) <= set(ids), named


@pytest.mark.parametrize("role", [Role.LIAISON, Role.DEPARTMENT, Role.LEADER, Role.ADMINISTRATOR, Role.RETIREE])
@pytest.mark.parametrize("address", [one for one in ADDRESSES if one != "/experts/records"])
def test_who_does_not_look_after_them_finds_nothing(
    signed_in_as: Callable[[Role], FlaskClient], zhiku: Zhiku, role: Role, address: str
) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        for old in session.scalars(select(LiaisonAssignment)):
            session.delete(old)
    assert signed_in_as(role).get(address).status_code == 404


def test_a_contact_is_masked_until_somebody_says_what_for(zhiku: Zhiku, client: FlaskClient) -> None:
    page = client.get(PAGE).text
    assert "139****1111" in page and PHONE not in page
    answer = send(client, f"{PAGE}/contact/reveal", purpose="", words="")
    assert answer.status_code == 422 and "请选择用途" in answer.text and PHONE not in answer.text
    answer = send(client, f"{PAGE}/contact/reveal", purpose="invite", words="看")
    assert answer.status_code == 422 and "请写明具体事由" in answer.text and PHONE not in answer.text
    answer = send(client, f"{PAGE}/contact/reveal", **PURPOSE)
    assert answer.status_code == 200 and PHONE in answer.text and answer.headers["Cache-Control"] == "no-store"
    with zhiku.sessions() as session:
        event = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.REVEALED.value)).one()
    assert (event.actor_role, event.address, event.subject_id) == ("bureau", "127.0.0.1", "1")
    page = client.get(PAGE).text
    assert "商量敬老座谈会" in page and PHONE not in page
    assert "看了 <strong>1</strong> 次" in client.get("/bureau/reveals").text


def test_a_forged_form_reveals_nothing(client: FlaskClient) -> None:
    answer = client.post(f"{PAGE}/contact/reveal", data=PURPOSE)
    assert answer.status_code in (400, 403) and PHONE not in answer.text


def test_a_liaison_sees_the_contact_of_theirs_and_no_other_value(client: FlaskClient, liaison: FlaskClient) -> None:
    agree(client, "identity")
    assert send(client, f"{PAGE}/identity", value=NUMBER).status_code == 303
    page = liaison.get(PAGE).text
    assert "139****1111" in page and "1101**" not in page and "已登记" in page
    assert PHONE in send(liaison, f"{PAGE}/contact/reveal", **PURPOSE).text
    assert liaison.get(f"{PAGE}/identity/reveal").status_code == 404
    assert liaison.get("/experts/2/records").status_code == 404
    listed = liaison.get("/experts/records").text
    assert "曾繁柑" in listed and "李水生" not in listed
    for address in (f"{PAGE}/standing/withdraw", f"{PAGE}/export", f"{PAGE}/erase", "/bureau/reveals"):
        assert address not in page and liaison.get(address).status_code == 404


def test_who_is_stopped_is_told_why_and_the_bureau_sees_it(
    client: FlaskClient, liaison: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reveals, "MOST_AN_HOUR", 2)
    for _ in range(2):
        assert send(liaison, f"{PAGE}/contact/reveal", **PURPOSE).status_code == 200
    answer = send(liaison, f"{PAGE}/contact/reveal", **PURPOSE)
    assert answer.status_code == 429 and "请过一会儿再看" in answer.text and PHONE not in answer.text
    page = client.get("/bureau/reveals").text
    assert "被拦下 1 次" in page and "超过限额被停" in page


def test_values_are_recorded_corrected_and_removed(zhiku: Zhiku, client: FlaskClient) -> None:
    answer = send(client, f"{PAGE}/health", value="听力不好")
    assert answer.status_code == 422 and "单独同意" in answer.text and "听力不好" in answer.text, "what was typed stays"
    agree(client, "care", "contact")
    assert send(client, f"{PAGE}/health", value="听力不好").status_code == 303
    page = client.get(PAGE).text
    assert "健康情况已保存" in page and "听力不好" not in page
    assert "听力不好" in send(client, f"{PAGE}/health/reveal", **PURPOSE).text
    assert send(client, f"{PAGE}/contact?contact=1", value="0736-6622345").status_code == 303
    assert "0736****2345" in client.get(PAGE).text
    answer = send(client, f"{PAGE}/identity", value="110105194912310021")
    assert answer.status_code == 422
    assert send(client, f"{PAGE}/contact/remove?contact=1").status_code == 303
    assert send(client, f"{PAGE}/health/remove").status_code == 303
    with zhiku.sessions() as session:
        assert contacts.of(session, contacts.EXPERT, 1) == []
    for gone in ("contact/remove?contact=1", "health/remove"):
        assert client.get(f"{PAGE}/{gone}").status_code == 404
    assert client.get(f"{PAGE}/health/reveal").status_code == 200
    assert send(client, f"{PAGE}/health/reveal", **PURPOSE).status_code == 404


def test_a_contact_without_consent_is_stored_and_somebody_is_told(client: FlaskClient) -> None:
    assert send(client, f"{PAGE}/contact", value="13700000000（女儿）").status_code == 303
    page = client.get(PAGE).text
    assert "还没有登记本人对" in page and "137****0000（另有文字）" in page


def test_a_consent_is_noted_and_taken_back_with_what_it_covered(zhiku: Zhiku, client: FlaskClient) -> None:
    answer = send(client, f"{PAGE}/consents", purpose="contact", form="paper", on="2026-13-40")
    assert answer.status_code == 422 and "日期" in answer.text
    agree(client, "contact")
    assert "2026年5月4日" in client.get(PAGE).text
    assert "删除保存的全部联系方式" in client.get(f"{PAGE}/consents/contact/withdraw").text
    assert send(client, f"{PAGE}/consents/contact/withdraw").status_code == 303
    page = client.get(PAGE).text
    assert "已撤回" in page and "139****1111" not in page


def test_who_left_is_out_of_the_search_and_stays_in_the_archive(zhiku: Zhiku, client: FlaskClient) -> None:
    answer = send(client, f"{PAGE}/standing/withdraw", reason="")
    assert answer.status_code == 422 and "请写明原因" in answer.text
    assert send(client, f"{PAGE}/standing/withdraw", reason="本人来电要求退出").status_code == 303
    zhiku.indexing.drain()
    assert client.get("/experts/1").status_code == 404
    assert "曾繁柑" not in client.get("/experts", query_string={"q": "黄龙病"}).text
    assert "曾繁柑" in client.get("/experts/records?status=withdrawn").text
    page = client.get(PAGE).text
    assert "已退出" in page and "恢复档案" in page and f"{PAGE}/standing/withdraw" not in page
    assert send(client, f"{PAGE}/standing/back", reason="本人愿意回来").status_code == 303
    assert send(client, f"{PAGE}/standing/publish", reason="档案核对无误").status_code == 303
    with zhiku.sessions() as session:
        assert session.get_one(Expert, 1).status is ExpertStatus.PUBLISHED
    answer = send(client, f"{PAGE}/standing/publish", reason="再发布一次")
    assert answer.status_code == 422


def test_everything_on_a_person_comes_as_one_file(client: FlaskClient) -> None:
    answer = send(client, f"{PAGE}/export", purpose="", words="本人申请")
    assert answer.status_code == 422 and "请选择用途" in answer.text
    answer = send(client, f"{PAGE}/export", purpose="other", words="本人书面申请")
    assert answer.status_code == 200 and answer.mimetype == "application/zip"
    assert re.fullmatch(r'attachment; filename="zhiku-person-1-\d{8}\.zip"', answer.headers["Content-Disposition"])
    page = zipfile.ZipFile(io.BytesIO(answer.data)).read("个人资料.html").decode()
    assert "曾繁柑" in page and PHONE in page


def test_a_person_is_erased_when_the_name_is_typed(zhiku: Zhiku, client: FlaskClient) -> None:
    page = client.get(f"{PAGE}/erase").text
    assert "会删除的" in page and "依法留下的" in page and PHONE not in page
    answer = send(client, f"{PAGE}/erase", typed_name="曾", request_note="本人书面申请")
    assert answer.status_code == 422 and "不一致" in answer.text
    answer = send(client, f"{PAGE}/erase", typed_name="曾繁柑", request_note="")
    assert answer.status_code == 422 and "请写明是谁" in answer.text
    answer = send(client, f"{PAGE}/erase", typed_name="曾繁柑", request_note="本人书面申请")
    assert answer.status_code == 303
    assert "已经按要求删除" in client.get("/experts/records").text
    assert client.get(PAGE).status_code == client.get("/experts/1").status_code == 404
    assert "/experts/1?" not in client.get("/experts", query_string={"q": "曾繁柑"}).text


def test_the_author_of_a_suggestion_can_be_reached_for_a_purpose(zhiku: Zhiku, client: FlaskClient) -> None:
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        contacts.add(session, contacts.SUGGESTION, 2, "13755501234", zhiku.clock())
    address = "/suggestions/2026-0002/author"
    assert address in client.get("/suggestions/2026-0002").text
    page = client.get(address).text
    assert "137****1234" in page and "13755501234" not in page
    assert "13755501234" in send(client, address, purpose="answer", words="听取对答复的意见").text
    assert client.get("/suggestions/2026-9999/author").status_code == 404


def test_the_list_is_searched_by_name_and_by_standing(client: FlaskClient) -> None:
    page = client.get("/experts/records?q=李").text
    assert "李水生" in page and "李长河" in page and "曾繁柑" not in page
    assert "隐名氏" in client.get("/experts/records?status=draft").text
    for odd in ("?q=%25", "?status=x&page=-1", f"?page={10**12}", f"?q={'长' * 500}"):
        assert client.get(f"/experts/records{odd}").status_code == 200


ODD = [f"/experts/{2**70}/records", "/experts/0/records", "/experts/99/records/erase", f"{PAGE}/telephone",
       f"{PAGE}/standing/published", f"{PAGE}/consents/all/withdraw"]  # fmt: skip


@pytest.mark.parametrize("address", ODD)
def test_what_there_is_not_is_not_found(client: FlaskClient, address: str) -> None:
    assert client.get(address).status_code == 404


def test_an_author_without_a_profile_is_found_and_gets_the_file(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client)
    number, _ = receipt_of(client)
    assert "找没有档案的作者" in client.get("/experts/records").text
    nobody = send(client, "/experts/records/authors", name="王大爷", contact="13800000000")
    assert "没有找到" in nobody.text
    found = send(client, "/experts/records/authors", name="王大爷", contact="138 0736 0001")
    way = f"/suggestions/{number}/authors/0/export"
    assert way in found.text and way in client.get(f"/suggestions/{number}/author").text
    refused = send(client, way, purpose="other", words="")
    assert refused.status_code == 422
    answer = send(client, way, purpose="other", words="本人来要一份")
    assert answer.headers["Content-Type"] == "application/zip" and answer.headers["Cache-Control"] == "no-store"


def test_files_that_were_taken_out_are_on_the_bureaus_page_and_have_an_end(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reveals, "MOST_AN_HOUR", 2 * reveals.EXPORT_COUNTS)
    for address in (f"{PAGE}/export", "/suggestions/2026-0004/authors/0/export"):
        assert send(client, address, purpose="other", words="本人来要一份").status_code == 200
    stopped = send(client, f"{PAGE}/export", purpose="other", words="本人来要一份")
    assert stopped.status_code == 429 and "请过一会儿再看、再导出" in stopped.text
    page = client.get("/bureau/reveals").text
    assert "其中导出 2 份全部资料" in page and "超过限额被停" in page and "看了 <strong>8</strong> 次" in page
    assert "老干部局账号导出全部资料" in client.get(PAGE).text


def test_an_author_without_a_profile_is_erased_on_request(client: FlaskClient, zhiku: Zhiku) -> None:
    submit(client)
    number, _ = receipt_of(client)
    way = f"/suggestions/{number}/authors/0/erase"
    wrong = send(client, way, request_note="本人书面申请", typed_name="李大爷")
    assert wrong.status_code == 422 and "不一致" in wrong.text
    assert send(client, way, request_note="本人书面申请", typed_name="王大爷").status_code == 303
    assert client.get(f"/suggestions/{number}").status_code == 404
