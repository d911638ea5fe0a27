"""Values of cells: numbers as text, lists, names, Chinese labels. Dates are in `dates`, places in `townships`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import TypeVar

from zhiku.analysis.normalize import HAN, clean
from zhiku.domain.base import LabelledEnum
from zhiku.domain.engagements import WayOfHelping
from zhiku.domain.experts import Availability, ExpertStatus, Sex
from zhiku.domain.suggestions import SuggestionStatus
from zhiku.services.importing.tables import Cell

E = TypeVar("E", bound=LabelledEnum)

#: What people write where they have nothing to say.
_NOTHING = frozenset(
    {"", "-", "--", "—", "——", "/", "\\", "无", "暂无", "空", "略", "不详", "未填", "nan", "none", "null", "n/a"}
)

#: Longest cell whose cleaned form is kept for the next one like it.
_MAX_CACHED = 40

_NAME = re.compile(rf"[{HAN}]+(?:·[{HAN}]+)*|[A-Za-z][A-Za-z .'-]*")
_BRACKETED = re.compile(r"\s*[((]([^()()]*)[))]\s*")

#: Other words for a label. Keys are enum classes; the labels themselves need not be repeated.
SYNONYMS: Mapping[type[LabelledEnum], Mapping[str, LabelledEnum]] = {
    Sex: {"男性": Sex.MALE, "女性": Sex.FEMALE, "m": Sex.MALE, "f": Sex.FEMALE, "male": Sex.MALE, "female": Sex.FEMALE},
    Availability: {
        "正常": Availability.AVAILABLE,
        "可以联系": Availability.AVAILABLE,
        "能联系": Availability.AVAILABLE,
        "愿意": Availability.AVAILABLE,
        "方便": Availability.AVAILABLE,
        "电话": Availability.PHONE_ONLY,
        "电话联系": Availability.PHONE_ONLY,
        "仅限电话": Availability.PHONE_ONLY,
        "只接电话": Availability.PHONE_ONLY,
        "不便": Availability.UNAVAILABLE,
        "不方便": Availability.UNAVAILABLE,
        "暂不方便": Availability.UNAVAILABLE,
        "暂时不便": Availability.UNAVAILABLE,
        "退出": Availability.WITHDRAWN,
    },
    WayOfHelping: {
        "咨询服务": WayOfHelping.ADVICE,
        "技术咨询": WayOfHelping.ADVICE,
        "政策咨询": WayOfHelping.ADVICE,
        "顾问": WayOfHelping.ADVICE,
        "电话咨询": WayOfHelping.ADVICE,
        "讲课": WayOfHelping.TEACHING,
        "培训": WayOfHelping.TEACHING,
        "教学": WayOfHelping.TEACHING,
        "宣讲": WayOfHelping.TALK,
        "讲学": WayOfHelping.TALK,
        "报告": WayOfHelping.TALK,
        "指导": WayOfHelping.ON_SITE,
        "现场": WayOfHelping.ON_SITE,
        "技术指导": WayOfHelping.ON_SITE,
        "实地指导": WayOfHelping.ON_SITE,
        "上门指导": WayOfHelping.ON_SITE,
        "矛盾调解": WayOfHelping.MEDIATION,
        "纠纷调解": WayOfHelping.MEDIATION,
        "调处": WayOfHelping.MEDIATION,
        "评估": WayOfHelping.REVIEW,
        "论证": WayOfHelping.REVIEW,
        "项目评审": WayOfHelping.REVIEW,
    },
    ExpertStatus: {
        "发布": ExpertStatus.PUBLISHED,
        "待审核": ExpertStatus.UNDER_REVIEW,
        "待审": ExpertStatus.UNDER_REVIEW,
        "退出": ExpertStatus.WITHDRAWN,
        "去世": ExpertStatus.DECEASED,
        "已去世": ExpertStatus.DECEASED,
        "已逝": ExpertStatus.DECEASED,
        "逝世": ExpertStatus.DECEASED,
        "亡故": ExpertStatus.DECEASED,
        "病故": ExpertStatus.DECEASED,
        "死亡": ExpertStatus.DECEASED,
    },
    SuggestionStatus: {
        "收到": SuggestionStatus.SUBMITTED,
        "已提交": SuggestionStatus.SUBMITTED,
        "立案": SuggestionStatus.ACCEPTED,
        "交办": SuggestionStatus.ASSIGNED,
        "在办": SuggestionStatus.IN_HAND,
        "正在办理": SuggestionStatus.IN_HAND,
        "答复": SuggestionStatus.REPLIED,
        "办结": SuggestionStatus.CLOSED,
        "不予立案": SuggestionStatus.NOT_ACCEPTED,
        "撤回": SuggestionStatus.WITHDRAWN,
    },
}


def text_of(cell: Cell) -> str:
    """A cell as cleaned text, line breaks kept; "" where it says nothing ("无", "—")."""
    if isinstance(cell, str):
        text = _cleaned(cell) if len(cell) <= _MAX_CACHED else clean(cell).strip()
    elif isinstance(cell, bool):
        text = "是" if cell else "否"
    elif isinstance(cell, float):
        text = str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    elif isinstance(cell, date):
        text = cell.isoformat()
    return "" if text.casefold() in _NOTHING else text


@lru_cache(maxsize=50_000)
def _cleaned(text: str) -> str:
    # 男, 漆河镇, 高级工程师: most cells of a roster are short and come again and again.
    return clean(text).strip()


def line_of(cell: Cell) -> str:
    """As `text_of`, on one line: a line break inside a short cell is only there to fit the column."""
    text = text_of(cell)
    return " ".join(text.split()) if "\n" in text else text


def without_inner_space(text: str) -> str:
    """Without the spaces between Chinese characters: 张 三, 水 利 局."""
    return re.sub(rf"(?<=[{HAN}])\s+(?=[{HAN}])", "", text)


def split_name(text: str) -> tuple[str, str]:
    """A person's name and what stands behind it in brackets: 张 三(女) → ("张三", "女").

    The name is "" when it cannot be one.
    """
    remark = " ".join(match.strip() for match in _BRACKETED.findall(text))
    bare = without_inner_space(_BRACKETED.sub("", text)).strip(" *★☆●:：.。,，")
    bare = re.sub(rf"(?<=[{HAN}])\s*[·•・‧∙.]\s*(?=[{HAN}])", "·", bare)
    return (bare if _NAME.fullmatch(bare) else ""), remark


def split_list(text: str) -> list[str]:
    """The items of a list that people separate in any way, without repeats; brackets hold together.

    A space separates only where both sides are Chinese and longer than a character: "修水库 劝架", not "Excel 表格".
    """
    items: list[str] = []
    item = ""
    depth = 0
    for character in text:
        depth += (character in "((") - (character in "))" and depth > 0)
        if depth == 0 and character in "、，,；;/|\n":
            items.append(item)
            item = ""
        else:
            item += character
    items.append(item)
    return without_repeats(part for item in items for part in _split_at_spaces(item.strip(" 。.")))


def without_repeats(items: object) -> list[str]:
    """The items once each, in order, without empty ones."""
    return list(dict.fromkeys(item for item in items if item))  # type: ignore[attr-defined]


def split_entries(text: str) -> list[str]:
    """The entries of a career or of honours: lines, or parts between semicolons.

    Where there are lines, a semicolon only separates when a year follows: it may belong to the entry.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) == 1:
        parts = re.split(r"[；;]", lines[0])
    else:
        parts = [part for line in lines for part in re.split(r"[；;](?=\s*(?:19|20)\d{2})", line)]
    return [part.strip(" ;；,，。、") for part in parts if part.strip(" ;；,，。、")]


def labelled(enum_class: type[E], text: str) -> E | None:
    """The member that a Chinese label or one of its other names means; None if none does."""
    wanted = without_inner_space(text).strip(" .。*").casefold()
    for member in enum_class:
        if member.label == wanted:
            return member
    found = SYNONYMS.get(enum_class, {}).get(wanted)
    return found if isinstance(found, enum_class) else None


def labels(enum_class: type[LabelledEnum]) -> str:
    """All labels, for a message."""
    return "、".join(member.label for member in enum_class)


def _split_at_spaces(item: str) -> list[str]:
    parts = item.split()
    if len(parts) > 1 and all(re.fullmatch(rf"[{HAN}]{{2,}}.*", part) for part in parts):
        return parts
    return [item]
