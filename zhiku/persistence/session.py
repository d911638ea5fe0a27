"""Database engines and sessions, with what SQLite needs to be safe with several processes."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.encryption import Keyring
from zhiku.persistence.audit import audit_session
from zhiku.persistence.outbox import WatchedSession, watch_session

#: How long a writer waits for another one before "database is locked". The import of a large roster may hold the write
#: lock for a minute on an old PC.
SQLITE_BUSY_TIMEOUT_MS = 90_000

#: The number of the lock that a writing transaction on PostgreSQL takes: "zhiku" in ASCII.
_WRITERS = 0x7A68696B75


def make_engine(database_url: str, keyring: Keyring | None = None) -> Engine:
    """An engine for this URL; for SQLite with WAL, foreign keys on, a busy timeout and immediate write transactions.

    Without a keyring everything works but encrypted columns, which raise `KeysUnusable`.
    """
    engine = _make_engine(database_url)
    use_keys(engine, keyring)
    return engine


def use_keys(engine: Engine, keyring: Keyring | None) -> None:
    """Let encrypted columns be read and written with these keys from now on."""
    engine.dialect.keyring = keyring  # type: ignore[attr-defined]


def engine_keys(engine: Engine) -> Keyring | None:
    """The keys that it works with."""
    keyring: Keyring | None = getattr(engine.dialect, "keyring", None)
    return keyring


def _make_engine(database_url: str) -> Engine:
    url = make_url(database_url)
    if url.get_backend_name() != "sqlite":
        # No thread waits for a connection that another one, waiting for its turn to write, keeps.
        engine = create_engine(url, pool_pre_ping=True, hide_parameters=True, max_overflow=-1)
        if url.get_backend_name() == "postgresql":
            event.listen(engine, "begin", _begin_postgresql)
        return engine
    is_file = bool(url.database) and url.database != ":memory:"
    # A failed statement is logged without its parameters: they are what people wrote. Connections to a file cost
    # nothing while they wait, so no thread waits for one (pool_size 0: no limit), and none is opened twice.
    engine = create_engine(url, hide_parameters=True, **({"pool_size": 0} if is_file else {}))
    if url.database and is_file:
        path = Path(url.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not before the first connection: commands that need no database leave none behind.
        event.listen(engine, "do_connect", lambda *_: _prepare_file(path))
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(path: Path) -> None:
    """The database's file, before SQLite makes it: contact data is in it, so for its owner's eyes only.

    SQLite gives its -wal and -shm files the permissions of the database. A file that is there must not be opened:
    closing it again would drop every lock that SQLite holds on it in this process (POSIX), and the next program that
    closes the database would take itself for the last one and delete the -wal file under our feet.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError:
        # It exists, mostly; of read-only media and the like SQLite's own error says more.
        return


def make_sessions(engine: Engine, clock: Callable[[], datetime] | None = None) -> sessionmaker[Session]:
    """A session factory whose sessions write outbox entries for every change of an indexed row."""
    sessions: sessionmaker[Session] = sessionmaker(engine, class_=WatchedSession, expire_on_commit=False)
    watch_session(sessions, clock or utc_now)
    audit_session(sessions, clock or utc_now)
    return sessions


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def _begin_postgresql(connection: Any) -> None:
    # As on SQLite, those that are going to write do so one after the other: the next number of a suggestion, the one
    # liaison of a person, the count of wrong passwords are read and written by nobody else meanwhile. The audit makes
    # them wait for each other in any case.
    options = connection.get_execution_options()
    if not options.get("is_writing", False):
        return
    patience = options.get("lock_wait_ms")
    # 0 would be without end.
    first = max(1, SQLITE_BUSY_TIMEOUT_MS if patience is None else int(patience))
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {first}")
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS})")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {SQLITE_BUSY_TIMEOUT_MS}")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not open transactions by itself: _begin_sqlite does, so that SAVEPOINT and DDL behave.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    # A crash of the machine may lose the last commits under NORMAL; a suggestion that was confirmed must not be lost.
    cursor.execute("PRAGMA synchronous = FULL")
    # What a person had erased, or took back their consent to, does not stay legible in the file.
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    # A read transaction that later writes can fail at once with SQLITE_BUSY, whatever the timeout; so a session that
    # is going to write says so (`execution_options(is_writing=True)`) and takes the write lock at its beginning.
    options = connection.get_execution_options()
    is_writing = options.get("is_writing", False)
    patience: int | None = options.get("lock_wait_ms")
    if patience is None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
        return
    # What is not worth a wait says how long it waits at most; the connection goes back to the pool as it was.
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience)}")
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {SQLITE_BUSY_TIMEOUT_MS}")
