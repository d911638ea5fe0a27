"""Export to .xlsx: the same headings that import reads, so that a file can be corrected and imported again.

Contact data is never exported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.departments import Department
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Expert, ExpertField
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor
from zhiku.services.importing import departments, expert_rows, services, suggestions
from zhiku.services.importing.people import as_cell
from zhiku.services.workbooks import Table, replacing, write_xlsx

#: Excel's limits: rows on a sheet, characters in a cell.
_MAX_ROWS = 1_048_575
_MAX_CELL = 32_767

#: Widths in Excel's unit, two to a Chinese character. Columns that are not named take what a date needs.
_WIDTHS = {
    "姓名": 12, "性别": 6, "乡镇": 18, "原单位": 26, "原职务": 22, "职称": 18, "领域": 24, "专长": 36, "履历": 60, "荣誉": 40,
    "简介": 80, "服务方式": 22, "作者": 16, "事由": 36, "情况": 70, "建议": 70, "承办部门": 24, "专家": 14, "请求单位": 24,
    "事项": 32, "经过": 70, "名称": 28, "简称": 16, "职责": 90,
}  # fmt: skip
_DEFAULT_WIDTH = 12


class ExportRefused(DomainError):
    """The file cannot be written as asked; nothing was written."""


def export_file(
    sessions: sessionmaker[Session], kind: str, path: Path, *, is_replacing: bool = False, at: datetime | None = None
) -> int:
    """Write all rows of a kind ("experts", "suggestions", "services", "departments"), whatever their status.

    Gives the number of rows. The file appears when it is complete and the export is an event of the audit, `at` (aware;
    now by default). Raises `ExportRefused`, also when the file is there and `is_replacing` is not set.
    """
    if path.suffix.lower() != ".xlsx":
        raise ExportRefused(f"导出的文件名要以 .xlsx 结尾，例如 {path.stem or '专家'}.xlsx。")
    if path.exists() and not is_replacing:
        raise ExportRefused(f"文件“{path.name}”已经存在。请换一个文件名，或加 --force 覆盖它。")
    title, labels, read = _KINDS[kind]
    with sessions() as session:
        rows = [_row(cells, labels) for cells in read(session)]
    if len(rows) > _MAX_ROWS:
        raise ExportRefused(f"共有 {len(rows)} 行，一个工作表放不下。")
    widths = [_WIDTHS.get(label, _DEFAULT_WIDTH) for label in labels.values()]
    try:
        with replacing(path) as temporary:
            write_xlsx(temporary, [Table(title, list(labels.values()), rows, widths)])
            _note(sessions, kind, len(rows), at or datetime.now(UTC))
    except OSError:
        raise ExportRefused(
            f"文件“{path.name}”写不进去。请检查文件夹是否存在、是否有权限，并关闭正打开它的程序。"
        ) from None
    return len(rows)


def _note(sessions: sessionmaker[Session], kind: str, count: int, at: datetime) -> None:
    with sessions.begin() as session:
        begin_writing(session)
        append(session, [Note(Action.EXPORTED, "table", kind, {"rows": count})], at)


def _row(cells: Mapping[str, str], labels: Mapping[str, str]) -> list[str]:
    for key, text in cells.items():
        if len(text) > _MAX_CELL:
            raise ExportRefused(
                f"“{labels[key]}”有 {len(text)} 字，超过 Excel 单元格的上限 {_MAX_CELL} 字：{text[:20]}…"
            )
    return [cells[key] for key in labels]


def _experts(session: Session) -> Iterator[dict[str, str]]:
    statement = (
        select(Expert)
        .options(
            joinedload(Expert.division),
            selectinload(Expert.field_links).joinedload(ExpertField.field),
            selectinload(Expert.career),
            selectinload(Expert.honours),
        )
        .order_by(Expert.id)
    )
    for expert in session.scalars(statement):
        yield expert_rows.as_cells(expert)


def _suggestions(session: Session) -> Iterator[dict[str, str]]:
    namesakes = _names_of_several(session)
    statement = (
        select(Suggestion)
        .options(
            joinedload(Suggestion.field),
            joinedload(Suggestion.lead_department),
            selectinload(Suggestion.authors).joinedload(SuggestionAuthor.expert),
        )
        .order_by(Suggestion.year, Suggestion.serial)
    )
    for suggestion in session.scalars(statement):
        authors = "、".join(
            as_cell(author.name, author.expert.former_unit if author.expert else "", author.name in namesakes)
            for author in suggestion.authors
        )
        yield suggestions.as_cells(suggestion, authors)


def _services(session: Session) -> Iterator[dict[str, str]]:
    namesakes = _names_of_several(session)
    statement = (
        select(ServiceRecord)
        .options(joinedload(ServiceRecord.division), joinedload(ServiceRecord.expert))
        .order_by(ServiceRecord.served_on, ServiceRecord.id)
    )
    for record in session.scalars(statement):
        expert = record.expert
        yield services.as_cells(record, as_cell(expert.name, expert.former_unit, expert.name in namesakes))


def _departments(session: Session) -> Iterator[dict[str, str]]:
    statement = select(Department).order_by(Department.id)
    for department in session.scalars(statement):
        yield departments.as_cells(department)


def _names_of_several(session: Session) -> set[str]:
    """Names that more than one expert has."""
    return set(session.scalars(select(Expert.name).group_by(Expert.name).having(func.count() > 1)))


_Reader = Callable[[Session], Iterator[Mapping[str, str]]]

#: Kind -> title of the sheet, key -> heading, and how its rows are read.
_KINDS: Mapping[str, tuple[str, Mapping[str, str], _Reader]] = {
    "experts": ("专家", expert_rows.LABELS, _experts),
    "suggestions": ("建议", suggestions.LABELS, _suggestions),
    "services": ("服务记录", services.LABELS, _services),
    "departments": ("部门", departments.LABELS, _departments),
}
