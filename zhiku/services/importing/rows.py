"""Rows below a header: read cell by cell, with what there is to say about each row.

Blank rows, headers printed again, footers (合计, 填表人) and group titles are told from rows about somebody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from zhiku.services.importing import headings
from zhiku.services.importing.private_numbers import quoted, without_private_numbers
from zhiku.services.importing.tables import Cell, Sheet
from zhiku.services.importing.values import line_of, text_of

#: A cell as a whole that stands below a table. Only the whole cell counts: 审批窗口没人值班 is a suggestion.
_FOOTER = re.compile(
    r"(合计|总计|共计|小计|总人数)[:：]?\d*[人名条项个]?|共\d+[人名条项个].{0,20}|"
    r"(填表|填报|制表|审核|审批|经办|打印)(人|员|日期|时间|单位)?([:：].{0,30}|)|"
    r"(填表|填报|制表|审核|审批|经办)(人|员)[^:：]{0,4}|"
    r"(单位)?(负责人|联系人|盖章|单位盖章|单位公章)([:：(（].{0,30}|)|"
    r"(备注|附注|说明|注)([:：].{0,200}|)|注\d.{0,200}|※.{0,200}|此表.{0,100}|本表.{0,100}|第\d+页.{0,20}|以下空白"
)
#: Totals stand in the column of names too, with numbers beside them.
_TOTAL = re.compile(r"(合计|总计|共计|小计|总人数)[:：]?\d*[人名条项个]?")
_GROUP_TITLE = re.compile(
    r"([一二三四五六七八九十]+|\d+)[、.．]|[((][一二三四五六七八九十\d]+[))]|第[一二三四五六七八九十]+"
)


@dataclass(slots=True)
class Row:
    """A row about somebody or something. The readers below collect warnings and problems as they go."""

    sheet: str
    #: As Excel counts: the first is 1.
    number: int
    is_typed: bool
    cells: dict[str, list[tuple[str, Cell]]]
    warnings: list[str] = field(default_factory=list)
    #: Why the row cannot be stored; empty for a good one.
    problems: list[str] = field(default_factory=list)

    @property
    def place(self) -> str:
        """Where the row stands, for messages about another row."""
        return f"“{self.sheet}”第 {self.number} 行" if self.sheet else f"第 {self.number} 行"

    def has_column(self, key: str) -> bool:
        return key in self.cells

    def cell(self, key: str) -> Cell:
        """The first cell of a column that holds anything, as the file has it; "" if there is none."""
        return next((cell for _, cell in self.cells.get(key, ()) if cell != ""), "")

    def line(self, key: str, label: str, limit: int) -> str:
        """A short text on one line, without telephone numbers; longer than `limit` is a problem."""
        return self._checked(line_of(self.cell(key)), label, limit)

    def prose(self, key: str, label: str, limit: int) -> str:
        """A long text; several columns of one key follow each other as paragraphs."""
        paragraphs = dict.fromkeys(text for _, cell in self.cells.get(key, ()) if (text := text_of(cell)))
        return self._checked("\n".join(paragraphs), label, limit)

    def contact_values(self) -> list[str]:
        """What goes to the contact table and nowhere else. Other than telephone numbers it says what it is."""
        values: list[str] = []
        for key in (headings.CONTACT, headings.ADDRESS):
            for heading, cell in self.cells.get(key, ()):
                text = line_of(cell)
                if not text:
                    continue
                # Of a header of two rows the lower one says what it is: 通讯方式·住址.
                own = heading.rsplit("·", 1)[-1]
                is_number = re.search("电话|手机|方式|号码", own) and any(character.isdigit() for character in text)
                values.append(text if is_number else f"{own}：{text}")
        return values

    def warn(self, message: str) -> None:
        if message and message not in self.warnings:
            self.warnings.append(message)

    def refuse(self, message: str) -> None:
        if message not in self.problems:
            self.problems.append(message)

    def _checked(self, text: str, label: str, limit: int) -> str:
        text, had_numbers = without_private_numbers(text)
        if had_numbers:
            self.warn(f"“{label}”里有电话或证件号码，已去掉；号码请放在“联系电话”一栏")
        if len(text) > limit:
            self.refuse(f"“{label}”有 {len(text)} 字，最多 {limit} 字，请删短")
        return text


@dataclass(slots=True)
class SheetRows:
    """The rows of one sheet, and the numbers of those that were passed over and why."""

    header: headings.Header
    rows: list[Row]
    footers: list[int] = field(default_factory=list)


def read_rows(sheet: Sheet, header: headings.Header, anchors: tuple[str, ...]) -> SheetRows:
    """All rows below the header. A row that has nothing in the columns `anchors` may be a footer or a group title."""
    cells = [list(row) for row in sheet.rows]
    for merged in sheet.merged:
        if merged.top > header.last_row and merged.bottom > merged.top:
            headings.fill(cells, merged, is_sideways=False)
    found = SheetRows(header, [])
    for index in range(header.last_row + 1, len(cells)):
        # Cheap on purpose: this looks at every cell of the sheet.
        filled = [cell for cell in cells[index] if not _is_blank(cell)]
        if not filled or _only_serial(cells[index], header):
            continue
        if headings.is_repeated(cells[index], header):
            continue
        row = Row(sheet.name, index + 1, sheet.is_typed, _by_key(cells[index], header))
        if _is_footer(row, filled, anchors):
            found.footers.append(row.number)
        else:
            found.rows.append(row)
    return found


def columns_of(rows: list[Row], key: str) -> Iterator[Cell]:
    """The cells of one column over all rows."""
    for row in rows:
        for _, cell in row.cells.get(key, ()):
            yield cell


def _by_key(cells: list[Cell], header: headings.Header) -> dict[str, list[tuple[str, Cell]]]:
    by_key: dict[str, list[tuple[str, Cell]]] = {}
    for column in header.columns:
        by_key.setdefault(column.key, []).append((column.heading, cells[column.position]))
    return by_key


def _is_blank(cell: Cell) -> bool:
    return isinstance(cell, str) and not cell.strip()


def _only_serial(cells: list[Cell], header: headings.Header) -> bool:
    """Forms come with serial numbers prepared for rows that nobody filled in."""
    serials = {column.position for column in header.columns if column.key == headings.SERIAL}
    return bool(serials) and all(
        position in serials and text_of(cell).isdecimal() for position, cell in enumerate(cells) if not _is_blank(cell)
    )


def _is_footer(row: Row, filled: list[Cell], anchors: tuple[str, ...]) -> bool:
    first = quoted(line_of(filled[0])).replace(" ", "")
    anchor_texts = [line_of(row.cell(anchor)).replace(" ", "") for anchor in anchors]
    if _TOTAL.fullmatch(first) and not all(anchor_texts):
        return True
    if any(_TOTAL.fullmatch(text) for text in anchor_texts):
        return True
    if any(_FOOTER.fullmatch(text) for text in (first, *anchor_texts)):
        # A row that has more than a footer ever has is about somebody, whatever its first words.
        return not all(anchor_texts) or len(filled) <= 2
    if len(filled) == 1:
        return not anchor_texts[0] or _GROUP_TITLE.match(first) is not None or first.startswith("以上")
    return False
