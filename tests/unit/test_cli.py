"""The `zhiku` command as a whole: help, version, and errors that become one sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from zhiku import __version__
from zhiku.cli.main import cli


def run(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a user runs it."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")}
    env |= {"ZHIKU_HOME": str(home), **variables}
    command = [sys.executable, "-m", "zhiku.cli.main", *arguments]
    return subprocess.run(command, env=env, capture_output=True, encoding="utf-8", check=False, timeout=120)


def test_help_names_every_group_in_chinese() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output
    for name, said in {
        "db": "数据库", "demo": "示例数据", "import": "导入", "export": "导出", "index": "索引", "search": "查找专家",
        "serve": "网页", "evaluate": "检索质量",
    }.items():  # fmt: skip
        line = next(line for line in shown.splitlines() if line.split()[:1] == [name])
        assert said in line


def test_the_version_is_the_packages() -> None:
    assert CliRunner().invoke(cli, ["--version"]).output == f"zhiku, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        (("search", "水库"), "zhiku db init"),
        (("demo", "load"), "zhiku db init"),
        (("index", "rebuild"), "zhiku db init"),
        (("index", "verify"), "zhiku db init"),
        (("serve", "--port", "0"), "zhiku db init"),
    ],
)
def test_without_a_database_every_command_says_how_to_make_one(
    tmp_path: Path, arguments: tuple[str, ...], advice: str
) -> None:
    result = run(tmp_path, *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith("错误：") and advice in result.stderr
    assert "Traceback" not in result.stderr and result.stderr.count("\n") == 1


def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    result = run(tmp_path, "index", "status", ZHIKU_PORT="eighty")
    assert result.returncode == 1
    assert result.stderr == "错误：环境变量 ZHIKU_PORT 的值“eighty”不能使用：请填写 0 到 65535 之间的整数\n"


def test_without_an_index_a_search_says_how_to_make_one_and_then_finds(tmp_path: Path) -> None:
    assert run(tmp_path, "db", "init").returncode == 0
    refused = run(tmp_path, "search", "水库")
    assert refused.returncode == 1 and "zhiku index rebuild" in refused.stderr
    assert run(tmp_path, "index", "rebuild").returncode == 0
    assert run(tmp_path, "search", "水库").returncode == 0
    assert run(tmp_path, "index", "verify").returncode == 0


def test_chinese_is_printed_whatever_the_locale(tmp_path: Path) -> None:
    result = run(tmp_path, "db", "init", LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert result.returncode == 0
    assert "数据库已就绪" in result.stdout


@pytest.mark.network
def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    import socket

    run(tmp_path, "db", "init")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = run(tmp_path, "serve", "--port", port)
    assert result.returncode == 1
    assert f"127.0.0.1:{port}" in result.stderr and "--port" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_of_every_command_needs_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKU_HOME", str(tmp_path))
    for group in (cli.commands["index"], cli.commands["import"], cli.commands["export"], cli.commands["db"]):
        assert isinstance(group, click.Group)
        for name in group.commands:
            result = CliRunner().invoke(cli, [str(group.name), name, "--help"])
            assert result.exit_code == 0 and "--help" in result.output
