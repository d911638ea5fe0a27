"""Rosters of experts, dirty as they come, to profiles."""

from __future__ import annotations

import csv
import itertools
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session, sessionmaker

import zhiku.demo
from tests import factories
from tests.unit import rosters
from zhiku.domain.accounts import Account, EntryCode, LiaisonAssignment
from zhiku.domain.consents import Consent, ConsentForm, ConsentPurpose
from zhiku.domain.experts import Availability, DatePrecision, Expert, ExpertStatus, Sex
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.schema import metadata
from zhiku.services import contacts
from zhiku.services.importing import Outcome, Report, UnusableFile
from zhiku.services.importing.expert_rows import LABELS

HEADER = ["姓名", "性别", "出生日期", "乡镇", "原单位", "原职务", "领域", "专长", "简介"]
ROW = ["张水生", "男", "1950.03", "漆河镇", "县水利局", "副局长", "水库堤防", "修水库", "管过黄石水库的加固。"]


@pytest.fixture(autouse=True)
def _reference(sessions: sessionmaker[Session]) -> None:
    rosters.prepare(sessions)


def everyone(sessions: sessionmaker[Session]) -> list[Expert]:
    with sessions() as session:
        people = list(session.scalars(select(Expert).order_by(Expert.id)))
        for person in people:
            _ = person.fields, person.career, person.honours, person.division
        return people


def outbox(sessions: sessionmaker[Session]) -> int:
    with sessions() as session:
        return session.scalar(select(func.count()).select_from(OutboxEntry)) or 0


def imported(sessions: sessionmaker[Session], tmp_path: Path, *rows: list[Any], **more: Any) -> Report:
    return rosters.run(sessions, rosters.xlsx(tmp_path / "名册.xlsx", [HEADER, *rows]), **more)


def with_values(**values: Any) -> list[Any]:
    return [values.get(heading, value) for heading, value in zip(HEADER, ROW, strict=True)]


def test_a_roster_with_everything_clerks_do_to_it_is_understood(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    path = rosters.xlsx(
        tmp_path / "名册.xlsx",
        [
            ["桃源县老年人才智库专家登记表"],
            [],
            ["填报单位：县委老干部局", None, None, None, "填报时间：2026年11月"],
            ["序号", "姓 名", "性别", "出生年月", "现居住地", "原工作单位", "职務", "技术职称", "专业领域", "特长", "工作简历", "获奖情况",
             "主要事迹", "服务意愿", "通讯方式", None, "身份证号", "血型"],
            [None] * 14 + ["手机", "住址"],
            ["一、水利类"],
            [1, "张 水 生", "男", 1950.03, "漆河镇", "桃源縣水利局", "副局長", "高级工程师", "水库堤防", "修水库 堵管涌",
             "1968.03-1980.05 县水利局 技术员\n1980.06-2010.03 县水利局 副局长", "1998年省劳模",
             "發(fā)揮餘熱，管过１２座水库。", "技术指导、咨询", 13812345678, "漆河镇某村3组", "430725195003141234", "A"],
            [2, "李阳春", "女", "1952年7月", None, None, "站长", "农艺师", "茶叶", "炒茶", None, None, None, "讲课"],
            ["序号", "姓名", "性别", "出生年月", "现居住地", "原工作单位", "职务", "技术职称", "专业领域", "特长", "工作简历", "获奖情况",
             "主要事迹", "服务意愿"],
            [3],
            [],
            ["合计", "2人"],
            ["填表人：王五", None, None, None, "联系电话：13900001111"],
        ],
        ["A1:R1", "O4:P4", "A4:A5", "B4:B5", "E7:E8", "F7:F8", "A6:R6"],
    )  # fmt: skip
    report = rosters.run(sessions, path)
    assert [(row.row, row.who, row.outcome) for row in report.rows] == [
        (7, "张水生", Outcome.NEW),
        (8, "李阳春", Outcome.NEW),
    ]
    first, second = everyone(sessions)
    assert (first.name, first.sex, first.birth_date, first.birth_precision) == (
        "张水生",
        Sex.MALE,
        date(1950, 3, 1),
        DatePrecision.MONTH,
    )
    assert (first.division.name, first.former_unit, first.last_post) == ("漆河镇", "桃源县水利局", "副局长")
    assert [field.name for field in first.fields] == ["水库堤防"] and first.keywords == ["修水库", "堵管涌"]
    assert [(entry.began, entry.ended) for entry in first.career] == [("1968.03", "1980.05"), ("1980.06", "2010.03")]
    assert [(honour.year, honour.title) for honour in first.honours] == [(1998, "省劳模")]
    assert first.summary == "发挥余热，管过12座水库。" and first.ways_of_helping == ["on_site", "advice"]
    assert first.status is ExpertStatus.UNDER_REVIEW
    # The merged cells of the first row are the second's too.
    assert (second.division.name, second.former_unit) == ("漆河镇", "桃源县水利局")
    notes = "\n".join(report.notes)
    assert "“血型”" in notes and "“身份证号”" in notes and "第 6、12、13 行" in notes
    with sessions() as session:
        assert contacts.of(session, contacts.EXPERT, first.id) == ["13812345678", "住址：漆河镇某村3组"]
        assert contacts.of(session, contacts.EXPERT, second.id) == []


def test_a_dry_run_stores_nothing_and_says_the_same(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    before = outbox(sessions)
    dry = imported(sessions, tmp_path, ROW, apply=False)
    assert everyone(sessions) == [] and outbox(sessions) == before and "试运行" in dry.sentence
    wet = imported(sessions, tmp_path, ROW)
    assert [(row.outcome, row.details) for row in dry.rows] == [(row.outcome, row.details) for row in wet.rows]


def test_importing_twice_changes_nothing(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    rows = [
        ROW,
        with_values(姓名="李阳春", 出生日期="1952", 领域="没有的领域、茶叶", 专长="", 乡镇=""),
        with_values(姓名="王德明", 出生日期="", 原单位=""),
        with_values(姓名="王德明", 出生日期="1948.02", 原单位="县农业局"),
        with_values(姓名="王德明", 出生日期="1949.02", 原单位="县农业局"),
        with_values(简介="", 专长="堵管涌"),
    ]
    imported(sessions, tmp_path, *rows)
    before, people = outbox(sessions), [(person.id, person.version) for person in everyone(sessions)]
    again = imported(sessions, tmp_path, *rows)
    assert {row.outcome for row in again.rows} == {Outcome.UNCHANGED}
    assert outbox(sessions) == before
    assert [(person.id, person.version) for person in everyone(sessions)] == people


def test_empty_cells_never_erase_and_changes_show_old_and_new(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    imported(sessions, tmp_path, ROW)
    report = imported(sessions, tmp_path, ["张水生", "", "1950.03", "", "桃源县水利局", "局长", "", "堵管涌", ""])
    row = rosters.only(report)
    assert row.outcome is Outcome.CHANGED
    assert row.details == ["原职务：副局长 → 局长", "专长：修水库 → 堵管涌"]
    (person,) = everyone(sessions)
    assert person.last_post == "局长" and person.summary == ROW[-1] and person.former_unit == "县水利局"
    assert [field.name for field in person.fields] == ["水库堤防"]


def test_a_finer_birth_date_refines_and_a_coarser_one_does_not_blur(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    imported(sessions, tmp_path, ROW)
    assert rosters.only(imported(sessions, tmp_path, with_values(出生日期="1950-03-14"))).outcome is Outcome.CHANGED
    assert rosters.only(imported(sessions, tmp_path, with_values(出生日期="1950"))).outcome is Outcome.UNCHANGED
    (person,) = everyone(sessions)
    assert (person.birth_date, person.birth_precision) == (date(1950, 3, 14), DatePrecision.DAY)


def test_perhaps_the_same_person_is_stored_as_new_with_a_warning(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    imported(sessions, tmp_path, ROW)
    row = rosters.only(imported(sessions, tmp_path, with_values(出生日期="1951.03")))
    assert row.outcome is Outcome.NEW and "可能与已有档案“张水生（1950-03，县水利局）”是同一人" in row.warnings[0]
    assert len(everyone(sessions)) == 2


def test_namesakes_with_nothing_in_common_are_two_people(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    imported(sessions, tmp_path, ROW)
    row = rosters.only(imported(sessions, tmp_path, with_values(出生日期="1961.11", 原单位="县一中")))
    assert row.outcome is Outcome.NEW and row.warnings == []


def test_a_repeated_person_is_merged_when_the_rows_agree_and_refused_when_not(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    report = imported(
        sessions,
        tmp_path,
        ROW,
        with_values(专长="堵管涌", 简介=""),
        with_values(原职务="局长"),
        with_values(姓名="李阳春"),
    )
    assert [row.outcome for row in report.rows] == [Outcome.NEW, Outcome.MERGED, Outcome.REFUSED, Outcome.NEW]
    assert "第 2 行" in report.rows[1].details[0] and "“原职务”不一致" in report.rows[2].problems[0]
    assert everyone(sessions)[0].keywords == ["修水库", "堵管涌"]


def test_refused_rows_are_not_stored_and_the_others_are(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    report = imported(
        sessions,
        tmp_path,
        with_values(姓名="", 简介="没有名字的人"),
        with_values(姓名="李阳春", 出生日期="2011.01"),
        with_values(姓名="王德明", 乡镇="七河镇"),
        with_values(姓名="赵国清", 简介="字" * 9000),
        ROW,
    )
    assert [row.outcome for row in report.rows] == [Outcome.REFUSED] * 4 + [Outcome.NEW]
    problems = [row.problems[0] for row in report.rows[:4]]
    assert (
        problems[0] == "没有姓名" and "不合理" in problems[1] and "漆河镇" in problems[2] and "9000 字" in problems[3]
    )
    assert [person.name for person in everyone(sessions)] == ["张水生"] and "4 行有误没有写入" in report.sentence


def test_a_failure_in_the_middle_stores_nothing(
    sessions: sessionmaker[Session], database: Engine, tmp_path: Path
) -> None:
    with database.connect().execution_options(is_writing=True) as connection, connection.begin():
        connection.execute(
            text(
                "CREATE TRIGGER fail BEFORE INSERT ON experts WHEN NEW.name = '赵国清' "
                "BEGIN SELECT RAISE(ABORT, 'disk'); END"
            )
        )
    rows = [with_values(姓名=f"张{chr(0x4E00 + number)}") for number in range(700)]
    with pytest.raises(Exception, match="disk"):
        imported(sessions, tmp_path, *rows, with_values(姓名="赵国清"))
    assert everyone(sessions) == []


def test_an_unlisted_field_becomes_a_keyword_with_a_warning(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    row = rosters.only(imported(sessions, tmp_path, with_values(领域="水库堤防、养蚕缫丝")))
    assert "养蚕缫丝" in row.warnings[0]
    assert everyone(sessions)[0].keywords == ["修水库", "养蚕缫丝"]


def test_no_township_means_the_county_with_a_warning(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    row = rosters.only(imported(sessions, tmp_path, with_values(乡镇="")))
    assert "桃源县" in row.warnings[0] and everyone(sessions)[0].division_code == factories.COUNTY


def test_a_status_in_the_row_beats_the_option(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,性别,状态\n张水生,男,已发布\n李阳春,女,\n王德明(已故),男,\n")
    rosters.run(sessions, path, status=ExpertStatus.DRAFT)
    assert [person.status for person in everyone(sessions)] == [
        ExpertStatus.PUBLISHED,
        ExpertStatus.DRAFT,
        ExpertStatus.DECEASED,
    ]


def test_nobody_comes_in_as_a_person_of_whose_death_a_roster_tells(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        expert = factories.an_expert(session, "张水生", status=ExpertStatus.PUBLISHED)
        factories.everything_about_access(session, expert, factories.a_department(session))
    rosters.run(sessions, rosters.csv(tmp_path / "a.csv", "姓名,出生日期,原单位,状态\n张水生,1950-03,县水利局,已故\n"))
    with sessions() as session:
        account = session.scalars(select(Account).where(Account.expert_id.is_not(None))).one()
        assert not account.is_active
        assert session.scalars(select(LiaisonAssignment)).one().ended_at is not None
        assert session.scalars(select(EntryCode)).one().spent_at is not None


def test_the_deceased_stay_deceased_and_other_steps_follow_the_rules(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        factories.an_expert(session, "张水生", status=ExpertStatus.DECEASED)
        factories.an_expert(session, "李阳春", status=ExpertStatus.PUBLISHED)
        factories.an_expert(session, "王德明", status=ExpertStatus.UNDER_REVIEW)
    lines = "".join(
        f"{name},1950-03,县水利局,{status}\n"
        for name, status in [("张水生", "已发布"), ("李阳春", "草稿"), ("王德明", "已发布")]
    )
    report = rosters.run(sessions, rosters.csv(tmp_path / "a.csv", f"姓名,出生日期,原单位,状态\n{lines}"))
    assert [person.status for person in everyone(sessions)] == [
        ExpertStatus.DECEASED,
        ExpertStatus.PUBLISHED,
        ExpertStatus.PUBLISHED,
    ]
    assert "已故" in report.rows[0].warnings[0] and "不能从" in report.rows[1].warnings[0]
    assert [row.outcome for row in report.rows] == [Outcome.UNCHANGED, Outcome.UNCHANGED, Outcome.CHANGED]


def test_what_cannot_be_understood_in_a_label_is_a_warning(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,性别,联系状态,服务方式,状态\n张水生,不详情,看情况,送温暖、授课,很好\n")
    row = rosters.only(rosters.run(sessions, path))
    assert len([warning for warning in row.warnings if "没有记下" in warning]) == 4
    (person,) = everyone(sessions)
    assert (
        person.sex is None and person.availability is Availability.AVAILABLE and person.ways_of_helping == ["teaching"]
    )


def test_private_numbers_reach_neither_profile_nor_report(
    sessions: sessionmaker[Session], database: Engine, tmp_path: Path
) -> None:
    phone, identity, landline = "13812345678", "430725195003141234", "0736-6622123"
    path = rosters.xlsx(
        tmp_path / "a.xlsx",
        [
            ["姓名", "性别", "出生日期", "联系电话", "家庭住址", "身份证号码", "简介", "卡号备注"],
            [
                "张水生",
                "男",
                "1950.03",
                phone,
                f"漆河镇，{landline}",
                identity,
                f"会修水库，电话{phone}，证号{identity}",
                identity,
            ],
            ["李阳春", phone, identity, "", "", "", "", ""],
            [f"王德明{phone}", "男", "", "", "", "", "", ""],
        ],
    )
    for report in (rosters.run(sessions, path, apply=False), rosters.run(sessions, path), rosters.run(sessions, path)):
        report.write(tmp_path / "报告.xlsx")
        report.write(tmp_path / "报告.csv")
        cells = [str(cell.value) for sheet in load_workbook(tmp_path / "报告.xlsx") for row in sheet for cell in row]
        shown = "\n".join([*cells, (tmp_path / "报告.csv").read_text("utf-8-sig"), *(row.line for row in report.rows)])
        for number in (phone, identity, landline, "6622123"):
            assert number not in shown
    with database.connect() as connection:
        for table in metadata.sorted_tables:
            stored = str(connection.execute(select(table)).all())
            assert identity not in stored and phone not in stored, table.name
    with sessions() as session:
        # Where it belongs it is sealed, and its row opens it.
        assert phone in contacts.of(session, contacts.EXPERT, 1)
    assert [person.name for person in everyone(sessions)] == ["张水生", "王德明"]


def test_contacts_come_once_and_only_the_fact_is_reported(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    def run(phone: str) -> Report:
        return rosters.run(
            sessions, rosters.csv(tmp_path / "a.csv", f"姓名,出生年月,手机号码\n张水生,1950-03,{phone}\n")
        )

    assert rosters.only(run("13812345678")).outcome is Outcome.NEW
    assert rosters.only(run("138 1234 5678")).outcome is Outcome.UNCHANGED
    assert rosters.only(run("13900001111")).details == ["联系方式已更新"]
    with sessions() as session:
        assert contacts.of(session, contacts.EXPERT, 1) == ["13812345678", "13900001111"]


def test_every_sheet_with_a_header_is_read_and_the_others_are_named(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    workbook = Workbook()
    for title, rows in {
        "漆河": [["姓名", "乡镇"], ["张水生", "漆河"]],
        "填表说明": [["请认真填写"]],
        "陬市": [["名字", "街道"], ["李阳春", "陬市"]],
    }.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    workbook.remove(workbook.worksheets[0])
    workbook.save(tmp_path / "a.xlsx")
    report = rosters.run(sessions, tmp_path / "a.xlsx")
    assert [(row.sheet, row.who) for row in report.rows] == [("漆河", "张水生"), ("陬市", "李阳春")]
    assert any("填表说明" in note for note in report.notes)


def test_a_column_of_unit_and_post_is_parted_with_a_warning(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,原工作单位及职务\n张水生,桃源县水利局副局长\n")
    assert "请核对" in rosters.only(rosters.run(sessions, path)).warnings[0]
    (person,) = everyone(sessions)
    assert (person.former_unit, person.last_post) == ("桃源县水利局", "副局长")


def test_repeated_columns_are_named_and_free_words_of_several_columns_join(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,性别,专长,特长,职务,原职务\n张水生,男,修水库,唱戏,副局长,局长\n")
    report = rosters.run(sessions, path)
    assert any("“原职务”" in note and "重复" in note for note in report.notes)
    (person,) = everyone(sessions)
    assert person.keywords == ["修水库", "唱戏"] and person.last_post == "副局长"


def test_an_address_gives_the_township_and_stays_in_the_contacts(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,性别,家庭住址\n张水生,男,桃源县漆河镇某村3组12号\n")
    rosters.run(sessions, path)
    assert everyone(sessions)[0].division_code == factories.QIHE


_CELLS = st.one_of(
    st.text(max_size=30), st.sampled_from(["", "张三", "1952.03", "漆河", "已发布", "；；", "1998-", "-"])
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(_CELLS, min_size=16, max_size=16), min_size=1, max_size=4))
def test_any_cells_are_imported_or_refused_and_the_second_time_change_nothing(
    sessions: sessionmaker[Session], tmp_path: Path, rows: list[list[str]]
) -> None:
    with (tmp_path / "a.csv").open("w", encoding="utf-8", errors="ignore", newline="") as stream:
        csv.writer(stream).writerows([list(LABELS.values()), *rows])
    try:
        rosters.run(sessions, tmp_path / "a.csv")
    except UnusableFile:
        return
    again = rosters.run(sessions, tmp_path / "a.csv")
    assert {row.outcome for row in again.rows} <= {Outcome.UNCHANGED, Outcome.REFUSED}


def test_the_report_is_safe_to_open(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = rosters.csv(tmp_path / "a.csv", "姓名,性别,简介\n=cmd|calc,男,=1+1\n张水生,男,=1+1\n")
    report = rosters.run(sessions, path)
    report.write(tmp_path / "报告.xlsx")
    report.write(tmp_path / "报告.csv")
    cells = [cell for sheet in load_workbook(tmp_path / "报告.xlsx") for row in sheet for cell in row]
    assert any(str(cell.value).startswith("=cmd") for cell in cells)
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert ",'=cmd" in (tmp_path / "报告.csv").read_text("utf-8-sig")


def test_the_demo_roster_imports_without_a_warning(sessions: sessionmaker[Session], demo: Path) -> None:
    report = rosters.run(sessions, demo / "experts.csv")
    assert len(report.rows) >= 240 and report.notes == []
    assert [row.line for row in report.rows if row.warnings or row.outcome is not Outcome.NEW] == []


@pytest.fixture
def demo() -> Path:
    return Path(zhiku.demo.__file__).parent


@pytest.mark.slow
def test_ten_thousand_rows_take_less_than_a_minute(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    career = "1968.03-1980.05 县水利局 技术员；1980.06-1995.03 县水利局 股长；1995.04-2010.03 县水利局 副局长"
    characters = "国志强建华明春兰桂英秀梅德光荣生福海清云松柏"
    names = ["".join(name) for name in itertools.product(characters, repeat=3)][:10_000]
    rows = [[name, "男", "1950.03", "漆河镇", "县水利局", "副局长", "水库堤防、灌溉排水", "修水库、堵管涌", "加固。" * 60, career, 13800000000 + i]
            for i, name in enumerate(names)]  # fmt: skip
    path = rosters.xlsx(tmp_path / "a.xlsx", [[*HEADER, "履历", "电话"], *rows])
    seen: list[tuple[int, int]] = []
    # Time of this process, not of the clock: the tests may share their machine.
    began = time.process_time()
    report = rosters.run(sessions, path, progress=lambda done, total: seen.append((done, total)))
    assert time.process_time() - began < 60
    assert report.counts[Outcome.NEW] == 10_000 and seen[-1] == (20_000, 20_000)
    assert seen == sorted(seen)


def test_two_people_of_one_name_in_two_townships_are_two(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    """Where the roster knows neither a birth nor a unit, a name alone must not overwrite somebody else's profile."""
    one = ["李军", "男", "", "漆河镇", "", "", "", "种柑橘", "漆河的李军，种柑橘。"]
    other = ["李军", "男", "", "陬市镇", "", "", "", "看病", "陬市的李军，开诊所。"]
    imported(sessions, tmp_path, one)
    report = imported(sessions, tmp_path, other)
    assert {person.division.name for person in everyone(sessions)} == {"漆河镇", "陬市镇"}
    assert rosters.only(report).warnings != []
    again = imported(sessions, tmp_path, one)
    assert rosters.only(again).outcome is Outcome.UNCHANGED and len(everyone(sessions)) == 2


TAKEN_BACK_ON = date(2026, 2, 1)


def taken_back(expert_id: int, purpose: ConsentPurpose, withdrawn_on: date | None = TAKEN_BACK_ON) -> Consent:
    return Consent(
        expert_id=expert_id, purpose=purpose, form=ConsentForm.PAPER, recorded_by="周", granted_on=date(2026, 1, 1),
        withdrawn_on=withdrawn_on, created_at=factories.NOW,
    )  # fmt: skip


def test_what_somebody_took_back_is_not_brought_back_by_a_roster(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions.begin() as session:
        gone = factories.an_expert(session, "张水生", status=ExpertStatus.UNDER_REVIEW)
        session.add_all(taken_back(gone.id, purpose) for purpose in (ConsentPurpose.CONTACT, ConsentPurpose.PROFILE))
        # Given again since: that one holds.
        back = factories.an_expert(session, "李水生", status=ExpertStatus.UNDER_REVIEW)
        session.add_all(taken_back(back.id, ConsentPurpose.CONTACT, day) for day in (TAKEN_BACK_ON, None))
        gone_id, back_id = gone.id, back.id
    path = rosters.csv(
        tmp_path / "a.csv",
        "姓名,出生年月,原单位,职称,状态,手机号码\n"
        "张水生,1950-03,县水利局,正高级工程师,已发布,13812345678\n"
        "李水生,1950-03,县水利局,正高级工程师,已发布,13812345679\n",
    )
    gone_row, back_row = rosters.run(sessions, path).rows
    assert gone_row.outcome is back_row.outcome is Outcome.CHANGED and back_row.warnings == []
    assert any("撤回了保存联系方式的同意" in one for one in gone_row.warnings)
    assert any("撤回了在智库建立档案的同意" in one for one in gone_row.warnings)
    assert "联系方式已更新" not in gone_row.details and "1381234" not in gone_row.line
    with sessions() as session:
        stored_gone, stored_back = session.get_one(Expert, gone_id), session.get_one(Expert, back_id)
        assert stored_gone.professional_title == stored_back.professional_title == "正高级工程师"
        assert (stored_gone.status, stored_back.status) == (ExpertStatus.UNDER_REVIEW, ExpertStatus.PUBLISHED)
        assert contacts.of(session, contacts.EXPERT, gone_id) == []
        assert contacts.of(session, contacts.EXPERT, back_id) == ["13812345679"]
