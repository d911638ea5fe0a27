"""`zhiku serve`: the web pages by waitress, with the drainer beside them."""

from __future__ import annotations

import logging

import click

from zhiku.bootstrap import Zhiku


@click.command("serve")
@click.option("--host", help="监听地址，默认 127.0.0.1。")
@click.option("--port", type=click.IntRange(0, 65535), help="端口，默认 8000。")
@click.pass_obj
def serve_command(app: Zhiku, host: str | None, port: int | None) -> None:
    """启动网页服务，并在后台把改动更新到索引。按 Ctrl+C 结束。"""
    import waitress

    from zhiku.web.app import create_app

    app.require_database()
    settings = app.settings
    address, number = host or settings.host, settings.port if port is None else port
    try:
        server = waitress.create_server(
            create_app(app),
            host=address,
            port=number,
            threads=settings.threads,
            ident="zhiku",
            # With proxies that are trusted, the application itself reads their headers (ProxyFix in web/security.py).
            clear_untrusted_proxy_headers=settings.trusted_proxies == 0,
        )
    except OSError as error:
        raise click.ClickException(
            f"不能在 {address}:{number} 启动（{error.strerror}）。可能端口已被占用，请用 --port 换一个。"
        ) from error
    # waitress warns for every request that waits a moment; that is what its queue is for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    problem = app.engine.status().problem
    if problem:
        click.echo(f"提醒：{problem}", err=True)
    drainer = app.drainer()
    drainer.start()
    app.completer.start()
    app.did_you_mean.start()
    app.problem_words.start()
    click.echo(f"智库已启动：http://{address}:{number}{settings.url_prefix}/ （按 Ctrl+C 结束）")
    where = "ZHIKU_BUREAU_KEY" if settings.bureau_key else str(settings.bureau_key_file)
    click.echo(f"老干部局页面：http://{address}:{number}{settings.url_prefix}/bureau （口令见 {where}）")
    try:
        server.run()
    finally:
        server.close()
        drainer.stop()
