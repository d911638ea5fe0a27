"""One import from file to report: everything in one transaction, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import ExpertStatus
from zhiku.services.importing import headings
from zhiku.services.importing.departments import DepartmentImporter
from zhiku.services.importing.experts import ExpertImporter
from zhiku.services.importing.importer import Context, Importer
from zhiku.services.importing.report import Report
from zhiku.services.importing.rows import SheetRows, read_rows
from zhiku.services.importing.services import ServiceImporter
from zhiku.services.importing.suggestions import SuggestionImporter
from zhiku.services.importing.tables import read_workbook
from zhiku.services.importing.unusable import UnusableFile

#: Kind -> its Chinese word and its importer.
KINDS: Mapping[str, tuple[str, Callable[[], Importer]]] = {
    "experts": ("专家", ExpertImporter),
    "suggestions": ("建议", SuggestionImporter),
    "services": ("服务记录", ServiceImporter),
    "departments": ("部门", DepartmentImporter),
}

#: `(done, total)` in steps; a row is one step to plan and one to store.
Progress = Callable[[int, int], None]


def import_file(
    sessions: sessionmaker[Session],
    kind: str,
    path: Path,
    now: datetime,
    apply: bool = True,
    progress: Progress | None = None,
    *,
    status: ExpertStatus = ExpertStatus.UNDER_REVIEW,
    division: str = "",
    max_mb: int = 50,
) -> Report:
    """Import the rows of a file, or only say what would happen (`apply=False`, which takes no write lock).

    `kind` is a key of `KINDS`; `now` is aware and its date is today in the county; `status` is for new people whose
    row has none; `division` is the county's code, "" for the only county there is; `max_mb` limits the file.

    Raises `UnusableFile` when there is nothing to import from; then nothing was stored.
    """
    label, make_importer = KINDS[kind]
    importer = make_importer()
    sheets, notes = _read(path, importer, label, max_mb)
    rows = [row for sheet in sheets for row in sheet.rows]
    context = Context(now, division, status)
    total = len(rows) * (2 if apply else 1)
    done = 0

    def advance(steps: int) -> None:
        nonlocal done
        done += steps
        if progress is not None:
            progress(done, total)

    reports = []
    with sessions() as session, session.begin():
        if apply:
            begin_writing(session)
        for report in importer.plan(session, rows, context):
            reports.append(report)
            advance(1)
        if apply:
            for stored in importer.store(session, context):
                advance(stored)
            # Beside the events of the rows: one that says whose file they came from.
            append(session, [_note(Report(kind, label, path.name, apply, reports, notes))], now)
    advance(total - done)
    return Report(kind, label, path.name, apply, reports, notes)


def _note(report: Report) -> Note:
    counts = {outcome.name.lower(): number for outcome, number in report.counts.items()}
    return Note(Action.IMPORTED, "import", report.kind, {"file": report.file_name, "rows": len(report.rows), **counts})


def _read(path: Path, importer: Importer, label: str, max_mb: int) -> tuple[list[SheetRows], list[str]]:
    """The rows of every sheet that has a header we know, and notes on what was and was not read."""
    workbook = read_workbook(path, max_mb)
    sheets: list[SheetRows] = []
    notes: list[str] = []
    left_out: list[str] = []
    for sheet in workbook.sheets:
        header = headings.find_header(sheet, importer.words)
        if header is None:
            left_out.append(sheet.name)
            continue
        found = read_rows(sheet, header, importer.anchors)
        sheets.append(found)
        where = f"工作表“{sheet.name}”：" if sheet.name else ""
        notes.extend(where + note for note in _notes(found, importer.words))
    if not sheets:
        required = "、".join(f"“{importer.words.labels[key]}”" for key in importer.words.required)
        if not workbook.sheets:
            raise UnusableFile("表格是空的，没有可以导入的内容。")
        raise UnusableFile(
            f"没有找到表头：导入{label}的表要有一行标题，其中至少有{required}和另一栏。请核对文件和命令是否对应。"
        )
    if left_out:
        notes.append(f"没有读取的工作表（没有认得的表头）：{'、'.join(left_out)}")
    if workbook.hidden:
        notes.append(f"没有读取的隐藏工作表：{'、'.join(workbook.hidden)}")
    if not any(sheet.rows for sheet in sheets):
        raise UnusableFile("表格只有表头，下面没有内容。")
    return sheets, notes


def _notes(found: SheetRows, words: headings.Vocabulary) -> list[str]:
    header = found.header
    notes: list[str] = []
    renamed = [
        f"“{column.heading}”作为“{words.labels[column.key]}”"
        for column in header.columns
        if column.key in words.labels and column.heading != words.labels[column.key]
    ]
    if renamed:
        notes.append(f"按意思认出的栏目：{'，'.join(renamed)}")
    if header.unknown:
        notes.append(f"不认得、没有导入的栏目：{_quoted(header.unknown)}")
    if header.repeated:
        notes.append(f"重复、没有导入的栏目：{_quoted(header.repeated)}")
    private = [column.heading for column in header.columns if column.key == headings.IDENTITY_NUMBER]
    if private:
        notes.append(f"不保存的栏目（证件、账户号码）：{_quoted(private)}")
    contact = [column.heading for column in header.columns if column.key in (headings.CONTACT, headings.ADDRESS)]
    if contact:
        kept = "只存入联系方式表，不进入检索和报告"
        notes.append(f"{kept}：{_quoted(contact)}")
    if found.footers:
        numbers = "、".join(str(number) for number in found.footers[:20])
        notes.append(f"当作表尾或分组标题略过的行：第 {numbers} 行" + ("等" if len(found.footers) > 20 else ""))
    return notes


def _quoted(names: list[str] | tuple[str, ...]) -> str:
    return "、".join(f"“{name}”" for name in dict.fromkeys(names))
