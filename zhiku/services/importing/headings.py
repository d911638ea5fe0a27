"""Headings: which row of a sheet is the header, and which of our columns each of its headings means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from zhiku.analysis.normalize import clean, normalize
from zhiku.services.importing.tables import Cell, Merged, Sheet

#: Keys that every kind of table may have.
CONTACT = "contact"
ADDRESS = "address"
IDENTITY_NUMBER = "identity_number"
SERIAL = "serial"

#: A header is looked for in the first rows only; titles and notes above it are never longer.
_SEARCH_ROWS = 40
#: A heading is short; prose that happens to begin with 姓名 is none.
_MAX_HEADING = 30
_LABEL_OF_EMPTY = "（无标题）"

#: Headings of contact data, for every kind of table.
COMMON_SYNONYMS: Mapping[str, str] = {
    CONTACT: "联系电话 电话 手机 手机号 手机号码 电话号码 联系方式 通讯方式 联系号码 移动电话 固定电话 办公电话 家庭电话 住宅电话 "
    "宅电 座机 微信 微信号 qq qq号 邮箱 电子邮箱 电子邮件 email e-mail 紧急联系人 紧急联系电话 联络员电话 联系人电话 "
    "本人电话 本人手机 电话及微信 联系电话及微信 传真",
    ADDRESS: "住址 家庭住址 家庭地址 现住址 现家庭住址 详细地址 详细住址 居住地址 通讯地址 通信地址 联系地址 地址",
    IDENTITY_NUMBER: "身份证 身份证号 身份证号码 公民身份号码 公民身份证号码 居民身份证号 居民身份证号码 证件号 证件号码 "
    "有效证件号码 社保卡号 社会保障号 社会保障号码 银行卡号 银行账号 工资卡号",
    SERIAL: "序号 序 编号序号 行号 no no. 顺序号 流水号",
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the columns of one kind of table may be called."""

    #: Key of the column -> its own heading, in the order of the export.
    labels: Mapping[str, str]
    #: Normalised heading -> key.
    keys: Mapping[str, str]
    #: A row is a header only if it has all of these.
    required: tuple[str, ...]
    #: Columns that may stand in a table several times.
    repeatable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Column:
    """A recognised column. `heading` is as the file has it."""

    position: int
    key: str
    heading: str


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a sheet."""

    #: Zero-based; the last row of a header of two rows.
    last_row: int
    columns: tuple[Column, ...]
    #: Headings of columns with contents that we do not know, or that came a second time.
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]
    #: Normalised cells of the header, to know it again where it is printed on each page.
    signature: tuple[tuple[str, ...], ...]


def vocabulary(
    labels: Mapping[str, str], synonyms: Mapping[str, str], required: tuple[str, ...], repeatable: frozenset[str]
) -> Vocabulary:
    """Build a vocabulary; `synonyms` has space-separated headings for a key, besides the label."""
    keys: dict[str, str] = {}
    for source in (COMMON_SYNONYMS, synonyms, labels):
        for key, words in source.items():
            for word in words.split():
                keys[_comparable(word)] = key
    return Vocabulary(labels, keys, required, repeatable | {CONTACT, ADDRESS, IDENTITY_NUMBER, SERIAL})


def find_header(sheet: Sheet, words: Vocabulary) -> Header | None:
    """The first row that has all required headings, alone or together with the row below it; None if there is none."""
    limit = min(len(sheet.rows), _SEARCH_ROWS)
    # Merged cells are filled in both directions here, and only here: 通讯方式 stands over both 手机 and 住址.
    rows = [list(row) for row in sheet.rows[: limit + 1]]
    for merged in sheet.merged:
        fill(rows, merged, is_sideways=True)
    for index in range(limit):
        single = [_Heading(cell, words) for cell in rows[index]]
        below = [_Heading(cell, words) for cell in rows[index + 1]] if index + 1 < len(rows) else []
        if below and _is_second_row(single, below):
            both = [_combine(top, bottom, words) for top, bottom in zip(single, below, strict=True)]
            if _has(both, words):
                return _header(sheet, index + 1, both, words, (rows[index], rows[index + 1]))
        if _has(single, words):
            return _header(sheet, index, single, words, (rows[index],))
    return None


def fill(rows: list[list[Cell]], merged: Merged, *, is_sideways: bool) -> None:
    """Give the value of a merged range to its other cells; downwards only, unless `is_sideways`.

    Sideways it would put one value into columns of different meaning.
    """
    if merged.top >= len(rows) or merged.left >= len(rows[merged.top]):
        return
    value = rows[merged.top][merged.left]
    right = merged.right if is_sideways else merged.left
    for row in rows[merged.top : merged.bottom + 1]:
        for position in range(merged.left, min(right + 1, len(row))):
            row[position] = value


def is_repeated(row: list[Cell], header: Header) -> bool:
    """Whether a row is the header again, as it is printed on each page, perhaps only a part of it."""
    filled = [(position, cell) for position, cell in enumerate(row) if cell != ""]
    # Headings are short text; a row about somebody shows by its first cells that it is none.
    return len(filled) >= 2 and any(
        all(isinstance(cell, str) and _comparable(cell) == headings[position] for position, cell in filled)
        for headings in header.signature
    )


def _comparable_row(row: list[Cell]) -> tuple[str, ...]:
    return tuple(_comparable(cell) if isinstance(cell, str) else str(cell) for cell in row)


class _Heading:
    """One cell of a row that may be a header."""

    def __init__(self, cell: Cell, words: Vocabulary) -> None:
        text = cell if isinstance(cell, str) else ""
        self.text = " ".join(clean(text).split())
        self.normal = _comparable(text)
        self.key = _key(self.normal, text, words)
        #: A year or a count can be data in the row below a header.
        self.is_data = bool(cell != "" and not isinstance(cell, str)) or len(text) > _MAX_HEADING


def _comparable(text: str) -> str:
    return re.sub(r"[\s*:：_—–·、,，.。]+", "", normalize(text))


def _key(normal: str, text: str, words: Vocabulary) -> str | None:
    if not normal or len(normal) > _MAX_HEADING:
        return None
    if normal in words.keys:
        return words.keys[normal]
    # 出生年月(如 1952.03), *姓名(必填), 一、基本情况
    bare = re.sub(r"[((\[【].*?[))\]】]", "", normal).strip("()[]【】")
    return words.keys.get(bare)


def _is_second_row(top: list[_Heading], bottom: list[_Heading]) -> bool:
    """Whether two rows are one header: the lower one only has headings, where it does not repeat the upper one."""
    if not any(heading.key for heading in top) or any(heading.is_data for heading in bottom):
        return False
    added = [low for high, low in zip(top, bottom, strict=True) if low.normal and low.normal != high.normal]
    if not added or not any(low.key for low in added):
        return False
    # Data below a header of one row has values where that header has known headings.
    return not any(
        high.key and low.normal and low.normal != high.normal and not low.key and high.key not in (CONTACT, ADDRESS)
        for high, low in zip(top, bottom, strict=True)
    )


def _combine(top: _Heading, bottom: _Heading, words: Vocabulary) -> _Heading:
    if not bottom.normal or bottom.normal == top.normal:
        return top
    combined = _Heading(f"{top.text}{bottom.text}", words)
    if top.key in (CONTACT, IDENTITY_NUMBER) and bottom.key != ADDRESS:
        # Whatever stands below 通讯方式 is contact data.
        combined.key = bottom.key if bottom.key == IDENTITY_NUMBER else CONTACT
    else:
        combined.key = bottom.key or combined.key or top.key
    combined.text = f"{top.text}·{bottom.text}" if top.text else bottom.text
    return combined


def _has(headings: list[_Heading], words: Vocabulary) -> bool:
    known = {heading.key for heading in headings if heading.key not in (None, SERIAL)}
    # One known heading alone is more likely a title ("姓名") than a table, unless nothing else is required.
    return known.issuperset(words.required) and len(known) >= 2


def _header(
    sheet: Sheet, last_row: int, headings: list[_Heading], words: Vocabulary, rows: tuple[list[Cell], ...]
) -> Header:
    columns: list[Column] = []
    unknown: list[str] = []
    repeated: list[str] = []
    taken: set[str] = set()
    for position, heading in enumerate(headings):
        is_repeated = heading.key in taken and heading.key not in words.repeatable
        if heading.key is None or is_repeated:
            if any(row[position] != "" for row in _rows_below(sheet, last_row)):
                (repeated if is_repeated else unknown).append(heading.text or _LABEL_OF_EMPTY)
        else:
            taken.add(heading.key)
            columns.append(Column(position, heading.key, heading.text))
    return Header(
        last_row, tuple(columns), tuple(unknown), tuple(repeated), tuple(_comparable_row(row) for row in rows)
    )


def _rows_below(sheet: Sheet, row: int) -> Iterator[list[Cell]]:
    for index in range(row + 1, len(sheet.rows)):
        yield sheet.rows[index]
