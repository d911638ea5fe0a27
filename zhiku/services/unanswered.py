"""Queries without an answer: noted while people search, listed for the bureau, which answers them with synonyms.

A search is never kept waiting: it leaves its query in memory, and a thread of its own writes what has gathered. When
the database is busy the notes are dropped; a question that matters is asked again.

No personal data: a query that may be a person's name, or holds one of the county's people's names, is not stored, nor
one that asks for a telephone or an address; numbers are redacted. Nothing says who asked, but of which division they
were, and only who sees that division sees the query.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, delete, func, literal, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.analysis.names import may_be_a_name
from zhiku.analysis.normalize import HAN, clean, normalize
from zhiku.analysis.segment import is_listed_name
from zhiku.domain.base import begin_writing
from zhiku.domain.divisions import is_within
from zhiku.domain.experts import Expert
from zhiku.domain.lexicon import (
    MAX_QUERY_TEXT,
    MAX_UNANSWERED,
    UNANSWERED_DAYS,
    AnsweredBy,
    UnansweredQuery,
)
from zhiku.domain.permissions import Scope
from zhiku.domain.redaction import REMOVED, redact
from zhiku.domain.suggestions import SuggestionAuthor
from zhiku.search.port import Engine, IndexProblem
from zhiku.services.answers import Answer
from zhiku.services.lexicon import PAGE, Page

log = logging.getLogger(__name__)

#: Seconds that notes gather before they are written together.
GATHERING_SECONDS = 0.5
#: Distinct queries that gather at most; more are dropped.
MAX_GATHERED = 1_000
#: How long the writing thread waits for another writer, in milliseconds.
LOCK_WAIT_MS = 500
#: So many rows above the limit before the least asked are removed, so that not every note has to.
_SLACK = 100

_HAN_CHARACTER = re.compile(f"[{HAN}]")
_NO_WORD = re.compile(r"[\W_]+")
#: Whoever writes these wants somebody's number or address, not a helper for a problem.
_ASKS_FOR_CONTACT = re.compile("电话|手机|号码|微信号|住址|住哪|家庭住|身份证")


@dataclass(frozen=True, slots=True)
class Unanswered:
    """One query of the list."""

    id: int
    text: str
    times: int
    last_asked_at: datetime
    answered_by: str
    is_resolved: bool
    group_id: int | None


class UnansweredQueries:
    """Notes and lists them. Safe for threads."""

    def __init__(
        self, sessions: sessionmaker[Session], engine: Engine, clock: Callable[[], datetime], division: str = ""
    ) -> None:
        """`engine` gives the dictionary that tells words from names; `division` is the code of the county that is
        served: whoever sees more than it asks about it."""
        self._sessions = sessions
        self._engine = engine
        self._clock = clock
        self._division = division
        self._lock = threading.Lock()
        self._gathered: dict[tuple[str, AnsweredBy, str], int] = {}
        self._timer: threading.Timer | None = None

    # -- noting --------------------------------------------------------------------------------------------------

    def note(self, answer: Answer, scope: Scope) -> None:
        """Remember a query of this scope that nobody's words answered. Takes microseconds and never raises."""
        answered_by = _ANSWERED_BY.get(answer.step.value)
        if answered_by is None or answer.page != 1 or answer.filters:
            return
        division = self._division if self._division.startswith(scope.division) else scope.division
        key = (answer.query, answered_by, division)
        with self._lock:
            if key in self._gathered or len(self._gathered) < MAX_GATHERED:
                self._gathered[key] = self._gathered.get(key, 0) + 1
            if self._timer is None:
                self._timer = threading.Timer(GATHERING_SECONDS, self.write)
                self._timer.daemon = True
                self._timer.start()

    def write(self) -> None:
        """Write what has gathered, now. Never raises: what cannot be written is dropped."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = None
            gathered, self._gathered = self._gathered, {}
        if not gathered:
            return
        try:
            self._store(gathered)
        except (SQLAlchemyError, IndexProblem) as error:
            # Without the error's message: it could name what somebody searched for.
            log.warning("%d unanswered queries were not noted: %s", len(gathered), type(error).__name__)
        except Exception as error:
            log.error("unanswered queries were not noted: %s", type(error).__name__)

    def _store(self, gathered: Mapping[tuple[str, AnsweredBy, str], int]) -> None:
        fit = [
            (text, by, division, times)
            for (query, by, division), times in gathered.items()
            if (text := self._fit(query))
        ]
        if not fit:
            return
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session, LOCK_WAIT_MS)
            for text, by, division, times in fit:
                normal = _key(text)
                if _names_somebody(session, normal):
                    continue
                row = session.scalar(
                    select(UnansweredQuery).where(
                        UnansweredQuery.normal == normal, UnansweredQuery.division_prefix == division
                    )
                )
                if row is None:
                    row = UnansweredQuery(
                        normal=normal, division_prefix=division, text=text, times=0, first_asked_at=now
                    )
                    session.add(row)
                row.times += times
                row.last_asked_at, row.answered_by = now, by
                if row.group_id is not None:
                    # It was given synonyms and still finds nobody: the bureau should look again.
                    row.resolved_at = row.group_id = None
                session.flush()
            _remove_old(session, now)

    def _fit(self, query: str) -> str:
        """What may be stored of a query; "" for nothing."""
        text = redact(" ".join(clean(query).split()))
        # Cut only now: half a number would not be known as one.
        if len(text) > MAX_QUERY_TEXT:
            text = text[: MAX_QUERY_TEXT - 1] + "…"
        said = normalize(text.replace(REMOVED, " "))
        # Letters alone are pinyin of names as a rule, and no synonyms help them.
        if not _HAN_CHARACTER.search(said) or _ASKS_FOR_CONTACT.search(said):
            return ""
        if may_be_a_name(said) and (is_listed_name(said) or not self._engine.analyzer.segmenter.knows(said)):
            return ""
        return text

    def close(self) -> None:
        """Write what is left."""
        self.write()

    # -- the list ------------------------------------------------------------------------------------------------

    def page(self, scope: Scope, page: int = 1, is_resolved: bool = False) -> Page[Unanswered]:
        """The queries of a scope that wait, or those that were dealt with; the most frequent first."""
        wanted = select(UnansweredQuery).where(
            UnansweredQuery.resolved_at.is_not(None) if is_resolved else UnansweredQuery.resolved_at.is_(None),
            is_within(UnansweredQuery.division_prefix, scope.division),
        )
        with self._sessions() as session:
            total = session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
            number = min(max(1, page), max(1, math.ceil(total / PAGE)))
            rows = session.scalars(_ordered(wanted).offset((number - 1) * PAGE).limit(PAGE))
            return Page(tuple(map(_unanswered, rows)), total, number)

    def all(self) -> Iterator[Unanswered]:
        """All that wait, the most frequent first."""
        with self._sessions() as session:
            yield from map(
                _unanswered,
                session.scalars(_ordered(select(UnansweredQuery).where(UnansweredQuery.resolved_at.is_(None)))),
            )

    def get(self, scope: Scope, query_id: int) -> Unanswered | None:
        """One of them; None when it is gone, or not of the scope."""
        with self._sessions() as session:
            row = _row(session, scope, query_id)
            return _unanswered(row) if row else None

    def resolve(self, scope: Scope, query_id: int, group_id: int | None = None) -> None:
        """Take one off the list: answered by a group, or dismissed. One that is gone, or not of the scope, is none to
        worry about."""
        self._set(scope, query_id, self._clock(), group_id)

    def reopen(self, scope: Scope, query_id: int) -> None:
        """Put one back on the list."""
        self._set(scope, query_id, None, None)

    def _set(self, scope: Scope, query_id: int, at: datetime | None, group_id: int | None) -> None:
        with self._sessions() as session, session.begin():
            begin_writing(session)
            row = _row(session, scope, query_id)
            if row is not None:
                row.resolved_at, row.group_id = at, group_id


_ANSWERED_BY = {answered_by.value: answered_by for answered_by in AnsweredBy}


def _row(session: Session, scope: Scope, query_id: int) -> UnansweredQuery | None:
    row = session.get(UnansweredQuery, query_id) if 0 < query_id < 2**31 else None
    return row if row is not None and scope.holds_division(row.division_prefix) else None


def _key(text: str) -> str:
    """The form by which askings are counted together: without marks and spaces between Chinese characters."""
    return _NO_WORD.sub(" ", normalize(text)).strip()[:MAX_QUERY_TEXT]


def _names_somebody(session: Session, normal: str) -> bool:
    """Whether the name of one of the county's people is in the text, whatever their status."""
    text = literal(normal)
    has_expert = select(Expert.id).where(func.length(Expert.name) > 1, text.contains(Expert.name))
    has_author = select(SuggestionAuthor.id).where(
        func.length(SuggestionAuthor.name) > 1, text.contains(SuggestionAuthor.name)
    )
    return any(session.scalar(found.limit(1)) is not None for found in (has_expert, has_author))


def _remove_old(session: Session, now: datetime) -> None:
    """Drop what was not asked for long, and the least asked above the limit."""
    session.execute(
        delete(UnansweredQuery).where(UnansweredQuery.last_asked_at < now - timedelta(days=UNANSWERED_DAYS))
    )
    count = session.scalar(select(func.count()).select_from(UnansweredQuery)) or 0
    if count > MAX_UNANSWERED + _SLACK:
        # What was dealt with goes first, then what was asked least and longest ago.
        least = (
            select(UnansweredQuery.id)
            .order_by(UnansweredQuery.resolved_at.is_(None), UnansweredQuery.times, UnansweredQuery.last_asked_at)
            .limit(count - MAX_UNANSWERED)
        )
        session.execute(delete(UnansweredQuery).where(UnansweredQuery.id.in_(least)))


def _ordered(wanted: Select[UnansweredQuery]) -> Select[UnansweredQuery]:
    return wanted.order_by(UnansweredQuery.times.desc(), UnansweredQuery.last_asked_at.desc(), UnansweredQuery.id)


def _unanswered(row: UnansweredQuery) -> Unanswered:
    return Unanswered(
        row.id,
        row.text,
        row.times,
        row.last_asked_at,
        row.answered_by.label,
        row.resolved_at is not None,
        row.group_id,
    )
