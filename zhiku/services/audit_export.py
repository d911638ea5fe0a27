"""The audit as a table for people (.xlsx, .csv); what was taken out, and by whom, is an event of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import begin_writing
from zhiku.services.audit_log import AuditFilter, AuditLog
from zhiku.services.exporting import ExportRefused
from zhiku.services.workbooks import Table, replacing, write_csv, write_xlsx

#: Excel's limit of rows on a sheet, without the header.
MAX_ROWS = 1_048_575
#: And of characters in a cell.
MAX_CELL = 32_767

_COLUMNS = {
    "编号": 9, "时间": 24, "谁": 14, "角色": 12, "来源地址": 16, "操作": 14, "做了什么": 60, "代谁办理": 12, "用途": 30,
    "变化": 70, "校验值": 68,
}  # fmt: skip


def export_table(
    log: AuditLog,
    sessions: sessionmaker[Session],
    clock: Callable[[], datetime],
    wanted: AuditFilter,
    path: Path,
    limit: int = MAX_ROWS,
) -> int:
    """Write the events of a filter, the oldest first, to a .xlsx or .csv file; gives their number.

    The file appears when it is complete and the export has been noted. Raises `ExportRefused`, also where there are
    more than `limit` events.
    """
    suffix = path.suffix.lower()
    if suffix not in (".xlsx", ".csv"):
        raise ExportRefused("文件名要以 .xlsx 或 .csv 结尾，例如 审计记录.xlsx。")
    count = 0

    def rows(session: Session) -> Iterator[list[str]]:
        nonlocal count
        for entry, lines, event in islice(log.stream(session, wanted), limit):
            count += 1
            changes = "\n".join(f"{line.what}：{line.before} → {line.after}" for line in lines)
            yield [
                str(entry.id), entry.when, entry.who, entry.role, entry.address, entry.action, entry.deed,
                entry.on_behalf, entry.purpose, changes[:MAX_CELL], event.hash,
            ]  # fmt: skip

    with sessions() as session, written(path) as temporary:
        # Asked before: a workbook that is begun and never saved leaves its generators open.
        if log.count(session, wanted, limit + 1) > limit:
            raise ExportRefused(
                f"符合条件的记录超过 {limit} 条。请缩短时间范围再导出，"
                "或者请维护人员在服务器上运行 zhiku audit export。"
            )
        table = Table("审计记录", list(_COLUMNS), rows(session), list(_COLUMNS.values()))
        if suffix == ".xlsx":
            write_xlsx(temporary, [table])
        else:
            write_csv(temporary, table)
        session.rollback()
        note_export(sessions, clock(), wanted, count, suffix)
    return count


def note_export(sessions: sessionmaker[Session], at: datetime, wanted: AuditFilter, count: int, suffix: str) -> None:
    """Note that somebody took events out."""
    changes = {
        "events": count,
        "format": suffix.removeprefix("."),
        **({"filter": wanted.facts()} if wanted.is_any else {}),
    }
    with sessions.begin() as session:
        begin_writing(session)
        append(session, [Note(Action.EXPORTED, "audit", "", changes)], at)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """As `replacing`, with a sentence for what the disk refuses. Raises `ExportRefused`."""
    try:
        with replacing(path) as temporary:
            yield temporary
    except OSError:
        raise ExportRefused(
            f"文件“{path.name}”写不进去。请检查文件夹是否存在、是否有权限，并关闭正打开它的程序。"
        ) from None
