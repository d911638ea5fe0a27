"""Who is who: a person is a name, a date of birth and a former unit, as far as each is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from zhiku.domain.experts import DatePrecision
from zhiku.services.importing.dates import KnownDate

T = TypeVar("T")

_FINENESS = {DatePrecision.YEAR: 0, DatePrecision.MONTH: 1, DatePrecision.DAY: 2}


class Likeness(IntEnum):
    """How much two identities have in common; from PROBABLE on they are one person."""

    OTHER = 0
    PERHAPS = 1
    #: Birth or unit agrees, the other is not known on one side.
    PROBABLE = 2
    SAME = 3
    #: Not even a difference in how much is known.
    EQUAL = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """`unit` is a `UnitNames.key` and `place` a township's code, "" where they are not known."""

    name: str
    birth: KnownDate | None
    unit: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Match(Generic[T]):
    """What was found for an identity: the one it is, or those it may be."""

    one: T | None
    #: More than one are equally like it.
    is_ambiguous: bool
    perhaps: tuple[T, ...]


def is_finer(one: KnownDate, other: KnownDate) -> bool:
    """Whether the first date knows more than the second."""
    return _FINENESS[one.precision] > _FINENESS[other.precision]


def agree(one: KnownDate, other: KnownDate) -> bool:
    """Whether two dates are equal as far as both are known."""
    coarser = min(_FINENESS[one.precision], _FINENESS[other.precision])
    return (one.value.timetuple()[: coarser + 1]) == (other.value.timetuple()[: coarser + 1])


def likeness(one: Identity, other: Identity) -> Likeness:
    """Compare two identities."""
    if one.name != other.name:
        return Likeness.OTHER
    if (one.birth and str(one.birth)) == (other.birth and str(other.birth)) and one.unit == other.unit:
        # Where a name, or a name and a year, is all there is, two townships are two people.
        is_known_well = one.unit or (one.birth and one.birth.precision is not DatePrecision.YEAR)
        is_elsewhere = bool(one.place and other.place and one.place != other.place)
        return Likeness.PERHAPS if is_elsewhere and not is_known_well else Likeness.EQUAL
    same_birth = agree(one.birth, other.birth) if one.birth and other.birth else None
    same_unit = one.unit == other.unit if one.unit and other.unit else None
    if same_birth is False or same_unit is False:
        return Likeness.PERHAPS if same_birth or same_unit else Likeness.OTHER
    if same_birth and same_unit:
        return Likeness.SAME
    if same_unit:
        return Likeness.PROBABLE
    if same_birth and one.birth and other.birth:
        # A name and a year alone are two people too easily.
        is_known_well = DatePrecision.YEAR not in (one.birth.precision, other.birth.precision)
        return Likeness.PROBABLE if is_known_well else Likeness.PERHAPS
    return Likeness.PERHAPS


def match(wanted: Identity, candidates: Iterable[tuple[Identity, T]]) -> Match[T]:
    """The candidate who is most like `wanted`."""
    rated = [(likeness(wanted, identity), candidate) for identity, candidate in candidates]
    best = max((rating for rating, _ in rated), default=Likeness.OTHER)
    found = [candidate for rating, candidate in rated if rating == best]
    perhaps = tuple(candidate for rating, candidate in rated if rating is Likeness.PERHAPS)
    if best < Likeness.PROBABLE:
        return Match(None, False, perhaps)
    return Match(found[0] if len(found) == 1 else None, len(found) > 1, perhaps)
