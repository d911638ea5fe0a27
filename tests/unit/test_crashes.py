"""Real processes, really killed: whatever they were doing, searches never fail and one drain makes the index true."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import factories
from tests.unit.doomed import PEOPLE, STOP, Installation, look_after
from tests.unit.indexes import found
from zhiku import migrations
from zhiku.engines.whoosh.generations import MARKER

CHECKOUT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """People in a database, all of them indexed."""
    installation = Installation(tmp_path)
    migrations.upgrade(installation.database)
    with installation.sessions() as session, session.begin():
        factories.reference(session)
        for number in range(PEOPLE):
            expert = factories.an_expert(session, summary=f"修水库 {number}", fields=("水库堤防",))
            factories.a_suggestion(session, authors=(expert,))
            factories.a_service_record(session, expert)
    installation.indexing.rebuild()
    yield installation
    installation.close()


def doomed(role: str, home: Path, *numbers: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.unit.doomed", role, str(home), *map(str, numbers)],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def report_of(process: subprocess.Popen[str], timeout: float) -> dict[str, Any]:
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out)
    return report


def generations(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "index").iterdir() if path.is_dir())


def test_searches_never_fail_while_writers_and_rebuilds_are_killed(installation: Installation) -> None:
    home = installation.home
    searching = doomed("search", home)
    deadline = time.monotonic() + 60
    while not (home / "searching").exists():
        assert searching.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    kills = 60 if hasattr(os, "fork") else 6
    killed = report_of(doomed("kill", home, kills), 180)["killed"]
    (home / STOP).touch()
    searched = report_of(searching, 60)
    assert killed >= kills
    assert searched["failures"] == []
    assert searched["searches"] > 100
    assert look_after(home) == []
    # No lock outlives its process, and the next rebuild takes away what the killed ones left half-built.
    installation.indexing.rebuild()
    left = generations(home)
    assert len(left) <= 2 and all((home / "index" / name / MARKER).is_file() for name in left)
    assert found(installation.engine, "修水库")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="chosen points need fork to be quick; random ones run everywhere")
def test_a_process_killed_at_any_chosen_point_leaves_nothing_that_one_drain_does_not_mend(
    installation: Installation,
) -> None:
    report = report_of(doomed("points", installation.home, random.Random().randint(3, 30)), 300)
    assert report["problems"] == []
    # Not every point is reached a thirtieth time, but each is reached once.
    assert [life for life in report["survived"] if life.rpartition(" ")[0].endswith("(1):")] == []
    assert not [life for life in report["survived"] if not life.endswith("exit code 0")]
    installation.indexing.rebuild()
    assert len(generations(installation.home)) <= 2
    assert look_after(installation.home) == []
