"""The county's lexicon as the search uses it: read from the database when it has changed, by every process by itself.

A number in the database changes with every edit (`LexiconRevision`). Synonyms look at it once a second at most, so an
edit acts at once in the process that made it and within about a second in the others; words are read for a rebuild.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Sequence
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.synonyms import Synonyms, shipped_synonyms
from zhiku.domain.lexicon import CountyWord, LexiconRevision, SynonymMember

log = logging.getLogger(__name__)

#: How long an edit of another process may stay unseen, in seconds.
FRESH_SECONDS = 1.0

#: Names of the revisions.
SYNONYMS, WORDS = "synonyms", "words"


class LiveSynonyms:
    """The shipped groups and the county's, as a `SynonymSource`. Safe for threads."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._reading = threading.Lock()
        self._number = 0
        self._synonyms = shipped_synonyms()
        self._looked_at = float("-inf")
        self._is_troubled = False

    def expand(self, text: str, words: Collection[tuple[int, int]]) -> dict[tuple[int, int], tuple[str, ...]]:
        """As `Synonyms.expand`, with the groups of the moment."""
        return self.current().expand(text, words)

    def current(self) -> Synonyms:
        """The groups of the moment. Where the database cannot be read: those that were known last."""
        # While one thread reads, the others answer with what they have: nobody waits for a long list.
        if time.monotonic() - self._looked_at >= FRESH_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._reading.release()
        return self._synonyms

    def reload(self) -> None:
        """See an edit that this process has just committed."""
        with self._reading:
            self._look()

    def _look(self) -> None:
        try:
            with self._sessions() as session:
                number = revision_of(session, SYNONYMS)
                if number != self._number:
                    self._synonyms = Synonyms((*shipped_synonyms().groups, *_groups(session)), is_normal=True)
                    self._number = number
            self._is_troubled = False
        except SQLAlchemyError as error:
            # A search needs the database for other things and will say so; synonyms alone are no reason to fail.
            if not self._is_troubled:
                log.warning("the county's synonyms cannot be read: %s", type(error).__name__)
            self._is_troubled = True
        self._looked_at = time.monotonic()


class DictionaryWords:
    """Words for the segmenter of the next generation: the shipped ones and the county's. Safe for threads."""

    def __init__(self, sessions: sessionmaker[Session], shipped: Sequence[str]) -> None:
        self._sessions = sessions
        self._shipped = tuple(sorted(set(shipped)))
        self._known: tuple[int, tuple[str, ...]] = (0, self._shipped)

    def __call__(self) -> tuple[str, ...]:
        """Sorted, each once, in normal form. The same object while nothing changes.

        Raises `SQLAlchemyError`: a rebuild without the county's words would quietly lose them.
        """
        with self._sessions() as session:
            number = revision_of(session, WORDS)
            known = self._known
            if number != known[0]:
                words = set(session.scalars(select(CountyWord.word)))
                known = self._known = (number, tuple(sorted(words.union(self._shipped))))
        return known[1]


def revision_of(session: Session, name: str) -> int:
    """The number of the words or the groups; 0 before the first edit."""
    return session.scalar(select(LexiconRevision.number).where(LexiconRevision.name == name)) or 0


def raise_revision(session: Session, name: str) -> None:
    """Let every process see, after the commit, that the words or the groups have changed."""
    revision = session.get(LexiconRevision, name)
    if revision is None:
        session.add(LexiconRevision(name=name, number=1))
    else:
        revision.number = LexiconRevision.number + 1  # counted by the database, for writers of two machines


def _groups(session: Session) -> list[list[str]]:
    rows = session.execute(
        select(SynonymMember.group_id, SynonymMember.normal).order_by(SynonymMember.group_id, SynonymMember.position)
    )
    return [[member for _, member in group] for _, group in groupby(rows, key=lambda row: row[0])]
