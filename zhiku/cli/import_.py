"""`zhiku import`: experts, suggestions, service records and departments from tables. A dry run unless told so."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime
from pathlib import Path

import click

from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.domain.base import DomainError
from zhiku.domain.experts import ExpertStatus
from zhiku.services.importing import KINDS, Report, UnusableFile, import_file

#: Rows that the screen shows; the report file has all of them.
SCREEN_ROWS = 40

#: What new people can be given by --status; the other statuses come by review or by a row that says so.
_STATUSES = {status.value: status for status in (ExpertStatus.PUBLISHED, ExpertStatus.UNDER_REVIEW, ExpertStatus.DRAFT)}

#: Exit code when the file could not be used at all.
EXIT_UNUSABLE = 2

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="文件")
_APPLY = click.option("--apply", "is_applied", is_flag=True, help="正式写入；不加时只试运行，不写入任何内容。")
_REPORT = click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="报告",
    help="逐行报告的文件名，.xlsx 或 .csv；不写时在当前文件夹新建一个。",
)


@click.group("import")
def import_group() -> None:
    """导入表格（.xlsx、.xls 或 .csv）。先试运行看报告，核对无误后加 --apply 写入。"""


@import_group.command("experts")
@_FILE
@_APPLY
@_REPORT
@click.option(
    "--status",
    type=click.Choice(list(_STATUSES)),
    default=ExpertStatus.UNDER_REVIEW.value,
    show_default=True,
    help="表里没有写状态的新专家记为：已发布、审核中或草稿。",
)
@click.pass_obj
def experts(app: Zhiku, file: Path, is_applied: bool, report: Path | None, status: str) -> None:
    """导入专家名册。"""
    _run(app, "experts", file, is_applied, report, _STATUSES[status])


@import_group.command("suggestions")
@_FILE
@_APPLY
@_REPORT
@click.pass_obj
def suggestions(app: Zhiku, file: Path, is_applied: bool, report: Path | None) -> None:
    """导入建议。"""
    _run(app, "suggestions", file, is_applied, report)


@import_group.command("services")
@_FILE
@_APPLY
@_REPORT
@click.pass_obj
def services(app: Zhiku, file: Path, is_applied: bool, report: Path | None) -> None:
    """导入服务记录（专家要先导入）。"""
    _run(app, "services", file, is_applied, report)


@import_group.command("departments")
@_FILE
@_APPLY
@_REPORT
@click.pass_obj
def departments(app: Zhiku, file: Path, is_applied: bool, report: Path | None) -> None:
    """导入部门名单。"""
    _run(app, "departments", file, is_applied, report)


def _run(
    app: Zhiku,
    kind: str,
    file: Path,
    is_applied: bool,
    report_path: Path | None,
    status: ExpertStatus = ExpertStatus.UNDER_REVIEW,
) -> None:
    app.require_database()
    label, _ = KINDS[kind]
    now = app.clock().astimezone(app.settings.zone)
    target = report_path or _free_name(label, file, now)
    try:
        _check_report(target, file)
        with progress_bar(f"正在导入{label}") as advance:
            report = import_file(
                app.sessions,
                kind,
                file,
                now,
                is_applied,
                advance,
                status=status,
                division=app.settings.division,
                max_mb=app.settings.max_import_mb,
            )
    except (UnusableFile, _ReportRefused) as error:
        click.echo(f"没有导入：{error}", err=True)
        raise click.exceptions.Exit(EXIT_UNUSABLE) from None
    _show(report, target)
    try:
        report.write(target)
    except OSError:
        click.echo(f"报告“{target}”写不进去，以上结果不受影响；请用 --report 换一个位置再运行一次。", err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(f"逐行报告：{target}")


class _ReportRefused(DomainError):
    """The report cannot be written where it was wanted; found out before anything is imported."""


def _check_report(target: Path, file: Path) -> None:
    if target.suffix.lower() not in (".xlsx", ".csv"):
        raise _ReportRefused("报告的文件名要以 .xlsx 或 .csv 结尾。")
    if target.exists() and file.exists() and os.path.samefile(target, file):
        raise _ReportRefused("报告不能和要导入的文件同名，请用 --report 换一个文件名。")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError:
        raise _ReportRefused(f"不能在“{target.parent}”里写报告，请用 --report 换一个位置。") from None


def _free_name(label: str, file: Path, now: datetime) -> Path:
    """A name in the current folder that no earlier report has."""
    stem = f"{label}导入报告-{file.stem}-{now:%Y%m%d-%H%M%S}"
    path = Path(f"{stem}.xlsx")
    number = 2
    while path.exists():
        path = Path(f"{stem}-{number}.xlsx")
        number += 1
    return path


def _show(report: Report, target: Path) -> None:
    for note in report.notes:
        click.echo(f"· {note}")
    lines = [row.line for row in report.rows if row.needs_attention]
    for line in lines[:SCREEN_ROWS]:
        click.echo(line)
    if len(lines) > SCREEN_ROWS:
        click.echo(f"……还有 {len(lines) - SCREEN_ROWS} 行，见报告 {target}")
    click.echo(report.sentence)
