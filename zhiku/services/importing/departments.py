"""Rows about departments: name, short name, duties."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from zhiku.domain.departments import Department
from zhiku.services.importing.headings import vocabulary
from zhiku.services.importing.importer import Context
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import Outcome, RowReport, changed, understood
from zhiku.services.importing.rows import Row
from zhiku.services.importing.townships import Townships
from zhiku.services.importing.units import DepartmentNames, UnitNames
from zhiku.services.importing.values import line_of, without_inner_space

LABELS = {"name": "名称", "short_name": "简称", "duties": "职责"}

_SYNONYMS = {
    "name": "部门 部门名称 单位 单位名称 部门全称 全称",
    "short_name": "部门简称 单位简称",
    "duties": "主要职责 工作职责 职能 主要职能 部门职责 职责说明 职责范围",
}

WORDS = vocabulary(LABELS, _SYNONYMS, ("name",), frozenset({"duties"}))

#: Widths of the columns of `departments`.
_MAX_NAME = 60
_MAX_SHORT_NAME = 30
_MAX_DUTIES = 8_000


@dataclass(slots=True)
class _Plan:
    report: RowReport
    name: str
    existing: Department | None
    values: dict[str, str] = field(default_factory=dict)


class DepartmentImporter:
    """Imports departments; see `importer.Importer`."""

    words = WORDS
    anchors = ("name",)

    def __init__(self) -> None:
        self._plans: list[_Plan] = []
        self._division = ""

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """See `Importer.plan`."""
        townships = Townships.load(session, context.division)
        self._division = townships.county.code
        units = UnitNames(townships.ancestors)
        stored = DepartmentNames.load(session, self._division, units)
        seen: dict[str, Row] = {}
        for row in rows:
            name = without_inner_space(row.line("name", "名称", _MAX_NAME))
            values = {
                "short_name": without_inner_space(row.line("short_name", "简称", _MAX_SHORT_NAME)),
                "duties": row.prose("duties", "职责", _MAX_DUTIES),
            }
            who = quoted(name or line_of(row.cell("name")))
            report = RowReport(row.sheet, row.number, who, Outcome.NEW, [], row.warnings, row.problems)
            key = units.key(name)
            if not name:
                row.refuse("没有写“名称”")
            elif key in seen:
                row.refuse(f"与{seen[key].place}是同一个部门，请核对后只留一行")
            if row.problems:
                report.outcome = Outcome.REFUSED
                yield report
                continue
            seen[key] = row
            plan = _Plan(report, name, stored.find(name))
            self._plans.append(plan)
            if plan.existing is None:
                plan.values = values
                report.details = [understood(_label(attribute), text) for attribute, text in values.items() if text]
            else:
                for attribute, text in values.items():
                    before = getattr(plan.existing, attribute)
                    # Compare before setting: a set attribute would make an outbox entry. An empty cell never erases.
                    if text and text != before:
                        plan.values[attribute] = text
                        report.details.append(changed(_label(attribute), before, text))
                report.outcome = Outcome.CHANGED if plan.values else Outcome.UNCHANGED
            yield report

    def store(self, session: Session, context: Context) -> Iterator[int]:
        """See `Importer.store`."""
        for plan in self._plans:
            if plan.existing is None:
                session.add(Department(division_code=self._division, name=plan.name, **plan.values))
            for attribute, text in plan.values.items() if plan.existing else ():
                setattr(plan.existing, attribute, text)
        session.flush()
        yield len(self._plans)


def as_cells(department: Department) -> dict[str, str]:
    """A department as the cells of a row that imports to the same: key of `LABELS` -> text."""
    return {"name": department.name, "short_name": department.short_name, "duties": department.duties}


def _label(attribute: str) -> str:
    return LABELS[attribute]
