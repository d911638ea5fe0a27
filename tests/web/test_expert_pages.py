"""Finding people on the page and by the API, and their profiles."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.experts import Availability, Expert, ExpertStatus


def people_on(page: str) -> list[int]:
    """Ids of the people on a page of results, in order."""
    return [int(found) for found in re.findall(r'<h3 class="person-name">\s*<a href="/experts/(\d+)', page)]


def links_on(page: str, css_class: str = "") -> list[str]:
    pattern = rf'<a class="{css_class}[^"]*" href="([^"]+)"' if css_class else r'<a [^>]*href="([^"]+)"'
    return [unescape(found) for found in re.findall(pattern, page)]


def id_of(zhiku: Zhiku, name: str) -> int:
    with zhiku.sessions() as session:
        return session.scalars(select(Expert.id).where(Expert.name == name)).one()


def test_home_says_what_it_is_and_shows_the_fields_with_counts(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "桃源县" in page and "谁能帮上忙" in page
    assert "果树柑橘" in page and "field=%E6%9E%9C%E6%A0%91%E6%9F%91%E6%A9%98" in page
    assert 'href="/suggestions/new"' in page and 'href="/suggestions/status"' in page


def test_a_problem_in_plain_words_finds_the_person_with_highlighted_evidence(client: FlaskClient, zhiku: Zhiku) -> None:
    page = client.get("/experts", query_string={"q": "懂柑橘黄龙病的人"}).text
    assert people_on(page)[0] == id_of(zhiku, "曾繁柑")
    card = page[page.index('<article class="person">') : page.index("</article>")]
    assert "<mark>" in card and "档案" in card and "可联系" in card and "高级农艺师" in card
    assert "bi-check-circle-fill" in card


def test_page_and_api_give_the_same_people_in_the_same_order(client: FlaskClient) -> None:
    for query in ("水库", "柑橘 水库", "老师", "li", ""):
        for number in (1, 2):
            asked = {"q": query, "page": str(number)}
            answer = client.get("/api/v1/experts", query_string=asked).get_json()
            assert [person["id"] for person in answer["people"]] == people_on(
                client.get("/experts", query_string=asked).text
            )


def test_the_api_gives_evidence_in_fragments_and_facets_with_counts(client: FlaskClient) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": "柑橘黄龙病"}).get_json()
    assert answer["query"] == "柑橘黄龙病" and answer["step"] == "all_words" and answer["page"] == 1
    person = answer["people"][0]
    assert person["name"] == "曾繁柑" and person["page"] == f"/experts/{person['id']}"
    fragments = [fragment for evidence in person["evidence"] for fragment in evidence["fragments"]]
    assert any(fragment["is_match"] for fragment in fragments)
    assert person["evidence"][0]["text"] == "".join(part["text"] for part in person["evidence"][0]["fragments"])
    assert {facet["name"] for facet in answer["facets"]} == {"field", "township", "unit", "title", "availability"}
    assert sum(value["count"] for facet in answer["facets"] for value in facet["values"]) > 0


def test_the_api_answers_in_chinese_characters_not_escapes(client: FlaskClient) -> None:
    assert "曾繁柑" in client.get("/api/v1/experts", query_string={"q": "柑橘"}).text


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "１", "99999999999999999999", " "])
def test_the_api_refuses_a_bad_page_number(client: FlaskClient, number: str) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": "水库", "page": number})
    assert answer.status_code == 400
    assert "整数" in answer.get_json()["error"]["message"]


@pytest.mark.parametrize("number", ["0", "-1", "x", "99999999999999999999", "500"])
def test_the_page_answers_a_bad_page_number_with_a_page_there_is(client: FlaskClient, number: str) -> None:
    answer = client.get("/experts", query_string={"q": "水库", "page": number})
    assert answer.status_code == 200 and people_on(answer.text)


def test_facet_links_keep_the_query_and_narrow_the_result(client: FlaskClient) -> None:
    page = client.get("/experts", query_string={"q": "水库"}).text
    links = [link for link in links_on(page) if "township=" in link]
    assert links
    for link in links:
        assert parse_qs(urlsplit(link).query)["q"] == ["水库"]
    narrowed = client.get(links[0]).text
    assert 0 < len(people_on(narrowed)) <= len(people_on(page))
    chips = links_on(narrowed, "chip")
    assert len(chips) == 1 and "township=" not in chips[0] and "q=" in chips[0]


def test_a_facet_count_is_the_number_of_people_its_link_shows(client: FlaskClient) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": "水库"}).get_json()
    for facet in answer["facets"]:
        for value in facet["values"]:
            narrowed = client.get(
                "/api/v1/experts", query_string={"q": "水库", facet["name"]: value["value"]}
            ).get_json()
            assert narrowed["total"] == value["count"], (facet["name"], value["value"])


def test_a_pasted_problem_can_be_narrowed_and_its_page_stays_small(client: FlaskClient) -> None:
    problem = "我们村后山的水库大坝最近一下雨就冒浑水，群众很担心，想请懂行的老同志来看看是不是渗水。" * 8
    page = client.get("/experts", query_string={"q": problem}).text
    assert people_on(page) and len(page) < 200_000
    assert re.search(r'<button name="township" value="陬市镇">', page)
    form = re.search(r'<form action="/experts" method="get">\s*<input type="hidden" name="q" value="([^"]+)">', page)
    assert form and unescape(form[1]) == problem
    narrowed = client.get("/experts", query_string={"q": problem, "township": "陬市镇"}).text
    assert 0 < len(people_on(narrowed)) < len(people_on(page))
    assert '<input type="hidden" name="township" value="陬市镇">' in narrowed and len(links_on(narrowed, "chip")) == 1


def test_pages_together_show_everybody_once(client: FlaskClient, zhiku: Zhiku) -> None:
    first = client.get("/api/v1/experts", query_string={"q": "水库"}).get_json()
    assert first["pages"] > 1
    seen = [
        person["id"]
        for number in range(1, first["pages"] + 1)
        for person in client.get("/api/v1/experts", query_string={"q": "水库", "page": number}).get_json()["people"]
        if not person["is_near"]
    ]
    assert len(seen) == len(set(seen)) == first["total"]
    page = client.get("/experts", query_string={"q": "水库"}).text
    assert any("page=2" in link and "q=" in link for link in links_on(page))


def test_people_near_in_wording_only_are_said_to_be_so(client: FlaskClient) -> None:
    # One person has the word 防汛; others only share characters with it, on the first page and on the next.
    query = "防汛"
    seen = []
    for number in range(1, client.get("/api/v1/experts", query_string={"q": query}).get_json()["pages"] + 1):
        asked = {"q": query, "page": number}
        answer = client.get("/api/v1/experts", query_string=asked).get_json()
        page = client.get("/experts", query_string=asked).text
        assert page.count("没有这些词语，只是") == sum(person["is_near"] for person in answer["people"])
        seen.append("没有这些词语，只是字词相近" in page)
    assert any(seen)
    first = client.get("/experts", query_string={"q": query}).text
    assert first.index("李长河") < first.index("没有这些词语，只是字词相近")


def test_nobody_is_said_to_be_near_who_has_the_words(client: FlaskClient) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": "水库 启闭机"}).get_json()
    assert not any(person["is_near"] for person in answer["people"] if person["words_found"])


def test_an_empty_query_shows_the_fields_to_browse(client: FlaskClient) -> None:
    page = client.get("/experts").text
    assert "按领域浏览" in page and "果树柑橘" in page and people_on(page) == []


def test_a_query_without_any_answer_offers_next_steps(client: FlaskClient) -> None:
    page = client.get("/experts", query_string={"q": "qqqxyz"}).text
    assert "老干部局" in page and "按领域浏览" in page and "果树柑橘" in page


def test_filters_that_leave_nobody_offer_to_take_them_off(client: FlaskClient) -> None:
    page = client.get("/experts", query_string={"field": "不存在的领域", "township": "漆河镇"}).text
    assert "去掉筛选条件" in page and 'href="/experts"' in page


def test_text_from_the_database_and_the_query_is_escaped(client: FlaskClient) -> None:
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>柑橘'
    page = client.get("/experts", query_string={"q": evil, "field": evil}).text
    assert "<script>alert" not in page and "<img src=x" not in page


def test_a_profile_shows_everything_but_contact_data(client: FlaskClient, zhiku: Zhiku) -> None:
    page = client.get(f"/experts/{id_of(zhiku, '曾繁柑')}").text
    for text in (
        "曾繁柑",
        "高级农艺师",
        "漆河公社农技站",
        "科技进步",
        "黄龙病诊断",
        "统一供苗",
        "1952年3月",
        "刘小燕",
        "现场指导",
    ):
        assert text in page
    assert "13907361111" not in page


def test_a_profile_keeps_the_way_back_to_the_search(client: FlaskClient) -> None:
    asked = {"q": "水库", "page": "2"}
    page = client.get("/experts", query_string=asked).text
    person = next(link for link in links_on(page) if re.match(r"/experts/\d+", link))
    profile = client.get(person).text
    back = next(link for link in links_on(profile) if "q=" in link)
    assert parse_qs(urlsplit(back).query) == {"q": ["水库"], "page": ["2"]}
    assert people_on(client.get(back).text) == people_on(page)


@pytest.mark.parametrize("status", [ExpertStatus.DRAFT, ExpertStatus.UNDER_REVIEW, ExpertStatus.DECEASED])
def test_a_person_who_is_not_public_has_no_page(client: FlaskClient, zhiku: Zhiku, status: ExpertStatus) -> None:
    expert_id = id_of(zhiku, "曾繁柑")
    with zhiku.sessions.begin() as session:
        expert = session.get(Expert, expert_id)
        assert expert is not None
        expert.status = status
    answer = client.get(f"/experts/{expert_id}")
    assert answer.status_code == 404 and "曾繁柑" not in answer.text


def test_a_person_who_withdrew_has_no_page(client: FlaskClient, zhiku: Zhiku) -> None:
    expert_id = id_of(zhiku, "曾繁柑")
    with zhiku.sessions.begin() as session:
        expert = session.get(Expert, expert_id)
        assert expert is not None
        expert.availability = Availability.WITHDRAWN
    assert client.get(f"/experts/{expert_id}").status_code == 404


@pytest.mark.parametrize("address", ["/experts/0", "/experts/999999", "/experts/99999999999999999999999", "/experts/x"])
def test_a_person_who_is_not_there_is_not_found(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 404 and "<html" in answer.text


@pytest.mark.parametrize("number", ["13907361111", "139 0736 1111", "1111"])
def test_a_known_phone_number_finds_nobody(client: FlaskClient, number: str) -> None:
    answer = client.get("/api/v1/experts", query_string={"q": number}).get_json()
    assert not any(
        evidence for person in answer["people"] for evidence in person["evidence"] if "1111" in evidence["text"]
    )
    assert answer["step"] in ("nothing", "nearest_field")
