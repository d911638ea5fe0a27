"""The quality gate: the demo county is what it should be, and the search answers its judged queries well."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib import resources
from itertools import combinations

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests.quality.conftest import DemoCounty
from tests.web.signing_in import browser_of
from zhiku import demo
from zhiku.cli.main import cli
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role
from zhiku.domain.redaction import has_private_number
from zhiku.services.evaluation import Evaluation, measure
from zhiku.web.app import create_app

#: What the first landing promises (RR@10 0.80, R@10 0.90), and a little more, so that a change for the worse is seen.
LEAST_RR = 0.90
LEAST_RECALL = 0.90

KINDS = ("departments", "experts", "suggestions", "services")

#: Asked of the command, the page and the API: topics, names, a paragraph, Traditional text, nothing, too much.
ALIKE = (
    "懂柑橘黄龙病的人",
    "会修水库",
    "邻里纠纷谁能劝",
    "老年人高血压怎么管",
    "想搞民宿找谁",
    "欧阳烈",
    "wang",
    "会嫁接 会写春联",
    "我们村后山的水库大坝一下雨就冒浑水，群众很担心，想请懂行的老同志来看看是不是渗水。",
    "發(fā)揮餘熱的老幹部",
    "水",
    "qqqxyz",
    "“半句引号 field: AND (",
    "渠道" * 200,
)


def rows_of(kind: str) -> list[dict[str, str]]:
    with resources.files(demo).joinpath(f"{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def bigrams(text: str) -> set[str]:
    return {text[i : i + 2] for i in range(len(text) - 1) if re.fullmatch(r"\w\w", text[i : i + 2])}


# -- the data -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_row_is_imported_without_a_remark(demo_county: DemoCounty, kind: str) -> None:
    report = demo_county.reports[kind]
    assert len(report.rows) == len(rows_of(kind))
    assert [row.line for row in report.rows if row.needs_attention] == []


def test_it_is_large_enough() -> None:
    assert len(rows_of("experts")) >= 240 and len(rows_of("suggestions")) >= 400 and len(rows_of("services")) >= 100
    departments = rows_of("departments")
    assert len(departments) >= 24 and all(len(row["职责"]) >= 40 for row in departments)


def test_every_township_has_people(demo_county: DemoCounty) -> None:
    with demo_county.zhiku.sessions() as session:
        townships = set(session.scalars(select(Division.code).where(Division.level == DivisionLevel.TOWNSHIP)))
        used = {expert.division_code for expert in session.scalars(select(Expert)) if expert.is_searchable}
    assert len(townships) == 29 and used >= townships


def test_every_field_of_expertise_has_people(demo_county: DemoCounty) -> None:
    fields = demo_county.zhiku.expert_search.fields_to_browse()
    assert len(fields) >= 10 and [field.name for field in fields if not field.count] == []


def test_names_are_told_apart_so_that_judgements_mean_one_person(judgements: list[tuple[str, str, int]]) -> None:
    counts = Counter(row["姓名"] for row in rows_of("experts"))
    assert {name: counts[name] for _, name, _ in judgements if counts[name] != 1} == {}


@pytest.mark.parametrize(
    "kind, columns", [("experts", ("简介",)), ("suggestions", ("情况", "建议")), ("services", ("经过",))]
)
def test_no_two_texts_share_half_of_their_bigrams(kind: str, columns: tuple[str, ...]) -> None:
    texts = [bigrams("".join(row[column] for column in columns)) for row in rows_of(kind)]
    alike = [
        (first + 2, second + 2)
        for (first, a), (second, b) in combinations(enumerate(texts), 2)
        if len(a & b) >= min(len(a), len(b)) / 2
    ]
    assert alike == []


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_can_be_rung_up(kind: str) -> None:
    cells = [cell for row in rows_of(kind) for cell in row.values()]
    assert [cell for cell in cells if has_private_number(cell) or re.search(r"(?<!\d)\d{7,}(?!\d)", cell)] == []


# -- the search ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(demo_county: DemoCounty, queries: dict[str, str]) -> dict[str, list[str]]:
    """Names of the people on the first page of every judged query: ten, as many as the measures look at."""
    assert demo_county.zhiku.settings.page_size == 10
    search = demo_county.zhiku.expert_search.search
    return {key: [person.name for person in search(text).people] for key, text in queries.items()}


@pytest.fixture(scope="module")
def evaluation(answers: dict[str, list[str]], judgements: list[tuple[str, str, int]]) -> Evaluation:
    return measure(judgements, answers)


def test_the_judged_set_is_whole(queries: dict[str, str], judgements: list[tuple[str, str, int]]) -> None:
    assert len(queries) >= 60 and len(set(queries.values())) == len(queries)
    assert {query for query, _, _ in judgements} == set(queries), "each query has somebody who can help"
    assert {grade for _, _, grade in judgements} == {1, 2}
    assert len({(query, name) for query, name, _ in judgements}) == len(judgements)


def test_the_right_people_are_on_the_first_page(evaluation: Evaluation, queries: dict[str, str]) -> None:
    worst = sorted(evaluation.by_query["RR@10"].items(), key=lambda item: item[1])[:10]
    story = evaluation.line + "; worst: " + "、".join(f"{queries[key]} {value:.2f}" for key, value in worst)
    print(f"\ndemo county: {evaluation.line}")
    assert evaluation.values["RR@10"] >= LEAST_RR, story
    assert evaluation.values["R@10"] >= LEAST_RECALL, story


def test_no_judged_query_returns_nothing(answers: dict[str, list[str]]) -> None:
    assert [key for key, people in answers.items() if not people] == []


@pytest.mark.parametrize("query", ALIKE)
def test_command_page_and_api_give_the_same_people_in_the_same_order(
    demo_county: DemoCounty, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setenv("ZHIKU_HOME", str(demo_county.home))
    client = browser_of(create_app(demo_county.zhiku), Role.BUREAU)
    for page in (1, 2):
        asked = {"q": query, "page": str(page)}
        by_api = client.get("/api/v1/experts", query_string=asked).get_json()
        html = client.get("/experts", query_string=asked).text
        shown = CliRunner().invoke(cli, ["search", query, "--page", str(page)])
        assert shown.exit_code == 0
        on_page = re.findall(r'<h3 class="person-name">\s*<a href="/experts/(\d+)', html)
        assert [str(person["id"]) for person in by_api["people"]] == on_page
        in_terminal = re.findall(r"^\d+\. (\S+)  ", shown.output, re.MULTILINE)
        assert [person["name"] for person in by_api["people"]] == in_terminal
        assert shown.output.splitlines()[0] == by_api["sentence"]


def test_the_command_takes_the_filters_of_the_page(demo_county: DemoCounty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKU_HOME", str(demo_county.home))
    client = browser_of(create_app(demo_county.zhiku), Role.BUREAU)
    asked = {"q": "水库", "township": ["热市镇", "漆河镇"], "field": ["水利水电"]}
    by_api = [person["name"] for person in client.get("/api/v1/experts", query_string=asked).get_json()["people"]]
    arguments = ["search", "水库", "--township", "热市镇", "--township", "漆河镇", "--field", "水利水电"]
    shown = CliRunner().invoke(cli, arguments).output
    assert by_api and re.findall(r"^\d+\. (\S+)  ", shown, re.MULTILINE) == by_api
