"""`zhiku serve`: the web pages by waitress, in one process or several, with the drainer beside them."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from socket import socket
from types import FrameType

import click

from zhiku.bootstrap import Zhiku
from zhiku.config import Settings

#: Processes when nobody says how many: what an office needs, and each takes some hundred megabytes.
MOST_BY_ITSELF = 4


@click.command("serve")
@click.option("--host", help="监听地址，默认 127.0.0.1。")
@click.option("--port", type=click.IntRange(0, 65535), help="端口，默认 8000。")
@click.option("--processes", type=click.IntRange(0, 64), help="进程数；默认每个处理器核心一个，最多 4 个。")
@click.pass_obj
def serve_command(app: Zhiku, host: str | None, port: int | None, processes: int | None) -> None:
    """启动网页服务，并在后台把改动更新到索引。按 Ctrl+C 结束。"""
    from zhiku.web import serving

    app.require_database()
    if not app.accounts.has_administrator():
        click.echo("提醒：还没有能用的系统管理员。请运行：zhiku user add 登录名 --name 姓名", err=True)
    settings = replace(app.settings, host=host or app.settings.host)
    count = processes_of(settings.processes if processes is None else processes)
    number = settings.port if port is None else port
    try:
        sockets = serving.bind(settings.host, number)
    except OSError as error:
        raise click.ClickException(
            f"不能在 {settings.host}:{number} 启动（{error.strerror}）。可能端口已被占用，请用 --port 换一个。"
        ) from error
    settings = replace(settings, port=sockets[0].getsockname()[1])
    try:
        if count == 1:
            serve_alone(app, settings, sockets)
        else:
            # Workers open what they need for themselves.
            app.close()
            serve_by_workers(settings, sockets, count)
    finally:
        serving.close(sockets)


def processes_of(wanted: int) -> int:
    """How many processes serve: as many as wanted, or for 0 one for each core that we may use, `MOST_BY_ITSELF` at
    most. Windows gets one: nobody has measured there how fairly processes share a socket."""
    if wanted:
        return wanted
    if sys.platform == "win32":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_BY_ITSELF)


def serve_alone(app: Zhiku, settings: Settings, sockets: Sequence[socket]) -> None:
    """Serve in this process until a signal."""
    from zhiku.web.serving import PageServer

    server = PageServer(app, sockets)
    end_with_signals(server.stop)
    server.run(lambda: announce(settings, app.engine.status().problem))


def serve_by_workers(settings: Settings, sockets: Sequence[socket], count: int) -> None:
    """Serve in so many other processes until a signal."""
    from zhiku.web.workers import Workers

    workers = Workers(settings, sockets, count)
    end_with_signals(workers.stop)
    workers.run(lambda problem: announce(settings, problem))


def end_with_signals(stop: Callable[[], None]) -> None:
    """Ctrl+C and SIGTERM call `stop`; another one ends the process at once."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        stop()

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, on_signal)
        signal.signal(signal.SIGTERM, on_signal)


def announce(settings: Settings, problem: str) -> None:
    """Say that the pages are there, where, and what is wrong with the index."""
    if problem:
        click.echo(f"提醒：{problem}", err=True)
    address = f"http://{settings.host}:{settings.port}{settings.url_prefix}"
    click.echo(f"智库已启动：{address}/ （按 Ctrl+C 结束）")
    # Into a file or a pipe as well, where somebody waits for it.
    sys.stdout.flush()
