"""A department reads the suggestions that are public and those that it handles, on every page and by the API."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from zhiku.bootstrap import Zhiku
from zhiku.domain.departments import Department
from zhiku.domain.permissions import Role
from zhiku.domain.suggestions import Suggestion

#: The county's one office handles the third to sixth, of which the last two were answered; the first two nobody yet.
NOBODYS = ("2026-0001", "2026-0002")
THEIRS = ("2026-0003", "2026-0004")
PUBLIC = ("2026-0005", "2026-0006")


@pytest.fixture
def department(zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]) -> FlaskClient:
    """The browser of a clerk of the office; the fourth suggestion is handled by another one."""
    with zhiku.sessions.begin() as session:
        session.connection(execution_options={"is_writing": True})
        other = Department(division_code="430725", name="桃源县水利局", short_name="水利局")
        session.add(other)
        session.scalars(select(Suggestion).where(Suggestion.number == THEIRS[1])).one().lead_department = other
    zhiku.indexing.drain()
    return signed_in_as(Role.DEPARTMENT)


@pytest.mark.parametrize("query", ["", "黄龙病", "水渠", "统一供苗"])
def test_a_search_lists_and_counts_no_others(department: FlaskClient, client: FlaskClient, query: str) -> None:
    def found(browser: FlaskClient) -> tuple[int, set[str]]:
        numbers: set[str] = set()
        for page in (1, 2):
            answer = browser.get("/api/v1/suggestions", query_string={"q": query, "page": page}).get_json()
            numbers |= {one["number"] for one in answer["suggestions"]}
            if answer["pages"] == 1:
                break
        return answer["total"], numbers

    total, theirs = found(department)
    _, everything = found(client)
    hidden = {*NOBODYS, THEIRS[1]}
    assert theirs == everything - hidden and total == len(theirs) and everything & hidden
    page = department.get("/suggestions", query_string={"q": query}).text
    assert not [number for number in hidden if number in page]


@pytest.mark.parametrize("address", ["/suggestions/{}", "/api/v1/suggestions/{}"])
def test_one_that_is_not_theirs_is_as_one_that_there_is_not(department: FlaskClient, address: str) -> None:
    for number in (THEIRS[0], *PUBLIC):
        assert department.get(address.format(number)).status_code == 200
    for number in (*NOBODYS, THEIRS[1], "2026-0999"):
        assert department.get(address.format(number)).status_code == 404


def test_a_profile_and_the_evidence_of_a_search_quote_no_others(department: FlaskClient, client: FlaskClient) -> None:
    whole, theirs = client.get("/experts/1").text, department.get("/experts/1").text
    assert all(number in whole for number in (*NOBODYS, THEIRS[0]))
    assert THEIRS[0] in theirs and not [number for number in NOBODYS if number in theirs]
    asked = {"q": "外地买苗带病 无病毒苗圃"}

    def evidence(browser: FlaskClient) -> set[str]:
        people = browser.get("/api/v1/experts", query_string=asked).get_json()["people"]
        return {one["suggestion_number"] for person in people for one in person["evidence"]} - {None}

    assert evidence(client) & set(NOBODYS) and evidence(department) <= {THEIRS[0]}
    assert not [number for number in NOBODYS if number in department.get("/experts", query_string=asked).text]


def test_while_they_write_they_are_shown_no_others(department: FlaskClient) -> None:
    asked = {"subject": "统一供苗防住黄龙病", "text": "各乡镇自己从外地买苗，带病的多。"}
    found = department.post("/api/similar", json=asked).get_json()
    assert [one["number"] for one in found["suggestions"]] == [THEIRS[0]] and found["notice"]
