"""The drainer's thread: changes are searchable soon after the commit, and no failure ends it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.unit.indexes import engine_in, found
from zhiku.engines.whoosh.engine import WhooshEngine
from zhiku.persistence.session import utc_now
from zhiku.search.port import IndexProblem
from zhiku.services.drainer import Drainer
from zhiku.services.indexing import DrainReport, Indexing

Sessions = sessionmaker[Session]

INTERVAL = 0.05


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WhooshEngine]:
    engine = engine_in(tmp_path / "index")
    yield engine
    engine.close()


@pytest.fixture
def indexing(sessions: Sessions, engine: WhooshEngine) -> Indexing:
    with sessions() as session, session.begin():
        factories.reference(session)
    indexing = Indexing(sessions, engine, utc_now)
    indexing.rebuild()
    return indexing


@pytest.fixture
def drainer(indexing: Indexing) -> Iterator[Drainer]:
    drainer = Drainer(indexing, INTERVAL)
    drainer.start()
    yield drainer
    drainer.stop()


def eventually(holds: Callable[[], bool], within: float = 10.0) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < within, "it never came true"
        time.sleep(0.01)
    return time.monotonic() - began


def write(sessions: Sessions, name: str = "张水生") -> None:
    with sessions() as session, session.begin():
        factories.an_expert(session, name)


def test_a_commit_is_searchable_within_two_seconds(drainer: Drainer, engine: WhooshEngine, sessions: Sessions) -> None:
    write(sessions)
    assert eventually(lambda: found(engine, "张水生") == ["expert:1"]) < 2


def test_stopping_ends_the_thread_at_once(indexing: Indexing) -> None:
    drainer = Drainer(indexing, 3600)
    drainer.start()
    before = time.monotonic()
    drainer.stop()
    assert time.monotonic() - before < 1
    assert "zhiku-drainer" not in {thread.name for thread in threading.enumerate()}


def test_a_drainer_that_was_never_started_can_be_stopped(indexing: Indexing) -> None:
    Drainer(indexing, INTERVAL).stop()


@pytest.mark.parametrize(
    "failure",
    [
        IndexProblem("索引文件缺失或损坏。请运行：zhiku index rebuild"),
        OperationalError("SELECT", {}, Exception("database is locked")),
        ZeroDivisionError("a defect"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_after_a_failure_it_goes_on(
    indexing: Indexing,
    engine: WhooshEngine,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    drain, calls = indexing.drain, []

    def failing_once() -> DrainReport:
        calls.append(1)
        if len(calls) == 1:
            raise failure
        return drain()

    monkeypatch.setattr(indexing, "drain", failing_once)
    monkeypatch.setattr("zhiku.services.drainer.MAX_WAIT", 0.1)
    drainer = Drainer(indexing, INTERVAL)
    with caplog.at_level(logging.WARNING):
        drainer.start()
        write(sessions)
        eventually(lambda: found(engine, "张水生") == ["expert:1"])
        drainer.stop()
    assert len([record for record in caplog.records if record.name == "zhiku.services.drainer"]) == 1


def test_two_drainers_do_not_hinder_each_other(
    drainer: Drainer, indexing: Indexing, engine: WhooshEngine, sessions: Sessions, tmp_path: Path
) -> None:
    other_engine = engine_in(tmp_path / "index")
    other = Drainer(Indexing(sessions, other_engine, utc_now), INTERVAL)
    other.start()
    try:
        for number in range(20):
            write(sessions, f"张{number}")
        eventually(lambda: indexing.pending() == 0)
    finally:
        other.stop()
        drainer.stop()
        other_engine.close()
    report = indexing.verify()
    assert report.is_clean and report.documents == 20


def test_it_drains_while_others_search_and_rebuild(
    drainer: Drainer, indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    write(sessions)
    eventually(lambda: bool(found(engine, "张水生")))
    failures: list[Exception] = []
    stop = threading.Event()

    def search() -> None:
        try:
            while not stop.is_set():
                assert "expert:1" in found(engine, "张水生")
        except Exception as error:
            failures.append(error)

    searchers = [threading.Thread(target=search) for _ in range(3)]
    for thread in searchers:
        thread.start()
    for number in range(6):
        write(sessions, f"李{number}")
        if number % 2:
            indexing.rebuild()
        time.sleep(0.1)
    stop.set()
    for thread in searchers:
        thread.join()
    assert failures == []
    drainer.stop()
    indexing.drain()
    assert indexing.verify().is_clean
