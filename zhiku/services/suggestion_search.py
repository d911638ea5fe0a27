"""Suggestion search: suggestions for plain words, or the newest ones."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session, joinedload, selectinload, sessionmaker

from zhiku.domain.divisions import is_within
from zhiku.domain.permissions import Scope
from zhiku.domain.readership import Reader
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import UNSEARCHABLE, Suggestion, SuggestionAuthor
from zhiku.search.ladder import DOCUMENT_LIMIT, NEAR_PLACES
from zhiku.search.port import Hit, Kind, QueryTerms, Searcher, SearchRequest
from zhiku.search.query import MAX_QUERY, parse
from zhiku.services.directory import public_authors
from zhiku.services.evidence import Evidence, Fragment, evidence_for, nearest_clause, suggestion_texts
from zhiku.services.readable_suggestions import readable_of

_ROWS = select(Suggestion).options(
    selectinload(Suggestion.authors).joinedload(SuggestionAuthor.expert),
    joinedload(Suggestion.field),
    joinedload(Suggestion.lead_department),
)


@dataclass(frozen=True, slots=True)
class SuggestionFound:
    """One suggestion of an answer.

    Authors are named as everybody may see them. `snippets` are its best sentences, none when nothing was asked.
    """

    number: str
    subject: str
    authors: tuple[str, ...]
    field: str
    department: str
    status: str
    status_label: str
    submitted_on: date
    snippets: tuple[tuple[Fragment, ...], ...]


@dataclass(frozen=True, slots=True)
class SuggestionAnswer:
    """All that a page of suggestions shows."""

    query: str
    sentence: str
    suggestions: tuple[SuggestionFound, ...]
    total: int
    page: int
    pages: int


class SuggestionSearch:
    """Answers queries for suggestions."""

    def __init__(
        self, sessions: sessionmaker[Session], engine: Searcher, page_size: int = 10, division: str = ""
    ) -> None:
        """`division` is the scope (a prefix of codes) that `engine` answers for."""
        self._sessions = sessions
        self._engine = engine
        self._page_size = page_size
        self._division = division
        self._reader = Reader(Scope(division), is_searching=True)

    def of_department(self, department_id: int) -> SuggestionSearch:
        """The same for a department, which reads what is public and what it handles."""
        theirs = copy.copy(self)
        theirs._reader = Reader(Scope(self._division, department_id), is_searching=True)
        return theirs

    def search(self, query: str, *, page: int = 1) -> SuggestionAnswer:
        """Suggestions for a query, best first; for an empty one all of them, newest first. `page` counts from 1.

        Raises `IndexProblem` when there is no usable index and something was asked.
        """
        text = query.strip()[:MAX_QUERY]
        if not text:
            return self._newest(page)
        terms = parse(text, self._engine.analyzer, self._engine.encoder)
        hits, is_near = self._hits(terms)
        # A suggestion of two experts is two documents: its best one stands for it.
        best: dict[str, Hit] = {}
        for hit in hits:
            best.setdefault(hit.source, hit)
        sources = list(best)
        pages = max(1, math.ceil(len(sources) / self._page_size))
        page = min(max(1, page), pages)
        shown = sources[(page - 1) * self._page_size : page * self._page_size]
        ids = [int(source.partition(":")[2]) for source in shown]
        with self._sessions() as session:
            rows = {row.id: row for row in session.scalars(_ROWS.where(Suggestion.id.in_(ids)))}
            found = [
                self._found(rows[key], terms, best[f"suggestion:{key}"])
                for key in ids
                if key in rows and rows[key].division_code.startswith(self._division) and self._is_shown(rows[key])
            ]
        if not sources:
            sentence = "没有找到相关的建议。请换一种说法，或清空后浏览最新的建议。"
        elif is_near:
            sentence = f"没有找到一样的说法，列出意思或字词相近的 {len(sources)} 条建议，供参考。"
        else:
            sentence = f"找到 {len(sources)} 条相关的建议。"
        return SuggestionAnswer(text, sentence, tuple(found), len(sources), page, pages)

    def _hits(self, terms: QueryTerms) -> tuple[Sequence[Hit], bool]:
        """Documents that match, best first; where none does those near in meaning or wording, and that they are."""
        if terms.is_empty:
            return (), False
        request = SearchRequest(terms, kinds=(Kind.SUGGESTION,), limit=DOCUMENT_LIMIT)
        hits = self._readable(self._engine.search(request).hits)
        if len(hits):
            return hits, False
        return self._readable(self._engine.search(replace(request, near_limit=NEAR_PLACES)).hits), True

    def _readable(self, hits: Sequence[Hit]) -> Sequence[Hit]:
        """Those of these hits that are the reader's to read. Who reads all of the division is not asked for."""
        if self._reader.scope.department_id is None or not len(hits):
            return hits
        ids = {hit.source: int(hit.source.partition(":")[2]) for hit in hits}
        with self._sessions() as session:
            readable = readable_of(session, ids.values(), self._reader)
        return [hit for hit in hits if ids[hit.source] in readable]

    def _is_shown(self, row: Suggestion) -> bool:
        return row.is_searchable and self._reader.may_read(row)

    def _newest(self, page: int) -> SuggestionAnswer:
        with self._sessions() as session:
            is_shown = and_(
                Suggestion.status.not_in(UNSEARCHABLE),
                is_within(Suggestion.division_code, self._division),
                self._reader.condition(),
            )
            total = session.scalar(select(func.count()).select_from(Suggestion).where(is_shown)) or 0
            pages = max(1, math.ceil(total / self._page_size))
            page = min(max(1, page), pages)
            rows = session.scalars(
                _ROWS.where(is_shown)
                .order_by(Suggestion.submitted_on.desc(), Suggestion.id.desc())
                .offset((page - 1) * self._page_size)
                .limit(self._page_size)
            ).all()
            found = tuple(self._found(row, None, None) for row in rows)
        return SuggestionAnswer("", f"共有 {total} 条建议，最新的在前。", found, total, page, pages)

    def _found(self, suggestion: Suggestion, terms: QueryTerms | None, hit: Hit | None) -> SuggestionFound:
        evidence: tuple[Evidence, ...] = ()
        if terms is not None and hit is not None:
            texts = [suggestion_texts(suggestion)]
            nearest = nearest_clause(texts, [hit]) if hit.is_near else None
            evidence = evidence_for(texts, terms, self._engine.analyzer, 2, nearest)
        return SuggestionFound(
            number=suggestion.number,
            subject=redact(suggestion.subject),
            authors=tuple(author.name for author in public_authors(suggestion, self._division)),
            field=suggestion.field.name if suggestion.field else "",
            department=suggestion.lead_department.name if suggestion.lead_department else "",
            status=suggestion.status.value,
            status_label=suggestion.status.label,
            submitted_on=suggestion.submitted_on,
            snippets=tuple(one.fragments for one in evidence),
        )
