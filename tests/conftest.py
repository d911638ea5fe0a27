"""Fixtures that every test may use: a real database and a fixed clock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from tests.databases import database_in
from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.normalize import normalize
from zhiku.analysis.segment import Segmenter, make_segmenter
from zhiku.persistence.session import make_sessions

pytest_plugins = ["tests.skips"]

# Commands that tests start would each compile all of zhiku: with this they may keep what was compiled (`__pycache__`).
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: "Now" in tests that need a fixed time.
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture(scope="session", autouse=True)
def segmenter() -> Segmenter:
    """The one that every new index asks for, kept so that each installation of a test finds it loaded."""
    return make_segmenter("auto", sorted(set(map(normalize, shipped_words()))))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """A migrated SQLite database in a file, as in production."""
    engine = database_in(tmp_path / "zhiku.db")
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(database: Engine) -> sessionmaker[Session]:
    return make_sessions(database, clock=lambda: NOW)
