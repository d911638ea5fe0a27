"""The plugin of tests/skips.py, in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["-n0", "-n2"])
def workers(request: pytest.FixtureRequest) -> str:
    """In one process, and in several, as scripts/test.py runs all tests."""
    chosen: str = request.param
    return chosen


def run_pytest(folder: Path, content: str, ci: str, workers: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(content, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    env = dict(os.environ, CI=ci, PYTHONPATH=str(ROOT))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.skips", "-p", "no:cacheprovider", workers]
    return subprocess.run(
        [*command, "test_it.py"], cwd=folder, env=env, capture_output=True, encoding="utf-8", check=False
    )


def skipping(reason: str) -> str:
    return f"import pytest\ndef test_good(): pass\ndef test_it(): pytest.skip({reason!r})\n"


def test_an_unexpected_skip_fails_in_ci_and_says_why(tmp_path: Path, workers: str) -> None:
    result = run_pytest(tmp_path, skipping("no browser here"), ci="true", workers=workers)
    assert result.returncode == 1
    # The closing line is the last.
    assert "1 failed, 1 passed" in result.stdout.splitlines()[-1]
    assert "skipped in CI: no browser here" in result.stdout


def test_the_same_skip_is_a_skip_on_a_users_machine(tmp_path: Path, workers: str) -> None:
    result = run_pytest(tmp_path, skipping("no browser here"), ci="", workers=workers)
    assert result.returncode == 0
    assert "1 passed, 1 skipped" in result.stdout


@pytest.mark.parametrize(
    "reason", ["only on Windows: Task Scheduler", "the judged sets of ../shared/eval are not here"]
)
def test_an_allowed_reason_is_a_skip_in_ci_too(tmp_path: Path, workers: str, reason: str) -> None:
    assert run_pytest(tmp_path, skipping(reason), ci="true", workers=workers).returncode == 0


def test_a_file_that_skips_as_a_whole_fails_in_ci(tmp_path: Path, workers: str) -> None:
    result = run_pytest(
        tmp_path, "import pytest\npytest.importorskip('no_such_module_here')\n", ci="true", workers=workers
    )
    assert result.returncode != 0


def test_a_mark_and_a_fixture_that_skip_fail_in_ci(tmp_path: Path, workers: str) -> None:
    content = (
        "import pytest\n"
        "@pytest.fixture\ndef browser(): pytest.skip('none')\n"
        "@pytest.mark.skip(reason='later')\ndef test_marked(): pass\n"
        "@pytest.mark.skipif(True, reason='never')\ndef test_marked_if(): pass\n"
        "def test_with_fixture(browser): pass\n"
    )
    result = run_pytest(tmp_path, content, ci="true", workers=workers)
    # A fixture that skips fails in set-up, which pytest counts as an error.
    assert result.returncode == 1
    assert "passed" not in result.stdout and "skipped" not in result.stdout.splitlines()[-1]
