"""The bureau's door and its lexicon: who may come in, and what happens to what is typed there."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.web.county import BUREAU_KEY, store_lexicon
from tests.web.pages import open_form
from zhiku.bootstrap import Zhiku
from zhiku.domain.lexicon import AnsweredBy
from zhiku.web.app import create_app
from zhiku.web.bureau_door import OPEN_FOR, bureau_key

PAGE = "/bureau/lexicon"
PAGES = [PAGE, f"{PAGE}?show=done", f"{PAGE}/groups/new", f"{PAGE}/groups/1", f"{PAGE}/groups/1/delete",
         f"{PAGE}/words/1/delete", f"{PAGE}/groups/new?unanswered=3"]  # fmt: skip
DEEDS = [f"{PAGE}/groups/new", f"{PAGE}/groups/1", f"{PAGE}/groups/1/delete", f"{PAGE}/words", f"{PAGE}/words/1/delete",
         f"{PAGE}/unanswered/1/dismiss", f"{PAGE}/unanswered/4/reopen"]  # fmt: skip


@pytest.fixture
def bureau(zhiku: Zhiku, client: FlaskClient) -> FlaskClient:
    """A browser that has shown the key, and something in the lexicon."""
    store_lexicon(zhiku.sessions)
    assert show_key(client).status_code == 303
    return client


def show_key(client: FlaskClient, key: str = BUREAU_KEY, wanted: str = "") -> TestResponse:
    form = open_form(client, "/bureau/enter")
    return client.post("/bureau/enter", data=form | {"key": key, "next": wanted})


def send(client: FlaskClient, address: str, opened: str = f"{PAGE}/groups/new", **typed: object) -> TestResponse:
    """Send a form of the bureau's with its token."""
    token = open_form(client, opened)["csrf_token"]
    return client.post(address, data={"csrf_token": token, **typed})


def found(zhiku: Zhiku, query: str) -> list[str]:
    """Who has the words of a query or their synonyms; nobody where it is on the list of those without an answer."""
    answer = zhiku.expert_search.search(query)
    is_answered = answer.step.value not in {by.value for by in AnsweredBy}
    return [person.name for person in answer.people if is_answered and not person.is_near]


# -- the door ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", PAGES)
def test_nobody_sees_a_page_without_the_key(zhiku: Zhiku, client: FlaskClient, address: str) -> None:
    store_lexicon(zhiku.sessions)
    answer = client.get(address)
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/bureau/enter?next=")
    assert "坝" not in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize("address", DEEDS)
def test_nobody_changes_anything_without_the_key(zhiku: Zhiku, client: FlaskClient, address: str) -> None:
    store_lexicon(zhiku.sessions)
    token = open_form(client, "/bureau/enter")["csrf_token"]
    answer = client.post(address, data={"csrf_token": token, "members": "甲地 乙地", "words": "野茶岭"})
    assert answer.status_code == 303 and answer.headers["Location"] == "/bureau/enter"
    assert (zhiku.lexicon.groups().total, zhiku.lexicon.words().total) == (1, 1)
    assert (zhiku.unanswered.page().total, zhiku.unanswered.page(is_resolved=True).total) == (3, 1)


@pytest.mark.parametrize("typed", [BUREAU_KEY, "laoganbu-2026", " ＬＡＯＧＡＮＢＵ２０２６ "])
def test_the_key_opens_however_it_is_typed_and_leads_to_the_page_that_was_wanted(
    zhiku: Zhiku, client: FlaskClient, typed: str
) -> None:
    answer = show_key(client, typed, f"{PAGE}?show=done")
    assert answer.headers["Location"] == f"{PAGE}?show=done"
    page = client.get(PAGE)
    assert page.status_code == 200 and page.headers["Cache-Control"] == "no-store"
    assert client.get("/bureau").headers["Location"] == PAGE


@pytest.mark.parametrize("typed", ["", "LAOGANBU", "LAOGANBU-2027", "x" * 100_000, "口令"])
def test_a_wrong_key_opens_nothing(client: FlaskClient, typed: str) -> None:
    answer = show_key(client, typed)
    assert answer.status_code == 422 and "口令不对" in answer.text
    assert client.get(PAGE).status_code == 303


def test_guesses_are_limited(client: FlaskClient) -> None:
    codes = [show_key(client, "wrong").status_code for _ in range(12)]
    assert codes == [422] * 10 + [429] * 2
    assert show_key(client).status_code == 429


@pytest.mark.parametrize(
    "wanted", ["https://example.org/", "//example.org", "/bureau\\..", "/experts", "bureau", "/bureau/\r\n"]
)
def test_the_door_leads_nowhere_else(client: FlaskClient, wanted: str) -> None:
    assert show_key(client, wanted=wanted).headers["Location"] == PAGE


def test_the_door_closes_after_a_working_day_by_hand_and_with_another_key(
    zhiku: Zhiku, bureau: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = zhiku.clock()
    with monkeypatch.context() as later:
        later.setattr(Zhiku, "clock", lambda self: now + OPEN_FOR + timedelta(minutes=1))
        assert bureau.get(PAGE).status_code == 303
    assert bureau.get(PAGE).status_code == 200
    send(bureau, "/bureau/leave")
    assert bureau.get(PAGE).status_code == 303
    show_key(bureau)
    cookie = bureau.get_cookie("zhiku_session")
    assert cookie is not None
    changed = create_app(replace(zhiku, settings=replace(zhiku.settings, bureau_key="another-key"))).test_client()
    changed.set_cookie("zhiku_session", cookie.value)
    assert changed.get(PAGE).status_code == 303


def test_a_key_is_made_where_none_is_set_for_the_owners_eyes_only(zhiku: Zhiku) -> None:
    settings = replace(zhiku.settings, bureau_key="")
    create_app(replace(zhiku, settings=settings))
    key = settings.bureau_key_file.read_text(encoding="utf-8").strip()
    assert re.fullmatch(r"[A-Z0-9]{4}-[A-Z0-9]{4}-[A-Z0-9]{4}", key) and bureau_key(settings) == key
    if sys.platform != "win32":
        assert stat.S_IMODE(settings.bureau_key_file.stat().st_mode) == 0o600
    settings.bureau_key_file.write_bytes(b"")
    assert bureau_key(settings) not in ("", key)


def test_the_door_holds_below_a_sub_path(zhiku: Zhiku) -> None:
    client = create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku"))).test_client()
    answer = client.get(f"/zhiku{PAGE}?show=done")
    assert answer.headers["Location"].startswith("/zhiku/bureau/enter?next=/bureau/lexicon")
    form = open_form(client, answer.headers["Location"]) | {"key": BUREAU_KEY}
    assert client.post("/zhiku/bureau/enter", data=form).headers["Location"] == f"/zhiku{PAGE}?show=done"


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
    assert (zhiku.lexicon.groups().total, zhiku.lexicon.words().total, zhiku.unanswered.page().total) == (1, 1, 3)


def test_a_member_of_another_group_is_said_and_may_be_joined(zhiku: Zhiku, bureau: FlaskClient) -> None:
    typed = {"unanswered": "1", "said": "打坝", "members": "筑坝、修塘坝", "note": "张工"}
    answer = send(bureau, f"{PAGE}/groups/new", **typed)
    page = answer.text
    assert answer.status_code == 409 and 'value="join-1"' in page and "修塘坝" in page
    assert zhiku.lexicon.groups().total == 1 and zhiku.unanswered.page().total == 3
    send(bureau, f"{PAGE}/groups/new", **typed, how="join-1")
    assert zhiku.lexicon.group(1).members == ("拦河坝", "筑坝", "打坝", "修塘坝")
    assert zhiku.unanswered.page().total == 2
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
    assert zhiku.unanswered.page().total == 2
    assert "打坝" in bureau.get(f"{PAGE}?show=done").text
    send(bureau, f"{PAGE}/unanswered/1/reopen")
    assert zhiku.unanswered.page().total == 3


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
    assert show_key(unindexed).status_code == 303
    assert unindexed.get(PAGE).status_code == 200
    answer = send(unindexed, f"{PAGE}/groups/new", members="坼坝、水库除险加固")
    assert answer.status_code == 303 and "坼坝" in unindexed.get(PAGE).text


def test_many_entries_are_paged_and_searched(zhiku: Zhiku, bureau: FlaskClient) -> None:
    for number in range(25):
        zhiku.lexicon.add_group([f"{number}号坝", f"坝{number}"], "", "测试")
    assert "groups=2" in bureau.get(PAGE).text
    page = bureau.get(f"{PAGE}?q=24号").text
    assert "24号坝" in page and "23号坝" not in page


def test_the_secret_file_of_another_home_is_not_touched(zhiku: Zhiku, tmp_path: Path) -> None:
    create_app(zhiku)
    assert not zhiku.settings.bureau_key_file.exists(), "a key was set"
