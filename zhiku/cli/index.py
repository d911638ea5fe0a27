"""`zhiku index`: rebuild, verify, drain, status, maintain."""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.search.port import RebuildAtWork
from zhiku.services.indexing import VerifyReport
from zhiku.services.maintenance import maintain

#: What ends an engine's sentence; here the rebuild has been run already.
REBUILD_HINT = "请运行：zhiku index rebuild"

#: Differences printed of each kind.
SHOWN = 20

#: Exit code of `status` when there is no index that can answer.
UNUSABLE = 1

#: Exit code of `verify` when index and database differ.
DIFFERENT = 3

#: Exit code of `maintain` when another rebuild is at work, which does what this one would have done.
AT_WORK = 4


@click.group("index")
def index_group() -> None:
    """检索索引：重建、核对、更新、状态。"""


@index_group.command("rebuild")
@click.pass_obj
def rebuild(app: Zhiku) -> None:
    """重新建立索引。重建期间检索照常使用原来的索引。"""
    app.require_database()
    with progress_bar("正在重建索引") as advance:
        report = app.indexing.rebuild(advance)
    rate = report.documents / report.seconds if report.seconds else 0.0
    click.echo(f"索引已重建：{report.documents} 份文档，用时 {report.seconds:.1f} 秒（{rate:.0f} 份/秒）。")


@index_group.command("verify")
@click.option("--repair", is_flag=True, help="修复不一致之处。")
@click.pass_obj
@click.pass_context
def verify(context: click.Context, app: Zhiku, repair: bool) -> None:
    """核对索引与数据库是否一致。一致时退出码为 0，不一致为 3。"""
    app.require_database()
    report = app.indexing.verify()
    show_verify(report)
    if not report.is_clean and repair:
        app.indexing.repair(report)
        app.indexing.drain()
        report = app.indexing.verify()
        click.echo("修复之后：")
        show_verify(report)
    if not report.is_clean:
        if not repair:
            # What waits in the outbox is no damage yet: a drain brings it in.
            click.echo("请运行：zhiku index drain" if report.pending else "请运行：zhiku index verify --repair")
        context.exit(DIFFERENT)


def show_verify(report: VerifyReport) -> None:
    """Print what differs."""
    if report.is_clean:
        click.echo(f"索引与数据库一致：{report.documents} 份文档。")
    for name, keys in (("缺少", report.missing), ("过时", report.stale), ("多余", report.orphaned)):
        if keys:
            more = f" 等 {len(keys)} 份" if len(keys) > SHOWN else ""
            click.echo(f"{name} {len(keys)} 份：{'、'.join(keys[:SHOWN])}{more}")
    if report.pending:
        click.echo(f"另有 {report.pending} 条改动等待更新（zhiku index drain）。")


@index_group.command("drain")
@click.pass_obj
def drain(app: Zhiku) -> None:
    """把等待中的改动更新到索引。"""
    app.require_database()
    report = app.indexing.drain()
    click.echo(f"已更新：{report.entries} 条改动，{report.sources} 项内容。")


@index_group.command("maintain")
@click.pass_obj
@click.pass_context
def maintain_command(context: click.Context, app: Zhiku) -> None:
    """供定时任务使用：更新并核对索引，必要时修复或重建。

    退出码：0 索引已与数据库一致；1 没有成功；4 另一个重建正在运行，这次不必做。
    """
    app.require_database()
    try:
        with progress_bar("正在核对索引") as advance:
            report = maintain(app.indexing, app.engine, advance, app.why_rebuild())
        app.scrub()
    except RebuildAtWork as at_work:
        click.echo(str(at_work))
        context.exit(AT_WORK)
    if report.drained:
        click.echo(f"已更新 {report.drained} 条改动。")
    if report.differences:
        show_verify(report.differences)
    if report.rebuild:
        click.echo(f"需要重建：{report.reason.removesuffix(REBUILD_HINT)}")
        click.echo(f"索引已重建：{report.documents} 份文档，用时 {report.rebuild.seconds:.1f} 秒。")
    elif report.differences:
        click.echo(f"已修复，索引与数据库一致：{report.documents} 份文档。")
    else:
        click.echo(f"索引与数据库一致：{report.documents} 份文档。")


@index_group.command("status")
@click.pass_obj
@click.pass_context
def status(context: click.Context, app: Zhiku) -> None:
    """显示索引的状态。没有可用的索引时退出码为 1。"""
    app.require_database()
    status = app.engine.status()
    if status.problem:
        click.echo(f"索引不可用：{status.problem}")
        context.exit(UNUSABLE)
    built_at = status.built_at.astimezone(app.settings.zone).strftime("%Y-%m-%d %H:%M") if status.built_at else "?"
    click.echo(f"索引：{status.generation}（建于 {built_at}）")
    click.echo(
        f"文档：{status.documents} 份，{status.segments} 段，{status.size / 1e6:.1f} MB，分词：{status.segmenter}"
    )
    click.echo(f"等待更新：{app.indexing.pending()} 条")
    if status.is_stale:
        click.echo("词典或分词程序有变化，新词要重建后才生效：zhiku index rebuild")
