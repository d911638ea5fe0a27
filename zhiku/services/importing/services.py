"""Rows about service records: which expert helped whom, when and with what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import WayOfHelping
from zhiku.services.importing.dates import DateRefused, read_day
from zhiku.services.importing.headings import vocabulary
from zhiku.services.importing.importer import FLUSH_EVERY, Context
from zhiku.services.importing.people import ExpertNames, KnownExpert, names_in, read_names
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import Outcome, RowReport, changed, understood
from zhiku.services.importing.rows import Row, columns_of
from zhiku.services.importing.townships import Place, PlaceUnknown, Townships
from zhiku.services.importing.units import DepartmentNames, UnitNames
from zhiku.services.importing.values import labelled, labels, line_of

LABELS = {
    "day": "日期",
    "expert": "专家",
    "way": "方式",
    "requested_by": "请求单位",
    "township": "乡镇",
    "subject": "事项",
    "account": "经过",
}

_SYNONYMS = {
    "day": "服务日期 时间 服务时间 活动日期 活动时间 开展日期",
    "expert": "专家姓名 姓名 服务专家 参加专家 老同志 服务人员",
    "way": "服务方式 服务形式 形式 服务类型 类型",
    "requested_by": "邀请单位 需求单位 服务单位 服务对象 申请单位 委托单位 受援单位",
    "township": "街道 所在乡镇 乡镇街道 乡镇/街道 服务乡镇 地点 服务地点",
    "subject": "服务事项 主题 服务主题 题目 服务内容 事由 项目",
    "account": "服务经过 情况 服务情况 成效 服务成效 过程 详细情况 经过及成效 效果",
}

WORDS = vocabulary(LABELS, _SYNONYMS, ("day", "expert", "subject"), frozenset({"account"}))

#: Widths of the columns of `service_records`.
_MAX_REQUESTED_BY = 120
_MAX_SUBJECT = 200
_MAX_ACCOUNT = 4_000


@dataclass(slots=True)
class _Plan:
    report: RowReport
    expert_id: int
    day: date
    subject: str
    #: Attribute -> value; of an existing record those that change.
    values: dict[str, object] = field(default_factory=dict)
    existing: ServiceRecord | None = None


class ServiceImporter:
    """Imports service records; see `importer.Importer`."""

    words = WORDS
    anchors = ("subject", "expert")

    def __init__(self) -> None:
        self._plans: list[_Plan] = []

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """See `Importer.plan`."""
        townships = Townships.load(session, context.division)
        units = UnitNames(townships.ancestors)
        departments = DepartmentNames.load(session, townships.county.code, units)
        experts = ExpertNames.load(session, names_in(columns_of(rows, "expert")), units)
        stored = {
            (record.expert_id, record.served_on, record.subject): record
            for record in session.scalars(
                select(ServiceRecord)
                .options(joinedload(ServiceRecord.division), joinedload(ServiceRecord.department))
                .order_by(ServiceRecord.id.desc())
            )
        }
        seen: dict[tuple[int, date, str], Row] = {}
        for row in rows:
            report = RowReport(row.sheet, row.number, "", Outcome.NEW, [], row.warnings, row.problems)
            subject = row.line("subject", "事项", _MAX_SUBJECT)
            if not subject:
                row.refuse("没有写“事项”")
            day = _day(row, context)
            expert = _expert(row, experts)
            report.who = f"{expert.name if expert else quoted(line_of(row.cell('expert')))} {quoted(subject)}".strip()
            place = _place(row, townships)
            way = _way(row)
            requested_by = row.line("requested_by", "请求单位", _MAX_REQUESTED_BY)
            account = row.prose("account", "经过", _MAX_ACCOUNT)
            if expert and day and (expert.id, day, subject) in seen:
                row.refuse(f"与{seen[expert.id, day, subject].place}的日期、专家、事项都相同，请核对后只留一行")
            if row.problems or expert is None or day is None:
                report.outcome = Outcome.REFUSED
                yield report
                continue
            seen[expert.id, day, subject] = row
            department = departments.find(requested_by)
            values: dict[str, tuple[object, str, str]] = {
                "way": (way, "方式", way.label if way else ""),
                "requested_by": (requested_by, "请求单位", requested_by),
                "department_id": (department.id if department else None, "", ""),
                "division_code": (place.code if place else None, "乡镇", place.name if place else ""),
                "account": (account, "经过", account),
            }
            plan = _Plan(report, expert.id, day, subject, existing=stored.get((expert.id, day, subject)))
            if plan.existing is None:
                plan.values = {name: value for name, (value, _, _) in values.items()}
                report.details = [
                    understood("日期", day.isoformat()),
                    *(understood(label, text) for _, label, text in values.values() if text),
                ]
            else:
                _plan_changes(plan, plan.existing, values)
            self._plans.append(plan)
            yield report

    def store(self, session: Session, context: Context) -> Iterator[int]:
        """See `Importer.store`."""
        for start in range(0, len(self._plans), FLUSH_EVERY):
            batch = self._plans[start : start + FLUSH_EVERY]
            for plan in batch:
                if plan.existing is None:
                    session.add(
                        ServiceRecord(
                            expert_id=plan.expert_id,
                            served_on=plan.day,
                            subject=plan.subject,
                            created_at=context.now,
                            **plan.values,
                        )
                    )
                for name, value in plan.values.items() if plan.existing else ():
                    setattr(plan.existing, name, value)
            session.flush()
            yield len(batch)


def as_cells(record: ServiceRecord, expert: str) -> dict[str, str]:
    """A record as the cells of a row that imports to the same: key of `LABELS` -> text."""
    return {
        "day": record.served_on.isoformat(),
        "expert": expert,
        "way": record.way.label,
        "requested_by": record.requested_by,
        "township": record.division.name if record.division else "",
        "subject": record.subject,
        "account": record.account,
    }


def _day(row: Row, context: Context) -> date | None:
    try:
        day = read_day(row.cell("day"), context.today, what="日期", is_typed=row.is_typed)
    except DateRefused as error:
        row.refuse(str(error))
        return None
    if day is None:
        row.refuse("没有写“日期”")
    return day


def _expert(row: Row, experts: ExpertNames) -> KnownExpert | None:
    text = row.line("expert", "专家", 200)
    named = read_names(text)
    if len(named) != 1:
        row.refuse(f"专家“{quoted(text)}”看不懂，每行请写一位专家的姓名" if text else "没有写“专家”")
        return None
    found = experts.find(named[0])
    if len(found) == 1:
        return found[0]
    if found:
        row.refuse(f"专家库里有 {len(found)} 位“{named[0].name}”，请写成“{named[0].name}（原单位）”")
    else:
        row.refuse(f"专家库里没有“{named[0].name}”，请先导入这位专家")
    return None


def _place(row: Row, townships: Townships) -> Place | None:
    text = line_of(row.cell("township"))
    if not text:
        return None
    try:
        return townships.find(text)
    except PlaceUnknown as error:
        row.refuse(str(error))
        return None


def _way(row: Row) -> WayOfHelping | None:
    text = line_of(row.cell("way"))
    way = labelled(WayOfHelping, text) if text else None
    if way is None:
        written = f"方式“{quoted(text)}”看不懂" if text else "没有写“方式”"
        row.refuse(f"{written}，可填：{labels(WayOfHelping)}")
    return way


def _plan_changes(plan: _Plan, record: ServiceRecord, values: dict[str, tuple[object, str, str]]) -> None:
    """Compare row and record. An empty cell never erases; what is equal is not set."""
    old = as_cells(record, "")
    before = {"way": old["way"], "requested_by": old["requested_by"], "division_code": old["township"]}
    before["account"] = old["account"]
    for name, (value, label, text) in values.items():
        if value and getattr(record, name) != value:
            plan.values[name] = value
            plan.report.details.append(changed(label, before[name], text) if label else "请求单位已关联部门")
    plan.report.outcome = Outcome.CHANGED if plan.values else Outcome.UNCHANGED
