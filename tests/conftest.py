"""Fixtures that every test may use: a real database and a fixed clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from tests.keys import TEST_KEYS
from zhiku import migrations
from zhiku.persistence.session import make_engine, make_sessions

pytest_plugins = ["tests.skips"]

#: "Now" in tests that need a fixed time.
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    """A migrated SQLite database in a file, as in production."""
    engine = make_engine(f"sqlite:///{(tmp_path / 'zhiku.db').as_posix()}", TEST_KEYS)
    migrations.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def sessions(database: Engine) -> sessionmaker[Session]:
    return make_sessions(database, clock=lambda: NOW)
