"""Rows about suggestions: numbers, authors, what became of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

import zhiku.demo
from tests import factories
from tests.unit import rosters
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import ResultClass, Suggestion, SuggestionStatus
from zhiku.services import contacts, numbering
from zhiku.services.importing import Outcome, Report

DEMO = Path(zhiku.demo.__file__).parent
HEADER = "编号,提交日期,作者,领域,事由,情况,建议,状态,承办部门,办理结果,答复日期"


@pytest.fixture(autouse=True)
def _reference(sessions: sessionmaker[Session]) -> None:
    rosters.prepare(sessions)
    with sessions.begin() as session:
        factories.a_department(session, "县水利局", short_name="水利局")


def imported(sessions: sessionmaker[Session], tmp_path: Path, *lines: str, apply: bool = True) -> Report:
    path = rosters.csv(tmp_path / "建议.csv", "\n".join([HEADER, *lines]))
    return rosters.run(sessions, path, "suggestions", apply=apply)


def stored(sessions: sessionmaker[Session]) -> list[Suggestion]:
    with sessions() as session:
        found = list(session.scalars(select(Suggestion).order_by(Suggestion.number)))
        for suggestion in found:
            _ = suggestion.field, suggestion.lead_department, suggestion.authors, suggestion.steps
        return found


def test_a_suggestion_is_read_with_everything_it_has(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        expert_id = factories.an_expert(session, "张水生").id
    report = imported(
        sessions,
        tmp_path,
        "2025-0007,2025.3.5,张水生、李阳春,水库堤防,装报警,夜里全靠人看,装一套报警,已答复,桃源县水利局,A(已解决或采纳),2025-04-30",
    )
    assert rosters.only(report).warnings == []
    (found,) = stored(sessions)
    assert (found.number, found.year, found.serial, found.submitted_on) == ("2025-0007", 2025, 7, date(2025, 3, 5))
    assert [(author.name, author.expert_id) for author in found.authors] == [("张水生", expert_id), ("李阳春", None)]
    assert found.field is not None and found.field.name == "水库堤防"
    assert found.lead_department is not None and found.lead_department.name == "县水利局"
    assert (found.status, found.result_class) == (SuggestionStatus.REPLIED, ResultClass.DONE)
    assert [(step.status, step.on) for step in found.steps] == [
        (SuggestionStatus.SUBMITTED, date(2025, 3, 5)),
        (SuggestionStatus.REPLIED, date(2025, 4, 30)),
    ]


def test_numbers_are_given_per_year_in_the_order_of_dates(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        factories.a_suggestion(session, "先有的一件", serial=4)
    imported(
        sessions,
        tmp_path,
        ",2026-06-01,甲一,,丙,情况,建议,,,,",
        ",2026-02-01,甲一,,乙,情况,建议,,,,",
        "2026-0009,2026-08-01,甲一,,丁,情况,建议,,,,",
        ",2025-12-31,甲一,,甲,情况,建议,,,,",
    )
    numbers = {suggestion.subject: suggestion.number for suggestion in stored(sessions)}
    assert numbers == {
        "先有的一件": "2026-0004",
        "丁": "2026-0009",
        "乙": "2026-0010",
        "丙": "2026-0011",
        "甲": "2025-0001",
    }
    with sessions() as session:
        assert numbering.next_serial(session, 2026) == 12 and numbering.next_serial(session, 2027) == 1


def test_a_number_of_another_suggestion_is_not_taken_over(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        factories.a_suggestion(session, "先有的一件", serial=4)
    line = "2026-0004,2026-06-01,甲一,,别的一件,情况,建议,,,,"
    row = rosters.only(imported(sessions, tmp_path, line))
    assert row.outcome is Outcome.NEW and "占用" in row.warnings[0]
    assert [(found.number, found.subject) for found in stored(sessions)] == [
        ("2026-0004", "先有的一件"),
        ("2026-0005", "别的一件"),
    ]
    assert rosters.only(imported(sessions, tmp_path, line)).outcome is Outcome.UNCHANGED


def test_a_number_that_does_not_fit_is_replaced_with_a_warning(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    row = rosters.only(imported(sessions, tmp_path, "甲字第3号,2026-06-01,甲一,,事由一,情况,建议,,,,"))
    assert "2026-0042" in row.warnings[0] and stored(sessions)[0].number == "2026-0001"


def test_importing_twice_changes_nothing_and_progress_updates(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    line = ",2026-06-01,甲一,水库堤防,装报警,夜里全靠人看,装一套,已交办,县水利局,,"
    imported(sessions, tmp_path, line)
    with sessions() as session:
        before = session.scalar(select(func.count()).select_from(OutboxEntry))
    assert rosters.only(imported(sessions, tmp_path, line)).outcome is Outcome.UNCHANGED
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(OutboxEntry)) == before
    answered = ",2026-06-01,甲一,,装报警,夜里全靠人看,装一套,已答复,,B,2026-07-01"
    row = rosters.only(imported(sessions, tmp_path, answered))
    assert row.details == ["状态：已交办 → 已答复", "办理结果：（空） → B", "答复日期：（空） → 2026-07-01"]
    (found,) = stored(sessions)
    assert [step.status for step in found.steps] == [SuggestionStatus.SUBMITTED, SuggestionStatus.REPLIED]
    assert found.lead_department is not None and found.field is not None


def test_an_author_who_became_an_expert_is_linked_by_the_next_import(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    line = ",2026-06-01,张水生,,装报警,情况,建议,,,,"
    imported(sessions, tmp_path, line)
    with sessions.begin() as session:
        expert_id = factories.an_expert(session, "张水生").id
    assert rosters.only(imported(sessions, tmp_path, line)).outcome is Outcome.CHANGED
    assert stored(sessions)[0].authors[0].expert_id == expert_id
    assert rosters.only(imported(sessions, tmp_path, line)).outcome is Outcome.UNCHANGED


def test_namesakes_are_not_linked_unless_the_unit_tells(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    with sessions.begin() as session:
        factories.an_expert(session, "张水生", former_unit="县水利局")
        teacher = factories.an_expert(session, "张水生", former_unit="县一中", birth_date=date(1955, 1, 1)).id
    report = imported(
        sessions,
        tmp_path,
        ",2026-06-01,张水生,,装报警,情况,建议,,,,",
        ",2026-06-02,张水生(桃源县一中),,修校门,情况,建议,,,,",
    )
    assert "2 位“张水生”" in report.rows[0].warnings[0] and report.rows[1].warnings == []
    assert [found.authors[0].expert_id for found in stored(sessions)] == [None, teacher]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (",2026-06,甲一,,事由一,情况,建议,,,,", "要写到日"),
        (",2027-06-01,甲一,,事由一,情况,建议,,,,", "在将来"),
        (",,甲一,,事由一,情况,建议,,,,", "没有写“提交日期”"),
        (",2026-06-01,,,事由一,情况,建议,,,,", "没有写“作者”"),
        (",2026-06-01,甲一,,,情况,建议,,,,", "没有写“事由”"),
        (",2026-06-01,甲一,,事由一,情况,建议,很好,,,", "状态"),
        (",2026-06-01,甲一,,事由一,情况,建议,已答复,,A,2026-05-01", "早于"),
        (f",2026-06-01,甲一,,{'字' * 61},情况,建议,,,,", "61 字"),
        (f",2026-06-01,甲一,,事由一,{'字' * 1201},建议,,,,", "1201 字"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    sessions: sessionmaker[Session], tmp_path: Path, line: str, reason: str
) -> None:
    row = rosters.only(imported(sessions, tmp_path, line))
    assert row.outcome is Outcome.REFUSED and reason in row.problems[0] and stored(sessions) == []


def test_the_same_suggestion_twice_in_a_file_is_stored_once(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    line = ",2026-06-01,甲一,,装报警,情况,建议,,,,"
    for outcome in (Outcome.NEW, Outcome.UNCHANGED):
        report = imported(sessions, tmp_path, line, line)
        assert [row.outcome for row in report.rows] == [outcome, Outcome.REFUSED]
        assert "第 2 行" in report.rows[1].problems[0]


def test_unknown_fields_departments_and_results_are_warnings(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    row = rosters.only(imported(sessions, tmp_path, ",2026-06-01,甲一,养蚕,装报警,情况,建议,已答复,县水务局,D,"))
    assert ["养蚕" in row.warnings[0], "县水利局" in row.warnings[1], "A、B、C" in row.warnings[2]] == [True] * 3
    assert "没有写答复日期" in row.warnings[3] and row.outcome is Outcome.NEW


def test_an_authors_number_goes_to_the_contacts_only(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = rosters.csv(
        tmp_path / "a.csv", "日期,姓名,电话,标题,建议内容\n2026-06-01,甲一,13812345678,装报警,请打13812345678联系\n"
    )
    row = rosters.only(rosters.run(sessions, path, "suggestions"))
    assert "138" not in row.line + "".join(row.details)
    (found,) = stored(sessions)
    assert found.proposal == "请打联系"
    with sessions() as session:
        assert contacts.of(session, contacts.SUGGESTION, found.id) == ["13812345678"]


def test_the_demo_suggestions_import_without_a_warning(sessions: sessionmaker[Session]) -> None:
    for kind in ("departments", "experts"):
        rosters.run(sessions, DEMO / f"{kind}.csv", kind)
    report = rosters.run(sessions, DEMO / "suggestions.csv", "suggestions")
    assert len(report.rows) >= 400
    assert [row.line for row in report.rows if row.warnings or row.outcome is not Outcome.NEW] == []
    assert {row.outcome for row in rosters.run(sessions, DEMO / "suggestions.csv", "suggestions").rows} == {
        Outcome.UNCHANGED
    }


@pytest.mark.parametrize(
    "subject",
    ["审批窗口中午没人值班", "打印店收费太乱", "负责人电话打不通", "审核低保太慢", "填表太多影响工作", "合计用水量算错了",
     "以上访代替办事不行", "说明：路灯不亮", "经办人老是换", "本表格填报太多"],
)  # fmt: skip
def test_a_subject_that_begins_like_the_foot_of_a_form_is_a_suggestion(
    sessions: sessionmaker[Session], tmp_path: Path, subject: str
) -> None:
    imported(sessions, tmp_path, f",2025.3.5,张水生,水库堤防,{subject},夜里全靠人看,装一套报警,,,,")
    assert [found.subject for found in stored(sessions)] == [subject]


def test_no_contact_of_an_author_who_took_the_consent_back_is_stored(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        author = factories.an_expert(session, "张水生")
        session.add(
            Consent(
                expert_id=author.id, purpose=ConsentPurpose.CONTACT, form=ConsentForm.ORAL, recorded_by="周",
                granted_on=date(2026, 1, 1), withdrawn_on=date(2026, 2, 1), created_at=factories.NOW,
            )
        )  # fmt: skip
    path = rosters.csv(
        tmp_path / "建议.csv",
        "提交日期,作者,事由,建议,联系电话\n2025-03-05,张水生,装报警,装一套报警,13812345678\n"
        "2025-03-06,李阳春,修路灯,装十盏路灯,13812345679\n",
    )
    withdrawn, other = rosters.run(sessions, path, "suggestions").rows
    assert (withdrawn.outcome, other.outcome, other.warnings) == (Outcome.NEW, Outcome.NEW, [])
    assert any("撤回了保存联系方式的同意" in one for one in withdrawn.warnings)
    by_subject = {one.subject: one.id for one in stored(sessions)}
    with sessions() as session:
        assert contacts.of(session, contacts.SUGGESTION, by_subject["装报警"]) == []
        assert contacts.of(session, contacts.SUGGESTION, by_subject["修路灯"]) == ["13812345679"]
