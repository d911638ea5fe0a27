"""Photos on the pages: who may put one in, who sees it, and what happens to files that are none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.unit.askers import an_asker
from tests.web.pages import open_form
from tests.web.pictures import a_bomb, a_document, a_photo, a_polyglot, an_animation
from tests.web.signing_in import account_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import LiaisonAssignment
from zhiku.domain.audit import AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role
from zhiku.domain.photos import ExpertPhoto

CHANGE = "/experts/1/photo/change"


def send(client: FlaskClient, data: bytes, name: str = "photo.jpg", agreed: bool = True) -> TestResponse:
    """Send a file by the form."""
    form = open_form(client, CHANGE)
    form.pop("agreed", None)
    if agreed:
        form["agreed"] = "y"
    # Not by the client, which would leave a temporary file for each large one.
    boundary, body = encode_multipart({**form, "photo": FileStorage(BytesIO(data), name)})
    return client.post(CHANGE, data=body, content_type=f'multipart/form-data; boundary="{boundary}"')


def photos(zhiku: Zhiku) -> list[ExpertPhoto]:
    with zhiku.sessions() as session:
        return list(session.scalars(select(ExpertPhoto)))


def test_the_bureau_puts_a_photo_on_a_profile_and_it_shows_there_and_in_results(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    assert "放照片" in client.get("/experts/1").text
    assert send(client, a_photo()).status_code == 303
    mark = photos(zhiku)[0].mark
    profile, results = client.get("/experts/1").text, client.get("/experts?q=曾繁柑").text
    assert f'src="/experts/1/photo?v={mark}"' in profile and "换照片" in profile and "照片换好了" in profile
    assert f'src="/experts/1/photo/small?v={mark}"' in results and 'alt="曾繁柑的照片"' in results


@pytest.mark.parametrize(
    ("address", "size"), [("/experts/1/photo", (720, 960)), ("/experts/1/photo/small", (192, 192))]
)
def test_a_photo_is_served_as_a_jpeg_and_as_nothing_else(
    client: FlaskClient, address: str, size: tuple[int, int]
) -> None:
    send(client, a_polyglot(), "evil.html")
    answer = client.get(address)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert Image.open(BytesIO(answer.data)).size == size and b"<script>" not in answer.data


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (a_photo() + bytes(30 << 20), "photo.jpg", "最多能收 10 MB"),
        (a_document(), "photo.jpg", "这是文档或压缩包"),
        (a_photo()[:-3000], "photo.jpg", "不完整或已经损坏"),
        (an_animation(), "photo.png", "会动的图片"),
        (a_bomb(), "photo.png", "尺寸太大"),
        (b"", "photo.jpg", "还没有选照片"),
    ],
    ids=["30 MB", "document", "truncated", "animated", "bomb", "empty"],
)
def test_a_file_that_is_no_photo_is_told_and_the_old_one_stays(
    client: FlaskClient, zhiku: Zhiku, data: bytes, name: str, said: str
) -> None:
    send(client, a_photo())
    before = photos(zhiku)[0].mark
    answer = send(client, data, name)
    assert answer.status_code == 422 and said in answer.text and "原来的还在" in answer.text
    assert photos(zhiku)[0].mark == before


def test_a_body_beyond_every_limit_is_a_page_too(client: FlaskClient, zhiku: Zhiku) -> None:
    answer = send(client, bytes(41 << 20))
    assert answer.status_code == 413 and "太" in answer.text and photos(zhiku) == []


def test_a_large_body_is_taken_where_a_file_is_asked_for_only(client: FlaskClient) -> None:
    boundary, body = encode_multipart({"photo": FileStorage(BytesIO(bytes(2 << 20)), "x.jpg")})
    kind = f'multipart/form-data; boundary="{boundary}"'
    assert client.post("/suggestions/new", data=body, content_type=kind).status_code == 413


def test_without_the_consent_of_its_subject_no_photo_is_taken(client: FlaskClient, zhiku: Zhiku) -> None:
    answer = send(client, a_photo(), agreed=False)
    assert answer.status_code == 422 and "请先征求本人同意" in answer.text and photos(zhiku) == []


def consents_of(zhiku: Zhiku) -> list[Consent]:
    with zhiku.sessions() as session:
        return list(session.scalars(select(Consent).where(Consent.purpose == ConsentPurpose.PUBLICITY)))


def test_the_consent_is_noted_with_the_photo_and_not_asked_for_again(client: FlaskClient, zhiku: Zhiku) -> None:
    form = open_form(client, CHANGE) | {"agreed": "y", "form": "oral", "on": "2026-05-04"}
    sent = {**form, "photo": (BytesIO(a_photo()), "photo.jpg")}
    assert client.post(CHANGE, data=sent, content_type="multipart/form-data").status_code == 303
    (consent,) = consents_of(zhiku)
    assert (consent.expert_id, consent.form, consent.granted_on) == (1, ConsentForm.ORAL, date(2026, 5, 4))
    assert consent.recorded_by == "老干部局账号" and consent.holds
    page = client.get(CHANGE).text
    assert "2026年5月4日，口头同意" in page and 'name="agreed"' not in page
    assert send(client, a_photo("PNG"), agreed=False).status_code == 303 and len(consents_of(zhiku)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"form": ""}, "怎样同意的"), ({"on": "2999-01-01"}, "不能在今天以后"), ({"on": "某天"}, "请填写同意的日期")],
)
def test_a_consent_that_cannot_be_noted_stores_no_photo_either(
    client: FlaskClient, zhiku: Zhiku, changes: dict[str, str], said: str
) -> None:
    form = open_form(client, CHANGE) | {"agreed": "y"} | changes
    sent = {**form, "photo": (BytesIO(a_photo()), "photo.jpg")}
    answer = client.post(CHANGE, data=sent, content_type="multipart/form-data")
    assert answer.status_code == 422 and said in answer.text and "照片没有换" in answer.text
    assert photos(zhiku) == [] and consents_of(zhiku) == []


def test_who_takes_the_consent_back_is_not_shown_any_more_and_no_photo_is_taken(
    client: FlaskClient, zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    send(client, a_photo())
    token = {"csrf_token": open_form(client, CHANGE)["csrf_token"]}
    retiree = signed_in_as(Role.RETIREE)
    way = "/mine/consents/publicity/withdraw"
    assert retiree.post(way, data=open_form(retiree, way)).status_code == 303
    assert client.get("/experts/1/photo").status_code == 404 and photos(zhiku) == []
    page = client.get(CHANGE).text
    assert "撤回了公开照片的同意" in page and "/experts/1/records/consents?purpose=publicity" in page
    form = token | {"agreed": "y", "form": "paper", "on": "2026-05-04", "photo": (BytesIO(a_photo()), "photo.jpg")}
    answer = client.post(CHANGE, data=form, content_type="multipart/form-data")
    assert answer.status_code == 422 and "撤回了公开照片的同意" in answer.text and photos(zhiku) == []


def test_a_photo_that_came_back_by_another_way_is_not_shown_without_the_consent(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    """A restored backup, a row written by hand."""
    send(client, a_photo())
    kept = photos(zhiku)[0]
    here = an_asker(zhiku.sessions)
    zhiku.consents.withdraw(here, 1, ConsentPurpose.PUBLICITY)
    with zhiku.sessions.begin() as session:
        session.connection(execution_options={"is_writing": True})
        session.merge(kept)
    assert len(photos(zhiku)) == 1 and client.get("/experts/1/photo").status_code == 404
    assert '<span class="surname"' in client.get("/experts/1").text


def test_a_photo_can_be_taken_away(client: FlaskClient, zhiku: Zhiku) -> None:
    send(client, a_photo())
    form = open_form(client, CHANGE)
    assert client.post("/experts/1/photo/remove", data=form).status_code == 303
    assert photos(zhiku) == [] and client.get("/experts/1/photo").status_code == 404
    assert '<span class="surname"' in client.get("/experts/1").text


def test_every_change_is_in_the_audit_without_the_picture(client: FlaskClient, zhiku: Zhiku) -> None:
    send(client, a_photo())
    send(client, a_photo("PNG"))
    client.post("/experts/1/photo/remove", data=open_form(client, CHANGE))
    with zhiku.sessions() as session:
        events = [
            event
            for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
            if "expert_photos" in event.changes
        ]
    assert [list(event.changes["expert_photos"]) for event in events] == [["added"], ["changed"], ["removed"]]
    assert {(event.subject_kind, event.subject_id) for event in events} == {("expert", "1")}
    assert {event.actor_name for event in events} == {"老干部局账号"}
    assert all(len(str(event.changes)) < 1000 for event in events)


def test_a_liaison_changes_the_photos_of_their_own_retirees_only(
    signed_in_as: Callable[[Role], FlaskClient], zhiku: Zhiku
) -> None:
    liaison = signed_in_as(Role.LIAISON)
    assert liaison.get(CHANGE).status_code == 404 and "放照片" not in liaison.get("/experts/1").text
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        session.add(LiaisonAssignment(account_id=account_of(zhiku, Role.LIAISON), expert_id=1, began_at=zhiku.clock()))
    assert "放照片" in liaison.get("/experts/1").text
    assert send(liaison, a_photo()).status_code == 303 and len(photos(zhiku)) == 1


@pytest.mark.parametrize("role", [Role.DEPARTMENT, Role.LEADER, Role.RETIREE, Role.ADMINISTRATOR])
def test_others_change_no_photo(signed_in_as: Callable[[Role], FlaskClient], role: Role) -> None:
    other = signed_in_as(role)
    assert other.get(CHANGE).status_code == 404
    token = open_form(other, "/suggestions/status")["csrf_token"]
    form = {"csrf_token": token, "agreed": "y", "photo": (BytesIO(a_photo()), "x.jpg")}
    assert other.post(CHANGE, data=form, content_type="multipart/form-data").status_code == 404


def test_who_may_not_search_sees_no_photo(
    client: FlaskClient, visitor: FlaskClient, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    send(client, a_photo())
    assert visitor.get("/experts/1/photo").status_code == 303
    assert signed_in_as(Role.RETIREE).get("/experts/1/photo").status_code == 404
    assert signed_in_as(Role.DEPARTMENT).get("/experts/1/photo").status_code == 200


def test_whoever_has_left_the_think_tank_has_no_photo_any_more(client: FlaskClient, zhiku: Zhiku) -> None:
    send(client, a_photo())
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        expert = session.get_one(Expert, 1)
        expert.availability = type(expert.availability).WITHDRAWN
    assert client.get("/experts/1/photo").status_code == 404
    assert client.get("/experts/1/photo/small").status_code == 404


@pytest.mark.parametrize("number", ["0", "2", "9" * 25])
def test_who_has_no_photo_has_none_to_show(client: FlaskClient, number: str) -> None:
    assert client.get(f"/experts/{number}/photo").status_code == 404
