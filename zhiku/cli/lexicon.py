"""`zhiku lexicon`: the county's own words and synonyms, and the queries that nobody's words answered."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import click

from zhiku.bootstrap import Zhiku
from zhiku.domain.base import DomainError
from zhiku.services.importing import UnusableFile
from zhiku.services.lexicon import WordsWaiting, split_members
from zhiku.services.lexicon_files import FileReport, export_lexicon, import_groups, import_words

#: Who an entry says it is from.
BY = "命令行"

#: Refused entries that the screen shows.
SCREEN_ROWS = 40

#: Exit code when the file could not be used at all.
EXIT_UNUSABLE = 2

_WORDS = click.option("--words", "is_words", is_flag=True, help="指分词用的词语；不加时指同义词。")


class NoSuchEntry(DomainError):
    """There is no group and no word like this."""


@click.group("lexicon")
def lexicon_group() -> None:
    """本县的同义词（立即生效）和词语（重建索引后生效）。"""


@lexicon_group.command("list")
@_WORDS
@click.option("--unanswered", "is_unanswered", is_flag=True, help="列出没人答上的问题，问得多的在前。")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="最多列出几条。")
@click.pass_obj
def list_command(app: Zhiku, is_words: bool, is_unanswered: bool, limit: int) -> None:
    """列出同义词、词语或没人答上的问题。"""
    app.require_database()
    if is_unanswered:
        for one in islice(app.unanswered.all(), limit):
            day = one.last_asked_at.astimezone(app.settings.zone).strftime("%Y-%m-%d")
            click.echo(f"{one.times} 次\t{day}\t{one.answered_by}\t{one.text}")
        return
    if is_words:
        words = app.lexicon.all_words()
        for word in words[:limit]:
            click.echo(word)
        _say_waiting(app.lexicon.words_waiting())
        _say_more(len(words), limit)
        return
    groups = app.lexicon.all_groups()
    for group in groups[:limit]:
        click.echo(f"{group.id}\t{group.text}" + (f"\t{group.note}" if group.note else ""))
    _say_more(len(groups), limit)


@lexicon_group.command("add")
@click.argument("texts", nargs=-1, required=True, metavar="说法…")
@_WORDS
@click.option("--note", default="", help="同义词的备注。")
@click.pass_obj
def add(app: Zhiku, texts: tuple[str, ...], is_words: bool, note: str) -> None:
    """加一组同义词（例如 修水库 水库除险加固），或加词语。"""
    app.require_database()
    members = [member for text in texts for member in split_members(text)]
    if not is_words:
        for other in app.lexicon.groups_with(members):
            click.echo(f"提醒：有的说法已经在第 {other.id} 组里：{other.text}")
        group = app.lexicon.add_group(members, note, BY)
        click.echo(f"已保存第 {group.id} 组，立即生效：{group.text}")
        return
    report = app.lexicon.add_words(members, BY)
    for word, why in report.refused:
        click.echo(f"没有加“{word}”：{why}。", err=True)
    click.echo(f"加了 {len(report.added)} 个词语，{len(report.known)} 个本来就有。")
    _say_waiting(app.lexicon.words_waiting())
    if report.refused:
        raise click.exceptions.Exit(1)


@lexicon_group.command("remove")
@click.argument("entry", metavar="组号或词语")
@_WORDS
@click.pass_obj
def remove(app: Zhiku, entry: str, is_words: bool) -> None:
    """删除一组同义词（写 list 列出的组号），或一个词语。"""
    app.require_database()
    if is_words:
        if not app.lexicon.delete_words([entry]):
            raise NoSuchEntry(f"词语里没有“{entry}”。")
        click.echo(f"已删除词语“{entry}”。")
        _say_waiting(app.lexicon.words_waiting())
        return
    if not (entry.isascii() and entry.isdecimal() and len(entry) <= 9):
        found = app.lexicon.groups_with([entry])
        numbers = "、".join(f"{group.id}（{group.text}）" for group in found) or "没有这样的组"
        raise NoSuchEntry(f"请写组号。含有“{entry}”的组：{numbers}。")
    gone = app.lexicon.delete_group(int(entry))
    click.echo(f"已删除，立即生效：{gone.text}")


@lexicon_group.command("import")
@click.argument("file", type=click.Path(path_type=Path), metavar="文件")
@_WORDS
@click.option("--apply", "is_applied", is_flag=True, help="正式写入；不加时只试运行，不写入任何内容。")
@click.pass_obj
def import_command(app: Zhiku, file: Path, is_words: bool, is_applied: bool) -> None:
    """从文本（一行一组，或一行一个词）或 .xlsx 表导入。先试运行，核对无误后加 --apply。"""
    app.require_database()
    read = import_words if is_words else import_groups
    try:
        report = read(app.lexicon, file, app.settings.max_import_mb, BY, is_applied)
    except UnusableFile as error:
        click.echo(f"没有导入：{error}", err=True)
        raise click.exceptions.Exit(EXIT_UNUSABLE) from None
    _show(report, "个词语" if is_words else "组同义词", is_applied)
    if is_words and is_applied:
        _say_waiting(app.lexicon.words_waiting())


@lexicon_group.command("export")
@click.argument("file", type=click.Path(path_type=Path), metavar="文件")
@_WORDS
@click.option("--force", is_flag=True, help="文件已经存在时覆盖它。")
@click.pass_obj
def export_command(app: Zhiku, file: Path, is_words: bool, force: bool) -> None:
    """导出到 .xlsx 或 .txt 文件，改好后可以再导入。"""
    app.require_database()
    count = export_lexicon(app.lexicon, file, is_words=is_words, is_replacing=force)
    click.echo(f"已导出 {count} {'个词语' if is_words else '组同义词'}：{file}")


def _show(report: FileReport, what: str, is_applied: bool) -> None:
    for where, text, why in report.reasons[:SCREEN_ROWS]:
        shown = f"“{text}”" if text and not why.startswith("“") else ""
        click.echo(f"{where}没有用：{shown}{why}。")
    if report.refused > SCREEN_ROWS:
        click.echo(f"……还有 {report.refused - SCREEN_ROWS} 条没有用。")
    if is_applied:
        click.echo(f"文件里有 {report.good} {what}，新加了 {report.added}，没有用的 {report.refused} 条。")
    else:
        click.echo(f"试运行：文件里有 {report.good} {what}，没有用的 {report.refused} 条。核对无误后加 --apply 写入。")


def _say_waiting(waiting: WordsWaiting) -> None:
    if waiting.is_any:
        click.echo(
            f"新加 {waiting.to_come} 个、删除 {waiting.to_go} 个词语要在下次重建索引后才生效：zhiku index rebuild"
        )


def _say_more(count: int, limit: int) -> None:
    if count > limit:
        click.echo(f"共 {count} 条，只列出 {limit} 条（--limit）。")
