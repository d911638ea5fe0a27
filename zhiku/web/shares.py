"""Each process's share of the open connections, so that they are spread evenly.

A browser keeps its connections, and all it asks goes to the process that accepted them. The system wakes every process
for a new connection, and whoever is fastest has it: on a busy machine one may take all of twenty. So a process that has
more than another hesitates a moment, in which the other can take it.
"""

from __future__ import annotations

import time
from collections.abc import MutableSequence

#: How long a process with more connections than another hesitates, in seconds: enough to be woken, too short to feel.
HESITATION = 0.004

#: The number of a process that accepts nothing yet, or no more.
ABSENT = 1 << 30


class Share:
    """One process's place in the numbers of all, which are in memory that they share."""

    def __init__(self, numbers: MutableSequence[int], place: int) -> None:
        """`numbers[place]` is the number of connections of this process."""
        self._numbers = numbers
        self._place = place

    def tell(self, connections: int) -> None:
        """Tell the others how many connections are open here."""
        self._numbers[self._place] = connections

    def hesitate(self) -> None:
        """Let another process be first, if one has fewer connections."""
        if min(self._numbers) < self._numbers[self._place]:
            time.sleep(HESITATION)
