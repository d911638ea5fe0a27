"""Rows about experts: what they say, whom they are about, and what changes in the profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import (
    Availability,
    CareerEntry,
    Expert,
    ExpertField,
    ExpertStatus,
    ExpertStatusNotAllowed,
    Honour,
    Sex,
    WayOfHelping,
)
from zhiku.services import contacts
from zhiku.services.importing import headings
from zhiku.services.importing.dates import DateRefused, KnownDate, are_days_unknown, read_birth
from zhiku.services.importing.fields import FieldNames
from zhiku.services.importing.headings import vocabulary
from zhiku.services.importing.identity import Identity, is_finer, match
from zhiku.services.importing.importer import FLUSH_EVERY, Context
from zhiku.services.importing.lives import Award, Station, join_entries, read_career, read_honours
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import Outcome, RowReport, changed, understood
from zhiku.services.importing.rows import Row, columns_of
from zhiku.services.importing.townships import Place, PlaceUnknown, Townships
from zhiku.services.importing.units import UnitNames, split_unit_and_post
from zhiku.services.importing.values import (
    labelled,
    labels,
    line_of,
    split_list,
    split_name,
    without_inner_space,
    without_repeats,
)

T = TypeVar("T")

LABELS = {
    "name": "姓名",
    "sex": "性别",
    "birth": "出生日期",
    "township": "乡镇",
    "unit": "原单位",
    "post": "原职务",
    "title": "职称",
    "fields": "领域",
    "keywords": "专长",
    "career": "履历",
    "honours": "荣誉",
    "summary": "简介",
    "ways": "服务方式",
    "availability": "联系状态",
    "liaison": "联络员",
    "status": "状态",
}

_SYNONYMS = {
    "name": "名字 专家姓名 姓名全称 人员姓名 老同志姓名 退休人员姓名 人才姓名",
    "sex": "男/女 性別",
    "birth": "出生年月 出生时间 出生年月日 生日 出生 出生年份 出生年",
    "township": "街道 镇街 乡镇街道 乡镇（街道） 乡镇/街道 现居住地 居住地 现居地 所在乡镇 所属乡镇 住址所在乡镇 居住乡镇 现住乡镇 所在街道 所属街道 "
    "乡镇办 所在镇 居住地乡镇 户籍乡镇 籍贯乡镇 现居住乡镇",
    "unit": "原工作单位 退休前单位 工作单位 退休单位 单位 原单位名称 单位名称 退休前工作单位 离退休单位 所在单位 原所在单位 所属单位",
    "unit_and_post": "原单位及职务 原工作单位及职务 工作单位及职务 单位及职务 退休前单位及职务 原单位职务 退休前工作单位及职务 单位职务 "
    "原工作单位职务 原单位与职务 原任单位及职务",
    "post": "职务 退休前职务 最后职务 原任职务 曾任职务 退休职务 行政职务 岗位 原岗位",
    "title": "专业技术职称 技术职称 职称等级 专业职称 专业技术职务 技术职务 专业技术资格 职称（专业技术职务）",
    "fields": "专业领域 类别 专家类别 人才类别 专业类别 所属领域 擅长领域 服务领域 领域类别 行业 行业领域 专业 从事专业",
    "keywords": "特长 擅长 专业特长 个人特长 专长特长 特长爱好 业务专长 技术专长 特长专长 主要特长 研究方向",
    "career": "工作简历 简历 工作经历 工作履历 个人履历 主要履历 主要经历 主要工作经历 个人简历",
    "honours": "获奖情况 主要荣誉 获得荣誉 所获荣誉 荣誉称号 曾获荣誉 获奖 表彰奖励 奖励情况 荣誉奖励 主要荣誉及奖励",
    "summary": "个人简介 主要事迹 事迹 简要事迹 人物简介 简要介绍 主要业绩 工作业绩 个人业绩 主要成就 成果 主要成果 业绩",
    "ways": "服务意愿 服务方式意愿 愿意提供的服务 可提供服务 服务形式 服务内容 发挥作用方式",
    "availability": "是否可联系 可联系状态 联络状态",
    "liaison": "联络员姓名 联系人 联络人 结对联络员 对口联络员 联系干部",
    "status": "档案状态 入库状态 审核状态",
    headings.SERIAL: "编号",
}

WORDS = vocabulary(LABELS, _SYNONYMS, ("name",), frozenset({"keywords", "career", "honours", "summary", "fields"}))

#: Widths of the columns of `experts`.
_MAX_NAME = 40
_MAX_UNIT = 120
_MAX_POST = 120
_MAX_TITLE = 60
_MAX_LIAISON = 40
#: Not widths but sense: nobody reads more, and a slip (a whole file pasted into a cell) is caught.
_MAX_LIST = 2_000
_MAX_LIFE = 12_000
_MAX_SUMMARY = 8_000
_MAX_CONTACT = contacts.MAX_LENGTH


@dataclass(slots=True)
class Person:
    """What one row, or several rows about one person, say. Empty values say nothing."""

    row: Row
    name: str
    sex: Sex | None = None
    birth: KnownDate | None = None
    place: Place | None = None
    unit: str = ""
    post: str = ""
    title: str = ""
    fields: list[FieldOfExpertise] = field(default_factory=list)
    keywords: list[str] = field(default_factory=list)
    #: Fields that are not in the county's list; they are kept as keywords.
    unlisted: list[str] = field(default_factory=list)
    career: list[Station] = field(default_factory=list)
    honours: list[Award] = field(default_factory=list)
    summary: str = ""
    ways: list[WayOfHelping] = field(default_factory=list)
    availability: Availability | None = None
    liaison: str = ""
    status: ExpertStatus | None = None
    contact_values: list[str] = field(default_factory=list)
    #: The rows that were merged into this one.
    others: list[RowReport] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """What will be done for one person."""

    person: Person
    report: RowReport
    existing: Expert | None = None
    changes: list[Callable[[Expert], None]] = field(default_factory=list)
    new_contacts: list[str] = field(default_factory=list)


class ExpertImporter:
    """Imports experts; see `importer.Importer`."""

    words = WORDS
    anchors = ("name",)

    def __init__(self) -> None:
        self._plans: list[_Plan] = []

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """See `Importer.plan`."""
        reader = _Reader(session, context, rows)
        by_name: dict[str, list[Person]] = {}
        for row in rows:
            person = reader.read(row)
            report = RowReport(row.sheet, row.number, person.name, Outcome.NEW, [], row.warnings, row.problems)
            if row.problems:
                report.outcome = Outcome.REFUSED
                report.who = report.who or quoted(line_of(row.cell("name")))
                yield report
                continue
            namesakes = by_name.setdefault(person.name, [])
            earlier = match(reader.identity(person), [(reader.identity(other), other) for other in namesakes])
            if earlier.one is not None:
                _merge(earlier.one, person, report)
            elif earlier.is_ambiguous:
                row.refuse("文件里有几位同名、同单位的人，分不清这一行是谁，请补写出生年月")
                report.outcome = Outcome.REFUSED
            else:
                namesakes.append(person)
                self._plans.append(_Plan(person, report))
            yield report
        # The reports given so far are completed by this: whom a row is about may hang on the rows below it.
        self._find_existing(session, reader, context)

    def store(self, session: Session, context: Context) -> Iterator[int]:
        """See `Importer.store`."""
        plans = [plan for plan in self._plans if plan.report.outcome is not Outcome.REFUSED]
        for start in range(0, len(plans), FLUSH_EVERY):
            batch = plans[start : start + FLUSH_EVERY]
            stored: list[tuple[_Plan, Expert]] = []
            for plan in batch:
                expert = plan.existing
                if expert is None:
                    expert = _new(plan.person, context)
                    session.add(expert)
                elif plan.changes:
                    for change in plan.changes:
                        change(expert)
                    expert.updated_at = context.now
                stored.append((plan, expert))
            session.flush()
            # Only now do new people have an id.
            for plan, expert in stored:
                for value in plan.new_contacts:
                    contacts.add(session, contacts.EXPERT, expert.id, value, context.now, known=())
            session.flush()
            yield len(batch)

    def _find_existing(self, session: Session, reader: _Reader, context: Context) -> None:
        by_name: dict[str, list[Expert]] = {}
        for expert in _load_experts(session, {plan.person.name for plan in self._plans}):
            by_name.setdefault(expert.name, []).append(expert)
        known_contacts = contacts.of_many(
            session,
            contacts.EXPERT,
            [
                expert.id
                for plan in self._plans
                if plan.person.contact_values
                for expert in by_name.get(plan.person.name, ())
            ],
        )
        taken: dict[int, Row] = {}
        in_file: dict[str, list[_Plan]] = {}
        for plan in self._plans:
            person, report = plan.person, plan.report
            wanted = reader.identity(person)
            found = match(wanted, [(reader.identity_of(expert), expert) for expert in by_name.get(person.name, ())])
            if found.is_ambiguous:
                person.row.refuse("库里有几份同名、同单位的档案，分不清是哪一位，请补写出生年月")
            elif found.one is not None and found.one.id in taken:
                person.row.refuse(f"与{taken[found.one.id].place}对应同一份档案，但两行不一致，请核对后只留一行")
            if person.row.problems:
                _refuse(report, person)
                continue
            if found.one is None:
                self._plan_new(plan, found.perhaps, in_file.get(person.name, []), reader, context)
            else:
                taken[found.one.id] = person.row
                plan.existing = found.one
                plan.new_contacts = _unknown(person.contact_values, known_contacts.get(found.one.id, []))
                _plan_changes(plan, found.one, reader, context)
            in_file.setdefault(person.name, []).append(plan)

    def _plan_new(
        self, plan: _Plan, perhaps: Sequence[Expert], earlier: Sequence[_Plan], reader: _Reader, context: Context
    ) -> None:
        person = plan.person
        plan.new_contacts = _unknown(person.contact_values, [])
        if person.place is None:
            person.place = reader.townships.county
            person.row.warn(f"没有写乡镇，暂记为“{person.place.name}”")
        plan.report.details = _summary_of(person, context)
        for expert in perhaps:
            known = "，".join(filter(None, (_birth_text(expert), expert.former_unit))) or "出生年月、原单位不详"
            person.row.warn(f"可能与已有档案“{expert.name}（{known}）”是同一人，已按新的人登记，请核对")
        others = [(reader.identity(other.person), other) for other in earlier]
        for other in match(reader.identity(person), others).perhaps:
            person.row.warn(f"可能与{other.person.row.place}是同一人，已分别登记，请核对")


class _Reader:
    """Reads rows into people; holds what the readings need."""

    def __init__(self, session: Session, context: Context, rows: list[Row]) -> None:
        self.townships = Townships.load(session, context.division)
        self.units = UnitNames(self.townships.ancestors)
        self._fields = FieldNames.load(session)
        self._context = context
        self._is_day_unknown = are_days_unknown(columns_of(rows, "birth"))
        self._places: dict[str, Place | PlaceUnknown] = {}
        self._keys: dict[str, str] = {}

    def identity(self, person: Person) -> Identity:
        return Identity(person.name, person.birth, self.unit_key(person.unit))

    def identity_of(self, expert: Expert) -> Identity:
        return Identity(expert.name, birth_of(expert), self.unit_key(expert.former_unit))

    def unit_key(self, unit: str) -> str:
        if unit not in self._keys:
            self._keys[unit] = self.units.key(unit)
        return self._keys[unit]

    def read(self, row: Row) -> Person:
        """The person a row is about; what cannot be is among the row's problems."""
        name, remark = split_name(row.line("name", "姓名", 200))
        person = Person(row, name)
        if not name:
            written = quoted(line_of(row.cell("name")))
            row.refuse(f"姓名“{written}”看不懂，请只写姓名" if written else "没有姓名")
        elif len(name) > _MAX_NAME:
            row.refuse(f"姓名有 {len(name)} 字，最多 {_MAX_NAME} 字")
        person.sex = self._sex(row, remark)
        person.birth = self._birth(row)
        person.place = self._place(row)
        person.unit = without_inner_space(row.line("unit", "原单位", _MAX_UNIT))
        person.post = row.line("post", "原职务", _MAX_POST)
        self._split_unit_and_post(row, person)
        person.title = without_inner_space(row.line("title", "职称", _MAX_TITLE))
        self._read_fields(row, person)
        person.keywords = split_list(row.prose("keywords", "专长", _MAX_LIST))
        person.career = read_career(row.prose("career", "履历", _MAX_LIFE))
        person.honours = read_honours(row.prose("honours", "荣誉", _MAX_LIFE))
        person.summary = row.prose("summary", "简介", _MAX_SUMMARY)
        person.ways = self._ways(row)
        person.availability = self._label(row, "availability", Availability, "联系状态")
        person.liaison = without_inner_space(row.line("liaison", "联络员", _MAX_LIAISON))
        person.status = self._status(row, remark)
        person.contact_values = row.contact_values()
        if any(len(value) > _MAX_CONTACT for value in person.contact_values):
            row.warn(f"联系方式超过 {_MAX_CONTACT} 字，只保存前 {_MAX_CONTACT} 字")
        return person

    def _sex(self, row: Row, remark: str) -> Sex | None:
        return self._label(row, "sex", Sex, "性别") or labelled(Sex, remark)

    def _birth(self, row: Row) -> KnownDate | None:
        try:
            known = read_birth(
                row.cell("birth"), self._context.today, is_typed=row.is_typed, is_day_unknown=self._is_day_unknown
            )
        except DateRefused as error:
            row.refuse(str(error))
            return None
        if known is not None:
            row.warn(known.warning)
        return known

    def _place(self, row: Row) -> Place | None:
        text = line_of(row.cell("township"))
        if not text:
            # An address goes to the contact table; of it only the township is for everybody.
            addresses = (line_of(cell) for _, cell in row.cells.get(headings.ADDRESS, ()))
            return next((place for text in addresses if text and (place := self.townships.find_inside(text))), None)
        if text not in self._places:
            try:
                self._places[text] = self.townships.find(text)
            except PlaceUnknown as error:
                self._places[text] = error
        found = self._places[text]
        if isinstance(found, PlaceUnknown):
            row.refuse(str(found))
            return None
        return found

    def _split_unit_and_post(self, row: Row, person: Person) -> None:
        text = row.line("unit_and_post", "原单位及职务", _MAX_UNIT)
        if not text:
            return
        unit, post = split_unit_and_post(text)
        if post and not (person.unit and person.post):
            row.warn(f"“{quoted(text)}”拆成单位“{quoted(unit)}”和职务“{quoted(post)}”，请核对")
        person.unit = person.unit or unit
        person.post = person.post or post

    def _read_fields(self, row: Row, person: Person) -> None:
        for name in split_list(row.prose("fields", "领域", _MAX_LIST)):
            found = self._fields.find(name)
            if found is None:
                person.unlisted.append(name)
                row.warn(f"领域“{quoted(name)}”不在领域表里，作为专长记下")
            elif found not in person.fields:
                person.fields.append(found)

    def _ways(self, row: Row) -> list[WayOfHelping]:
        ways: list[WayOfHelping] = []
        for name in split_list(row.prose("ways", "服务方式", _MAX_LIST)):
            way = labelled(WayOfHelping, name)
            if way is None:
                row.warn(f"服务方式“{quoted(name)}”没有记下，可填：{labels(WayOfHelping)}")
            elif way not in ways:
                ways.append(way)
        return ways

    def _status(self, row: Row, remark: str) -> ExpertStatus | None:
        status = self._label(row, "status", ExpertStatus, "状态")
        if status is None and labelled(ExpertStatus, remark) is ExpertStatus.DECEASED:
            row.warn("姓名后注明已故，状态记为“已故”")
            return ExpertStatus.DECEASED
        return status

    def _label(self, row: Row, key: str, enum_class: type[T], label: str) -> T | None:
        text = line_of(row.cell(key))
        if not text:
            return None
        member: T | None = labelled(enum_class, text)  # type: ignore[type-var]
        if member is None:
            row.warn(f"{label}“{quoted(text)}”看不懂，没有记下，可填：{labels(enum_class)}")  # type: ignore[arg-type]
        return member


def birth_of(expert: Expert) -> KnownDate | None:
    """The stored date of birth with its precision."""
    if expert.birth_date is None or expert.birth_precision is None:
        return None
    return KnownDate(expert.birth_date, expert.birth_precision)


def as_cells(expert: Expert) -> dict[str, str]:
    """A profile as the cells of a row that imports to the same profile: key of `LABELS` -> text."""
    ways = {way.value: way.label for way in WayOfHelping}
    return {
        "name": expert.name,
        "sex": expert.sex.label if expert.sex else "",
        "birth": _birth_text(expert),
        "township": expert.division.name,
        "unit": expert.former_unit,
        "post": expert.last_post,
        "title": expert.professional_title,
        "fields": "、".join(found.name for found in expert.fields),
        "keywords": "、".join(expert.keywords),
        "career": join_entries([Station(entry.began, entry.ended, entry.description) for entry in expert.career]),
        "honours": join_entries([Award(honour.year, honour.title) for honour in expert.honours]),
        "summary": expert.summary,
        "ways": "、".join(ways[value] for value in expert.ways_of_helping if value in ways),
        "availability": expert.availability.label,
        "liaison": expert.liaison_name,
        "status": expert.status.label,
    }


def _load_experts(session: Session, names: set[str]) -> Iterator[Expert]:
    ordered = sorted(names)
    for start in range(0, len(ordered), FLUSH_EVERY):
        yield from session.scalars(
            select(Expert)
            .where(Expert.name.in_(ordered[start : start + FLUSH_EVERY]))
            .options(
                selectinload(Expert.field_links).joinedload(ExpertField.field),
                selectinload(Expert.career),
                selectinload(Expert.honours),
                selectinload(Expert.division),
            )
            .order_by(Expert.id)
        )


def _birth_text(expert: Expert) -> str:
    known = birth_of(expert)
    return str(known) if known else ""


def _refuse(report: RowReport, person: Person) -> None:
    report.outcome = Outcome.REFUSED
    report.details = []
    for other in person.others:
        other.outcome = Outcome.REFUSED
        other.problems.append(f"与{person.row.place}是同一人，那一行没有导入")


def _unknown(values: Iterable[str], known: list[str]) -> list[str]:
    found: list[str] = []
    for value in values:
        if not contacts.is_known(value, [*known, *found]):
            found.append(value)
    return found


#: Attributes of `Person` that two rows about one person must agree on, where both have them, with their headings.
_SCALARS = {
    "sex": "性别",
    "place": "乡镇",
    "post": "原职务",
    "title": "职称",
    "summary": "简介",
    "availability": "联系状态",
    "liaison": "联络员",
    "status": "状态",
}
_LISTS = ("fields", "keywords", "unlisted", "career", "honours", "ways", "contact_values")


def _merge(first: Person, second: Person, report: RowReport) -> None:
    """Take what a later row adds about the same person; refuse it when it contradicts."""
    conflicts = [
        label
        for name, label in _SCALARS.items()
        if (mine := getattr(first, name)) and (others := getattr(second, name)) and mine != others
    ]
    if conflicts:
        report.outcome = Outcome.REFUSED
        report.problems.append(
            f"与{first.row.place}是同一人，但{'、'.join(f'“{label}”' for label in conflicts)}不一致，请核对后只留一行"
        )
        return
    for name in _SCALARS:
        if not getattr(first, name):
            setattr(first, name, getattr(second, name))
    for name in _LISTS:
        mine = getattr(first, name)
        mine.extend(item for item in getattr(second, name) if item not in mine)
    if second.birth and (first.birth is None or is_finer(second.birth, first.birth)):
        first.birth = second.birth
    first.unit = first.unit or second.unit
    report.outcome = Outcome.MERGED
    report.details.append(f"与{first.row.place}是同一人，并入那一行")
    first.others.append(report)


def _keywords_of(person: Person) -> list[str]:
    return without_repeats([*person.keywords, *person.unlisted])


def _new(person: Person, context: Context) -> Expert:
    assert person.place is not None
    expert = Expert(
        name=person.name,
        sex=person.sex,
        birth_date=person.birth.value if person.birth else None,
        birth_precision=person.birth.precision if person.birth else None,
        division_code=person.place.code,
        former_unit=person.unit,
        last_post=person.post,
        professional_title=person.title,
        keywords=_keywords_of(person),
        summary=person.summary,
        ways_of_helping=[way.value for way in person.ways],
        availability=person.availability or Availability.AVAILABLE,
        liaison_name=person.liaison,
        status=person.status or context.status,
        created_at=context.now,
        updated_at=context.now,
    )
    _set_fields(expert, person.fields)
    _set_career(expert, person.career)
    _set_honours(expert, person.honours)
    return expert


def _set_fields(expert: Expert, fields: Sequence[FieldOfExpertise]) -> None:
    # A link that stays is kept: replacing it would delete and insert one primary key in one flush.
    links = {link.field_id: link for link in expert.field_links}
    kept = []
    for position, found in enumerate(fields):
        link = links.get(found.id) or ExpertField(field_id=found.id, field=found, position=position)
        link.position = position
        kept.append(link)
    expert.field_links = kept


def _set_career(expert: Expert, career: Sequence[Station]) -> None:
    expert.career = [
        CareerEntry(position=position, began=entry.began, ended=entry.ended, description=entry.description)
        for position, entry in enumerate(career)
    ]


def _set_honours(expert: Expert, honours: Sequence[Award]) -> None:
    expert.honours = [
        Honour(position=position, year=award.year, title=award.title) for position, award in enumerate(honours)
    ]


def _summary_of(person: Person, context: Context) -> list[str]:
    """What was understood, for the report; contact data only as a fact."""
    values = {
        "性别": person.sex.label if person.sex else "",
        "出生日期": str(person.birth or ""),
        "乡镇": person.place.name if person.place else "",
        "原单位": person.unit,
        "原职务": person.post,
        "职称": person.title,
        "领域": "、".join(found.name for found in person.fields),
        "专长": "、".join(_keywords_of(person)),
        "履历": join_entries(person.career),
        "荣誉": join_entries(person.honours),
        "简介": person.summary,
        "服务方式": "、".join(way.label for way in person.ways),
        "联系状态": person.availability.label if person.availability else "",
        "联络员": person.liaison,
        "状态": (person.status or context.status).label,
    }
    details = [understood(label, value) for label, value in values.items() if value]
    return [*details, "联系方式已登记"] if person.contact_values else details


def _plan_changes(plan: _Plan, expert: Expert, reader: _Reader, context: Context) -> None:
    """Compare row and profile. An empty cell never erases; what is equal is not set, so nothing is indexed again."""
    person, report = plan.person, plan.report
    old = as_cells(expert)

    def change(label: str, before: str, after: str, apply: Callable[[Expert], None]) -> None:
        plan.changes.append(apply)
        report.details.append(changed(label, before, after))

    def set_value(attribute: str, label: str, value: object, before: str, after: str) -> None:
        if value and getattr(expert, attribute) != value:
            change(label, before, after, lambda target: setattr(target, attribute, value))

    set_value("sex", "性别", person.sex, old["sex"], person.sex.label if person.sex else "")
    if person.birth and str(person.birth) != old["birth"]:
        known, birth = birth_of(expert), person.birth
        if known is None or is_finer(birth, known):

            def set_birth(target: Expert) -> None:
                target.birth_date, target.birth_precision = birth.value, birth.precision

            change("出生日期", old["birth"], str(birth), set_birth)
    if person.place:
        set_value("division_code", "乡镇", person.place.code, old["township"], person.place.name)
    if person.unit and reader.unit_key(person.unit) != reader.unit_key(expert.former_unit):
        set_value("former_unit", "原单位", person.unit, old["unit"], person.unit)
    set_value("last_post", "原职务", person.post, old["post"], person.post)
    set_value("professional_title", "职称", person.title, old["title"], person.title)
    if person.fields and [found.id for found in expert.fields] != [found.id for found in person.fields]:
        after = "、".join(found.name for found in person.fields)
        change("领域", old["fields"], after, lambda target: _set_fields(target, person.fields))
    # Fields that are not in the list only add to the free words, unless the row has free words of its own.
    keywords = _keywords_of(person)
    if not person.keywords:
        keywords = without_repeats([*expert.keywords, *keywords])
    set_value("keywords", "专长", keywords, old["keywords"], "、".join(keywords))
    if person.career and join_entries(person.career) != old["career"]:
        change("履历", old["career"], join_entries(person.career), lambda target: _set_career(target, person.career))
    if person.honours and join_entries(person.honours) != old["honours"]:
        change(
            "荣誉", old["honours"], join_entries(person.honours), lambda target: _set_honours(target, person.honours)
        )
    set_value("summary", "简介", person.summary, old["summary"], person.summary)
    ways = [way.value for way in person.ways]
    set_value("ways_of_helping", "服务方式", ways, old["ways"], "、".join(way.label for way in person.ways))
    if person.availability:
        set_value("availability", "联系状态", person.availability, old["availability"], person.availability.label)
    set_value("liaison_name", "联络员", person.liaison, old["liaison"], person.liaison)
    _plan_status(plan, expert, context, change)
    if plan.new_contacts:
        report.details.append("联系方式已更新")
    is_changed = bool(plan.changes or plan.new_contacts)
    report.outcome = Outcome.CHANGED if is_changed else Outcome.UNCHANGED
    if not is_changed:
        # Nothing was taken from the rows that were merged into this one either.
        for other in person.others:
            other.outcome = Outcome.UNCHANGED


def _plan_status(
    plan: _Plan, expert: Expert, context: Context, change: Callable[[str, str, str, Callable[[Expert], None]], None]
) -> None:
    to = plan.person.status
    if to is None or to is expert.status:
        return
    if expert.status is ExpertStatus.DECEASED:
        plan.person.row.warn(f"档案已标记为“已故”，状态不改为“{to.label}”")
        return
    # The rule is the model's: ask it with a profile that is not the stored one.
    try:
        Expert(status=expert.status).change_status(to, context.now)
    except ExpertStatusNotAllowed as error:
        plan.person.row.warn(f"状态没有改：{error}")
        return
    change("状态", expert.status.label, to.label, lambda target: target.change_status(to, context.now))
