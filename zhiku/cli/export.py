"""`zhiku export`: tables with the headings that `zhiku import` reads. Contact data is never in them."""

from __future__ import annotations

from pathlib import Path

import click

from zhiku.bootstrap import Zhiku
from zhiku.services.exporting import ExportRefused, export_file

_FILE = click.argument("file", type=click.Path(path_type=Path), metavar="文件.xlsx")
_FORCE = click.option("--force", is_flag=True, help="文件已经存在时覆盖它。")


@click.group("export")
def export_group() -> None:
    """导出为 Excel 表（.xlsx），改好后可以再导入；不含联系方式。"""


@export_group.command("experts")
@_FILE
@_FORCE
@click.pass_obj
def experts(app: Zhiku, file: Path, force: bool) -> None:
    """导出专家名册。"""
    _run(app, "experts", file, force)


@export_group.command("suggestions")
@_FILE
@_FORCE
@click.pass_obj
def suggestions(app: Zhiku, file: Path, force: bool) -> None:
    """导出建议。"""
    _run(app, "suggestions", file, force)


@export_group.command("services")
@_FILE
@_FORCE
@click.pass_obj
def services(app: Zhiku, file: Path, force: bool) -> None:
    """导出服务记录。"""
    _run(app, "services", file, force)


@export_group.command("departments")
@_FILE
@_FORCE
@click.pass_obj
def departments(app: Zhiku, file: Path, force: bool) -> None:
    """导出部门名单。"""
    _run(app, "departments", file, force)


def _run(app: Zhiku, kind: str, file: Path, force: bool) -> None:
    app.require_database()
    try:
        count = export_file(app.sessions, kind, file, is_replacing=force)
    except ExportRefused as error:
        click.echo(f"没有导出：{error}", err=True)
        raise click.exceptions.Exit(1) from None
    click.echo(f"已导出 {count} 行到 {file}")
