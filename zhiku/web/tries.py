"""Counts of tries from one address, for the limits of web/security.py: kept in memory, never written anywhere."""

from __future__ import annotations

import threading
from multiprocessing.connection import Connection
from typing import Protocol

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

#: What is counted: limits, of what, from which address.
Try = tuple[tuple[RateLimitItem, ...], str, str]


class Tries(Protocol):
    """Counts tries."""

    def hit(self, limits: tuple[RateLimitItem, ...], what: str, address: str) -> bool:
        """Count one try of `what` from an address; whether every limit allows it."""


class CountedTries:
    """Counts in the memory of this process."""

    def __init__(self) -> None:
        self._storage = MemoryStorage()
        self._limiter = MovingWindowRateLimiter(self._storage)

    def forget(self) -> None:
        """Nobody has tried anything yet."""
        self._storage.reset()

    def hit(self, limits: tuple[RateLimitItem, ...], what: str, address: str) -> bool:
        # All are counted, also after one refused; hence the list.
        return all([self._limiter.hit(limit, what, address) for limit in limits])


class AskedTries:
    """Asks the process that counts for all processes of one service, by a pipe. Safe for threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()

    def hit(self, limits: tuple[RateLimitItem, ...], what: str, address: str) -> bool:
        asked: Try = (limits, what, address)
        with self._lock:
            try:
                self._pipe.send(asked)
                return bool(self._pipe.recv())
            except (EOFError, OSError):
                # Who counts has ended, and this process is about to. Nobody guesses on meanwhile.
                return False
