"""`zhiku import` and `zhiku export` as a clerk runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select

from tests.unit import rosters
from zhiku.bootstrap import Zhiku
from zhiku.cli.export import export_group
from zhiku.cli.import_ import import_group
from zhiku.config import Settings
from zhiku.domain.experts import Expert, ExpertStatus

ROSTER = "姓名,性别,出生年月,电话\n张水生,男,1950.03,13812345678\n李阳春,女,1811.01,\n"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Zhiku]:
    monkeypatch.chdir(tmp_path)
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path / "home"), "ZHIKU_MAX_IMPORT_MB": "1"}))
    opened.prepare_database()
    rosters.prepare(opened.sessions)
    yield opened
    opened.close()


def run(app: Zhiku, *arguments: str) -> Result:
    group = {"import": import_group, "export": export_group}[arguments[0]]
    return CliRunner().invoke(group, list(arguments[1:]), obj=app)


def people(app: Zhiku) -> int:
    with app.sessions() as session:
        return session.scalar(select(func.count()).select_from(Expert)) or 0


def test_a_dry_run_is_the_default_and_leaves_a_report(app: Zhiku, tmp_path: Path) -> None:
    rosters.csv(tmp_path / "名册.csv", ROSTER)
    result = run(app, "import", "experts", "名册.csv")
    assert result.exit_code == 0 and "试运行" in result.output and people(app) == 0
    assert "第 3 行 李阳春 未导入：出生日期“1811-01”不合理" in result.output and "13812345678" not in result.output
    (report,) = tmp_path.glob("专家导入报告-名册-*.xlsx")
    assert report.name in result.output


def test_apply_stores_the_good_rows_with_the_status_asked_for(app: Zhiku, tmp_path: Path) -> None:
    rosters.csv(tmp_path / "名册.csv", ROSTER)
    result = run(app, "import", "experts", "名册.csv", "--apply", "--status", "published", "--report", "报告.csv")
    assert result.exit_code == 0 and "已写入 1 行；1 行有误没有写入" in result.output
    with app.sessions() as session:
        (person,) = session.scalars(select(Expert))
    assert person.status is ExpertStatus.PUBLISHED
    assert "张水生" in (tmp_path / "报告.csv").read_text("utf-8-sig")
    again = run(app, "import", "experts", "名册.csv", "--apply", "--report", "报告.csv")
    assert "无变化 1" in again.output


def test_an_unusable_file_is_one_sentence_and_exit_code_2(app: Zhiku, tmp_path: Path) -> None:
    (tmp_path / "名册.xlsx").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (tmp_path / "大.xlsx").write_bytes(b"x" * (2 << 20))
    for name in ("名册.xlsx", "大.xlsx", "没有.xlsx"):
        result = run(app, "import", "experts", name, "--apply")
        assert result.exit_code == 2 and "没有导入：" in result.output and "Traceback" not in result.output
    assert list(tmp_path.glob("*报告*")) == [] and people(app) == 0


def test_the_report_never_replaces_the_roster(app: Zhiku, tmp_path: Path) -> None:
    roster = rosters.csv(tmp_path / "名册.csv", ROSTER)
    for report in ("名册.csv", "没有/报告.xlsx", "报告.doc"):
        result = run(app, "import", "experts", "名册.csv", "--apply", "--report", report)
        assert result.exit_code == 2 and people(app) == 0
    assert roster.read_text("utf-8") == ROSTER


def test_the_screen_shows_forty_rows_and_points_to_the_report(app: Zhiku, tmp_path: Path) -> None:
    rows = "".join(f"{name},男,1811.01\n" for name in ["张水生"] * 50)
    rosters.csv(tmp_path / "名册.csv", f"姓名,性别,出生年月\n{rows}")
    result = run(app, "import", "experts", "名册.csv")
    assert result.output.count("不合理") == 40 and "还有 10 行，见报告" in result.output


def test_every_kind_is_imported_and_exported(app: Zhiku, tmp_path: Path) -> None:
    rosters.csv(tmp_path / "部门.csv", "名称,简称\n县水利局,水利局\n")
    rosters.csv(tmp_path / "名册.csv", "姓名,性别\n张水生,男\n")
    rosters.csv(tmp_path / "建议.csv", "提交日期,作者,事由,建议\n2026-06-01,张水生,装报警,装一套\n")
    rosters.csv(tmp_path / "服务.csv", "日期,专家,方式,事项\n2025-06-07,张水生,咨询,看涵管\n")
    kinds = {"departments": "部门.csv", "experts": "名册.csv", "suggestions": "建议.csv", "services": "服务.csv"}
    for kind, name in kinds.items():
        assert "新增 1" in run(app, "import", kind, name, "--apply").output
        result = run(app, "export", kind, f"{kind}.xlsx")
        assert result.exit_code == 0 and "已导出 1 行" in result.output
        refused = run(app, "export", kind, f"{kind}.xlsx")
        assert refused.exit_code == 1 and "--force" in refused.output
        assert run(app, "export", kind, f"{kind}.xlsx", "--force").exit_code == 0
        assert "无变化 1" in run(app, "import", kind, f"{kind}.xlsx", "--apply").output
