"""Rows about suggestions: three fields, authors, what became of them, and their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as default
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.departments import Department
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.suggestions import (
    MAX_PROPOSAL,
    MAX_SITUATION,
    MAX_SUBJECT,
    ResultClass,
    Suggestion,
    SuggestionAuthor,
    SuggestionStatus,
    SuggestionStep,
)
from zhiku.services import contacts, numbering
from zhiku.services.consents import was_withdrawn
from zhiku.services.importing.dates import DateRefused, read_day
from zhiku.services.importing.fields import FieldNames
from zhiku.services.importing.headings import vocabulary
from zhiku.services.importing.importer import FLUSH_EVERY, Context
from zhiku.services.importing.people import ExpertNames, Named, names_in, read_names
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import Outcome, RowReport, changed, understood
from zhiku.services.importing.rows import Row, columns_of
from zhiku.services.importing.townships import Townships
from zhiku.services.importing.units import DepartmentNames, UnitNames
from zhiku.services.importing.values import labelled, labels, line_of, split_list
from zhiku.services.importing.withdrawn import CONTACT_WITHDRAWN

LABELS = {
    "number": "编号",
    "submitted": "提交日期",
    "authors": "作者",
    "field": "领域",
    "subject": "事由",
    "situation": "情况",
    "proposal": "建议",
    "status": "状态",
    "department": "承办部门",
    "result": "办理结果",
    "replied": "答复日期",
}

_SYNONYMS = {
    "number": "建议编号 建言编号 案号 提案号 提案编号",
    "submitted": "提交时间 日期 时间 建议日期 建言日期 收到日期 提出日期 提出时间 上报日期 上报时间",
    "authors": "建议人 提出人 提交人 姓名 建言人 提议人 建议者 老同志姓名 署名",
    "field": "类别 所属领域 建议类别 分类 专业领域",
    "subject": "标题 题目 主题 建议标题 案由 建言题目 建议名称",
    "situation": "情况说明 现状 存在问题 问题 问题描述 基本情况 情况反映 反映情况 现状及问题 背景",
    "proposal": "建议内容 对策 对策建议 具体建议 意见建议 建言内容 意见和建议 工作建议",
    "status": "办理状态 办理情况 进度 办理进度",
    "department": "承办单位 主办单位 主办部门 责任单位 责任部门 办理单位 办理部门 交办单位",
    "result": "结果 结果类别 办理结果类别 答复类别 采纳情况",
    "replied": "答复时间 办结日期 办结时间 回复日期 回复时间",
}

WORDS = vocabulary(LABELS, _SYNONYMS, ("subject", "proposal"), frozenset({"situation", "proposal"}))

_NUMBER = re.compile(r"(\d{4})\s*[-—–号第]\s*(\d{1,8})号?")
_MAX_AUTHOR = 40
#: A reply has a day and a class from this status on.
_ANSWERED = frozenset({SuggestionStatus.REPLIED, SuggestionStatus.CLOSED})


@dataclass(slots=True)
class Draft:
    """What a row says."""

    row: Row
    number: str = ""
    submitted: date | None = None
    authors: list[Named] = default(default_factory=list)
    expert_ids: list[int | None] = default(default_factory=list)
    field: FieldOfExpertise | None = None
    subject: str = ""
    situation: str = ""
    proposal: str = ""
    status: SuggestionStatus | None = None
    department: Department | None = None
    result: ResultClass | None = None
    replied: date | None = None
    contact_values: list[str] = default(default_factory=list)

    @property
    def key(self) -> tuple[date | None, str, str]:
        """What tells it from other suggestions when it has no number."""
        return self.submitted, self.subject, self.authors[0].name if self.authors else ""


@dataclass(slots=True)
class _Plan:
    draft: Draft
    report: RowReport
    existing: Suggestion | None = None
    #: Attribute -> new value.
    values: dict[str, object] = default(default_factory=dict)
    has_new_authors: bool = False
    new_contacts: list[str] = default(default_factory=list)


class SuggestionImporter:
    """Imports suggestions; see `importer.Importer`."""

    words = WORDS
    anchors = ("subject",)

    def __init__(self) -> None:
        self._plans: list[_Plan] = []
        self._division = ""

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """See `Importer.plan`."""
        reader = _Reader(session, context, rows)
        self._division = reader.division
        stored = _Stored(session, context)
        taken: dict[int, Row] = {}
        seen: dict[tuple[date | None, str, str], Row] = {}
        numbers: dict[str, Row] = {}
        for row in rows:
            draft = reader.read(row)
            who = draft.subject or quoted(line_of(row.cell("subject")))
            report = RowReport(row.sheet, row.number, quoted(who), Outcome.NEW, [], row.warnings, row.problems)
            existing = stored.find(draft)
            if existing is not None and existing.id in taken:
                row.refuse(f"与{taken[existing.id].place}是同一件建议，请核对后只留一行")
            elif draft.key in seen and not row.problems:
                row.refuse(f"与{seen[draft.key].place}的日期、事由、作者都相同，请核对后只留一行")
            if row.problems:
                report.outcome = Outcome.REFUSED
                yield report
                continue
            seen[draft.key] = row
            _leave_out_withdrawn(session, draft)
            plan = _Plan(draft, report, existing)
            if existing is None:
                if draft.number and (stored.has_number(draft.number) or draft.number in numbers):
                    row.warn(f"编号 {draft.number} 已被另一件建议占用，将另编一个")
                    draft.number = ""
                if draft.number:
                    numbers[draft.number] = row
                plan.new_contacts = draft.contact_values
                report.details = _summary_of(draft)
            else:
                taken[existing.id] = row
                known = contacts.of(session, contacts.SUGGESTION, existing.id) if draft.contact_values else []
                plan.new_contacts = [value for value in draft.contact_values if not contacts.is_known(value, known)]
                _plan_changes(plan, existing)
            self._plans.append(plan)
            yield report

    def store(self, session: Session, context: Context) -> Iterator[int]:
        """See `Importer.store`. Rows with a number of their own first; the others get theirs in the order of dates."""
        numbered = [plan for plan in self._plans if plan.existing or plan.draft.number]
        others = [plan for plan in self._plans if not (plan.existing or plan.draft.number)]
        # Python's sort is stable: rows of one day keep their order.
        others.sort(key=lambda plan: plan.draft.submitted or date.max)
        serials: dict[int, int] = {}
        for plans in (numbered, others):
            for start in range(0, len(plans), FLUSH_EVERY):
                batch = plans[start : start + FLUSH_EVERY]
                stored = [(plan, self._store_one(session, plan, serials, context)) for plan in batch]
                session.flush()
                for plan, suggestion in stored:
                    for value in plan.new_contacts:
                        contacts.add(session, contacts.SUGGESTION, suggestion.id, value, context.now, known=())
                session.flush()
                yield len(batch)

    def _store_one(self, session: Session, plan: _Plan, serials: dict[int, int], context: Context) -> Suggestion:
        draft = plan.draft
        if plan.existing is None:
            suggestion = self._new(session, draft, serials, context)
            session.add(suggestion)
            return suggestion
        if plan.values or plan.has_new_authors:
            for attribute, value in plan.values.items():
                setattr(plan.existing, attribute, value)
            if plan.has_new_authors:
                _set_authors(plan.existing, draft)
            _add_steps(plan.existing)
            plan.existing.updated_at = context.now
        return plan.existing

    def _new(self, session: Session, draft: Draft, serials: dict[int, int], context: Context) -> Suggestion:
        assert draft.submitted is not None
        if draft.number:
            year, serial = (int(part) for part in draft.number.split("-"))
        else:
            year = draft.submitted.year
            # Once a year and file: the query sees what was flushed, and this counts on from there.
            serial = serials[year] + 1 if year in serials else numbering.next_serial(session, year)
            serials[year] = serial
        suggestion = Suggestion(
            year=year,
            serial=serial,
            number=Suggestion.format_number(year, serial),
            division_code=self._division,
            subject=draft.subject,
            situation=draft.situation,
            proposal=draft.proposal,
            field=draft.field,
            status=draft.status or SuggestionStatus.SUBMITTED,
            lead_department=draft.department,
            result_class=draft.result,
            submitted_on=draft.submitted,
            replied_on=draft.replied,
            created_at=context.now,
            updated_at=context.now,
        )
        _set_authors(suggestion, draft)
        _add_steps(suggestion)
        return suggestion


class _Reader:
    """Reads rows into drafts; holds what the readings need."""

    def __init__(self, session: Session, context: Context, rows: list[Row]) -> None:
        townships = Townships.load(session, context.division)
        units = UnitNames(townships.ancestors)
        self.division = townships.county.code
        self._fields = FieldNames.load(session)
        self._departments = DepartmentNames.load(session, self.division, units)
        self._experts = ExpertNames.load(session, names_in(columns_of(rows, "authors")), units)
        self._context = context

    def read(self, row: Row) -> Draft:
        """What a row says; what cannot be is among the row's problems."""
        draft = Draft(row)
        draft.subject = row.line("subject", "事由", MAX_SUBJECT)
        draft.situation = row.prose("situation", "情况", MAX_SITUATION)
        draft.proposal = row.prose("proposal", "建议", MAX_PROPOSAL)
        for label, text in (("事由", draft.subject), ("建议", draft.proposal)):
            if not text and not row.problems:
                row.refuse(f"没有写“{label}”")
        draft.submitted = self._day(row, "submitted", "提交日期")
        draft.replied = self._day(row, "replied", "答复日期")
        if draft.submitted is None and not row.problems:
            row.refuse("没有写“提交日期”")
        if draft.submitted and draft.replied and draft.replied < draft.submitted:
            row.refuse("“答复日期”早于“提交日期”，请核对")
        self._read_number(row, draft)
        self._read_authors(row, draft)
        self._read_field(row, draft)
        self._read_progress(row, draft)
        draft.contact_values = row.contact_values()
        return draft

    def _day(self, row: Row, key: str, label: str) -> date | None:
        try:
            return read_day(row.cell(key), self._context.today, what=label, is_typed=row.is_typed)
        except DateRefused as error:
            row.refuse(str(error))
            return None

    def _read_number(self, row: Row, draft: Draft) -> None:
        text = line_of(row.cell("number"))
        if not text:
            return
        match = _NUMBER.fullmatch(text)
        if match and int(match[2]) > 0:
            draft.number = Suggestion.format_number(int(match[1]), int(match[2]))
        else:
            row.warn(f"编号“{quoted(text)}”不是“2026-0042”的样子，没有采用")

    def _read_authors(self, row: Row, draft: Draft) -> None:
        text = row.line("authors", "作者", 400)
        draft.authors = [named for named in read_names(text) if len(named.name) <= _MAX_AUTHOR]
        if not draft.authors:
            row.refuse(f"作者“{quoted(text)}”看不懂，请只写姓名" if text else "没有写“作者”")
        elif len(draft.authors) < len(split_list(text)):
            row.warn(f"作者“{quoted(text)}”中有看不懂的部分，没有记下")
        for named in draft.authors:
            found = self._experts.find(named)
            if len(found) > 1:
                row.warn(f"专家库里有 {len(found)} 位“{named.name}”，没有关联档案；可写成“{named.name}（原单位）”")
            draft.expert_ids.append(found[0].id if len(found) == 1 else None)

    def _read_field(self, row: Row, draft: Draft) -> None:
        names = split_list(row.line("field", "领域", 200))
        found = [field for name in names if (field := self._fields.find(name))]
        draft.field = found[0] if found else None
        unknown = [name for name in names if self._fields.find(name) is None]
        if unknown:
            row.warn(f"领域“{quoted('、'.join(unknown))}”不在领域表里，没有记下")
        if len(found) > 1:
            row.warn(f"有几个领域，只记第一个“{found[0].name}”")

    def _read_progress(self, row: Row, draft: Draft) -> None:
        text = line_of(row.cell("status"))
        if text:
            draft.status = labelled(SuggestionStatus, text)
            if draft.status is None:
                row.refuse(f"状态“{quoted(text)}”看不懂，可填：{labels(SuggestionStatus)}")
        names = split_list(row.line("department", "承办部门", 400))
        if names:
            draft.department = self._departments.find(names[0])
            if draft.department is None:
                nearest = self._departments.nearest(names[0])
                row.warn(f"承办部门“{quoted(names[0])}”不在部门名单里，没有记下；{nearest}")
            elif len(names) > 1:
                row.warn(f"有几个承办部门，只记第一个“{draft.department.name}”")
        result = line_of(row.cell("result"))
        if result:
            draft.result = _result_class(result)
            if draft.result is None:
                row.warn(f"办理结果“{quoted(result)}”看不懂，没有记下，可填：A、B、C")
        if draft.status in _ANSWERED and draft.replied is None:
            row.warn(f"状态是“{draft.status.label}”，但没有写答复日期")
        if draft.replied and draft.status not in (*_ANSWERED, None):
            row.warn("写了答复日期，但状态不是“已答复”或“已办结”，请核对")


class _Stored:
    """The suggestions that are stored."""

    def __init__(self, session: Session, context: Context) -> None:
        self._by_number: dict[str, Suggestion] = {}
        self._by_key: dict[tuple[date | None, str, str], Suggestion] = {}
        for suggestion in session.scalars(
            select(Suggestion)
            .options(
                selectinload(Suggestion.authors),
                selectinload(Suggestion.steps),
                joinedload(Suggestion.field),
                joinedload(Suggestion.lead_department),
            )
            .order_by(Suggestion.id)
        ):
            self._by_number[suggestion.number] = suggestion
            author = suggestion.authors[0].name if suggestion.authors else ""
            self._by_key.setdefault((suggestion.submitted_on, suggestion.subject, author), suggestion)

    def has_number(self, number: str) -> bool:
        return number in self._by_number

    def find(self, draft: Draft) -> Suggestion | None:
        """The one a row is about. A number alone does not make it: offices number their lists by themselves."""
        numbered = self._by_number.get(draft.number)
        if numbered is not None:
            author = numbered.authors[0].name if numbered.authors else ""
            same = zip(draft.key, (numbered.submitted_on, numbered.subject, author), strict=True)
            if sum(mine == other for mine, other in same) >= 2:
                return numbered
        return self._by_key.get(draft.key)


def _leave_out_withdrawn(session: Session, draft: Draft) -> None:
    """No contact of an author who took the consent to keep it back; of several the row does not say whose it is."""
    authors = [expert_id for expert_id in draft.expert_ids if expert_id is not None]
    if draft.contact_values and any(was_withdrawn(session, one, ConsentPurpose.CONTACT) for one in authors):
        draft.contact_values = []
        draft.row.warn(CONTACT_WITHDRAWN)


def as_cells(suggestion: Suggestion, authors: str) -> dict[str, str]:
    """A suggestion as the cells of a row that imports to the same: key of `LABELS` -> text."""
    return {
        "number": suggestion.number,
        "submitted": suggestion.submitted_on.isoformat(),
        "authors": authors,
        "field": suggestion.field.name if suggestion.field else "",
        "subject": suggestion.subject,
        "situation": suggestion.situation,
        "proposal": suggestion.proposal,
        "status": suggestion.status.label,
        "department": suggestion.lead_department.name if suggestion.lead_department else "",
        "result": suggestion.result_class.value if suggestion.result_class else "",
        "replied": suggestion.replied_on.isoformat() if suggestion.replied_on else "",
    }


def _result_class(text: str) -> ResultClass | None:
    if re.fullmatch(r"[ABCabc]\s*类?(\W.*)?", text):
        return next(member for member in ResultClass if member.value == text[0].upper())
    return next((member for member in ResultClass if text and text in member.label), None) if len(text) > 2 else None


def _set_authors(suggestion: Suggestion, draft: Draft) -> None:
    """Replace the authors, keeping rows that stay: positions are unique and must not meet in one flush."""
    kept = {author.position: author for author in suggestion.authors}
    authors = []
    for position, (named, expert_id) in enumerate(zip(draft.authors, draft.expert_ids, strict=True)):
        author = kept.get(position) or SuggestionAuthor(position=position)
        is_same_name = author.name == named.name
        author.name = named.name
        # A link that somebody made by hand stays when the name alone cannot tell.
        author.expert_id = expert_id or (author.expert_id if is_same_name else None)
        authors.append(author)
    suggestion.authors = authors


def _add_steps(suggestion: Suggestion) -> None:
    days = {SuggestionStatus.SUBMITTED: suggestion.submitted_on, SuggestionStatus.REPLIED: suggestion.replied_on}
    for status, day in days.items():
        step = next((step for step in suggestion.steps if step.status is status), None)
        if day is None:
            continue
        if step is None:
            suggestion.steps.append(SuggestionStep(status=status, on=day))
        elif step.on != day:
            step.on = day


def _summary_of(draft: Draft) -> list[str]:
    values = {
        "编号": draft.number or "导入时编号",
        "提交日期": str(draft.submitted or ""),
        "作者": "、".join(
            named.name + ("（专家）" if expert_id else "")
            for named, expert_id in zip(draft.authors, draft.expert_ids, strict=True)
        ),
        "领域": draft.field.name if draft.field else "",
        "情况": draft.situation,
        "建议": draft.proposal,
        "状态": (draft.status or SuggestionStatus.SUBMITTED).label,
        "承办部门": draft.department.name if draft.department else "",
        "办理结果": draft.result.value if draft.result else "",
        "答复日期": str(draft.replied or ""),
    }
    details = [understood(label, value) for label, value in values.items() if value]
    return [*details, "联系方式已登记"] if draft.contact_values else details


def _plan_changes(plan: _Plan, suggestion: Suggestion) -> None:
    """Compare row and suggestion. An empty cell never erases; what is equal is not set."""
    draft, report = plan.draft, plan.report
    old = as_cells(suggestion, "、".join(author.name for author in suggestion.authors))

    def compare(attribute: str, key: str, value: object, text: str) -> None:
        if value and getattr(suggestion, attribute) != value:
            plan.values[attribute] = value
            report.details.append(changed(LABELS[key], old[key], text))

    compare("submitted_on", "submitted", draft.submitted, str(draft.submitted))
    compare("subject", "subject", draft.subject, draft.subject)
    compare("situation", "situation", draft.situation, draft.situation)
    compare("proposal", "proposal", draft.proposal, draft.proposal)
    compare("field", "field", draft.field, draft.field.name if draft.field else "")
    compare("status", "status", draft.status, draft.status.label if draft.status else "")
    compare("lead_department", "department", draft.department, draft.department.name if draft.department else "")
    compare("result_class", "result", draft.result, draft.result.value if draft.result else "")
    compare("replied_on", "replied", draft.replied, str(draft.replied))
    names = [named.name for named in draft.authors]
    if names != [author.name for author in suggestion.authors]:
        plan.has_new_authors = True
        report.details.append(changed("作者", old["authors"], "、".join(names)))
    elif any(
        expert_id and author.expert_id != expert_id
        for author, expert_id in zip(suggestion.authors, draft.expert_ids, strict=True)
    ):
        plan.has_new_authors = True
        report.details.append("作者已关联专家档案")
    if plan.new_contacts:
        report.details.append("联系方式已更新")
    is_changed = bool(plan.values or plan.has_new_authors or plan.new_contacts)
    report.outcome = Outcome.CHANGED if is_changed else Outcome.UNCHANGED
