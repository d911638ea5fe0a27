"""Choosing the highest of many numbers without sorting them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: So many values, or so many times the places to be filled, are looked at before all are.
_SAMPLE, _SAMPLES_PER_PLACE = 512, 4


def hopeful_places(values: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
    """Places of values (n,) that may be among the highest `count`: all that are, and of many values few others."""
    step = len(values) // max(_SAMPLE, _SAMPLES_PER_PLACE * count)
    if step < 2:
        return np.arange(len(values))
    # The last place of a sample is never above the last place of all.
    sample = values[::step]
    return np.flatnonzero(values >= np.partition(sample, len(sample) - count)[len(sample) - count])


def highest_places(values: NDArray[np.floating[Any]], count: int) -> NDArray[np.intp]:
    """Places of the highest `count` of values (n,), with all that tie with the last of them; never those of minus
    infinity."""
    places = hopeful_places(values, count)
    hopeful = values[places]
    if len(hopeful) > count:
        last = np.partition(hopeful, len(hopeful) - count)[len(hopeful) - count]
        places = places[hopeful >= last]
    return places[values[places] > -np.inf]
