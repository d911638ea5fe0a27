"""What the importers of all kinds of rows share: the protocol they follow and what they are told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from sqlalchemy.orm import Session

from zhiku.domain.experts import ExpertStatus
from zhiku.services.importing.headings import Vocabulary
from zhiku.services.importing.report import Outcome, RowReport
from zhiku.services.importing.rows import Row

#: Rows between two flushes: enough for one INSERT of many rows, few enough for the progress bar to move.
FLUSH_EVERY = 500


@dataclass(frozen=True, slots=True)
class Context:
    """What an importer must know besides the rows."""

    #: Aware; its date is "today" in the county.
    now: datetime
    #: GB/T 2260 code of the county; "" for the only one there is.
    division: str
    #: The status of new people whose row has none.
    status: ExpertStatus

    @property
    def today(self) -> date:
        return self.now.date()


class Importer(Protocol):
    """Imports one kind of rows in two steps, so that a dry run is the first step alone and changes nothing."""

    @property
    def words(self) -> Vocabulary:
        """The columns."""

    @property
    def anchors(self) -> tuple[str, ...]:
        """Columns that every real row fills, the main one first."""

    def plan(self, session: Session, rows: list[Row], context: Context) -> Iterator[RowReport]:
        """What will become of each row, one report a row in the order of the rows. Only reads.

        A report that was given may still change until the iterator ends.
        """

    def store(self, session: Session, context: Context) -> Iterator[int]:
        """Do what was planned and flush; yields the number of rows done since the last time."""


def refused(row: Row, who: str) -> RowReport:
    """The report of a row that has problems."""
    return RowReport(row.sheet, row.number, who, Outcome.REFUSED, [], row.warnings, row.problems)
