"""Reference data that every installation starts from: the divisions of the county and the fields of expertise.

The files are `zhiku/reference/*.csv`. Loading them again brings changed names and words up to date and changes nothing
else; what a county added itself stays.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import begin_writing
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.expertise import FieldOfExpertise


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows there are now in each list, and how many of them were new or changed."""

    divisions: int
    fields: int
    changed: int


def load_reference_data(sessions: sessionmaker[Session]) -> Loaded:
    """Load both lists in one transaction."""
    with sessions.begin() as session:
        begin_writing(session)
        return load_into(session)


def load_into(session: Session) -> Loaded:
    """As `load_reference_data`, in a transaction that the caller owns."""
    divisions, changed_divisions = _load_divisions(session)
    fields, changed_fields = _load_fields(session)
    session.flush()
    return Loaded(divisions, fields, changed_divisions + changed_fields)


def _load_divisions(session: Session) -> tuple[int, int]:
    rows = _read("divisions.csv")
    codes = {row["代码"] for row in rows}
    stored = {division.code: division for division in session.scalars(select(Division))}
    changed = 0
    # Shorter codes first: a parent is there when its children name it.
    for row in sorted(rows, key=lambda row: (len(row["代码"]), row["代码"])):
        code = row["代码"]
        parent = max((other for other in codes if other != code and code.startswith(other)), key=len, default=None)
        values = {"name": row["名称"], "level": DivisionLevel.from_label(row["级别"])}
        if code in stored:
            changed += _update(stored[code], values | {"parent_code": parent})
        else:
            # By the parent's row, not its code, so that one flush can put all of them into their order.
            stored[code] = Division(code=code, parent=stored[parent] if parent else None, **values)
            session.add(stored[code])
            changed += 1
    return len(rows), changed


def _load_fields(session: Session) -> tuple[int, int]:
    rows = _read("fields_of_expertise.csv")
    stored = {field.name: field for field in session.scalars(select(FieldOfExpertise))}
    changed = 0
    for position, row in enumerate(rows, 1):
        if row["主领域"] not in stored:
            stored[row["主领域"]] = FieldOfExpertise(name=row["主领域"], position=position)
            session.add(stored[row["主领域"]])
            changed += 1
    # Main fields have their ids now.
    session.flush()
    for position, row in enumerate(rows, 1):
        name = row["领域"]
        values = {
            "parent_id": stored[row["主领域"]].id,
            "everyday_words": row["常用说法"].strip(),
            "position": position,
        }
        if name in stored:
            changed += _update(stored[name], values)
        else:
            stored[name] = FieldOfExpertise(name=name, **values)
            session.add(stored[name])
            changed += 1
    return len({row["主领域"] for row in rows}) + len(rows), changed


def _update(row: object, values: Mapping[str, object]) -> int:
    # Compare before setting: a set attribute would make an outbox entry.
    different = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return bool(different)


def _read(name: str) -> list[dict[str, str]]:
    text = files("zhiku.reference").joinpath(name).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))
