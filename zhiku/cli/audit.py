"""`zhiku audit`: the audit verified, read and taken out."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.domain.audit import Action
from zhiku.services.audit_archive import is_archive, verify_archive, write_archive
from zhiku.services.audit_chain import ChainReport
from zhiku.services.audit_export import export_table
from zhiku.services.audit_log import AuditFilter
from zhiku.services.audit_words import KINDS
from zhiku.services.exporting import ExportRefused

Command = TypeVar("Command", bound=Callable[..., Any])

#: Exit code of a broken chain.
EXIT_BROKEN = 1

_DAY = click.DateTime(["%Y-%m-%d"])


@click.group("audit")
def audit_group() -> None:
    """审计记录：谁在什么时候、从哪里、对哪份记录做了什么。只增不改，可以校验。"""


def _filtered(command: Command) -> Command:
    """The options that choose events."""
    for option in reversed(
        (
            click.option("--since", type=_DAY, metavar="日期", help="从哪一天起，例如 2026-11-01。"),
            click.option("--until", type=_DAY, metavar="日期", help="到哪一天为止（含这一天）。"),
            click.option("--who", default="", metavar="姓名", help="谁做的，写记录里显示的姓名。"),
            click.option("--action", type=click.Choice([one.value for one in Action]), help="哪一种操作。"),
            click.option("--kind", type=click.Choice(list(KINDS)), help="哪一类记录。"),
            click.option("--about", default="", metavar="对象", help="涉及谁：姓名、建议编号、部门、登录名。"),
            click.option("--on-behalf", default="", metavar="姓名", help="代哪位老同志办理。"),
        )
    ):
        command = option(command)
    return command


@audit_group.command("verify")
@click.option(
    "--archive",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="存档",
    help="同时核对以前用 export 写出的存档（.jsonl 或 .jsonl.gz）：存档自身完整，且库里的记录和它一致。",
)
@click.pass_obj
def verify(app: Zhiku, archive: Path | None) -> None:
    """校验全部审计记录，指出第一处被改动的地方。完整时退出码为 0，否则为 1。"""
    app.require_database()
    began = time.perf_counter()
    with progress_bar("正在校验审计记录") as advance:
        report = app.audit_log.verify(advance)
    seconds = time.perf_counter() - began
    is_whole = report.is_whole
    if is_whole:
        click.echo(f"审计记录完整：共 {report.last_id} 条，用时 {seconds:.1f} 秒。最后一条的校验值：{report.last_hash}")
    else:
        _say_broken("审计记录被改动过", report)
    if archive is not None:
        found = verify_archive(app.sessions, archive)
        is_whole = is_whole and found.is_whole
        if not found.archive.is_whole:
            _say_broken(f"存档“{archive.name}”被改动过或不完整", found.archive)
        elif found.against is not None:
            click.echo(f"库里的审计记录和存档“{archive.name}”不一致。{found.against.sentence}", err=True)
        else:
            click.echo(f"存档“{archive.name}”完整，{found.archive.last_id} 条都和库里的一致。")
    if not is_whole:
        click.echo("请不要再改动数据库，保存好备份和日志，报告分管领导后追查。", err=True)
        raise click.exceptions.Exit(EXIT_BROKEN)


def _say_broken(what: str, report: ChainReport) -> None:
    assert report.broken is not None
    before = f"此前的 {report.last_id} 条完整。" if report.last_id else ""
    click.echo(f"{what}。{report.broken.sentence}{before}", err=True)


@audit_group.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="文件")
@_filtered
@click.option("--force", is_flag=True, help="文件已经存在时覆盖它。")
@click.pass_obj
def export(app: Zhiku, file: Path, force: bool, **chosen: Any) -> None:
    """导出审计记录：.xlsx 或 .csv 表格；.jsonl 或 .jsonl.gz 是带校验值的存档，可以在别处核对。导出本身也会记录。

    存档总是从第一条开始，只能用 --until 指定到哪一天为止。
    """
    app.require_database()
    wanted = _filter(chosen)
    try:
        if file.exists() and not force:
            raise ExportRefused(f"文件“{file.name}”已经存在。请换一个文件名，或加 --force 覆盖它。")
        if is_archive(file):
            if wanted != AuditFilter(until=wanted.until):
                raise ExportRefused("存档要连续才能核对，只能用 --until。只要一部分记录时，请导出 .xlsx 或 .csv。")
            with progress_bar("正在写存档") as advance:
                report = write_archive(app.sessions, app.clock, app.settings.zone, file, wanted.until, advance)
            click.echo(f"已把 {report.last_id} 条审计记录存档到 {file}。最后一条的校验值：{report.last_hash}")
            return
        count = export_table(app.audit_log, app.sessions, app.clock, wanted, file)
    except ExportRefused as error:
        click.echo(f"没有导出：{error}", err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(f"已导出 {count} 条审计记录到 {file}")


@audit_group.command("show")
@click.argument("number", type=int, required=False, metavar="[编号]")
@_filtered
@click.option("--limit", type=click.IntRange(1, 10_000), default=30, show_default=True, help="最多列出几条，新的在前。")
@click.pass_obj
def show(app: Zhiku, number: int | None, limit: int, **chosen: Any) -> None:
    """列出审计记录，新的在前；写编号时显示这一条的全部内容。"""
    app.require_database()
    if number is not None:
        details = app.audit_log.entry(number)
        click.echo(f"第 {details.entry.id} 条　{details.entry.sentence}")
        click.echo(f"来源地址：{details.entry.address or '本机'}")
        for line in details.lines:
            click.echo(f"{line.what}：{line.before} → {line.after}" if line.before else f"{line.what}：{line.after}")
        click.echo(f"前一条的校验值：{details.previous_hash}\n这一条的校验值：{details.hash}")
        return
    page = app.audit_log.page(_filter(chosen), size=limit)
    for entry in page.entries:
        click.echo(f"{entry.id}\t{entry.sentence}")
    if not page.entries:
        click.echo("没有符合条件的审计记录。")
    elif page.older:
        click.echo(f"只列出最新的 {limit} 条（--limit），还有更早的。")


def _filter(chosen: dict[str, Any]) -> AuditFilter:
    return AuditFilter(
        since=_day(chosen["since"]),
        until=_day(chosen["until"]),
        who=chosen["who"],
        action=Action.from_value(chosen["action"]) if chosen["action"] else None,
        kind=chosen["kind"] or "",
        about=chosen["about"],
        on_behalf=chosen["on_behalf"],
    )


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None
