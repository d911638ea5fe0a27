"""Department for a suggestion: the three likeliest departments, with reasons, for who passes suggestions on.

Two sources speak for a department: its description of duties, and the county's own suggestions that were assigned to
it. Each ranks, and its ranking becomes shares of votes by reciprocal rank (`zhiku.search.votes`). They are put together
as a language model is smoothed by a Dirichlet prior (Zhai and Lafferty, 2001):

    share(department) = (n * routed(department) + DUTIES_WORTH * duties(department)) / (n + DUTIES_WORTH)

with n the number of suggestions that the county has assigned so far. With none the duties decide alone, at 300 both
count equally, and from then on experience outweighs the paper.

Measured on the demo county, each of its 391 assigned suggestions against the others, right first and among the first
three: duties alone 0.488, 0.770; examples alone 0.555, 0.813; both 0.639, 0.882. With only 100 of the examples: these
alone 0.364, 0.578; both 0.535, 0.828. With meaning in the duties: alone 0.550, 0.808; with 100 examples 0.584, 0.849;
with all 0.629, 0.872. Any number from 200 to 600 in place of 300 changes that by at most 0.04.

Service records are left out: their department is the one that asked for help.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import DomainError
from zhiku.domain.departments import Department
from zhiku.domain.divisions import is_within
from zhiku.domain.redaction import redact
from zhiku.domain.suggestions import UNSEARCHABLE, Suggestion
from zhiku.search.port import Kind, QueryTerms, Searcher, SearchRequest
from zhiku.search.query import parse
from zhiku.search.votes import reciprocal_rank_votes
from zhiku.services.department_duties import DepartmentRow, Duties, DutyComparison

#: Departments proposed.
PROPOSED = 3

#: So many assigned suggestions are worth as much as the duties.
DUTIES_WORTH = 300.0

#: Documents of the index among which assigned suggestions are looked for; not all are assigned.
EXAMPLES = 200

#: Longest text that is looked at, in characters.
MAX_TEXT = 2500


class SuggestionUnknown(DomainError):
    """There is no suggestion with this number."""


class NothingToRoute(DomainError):
    """The text has no word in it, or the county has no departments."""


@dataclass(frozen=True, slots=True)
class LikelyDepartment:
    """A department that a suggestion may belong to."""

    department_id: int
    name: str
    #: From 0 to 1: its share of all votes.
    share: float
    #: Chinese sentences for the bureau, the strongest first; perhaps none.
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Example:
    """An assigned suggestion."""

    department_id: int
    score: float
    subject: str
    year: int


class DepartmentRouting:
    """Proposes departments for suggestions."""

    def __init__(
        self, sessions: sessionmaker[Session], engine: Searcher, division: str, scope_division: str = ""
    ) -> None:
        """`division` is the GB/T 2260 code of the county whose departments are proposed.

        `scope_division` is the scope (a prefix of codes) that `engine` answers for: a narrower one, a county of a
        prefecture, is proposed its own departments.
        """
        self._sessions = sessions
        self._engine = engine
        self._division = division
        self._scope = scope_division
        self._analysing = threading.Lock()
        self._duties: tuple[object, Duties] | None = None

    def for_suggestion(self, number: str) -> tuple[LikelyDepartment, ...]:
        """The likeliest departments for a stored suggestion, whatever its status; it is no example for itself.

        Raises `SuggestionUnknown`, `NothingToRoute`, `IndexProblem`.
        """
        with self._sessions() as session:
            row = session.execute(
                select(Suggestion.id, Suggestion.subject, Suggestion.situation, Suggestion.proposal).where(
                    Suggestion.number == number, is_within(Suggestion.division_code, self._scope)
                )
            ).one_or_none()
        if row is None:
            raise SuggestionUnknown(f"没有编号为“{number}”的建议。请核对编号，例如 2026-0042。")
        return self.likeliest(row.subject, f"{row.situation}\n{row.proposal}", own_id=row.id)

    def likeliest(self, subject: str, text: str, *, own_id: int | None = None) -> tuple[LikelyDepartment, ...]:
        """The `PROPOSED` likeliest departments for a text, the likeliest first.

        `own_id` is the text's own suggestion, which is left out of the examples. Raises `NothingToRoute`,
        `IndexProblem`.
        """
        whole = f"{subject}\n{text}".strip()[:MAX_TEXT]
        terms = parse(whole, self._engine.analyzer, self._engine.encoder)
        if terms.is_empty:
            raise NothingToRoute("没有看到可以判断的文字。请写明是什么事。")
        with self._sessions() as session:
            departments = _load_departments(session, self._division, self._scope)
            if not departments:
                raise NothingToRoute("还没有部门。请先导入部门和职责：zhiku import departments 部门.xlsx --apply")
            assigned = _count_assigned(session, departments, own_id, self._scope)
            examples = _load_examples(session, self._hits(terms), departments, own_id)
        duties = self._duties_of(departments).compare(terms, whole)
        routed = _shares([(example.department_id, example.score) for example in examples])
        shares = _smoothed(routed, _shares(duties.ranked), assigned)
        names = {department.id: department.name for department in departments}
        return tuple(
            LikelyDepartment(key, names[key], share, _reasons(key, duties, examples))
            for key, share in shares[:PROPOSED]
        )

    def _hits(self, terms: QueryTerms) -> list[tuple[int, float]]:
        """(suggestion id, score), best first; a suggestion of two experts once."""
        # Those that are only near are left out: one that shares a character would decide where nothing else does.
        request = SearchRequest(terms, kinds=(Kind.SUGGESTION,), limit=EXAMPLES)
        best: dict[int, float] = {}
        for hit in self._engine.search(request).hits:
            best.setdefault(int(hit.source.partition(":")[2]), hit.score)
        return list(best.items())

    def _duties_of(self, departments: Sequence[DepartmentRow]) -> Duties:
        """Analysed duties, kept until the departments, the dictionary or the encoder are others."""
        analyzer, encoder = self._engine.analyzer, self._engine.encoder
        content = (
            tuple(departments),
            analyzer.segmenter.name,
            analyzer.dictionary_hash,
            (encoder.name, encoder.version) if encoder else None,
        )
        with self._analysing:
            if self._duties is None or self._duties[0] != content:
                self._duties = (content, Duties(departments, analyzer, encoder))
            return self._duties[1]


def _load_departments(session: Session, division: str, scope: str) -> list[DepartmentRow]:
    is_proposed = Department.division_code == division
    if not division.startswith(scope):
        is_proposed = is_within(Department.division_code, scope)
    rows = session.execute(
        select(Department.id, Department.name, Department.short_name, Department.duties)
        .where(is_proposed)
        .order_by(Department.id)
    )
    return [DepartmentRow(*row) for row in rows]


def _count_assigned(session: Session, departments: Sequence[DepartmentRow], own_id: int | None, scope: str) -> int:
    query = select(func.count()).where(*_is_example(departments), is_within(Suggestion.division_code, scope))
    return session.scalar(query if own_id is None else query.where(Suggestion.id != own_id)) or 0


def _load_examples(
    session: Session, hits: Sequence[tuple[int, float]], departments: Sequence[DepartmentRow], own_id: int | None
) -> list[_Example]:
    """The assigned ones of these suggestions, in their order."""
    columns = (Suggestion.id, Suggestion.lead_department_id, Suggestion.subject, Suggestion.year)
    query = select(*columns).where(Suggestion.id.in_([key for key, _ in hits]), *_is_example(departments))
    rows = {row.id: row for row in session.execute(query)}
    return [
        _Example(rows[key].lead_department_id, score, rows[key].subject, rows[key].year)
        for key, score in hits
        if key in rows and key != own_id
    ]


def _is_example(departments: Sequence[DepartmentRow]) -> tuple[ColumnElement[bool], ...]:
    return (
        Suggestion.lead_department_id.in_([department.id for department in departments]),
        Suggestion.status.not_in(UNSEARCHABLE),
    )


def _shares(ranked: Sequence[tuple[int, float]]) -> dict[int, float]:
    """Shares of the votes of ranked (department id, score); they add up to 1."""
    votes = reciprocal_rank_votes(ranked)
    total = sum(vote for _, vote in votes)
    return {key: vote / total for key, vote in votes} if total > 0 else {}


def _smoothed(routed: dict[int, float], duties: dict[int, float], assigned: int) -> list[tuple[int, float]]:
    """Shares of both together, largest first; equal ones by id. A side that says nothing leaves the other to decide."""
    weight = float(assigned) if routed else 0.0
    prior = DUTIES_WORTH if duties else 0.0
    shares = {
        key: (weight * routed.get(key, 0.0) + prior * duties.get(key, 0.0)) / (weight + prior)
        for key in sorted(routed.keys() | duties.keys())
    }
    return sorted(shares.items(), key=lambda one: -one[1])


def _reasons(department_id: int, duties: DutyComparison, examples: Sequence[_Example]) -> tuple[str, ...]:
    reasons = []
    if matching := duties.matching(department_id):
        reasons.append(f"职责相符：{'、'.join(matching)}")
    example = next((one for one in examples if one.department_id == department_id), None)
    if example:
        reasons.append(f"类似建议《{redact(example.subject)}》（{example.year} 年）由该单位承办")
    return tuple(reasons)
