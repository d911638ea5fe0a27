"""`zhiku db`: the database."""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.services.reference_data import load_reference_data


@click.group("db")
def database_group() -> None:
    """数据库：建立与升级。"""


@database_group.command("init")
@click.pass_obj
def init(app: Zhiku) -> None:
    """建立或升级数据库，并载入区划和领域。可以重复运行，不会丢失数据。"""
    app.prepare_database()
    loaded = load_reference_data(app.sessions)
    click.echo(f"数据库已就绪：{loaded.divisions} 个区划，{loaded.fields} 个领域。")
