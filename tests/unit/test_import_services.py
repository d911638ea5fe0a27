"""Rows about service records and departments."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

import zhiku.demo
from tests import factories
from tests.unit import rosters
from zhiku.domain.departments import Department
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import WayOfHelping
from zhiku.domain.outbox import OutboxEntry
from zhiku.services.importing import Outcome, Report

DEMO = Path(zhiku.demo.__file__).parent
HEADER = "日期,专家,方式,请求单位,乡镇,事项,经过"
LINE = "2025-06-07,张水生,现场指导,县水利局,漆河,看山塘涵管漏水,到场看了涵管接头。"


@pytest.fixture(autouse=True)
def _people(sessions: sessionmaker[Session]) -> None:
    rosters.prepare(sessions)
    with sessions.begin() as session:
        factories.a_department(session, "县水利局")
        factories.an_expert(session, "张水生")


def imported(sessions: sessionmaker[Session], tmp_path: Path, *lines: str) -> Report:
    return rosters.run(sessions, rosters.csv(tmp_path / "服务.csv", "\n".join([HEADER, *lines])), "services")


def records(sessions: sessionmaker[Session]) -> list[ServiceRecord]:
    with sessions() as session:
        return list(session.scalars(select(ServiceRecord).order_by(ServiceRecord.id)))


def outbox(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(OutboxEntry)) or 0


def test_a_record_names_expert_department_and_township(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    assert rosters.only(imported(sessions, tmp_path, LINE)).warnings == []
    (record,) = records(sessions)
    assert (record.expert_id, record.served_on, record.way) == (1, date(2025, 6, 7), WayOfHelping.ON_SITE)
    assert (record.requested_by, record.department_id, record.division_code) == ("县水利局", 1, factories.QIHE)


def test_who_asked_need_not_be_a_department(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    line = LINE.replace("县水利局", "漆河镇人民政府")
    assert rosters.only(imported(sessions, tmp_path, line)).warnings == []
    assert records(sessions)[0].department_id is None


def test_a_second_import_changes_nothing_and_a_changed_cell_updates(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    imported(sessions, tmp_path, LINE)
    before = outbox(sessions)
    assert rosters.only(imported(sessions, tmp_path, LINE)).outcome is Outcome.UNCHANGED
    assert outbox(sessions) == before
    row = rosters.only(imported(sessions, tmp_path, "2025-06-07,张水生,咨询,,,看山塘涵管漏水,"))
    assert row.details == ["方式：现场指导 → 咨询"] and records(sessions)[0].requested_by == "县水利局"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("张水生", "没有这人", "先导入"),
        ("张水生", "张水生、李阳春", "一位"),
        ("现场指导", "喝茶", "可填"),
        ("2025-06-07", "2025-06", "写到日"),
        ("漆河", "七河镇", "漆河镇"),
        ("看山塘涵管漏水", "", "事项"),
    ],
)
def test_what_cannot_be_is_refused(
    sessions: sessionmaker[Session], tmp_path: Path, old: str, new: str, reason: str
) -> None:
    row = rosters.only(imported(sessions, tmp_path, LINE.replace(old, f'"{new}"')))
    assert row.outcome is Outcome.REFUSED and reason in "".join(row.problems) and records(sessions) == []


def test_one_of_two_namesakes_must_be_told_by_the_unit(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        other = factories.an_expert(session, "张水生", former_unit="县一中", birth_date=date(1955, 1, 1)).id
    report = imported(sessions, tmp_path, LINE, LINE.replace("张水生", "张水生(县一中)"))
    assert "2 位" in report.rows[0].problems[0] and report.rows[1].outcome is Outcome.NEW
    assert [record.expert_id for record in records(sessions)] == [other]


def test_departments_are_one_by_all_their_names(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    def run(text: str) -> Report:
        return rosters.run(sessions, rosters.csv(tmp_path / "部门.csv", text), "departments")

    report = run("单位名称,简称,主要职责\n桃源县水利局,水利局,管水库\n县林业局,林业局,管山林\n桃源县林业局,,\n")
    assert [row.outcome for row in report.rows] == [Outcome.CHANGED, Outcome.NEW, Outcome.REFUSED]
    with sessions() as session:
        found = session.execute(
            select(Department.name, Department.short_name, Department.duties).order_by(Department.id)
        )
        assert list(found) == [("县水利局", "水利局", "管水库"), ("县林业局", "林业局", "管山林")]
    before = outbox(sessions)
    assert [row.outcome for row in run("名称,简称,职责\n县水利局,,管水库\n县林业局,林业局,\n").rows] == [
        Outcome.UNCHANGED
    ] * 2
    assert outbox(sessions) == before


def test_the_demo_departments_and_records_import_without_a_warning(sessions: sessionmaker[Session]) -> None:
    for kind, least in {"departments": 24, "experts": 240, "services": 100}.items():
        report = rosters.run(sessions, DEMO / f"{kind}.csv", kind)
        assert len(report.rows) >= least
        assert [row.line for row in report.rows if row.warnings or row.outcome is Outcome.REFUSED] == []
