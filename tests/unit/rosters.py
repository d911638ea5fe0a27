"""Rosters for tests: files as clerks make them, and one call to import them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from zhiku.services.importing import Report, RowReport, import_file

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def xlsx(path: Path, rows: Iterable[Sequence[Any]], merged: Sequence[str] = (), title: str = "名册") -> Path:
    """A workbook of one sheet; `merged` are ranges such as "A1:C1"."""
    workbook = Workbook()
    workbook.remove(workbook.active)
    sheet = workbook.create_sheet(title)
    for row in rows:
        sheet.append(list(row))
    for cells in merged:
        sheet.merge_cells(cells)
    workbook.save(path)
    return path


def csv(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def prepare(sessions: sessionmaker[Session]) -> None:
    """A database with the reference data, as `zhiku db init` leaves it."""
    with sessions.begin() as session:
        factories.reference(session)


def run(
    sessions: sessionmaker[Session], path: Path, kind: str = "experts", *, apply: bool = True, **more: Any
) -> Report:
    return import_file(sessions, kind, path, NOW, apply, **more)


def only(report: Report) -> RowReport:
    """The one row of a report."""
    assert len(report.rows) == 1, [row.line for row in report.rows]
    return report.rows[0]
