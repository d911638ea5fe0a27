"""Migrated databases for tests: made once in a process by the migrations themselves, then copied."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from sqlalchemy import Engine

from tests.keys import TEST_KEYS
from zhiku import migrations
from zhiku.persistence.session import make_engine


def database_in(path: Path) -> Engine:
    """An engine on a new, migrated and empty SQLite database in this file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(_migrated())
    return make_engine(f"sqlite:///{path.as_posix()}", TEST_KEYS)


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory(prefix="zhiku-tests-") as folder:
        path = Path(folder) / "zhiku.db"
        engine = make_engine(f"sqlite:///{path.as_posix()}", TEST_KEYS)
        migrations.upgrade(engine)
        # The last connection to close leaves all of it in the one file.
        engine.dispose()
        return path.read_bytes()
