"""A value that is dear to make and that every request uses: made aside, kept, made anew when its source changed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

#: How long a value is used before anybody looks whether its source has changed, in seconds.
MAX_AGE = 30.0

#: Pause after a failure, in seconds.
RETRY_AFTER = 5.0

#: How long the first user waits for the value, in seconds. What it helps with is worth no longer wait.
FIRST_WAIT = 0.3


class Prepared(Generic[T]):
    """Holds the value. Safe for threads; at most one thread makes it."""

    def __init__(
        self,
        make: Callable[[], T],
        version: Callable[[], object],
        max_age: float = MAX_AGE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`version()` is something cheap that differs when `make()` would give another value."""
        self._make = make
        self._version = version
        self._max_age = max_age
        self._clock = clock
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._value: T | None = None
        self._made_of: object = None
        self._due_at = float("-inf")
        self._is_closed = False

    def get(self, wait: float = FIRST_WAIT) -> T | None:
        """The value, perhaps of some seconds ago; None when it is not there after `wait` seconds."""
        thread = self._start_if_due()
        if self._value is None and thread is not None:
            thread.join(wait)
        return self._value

    def prepare(self) -> T:
        """The value of this moment, however long it takes; raises what making it raises."""
        while (thread := self._start_if_due()) is not None:
            thread.join()
        self._bring_up_to_date()
        assert self._value is not None
        return self._value

    def start(self) -> None:
        """Begin to make the value, for those who will want it."""
        self._start_if_due()

    def close(self, is_waiting: bool = True) -> None:
        """Nothing is made any more; waits for the thread at work unless told not to."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        if thread is not None and is_waiting:
            thread.join()

    def _start_if_due(self) -> threading.Thread | None:
        """The thread at work, if there is one or one was due."""
        with self._lock:
            if self._thread is None and not self._is_closed and self._clock() >= self._due_at:
                # A daemon: a command that ends does not wait for what nobody wants any more.
                self._thread = threading.Thread(target=self._run, name="zhiku-prepare", daemon=True)
                self._thread.start()
            return self._thread

    def _run(self) -> None:
        pause = RETRY_AFTER
        try:
            self._bring_up_to_date()
            pause = self._max_age
        except Exception as error:
            # Whoever uses the value does without it; its own pages say what is wrong with database or index.
            log.warning("%s was not prepared: %s", self._make.__qualname__, type(error).__name__)
        finally:
            with self._lock:
                self._due_at = self._clock() + pause
                self._thread = None

    def _bring_up_to_date(self) -> None:
        version = self._version()
        if self._value is None or version != self._made_of:
            self._value = self._make()
            self._made_of = version
