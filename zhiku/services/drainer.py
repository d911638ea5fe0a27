"""The drainer: a thread that brings waiting changes into the index, for as long as the web pages are served."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from zhiku.search.port import IndexProblem
from zhiku.services.indexing import Indexing

log = logging.getLogger(__name__)

#: After a failure the drainer waits longer and longer, up to this many seconds.
MAX_WAIT = 30.0


class Drainer:
    """Drains every `interval` seconds until stopped. Several may run, in one process or many: writers take turns."""

    def __init__(self, indexing: Indexing, interval: float) -> None:
        self._indexing = indexing
        self._interval = interval
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zhiku-drainer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batch at work; returns when the thread has ended."""
        self._stopping.set()
        # The server may fail between making a drainer and starting it.
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        wait = self._interval
        while not self._stopping.wait(wait):
            try:
                self._indexing.drain()
                wait = self._interval
            except (IndexProblem, SQLAlchemyError) as error:
                # Nothing is lost: the entries wait. Said once per wait, not with every try of a busy loop.
                wait = min(max(wait, self._interval) * 2, MAX_WAIT)
                log.warning("draining failed, next try in %.0f s: %s", wait, type(error).__name__)
            except Exception:
                # The thread must outlive a defect in one batch; the log has all of it.
                wait = MAX_WAIT
                log.exception("draining failed unexpectedly")
