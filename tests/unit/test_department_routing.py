"""The department for a suggestion, on a real database and a real index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests import factories
from tests.unit.search_county import County, county_in
from zhiku.bootstrap import Zhiku
from zhiku.cli.main import cli
from zhiku.config import Settings
from zhiku.domain.base import begin_writing
from zhiku.domain.departments import Department
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.services.department_routing import (
    DUTIES_WORTH,
    DepartmentRouting,
    LikelyDepartment,
    NothingToRoute,
    SuggestionUnknown,
)

_serials = count(100)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    """The county with the duties of four departments; the water bureau was assigned one suggestion already."""
    with county_in(tmp_path) as opened:
        with opened.sessions() as session, session.begin():
            water = session.scalars(select(Department).where(Department.name == "县水利局")).one()
            water.duties = "管水库、堤防、灌溉渠道。群众反映水库漏水、渠道不通水。"
            factories.a_department(session, "县教育局", duties="管幼儿园到高中。群众反映校车超载、食堂饭菜差。")
            factories.a_department(session, "县住建局", duties="管路灯、下水道、公共厕所、井盖。")
            factories.a_department(session, "县卫健局", duties="管医院、乡镇卫生院。群众反映看病排队。")
        yield opened


def assign(county: County, department: str, subject: str, times: int = 1, **values: object) -> None:
    """So many suggestions of these words, assigned to a department, and indexed."""
    with county.sessions() as session, session.begin():
        key = session.scalars(select(Department.id).where(Department.name == department)).one()
        for _ in range(times):
            factories.a_suggestion(
                session, subject, serial=next(_serials), situation=f"{subject}。", proposal="请派人来看。",
                submitted_on=date(2026, 8, 1), lead_department_id=key, **values,
            )  # fmt: skip
    county.indexing.drain()


def routing(county: County) -> DepartmentRouting:
    return DepartmentRouting(county.sessions, county.engine, factories.COUNTY)


def names(found: tuple[LikelyDepartment, ...]) -> list[str]:
    return [one.name for one in found]


def test_at_first_the_duties_decide_and_say_why(county: County) -> None:
    found = routing(county).likeliest("学校食堂的饭菜太差", "伢儿吃不饱。")
    assert names(found)[0] == "县教育局" and len(found) <= 3
    assert found[0].reasons == ("职责相符：食堂饭菜差",)
    assert 0 < found[-1].share <= found[0].share <= 1 and sum(one.share for one in found) <= 1 + 1e-9


def test_a_similar_suggestion_is_a_reason(county: County) -> None:
    assign(county, "县住建局", "老街夜里没有路灯")
    found = routing(county).likeliest("桥头路灯不亮", "夜里看不见。")
    assert names(found)[0] == "县住建局"
    assert "类似建议《老街夜里没有路灯》（2026 年）由该单位承办" in found[0].reasons


def test_experience_outweighs_the_duties_as_it_grows(county: County) -> None:
    # By its duties it is the housing bureau's; here the health bureau has always done it.
    asked = ("集镇公共厕所太脏", "公共厕所没有人打扫。")
    assert names(routing(county).likeliest(*asked))[0] == "县住建局"
    assign(county, "县卫健局", "公共厕所没有人打扫", times=20)
    few = routing(county).likeliest(*asked)
    assert names(few)[0] == "县住建局" and "县卫健局" in names(few)
    assign(county, "县卫健局", "公共厕所没有人打扫", times=int(DUTIES_WORTH) + 50)
    assert names(routing(county).likeliest(*asked))[0] == "县卫健局"


def test_a_suggestion_is_no_example_for_itself(county: County) -> None:
    assign(county, "县卫健局", "公共厕所没有人打扫")
    with county.sessions() as session:
        number = session.scalars(select(Suggestion.number).where(Suggestion.subject == "公共厕所没有人打扫")).one()
    found = routing(county).for_suggestion(number)
    assert names(found)[0] == "县住建局" and not any(
        "类似建议《公共厕所" in one for dept in found for one in dept.reasons
    )


@pytest.mark.parametrize("status", [SuggestionStatus.NOT_ACCEPTED, SuggestionStatus.WITHDRAWN])
def test_what_was_not_taken_up_is_routed_but_is_no_example(county: County, status: SuggestionStatus) -> None:
    assign(county, "县卫健局", "公共厕所没有人打扫", status=status)
    found = routing(county).likeliest("公共厕所没有人打扫", "太脏")
    assert "县卫健局" not in names(found)
    with county.sessions() as session:
        number = session.scalars(
            select(Suggestion.number).where(Suggestion.status == status).order_by(Suggestion.id.desc())
        ).first()
    assert number is not None and names(routing(county).for_suggestion(number))[0] == "县住建局"


def test_changed_duties_count_at_once(county: County) -> None:
    service = routing(county)
    assert names(service.likeliest("电鱼", "")) == []
    with county.sessions() as session, session.begin():
        session.scalars(select(Department).where(Department.name == "县水利局")).one().duties = "管河道，查处电鱼。"
    assert names(service.likeliest("电鱼", "")) == ["县水利局"]


def test_departments_of_another_county_are_not_proposed(county: County) -> None:
    with county.sessions() as session, session.begin():
        for department in session.scalars(select(Department)):
            department.division_code = "4307"
    with pytest.raises(NothingToRoute, match="zhiku import departments"):
        routing(county).likeliest("水库漏水", "")


@pytest.mark.parametrize("text", ["", "，。！", " "])
def test_a_text_without_a_word_cannot_be_routed(county: County, text: str) -> None:
    with pytest.raises(NothingToRoute, match="写明"):
        routing(county).likeliest(text, text)


def test_an_unknown_number_is_said_so(county: County) -> None:
    with pytest.raises(SuggestionUnknown, match="2019-0001"):
        routing(county).for_suggestion("2019-0001")


def test_a_phone_number_in_a_subject_is_not_in_the_reason(county: County) -> None:
    assign(county, "县住建局", "路灯不亮请打13907361111")
    assert "13907361111" not in repr(routing(county).likeliest("桥头路灯不亮", ""))


def test_a_text_of_any_length_is_answered(county: County) -> None:
    assert names(routing(county).likeliest("水库漏水", "水库漏水，渠道不通。" * 5000))[0] == "县水利局"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of an installation with one department and one suggestion, for the command."""
    monkeypatch.setenv("ZHIKU_HOME", str(tmp_path))
    monkeypatch.setenv("ZHIKU_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("ZHIKU_DATABASE_URL", f"sqlite:///{(tmp_path / 'zhiku.db').as_posix()}")
    zhiku = Zhiku.open(Settings.from_env())
    zhiku.prepare_database()
    with zhiku.sessions() as session, session.begin():
        begin_writing(session)
        factories.reference(session)
        factories.a_department(session, "县水利局", duties="管水库。群众反映水库漏水。")
        factories.a_suggestion(session, "黄石水库漏水", serial=42, situation="坝脚有水。", proposal="请来看。")
    zhiku.indexing.rebuild()
    zhiku.close()
    return tmp_path


@pytest.mark.parametrize(
    ("argument", "typed"),
    [("2026-0042", None), ("2026 — 42", None), ("-", "水库漏水\n坝脚有水。\n"), ("-", "水库漏水")],
)
def test_the_command_names_the_department_and_the_reason(home: Path, argument: str, typed: str | None) -> None:
    result = CliRunner().invoke(cli, ["suggest", "department", argument], input=typed)
    assert result.exit_code == 0, result.output
    assert "1. 县水利局（100%）" in result.output and "职责相符：水库漏水" in result.output


def test_the_command_says_so_when_no_department_fits(home: Path) -> None:
    result = CliRunner().invoke(cli, ["suggest", "department", "-"], input="qqq")
    assert result.exit_code == 0 and "没有部门的职责与它相符" in result.output


def test_the_command_refuses_an_unknown_number(home: Path) -> None:
    result = CliRunner().invoke(cli, ["suggest", "department", "2019-0001"])
    assert isinstance(result.exception, SuggestionUnknown)
