"""`zhiku suggest`: what the program proposes for a suggestion."""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.services.department_routing import LikelyDepartment
from zhiku.services.suggestion_intake import normalize_number


@click.group("suggest")
def suggest_group() -> None:
    """为建议出主意：该交给哪个部门。"""


@suggest_group.command("department")
@click.argument("number")
@click.pass_obj
def department_command(app: Zhiku, number: str) -> None:
    """最可能承办一件建议的三个部门和理由。NUMBER 是建议的编号；写 - 就从标准输入读文字，第一行是事由。"""
    app.require_database()
    if number == "-":
        with click.open_file("-", encoding="utf-8", errors="replace") as typed:
            subject, _, text = typed.read().strip().partition("\n")
        show_departments(app.department_routing.likeliest(subject, text))
    else:
        show_departments(app.department_routing.for_suggestion(normalize_number(number) or number))


def show_departments(departments: tuple[LikelyDepartment, ...]) -> None:
    """Print departments with their shares and reasons."""
    if not departments:
        click.echo("没有部门的职责与它相符。请补充部门的职责，或由老干部局指定。")
    for position, department in enumerate(departments, 1):
        click.echo(f"{position}. {click.style(department.name, bold=True)}（{department.share:.0%}）")
        for reason in department.reasons:
            click.echo(f"   - {reason}")
