"""`zhiku demo`: the fictional county."""

from __future__ import annotations

from importlib import resources

import click

from zhiku import demo
from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.domain.experts import ExpertStatus
from zhiku.services.importing.run import KINDS, import_file

#: In this order: suggestions and service records name experts and departments.
KINDS_IN_ORDER = ("departments", "experts", "suggestions", "services")


@click.group("demo")
def demo_group() -> None:
    """示例数据：虚构的人物，真实的乡镇。"""


@demo_group.command("load")
@click.pass_obj
def load(app: Zhiku) -> None:
    """载入示例县的部门、专家、建议和服务记录。可以重复运行，不会重复载入。"""
    app.require_database()
    for kind in KINDS_IN_ORDER:
        label = KINDS[kind][0]
        with resources.as_file(resources.files(demo).joinpath(f"{kind}.csv")) as path, progress_bar(
            f"正在载入{label}"
        ) as advance:
            report = import_file(
                app.sessions,
                kind,
                path,
                app.clock().astimezone(app.settings.zone),
                progress=advance,
                status=ExpertStatus.UNDER_REVIEW,
                division=app.settings.division,
                max_mb=app.settings.max_import_mb,
            )
        click.echo(report.sentence)
