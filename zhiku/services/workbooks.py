"""Writing tables to .xlsx and .csv files that are safe to open: no formulas, no half-written files."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

#: A cell that begins so is a formula to Excel: OWASP, "CSV Injection".
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

_HEADER_FILL = "FFE7EEF7"


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet. `widths` are in Excel's unit, about one Latin character; a Chinese one takes two."""

    title: str
    headings: Sequence[str]
    rows: Iterable[Sequence[str]]
    widths: Sequence[float]


def write_xlsx(path: Path, tables: Sequence[Table]) -> None:
    """Write the tables as sheets, all cells as text, the header frozen. Replaces `path` in one step."""
    # First the file: a workbook of this kind that is never saved leaves its generators open.
    with replacing(path) as temporary:
        workbook = Workbook(write_only=True)
        for table in tables:
            _write_sheet(workbook, table)
        workbook.save(temporary)


def write_csv(path: Path, table: Table) -> None:
    """Write one table as UTF-8 with a byte order mark, which Excel needs. Replaces `path` in one step."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(table.headings)
        for row in table.rows:
            # In a .csv there are no types: an apostrophe is what makes Excel take it as text.
            writer.writerow([f"'{value}" if value.startswith(FORMULA_STARTS) else value for value in row])


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well, and is removed when not."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files that only their owner may read; a report is like any other file of the user's.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_sheet(workbook: Workbook, table: Table) -> None:
    bold = Font(bold=True)
    shade = PatternFill("solid", start_color=_HEADER_FILL)
    wrapped = Alignment(vertical="top", wrap_text=True)
    sheet = workbook.create_sheet(table.title)
    sheet.freeze_panes = "A2"
    for position, width in enumerate(table.widths, 1):
        sheet.column_dimensions[get_column_letter(position)].width = width
    header = []
    for heading in table.headings:
        cell = WriteOnlyCell(sheet, heading)
        cell.font, cell.fill = bold, shade
        header.append(cell)
    sheet.append(header)
    for row in table.rows:
        cells = []
        for value in row:
            cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("", value))
            cell.alignment = wrapped
            if value.startswith(FORMULA_STARTS):
                # Text, and marked as such so that it stays text when somebody edits the cell.
                cell.data_type = "s"
                cell.quotePrefix = True
            cells.append(cell)
        sheet.append(cells)
