"""Profiles as results show them: read by columns, since ten people are shown many times a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from zhiku.domain.divisions import Division
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Availability, CareerEntry, Expert, ExpertField, Honour, is_searchable


@dataclass(frozen=True, slots=True)
class Profile:
    """What results show of a person, as it is stored: not redacted."""

    expert_id: int
    name: str
    former_unit: str
    last_post: str
    professional_title: str
    township: str
    keywords: tuple[str, ...]
    summary: str
    ways_of_helping: tuple[str, ...]
    availability: Availability
    updated_on: date
    #: The main one first, and the main field that each belongs to.
    fields: tuple[str, ...]
    main_fields: tuple[str, ...]
    career: tuple[str, ...]
    #: "2008 县先进工作者".
    honours: tuple[str, ...]


_EXPERTS = (
    select(
        Expert.id,
        Expert.name,
        Expert.former_unit,
        Expert.last_post,
        Expert.professional_title,
        Division.name,
        Expert.keywords,
        Expert.summary,
        Expert.ways_of_helping,
        Expert.availability,
        Expert.updated_at,
        Expert.status,
    )
    .join(Division, Division.code == Expert.division_code)
    .where(Expert.id.in_(bindparam("ids", expanding=True)))
)
_MAIN = aliased(FieldOfExpertise)
_FIELDS = (
    select(ExpertField.expert_id, FieldOfExpertise.name, func.coalesce(_MAIN.name, FieldOfExpertise.name))
    .join(FieldOfExpertise, FieldOfExpertise.id == ExpertField.field_id)
    .outerjoin(_MAIN, _MAIN.id == FieldOfExpertise.parent_id)
    .where(ExpertField.expert_id.in_(bindparam("ids", expanding=True)))
    .order_by(ExpertField.expert_id, ExpertField.position)
)
_CAREER = (
    select(CareerEntry.expert_id, CareerEntry.description)
    .where(CareerEntry.expert_id.in_(bindparam("ids", expanding=True)))
    .order_by(CareerEntry.expert_id, CareerEntry.position)
)
_HONOURS = (
    select(Honour.expert_id, Honour.year, Honour.title)
    .where(Honour.expert_id.in_(bindparam("ids", expanding=True)))
    .order_by(Honour.expert_id, Honour.position)
)


def load_profiles(session: Session, ids: Iterable[int]) -> dict[int, Profile]:
    """Profiles of those of these people whom a search may name, by id."""
    asked = {"ids": sorted(set(ids))}
    if not asked["ids"]:
        return {}
    connection = session.connection()
    fields: dict[int, list[tuple[str, str]]] = {}
    for expert_id, name, main in connection.execute(_FIELDS, asked):
        fields.setdefault(expert_id, []).append((name, main))
    career: dict[int, list[str]] = {}
    for expert_id, description in connection.execute(_CAREER, asked):
        career.setdefault(expert_id, []).append(description)
    honours: dict[int, list[str]] = {}
    for expert_id, year, title in connection.execute(_HONOURS, asked):
        honours.setdefault(expert_id, []).append(f"{year or ''} {title}".strip())
    return {
        row[0]: Profile(
            expert_id=row[0],
            name=row[1],
            former_unit=row[2],
            last_post=row[3],
            professional_title=row[4],
            township=row[5],
            keywords=tuple(row[6]),
            summary=row[7],
            ways_of_helping=tuple(row[8]),
            availability=row[9],
            updated_on=row[10].date(),
            fields=tuple(name for name, _ in fields.get(row[0], ())),
            main_fields=tuple(main for _, main in fields.get(row[0], ())),
            career=tuple(career.get(row[0], ())),
            honours=tuple(honours.get(row[0], ())),
        )
        for row in connection.execute(_EXPERTS, asked)
        if is_searchable(row[11], row[9])
    }
