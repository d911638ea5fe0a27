"""`zhiku user`: the accounts of the staff, from the server: the first administrator, and the ways out of a dead end.

A password is never an argument, which the shell would remember: it is typed unseen, or made and shown once.
"""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.domain.base import DomainError
from zhiku.domain.permissions import Role, Scope
from zhiku.services.accounts import AccountDraft, AccountShown, GivenPassword
from zhiku.services.given_codes import new_form_key
from zhiku.services.passwords import MIN_LENGTH
from zhiku.services.sign_in import GIVEN_HOLDS

#: The server's user has the whole database anyway.
EVERYWHERE = Scope()

_GENERATE = click.option(
    "--generate", "is_generated", is_flag=True, help="由程序生成一次性密码，只显示一次；不加时请您输入两遍，不显示。"
)
_NAME = click.argument("sign_in_name", metavar="登录名")


class NoSuchDepartment(DomainError):
    """No department of this name, or several."""


@click.group("user")
def user_group() -> None:
    """工作人员的账号：第一位管理员在这里添加，以后在网页上管。"""


@user_group.command("add")
@_NAME
@click.option("--name", required=True, help="姓名，审计记录里显示。")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role if role.is_staff]),
    default=Role.ADMINISTRATOR.value,
    show_default=True,
    help="角色：" + "，".join(f"{role.value} {role.label}" for role in Role if role.is_staff) + "。",
)
@click.option("--division", default=None, help="管辖范围的区划代码；不写是本县，写 all 是全部。")
@click.option("--department", default="", help="所属部门的名称；角色是 department 时要写。")
@_GENERATE
@click.pass_obj
def add(
    app: Zhiku, sign_in_name: str, name: str, role: str, division: str | None, department: str, is_generated: bool
) -> None:
    """添加账号。第一位系统管理员就这样添加。"""
    app.require_database()
    prefix = app.settings.division if division is None else "" if division == "all" else division
    draft = AccountDraft(sign_in_name, name, role, prefix, _department(app, department))
    given = app.accounts.add(EVERYWHERE, draft, new_form_key(), _typed(is_generated))
    click.echo(f"已添加{Role.from_value(role).label} {given.sign_in_name}（{name}）。")
    _show(given, is_generated)
    if role == Role.ADMINISTRATOR.value:
        click.echo("系统管理员第一次登录时，要用手机设置动态口令，请准备好手机。")


@user_group.command("list")
@click.option("--role", type=click.Choice([role.value for role in Role]), default=None, help="只列出这个角色。")
@click.pass_obj
def list_command(app: Zhiku, role: str | None) -> None:
    """列出账号：登录名、姓名、角色、范围、状态、最近登录。"""
    app.require_database()
    number = 1
    while True:
        page = app.accounts.page(EVERYWHERE, role=Role.from_value(role) if role else None, page=number)
        for one in page.items:
            where = " ".join(part for part in (one.division, one.department) if part)
            click.echo("\t".join((one.sign_in_name or "-", one.name, one.role.label, where, _state(app, one))))
        if number >= page.pages:
            break
        number += 1
    if not page.total:
        click.echo("还没有账号。添加第一位系统管理员：zhiku user add 登录名 --name 姓名")


@user_group.command("disable")
@_NAME
@click.pass_obj
def disable(app: Zhiku, sign_in_name: str) -> None:
    """停用账号，各处的登录马上退出。最后一位系统管理员不能停用。"""
    app.require_database()
    shown = app.accounts.set_active(EVERYWHERE, app.accounts.find(sign_in_name).id, False)
    click.echo(f"已停用 {shown.sign_in_name}（{shown.name}）。")


@user_group.command("enable")
@_NAME
@click.pass_obj
def enable(app: Zhiku, sign_in_name: str) -> None:
    """重新启用账号。"""
    app.require_database()
    shown = app.accounts.set_active(EVERYWHERE, app.accounts.find(sign_in_name).id, True)
    click.echo(f"已启用 {shown.sign_in_name}（{shown.name}）。")


@user_group.command("password")
@_NAME
@_GENERATE
@click.pass_obj
def password(app: Zhiku, sign_in_name: str, is_generated: bool) -> None:
    """重设密码，同时解锁，各处的登录马上退出。"""
    app.require_database()
    account_id = app.accounts.find(sign_in_name).id
    given = app.accounts.reset_password(EVERYWHERE, account_id, new_form_key(), _typed(is_generated))
    click.echo(f"已重设 {given.sign_in_name} 的密码。")
    _show(given, is_generated)


@user_group.command("unlock")
@_NAME
@click.pass_obj
def unlock(app: Zhiku, sign_in_name: str) -> None:
    """解除输错密码后的锁定。"""
    app.require_database()
    shown = app.accounts.unlock(EVERYWHERE, app.accounts.find(sign_in_name).id)
    click.echo(f"已解锁 {shown.sign_in_name}（{shown.name}）。")


@user_group.command("reset-totp")
@_NAME
@click.pass_obj
def reset_totp(app: Zhiku, sign_in_name: str) -> None:
    """取消动态口令（手机丢了），各处的登录马上退出；系统管理员下次登录时重新设置。"""
    app.require_database()
    shown = app.accounts.reset_second_factor(EVERYWHERE, app.accounts.find(sign_in_name).id)
    click.echo(f"已取消 {shown.sign_in_name}（{shown.name}）的动态口令。")


def _typed(is_generated: bool) -> str | None:
    if is_generated:
        return None
    typed: str = click.prompt(
        f"密码（至少 {MIN_LENGTH} 个字符，输入时不显示）", hide_input=True, confirmation_prompt="再输入一遍"
    )
    return typed


def _show(given: GivenPassword, is_generated: bool) -> None:
    if is_generated:
        click.echo(f"一次性密码（只显示这一次，{GIVEN_HOLDS.days} 天内第一次登录时要换成自己的）：")
        click.echo(given.password)


def _state(app: Zhiku, account: AccountShown) -> str:
    parts = ["在用" if account.is_active else "已停用"]
    if account.locked_until:
        parts.append("锁定中")
    if account.has_second_factor:
        parts.append("有动态口令")
    if account.last_sign_in_at:
        parts.append(f"最近登录 {account.last_sign_in_at.astimezone(app.settings.zone):%Y-%m-%d %H:%M}")
    return "，".join(parts)


def _department(app: Zhiku, name: str) -> int | None:
    if not name:
        return None
    known = app.accounts.departments(EVERYWHERE)
    exact = [key for key, one in known if one == name]
    near = exact or [key for key, one in known if name in one]
    if len(near) != 1:
        said = "、".join(one for _, one in known if name in one) or "没有找到"
        raise NoSuchDepartment(f"请写部门的全名。名称里有“{name}”的：{said}。")
    return near[0]
