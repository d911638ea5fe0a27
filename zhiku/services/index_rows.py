"""The rows behind the index: loaded in batches, projected to index documents."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date
from typing import TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload, load_only, selectinload

from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.experts import Expert, ExpertField
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import Suggestion, SuggestionAuthor
from zhiku.search.port import Change, IndexDocument, sources_of
from zhiku.search.projections import Owner, owner_of, project_expert, project_service, project_suggestion

#: The entities that have documents of their own.
Row = TypeVar("Row", Expert, Suggestion, ServiceRecord)

#: Rows loaded at once.
LOAD_BATCH = 500

#: Owners who are remembered from one batch to the next.
OWNERS_KEPT = 50_000

_EXPERT_PARTS = (
    joinedload(Expert.division),
    selectinload(Expert.field_links).joinedload(ExpertField.field).joinedload(FieldOfExpertise.parent),
)
#: Experts with all that their profile's document is made of.
EXPERTS = select(Expert).options(*_EXPERT_PARTS, selectinload(Expert.career), selectinload(Expert.honours))
#: Only what is projected: there are many more of them than of anything else.
_SUGGESTIONS = select(Suggestion).options(
    load_only(
        Suggestion.id,
        Suggestion.division_code,
        Suggestion.subject,
        Suggestion.situation,
        Suggestion.proposal,
        Suggestion.status,
        Suggestion.submitted_on,
        raiseload=True,
    )
)
_SERVICES = select(ServiceRecord).options(joinedload(ServiceRecord.department))


def all_documents(session: Session) -> Iterator[list[IndexDocument]]:
    """All index documents of the database, in batches."""
    loader = _Loader(session)
    for statement, key, project in (
        (EXPERTS, Expert.id, loader.experts),
        (_SUGGESTIONS, Suggestion.id, loader.suggestions),
        (_SERVICES, ServiceRecord.id, loader.services),
    ):
        last = 0
        while True:
            rows = session.scalars(statement.where(key > last).order_by(key).limit(LOAD_BATCH)).unique().all()
            if not rows:
                break
            last = rows[-1].id
            yield project(rows)
            # Rows already projected would otherwise stay in memory until the end.
            session.expunge_all()


def count_rows(session: Session) -> int:
    """How many rows `all_documents` will read."""
    return sum(session.scalar(select(func.count(key))) or 0 for key in (Expert.id, Suggestion.id, ServiceRecord.id))


def changes_for(session: Session, entries: Iterable[OutboxEntry]) -> list[Change]:
    """The present state of everything the entries speak of, each source once."""
    wanted = {(entry.kind, entry.entity_id) for entry in entries}
    experts = _ids(wanted, "expert") | _experts_of_reference_rows(session, wanted)
    suggestions = _ids(wanted, "suggestion")
    services = _ids(wanted, "service")
    for department in _ids(wanted, "department"):
        services |= _select_ids(session, select(ServiceRecord.id).where(ServiceRecord.department_id == department))
    for chunk in chunks(experts):
        # Evidence carries its owner's facets and visibility, so it changes with the owner.
        authored = select(SuggestionAuthor.suggestion_id).where(SuggestionAuthor.expert_id.in_(chunk))
        suggestions |= _select_ids(session, authored)
        services |= _select_ids(session, select(ServiceRecord.id).where(ServiceRecord.expert_id.in_(chunk)))
    loader = _Loader(session)
    changes: list[Change] = []
    changes += _present(session, "expert", experts, EXPERTS, Expert, loader.experts)
    changes += _present(session, "suggestion", suggestions, _SUGGESTIONS, Suggestion, loader.suggestions)
    changes += _present(session, "service", services, _SERVICES, ServiceRecord, loader.services)
    return changes


def chunks(ids: Collection[int]) -> Iterator[list[int]]:
    """The ids in order, in runs that fit a statement: SQLite takes 32,766 parameters; smaller ones are as fast."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), LOAD_BATCH):
        yield ordered[start : start + LOAD_BATCH]


class _Loader:
    """Projects loaded rows, with what it must know of people beside them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        #: People by id; None for those whom a search must not name.
        self._people: dict[int, Owner | None] = {}

    def experts(self, rows: Collection[Expert]) -> list[IndexDocument]:
        """Their profiles."""
        self._remember(rows)
        latest = select(ServiceRecord.expert_id, func.max(ServiceRecord.served_on)).group_by(ServiceRecord.expert_id)
        among = ServiceRecord.expert_id.in_([row.id for row in rows])
        asked: dict[int, date] = {key: day for key, day in self._session.execute(latest.where(among))}
        return [document for row in rows for document in project_expert(row, asked.get(row.id))]

    def suggestions(self, rows: Collection[Suggestion]) -> list[IndexDocument]:
        """A document for each author who can be found."""
        authors = self._authors([row.id for row in rows])
        owners = self._owners({author for named in authors.values() for author in named if author is not None})
        return [document for row in rows for document in project_suggestion(row, authors[row.id], owners)]

    def services(self, rows: Collection[ServiceRecord]) -> list[IndexDocument]:
        """Those of people who can be found."""
        owners = self._owners({row.expert_id for row in rows})
        return [document for row in rows for document in project_service(row, owners)]

    def _authors(self, suggestions: Collection[int]) -> dict[int, list[int | None]]:
        """Who of the think tank wrote each suggestion, in the order of the authors; None for anybody else."""
        authors: dict[int, list[int | None]] = {key: [] for key in suggestions}
        statement = (
            select(SuggestionAuthor.suggestion_id, SuggestionAuthor.expert_id)
            .where(SuggestionAuthor.suggestion_id.in_(suggestions))
            .order_by(SuggestionAuthor.suggestion_id, SuggestionAuthor.position)
        )
        for suggestion, expert in self._session.execute(statement):
            authors[suggestion].append(expert)
        return authors

    def _owners(self, ids: set[int]) -> dict[int, Owner]:
        """Those of these people whom a search may name."""
        if len(self._people) > OWNERS_KEPT:
            self._people.clear()
        for chunk in chunks(ids - self._people.keys()):
            self._people.update(dict.fromkeys(chunk))
            known = select(Expert).options(*_EXPERT_PARTS).where(Expert.id.in_(chunk))
            self._remember(self._session.scalars(known).unique().all())
        return {key: owner for key in ids if (owner := self._people[key]) is not None}

    def _remember(self, rows: Iterable[Expert]) -> None:
        self._people.update((row.id, owner_of(row) if row.is_searchable else None) for row in rows)


def _experts_of_reference_rows(session: Session, wanted: set[tuple[str, str]]) -> set[int]:
    experts: set[int] = set()
    for kind, key in wanted:
        if kind == "division":
            experts |= _select_ids(session, select(Expert.id).where(Expert.division_code == key))
        elif kind == "field":
            below = select(FieldOfExpertise.id).where(FieldOfExpertise.parent_id == int(key))
            holders = select(ExpertField.expert_id).where(
                (ExpertField.field_id == int(key)) | ExpertField.field_id.in_(below)
            )
            experts |= _select_ids(session, holders)
    return experts


def _present(
    session: Session,
    kind: str,
    ids: set[int],
    statement: Select[Row],
    model: type[Row],
    project: Callable[[Collection[Row]], list[IndexDocument]],
) -> Iterator[Change]:
    """A change per id: the documents of the row as it is now, or none where it is gone."""
    for chunk in chunks(ids):
        rows = session.scalars(statement.where(model.id.in_(chunk))).unique().all()
        documents = {change.source: change for change in sources_of(project(rows))}
        for key in chunk:
            source = f"{kind}:{key}"
            yield documents.get(source, Change(source, ()))


def _ids(wanted: set[tuple[str, str]], kind: str) -> set[int]:
    return {int(key) for found, key in wanted if found == kind}


def _select_ids(session: Session, statement: Select[int]) -> set[int]:
    return set(session.scalars(statement))
