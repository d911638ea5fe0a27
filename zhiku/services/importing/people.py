"""People that other rows name: 张三, 张三(桃源县水利局)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.domain.experts import Expert
from zhiku.services.importing.units import UnitNames
from zhiku.services.importing.values import split_list, split_name, text_of

_CHUNK = 900


@dataclass(frozen=True, slots=True)
class Named:
    """A name from a cell, and the unit behind it in brackets, by which namesakes are told apart."""

    name: str
    unit: str


@dataclass(frozen=True, slots=True)
class KnownExpert:
    """What is needed of an expert to recognise them."""

    id: int
    name: str
    unit: str


def read_names(text: str) -> list[Named]:
    """The people named in a cell; those whose name cannot be one are left out."""
    found = []
    for item in split_list(text):
        name, remark = split_name(item)
        if name:
            found.append(Named(name, remark))
    return found


class ExpertNames:
    """The experts who have one of these names."""

    def __init__(self, experts: Iterable[KnownExpert], units: UnitNames) -> None:
        self._units = units
        self._by_name: dict[str, list[KnownExpert]] = {}
        for expert in experts:
            self._by_name.setdefault(expert.name, []).append(expert)

    @classmethod
    def load(cls, session: Session, names: Iterable[str], units: UnitNames) -> ExpertNames:
        """Those of the database, whatever their status."""
        ordered = sorted(set(names))
        experts = [
            KnownExpert(*row)
            for start in range(0, len(ordered), _CHUNK)
            for row in session.execute(
                select(Expert.id, Expert.name, Expert.former_unit)
                .where(Expert.name.in_(ordered[start : start + _CHUNK]))
                .order_by(Expert.id)
            )
        ]
        return cls(experts, units)

    def find(self, named: Named) -> list[KnownExpert]:
        """All who may be meant: one, none or several namesakes."""
        namesakes = self._by_name.get(named.name, [])
        if len(namesakes) > 1 and named.unit:
            wanted = self._units.key(named.unit)
            return [expert for expert in namesakes if self._units.key(expert.unit) == wanted] or namesakes
        return namesakes


def names_in(cells: Iterable[object]) -> set[str]:
    """All names in these cells, for `ExpertNames.load`."""
    return {named.name for cell in cells if isinstance(cell, str) for named in read_names(text_of(cell))}


def as_cell(name: str, unit: str, is_ambiguous: bool) -> str:
    """A name as `read_names` reads it; with the unit where there are namesakes."""
    return f"{name}（{unit}）" if is_ambiguous and unit else name
