"""`zhiku search`: the same answer as the page, in the terminal."""

from __future__ import annotations

import click

from zhiku.bootstrap import Zhiku
from zhiku.search.intent import Intent
from zhiku.search.port import FACETS
from zhiku.services.answers import FACET_LABELS, Answer, PersonFound
from zhiku.services.evidence import Evidence


@click.command("search")
@click.argument("query", default="")
@click.option("--page", type=click.IntRange(min=1), default=1, help="第几页。")
@click.option(
    "--by",
    type=click.Choice(["auto", "name", "topic"]),
    default="auto",
    help="name 只按姓名找，topic 只按专长找；默认自动判断。",
)
@click.option("--kw", "keywords", multiple=True, help="一段情况改用这些关键词找，可以多次给出。")
@click.pass_obj
def search_command(
    app: Zhiku, query: str, page: int, by: str, keywords: tuple[str, ...], **filters: tuple[str, ...]
) -> None:
    """按问题查找专家，例如：zhiku search "懂柑橘黄龙病的人"。"""
    app.require_database()
    if query:
        # A server has it ready; a command that answers once must wait for it.
        app.did_you_mean.prepare()
    show_answer(app.expert_search.search(query, filters=filters, page=page, intent=Intent(by), keywords=keywords))


for facet in FACETS:
    search_command.params.append(
        click.Option([f"--{facet}"], multiple=True, help=f"只看{FACET_LABELS[facet]}为此的人，可以多次给出。")
    )


def show_answer(answer: Answer) -> None:
    """Print an answer."""
    click.echo(answer.sentence)
    if answer.did_you_mean:
        click.echo(f"您是不是要找：{answer.did_you_mean}")
    for note in answer.notes:
        click.echo(note)
    if answer.keywords:
        click.echo(f"关键词：{'、'.join(answer.keywords)}（用 --kw 换成别的词）")
    if answer.intent is Intent.NAME and answer.by_topic:
        click.echo(f"按专长可以找到 {answer.by_topic} 位（--by topic）。")
    elif answer.intent is not Intent.NAME and answer.by_name:
        click.echo(f"按姓名可以找到 {answer.by_name} 位（--by name）。")
    for position, person in enumerate(answer.people, 1):
        click.echo("")
        _show_person(position, person)
    if answer.pages > 1:
        click.echo(f"\n第 {answer.page} 页，共 {answer.pages} 页（--page N 翻页）。")
    if not answer.people:
        for field in answer.fields:
            click.echo(
                f"  {field.name}（{field.count}）：" + "、".join(f"{name} {count}" for name, count in field.subfields)
            )


def _show_person(position: int, person: PersonFound) -> None:
    title = f"{position}. {click.style(person.name, bold=True)}"
    about = " · ".join(filter(None, (person.former_unit, person.last_post, person.professional_title, person.township)))
    click.echo(f"{title}  {about}  [{person.availability_label}]")
    for evidence in person.evidence:
        click.echo(f"   - {_sentence(evidence)}（{_source(evidence)}）")


def _sentence(evidence: Evidence) -> str:
    return "".join(
        click.style(fragment.text, fg="yellow", bold=True) if fragment.is_match else fragment.text
        for fragment in evidence.fragments
    )


def _source(evidence: Evidence) -> str:
    if not evidence.date:
        return evidence.source
    updated = "更新于 " if evidence.kind == "profile" else ""
    return f"{evidence.source}，{updated}{evidence.date.isoformat()}"
