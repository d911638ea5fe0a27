"""Processes that are made to be killed: run as `python -m tests.unit.doomed ROLE HOME …` by test_crashes.py.

`work` writes, drains and rebuilds until it is killed; `search` searches until told to stop and counts what fails;
`kill` starts workers and kills them at random times; `points` lets workers end at chosen points and looks after each.
Where there is `fork`, workers are forked from a process that has its dictionary loaded: a start then takes no time, and
dozens of kills fit into a test.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from whoosh import index as whoosh_index
from whoosh.index import TOC

from tests import factories
from tests.keys import TEST_KEYS
from tests.unit.indexes import analyzer, engine_in, found
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Availability, Expert
from zhiku.engines.whoosh import engine as whoosh_engine
from zhiku.engines.whoosh import merging, writing
from zhiku.engines.whoosh.build import Build
from zhiku.engines.whoosh.engine import WhooshEngine, WhooshGeneration
from zhiku.engines.whoosh.generations import GenerationFolder
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.indexing import Indexing

PEOPLE = 12
STOP = "stop"


class Installation:
    """What a process opens: database, engine, indexing."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.database = make_engine(f"sqlite:///{(home / 'zhiku.db').as_posix()}", TEST_KEYS)
        self.sessions = make_sessions(self.database)
        self.engine: WhooshEngine = engine_in(home / "index")
        self.indexing = Indexing(self.sessions, self.engine, lambda: datetime.now(UTC))

    def write(self, dice: random.Random) -> None:
        """A change of some rows in one transaction, sometimes rolled back."""
        with self.sessions() as session:
            begin_writing(session)
            for _ in range(dice.randint(1, 4)):
                expert = session.get(Expert, dice.randint(1, PEOPLE))
                if expert is None or dice.random() < 0.2:
                    factories.an_expert(session, summary=f"第{dice.random()}次修水库")
                elif dice.random() < 0.2:
                    expert.availability = dice.choice(list(Availability))
                else:
                    expert.summary = f"第{dice.random()}次修水库"
            if dice.random() < 0.2:
                session.rollback()
            session.commit()

    def close(self) -> None:
        self.engine.close()
        self.database.dispose()


def work(home: Path, seed: int) -> None:
    """Write, drain and rebuild for ever."""
    dice = random.Random(seed)
    installation = Installation(home)
    while True:
        installation.write(dice)
        if dice.random() < 0.7:
            installation.indexing.drain()
        if dice.random() < 0.15:
            try:
                installation.indexing.rebuild()
            except whoosh_engine.RebuildAtWork:
                continue


def search(home: Path) -> None:
    """Search until the file `stop` is there; print how often, and what failed."""
    engine = engine_in(home / "index")
    searches, failures = 0, []
    (home / "searching").touch()
    while not (home / STOP).exists():
        try:
            if not found(engine, "修水库"):
                failures.append("nothing found")
        except Exception as error:
            failures.append(f"{type(error).__name__}: {error} because of {error.__cause__!r}")
        searches += 1
        time.sleep(0.002)
    print(json.dumps({"searches": searches, "failures": failures}))


def kill_at_random_times(home: Path, kills: int) -> None:
    """Two workers at a time, each killed within half a second of its start."""
    dice = random.Random(4711)
    analyzer()
    killed = 0
    while killed < kills:
        workers = [start(partial(work, home, killed + n), "work", home, killed + n) for n in range(2)]
        for ended in workers:
            time.sleep(dice.uniform(0.05, 0.5) if hasattr(os, "fork") else dice.uniform(2, 4))
            killed += ended()
    print(json.dumps({"killed": killed}))


def start(role: Callable[[], None], *arguments: object) -> Callable[[], bool]:
    """Start a worker; gives a function that kills it and says whether it was alive until then."""
    if hasattr(os, "fork"):
        child = os.fork()
        if not child:
            try:
                role()
            finally:
                os._exit(1)

        def kill_fork() -> bool:
            os.kill(child, signal.SIGKILL)
            return os.WIFSIGNALED(os.waitpid(child, 0)[1])

        return kill_fork
    process = subprocess.Popen([sys.executable, "-m", "tests.unit.doomed", *map(str, arguments)])

    def kill_process() -> bool:
        was_alive = process.poll() is None
        process.kill()
        process.wait()
        return was_alive

    return kill_process


# -- chosen points -----------------------------------------------------------------------------------------------

#: Owner and name of a function at which a worker ends, before or after it did its work.
POINTS: dict[str, tuple[object, str]] = {
    "os.replace": (os, "replace"),
    "os.rename": (os, "rename"),
    "os.fsync": (os, "fsync"),
    "os.mkdir": (os, "mkdir"),
    "os.remove": (os, "remove"),
    "os.unlink": (os, "unlink"),
    "shutil.rmtree": (shutil, "rmtree"),
    "write_arrays": (writing, "write_arrays"),
    "merged": (writing, "merged"),
    "TOC.write": (TOC, "write"),
    "clean_files": (whoosh_index, "clean_files"),
    "write_changes": (whoosh_engine, "write_changes"),
    "commit_segments": (whoosh_engine, "commit_segments"),
    "Build.segments": (Build, "segments"),
    "GenerationFolder.begin": (GenerationFolder, "begin"),
    "GenerationFolder.finish": (GenerationFolder, "finish"),
    "GenerationFolder.set_current": (GenerationFolder, "set_current"),
    "GenerationFolder.remove_old": (GenerationFolder, "remove_old"),
    "GenerationFolder.remove": (GenerationFolder, "remove"),
    "WhooshGeneration.add": (WhooshGeneration, "add"),
    "WhooshGeneration.publish": (WhooshGeneration, "publish"),
    "Indexing._mark_drained": (Indexing, "_mark_drained"),
}


def end() -> None:
    """This process ends, and nothing in it can do anything about it."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(9)


def end_at(point: str, is_done: bool, call: int) -> None:
    """From now on this process ends at the `call`th call of a function, before or after it was done."""
    owner, name = POINTS[point]
    real = getattr(owner, name)
    calls = 0

    def step(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls < call:
            return real(*args, **kwargs)
        if is_done:
            real(*args, **kwargs)
        end()
        raise AssertionError("unreachable")

    setattr(owner, name, step)


def a_life(home: Path, point: str, is_done: bool, call: int) -> None:
    """Write and drain often enough for segments to merge, then rebuild; ends somewhere in between."""
    dice = random.Random(call)
    installation = Installation(home)
    # So that two commits are enough to merge.
    merging.MOST_SEGMENTS, merging.MERGED_AT_ONCE = 1, 2
    end_at(point, is_done, call)
    for _ in range(2):
        installation.write(dice)
        installation.indexing.drain()
    installation.write(dice)
    installation.indexing.rebuild()
    installation.indexing.rebuild()
    os._exit(0)


def kill_at_points(home: Path, later_call: int) -> None:
    """A life for each point; after each: does a search answer, and is the index true after one drain?

    Each point is met at its first call; those of the system, which are called many times, at a later one too.
    """
    analyzer()
    plan = [(point, is_done, 1) for point in POINTS for is_done in (False, True)]
    # The second os.replace is that of CURRENT: between it and what comes before, there must always be one.
    plan += [(point, False, call) for point in POINTS if point.startswith("os.") for call in (2, later_call)]
    problems, survived = [], []
    for point, is_done, call in plan:
        where = f"{'after' if is_done else 'before'} {point} ({call})"
        child = os.fork()
        if not child:
            try:
                a_life(home, point, is_done, call)
            finally:
                os._exit(1)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            survived.append(f"{where}: exit code {os.waitstatus_to_exitcode(status)}")
        problems += [f"{where}: {problem}" for problem in look_after(home)]
    print(json.dumps({"lives": len(plan), "survived": survived, "problems": problems}))


def look_after(home: Path) -> list[str]:
    """What is wrong with an installation after a kill and one drain."""
    installation = Installation(home)
    try:
        if not found(installation.engine, "修水库"):
            return ["a search finds nothing"]
        installation.indexing.drain()
        report = installation.indexing.verify()
        if not report.is_clean or report.pending:
            return [f"not true after one drain: {report}"]
        return []
    except Exception as error:
        return [f"{type(error).__name__}: {error} because of {error.__cause__!r}"]
    finally:
        installation.close()


if __name__ == "__main__":
    role, folder, rest = sys.argv[1], Path(sys.argv[2]), [int(value) for value in sys.argv[3:]]
    if role == "work":
        work(folder, rest[0])
    elif role == "search":
        search(folder)
    elif role == "kill":
        kill_at_random_times(folder, rest[0])
    elif role == "points":
        kill_at_points(folder, rest[0])
