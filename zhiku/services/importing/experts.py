"""Experts from rows: whom they are about, and what changes in the profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session, selectinload

from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import (
    Availability,
    CareerEntry,
    Expert,
    ExpertField,
    ExpertStatus,
    ExpertStatusNotAllowed,
    Honour,
)
from zhiku.services import contacts
from zhiku.services.consents import withdrawn_of_many
from zhiku.services.importing.expert_rows import WORDS, Person, Reader, as_cells, birth_of, birth_text
from zhiku.services.importing.identity import is_finer, match
from zhiku.services.importing.importer import FLUSH_EVERY, Context
from zhiku.services.importing.lives import Award, Station, join_entries
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.report import Outcome, RowReport, changed, understood
from zhiku.services.importing.rows import Row
from zhiku.services.importing.values import (
    line_of,
    without_repeats,
)
from zhiku.services.importing.withdrawn import CONTACT_WITHDRAWN, LEFT, status_withdrawn
from zhiku.services.standing import close_the_door


@dataclass(slots=True)
class _Plan:
    """What will be done for one person."""

    person: Person
    report: RowReport
    existing: Expert | None = None
    changes: list[Callable[[Expert], None]] = field(default_factory=list)
    new_contacts: list[str] = field(default_factory=list)
    #: What the person agreed to once and has taken back.
    withdrawn: set[ConsentPurpose] = field(default_factory=set)


class ExpertImporter:
    """Imports experts; see `importer.Importer`."""

    words = WORDS
    anchors = ("name",)

    def __init__(self) -> None:
        self._plans: list[_Plan] = []

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """See `Importer.plan`."""
        reader = Reader(session, context, rows)
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

    def _find_existing(self, session: Session, reader: Reader, context: Context) -> None:
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
        withdrawn = withdrawn_of_many(session, [expert.id for people in by_name.values() for expert in people])
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
                plan.withdrawn = withdrawn.get(found.one.id, set())
                plan.new_contacts = _unknown(person.contact_values, known_contacts.get(found.one.id, []))
                if plan.new_contacts and ConsentPurpose.CONTACT in plan.withdrawn:
                    plan.new_contacts = []
                    person.row.warn(CONTACT_WITHDRAWN)
                _plan_changes(plan, found.one, reader, context)
            in_file.setdefault(person.name, []).append(plan)

    def _plan_new(
        self, plan: _Plan, perhaps: Sequence[Expert], earlier: Sequence[_Plan], reader: Reader, context: Context
    ) -> None:
        person = plan.person
        plan.new_contacts = _unknown(person.contact_values, [])
        if person.place is None:
            person.place = reader.townships.county
            person.row.warn(f"没有写乡镇，暂记为“{person.place.name}”")
        plan.report.details = _summary_of(person, context)
        for expert in perhaps:
            known = "，".join(filter(None, (birth_text(expert), expert.former_unit))) or "出生年月、原单位不详"
            person.row.warn(f"可能与已有档案“{expert.name}（{known}）”是同一人，已按新的人登记，请核对")
        others = [(reader.identity(other.person), other) for other in earlier]
        for other in match(reader.identity(person), others).perhaps:
            person.row.warn(f"可能与{other.person.row.place}是同一人，已分别登记，请核对")


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


def _plan_changes(plan: _Plan, expert: Expert, reader: Reader, context: Context) -> None:
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
    if ConsentPurpose.PROFILE in plan.withdrawn and to not in LEFT:
        plan.person.row.warn(status_withdrawn(to))
        return
    # The rule is the model's: ask it with a profile that is not the stored one.
    try:
        Expert(status=expert.status).change_status(to, context.now)
    except ExpertStatusNotAllowed as error:
        plan.person.row.warn(f"状态没有改：{error}")
        return
    change("状态", expert.status.label, to.label, lambda target: _change_status(target, to, context.now))


def _change_status(expert: Expert, to: ExpertStatus, now: datetime) -> None:
    expert.change_status(to, now)
    session = object_session(expert)
    if to is ExpertStatus.DECEASED and session is not None:
        close_the_door(session, expert.id, now)
