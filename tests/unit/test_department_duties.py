"""How departments' duties fit a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.indexes import analyzer
from zhiku.search.query import parse
from zhiku.services.department_duties import REASONS, DepartmentRow, Duties, DutyComparison

WATER = DepartmentRow(
    1,
    "县水利局",
    "水利局",
    "管水库、山塘、灌溉渠道和农村供水。群众反映水库漏水、坝上白蚁、渠道不通水、找水利局的，归水利局。",
)
SCHOOLS = DepartmentRow(
    2, "县教育局", "教育局", "负责幼儿园到高中；承担校车安全、课后服务，群众反映食堂饭菜差（学校）。"
)
EMPTY = DepartmentRow(3, "县档案馆", "", "")


class Likened:
    """An encoder that knows that two ways to say it are near each other, and nothing else."""

    name = "likened"
    version = "1"
    dimensions = 3

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        directions = {"堤脚冒泡": 0, "水库漏水": 0, "课后服务": 1}
        return np.eye(3, dtype=np.float32)[[directions.get(text, 2) for text in texts]]

    def warm_up(self) -> None:
        """Nothing to load."""


def compare(text: str, *departments: DepartmentRow, encoder: Likened | None = None) -> DutyComparison:
    duties = Duties(departments or (WATER, SCHOOLS, EMPTY), analyzer(), encoder)
    return duties.compare(parse(text, analyzer()), text)


def test_the_department_whose_duties_share_the_words_comes_first_and_names_them() -> None:
    found = compare("黄石水库的坝上有白蚁，水库漏水")
    assert found.ranked[0] == (WATER.id, pytest.approx(1.0))
    assert found.matching(WATER.id)[:2] in {("水库漏水", "坝上白蚁"), ("坝上白蚁", "水库漏水")}
    assert found.matching(SCHOOLS.id) == ()


def test_a_department_is_also_found_by_its_name() -> None:
    assert compare("请档案馆整理老档案").ranked[0][0] == EMPTY.id


def test_a_department_that_shares_nothing_is_not_proposed() -> None:
    assert [key for key, _ in compare("校车太挤").ranked] == [SCHOOLS.id]
    assert compare("qqq").ranked == () and compare("水库", EMPTY).ranked == ()


def test_reasons_are_duties_as_they_are_written_without_what_only_introduces_them() -> None:
    duties = {
        duty for text in ("幼儿园到高中", "校车安全", "食堂饭菜差") for duty in compare(text).matching(SCHOOLS.id)
    }
    assert duties == {"幼儿园到高中", "校车安全", "食堂饭菜差"}


def test_a_duty_that_only_names_the_department_is_no_reason() -> None:
    assert not any("水利局" in duty for duty in compare("找水利局修水库").matching(WATER.id))


def test_a_duty_inside_another_is_not_said_twice_and_there_are_only_a_few() -> None:
    reasons = compare("水库漏水，山塘，渠道不通水，灌溉渠道，农村供水").matching(WATER.id)
    assert len(reasons) == REASONS
    assert not any(one != other and one in other for one in reasons for other in reasons)


def test_what_shares_no_word_is_found_by_meaning() -> None:
    assert "水库漏水" not in compare("堤脚冒泡").matching(WATER.id)
    found = compare("堤脚冒泡", SCHOOLS, WATER, encoder=Likened())
    assert found.ranked[0][0] == WATER.id and found.matching(WATER.id)[0] == "水库漏水"


def test_no_departments_are_no_error() -> None:
    duties = Duties((), analyzer(), Likened())
    assert duties.compare(parse("水库", analyzer()), "水库").ranked == ()
