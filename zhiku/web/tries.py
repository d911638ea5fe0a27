"""Counts of tries by address and account, for the limits of web/limits.py: kept in memory, never written anywhere."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Protocol

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: What is counted: limits, of what, by whom (an address, or an account).
Try = tuple[tuple[RateLimitItem, ...], str, str]

#: What is said where nobody counts any more, in seconds.
_NOBODY_COUNTS = 60


class Tries(Protocol):
    """Counts tries."""

    def wait(self, tried: Sequence[Try], is_counted: bool = True) -> int:
        """Count these tries, or only look whether there may be one more; 0 where every limit allows them, else the
        seconds until the next may be allowed."""


class CountedTries:
    """Counts in the memory of this process."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def forget(self) -> None:
        """Nobody has tried anything yet."""
        self._storage.reset()

    def wait(self, tried: Sequence[Try], is_counted: bool = True) -> int:
        ask = self._limiter.hit if is_counted else self._limiter.test
        # All are counted, also after one refused; hence the list.
        refused = [(limit, what, who) for limits, what, who in tried for limit in limits if not ask(limit, what, who)]
        if not refused:
            return 0
        now = time.time()
        ends = (self._limiter.get_window_stats(limit, what, who).reset_time for limit, what, who in refused)
        return max(1, *(math.ceil(end - now) for end in ends))


class AskedTries:
    """Asks the process that counts for all processes of one service, by a pipe. Safe for threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def wait(self, tried: Sequence[Try], is_counted: bool = True) -> int:
        with self._lock:
            try:
                self._pipe.send((tuple(tried), is_counted))
                return int(self._pipe.recv())
            except (EOFError, OSError):
                # Who counts has ended, and this process is about to. Nobody guesses on meanwhile.
                return _NOBODY_COUNTS
