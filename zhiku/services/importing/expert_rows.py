"""Rows about experts: the columns there are, and what a row says of a person."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.orm import Session

from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import (
    Availability,
    Expert,
    ExpertStatus,
    Sex,
    WayOfHelping,
)
from zhiku.services import contacts
from zhiku.services.importing import headings
from zhiku.services.importing.dates import DateRefused, KnownDate, are_days_unknown, read_birth
from zhiku.services.importing.fields import FieldNames
from zhiku.services.importing.headings import vocabulary
from zhiku.services.importing.identity import Identity
from zhiku.services.importing.importer import Context
from zhiku.services.importing.lives import Award, Station, join_entries, read_career, read_honours
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import RowReport
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


class Reader:
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
        """By what two rows are told apart."""
        return Identity(
            person.name,
            person.birth,
            self.unit_key(person.unit),
            _township_code(person.place.code if person.place else ""),
        )

    def identity_of(self, expert: Expert) -> Identity:
        """By what a row is matched with a stored profile."""
        return Identity(
            expert.name, birth_of(expert), self.unit_key(expert.former_unit), _township_code(expert.division_code)
        )

    def unit_key(self, unit: str) -> str:
        """Equal for two ways of writing one unit."""
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
        "birth": birth_text(expert),
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


def birth_text(expert: Expert) -> str:
    """The stored date of birth as it is shown in reports and exports; "" when unknown."""
    known = birth_of(expert)
    return str(known) if known else ""


def _township_code(code: str) -> str:
    """The code of a township; the county's own stands where none was given."""
    return code if len(code) > len("430725") else ""
