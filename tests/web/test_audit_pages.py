"""The audit's pages: who may read them, what they show, and what they never show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.conftest import NOW
from tests.unit.test_audit_chain import tamper
from tests.web.pages import open_form
from tests.web.signing_in import sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account
from zhiku.domain.actors import Actor
from zhiku.domain.audit import Action, AuditEvent, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role

PAGE = "/admin/audit"


@pytest.fixture
def administrator(signed_in_as: Callable[[Role], FlaskClient]) -> FlaskClient:
    return signed_in_as(Role.ADMINISTRATOR)


@pytest.fixture
def zeng(zhiku: Zhiku) -> int:
    with zhiku.sessions() as session:
        return session.scalars(select(Expert.id).where(Expert.name == "曾繁柑")).one()


def write(zhiku: Zhiku, *notes: Note, actor: Actor = Actor(7, "刘小燕", "liaison", "10.1.2.3")) -> None:  # noqa: B008
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        append(session, notes, NOW, actor)


def newest(zhiku: Zhiku) -> AuditEvent:
    with zhiku.sessions() as session:
        return session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMINISTRATOR])
def test_for_others_the_pages_do_not_exist(signed_in_as: Callable[[Role], FlaskClient], role: Role) -> None:
    browser = signed_in_as(role)
    for address in (PAGE, f"{PAGE}/1", f"{PAGE}?who=x"):
        assert browser.get(address).status_code == 404


def test_visitors_are_asked_to_sign_in(visitor: FlaskClient) -> None:
    assert visitor.get(PAGE).status_code == 303


@pytest.mark.parametrize(("prefix", "status"), [("", 200), ("4307", 200), ("430725", 200), ("430725105", 404)])
def test_who_keeps_only_a_part_of_the_installation_does_not_read_it(
    zhiku: Zhiku, visitor: FlaskClient, prefix: str, status: int
) -> None:
    with zhiku.sessions.begin() as session:
        account = session.scalars(select(Account).where(Account.role == Role.ADMINISTRATOR)).first()
        assert account is not None
        account.division_prefix = prefix
        number = account.id
    browser = sign_in(visitor, number)
    assert [browser.get(address).status_code for address in (PAGE, f"{PAGE}/1")] == [status] * 2


def test_a_look_at_somebodys_telephone_number_is_one_plain_sentence(
    zhiku: Zhiku, administrator: FlaskClient, zeng: int
) -> None:
    actor = Actor(7, "刘小燕", "liaison", "10.1.2.3", purpose="联系本人：商量座谈会")
    write(zhiku, Note(Action.REVEALED, "expert", str(zeng), {"": "contact_details"}), actor=actor)
    page = administrator.get(f"{PAGE}?who=刘小燕")
    assert page.status_code == 200
    for part in (
        "2026年11月23日",
        "10:00:00",
        "刘小燕",
        "（联络员）",
        "查看了曾繁柑的联系方式",
        "用途：联系本人：商量座谈会",
        "10.1.2.3",
    ):
        assert part in page.text
    one = administrator.get(f"{PAGE}/{newest(zhiku).id - 1}")
    assert one.status_code == 200


def test_filters_narrow_it_down_and_stay_filled_in(zhiku: Zhiku, administrator: FlaskClient, zeng: int) -> None:
    write(zhiku, *(Note(Action.REFUSED, "page", f"seite-{number}") for number in range(35)))
    first = administrator.get(f"{PAGE}?who=刘小燕&action=refused&since=2026-11-23&until=2026-11-23")
    assert "seite-34" in first.text and "seite-4，" not in first.text and 'value="刘小燕"' in first.text
    assert '<option selected value="refused">' in first.text
    older = first.text.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&")
    second = administrator.get(older)
    assert "seite-4）" in second.text and "seite-34" not in second.text and "更新的记录" in second.text
    assert "没有符合条件的记录" in administrator.get(f"{PAGE}?about=没有这个人").text
    assert "只看：" in administrator.get(f"{PAGE}?kind=expert&key={zeng}").text


@pytest.mark.parametrize(
    "query",
    ["since=abc", "since=2026-02-30", "until=２０２６", "since=2026-12-01&until=2026-01-01", "since=99999-01-01"],
)
def test_a_date_that_is_none_is_told(administrator: FlaskClient, query: str) -> None:
    page = administrator.get(f"{PAGE}?{query}")
    assert page.status_code == 200 and ("日期" in page.text and 'role="alert"' in page.text)


@pytest.mark.parametrize(
    "query",
    ["before=abc", "before=-1", "before=99999999999999999999", "action=%00", "kind=x", "key=%F0%9F%98%80",
     "who=%ED%A0%80", "about=" + "x" * 5000, "since=0001-01-01&until=9999-12-31", "on_behalf='", "who=%25"],
)  # fmt: skip
def test_no_query_breaks_the_page(administrator: FlaskClient, query: str) -> None:
    assert administrator.get(f"{PAGE}?{query}").status_code == 200


def test_an_event_shows_before_and_after_but_no_secret(zhiku: Zhiku, administrator: FlaskClient, zeng: int) -> None:
    with zhiku.sessions.begin() as session:
        session.get_one(Expert, zeng).last_post = "<b>总站长</b>，电话 13907361111"
        account = session.scalars(select(Account).where(Account.role == Role.BUREAU)).first()
        assert account is not None
        account.password_hash = "$argon2id$ganz-geheim"
    pages = [administrator.get(f"{PAGE}/{number}").text for number in range(1, newest(zhiku).id + 1)]
    (shown,) = [page for page in pages if "总站长" in page]
    assert "原站长" in shown and "原职务" in shown and "&lt;b&gt;" in shown
    assert "13907361111" not in "".join(pages) and "ganz-geheim" not in "".join(pages)
    assert any("（内容不记录）" in page for page in pages)
    assert administrator.get(f"{PAGE}/99999").status_code == 404
    assert administrator.get(f"{PAGE}/{10**30}").status_code == 404


@pytest.mark.parametrize("kind", ["xlsx", "csv"])
def test_an_export_is_a_file_and_an_event_of_who_took_it(zhiku: Zhiku, administrator: FlaskClient, kind: str) -> None:
    write(zhiku, Note(Action.REFUSED, "page", "x"))
    form = open_form(administrator, f"{PAGE}?who=刘小燕")
    answer = administrator.post(f"{PAGE}/export", data={**form, "format": kind})
    assert answer.status_code == 200 and kind in answer.headers["Content-Disposition"]
    assert answer.data.startswith(b"PK" if kind == "xlsx" else b"\xef\xbb\xbf")
    noted = newest(zhiku)
    assert (noted.action, noted.subject_kind, noted.actor_role) == ("exported", "audit", "administrator")
    assert noted.changes == {"events": 1, "format": kind, "filter": {"who": "刘小燕"}}


def test_without_its_token_nothing_is_exported(zhiku: Zhiku, administrator: FlaskClient) -> None:
    before = newest(zhiku).id
    assert administrator.post(f"{PAGE}/export", data={"format": "csv"}).status_code in (400, 403)
    assert newest(zhiku).id == before


def test_a_wrong_filter_is_not_exported(administrator: FlaskClient) -> None:
    form = open_form(administrator, PAGE)
    assert administrator.post(f"{PAGE}/export", data={**form, "since": "abc"}).status_code == 422


def test_more_than_a_page_gives_is_for_the_command(administrator: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zhiku.web.views.audit.MOST_EXPORTED", 3)
    answer = administrator.post(f"{PAGE}/export", data=open_form(administrator, PAGE))
    assert answer.status_code == 422 and "zhiku audit export" in answer.text


def test_the_page_verifies_the_chain_and_names_the_first_broken_link(zhiku: Zhiku, administrator: FlaskClient) -> None:
    form = open_form(administrator, PAGE)
    assert "一条接一条" in administrator.post(f"{PAGE}/verify", data=form).text
    tamper(zhiku.database, "UPDATE audit_events SET actor_name = '别人' WHERE id = 5")
    broken = administrator.post(f"{PAGE}/verify", data=form).text
    assert "审计记录被改动过" in broken and "第 5 条" in broken
