"""The bureau's lexicon: who may come in, and what happens to what is typed there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.web.county import store_lexicon
from tests.web.pages import fields_of, open_form
from zhiku.bootstrap import Zhiku
from zhiku.domain.lexicon import AnsweredBy, SynonymGroup, UnansweredQuery
from zhiku.domain.permissions import Role, Scope

PAGE = "/bureau/lexicon"
PAGES = [PAGE, f"{PAGE}?show=done", f"{PAGE}/groups/new", f"{PAGE}/groups/1", f"{PAGE}/groups/1/delete",
         f"{PAGE}/words/1/delete", f"{PAGE}/groups/new?unanswered=3"]  # fmt: skip
DEEDS = [f"{PAGE}/groups/new", f"{PAGE}/groups/1", f"{PAGE}/groups/1/delete", f"{PAGE}/words", f"{PAGE}/words/1/delete",
         f"{PAGE}/unanswered/1/dismiss", f"{PAGE}/unanswered/4/reopen"]  # fmt: skip


@pytest.fixture
def bureau(zhiku: Zhiku, client: FlaskClient) -> FlaskClient:
    """A clerk of the bureau's browser, and something in the lexicon."""
    store_lexicon(zhiku.sessions)
    return client


def send(client: FlaskClient, address: str, opened: str = f"{PAGE}/groups/new", **typed: object) -> TestResponse:
    """Send a form of the bureau's with its token."""
    token = open_form(client, opened)["csrf_token"]
    return client.post(address, data={"csrf_token": token, **typed})


def found(zhiku: Zhiku, query: str) -> list[str]:
    """Who has the words of a query or their synonyms; nobody where it is on the list of those without an answer."""
    answer = zhiku.expert_search.search(query)
    is_answered = answer.step.value not in {by.value for by in AnsweredBy}
    return [person.name for person in answer.people if is_answered and not person.is_near]


# -- who may come in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_nobody_else_sees_a_page(
    zhiku: Zhiku, visitor: FlaskClient, signed_in_as: Callable[[Role], FlaskClient], address: str
) -> None:
    store_lexicon(zhiku.sessions)
    answer = visitor.get(address)
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/sign-in?next=/bureau/lexicon")
    assert "坝" not in visitor.get(answer.headers["Location"]).text
    refused = signed_in_as(Role.LIAISON).get(address)
    assert refused.status_code == 404 and "坝" not in refused.text


@pytest.mark.parametrize("address", DEEDS)
def test_nobody_else_changes_anything(
    zhiku: Zhiku, visitor: FlaskClient, signed_in_as: Callable[[Role], FlaskClient], address: str
) -> None:
    store_lexicon(zhiku.sessions)
    for client, status in ((visitor, 401), (signed_in_as(Role.LIAISON), 404)):
        token = open_form(client, "/suggestions/new")["csrf_token"]
        answer = client.post(address, data={"csrf_token": token, "members": "甲地 乙地", "words": "野茶岭"})
        assert answer.status_code == status
    assert (zhiku.lexicon.groups().total, zhiku.lexicon.words().total) == (1, 1)
    assert (zhiku.unanswered.page(Scope()).total, zhiku.unanswered.page(Scope(), is_resolved=True).total) == (3, 1)


def test_an_entry_says_who_added_it(zhiku: Zhiku, bureau: FlaskClient) -> None:
    send(bureau, f"{PAGE}/groups/new", members="甲地的说法 乙地的说法", how="new")
    with zhiku.sessions() as session:
        group = session.scalars(select(SynonymGroup).order_by(SynonymGroup.id.desc())).first()
        assert group is not None and group.added_by == "老干部局账号"


def test_pages_of_the_lexicon_are_not_kept_by_the_browser(bureau: FlaskClient) -> None:
    assert bureau.get(PAGE).headers["Cache-Control"] == "no-store"


# -- synonyms ----------------------------------------------------------------------------------------------------


def test_a_synonym_for_a_query_without_an_answer_finds_the_person_at_once_in_two_processes(
    zhiku: Zhiku, bureau: FlaskClient
) -> None:
    """The whole way: somebody asks, nobody answers, the bureau says what it means, everybody finds the person."""
    phrase = "坼缝哒哒"
    bureau.get("/experts", query_string={"q": phrase})
    assert found(zhiku, phrase) == []
    zhiku.unanswered.write()
    (asked,) = [one for one in zhiku.unanswered.all() if one.text == phrase]
    page = bureau.get(PAGE).text
    assert phrase in page and "问过 <strong>1</strong> 次" in page
    answer = send(bureau, f"{PAGE}/groups/new", PAGE, unanswered=asked.id, said=phrase, members="除险加固", how="new")
    assert answer.status_code == 303
    assert "已保存，立即生效" in bureau.get(PAGE).text
    assert "李水生" in bureau.get("/experts", query_string={"q": phrase}).text
    assert found(zhiku, phrase) == ["李水生"]
    assert asked.id not in {one.id for one in zhiku.unanswered.all()}
    source = (
        "import sys; from zhiku.bootstrap import Zhiku; from zhiku.config import Settings\n"
        "zhiku = Zhiku.open(Settings.from_env({'ZHIKU_HOME': sys.argv[1], 'ZHIKU_INDEX_DIR': sys.argv[2]}))\n"
        "print(*[p.name for p in zhiku.expert_search.search(sys.argv[3]).people if not p.is_near]); zhiku.close()\n"
    )
    other = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", source, zhiku.settings.home, zhiku.settings.index_dir, phrase],
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    assert other.stdout.split() == ["李水生"]


def test_the_hints_that_are_ticked_are_members(zhiku: Zhiku, bureau: FlaskClient) -> None:
    send(bureau, f"{PAGE}/groups/new", said="坼坝", members="", chosen=["水库维修、病险水库", "水库堤防"])
    assert zhiku.lexicon.groups().items[0].members == ("坼坝", "水库维修", "病险水库", "水库堤防")


def test_what_is_typed_stays_when_it_is_refused(bureau: FlaskClient) -> None:
    answer = send(bureau, f"{PAGE}/groups/new", unanswered="1", said="坼" * 21, members="水库维修", note="<b>记得</b>")
    page = answer.text
    assert answer.status_code == 422 and "最多 20 个字" in page
    for kept in ("坼" * 21, "水库维修", "&lt;b&gt;记得&lt;/b&gt;", 'name="unanswered" type="hidden" value="1"'):
        assert kept in page


def test_a_form_that_lost_its_token_keeps_its_text(zhiku: Zhiku, bureau: FlaskClient) -> None:
    for address, typed in (
        (f"{PAGE}/groups/new", {"said": "坼坝", "members": "水库维修"}),
        (f"{PAGE}/groups/1", {"members": "水库维修"}),
        (f"{PAGE}/words", {"words": "水库维修岭"}),
        (f"{PAGE}/unanswered/1/dismiss", {}),
    ):
        answer = bureau.post(address, data=typed)
        assert answer.status_code == 403 and all(text in answer.text for text in typed.values())
    assert (zhiku.lexicon.groups().total, zhiku.lexicon.words().total, zhiku.unanswered.page(Scope()).total) == (
        1,
        1,
        3,
    )


def test_a_member_of_another_group_is_said_and_may_be_joined(zhiku: Zhiku, bureau: FlaskClient) -> None:
    typed = {"unanswered": "1", "said": "打坝", "members": "筑坝、修塘坝", "note": "张工"}
    answer = send(bureau, f"{PAGE}/groups/new", **typed)
    page = answer.text
    assert answer.status_code == 409 and 'value="join-1"' in page and "修塘坝" in page
    assert zhiku.lexicon.groups().total == 1 and zhiku.unanswered.page(Scope()).total == 3
    send(bureau, f"{PAGE}/groups/new", **typed, how="join-1")
    assert zhiku.lexicon.group(1).members == ("拦河坝", "筑坝", "打坝", "修塘坝")
    assert zhiku.unanswered.page(Scope()).total == 2
    send(bureau, f"{PAGE}/groups/new", said="打坝", members="坼坝", how="new")
    assert zhiku.lexicon.groups().total == 2


def test_a_group_that_was_deleted_meanwhile_cannot_be_joined_and_nothing_is_lost(bureau: FlaskClient) -> None:
    answer = send(bureau, f"{PAGE}/groups/new", said="打坝", members="修塘坝", how="join-99")
    assert answer.status_code == 409 and "修塘坝" in answer.text


def test_what_zhiku_brings_along_need_not_be_added(zhiku: Zhiku, bureau: FlaskClient) -> None:
    answer = send(bureau, f"{PAGE}/groups/new", said="打官司", members="诉讼")
    assert answer.status_code == 409 and "已经有这些说法" in answer.text
    assert zhiku.lexicon.groups().total == 1


def test_a_group_is_edited_deleted_and_brought_back(zhiku: Zhiku, bureau: FlaskClient) -> None:
    form = open_form(bureau, f"{PAGE}/groups/1")
    assert form["members"].split() == ["拦河坝", "筑坝"] and form["note"] == "水利局说的"
    bureau.post(f"{PAGE}/groups/1", data=form | {"members": "拦河坝\r\n修坝"})
    assert zhiku.lexicon.group(1).members == ("拦河坝", "修坝")
    late = bureau.post(f"{PAGE}/groups/1", data=form | {"members": "别的、说法"})
    assert late.status_code == 409 and "别的、说法" in late.text and "拦河坝、修坝" in late.text
    assert "要删除" in bureau.get(f"{PAGE}/groups/1/delete").text and zhiku.lexicon.groups().total == 1
    send(bureau, f"{PAGE}/groups/1/delete", f"{PAGE}/groups/1/delete")
    assert zhiku.lexicon.groups().total == 0
    page = bureau.get(PAGE).text
    assert "删错了，恢复" in page
    send(bureau, f"{PAGE}/groups/new", members="拦河坝、修坝", note="水利局说的", how="new")
    group = zhiku.lexicon.groups().items[0]
    assert (group.members, group.note) == (("拦河坝", "修坝"), "水利局说的")


def test_a_short_word_that_no_dictionary_has_is_advised_as_a_word(bureau: FlaskClient) -> None:
    send(bureau, f"{PAGE}/groups/new", members="坼坝、水库除险")
    assert "同时加到下面的词语里" in bureau.get(PAGE).text


def test_a_query_is_dismissed_and_put_back(zhiku: Zhiku, bureau: FlaskClient) -> None:
    send(bureau, f"{PAGE}/unanswered/1/dismiss", page="1")
    assert zhiku.unanswered.page(Scope()).total == 2
    assert "打坝" in bureau.get(f"{PAGE}?show=done").text
    send(bureau, f"{PAGE}/unanswered/1/reopen")
    assert zhiku.unanswered.page(Scope()).total == 3


# -- words -------------------------------------------------------------------------------------------------------


def test_words_are_added_and_the_page_says_when_they_act(zhiku: Zhiku, bureau: FlaskClient) -> None:
    answer = send(bureau, f"{PAGE}/words", PAGE, words="坼坝岭、鸡公垭\n野茶王岭")
    assert answer.status_code == 303
    page = bureau.get(PAGE).text
    assert "加了 2 个词语：坼坝岭、鸡公垭。野茶王岭本来就有。" in page
    assert page.count("下次重建索引后生效") == 3 and "zhiku index rebuild" in page
    zhiku.indexing.rebuild()
    page = bureau.get(PAGE).text
    assert "下次重建索引后生效" not in page and "zhiku index rebuild" not in page
    send(bureau, f"{PAGE}/words/1/delete", f"{PAGE}/words/1/delete")
    assert "删除 1 个" in bureau.get(PAGE).text


def test_words_that_are_refused_stay_in_the_field_with_their_reasons(zhiku: Zhiku, bureau: FlaskClient) -> None:
    answer = send(bureau, f"{PAGE}/words", PAGE, words="坼坝岭、岭、cad图")
    page = answer.text
    assert answer.status_code == 422 and "只有一个字" in page and "字母" in page
    assert re.search(r"<textarea[^>]*>\s*岭\r?\ncad图</textarea>", page)
    assert zhiku.lexicon.words().total == 2
    assert send(bureau, f"{PAGE}/words", PAGE, words=" ").status_code == 422


# -- the page ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [*PAGES, f"{PAGE}?q=坝&page=99&groups=x&words=-1", f"{PAGE}?q={'长' * 500}"])
def test_pages_are_well_formed(bureau: FlaskClient, address: str) -> None:
    page = bureau.get(address).text
    assert page.count("<h1") == 1 and not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for field in re.findall(r"<(?:input|textarea)(?![^>]*hidden)[^>]*>", page):
        name = re.search(r'\sid="([^"]+)"', field)
        assert name and f'for="{name[1]}"' in page


@pytest.mark.parametrize("address", [f"{PAGE}/groups/99", f"{PAGE}/groups/{2**70}", f"{PAGE}/groups/99/delete",
                                     f"{PAGE}/words/99/delete", f"{PAGE}/words/{2**70}/delete"])  # fmt: skip
def test_what_is_gone_is_said_in_chinese(bureau: FlaskClient, address: str) -> None:
    answer = bureau.get(address)
    assert answer.status_code == 404 and "已经被删除" in answer.text


def test_a_long_query_must_be_shortened_first(zhiku: Zhiku, bureau: FlaskClient) -> None:
    assert "请挑出要紧的词" in bureau.get(PAGE).text
    assert "请只留要紧的词" in bureau.get(f"{PAGE}/groups/new?unanswered=3").text


def test_without_an_index_the_lexicon_can_be_kept_all_the_same(unindexed: FlaskClient) -> None:
    assert unindexed.get(PAGE).status_code == 200
    answer = send(unindexed, f"{PAGE}/groups/new", members="坼坝、水库除险加固")
    assert answer.status_code == 303 and "坼坝" in unindexed.get(PAGE).text


def test_many_entries_are_paged_and_searched(zhiku: Zhiku, bureau: FlaskClient) -> None:
    for number in range(25):
        zhiku.lexicon.add_group([f"{number}号坝", f"坝{number}"], "", "测试")
    assert "groups=2" in bureau.get(PAGE).text
    page = bureau.get(f"{PAGE}?q=24号").text
    assert "24号坝" in page and "23号坝" not in page


def test_what_was_asked_in_another_county_is_not_on_the_list_and_cannot_be_dealt_with(
    client: FlaskClient, zhiku: Zhiku
) -> None:
    store_lexicon(zhiku.sessions)
    with zhiku.sessions.begin() as session:
        session.connection(execution_options={"is_writing": True})
        asked = session.scalars(select(UnansweredQuery).where(UnansweredQuery.text == "打坝")).one()
        asked.division_prefix = "430726"
        key = asked.id
    page = client.get("/bureau/lexicon").text
    assert "鱼翻肚皮" in page and "打坝" not in page
    assert "打坝" not in client.get(f"/bureau/lexicon/groups/new?unanswered={key}").text
    client.post(f"/bureau/lexicon/unanswered/{key}/dismiss", data=fields_of(page))
    with zhiku.sessions() as session:
        assert session.get_one(UnansweredQuery, key).resolved_at is None
