"""Exports: what import reads, nothing about contacts, nothing that runs in Excel."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from openpyxl import load_workbook
from sqlalchemy.orm import Session, sessionmaker

import zhiku.demo
from tests import factories
from tests.databases import database_in
from tests.unit import rosters
from zhiku.domain.experts import DatePrecision, ExpertStatus
from zhiku.persistence.session import make_sessions
from zhiku.services import contacts
from zhiku.services.exporting import ExportRefused, export_file
from zhiku.services.importing import Outcome

KINDS = ("departments", "experts", "suggestions", "services")


def table(path: Path) -> list[list[str]]:
    return [[str(cell.value or "") for cell in row] for row in load_workbook(path).active]


@pytest.fixture
def elsewhere(tmp_path: Path) -> sessionmaker[Session]:
    """A second, empty database."""
    sessions = make_sessions(database_in(tmp_path / "elsewhere.db"), clock=lambda: factories.NOW)
    rosters.prepare(sessions)
    return sessions


def round_trip(sessions: sessionmaker[Session], elsewhere: sessionmaker[Session], folder: Path) -> None:
    for kind in KINDS:
        export_file(sessions, kind, folder / f"{kind}.xlsx")
        report = rosters.run(elsewhere, folder / f"{kind}.xlsx", kind)
        assert [row.line for row in report.rows if row.warnings or row.outcome is not Outcome.NEW] == []
        export_file(elsewhere, kind, folder / f"{kind}-again.xlsx")
        assert table(folder / f"{kind}.xlsx") == table(folder / f"{kind}-again.xlsx")


def test_the_demo_county_goes_out_and_in_again_unchanged(
    sessions: sessionmaker[Session], elsewhere: sessionmaker[Session], tmp_path: Path
) -> None:
    rosters.prepare(sessions)
    for kind in KINDS:
        rosters.run(sessions, Path(zhiku.demo.__file__).parent / f"{kind}.csv", kind)
    round_trip(sessions, elsewhere, tmp_path)


def test_unusual_rows_go_out_and_in_again_unchanged(
    sessions: sessionmaker[Session], elsewhere: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        factories.a_department(session, "县水利局", duties="管水库；\n管渠道")
        first = factories.an_expert(
            session,
            "张水生",
            fields=("农业农村", "果树柑橘"),
            career=(("1970", "1975", "某部 战士；班长"), ("", "", "种过田"), ("1996.01", "至今", "顾问")),
            honours=((None, "省劳模"), (1998, "一等奖")),
            summary='=HYPERLINK("http://x")\n第二段，“引号”，①',
        )
        of_a_year = {"birth_date": date(1955, 1, 1), "birth_precision": DatePrecision.YEAR}
        second = factories.an_expert(session, "张水生", former_unit="县一中", status=ExpertStatus.DECEASED, **of_a_year)
        nothing_known = {"sex": None, "birth_date": None, "birth_precision": None, "former_unit": "", "last_post": ""}
        factories.an_expert(
            session,
            "买买提·艾力",
            keywords=[],
            summary="",
            ways_of_helping=[],
            division_code=factories.COUNTY,
            **nothing_known,
        )
        factories.a_suggestion(session, authors=(second, "李阳春"), field="水库堤防", serial=12)
        factories.a_suggestion(session, "@SUM(1+1)", authors=(first,), serial=3, submitted_on=date(2025, 1, 2))
        factories.a_service_record(session, second)
    round_trip(sessions, elsewhere, tmp_path)


def test_formulas_are_written_as_text(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        factories.an_expert(session, summary="=1+1", last_post="+副局长", keywords=["@x"], liaison_name="-周")
    export_file(sessions, "experts", tmp_path / "a.xlsx")
    sheet = load_workbook(tmp_path / "a.xlsx").active
    cells = [cell for cell in sheet[2] if str(cell.value or "").startswith(("=", "+", "@", "-"))]
    assert len(cells) == 4 and all(cell.data_type != "f" and cell.quotePrefix for cell in cells)
    assert sheet.freeze_panes == "A2" and sheet.column_dimensions["L"].width > 60


def test_contacts_are_never_exported(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        contacts.add(session, contacts.EXPERT, factories.an_expert(session).id, "13812345678", factories.NOW)
    export_file(sessions, "experts", tmp_path / "a.xlsx")
    assert "13812345678" not in str(table(tmp_path / "a.xlsx"))


def test_an_existing_file_is_only_replaced_on_demand(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_text("别动")
    with pytest.raises(ExportRefused, match="--force"):
        export_file(sessions, "departments", path)
    assert path.read_text() == "别动"
    assert export_file(sessions, "departments", path, is_replacing=True) == 0
    assert table(path) == [["名称", "简称", "职责"]]
    assert [found.name for found in tmp_path.glob("*.xlsx")] == ["a.xlsx"]


def test_a_place_that_cannot_be_written_is_one_sentence(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="写不进去"):
        export_file(sessions, "departments", tmp_path / "没有" / "a.xlsx")
    with pytest.raises(ExportRefused, match=".xlsx"):
        export_file(sessions, "departments", tmp_path / "a.csv")
