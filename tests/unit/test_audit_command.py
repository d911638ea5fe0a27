"""`zhiku audit`: what it prints and how it ends; and whom the audit names for commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import NOW
from tests.unit.test_audit_chain import tamper
from zhiku.bootstrap import Zhiku
from zhiku.cli.audit import audit_group
from zhiku.cli.operator import login_name, operator
from zhiku.config import Settings
from zhiku.domain.actors import Actor
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError, begin_writing
from zhiku.services.audit_log import AuditFilter

Run = Callable[..., Result]


@pytest.fixture
def zhiku(tmp_path: Path) -> Iterator[Zhiku]:
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path / "home")}))
    opened.prepare_database()
    with opened.sessions.begin() as session:
        begin_writing(session)
        notes = [Note(Action.SIGNED_IN, "account", str(number)) for number in range(1, 41)]
        append(session, notes, NOW, Actor(1, "刘小燕", "liaison", "10.0.0.1"))
    yield opened
    opened.close()


@pytest.fixture
def run(zhiku: Zhiku) -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(audit_group, list(arguments), obj=zhiku)

    return call


def test_a_whole_chain_ends_well_and_gives_its_last_hash(zhiku: Zhiku, run: Run) -> None:
    result = run("verify")
    assert result.exit_code == 0 and "审计记录完整：共 40 条" in result.output
    assert zhiku.audit_log.verify().last_hash in result.output


def test_a_broken_chain_names_the_first_broken_link_and_ends_with_one(zhiku: Zhiku, run: Run) -> None:
    tamper(zhiku.database, "UPDATE audit_events SET address = '' WHERE id IN (17, 30)")
    result = run("verify")
    assert result.exit_code == 1
    assert "第 17 条：内容和它的校验值对不上" in result.output and "此前的 16 条完整" in result.output


def test_events_are_exported_archived_and_the_archive_is_compared(zhiku: Zhiku, run: Run, tmp_path: Path) -> None:
    table, archive = str(tmp_path / "a.xlsx"), str(tmp_path / "a.jsonl.gz")
    assert "已导出 40 条" in run("export", table, "--who", "刘小燕", "--since", "2026-11-23").output
    refused = run("export", table)
    assert refused.exit_code == 1 and "已经存在" in refused.output
    assert "已导出 41 条" in run("export", table, "--force").output
    assert "已把 42 条审计记录存档" in run("export", archive).output
    result = run("verify", "--archive", archive)
    assert result.exit_code == 0 and "42 条都和库里的一致" in result.output
    tamper(
        zhiku.database,
        "DELETE FROM audit_events WHERE id > 40",
        "UPDATE audit_head SET last_id = 40, last_hash = (SELECT hash FROM audit_events WHERE id = 40)",
    )
    assert run("verify").exit_code == 0
    result = run("verify", "--archive", archive)
    assert result.exit_code == 1 and "不一致" in result.output and "第 41 条" in result.output
    Path(archive).write_bytes(b"x")
    assert isinstance(run("verify", "--archive", archive).exception, DomainError)


def test_an_archive_of_a_part_is_refused_since_nothing_could_be_compared_with_it(run: Run, tmp_path: Path) -> None:
    result = run("export", str(tmp_path / "a.jsonl"), "--who", "刘小燕")
    assert result.exit_code == 1 and "只能用 --until" in result.output
    assert "已把 0 条" in run("export", str(tmp_path / "a.jsonl"), "--until", "2026-11-22").output


def test_events_are_shown_newest_first_and_one_by_one(run: Run) -> None:
    listed = run("show", "--limit", "2").output.splitlines()
    assert listed[0] == "40\t2026年11月23日 10:00:00 刘小燕（联络员）登录" and "还有更早的" in listed[-1]
    assert run("show", "--who", "没有这个人").output == "没有符合条件的审计记录。\n"
    one = run("show", "3").output
    assert "第 3 条" in one and "来源地址：10.0.0.1" in one and "这一条的校验值" in one
    assert isinstance(run("show", "4711").exception, DomainError)
    assert run("show", "--action", "nonsense").exit_code == 2


def test_there_is_no_command_that_removes_events() -> None:
    assert set(audit_group.commands) == {"verify", "export", "show"}


# -- who types commands ------------------------------------------------------------------------------------------


def test_a_command_is_noted_with_the_user_of_the_operating_system(tmp_path: Path) -> None:
    """Not with what the environment says: anybody can set that."""
    home = tmp_path / "home"
    environment = {**os.environ, "ZHIKU_HOME": str(home), "USER": "somebody", "LOGNAME": "somebody", "SUDO_USER": "x"}
    subprocess.run([sys.executable, "-m", "zhiku.cli.main", "db", "init"], env=environment, check=True)
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home)}))
    names = {entry.who for entry in opened.audit_log.page(AuditFilter(), size=1_000).entries}
    opened.close()
    assert names == {operator().name} and "somebody" not in operator().name
    assert operator().name.startswith("命令行 ") and operator().account_id is None


@pytest.mark.parametrize(("content", "name"), [("4294967295", ""), ("", ""), ("x", ""), ("987654321", "987654321")])
def test_who_signed_in_to_the_machine_is_told_where_it_is_known(tmp_path: Path, content: str, name: str) -> None:
    source = tmp_path / "loginuid"
    source.write_text(content, encoding="ascii")
    assert login_name(source) == name
    assert login_name(tmp_path / "nowhere") == ""


def test_index_work_is_no_event(zhiku: Zhiku) -> None:
    before = zhiku.audit_log.verify().last_id
    zhiku.indexing.rebuild()
    zhiku.indexing.drain()
    zhiku.indexing.repair(zhiku.indexing.verify())
    assert zhiku.audit_log.verify().last_id == before
