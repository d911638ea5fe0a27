"""The demo county, imported and indexed once, and its judged queries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from tests import factories
from zhiku import demo
from zhiku.bootstrap import Zhiku
from zhiku.cli.demo import KINDS_IN_ORDER
from zhiku.config import Settings
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import Role
from zhiku.services.importing.report import Report
from zhiku.services.importing.run import import_file
from zhiku.services.reference_data import load_reference_data

JUDGED = Path(__file__).parent / "demo"


@dataclass(frozen=True)
class DemoCounty:
    """The demo county, opened, and what its import said."""

    home: Path
    zhiku: Zhiku
    reports: Mapping[str, Report]


@pytest.fixture(scope="session")
def demo_county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoCounty]:
    home = tmp_path_factory.mktemp("demo")
    zhiku = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home)}))
    zhiku.prepare_database()
    load_reference_data(zhiku.sessions)
    reports = {}
    for kind in KINDS_IN_ORDER:
        with resources.as_file(resources.files(demo).joinpath(f"{kind}.csv")) as path:
            now = datetime(2026, 11, 23, tzinfo=UTC)
            reports[kind] = import_file(zhiku.sessions, kind, path, now, division=zhiku.settings.division)
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        factories.an_account(session, Role.BUREAU)
    zhiku.indexing.rebuild()
    yield DemoCounty(home, zhiku, reports)
    zhiku.close()


@pytest.fixture(scope="session")
def queries() -> dict[str, str]:
    """Query id -> what a clerk types."""
    lines = (JUDGED / "queries.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


@pytest.fixture(scope="session")
def judgements() -> list[tuple[str, str, int]]:
    """(query id, name of a person, grade)."""
    rows = [line.split() for line in (JUDGED / "qrels.txt").read_text(encoding="utf-8").splitlines()]
    return [(query, name, int(grade)) for query, _, name, grade in rows]
