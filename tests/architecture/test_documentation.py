"""The documents say what the program does: settings, commands, files, decisions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from tests.architecture.source import PACKAGE, ROOT, name_of, tracked_files
from zhiku.cli.main import cli
from zhiku.config import Settings

DOCS = ROOT / "docs"
OPERATIONS = (DOCS / "operations.md").read_text(encoding="utf-8")

#: A word of a command, such as `user` or `reset-totp`; and a call of one.
WORD = "[a-z]+(?:-[a-z]+)*"
CALL = re.compile(rf"(?:`|^|bin/)zhiku ((?:{WORD} ?)+)", re.MULTILINE)

#: Pictures are looked at over slow lines.
MAX_PICTURE = 300_000

MARKDOWN = sorted(path for path in tracked_files() if path.suffix == ".md")


def table(heading: str) -> dict[str, str]:
    """First column (without backticks) -> second column, of the first table below a heading of operations.md."""
    below = OPERATIONS.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in below.splitlines() if line.startswith("|")
    ]
    return {row[0].strip("`"): row[1] for row in rows[2:]}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command that does something, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def test_the_table_of_settings_has_every_variable_and_no_other() -> None:
    source = (PACKAGE / "config.py").read_text(encoding="utf-8")
    assert set(table("Settings")) == set(re.findall(r'"(ZHIKU_[A-Z_]+)"', source))


def test_the_table_of_settings_has_the_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({"ZHIKU_HOME": str(tmp_path)})
    for variable, default in table("Settings").items():
        shown = re.fullmatch(r"`([^`]*)`", default)
        if shown:
            assert shown.group(1) == str(getattr(settings, variable.removeprefix("ZHIKU_").lower())), variable
        else:
            # Said in words: the folders, and what is empty.
            assert variable in {
                "ZHIKU_HOME",
                "ZHIKU_DATABASE_URL",
                "ZHIKU_DATA_KEYS",
                "ZHIKU_DATA_KEYS_FILE",
                "ZHIKU_INDEX_DIR",
                "ZHIKU_TRUSTED_HOSTS",
                "ZHIKU_URL_PREFIX",
                "ZHIKU_PUBLIC_URL",
            }


def test_the_table_of_commands_has_every_command_and_no_other() -> None:
    word = re.compile(rf"{WORD}(?![A-Z.])")
    documented = {tuple(word.findall(row.split(" FILE")[0])[1:]) for row in table("Commands")}
    assert documented == {path for path, _ in commands(cli)}


def test_every_command_that_a_document_shows_exists() -> None:
    known = {path for path, _ in commands(cli)}
    groups = {path[:1] for path in known if len(path) > 1}
    for path in MARKDOWN:
        for call in CALL.findall(path.read_text(encoding="utf-8")):
            words = tuple(call.split())
            if words[0] in {name for name, *_ in known}:
                assert words[:1] in known or words[:2] in known or words in groups, f"{name_of(path)}: zhiku {call}"


@pytest.mark.parametrize(("words", "command"), list(commands(cli)), ids=lambda value: str(value))
def test_every_command_and_option_explains_itself_in_chinese(words: tuple[str, ...], command: click.Command) -> None:
    assert re.search("[\u4e00-\u9fff]", command.help or ""), words
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert re.search("[\u4e00-\u9fff]", parameter.help or ""), (words, parameter.name)


def test_every_link_between_documents_leads_somewhere() -> None:
    broken = [
        f"{name_of(path)}: {target}"
        for path in MARKDOWN
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
        if not target.startswith(("http://", "https://")) and not leads_somewhere(path, unquote(target))
    ]
    assert broken == []


def leads_somewhere(source: Path, target: str) -> bool:
    name, _, anchor = target.partition("#")
    file = (source.parent / name).resolve() if name else source
    return file.exists() and (not anchor or anchor in anchors_of(file))


def anchors_of(path: Path) -> set[str]:
    """The anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_file_that_a_document_names_is_there() -> None:
    named = re.compile(r"`((?:zhiku|scripts|tests|templates|docs)/[\w./-]+\.\w+|scripts/\w+\.py)`")
    missing = [
        f"{name_of(path)}: {name}"
        for path in MARKDOWN
        for name in named.findall(path.read_text(encoding="utf-8"))
        if not (ROOT / name).exists()
    ]
    assert missing == []


def test_decisions_have_their_three_parts_on_one_page_and_are_listed() -> None:
    decisions = sorted((DOCS / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    listed = (DOCS / "adr" / "README.md").read_text(encoding="utf-8")
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"], path.name
        assert len(text.split()) < 700, f"{path.name} is longer than a page"
        assert path.name in listed


def test_every_decision_that_the_code_speaks_of_exists() -> None:
    for path in tracked_files():
        if path.suffix in {".py", ".cfg", ".md"}:
            for number in re.findall(r"docs/adr/(\d{4})", path.read_text(encoding="utf-8")):
                assert list((DOCS / "adr").glob(f"{number}-*.md")), f"{name_of(path)}: docs/adr/{number}"


def test_pictures_are_small_and_used() -> None:
    texts = "".join(path.read_text(encoding="utf-8") for path in MARKDOWN)
    for picture in (DOCS / "images").iterdir():
        assert picture.stat().st_size < MAX_PICTURE, picture.name
        assert f"images/{picture.name}" in texts, f"{picture.name} is shown nowhere"
