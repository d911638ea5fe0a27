"""`zhiku keys`: the keys of the sensitive data. They are never printed."""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.services.key_rotation import NAMED

#: Exit code when values cannot be read.
DAMAGED = 3


@click.group("keys")
def keys_group() -> None:
    """敏感资料的密钥：查看、更换、核对、停用。"""


@keys_group.command("show")
@click.pass_obj
def show(app: Zhiku) -> None:
    """列出密钥的编号，以及各有多少条资料用它加密。不显示密钥本身。"""
    app.require_database(may_rotate=True)
    for key in app.key_rotation.show():
        since = key.created_at.astimezone(app.settings.zone).strftime("%Y-%m-%d") if key.created_at else "还没有登记"
        click.echo(f"{key.id}\t{since}\t{key.values} 条资料{'，正在使用' if key.is_current else ''}")
    click.echo(f"密钥的位置：{app.where_keys_lie.strip()}")


@keys_group.command("rotate")
@click.pass_obj
@click.pass_context
def rotate(context: click.Context, app: Zhiku) -> None:
    """换一把新密钥，并用它把全部敏感资料重新加密。服务可以照常运行；中途断了，再运行一次会接着做。"""
    app.require_database(may_rotate=True)
    with app.changing_keys(), progress_bar("正在重新加密") as advance:
        report = app.key_rotation.rotate(advance)
        app.scrub()
    if report.was_resumed:
        click.echo("上次更换没有做完，这次接着做完了，没有再换新密钥。")
    click.echo(f"正在使用的密钥：{report.key_id}。重新加密了 {report.rewritten} 条资料。")
    if report.damaged:
        _tell_damaged(report.damaged)
        context.exit(DAMAGED)
    click.echo("请马上备份密钥（和数据库分开放）。旧密钥停用之前，请确认不再需要用旧备份：zhiku keys retire 编号")


@keys_group.command("verify")
@click.pass_obj
@click.pass_context
def verify(context: click.Context, app: Zhiku) -> None:
    """逐条打开敏感资料，核对密钥和内容。有打不开的，退出码为 3。"""
    app.require_database(may_rotate=True)
    check = app.key_rotation.verify()
    if check.damaged:
        _tell_damaged(check.damaged)
        context.exit(DAMAGED)
    click.echo(f"全部 {check.values} 条敏感资料都能打开。")


@keys_group.command("retire")
@click.argument("key_id", metavar="编号")
@click.pass_obj
def retire(app: Zhiku, key_id: str) -> None:
    """停用一把没有资料在用的旧密钥，并从密钥文件里删除。"""
    app.require_database(may_rotate=True)
    with app.changing_keys():
        left_to_do = app.key_rotation.retire(key_id)
    click.echo(
        f"编号为 {key_id} 的密钥已经停用。{left_to_do}用它加密的旧备份需要它才能恢复，请按备份的期限保管或销毁。"
    )


def _tell_damaged(damaged: tuple[str, ...]) -> None:
    more = f" 等 {len(damaged)} 条" if len(damaged) > NAMED else ""
    click.echo(f"有 {len(damaged)} 条打不开，没有改动：{'、'.join(damaged[:NAMED])}{more}。", err=True)
    click.echo("请用备份恢复这些资料；在此之前，不要停用任何密钥。", err=True)
