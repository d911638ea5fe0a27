"""Any interleaving of write, rollback, drain, crash and rebuild, then one drain, gives an empty `verify`."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import factories
from tests.keys import TEST_KEYS
from tests.unit.indexes import engine_in, found
from zhiku import migrations
from zhiku.domain.base import Base
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.engagements import ServiceRecord
from zhiku.domain.experts import Availability, CareerEntry, Expert, ExpertField, ExpertStatus
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.engines.whoosh import engine as whoosh_engine
from zhiku.engines.whoosh.engine import WhooshEngine, WhooshGeneration
from zhiku.persistence.session import make_engine, make_sessions
from zhiku.services.indexing import Indexing

WORDS = st.sampled_from(("修水库", "种柑橘", "调解纠纷", "看高血压", "唱丝弦"))
FIELDS = ("水库堤防", "果树柑橘", "茶叶")


class Crash(BaseException):
    """The process ends here. Not an Exception, so that nothing catches it as an error."""


@cache
def prepared_database() -> Path:
    """A database with two people and their evidence, copied for every example."""
    folder = tempfile.mkdtemp(prefix="zhiku-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = Path(folder) / "zhiku.db"
    engine = make_engine(f"sqlite:///{path.as_posix()}", TEST_KEYS)
    migrations.upgrade(engine)
    with make_sessions(engine)() as session, session.begin():
        factories.reference(session)
        department = factories.a_department(session)
        for name in ("张水生", "李桂花"):
            expert = factories.an_expert(session, name, fields=(FIELDS[0],), career=(("", "", "公社水利员"),))
            factories.a_suggestion(session, authors=(expert, "李阳春"))
            factories.a_service_record(session, expert, department_id=department.id)
    engine.dispose()
    return path


def _pick(session: Session, model: type[Base], at: int) -> Base | None:
    rows = session.scalars(select(model).order_by(*model.__table__.primary_key)).all()
    return rows[at % len(rows)] if rows else None


# Ways to change the database; each takes a session, two numbers to choose rows by, and a text.
def new_expert(session: Session, a: int, b: int, text: str) -> None:
    factories.an_expert(session, fields=(FIELDS[a % 3],), career=(("", "", text),), summary=text)


def rewrite(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(expert := _pick(session, Expert, a), Expert):
        expert.summary = text
        expert.division_code = _place(session, b).code


def change_status(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(expert := _pick(session, Expert, a), Expert):
        expert.status = list(ExpertStatus)[b % len(ExpertStatus)]


def change_availability(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(expert := _pick(session, Expert, a), Expert):
        expert.availability = list(Availability)[b % len(Availability)]


def delete_expert(session: Session, a: int, b: int, text: str) -> None:
    if (expert := _pick(session, Expert, a)) is not None:
        session.delete(expert)


def change_fields(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(expert := _pick(session, Expert, a), Expert):
        expert.field_links.clear()
        session.flush()
        expert.field_links.append(ExpertField(field=factories.a_field(session, FIELDS[b % 3]), position=0))


def move_career(session: Session, a: int, b: int, text: str) -> None:
    entry, expert = _pick(session, CareerEntry, a), _pick(session, Expert, b)
    if isinstance(entry, CareerEntry) and isinstance(expert, Expert):
        entry.expert_id = expert.id


def new_suggestion(session: Session, a: int, b: int, text: str) -> None:
    authors = [one for one in (_pick(session, Expert, a), _pick(session, Expert, b)) if isinstance(one, Expert)]
    factories.a_suggestion(session, text, authors=tuple(authors) or ("李阳春",))


def change_suggestion(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(suggestion := _pick(session, Suggestion, a), Suggestion):
        suggestion.status = list(SuggestionStatus)[b % len(SuggestionStatus)]
        suggestion.proposal = text


def change_authors(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(suggestion := _pick(session, Suggestion, a), Suggestion) and suggestion.authors:
        expert = _pick(session, Expert, b)
        suggestion.authors[0].expert_id = expert.id if isinstance(expert, Expert) else None


def new_service(session: Session, a: int, b: int, text: str) -> None:
    if isinstance(expert := _pick(session, Expert, a), Expert):
        department = _pick(session, Department, b)
        assert isinstance(department, Department)
        factories.a_service_record(session, expert, subject=text, department_id=department.id if b % 2 else None)


def delete_evidence(session: Session, a: int, b: int, text: str) -> None:
    if (row := _pick(session, ServiceRecord if b % 2 else Suggestion, a)) is not None:
        session.delete(row)


def rename(session: Session, a: int, b: int, text: str) -> None:
    field, department = factories.a_field(session, FIELDS[a % 3]), _pick(session, Department, b)
    field.everyday_words = text
    assert isinstance(department, Department)
    department.name = f"{text}局{a}"
    _place(session, b).name = f"{text}镇{a}"


def _place(session: Session, at: int) -> Division:
    townships = session.scalars(select(Division).where(Division.level == DivisionLevel.TOWNSHIP).limit(3)).all()
    return townships[at % 3]


WRITES: tuple[Callable[[Session, int, int, str], None], ...] = (
    new_expert, rewrite, change_status, change_availability, delete_expert, change_fields, move_career,
    new_suggestion, change_suggestion, change_authors, new_service, delete_evidence, rename,
)  # fmt: skip

one_write = st.tuples(st.sampled_from(WRITES), st.integers(0, 20), st.integers(0, 20), WORDS)
some_writes = st.lists(one_write, min_size=1, max_size=4)
Writes = list[tuple[Callable[[Session, int, int, str], None], int, int, str]]

#: Where a process may end: owner and name of a step, and whether the step was still done.
DRAIN_POINTS = (
    (whoosh_engine, "write_changes", False),
    (whoosh_engine, "write_changes", True),
    (Indexing, "_mark_drained", False),
    (Indexing, "_mark_drained", True),
)
REBUILD_POINTS = (
    *(
        (WhooshGeneration, name, done)
        for name in ("add", "finish", "fingerprints", "_take_over")
        for done in (False, True)
    ),
    (WhooshGeneration, "publish", True),
    (Indexing, "_mark_drained", False),
)


@contextmanager
def ending_at(owner: object, name: str, is_done: bool) -> Iterator[None]:
    """The process ends at this step; nothing after it is done, not even what `except` and `finally` would do."""
    real = getattr(owner, name)

    def step(*args: object, **kwargs: object) -> object:
        if is_done:
            real(*args, **kwargs)
        raise Crash

    # A killed process tidies nothing up: only the system takes its locks back.
    with patch.object(owner, name, step), patch.object(WhooshGeneration, "discard", lambda self: self._lock.release()):
        try:
            yield
        except Crash:
            pass


class County(RuleBasedStateMachine):
    """A database and an index that live through everything."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="zhiku-tests-"))
        shutil.copy(prepared_database(), self.folder / "zhiku.db")
        self.database = make_engine(f"sqlite:///{(self.folder / 'zhiku.db').as_posix()}", TEST_KEYS)
        self.sessions = make_sessions(self.database)
        self.engine: WhooshEngine = engine_in(self.folder / "index")
        self.start_process()
        self.indexing.rebuild()

    def start_process(self) -> None:
        """What a new process has: nothing but what is on disk."""
        self.engine.close()
        self.engine = engine_in(self.folder / "index")
        self.indexing = Indexing(self.sessions, self.engine, lambda: datetime.now(UTC))

    def write_all(self, writes: Writes) -> None:
        with self.sessions() as session, session.begin():
            for work, a, b, text in writes:
                work(session, a, b, text)
                session.flush()

    @rule(writes=some_writes)
    def write(self, writes: Writes) -> None:
        self.write_all(writes)

    @rule(writes=some_writes)
    def write_and_roll_back(self, writes: Writes) -> None:
        with pytest.raises(Crash):
            with self.sessions() as session, session.begin():
                for work, a, b, text in writes:
                    work(session, a, b, text)
                    session.flush()
                raise Crash

    @rule(kept=some_writes, dropped=some_writes)
    def write_with_a_savepoint_rolled_back(self, kept: Writes, dropped: Writes) -> None:
        with self.sessions() as session, session.begin():
            savepoint = session.begin_nested()
            for work, a, b, text in dropped:
                work(session, a, b, text)
                session.flush()
            savepoint.rollback()
            for work, a, b, text in kept:
                work(session, a, b, text)
                session.flush()

    @rule()
    def drain(self) -> None:
        self.indexing.drain()
        self.check()

    @rule(point=st.sampled_from(DRAIN_POINTS))
    def end_in_a_drain(self, point: tuple[object, str, bool]) -> None:
        with ending_at(*point):
            self.indexing.drain()
        self.start_process()

    @rule(
        writes=some_writes, is_drained=st.booleans(), step=st.sampled_from(["add", "finish", "fingerprints", "publish"])
    )
    def rebuild_while_others_write(self, writes: Writes, is_drained: bool, step: str) -> None:
        real = getattr(WhooshGeneration, step)
        done: list[bool] = []

        def meanwhile(generation: WhooshGeneration, *args: object, **kwargs: object) -> object:
            if not done:
                done.append(True)
                self.write_all(writes)
                if is_drained:
                    self.indexing.drain()
            return real(generation, *args, **kwargs)

        with patch.object(WhooshGeneration, step, meanwhile):
            self.indexing.rebuild()
        self.check()

    @rule(point=st.sampled_from(REBUILD_POINTS))
    def end_in_a_rebuild(self, point: tuple[object, str, bool]) -> None:
        with ending_at(*point):
            self.indexing.rebuild()
        self.start_process()

    @precondition(lambda self: hasattr(self, "engine"))
    @invariant()
    def a_search_always_answers(self) -> None:
        found(self.engine, "修水库")

    def check(self) -> None:
        report = self.indexing.verify()
        assert (report.missing, report.stale, report.orphaned, report.pending) == ((), (), (), 0)

    def teardown(self) -> None:
        if not hasattr(self, "engine"):
            return
        try:
            self.indexing.drain()
            self.check()
        finally:
            self.engine.close()
            self.database.dispose()
            shutil.rmtree(self.folder)


County.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking a failure would take minutes of rebuilding; the steps that are printed are few enough.
    phases=[phase for phase in Phase if phase is not Phase.shrink],
)


@pytest.mark.slow
class TestAnyInterleaving(County.TestCase):  # type: ignore[valid-type,misc]
    """Run by pytest."""
