"""Several processes that serve the same pages on the same sockets, and the one that watches over them.

The parent binds, starts the workers (spawn, which every system can), starts again who dies, counts tries for all, and
serves nothing itself. Each worker holds a pipe that nobody ever writes to: when the parent ends it, or ends itself,
however that happens, the worker reads the end of the pipe and ends too.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Any

from zhiku.bootstrap import Zhiku, configure_logging
from zhiku.config import Settings
from zhiku.domain.base import DomainError
from zhiku.web.serving import GRACE, PageServer
from zhiku.web.shares import ABSENT, Share
from zhiku.web.tries import AskedTries, CountedTries

log = logging.getLogger(__name__)

#: So many deaths within so many seconds are no accident: starting again would only heat the room.
MAX_DEATHS, DEATHS_WITHIN = 5, 60.0

#: How long a worker may take to end, in seconds, before it is killed.
PATIENCE = GRACE + 5.0

#: Longest wait of the parent in one go, in seconds: on Windows a signal is seen only between two waits.
_TURN = 1.0

#: Posting lists of a worker: its share of the whole, in megabytes, but not less than this.
_LEAST_CACHE_MB = 16


class WorkersFail(DomainError):
    """Workers die again and again."""

    def __init__(self) -> None:
        super().__init__(
            f"网页进程在一分钟内意外结束了超过 {MAX_DEATHS} 次，服务已停止。请看日志；"
            "如果是内存不足，请设置 ZHIKU_PROCESSES=1 后重新启动。"
        )


@dataclass(frozen=True, slots=True)
class Ready:
    """What a worker says when it accepts connections."""

    #: Why the index cannot be used, as a Chinese sentence; "" when it can.
    index_problem: str


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    #: Our end of the pipe that is never written to.
    lifeline: Connection
    #: Where it says that it is ready, and asks about tries.
    questions: Connection
    is_ready: bool = False
    #: Whether it may still ask.
    is_asking: bool = True


class Workers:
    """The processes of one service, seen from the one that started them."""

    def __init__(self, settings: Settings, sockets: Sequence[socket.socket], count: int) -> None:
        """`count` processes for these settings; sockets as `zhiku.web.serving.bind` gives them."""
        share = max(_LEAST_CACHE_MB, settings.posting_cache_mb // count)
        self._settings = replace(settings, posting_cache_mb=min(share, settings.posting_cache_mb))
        self._sockets = sockets
        self._tries = CountedTries()
        self._workers: list[_Worker | None] = [None] * count
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS + 1)
        self._context = multiprocessing.get_context("spawn")
        self._connections = self._context.RawArray("i", [ABSENT] * count)
        self._woken, self._waking = self._context.Pipe(duplex=False)
        self._is_stopping = False

    def run(self, on_ready: Callable[[str], None] = lambda problem: None) -> None:
        """Serve until `stop`. `on_ready` is called once, when all processes accept connections, with what is wrong
        with the index (a Chinese sentence) or "".

        Raises `WorkersFail`.
        """
        problem, is_announced = "", False
        try:
            for place in range(len(self._workers)):
                self._start(place)
            while not self._is_stopping:
                problem = self._turn() or problem
                if not is_announced and all(worker and worker.is_ready for worker in self._workers):
                    is_announced = True
                    on_ready(problem)
        finally:
            self._end()

    def stop(self) -> None:
        """Let `run` come to its end. May be called by any thread and by signal handlers."""
        self._is_stopping = True
        with suppress(OSError):
            self._waking.send_bytes(b"stop")

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that are there at this moment."""
        return [worker.process.pid or 0 for worker in self._workers if worker]

    def _start(self, place: int) -> None:
        lifeline, theirs = self._context.Pipe(duplex=False)
        # The end that is written to stays here.
        lifeline, theirs = theirs, lifeline
        questions, asking = self._context.Pipe()
        self._connections[place] = ABSENT
        # The first one also drains; who takes its place does.
        process = self._context.Process(
            target=work,
            args=(self._settings, list(self._sockets), theirs, asking, place == 0, Share(self._connections, place)),
            name=f"zhiku-{place}",
        )
        process.start()
        log.info("a process of the pages starts: %s", process.pid)
        # Only the worker holds its ends now, so that its death is seen as the end of the pipe.
        theirs.close()
        asking.close()
        self._workers[place] = _Worker(process, lifeline, questions)

    def _turn(self) -> str:
        """Answer what is asked and replace who died; what a worker that became ready says of the index."""
        workers = {place: worker for place, worker in enumerate(self._workers) if worker}
        problem = self._answer_all(list(workers.values()), self._woken)
        for place, worker in workers.items():
            if not self._is_stopping and not worker.process.is_alive():
                self._replace(place, worker)
        return problem

    def _answer_all(self, workers: Sequence[_Worker], *others: Connection) -> str:
        """Wait until somebody asks or dies, and answer; what a worker that became ready says of the index."""
        problem = ""
        asking = [worker for worker in workers if worker.is_asking]
        watched: list[Any] = [*others, *(one.questions for one in asking), *(one.process.sentinel for one in workers)]
        heard = wait(watched, _TURN)
        for worker in asking:
            if worker.questions in heard:
                problem = self._answer(worker) or problem
        return problem

    def _answer(self, worker: _Worker) -> str:
        try:
            asked = worker.questions.recv()
            if isinstance(asked, Ready):
                worker.is_ready = True
                return asked.index_problem
            worker.questions.send(self._tries.wait(*asked))
        except (EOFError, OSError):
            # It has just died; its sentinel says so too.
            worker.is_asking = False
        return ""

    def _replace(self, place: int, worker: _Worker) -> None:
        worker.process.join()
        log.error("a process of the pages ended with code %s and is started again", worker.process.exitcode)
        _close(worker)
        self._workers[place] = None
        now = time.monotonic()
        self._deaths.append(now)
        if len(self._deaths) > MAX_DEATHS and now - self._deaths[0] < DEATHS_WITHIN:
            raise WorkersFail()
        self._start(place)

    def _end(self) -> None:
        """End all workers: at first by the pipe, which lets them finish what they are at."""
        workers = [worker for worker in self._workers if worker]
        for worker in workers:
            worker.lifeline.close()
        until = time.monotonic() + PATIENCE
        while (alive := [one for one in workers if one.process.is_alive()]) and time.monotonic() < until:
            # Requests that are being finished may still ask about tries.
            self._answer_all(alive)
        for worker in workers:
            if worker.process.is_alive():
                log.error("a process of the pages did not end and is killed")
                worker.process.kill()
            worker.process.join()
            _close(worker)
        self._woken.close()
        self._waking.close()


def _close(worker: _Worker) -> None:
    worker.lifeline.close()
    worker.questions.close()
    worker.process.close()


def work(
    settings: Settings,
    sockets: Sequence[socket.socket],
    lifeline: Connection,
    asking: Connection,
    is_draining: bool,
    share: Share,
) -> None:
    """A worker's life."""
    # Ctrl+C goes to all processes of a terminal; the parent tells when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    configure_logging(settings.log_level)
    server: PageServer | None = None

    def end_with_the_parent() -> None:
        with suppress(EOFError, OSError):
            lifeline.recv_bytes()
        if server is None:
            # Still getting ready: there is nothing to finish.
            os._exit(0)
        server.stop()

    threading.Thread(target=end_with_the_parent, name="zhiku-lifeline", daemon=True).start()
    zhiku = Zhiku.open(settings)
    try:
        made = PageServer(zhiku, sockets, AskedTries(asking), is_draining, share)

        def stop(_number: int, _frame: FrameType | None) -> None:
            made.stop()

        signal.signal(signal.SIGTERM, stop)
        problem = zhiku.engine.status().problem if is_draining else ""
        server = made
        made.run(lambda: asking.send(Ready(problem)))
    finally:
        zhiku.close()
