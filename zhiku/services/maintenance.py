"""Maintenance: what a scheduler runs to keep the index true. Drain, compare, repair, and rebuild only where needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from zhiku.search.port import Engine, IndexProblem, RebuildAtWork
from zhiku.services.indexing import Indexing, RebuildReport, VerifyReport

#: How often database and index are compared before only a rebuild is left. Writes that come while they are compared
#: look like differences, and are gone after the next drain.
COMPARISONS = 3


class Outcome(StrEnum):
    """What had to be done."""

    CLEAN = "clean"
    REPAIRED = "repaired"
    REBUILT = "rebuilt"


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    """What was found and done."""

    outcome: Outcome
    #: Outbox entries brought into the index.
    drained: int
    #: The first comparison that showed differences; None when none did.
    differences: VerifyReport | None
    #: Why there was a rebuild, as a Chinese sentence; "" when there was none.
    reason: str
    rebuild: RebuildReport | None
    #: Documents in the index now.
    documents: int


def maintain(
    indexing: Indexing, engine: Engine, progress: Callable[[int, int], None] | None = None, must_rebuild: str = ""
) -> MaintenanceReport:
    """Make the index true, with as little work as does it; `must_rebuild` is a reason to build it anew all the same.

    Safe beside a server and beside another maintenance. Raises `RebuildAtWork` when a rebuild is needed and another
    process is at it, `BuildRefused` or `IndexProblem` when it fails; the index then stays as it was.
    """
    status = engine.status()
    reason = status.problem or must_rebuild or ("词典或分词程序有变化。" if status.is_stale else "")
    drained, differences = 0, None
    if not reason:
        try:
            for _ in range(COMPARISONS):
                drained += indexing.drain().entries
                compared = indexing.verify()
                if compared.is_clean:
                    outcome = Outcome.REPAIRED if differences else Outcome.CLEAN
                    return MaintenanceReport(outcome, drained, differences, "", None, compared.documents)
                differences = differences or compared
                indexing.repair(compared)
            reason = "修复之后，索引与数据库仍不一致。"
        except RebuildAtWork:
            raise
        except IndexProblem as problem:
            # Damage that shows only when the files are read or written.
            reason = str(problem)
    rebuilt = indexing.rebuild(progress)
    return MaintenanceReport(Outcome.REBUILT, drained, differences, reason, rebuilt, rebuilt.documents)
