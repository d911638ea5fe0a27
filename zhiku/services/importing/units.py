"""Names of units (原单位, departments): one form to compare them, and their parting from a post."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from zhiku.analysis.normalize import normalize
from zhiku.domain.departments import Department

_UNIT_END = (
    "委员会|办公室|研究所|研究院|事务所|合作社|信用社|联合会|促进会|人民政府|人民法院|人民检察院|派出所|工作站|服务站|推广站|管理站|"
    "水管站|管理所|管理处|总公司|分公司|公司|医院|卫生院|学校|中学|小学|一中|二中|三中|四中|幼儿园|中心|法庭|支行|银行|集团|"
    "厂|局|委|院|校|所|站|场|处|办|社|馆|园|政府|街道|镇|乡|村|部|队|矿|店|库|协会|学会|工会|妇联"
)
_UNIT_AND_POST = re.compile(rf"(?P<unit>.+(?:{_UNIT_END}))[\s,，、;；]*(?P<post>(?:原|任)?[^\s、]{{2,20}})")
_POST = re.compile(
    "长|主任|书记|员|师|经理|股长|主席|院士|教授|干部|支书|主管|组长|委员|会计|调研|校|医|站长|顾问|巡视|参谋|政委|厂长|庭长|科级|处级|董事"
)


class UnitNames:
    """Compares names of units of one county: 桃源县水利局, 桃源水利局, 县水利局 and 水利局 are one."""

    def __init__(self, ancestors: Iterable[str]) -> None:
        """`ancestors`: province, prefecture and county, the largest first."""
        self._ancestors = [normalize(name) for name in ancestors]

    def key(self, name: str) -> str:
        """Equal keys, equal units; "" for no name."""
        text = re.sub(r"[\s()()·,，.、“”\"']+", "", normalize(name))
        for index, ancestor in enumerate(self._ancestors):
            is_county = index == len(self._ancestors) - 1
            level = "" if is_county else ancestor[-1]
            for prefix in (ancestor, ancestor[:-1]):
                rest = text.removeprefix(prefix)
                if rest != text and len(rest) >= 2:
                    text = level + rest
                    break
            # 湖南省桃源县水利局: the smaller one names it.
            if level and any(text.startswith(level + smaller) for smaller in self._ancestors[index + 1 :]):
                text = text.removeprefix(level)
        if len(text) > 2:
            text = text.removeprefix("县")
        return text.replace("人民政府", "政府").replace("街道办事处", "街道").replace("委员会", "委")


class DepartmentNames:
    """The county's departments, by full and short name."""

    def __init__(self, departments: Iterable[Department], units: UnitNames) -> None:
        self._units = units
        self._by_key: dict[str, Department] = {}
        self._names: list[str] = []
        for department in departments:
            self._names.append(department.name)
            for name in (department.short_name, department.name):
                if name:
                    self._by_key[units.key(name)] = department

    @classmethod
    def load(cls, session: Session, division: str, units: UnitNames) -> DepartmentNames:
        """All departments of this division."""
        departments = session.scalars(
            select(Department).where(Department.division_code == division).order_by(Department.id)
        )
        return cls(departments, units)

    def find(self, name: str) -> Department | None:
        """The department that a cell names."""
        return self._by_key.get(self._units.key(name)) if name else None

    def nearest(self, name: str) -> str:
        """A piece of a message: similar names, or what to do."""
        if not self._names:
            return "部门名单还是空的，请先导入部门"
        near = difflib.get_close_matches(name, self._names, n=3, cutoff=0.4)
        return f"是不是：{'、'.join(near)}？" if near else "请按部门名单填写"


def split_unit_and_post(text: str) -> tuple[str, str]:
    """桃源县水利局副局长 → ("桃源县水利局", "副局长"); all of it is the unit where no post can be told."""
    parts = text.split()
    if len(parts) == 2 and _POST.search(parts[1]):
        return parts[0], parts[1]
    match = _UNIT_AND_POST.fullmatch(text)
    if match and _POST.search(match["post"]):
        return match["unit"].strip(), match["post"].strip()
    return text, ""
