"""Profiles as results show them: read by columns, since ten people are shown many times a second."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from threading import Lock
from typing import Any

from cachetools import LRUCache, cached
from sqlalchemy import Integer, String, Text, bindparam, cast, func, literal_column, select, type_coerce, union_all
from sqlalchemy.orm import Session, aliased

from zhiku.domain.divisions import Division
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Availability, CareerEntry, Expert, ExpertField, ExpertStatus, Honour, is_searchable


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What results show of a person, as it is stored: not redacted.

    Compared by identity: the same rows give the same object again, so what is made of it can be remembered.
    """

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
    #: Code of the division that the person belongs to.
    division: str

    @property
    def size(self) -> int:
        """Characters of its longer texts, and a hundred for all else."""
        return 100 + sum(map(len, (self.summary, *self.career, *self.honours, *self.keywords)))


#: Characters of profiles that are remembered, since the same people answer many queries: some 4,000 usual ones, and
#: 45 MB with what is made of them for results, however long each of them is.
REMEMBERED_CHARACTERS = 2_000_000

#: JSON and enumerations as they are stored: `_profile` reads them, and only where it does not know the row.
_EXPERTS = (
    select(
        Expert.id,
        Expert.name,
        Expert.former_unit,
        Expert.last_post,
        Expert.professional_title,
        Division.name,
        cast(Expert.keywords, Text),
        Expert.summary,
        cast(Expert.ways_of_helping, Text),
        type_coerce(Expert.availability, String),
        Expert.updated_at,
        type_coerce(Expert.status, String),
        Expert.division_code,
    )
    .join(Division, Division.code == Expert.division_code)
    .where(Expert.id.in_(bindparam("ids", expanding=True)))
)
_MAIN = aliased(FieldOfExpertise)

_NOTHING = literal_column("''", String)

#: What the rows of `_DETAILS` are.
_FIELD, _CAREER, _HONOUR = range(3)

#: Which of them, at which position, its text, and the main field of a field or the year of an honour.
_Detail = tuple[int, int, str, str]

#: Fields, career and honours in one question, since each question costs more than all its rows: each a `_Detail` with
#: the person behind the first column.
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
        _NOTHING,
    ).where(CareerEntry.expert_id.in_(bindparam("ids", expanding=True))),
    select(
        literal_column(str(_HONOUR), Integer),
        Honour.expert_id,
        Honour.position,
        Honour.title,
        func.coalesce(cast(Honour.year, String), _NOTHING),
    ).where(Honour.expert_id.in_(bindparam("ids", expanding=True))),
)


def load_profiles(session: Session, ids: Iterable[int]) -> dict[int, Profile]:
    """Profiles of those of these people whom a search may name, by id."""
    asked = {"ids": sorted(set(ids))}
    if not asked["ids"]:
        return {}
    connection = session.connection()
    details: dict[int, list[_Detail]] = {expert_id: [] for expert_id in asked["ids"]}
    for what, expert_id, position, text, further in connection.execute(_DETAILS, asked).all():
        details[expert_id].append((what, position, text, further))
    profiles = [_profile(tuple(row), tuple(details[row[0]])) for row in connection.execute(_EXPERTS, asked).all()]
    return {profile.expert_id: profile for profile in profiles if profile is not None}


@cached(LRUCache(REMEMBERED_CHARACTERS, getsizeof=lambda profile: profile.size if profile else 100), lock=Lock())
def _profile(row: tuple[Any, ...], details: tuple[_Detail, ...]) -> Profile | None:
    """The profile of a row of `_EXPERTS` with its `_DETAILS`; None where a search must not name the person.

    Remembered by all that it is made of, so that every change of a row shows at once.
    """
    availability = Availability.from_value(row[9])
    if not is_searchable(ExpertStatus.from_value(row[11]), availability):
        return None
    # By position; nothing else is looked at, as the questions leave the order of equals open.
    in_order = sorted(details, key=itemgetter(1))
    fields = [(text, main) for what, _, text, main in in_order if what == _FIELD]
    return Profile(
        expert_id=row[0],
        name=row[1],
        former_unit=row[2],
        last_post=row[3],
        professional_title=row[4],
        township=row[5],
        keywords=tuple(json.loads(row[6])),
        summary=row[7],
        ways_of_helping=tuple(json.loads(row[8])),
        availability=availability,
        updated_on=row[10].date(),
        fields=tuple(name for name, _ in fields),
        main_fields=tuple(main for _, main in fields),
        career=tuple(text for what, _, text, _ in in_order if what == _CAREER),
        honours=tuple(f"{year} {text}".strip() for what, _, text, year in in_order if what == _HONOUR),
        division=row[12],
    )
