"""How soon a committed suggestion is found while people search."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from _bench.county_rows import a_suggestion
from _bench.timing import Figure, Figures, quantile
from sqlalchemy import func, select

from zhiku.bootstrap import Zhiku
from zhiku.domain.base import begin_writing
from zhiku.domain.suggestions import Suggestion
from zhiku.search.port import QueryTerms, SearchRequest, TermGroup

#: Searches a second beside the commits, by so many threads.
SEARCHES, SEARCHERS = 50, 4

#: A commit that is not found by then counts as this many seconds.
LONGEST = 30.0


@dataclass(slots=True)
class _Searchers:
    """Threads that search at a fixed pace until they are stopped."""

    app: Zhiku
    queries: Sequence[str]
    done: int = 0
    failures: list[Exception] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(SEARCHERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.failures:
            raise self.failures[0]

    def _run(self, turn: int) -> None:
        due = time.monotonic()
        while not self._stop.is_set():
            try:
                self.app.expert_search.search(self.queries[turn % len(self.queries)])
            except Exception as error:
                self.failures.append(error)
                return
            turn += SEARCHERS
            with self._lock:
                self.done += 1
            due = max(due + SEARCHERS / SEARCHES, time.monotonic() - 1)
            self._stop.wait(max(0.0, due - time.monotonic()))


def measure_freshness(app: Zhiku, queries: Sequence[str], commits: int) -> Figures:
    """Commit suggestions one after the other, with the drainer beside, and wait for each to be found."""
    drainer = app.drainer()
    searchers = _Searchers(app, queries)
    drainer.start()
    searchers.start()
    began = time.monotonic()
    try:
        waits = [_wait_for(app, number) for number in range(commits)]
    finally:
        took = time.monotonic() - began
        searchers.stop()
        drainer.stop()
    return {
        "a commit is found after, p50": Figure(quantile(waits, 0.5), "s"),
        "a commit is found after, longest": Figure(max(waits), "s"),
        "searches meanwhile": Figure(searchers.done / took, "/s"),
    }


def _wait_for(app: Zhiku, number: int) -> float:
    """Seconds from a commit until the engine has what was committed."""
    token = f"zqf{number}x{time.monotonic_ns()}"
    with app.sessions() as session:
        serial = 1 + (session.scalar(select(func.max(Suggestion.serial))) or 0)
    with app.sessions() as session, session.begin():
        begin_writing(session)
        session.add(a_suggestion(f"试写 {token}", "看看多久能查到。", serial, "李阳春", None, app))
    start = time.monotonic()
    request = SearchRequest(QueryTerms({TermGroup.WORDS: {token: 1.0}}), limit=1)
    while time.monotonic() - start < LONGEST:
        if app.engine.search(request).hits:
            return time.monotonic() - start
        time.sleep(0.01)
    return LONGEST
