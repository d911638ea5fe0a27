"""`zhiku lexicon`: what it prints, what it stores, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zhiku.bootstrap import Zhiku
from zhiku.cli.lexicon import lexicon_group
from zhiku.config import Settings
from zhiku.domain.base import DomainError

Run = Callable[..., Result]


@pytest.fixture
def zhiku(tmp_path: Path) -> Iterator[Zhiku]:
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path / "home")}))
    opened.prepare_database()
    yield opened
    opened.close()


@pytest.fixture
def run(zhiku: Zhiku) -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(lexicon_group, list(arguments), obj=zhiku)

    return call


def test_a_group_is_added_listed_and_removed(zhiku: Zhiku, run: Run) -> None:
    assert "第 1 组，立即生效" in run("add", "补坝=筑坝", "修坝", "--note", "水利局").output
    assert "已经在第 1 组里" in run("add", "修坝", "拦河").output
    assert run("list").output == "1\t补坝、筑坝、修坝\t水利局\n2\t修坝、拦河\n"
    assert "共 2 条，只列出 1 条" in run("list", "--limit", "1").output
    assert "已删除" in run("remove", "1").output
    assert [group.members for group in zhiku.lexicon.all_groups()] == [("修坝", "拦河")]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "补坝"), "两种不同的说法"),
        (("remove", "99"), "已经被删除"),
        (("remove", "9" * 30), "没有这样的组"),
        (("remove", "--words", "坼坝岭"), "词语里没有"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_of_the_domain(run: Run, arguments: tuple[str, ...], told: str) -> None:
    result = run(*arguments)
    assert isinstance(result.exception, DomainError) and told in str(result.exception)


def test_words_wait_for_a_rebuild_and_bad_ones_are_named(zhiku: Zhiku, run: Run) -> None:
    result = run("add", "--words", "坼坝岭", "岭")
    assert result.exit_code == 1 and "只有一个字" in result.output and "zhiku index rebuild" in result.output
    assert run("list", "--words").output.splitlines()[0] == "坼坝岭"
    zhiku.indexing.rebuild()
    assert run("list", "--words").output == "坼坝岭\n"
    assert "删除 1 个词语要在下次重建" in run("remove", "--words", "坼坝岭").output


def test_an_import_is_a_dry_run_unless_applied(zhiku: Zhiku, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "groups.txt"
    path.write_text("补坝 筑坝\n只有一个\n", encoding="utf-8")
    dry = run("import", str(path))
    assert "第 2 行没有用" in dry.output and "--apply" in dry.output and not zhiku.lexicon.all_groups()
    assert "新加了 1" in run("import", str(path), "--apply").output
    assert "新加了 0" in run("import", str(path), "--apply").output
    missing = run("import", str(tmp_path / "nowhere.txt"))
    assert missing.exit_code == 2 and "没有导入：找不到文件" in missing.output


def test_what_is_exported_says_how_much(zhiku: Zhiku, run: Run, tmp_path: Path) -> None:
    run("add", "补坝", "筑坝")
    assert "已导出 1 组同义词" in run("export", str(tmp_path / "out.xlsx")).output
    refused = run("export", str(tmp_path / "out.xlsx"))
    assert isinstance(refused.exception, DomainError) and "--force" in str(refused.exception)
    assert run("export", str(tmp_path / "out.xlsx"), "--force").exit_code == 0
    assert isinstance(run("export", str(tmp_path / "out.pdf")).exception, DomainError)
