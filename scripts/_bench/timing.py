"""Times of many calls, and what is said of them."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value with its unit."""

    value: float
    unit: str


#: Name -> figure, in the order in which they were taken.
Figures = dict[str, Figure]


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def quantile(times: Sequence[float], share: float) -> float:
    """The value that this share of the times does not exceed (nearest rank); 0 of none."""
    ordered = sorted(times)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def summarise(figures: Figures, name: str, times: Sequence[float]) -> None:
    """Median and 95th percentile, in milliseconds."""
    figures[f"{name}, p50"] = Figure(quantile(times, 0.5) * 1000, "ms")
    figures[f"{name}, p95"] = Figure(quantile(times, 0.95) * 1000, "ms")


def say(sentence: str) -> None:
    """Tell what is at work; on standard error, because standard output may be JSON."""
    print(sentence, file=sys.stderr, flush=True)
