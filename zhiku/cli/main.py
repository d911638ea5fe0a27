"""The `zhiku` command: its groups, and how errors become one clear sentence."""

from __future__ import annotations

import sys

import click
from sqlalchemy.exc import DatabaseError

from zhiku import __version__
from zhiku.bootstrap import Zhiku, configure_logging
from zhiku.cli.audit import audit_group
from zhiku.cli.database import database_group
from zhiku.cli.demo import demo_group
from zhiku.cli.evaluate import evaluate_command
from zhiku.cli.export import export_group
from zhiku.cli.import_ import import_group
from zhiku.cli.index import index_group
from zhiku.cli.keys import keys_group
from zhiku.cli.lexicon import lexicon_group
from zhiku.cli.operator import operator
from zhiku.cli.search import search_command
from zhiku.cli.serve import serve_command
from zhiku.cli.suggest import suggest_group
from zhiku.cli.token import token_group
from zhiku.cli.user import user_group
from zhiku.config import Settings, SettingsError
from zhiku.domain.actors import acting_as
from zhiku.domain.base import DomainError
from zhiku.search.port import IndexProblem

#: Exit codes beside click's own (2 for a wrong call): the sentence on standard error says what to do.
FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zhiku")
@click.pass_context
def cli(context: click.Context) -> None:
    """zhiku 智库：县级人才智库的知识库与检索。"""
    settings = Settings.from_env()
    configure_logging(settings.log_level)
    context.obj = Zhiku.open(settings)
    context.call_on_close(context.obj.close)
    context.with_resource(acting_as(operator()))


for command in (
    audit_group,
    database_group,
    demo_group,
    evaluate_command,
    export_group,
    import_group,
    index_group,
    keys_group,
    lexicon_group,
    search_command,
    serve_command,
    suggest_group,
    token_group,
    user_group,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the `zhiku` command."""
    _use_utf8()
    try:
        cli(standalone_mode=True, prog_name="zhiku")
    except (DomainError, IndexProblem, SettingsError) as error:
        click.echo(f"错误：{error}", err=True)
    except DatabaseError as error:
        click.echo(f"错误：数据库操作没有成功（{error.orig}）。请稍后再试；没有任何改动被保存。", err=True)
    sys.exit(FAILED)


def _use_utf8() -> None:
    # A Windows console or a cron job without a locale would otherwise fail on the first Chinese character.
    for stream in (sys.stdout, sys.stderr):
        if (stream.encoding or "").lower().replace("-", "") != "utf8" and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")


if __name__ == "__main__":
    main()
