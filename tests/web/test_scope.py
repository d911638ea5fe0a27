"""A scope is a prefix of division codes: rows elsewhere do not exist, on no page, in no count, by no way to ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories
from tests.factories import an_expert
from tests.web.county import settings_in
from tests.web.signing_in import sign_in
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account
from zhiku.domain.base import begin_writing
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import FOR_TOKENS, Role
from zhiku.domain.suggestions import SuggestionStatus
from zhiku.web.app import create_app

HERE, THERE = "430725", "430726"


@pytest.fixture(scope="module")
def zhiku(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zhiku]:
    """Two counties of a prefecture, each with its people, suggestions, departments, words and places."""
    home: Path = tmp_path_factory.mktemp("prefecture")
    opened = Zhiku.open(settings_in(home))
    opened.prepare_database()
    with opened.sessions.begin() as session:
        begin_writing(session)
        factories.reference(session)
        session.add(Division(code=THERE, name="石门县", level=DivisionLevel.COUNTY, parent_code="4307"))
        session.flush()
        session.add(Division(code="430726101", name="蒙泉镇", level=DivisionLevel.TOWNSHIP, parent_code=THERE))
        session.flush()
        for code, place, name, unit, word in (
            (HERE, "430725105", "张水生", "桃源县水利局", "修水库"),
            (THERE, "430726101", "覃石门", "石门县水电局", "修石门水库"),
        ):
            factories.a_department(
                session, "县水利局" if code == HERE else "石门县水利水电局", division_code=code, duties="管水库、渠道。"
            )
            expert = an_expert(
                session,
                name,
                division_code=place,
                former_unit=unit,
                keywords=[word],
                fields=("水库堤防",),
                professional_title="工程师" if code == HERE else "高级技师",
                summary="主持过水库除险加固。",
            )
            for serial, status in enumerate((SuggestionStatus.ASSIGNED, SuggestionStatus.REPLIED)):
                factories.a_suggestion(
                    session,
                    f"给{unit[:2]}的水库装报警{serial}",
                    authors=(expert,),
                    division_code=code,
                    status=status,
                    serial=(1 if code == HERE else 5) + serial,
                    lead_department_id=_department(session, code),
                )
            factories.a_service_record(session, expert, division_code=code, subject=f"看{unit[:2]}的水库")
        # Of here, but helped there, and suggested something there.
        both = an_expert(
            session, "两边跑", division_code="430725001", former_unit="县水利局", summary="水库渗漏的行家。"
        )
        factories.a_suggestion(session, "那边的水库要加固", authors=(both,), division_code=THERE, serial=9,
                               status=SuggestionStatus.ASSIGNED)  # fmt: skip
        factories.a_service_record(session, both, division_code=THERE, subject="去石门看水库", account="石门的坝漏水。")
        for name, prefix in (("here", HERE), ("there", THERE), ("town", "430725105"), ("all", "4307")):
            factories.an_account(session, Role.BUREAU, sign_in_name=name, division_prefix=prefix)
    opened.indexing.rebuild()
    yield opened
    opened.close()


def _department(session: Session, code: str) -> int:
    return int(session.scalars(select(Department.id).where(Department.division_code == code)).one())


@pytest.fixture
def app(zhiku: Zhiku) -> Flask:
    return create_app(zhiku)


def clerk(app: Flask, name: str) -> FlaskClient:
    with app.extensions["zhiku"].sessions() as session:
        account = session.scalars(select(Account.id).where(Account.sign_in_name == name)).one()
    return sign_in(app.test_client(), account)


def expert_id(zhiku: Zhiku, name: str) -> int:
    with zhiku.sessions() as session:
        return session.scalars(select(Expert.id).where(Expert.name == name)).one()


def people(client: FlaskClient, **asked: str) -> set[str]:
    return {person["name"] for person in client.get("/api/v1/experts", query_string=asked).get_json()["people"]}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("here", {"张水生", "两边跑"}),
        ("there", {"覃石门"}),
        ("town", {"张水生"}),
        ("all", {"张水生", "覃石门", "两边跑"}),
    ],
)
def test_everybody_finds_the_people_of_their_scope_and_no_others(app: Flask, name: str, seen: set[str]) -> None:
    answer = clerk(app, name).get("/api/v1/experts?q=水库").get_json()
    assert {person["name"] for person in answer["people"]} == seen and answer["total"] == len(seen)
    counts = {facet["name"]: {one["value"]: one["count"] for one in facet["values"]} for facet in answer["facets"]}
    assert sum(counts["township"].values()) == len(seen)
    assert ("蒙泉镇" in counts["township"]) == ("覃石门" in seen)
    assert ("石门县水电局" in counts["unit"]) == ("覃石门" in seen)


@pytest.mark.parametrize(
    "query", ["覃石门", "石门", "qinshimen", "qsm", "覃", "修石门水库", "石门县水电局", "高级技师", "蒙泉镇"]
)
def test_by_no_words_is_anybody_of_elsewhere_found(app: Flask, query: str) -> None:
    here = clerk(app, "here")
    assert "覃石门" not in people(here, q=query)
    for address in (f"/experts?q={query}", f"/experts?q={query}&by=name", f"/experts?q=水库&unit={query}"):
        page = here.get(address).text.replace(query, "")
        assert "覃石门" not in page and "水电局" not in page and "蒙泉镇" not in page
    assert people(clerk(app, "there"), q=query) == {"覃石门"}


def test_evidence_from_elsewhere_is_not_shown_and_counts_for_nobody(app: Flask, zhiku: Zhiku) -> None:
    here = clerk(app, "here").get("/experts", query_string={"q": "两边跑"}).text
    assert "两边跑" in here and "石门" not in here.replace("两边跑", "")
    found = clerk(app, "here").get("/api/v1/experts", query_string={"q": "石门的坝漏水"}).get_json()
    assert "石门" not in "".join(one["text"] for person in found["people"] for one in person["evidence"])
    assert people(clerk(app, "here"), q="“去石门看水库”") == people(clerk(app, "here"), q="去石门看水库")
    page = clerk(app, "here").get(f"/experts/{expert_id(zhiku, '两边跑')}").text
    assert "去石门看水库" not in page and "那边的水库要加固" not in page


def test_a_profile_of_elsewhere_answers_as_one_that_there_is_not(app: Flask, zhiku: Zhiku) -> None:
    here = clerk(app, "here")
    refused, missing = here.get(f"/experts/{expert_id(zhiku, '覃石门')}"), here.get("/experts/4711")
    assert refused.status_code == missing.status_code == 404
    number = str(expert_id(zhiku, "覃石门"))
    assert refused.text.replace(f"%2F{number}", "").replace(f"/experts/{number}", "") == missing.text.replace(
        "%2F4711", ""
    ).replace("/experts/4711", "")
    assert clerk(app, "there").get(f"/experts/{number}").status_code == 200


def test_suggestions_of_elsewhere_are_not_there(app: Flask) -> None:
    here, there, town = clerk(app, "here"), clerk(app, "there"), clerk(app, "town")
    for query in ("", "水库", "石门的水库", "报警"):
        page = here.get("/suggestions", query_string={"q": query}).text
        assert "给石门的水库" not in page and "那边的水库" not in page
    assert "共有 2 条建议" in here.get("/suggestions").text and "共有 3 条建议" in there.get("/suggestions").text
    assert "共有 0 条建议" in town.get("/suggestions").text
    assert here.get("/suggestions/2026-0005").status_code == 404
    assert there.get("/suggestions/2026-0005").status_code == 200
    assert here.get("/suggestions/2026-0006").status_code == 200, "answered: everybody may read it"
    # Its author lives here: for those there nobody's page, and no name.
    author = there.get("/suggestions/2026-0009").text
    assert "两边跑" not in author and "两某某" in author


def test_the_api_keeps_within_the_scope(app: Flask, zhiku: Zhiku) -> None:
    here = clerk(app, "here")
    number = expert_id(zhiku, "覃石门")
    assert here.get(f"/api/v1/experts/{number}").status_code == 404
    assert here.get("/api/v1/suggestions/2026-0005").status_code == 404
    assert here.get("/api/v1/suggestions/2026-0005/departments").status_code == 404
    listed = here.get("/api/v1/suggestions?q=水库").get_json()
    assert "石门" not in str(listed)


def test_a_token_sees_its_own_scope(app: Flask, zhiku: Zhiku) -> None:
    secret = zhiku.api_tokens.issue("别的系统", FOR_TOKENS, THERE).secret
    answer = app.test_client().get("/api/v1/experts?q=水库", headers={"Authorization": f"Bearer {secret}"}).get_json()
    assert {person["name"] for person in answer["people"]} == {"覃石门"}


def test_completion_offers_nothing_of_elsewhere(app: Flask, zhiku: Zhiku) -> None:
    for division in (HERE, THERE):
        zhiku.searches.within(division).completer.prepare()

    def offered(name: str, typed: str) -> set[str]:
        answer = clerk(app, name).get("/api/complete", query_string={"q": typed}).get_json()
        return {one["completed"] for one in answer["completions"]}

    for typed in ("覃", "qsm", "石", "修石", "蒙", "高级技", "石门县", "shimen"):
        assert not {
            one for one in offered("here", typed) if "石门" in one or one in ("覃石门", "蒙泉镇", "高级技师")
        }, typed
        assert offered("there", typed), typed
    assert "张水生" in offered("here", "张") and "张水生" not in offered("there", "张")


def test_did_you_mean_corrects_to_no_word_of_elsewhere(zhiku: Zhiku) -> None:
    for division, meant in ((THERE, "石门县水电局"), (HERE, "石门县水利局")):
        corrector = zhiku.searches.within(division).did_you_mean
        corrector.prepare()
        assert corrector.suggest("石门县水店局") == meant


def test_similar_suggestions_are_of_the_scope(app: Flask) -> None:
    asked = {"subject": "给石门的水库装报警0", "text": "夜里涨水全靠人看，守坝的人一夜跑三趟。"}

    def numbers(client: FlaskClient) -> set[str]:
        return {one["number"] for one in client.post("/api/similar", json=asked).get_json()["suggestions"]}

    assert "2026-0005" in numbers(clerk(app, "there")) and not numbers(clerk(app, "here")) & {
        "2026-0005", "2026-0006", "2026-0009",
    }  # fmt: skip
    assert numbers(clerk(app, "town")) == set()


def test_a_suggestion_goes_to_a_department_of_the_scope(app: Flask) -> None:
    def departments(name: str, number: str) -> list[str]:
        answer = clerk(app, name).get(f"/api/v1/suggestions/{number}/departments").get_json()
        return [one["name"] for one in answer["departments"]]

    assert departments("here", "2026-0001") == ["县水利局"]
    assert departments("there", "2026-0005") == ["石门县水利水电局"]


def test_fields_to_browse_count_the_scope(app: Flask, zhiku: Zhiku) -> None:
    def counted(division: str) -> int:
        fields = {field.name: field.count for field in zhiku.searches.within(division).experts.fields_to_browse()}
        return max(fields.values())

    assert (counted(HERE), counted(THERE), counted("430725001"), counted("4307")) == (1, 1, 0, 2)
    assert "覃石门" not in clerk(app, "here").get("/").text


def test_the_nearest_field_has_people_of_the_scope_only(zhiku: Zhiku) -> None:
    answer = zhiku.searches.within(THERE).experts.search("堤防", is_as_typed=True)
    assert [person.name for person in answer.people] == ["覃石门"]
    nowhere = zhiku.searches.within("430725001").experts
    assert nowhere.search("", filters={"field": ("水库堤防",)}).people == ()


def test_who_moves_away_is_gone_before_the_index_knows(zhiku: Zhiku, app: Flask) -> None:
    key = expert_id(zhiku, "张水生")
    try:
        with zhiku.sessions.begin() as session:
            session.get_one(Expert, key).division_code = "430726101"
        assert "张水生" not in people(clerk(app, "here"), q="张水生")
        assert clerk(app, "here").get(f"/experts/{key}").status_code == 404
    finally:
        with zhiku.sessions.begin() as session:
            session.get_one(Expert, key).division_code = "430725105"
        zhiku.indexing.drain()
