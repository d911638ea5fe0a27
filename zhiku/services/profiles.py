"""Profiles as results show them: read by columns, since ten people are shown many times a second."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from operator import itemgetter

from sqlalchemy import Integer, String, bindparam, cast, func, literal_column, select, union_all
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

#: What the rows of `_DETAILS` are.
_FIELD, _CAREER, _HONOUR = range(3)

#: Fields, career and honours in one question, since each question costs more than all its rows: which of them, whose,
#: at which position, its text, and the main field of a field or the year of an honour.
_DETAILS = union_all(
    select(
        literal_column(str(_FIELD), Integer),
        ExpertField.expert_id,
        ExpertField.position,
        FieldOfExpertise.name,
        func.coalesce(_MAIN.name, FieldOfExpertise.name),
    )
    .join(FieldOfExpertise, FieldOfExpertise.id == ExpertField.field_id)
    .outerjoin(_MAIN, _MAIN.id == FieldOfExpertise.parent_id)
    .where(ExpertField.expert_id.in_(bindparam("ids", expanding=True))),
    select(
        literal_column(str(_CAREER), Integer),
        CareerEntry.expert_id,
        CareerEntry.position,
        CareerEntry.description,
        literal_column("''", String),
    ).where(CareerEntry.expert_id.in_(bindparam("ids", expanding=True))),
    select(
        literal_column(str(_HONOUR), Integer),
        Honour.expert_id,
        Honour.position,
        Honour.title,
        cast(Honour.year, String),
    ).where(Honour.expert_id.in_(bindparam("ids", expanding=True))),
)


def load_profiles(session: Session, ids: Iterable[int]) -> dict[int, Profile]:
    """Profiles of those of these people whom a search may name, by id."""
    asked = {"ids": sorted(set(ids))}
    if not asked["ids"]:
        return {}
    connection = session.connection()
    fields: dict[int, list[tuple[str, str]]] = {}
    career: dict[int, list[str]] = {}
    honours: dict[int, list[str]] = {}
    for what, expert_id, _, text, further in sorted(connection.execute(_DETAILS, asked).all(), key=itemgetter(2)):
        if what == _FIELD:
            fields.setdefault(expert_id, []).append((text, further))
        elif what == _CAREER:
            career.setdefault(expert_id, []).append(text)
        else:
            honours.setdefault(expert_id, []).append(f"{further or ''} {text}".strip())
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
        for row in connection.execute(_EXPERTS, asked).all()
        if is_searchable(row[11], row[9])
    }
