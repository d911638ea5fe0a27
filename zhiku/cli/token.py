"""`zhiku token`: keys of the API for the county's other systems."""

from __future__ import annotations

from datetime import datetime

import click

from zhiku.bootstrap import Zhiku
from zhiku.domain.permissions import Permission
from zhiku.services.api_tokens import DEFAULT_DAYS, MAX_DAYS, TokenRow, for_tokens


@click.group("token")
def token_group() -> None:
    """接口令牌：给县里其他系统查询用，只显示一次，到期失效，可以收回。"""


@token_group.command("add")
@click.argument("name", metavar="系统名称")
@click.option(
    "--may",
    "permissions",
    type=click.Choice([one.value for one in for_tokens()]),
    multiple=True,
    required=True,
    help="令牌的权限，可以写几次：" + "；".join(f"{one.value}（{one.label}）" for one in for_tokens()) + "。",
)
@click.option("--division", default=None, help="只看这个区划代码以内的，例如 430725；不写时是本机构的区划。")
@click.option("--days", type=int, default=DEFAULT_DAYS, show_default=True, help=f"有效天数，最多 {MAX_DAYS}。")
@click.pass_obj
def add(app: Zhiku, name: str, permissions: tuple[str, ...], division: str | None, days: int) -> None:
    """给一个系统发令牌。令牌只在这里显示一次。"""
    app.require_database()
    chosen = [Permission.from_value(value) for value in permissions]
    issued = app.api_tokens.issue(name, chosen, app.settings.division if division is None else division, days)
    click.echo(f"已发给“{issued.row.name}”，编号 {issued.row.id}，{_day(app, issued.row.expires_at)}到期。")
    click.echo("令牌（只显示这一次，请马上抄到那个系统的设置里）：")
    click.echo(issued.secret)


@token_group.command("list")
@click.pass_obj
def list_command(app: Zhiku) -> None:
    """列出令牌：编号、状态、到期、最近使用、区划、权限、名称。"""
    app.require_database()
    for row in app.api_tokens.listed():
        used = f"{_day(app, row.used_at)}用过" if row.used_at else "没用过"
        parts = (
            str(row.id),
            row.hint + "…",
            _state(row),
            f"{_day(app, row.expires_at)}到期",
            used,
            row.division_prefix or "全部区划",
            "、".join(one.value for one in row.permissions),
            row.name,
        )
        click.echo("\t".join(parts))


@token_group.command("revoke")
@click.argument("token_id", metavar="编号", type=int)
@click.pass_obj
def revoke(app: Zhiku, token_id: int) -> None:
    """收回一个令牌，立即失效。"""
    app.require_database()
    row = app.api_tokens.revoke(token_id)
    click.echo(f"已收回“{row.name}”的令牌，立即失效。")


def _day(app: Zhiku, at: datetime) -> str:
    return at.astimezone(app.settings.zone).strftime("%Y-%m-%d ")


def _state(row: TokenRow) -> str:
    if row.revoked_at is not None:
        return "已收回"
    return "已到期" if row.is_expired else "在用"
