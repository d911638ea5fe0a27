"""A pytest plugin: under CI=true a skip is a failure unless its reason stands here.

On a user's machine a test may skip because something is absent (a browser, the judged sets). In CI everything is
installed, so that a skip there means a test that silently stopped running.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator

import pytest

#: Reasons that are right in CI too, as regular expressions over the whole reason, and why.
ALLOWED = (
    # The judged sets may not be distributed; a checkout without them still has the demo county's own queries.
    r".*shared/eval.*",
    # What only another system can show.
    r"only on Windows.*",
    r"only on macOS.*",
)


def is_allowed(reason: str) -> bool:
    """Whether a test may skip for this reason in CI."""
    return any(re.fullmatch(pattern, reason, re.DOTALL) for pattern in ALLOWED)


def is_ci() -> bool:
    """Whether this run is CI's."""
    return os.environ.get("CI", "").lower() in ("true", "1")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that skips."""
    report = yield
    fail_unless_allowed(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that skips (`importorskip`)."""
    report = yield
    fail_unless_allowed(report)
    return report


def fail_unless_allowed(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that CI must not have into a failure. An expected failure (`xfail`) is none."""
    if not is_ci() or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    reason = reason.removeprefix("Skipped: ")
    if not is_allowed(reason):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason}\n(tests/skips.py lists the reasons that are allowed)"
