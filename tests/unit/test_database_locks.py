"""Another program that opens and closes the database leaves the write-ahead log of a running server alone."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from zhiku.analysis.vector_cache import VectorCache
from zhiku.persistence.session import make_engine


def in_another_process(path: Path, statement: str) -> str:
    """What a program of its own reads; it closes the database when it ends."""
    code = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); print(c.execute(sys.argv[2]).fetchone()[0]); c.close()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), statement], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_what_a_server_writes_after_another_program_was_there_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "zhiku.db"
    engine = make_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE suggestions (subject TEXT)"))
    with engine.connect() as first, engine.connect() as second:
        # Two requests at once: the second connection is opened while the first one holds its locks.
        first.execute(text("SELECT count(*) FROM suggestions")).one()
        second.execute(text("SELECT count(*) FROM suggestions")).one()
        first.rollback()
        second.rollback()
        log = path.with_name("zhiku.db-wal").stat().st_ino
        assert in_another_process(path, "SELECT count(*) FROM suggestions") == "0"
        assert path.with_name("zhiku.db-wal").stat().st_ino == log, "the log of a running server was deleted"
        first.execute(text("INSERT INTO suggestions VALUES ('修渠')"))
        first.commit()
        assert in_another_process(path, "SELECT subject FROM suggestions") == "修渠"
    engine.dispose()


class Numbers:
    """Stands for an encoder: a vector for each text, made from its length."""

    name, version, dimensions = "numbers", "1", 512

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([[float(len(text) % 7 + 1)] * 512 for text in texts], np.float32)

    def warm_up(self) -> None:
        """Nothing to load."""


def test_a_cache_of_vectors_keeps_its_locks_too(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, Numbers())  # type: ignore[arg-type]
    cache.vectors(["修渠"])
    held = sqlite3.connect(cache.path)
    held.execute("BEGIN").execute("SELECT count(*) FROM vectors").fetchone()
    cache.vectors(["修坝"])
    log = cache.path.with_name(cache.path.name + "-wal")
    before = log.stat().st_ino
    in_another_process(cache.path, "SELECT count(*) FROM vectors")
    assert log.stat().st_ino == before
    held.close()
