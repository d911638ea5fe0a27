"""The page and the API of a query: conditions as chips, names or topics, pasted problems, reasons."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.web.pages import fields_of
from zhiku.search.query import MAX_QUERY

PROBLEM = (
    "尊敬的领导：\n您好！我家二十多亩柑橘园，今年开春以来叶子发黄、果子变小，听人说是黄龙病，请问砍不砍？"
    "有没有懂行的老同志能来看看？谢谢！"
)


def page_of(client: FlaskClient, address: str = "/experts", **asked: object) -> str:
    answer = client.get(address, query_string=asked) if asked else client.get(address)
    assert answer.status_code == 200
    return answer.text


def api(client: FlaskClient, **asked: object) -> dict:
    answer = client.get("/api/v1/experts", query_string=asked)
    assert answer.status_code == 200
    return answer.get_json()


def chips_on(page: str) -> dict[str, dict[str, list[str]]]:
    """Chip -> the parameters of the address without it."""
    found = re.findall(r'<a class="chip" href="([^"]*)"><span>([^<]*)</span>', page)
    return {html.unescape(text): parse_qs(urlsplit(html.unescape(address)).query) for address, text in found}


def test_filters_of_the_query_become_filters_of_the_page(client: FlaskClient) -> None:
    page = page_of(client, q="水库 乡镇:漆河")
    assert chips_on(page) == {"乡镇：漆河镇": {"q": ["水库"]}}
    assert 'name="q" value="水库"' in page
    assert api(client, q="水库 乡镇:漆河")["people"] == api(client, q="水库", township="漆河镇")["people"]
    # The links carry them as parameters, so that going on does not depend on what was typed.
    assert "township=%E6%BC%86%E6%B2%B3%E9%95%87" in page


def test_exact_and_unwanted_parts_can_be_taken_off_by_a_click(client: FlaskClient) -> None:
    chips = chips_on(page_of(client, q="“大坝渗水” -调度"))
    assert chips == {"一字不差：大坝渗水": {"q": ["大坝渗水 -调度"]}, "不要：调度": {"q": ["“大坝渗水”"]}}
    answer = api(client, q="“大坝渗水” -调度")
    assert (answer["phrases"], answer["excluded"]) == (["大坝渗水"], ["调度"])
    assert [person["name"] for person in answer["people"]] == ["李水生"]


def test_marks_in_a_query_are_escaped_on_the_page(client: FlaskClient) -> None:
    page = page_of(client, q='"<b>水库</b>" -<i>x</i> 乡镇:<u>')
    assert "<b>水库" not in page and "<i>x" not in page and "<u>" not in page


def test_a_name_and_a_topic_are_one_click_apart(client: FlaskClient) -> None:
    page = page_of(client, q="李")
    assert "按姓名（2 位）" in page
    by_name = page_of(client, q="李", by="name")
    assert re.search(r'aria-current="true"><i[^>]*></i>按姓名（2 位）', by_name)
    answer = api(client, q="李", by="name")
    assert {person["name"] for person in answer["people"]} == {"李水生", "李长河"}
    assert (answer["by"], answer["total_by_name"]) == ("name", 2)
    assert api(client, q="李", by="topic")["by"] == "topic"
    assert "按姓名（" not in page_of(client, q="水库大坝渗水")


def test_an_unknown_way_is_the_usual_one(client: FlaskClient) -> None:
    def listed(**asked: str) -> list[str]:
        return re.findall(r'href="/experts/(\d+)', page_of(client, **asked))

    assert listed(q="水库", by="色") == listed(q="水库") != []


def test_a_pasted_problem_shows_its_key_words(client: FlaskClient) -> None:
    page = page_of(client, q=PROBLEM)
    answer = api(client, q=PROBLEM)
    assert answer["is_problem"] and "黄龙病" in answer["keywords"] and answer["people"][0]["name"] == "曾繁柑"
    for word in answer["keywords"]:
        assert f'name="drop" value="{word}"' in page
    assert html.escape(PROBLEM.splitlines()[0]) in page and "<textarea" in page


def test_a_key_word_is_taken_away_and_another_added(client: FlaskClient) -> None:
    keywords = api(client, q=PROBLEM)["keywords"]
    dropped = client.get("/experts", query_string={"q": PROBLEM, "kw": keywords, "drop": keywords[0]})
    assert dropped.status_code == 303
    given = parse_qs(urlsplit(dropped.location).query)
    assert given["kw"] == keywords[1:] and given["q"] == [PROBLEM] and "drop" not in given
    added = client.get("/experts", query_string={"q": PROBLEM, "kw": given["kw"], "add": "水库 大坝"})
    assert parse_qs(urlsplit(added.location).query)["kw"] == [*keywords[1:], "水库", "大坝"]
    page = page_of(client, added.location)
    assert 'name="drop" value="大坝"' in page and f'name="drop" value="{keywords[0]}"' not in page
    assert "恢复自动取出的关键词" in page


def test_the_last_key_word_stays(client: FlaskClient) -> None:
    kept = client.get("/experts", query_string={"q": PROBLEM, "kw": ["黄龙病"], "drop": "黄龙病"})
    assert parse_qs(urlsplit(kept.location).query)["kw"] == ["黄龙病"]
    assert 'name="drop"' not in page_of(client, kept.location)


@pytest.mark.parametrize("words", [["x"] * 50, [""], ["　"], ["水" * 500], ["<b>"], ["\x00"], ["，。"]])
def test_any_key_words_can_be_asked_for(client: FlaskClient, words: list[str]) -> None:
    page = page_of(client, q=PROBLEM, kw=words)
    assert "<b>" not in page


def test_a_problem_of_many_lines_is_sent_by_a_form_without_a_session(client: FlaskClient) -> None:
    form = fields_of(page_of(client, "/experts/problem"))
    sent = client.post("/experts/problem", data=form | {"q": PROBLEM.replace("\n", "\r\n")})
    assert sent.status_code == 303 and parse_qs(urlsplit(sent.location).query) == {"q": [PROBLEM]}
    assert "Set-Cookie" not in sent.headers
    page = page_of(client, sent.location)
    assert fields_of(page)["q"] == PROBLEM


@pytest.mark.parametrize("text", ["渠道漏水。\r\n" * 400, "渠道 " * 10_000, "。" * 3_000, "a" * 5_000])
def test_a_long_text_is_cut_with_a_sentence(client: FlaskClient, text: str) -> None:
    sent = client.post("/experts/problem", data={"q": text})
    assert sent.status_code == 303
    page = page_of(client, sent.location)
    # Line breaks count once.
    is_cut = len(text.replace("\r\n", "\n").strip()) > MAX_QUERY
    assert (f"只用了前 {MAX_QUERY} 个字" in page) == is_cut
    assert f"只用了前 {MAX_QUERY} 个字" in page_of(client, q="渠道 " * 10_000)


def test_filters_stay_when_a_problem_is_sent_again(client: FlaskClient) -> None:
    form = fields_of(page_of(client, q=PROBLEM, township="漆河镇"))
    sent = client.post("/experts/problem", data=form)
    assert parse_qs(urlsplit(sent.location).query)["township"] == ["漆河镇"]


def test_pages_and_facets_keep_the_key_words(client: FlaskClient) -> None:
    page = page_of(client, q="水库漏水，渠道也不通，" * 5, kw=["水库", "渠道"])
    assert page.count('type="hidden" name="kw" value="水库"') >= 2
    following = [link for link in re.findall(r'href="([^"]*)"', page) if "page=2" in link]
    assert following and all(
        parse_qs(urlsplit(html.unescape(link)).query)["kw"] == ["水库", "渠道"] for link in following
    )


def test_every_person_says_why(client: FlaskClient) -> None:
    answer = api(client, q="柑橘黄龙病")
    why = answer["people"][0]["why"]
    assert {word["by"] for word in why["words"]} == {"word"}
    assert any("专长" in word["parts"] for word in why["words"])
    assert sum(vote["share"] for vote in why["votes"]) + why["further_share"] == pytest.approx(1, abs=0.001)
    page = page_of(client, q="柑橘黄龙病")
    assert page.count('<summary><i class="bi bi-question-circle" aria-hidden="true"></i>为什么推荐</summary>') == len(
        answer["people"]
    )
    assert "依据所占的分量" in page and "服务记录《漆河镇柑橘园黄龙病诊断》" in page


def test_browsing_needs_no_reasons(client: FlaskClient) -> None:
    assert "为什么推荐" not in page_of(client, field="水库堤防")
