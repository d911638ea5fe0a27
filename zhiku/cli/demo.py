"""`zhiku demo`: the fictional county, and an account of each role to look at it with."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import click
from sqlalchemy import select

from zhiku import demo
from zhiku.bootstrap import Zhiku
from zhiku.cli.progress import progress_bar
from zhiku.domain.accounts import SignInKind
from zhiku.domain.departments import Department
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Role, Scope
from zhiku.persistence.secret_file import keep_secret_file
from zhiku.services.accounts import AccountDraft, AccountGone
from zhiku.services.given_codes import fresh_code
from zhiku.services.importing.run import KINDS, import_file
from zhiku.services.sign_ins import SignedIn

#: In this order: suggestions and service records name experts and departments.
KINDS_IN_ORDER = ("departments", "experts", "suggestions", "services")


@dataclass(frozen=True, slots=True)
class DemoAccount:
    """A member of staff of the fictional county."""

    sign_in_name: str
    name: str
    role: Role


#: Who looks after the retiree of the demo.
LIAISON = "lianluo"

STAFF = (
    DemoAccount("bumen", "覃家和", Role.DEPARTMENT),
    DemoAccount(LIAISON, "周晓荷", Role.LIAISON),
    DemoAccount("ganbuju", "刘银发", Role.BUREAU),
    DemoAccount("lingdao", "郭远志", Role.LEADER),
    DemoAccount("guanli", "石守门", Role.ADMINISTRATOR),
)

#: Whose department the clerk belongs to, and the retiree, both of the fictional county.
DEPARTMENT, RETIREE = "县农业农村局", "李先槐"

PASSWORD_FILE = "demo-password"


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
    make_accounts(app)
    click.echo("示例账号已经备好，登录名和密码请看：zhiku demo accounts")


@demo_group.command("accounts")
@click.pass_obj
def accounts(app: Zhiku) -> None:
    """显示示例账号的登录名和密码，给示例老同志发一个新的进门码。密码是这台电脑上随机生成的。"""
    app.require_database()
    retiree = make_accounts(app)
    liaison = app.accounts.find(LIAISON)
    asker = SignedIn(
        0, liaison.id, liaison.name, LIAISON, Role.LIAISON, Scope(app.settings.division), SignInKind.PASSWORD, False
    )
    slip = app.entry_codes.issue(retiree, asker)
    click.echo("工作人员，在“登录”页用登录名和密码进入：")
    for one in STAFF:
        click.echo(f"  {one.sign_in_name}（{one.role.label}，{one.name}）")
    click.echo(f"  密码都是 {demo_password(app.settings.home)} （改过密码的，以改后的为准）")
    click.echo("  系统管理员第一次登录时，要用手机上的身份验证器应用扫码，以后每次登录还要输入应用里的六位数字。")
    click.echo("老同志，在“凭进门码进入”页输入进门码，不用密码：")
    click.echo(f"  {slip.name}：{slip.grouped} （只能用一次，每次运行这个命令换一个新的）")


def demo_password(home: Path) -> str:
    """The password of all accounts of the demo on this machine: made once, in the home, for its owner's eyes only."""
    fresh = fresh_code()
    content = keep_secret_file(home / PASSWORD_FILE, fresh.encode(), lambda data: len(data) == len(fresh))
    return content.decode("ascii")


def make_accounts(app: Zhiku) -> int:
    """Make the accounts that are missing; gives the id of the retiree's profile."""
    password, everything = demo_password(app.settings.home), Scope()
    with app.sessions() as session:
        department = session.scalar(
            select(Department.id)
            .where(Department.division_code == app.settings.division)
            .order_by(Department.name != DEPARTMENT, Department.id)
            .limit(1)
        )
        retiree = session.scalars(
            select(Expert.id)
            .where(Expert.status == ExpertStatus.PUBLISHED)
            .order_by(Expert.name != RETIREE, Expert.id)
            .limit(1)
        ).one()
    for one in STAFF:
        try:
            app.accounts.find(one.sign_in_name)
        except AccountGone:
            draft = AccountDraft(one.sign_in_name, one.name, one.role.value, app.settings.division, department)
            app.accounts.add(everything, draft, "", password)
    app.liaisons.assign([retiree], app.accounts.find(LIAISON).id, everything)
    return retiree
