"""Maintenance: as little work as makes the index true, on a real database and index."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from tests import factories
from tests.unit.indexes import found
from zhiku.bootstrap import Zhiku
from zhiku.cli.main import cli
from zhiku.config import Settings
from zhiku.domain.experts import Expert
from zhiku.search.port import Change, IndexProblem, RebuildAtWork
from zhiku.services.maintenance import Outcome, maintain

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "reindex.py"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def app(home: Path) -> Iterator[Zhiku]:
    """An installation with a person and evidence, and no index yet."""
    app = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home)}))
    app.prepare_database()
    with app.sessions() as session, session.begin():
        factories.reference(session)
        expert = factories.an_expert(session, "张水生")
        factories.a_suggestion(session, authors=(expert,))
        factories.a_service_record(session, expert)
    yield app
    app.close()


@pytest.fixture
def indexed(app: Zhiku) -> Zhiku:
    app.indexing.rebuild()
    return app


def rewrite(app: Zhiku, summary: str) -> None:
    with app.sessions() as session, session.begin():
        session.get_one(Expert, 1).summary = summary


def rewrite_past_the_outbox(app: Zhiku) -> None:
    with app.sessions() as session, session.begin():
        session.execute(text("UPDATE experts SET summary = '懂榫卯'"))


def assert_true(app: Zhiku) -> None:
    report = app.indexing.verify()
    assert report.is_clean and report.pending == 0


# -- the service -------------------------------------------------------------------------------------------------


def test_without_an_index_it_builds_one(app: Zhiku) -> None:
    report = maintain(app.indexing, app.engine)
    assert (report.outcome, report.documents) == (Outcome.REBUILT, 3)
    assert report.reason.startswith("还没有建立索引")
    assert_true(app)


def test_a_true_index_is_left_alone(indexed: Zhiku) -> None:
    generation = indexed.engine.status().generation
    report = maintain(indexed.indexing, indexed.engine)
    assert (report.outcome, report.drained, report.differences) == (Outcome.CLEAN, 0, None)
    assert indexed.engine.status().generation == generation


def test_waiting_changes_are_drained_and_are_no_differences(indexed: Zhiku) -> None:
    rewrite(indexed, "懂榫卯")
    report = maintain(indexed.indexing, indexed.engine)
    assert (report.outcome, report.drained, report.differences) == (Outcome.CLEAN, 1, None)
    assert found(indexed.engine, "榫卯") == ["expert:1"]


def test_differences_are_repaired_without_a_rebuild(indexed: Zhiku) -> None:
    generation = indexed.engine.status().generation
    rewrite_past_the_outbox(indexed)
    indexed.engine.apply(lambda: [Change("service:1", ())])
    report = maintain(indexed.indexing, indexed.engine)
    assert report.outcome is Outcome.REPAIRED
    assert report.differences is not None
    assert (report.differences.stale, report.differences.missing) == (("expert:1",), ("service:1",))
    assert indexed.engine.status().generation == generation
    assert_true(indexed)


# Whoosh leaves the closing of files in which it failed to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_index_is_rebuilt(indexed: Zhiku) -> None:
    for path in indexed.settings.index_dir.rglob("*.seg"):
        path.write_bytes(b"damaged")
    indexed.engine.forget_snapshot()
    assert maintain(indexed.indexing, indexed.engine).outcome is Outcome.REBUILT
    assert_true(indexed)


def test_another_dictionary_makes_it_rebuild(indexed: Zhiku) -> None:
    indexed.lexicon.add_words(["除险加固法"], "测试")
    assert indexed.engine.status().is_stale
    report = maintain(indexed.indexing, indexed.engine)
    assert (report.outcome, report.reason) == (Outcome.REBUILT, "词典或分词程序有变化。")
    assert not indexed.engine.status().is_stale


def test_what_a_repair_cannot_mend_is_rebuilt(indexed: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite_past_the_outbox(indexed)
    monkeypatch.setattr(indexed.indexing, "repair", lambda report: 0)
    assert maintain(indexed.indexing, indexed.engine).outcome is Outcome.REBUILT
    assert_true(indexed)


def test_writes_that_come_while_it_compares_are_no_reason_to_rebuild(
    indexed: Zhiku, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify = indexed.indexing.verify
    written: list[str] = []

    def verify_late() -> object:
        if not written:
            written.append("懂榫卯")
            rewrite(indexed, "懂榫卯")
        return verify()

    monkeypatch.setattr(indexed.indexing, "verify", verify_late)
    assert maintain(indexed.indexing, indexed.engine).outcome is Outcome.REPAIRED


def test_it_does_not_wait_for_a_rebuild_that_is_at_work(app: Zhiku) -> None:
    generation = app.engine.begin_generation()
    with pytest.raises(RebuildAtWork):
        maintain(app.indexing, app.engine)
    generation.discard()
    assert maintain(app.indexing, app.engine).outcome is Outcome.REBUILT


# -- the commands ------------------------------------------------------------------------------------------------


def zhiku(home: Path, *arguments: str) -> Result:
    """Run a command as an installation of its own would, and give what it printed."""
    return CliRunner(env={"ZHIKU_HOME": str(home), "ZHIKU_INDEX_DIR": ""}).invoke(cli, arguments)


def test_status_without_an_index_says_what_to_run(app: Zhiku, home: Path) -> None:
    result = zhiku(home, "index", "status")
    assert (result.exit_code, result.stdout) == (1, "索引不可用：还没有建立索引。请运行：zhiku index rebuild\n")


def test_rebuild_drain_verify_and_status_tell_what_they_did(app: Zhiku, home: Path) -> None:
    rebuilt = zhiku(home, "index", "rebuild")
    assert rebuilt.exit_code == 0 and rebuilt.stdout.startswith("索引已重建：3 份文档")
    rewrite(app, "懂榫卯")
    waiting = zhiku(home, "index", "verify")
    assert waiting.exit_code == 3
    assert waiting.stdout.splitlines() == [
        "过时 1 份：expert:1",
        "另有 1 条改动等待更新（zhiku index drain）。",
        "请运行：zhiku index drain",
    ]
    assert "等待更新：1 条" in zhiku(home, "index", "status").stdout
    assert zhiku(home, "index", "drain").stdout == "已更新：1 条改动，3 项内容。\n"
    assert zhiku(home, "index", "verify").stdout == "索引与数据库一致：3 份文档。\n"
    status = zhiku(home, "index", "status")
    assert status.exit_code == 0
    assert "文档：3 份" in status.stdout and "等待更新：0 条" in status.stdout


def test_verify_repairs_when_asked_to(indexed: Zhiku, home: Path) -> None:
    rewrite_past_the_outbox(indexed)
    result = zhiku(home, "index", "verify", "--repair")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == ["过时 1 份：expert:1", "修复之后：", "索引与数据库一致：3 份文档。"]
    assert zhiku(home, "index", "verify").exit_code == 0


@pytest.mark.parametrize("command", ["drain", "verify"])
def test_commands_that_need_an_index_say_how_to_get_one(app: Zhiku, home: Path, command: str) -> None:
    result = zhiku(home, "index", command)
    assert isinstance(result.exception, IndexProblem)
    assert str(result.exception).endswith("zhiku index rebuild")


def test_maintain_tells_what_it_did(app: Zhiku, home: Path) -> None:
    first = zhiku(home, "index", "maintain")
    assert first.exit_code == 0
    assert first.stdout.startswith("需要重建：还没有建立索引。\n索引已重建：3 份文档")
    assert zhiku(home, "index", "maintain").stdout == "索引与数据库一致：3 份文档。\n"
    rewrite(app, "会唱戏")
    assert zhiku(home, "index", "maintain").stdout == "已更新 1 条改动。\n索引与数据库一致：3 份文档。\n"
    rewrite_past_the_outbox(app)
    repaired = zhiku(home, "index", "maintain").stdout
    assert repaired.splitlines() == ["已更新 1 条改动。", "过时 1 份：expert:1", "已修复，索引与数据库一致：3 份文档。"]


# -- the script --------------------------------------------------------------------------------------------------


def run_script(home: Path, *, python: Sequence[str] = (sys.executable,)) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ZHIKU_")}
    return subprocess.run(
        [*python, str(SCRIPT)],
        env={**environment, "ZHIKU_HOME": str(home), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_script_builds_then_repairs_then_finds_nothing_to_do(app: Zhiku, home: Path) -> None:
    built = run_script(home)
    assert (built.returncode, built.stdout.splitlines()[0]) == (0, "需要重建：还没有建立索引。")
    rewrite_past_the_outbox(app)
    repaired = run_script(home)
    assert repaired.returncode == 0 and "已修复" in repaired.stdout
    clean = run_script(home)
    assert (clean.returncode, clean.stdout) == (0, "索引与数据库一致：3 份文档。\n")
    assert_true(app)


def test_the_script_fails_with_a_sentence_and_code_1(home: Path) -> None:
    done = run_script(home)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip().splitlines()[-1] == "错误：数据库还没有建立，或版本不同。请运行：zhiku db init"
    assert "Traceback" not in done.stderr


def test_a_second_script_says_that_another_is_at_work(app: Zhiku, home: Path) -> None:
    generation = app.engine.begin_generation()
    done = run_script(home)
    assert done.returncode == 4
    assert done.stdout.startswith("另一个重建索引的任务正在运行")
    generation.discard()


def test_two_scripts_at_once_leave_a_true_index(app: Zhiku, home: Path) -> None:
    environment = {**os.environ, "ZHIKU_HOME": str(home)}
    both = [
        subprocess.Popen([sys.executable, str(SCRIPT)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        process.communicate(timeout=120)
    codes = sorted(process.returncode for process in both)
    assert codes in ([0, 0], [0, 4])
    assert_true(app)


def test_a_python_without_zhiku_hands_over_to_the_environment_of_the_checkout(
    app: Zhiku, home: Path, tmp_path: Path
) -> None:
    """`-S` leaves out the installed packages, as a system's own Python has none of ours."""
    scripts = tmp_path / "checkout" / "scripts"
    scripts.mkdir(parents=True)
    for name in ("reindex.py", "_venv.py", "_old_python.py"):
        (scripts / name).write_bytes((SCRIPT.parent / name).read_bytes())
    environment = {**os.environ, "ZHIKU_HOME": str(home), "PYTHONPATH": "", "PYTHONIOENCODING": "utf-8"}

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-S", str(scripts / "reindex.py")]
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=120, check=False)

    alone = run()
    assert alone.returncode == 1
    assert "智库还没有安装。请先运行：python3 scripts/demo.py --no-serve" in alone.stderr
    if os.name != "nt":  # where a symbolic link needs a privilege
        (tmp_path / "checkout" / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        handed_over = run()
        assert (handed_over.returncode, handed_over.stdout.splitlines()[0]) == (0, "需要重建：还没有建立索引。")
