"""Places by name: 漆河, 漆河镇, 桃源县漆河镇, an address in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.analysis.normalize import normalize
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.services.importing.private_numbers import quoted
from zhiku.services.importing.unusable import UnusableFile

_SUFFIXES = ("街道办事处", "街道办", "街道", "镇", "乡", "管理区", "办事处")
#: 青林回族维吾尔族乡 is called 青林乡 or 青林回维乡 by everybody.
_PEOPLES = re.compile("(?:[\u4e00-\u9fff]{1,3}族)+(?=[乡镇]$)")


class PlaceUnknown(ValueError):
    """`str(error)` is a Chinese sentence with the nearest names."""


@dataclass(frozen=True, slots=True)
class Place:
    """A division that a row may name."""

    code: str
    name: str


class Townships:
    """The county and its townships, by all the names people use."""

    def __init__(self, county: Place, townships: Iterable[Place], ancestors: Iterable[str]) -> None:
        self.county = county
        self._places = list(townships)
        self._ancestors = [*ancestors, county.name]
        self._by_name: dict[str, set[Place]] = {normalize(county.name): {county}}
        for place in self._places:
            for name in _names(place.name):
                self._by_name.setdefault(name, set()).add(place)

    @classmethod
    def load(cls, session: Session, division: str) -> Townships:
        """Of the county with this code, or of the only county there is if `division` is empty.

        Raises `UnusableFile` when the list of divisions is not loaded.
        """
        rows = list(session.scalars(select(Division).where(Division.code.startswith(division)).order_by(Division.code)))
        counties = [row for row in rows if row.code == division or row.level is DivisionLevel.COUNTY]
        if not counties or (not division and len(counties) != 1):
            raise UnusableFile("数据库里还没有区划名单，请先运行：zhiku db init")
        county = counties[0]
        ancestors = [
            name
            for code, name in session.execute(select(Division.code, Division.name).order_by(Division.code))
            if code != county.code and county.code.startswith(code)
        ]
        townships = [Place(row.code, row.name) for row in rows if row.level is DivisionLevel.TOWNSHIP]
        return cls(Place(county.code, county.name), townships, ancestors)

    @property
    def ancestors(self) -> list[str]:
        """Province, prefecture and county, the largest first."""
        return list(self._ancestors)

    def find(self, text: str) -> Place:
        """The place that a cell names. Raises `PlaceUnknown`."""
        wanted = re.sub(r"\s+", "", normalize(text))
        bare = self._without_ancestors(wanted)
        for name in (wanted, bare):
            found = self._by_name.get(name, set())
            if len(found) == 1:
                return next(iter(found))
            if found:
                raise self._ambiguous(text, found)
        found = self._inside(bare)
        if len(found) == 1:
            return next(iter(found))
        if found:
            raise self._ambiguous(text, found)
        raise PlaceUnknown(f"没有叫“{quoted(text)}”的乡镇{self._nearest(bare)}")

    def find_inside(self, text: str) -> Place | None:
        """The one township that an address names, else None."""
        try:
            place = self.find(text)
        except PlaceUnknown:
            return None
        return place if place is not self.county else None

    def _without_ancestors(self, text: str) -> str:
        for name in self._ancestors:
            if text.startswith(name) and len(text) > len(name):
                text = text[len(name) :]
        short = self.county.name[:-1]
        if text.startswith(short) and self._inside(text[len(short) :]):
            text = text[len(short) :]
        return text.lstrip("省市县·-—/, ")

    def _inside(self, text: str) -> set[Place]:
        """Places whose name, with its suffix, stands in the text, or which the text begins with."""
        with_suffix = {
            place
            for name, places in self._by_name.items()
            for place in places
            if place is not self.county and name.endswith(_SUFFIXES) and name in text
        }
        # 西安市, 沙坪坝区: a city elsewhere that begins like one of our townships.
        if with_suffix or re.search("[省市区县州]", text):
            return with_suffix
        return {
            place
            for name, places in self._by_name.items()
            for place in places
            if place is not self.county and len(name) >= 2 and text.startswith(name)
        }

    def _ambiguous(self, text: str, found: set[Place]) -> PlaceUnknown:
        names = "、".join(sorted(place.name for place in found))
        return PlaceUnknown(f"“{quoted(text)}”可能是 {names}，请写全名")

    def _nearest(self, text: str) -> str:
        names = {name: place.name for name, places in self._by_name.items() for place in places}
        near = dict.fromkeys(names[name] for name in difflib.get_close_matches(text[:20], list(names), n=5, cutoff=0.5))
        return f"，是不是：{'、'.join(list(near)[:3])}？" if near else "，请按区划全名填写"


def _names(name: str) -> set[str]:
    name = normalize(name)
    names = {name}
    short = _PEOPLES.sub("", name)
    names.add(short)
    # 青林回族维吾尔族乡 → 青林回维乡
    names.add(_PEOPLES.sub(lambda match: "".join(people[0] for people in match[0].split("族") if people), name))
    for form in tuple(names):
        for suffix in _SUFFIXES:
            bare = form.removesuffix(suffix)
            if bare != form and len(bare) >= 2:
                names.add(bare)
                break
    if name.endswith("街道"):
        names.add(f"{name}办事处")
        # Both streets were towns before.
        names.add(f"{name.removesuffix('街道')}镇")
    return names
