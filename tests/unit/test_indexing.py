"""Indexing: what is written becomes findable, what is taken back vanishes, and the index proves itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from tests.unit.indexes import engine_in, found
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.experts import Availability, Expert, ExpertStatus
from zhiku.domain.outbox import RETENTION_HOURS, OutboxEntry
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.engines.whoosh.engine import WhooshEngine, WhooshGeneration
from zhiku.search.port import NO_TERMS, Change, IndexDocument, IndexProblem, Kind, SearchRequest, SearchResult
from zhiku.services import index_rows
from zhiku.services import indexing as indexing_module
from zhiku.services.index_rows import all_documents, changes_for
from zhiku.services.indexing import BuildRefused, Indexing

Sessions = sessionmaker[Session]


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> object:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[WhooshEngine]:
    engine = engine_in(tmp_path / "index")
    yield engine
    engine.close()


@pytest.fixture
def indexing(sessions: Sessions, engine: WhooshEngine, clock: Clock) -> Indexing:
    """Over a database with reference data and one person with evidence of each kind, all of it indexed."""
    with sessions() as session, session.begin():
        factories.reference(session)
        expert = factories.an_expert(session, "张水生", fields=("水库堤防",))
        department = factories.a_department(session, "县水利局")
        factories.a_suggestion(session, "给水库装自动报警", authors=(expert, "李阳春"))
        factories.a_service_record(session, expert, department_id=department.id, requested_by="")
        factories.a_suggestion(session, "修一条机耕道", authors=("李阳春",))
    indexing = Indexing(sessions, engine, clock)  # type: ignore[arg-type]
    indexing.rebuild()
    assert_true(indexing)
    return indexing


ALL = ["expert:1", "service:1", "suggestion:1/expert:1", "suggestion:2"]


def assert_true(indexing: Indexing) -> None:
    """The index has exactly what the database has, and nothing waits."""
    report = indexing.verify()
    assert (report.missing, report.stale, report.orphaned, report.pending) == ((), (), (), 0)


def change(sessions: Sessions, work: Callable[[Session, Expert], object]) -> None:
    with sessions() as session, session.begin():
        work(session, session.get_one(Expert, 1))


# -- drain -------------------------------------------------------------------------------------------------------


def test_everything_is_indexed_by_a_rebuild(indexing: Indexing, engine: WhooshEngine) -> None:
    assert found(engine, "") == ALL
    assert found(engine, "张水生") == ["expert:1"]


def test_a_written_row_is_found_after_a_drain_and_not_before(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda session, _: factories.an_expert(session, "李桂花", summary="懂榫卯"))
    assert found(engine, "榫卯") == []
    assert indexing.pending() == 1
    report = indexing.drain()
    assert (report.entries, report.sources) == (1, 1)
    assert found(engine, "榫卯") == ["expert:2"]
    assert_true(indexing)


def test_a_drain_without_changes_commits_nothing(indexing: Indexing, engine: WhooshEngine, tmp_path: Path) -> None:
    def files() -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*_zhiku*")}

    before = files()
    assert indexing.drain().entries == 0
    assert files() == before


def test_many_entries_of_one_row_are_one_change(indexing: Indexing, engine: WhooshEngine, sessions: Sessions) -> None:
    for number in range(5):
        with sessions() as session, session.begin():
            session.get_one(Expert, 1).summary = f"第{number}次写"
    report = indexing.drain()
    assert (report.entries, report.sources) == (5, 3)  # the person, and the evidence that carries their facets
    assert_true(indexing)


def test_more_changes_than_a_batch_are_all_drained(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing_module, "DRAIN_BATCH", 3)
    monkeypatch.setattr(index_rows, "LOAD_BATCH", 2)
    change(sessions, lambda session, _: [factories.an_expert(session, f"张{n}") for n in "甲乙丙丁戊己庚"])
    assert indexing.drain().entries == 7
    assert_true(indexing)


@pytest.mark.parametrize(
    "vanish",
    [
        lambda expert: expert.change_status(ExpertStatus.WITHDRAWN, NOW),
        lambda expert: expert.change_status(ExpertStatus.DECEASED, NOW),
        lambda expert: expert.change_status(ExpertStatus.UNDER_REVIEW, NOW),
        lambda expert: setattr(expert, "availability", Availability.WITHDRAWN),
    ],
    ids=["withdrawn", "deceased", "under review", "not available any more"],
)
def test_who_must_not_be_found_vanishes_with_all_evidence(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions, vanish: Callable[[Expert], None]
) -> None:
    change(sessions, lambda _, expert: vanish(expert))
    indexing.drain()
    # The suggestion stays, but names nobody.
    assert found(engine, "") == ["suggestion:1", "suggestion:2"]
    assert {hit.owner for hit in engine.search(everything()).hits} == {""}
    assert_true(indexing)


def test_who_returns_is_found_again_with_all_evidence(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda _, expert: expert.change_status(ExpertStatus.WITHDRAWN, NOW))
    indexing.drain()
    change(sessions, lambda _, expert: expert.change_status(ExpertStatus.UNDER_REVIEW, NOW))
    indexing.drain()
    assert "expert:1" not in found(engine, "")
    change(sessions, lambda _, expert: expert.change_status(ExpertStatus.PUBLISHED, NOW))
    indexing.drain()
    assert found(engine, "") == ALL
    assert_true(indexing)


def test_a_deleted_person_vanishes_with_all_evidence(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda session, expert: session.delete(expert))
    indexing.drain()
    assert found(engine, "") == ["suggestion:1", "suggestion:2"]
    assert_true(indexing)


def test_a_suggestion_taken_back_vanishes(indexing: Indexing, engine: WhooshEngine, sessions: Sessions) -> None:
    change(sessions, lambda session, _: setattr(session.get_one(Suggestion, 2), "status", SuggestionStatus.WITHDRAWN))
    indexing.drain()
    assert "suggestion:2" not in found(engine, "")
    assert_true(indexing)


def test_a_suggestion_moves_from_one_author_to_another(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    def hand_over(session: Session, _: Expert) -> None:
        other = factories.an_expert(session, "李桂花")
        session.get_one(Suggestion, 1).authors[0].expert_id = other.id

    change(sessions, hand_over)
    indexing.drain()
    assert "suggestion:1/expert:2" in found(engine, "")
    assert "suggestion:1/expert:1" not in found(engine, "")
    assert_true(indexing)


def test_a_renamed_field_reaches_its_people_and_their_evidence(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda session, _: setattr(factories.a_field(session, "水利水电"), "name", "水务工程"))
    indexing.drain()
    facets = engine.search(replace(everything(), facets=("field",))).facets["field"]
    assert facets == {"水库堤防": 1, "水务工程": 1}
    assert found(engine, "水务工程") == ["expert:1"]
    assert_true(indexing)


def test_a_renamed_township_reaches_its_people_and_their_evidence(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda session, _: setattr(session.get_one(Division, factories.QIHE), "name", "沅水街道"))
    indexing.drain()
    request = replace(everything(), filters={"township": ("沅水街道",)})
    assert sorted(hit.id for hit in engine.search(request).hits) == ALL[:3]
    assert_true(indexing)


def test_a_renamed_department_reaches_the_services_it_asked_for(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    change(sessions, lambda session, _: setattr(session.get_one(Department, 1), "name", "县水务与移民局"))
    indexing.drain()
    assert found(engine, "移民局") == ["service:1"]
    assert_true(indexing)


def test_a_drain_interrupted_before_its_entries_are_marked_is_repeated_without_harm(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(sessions, lambda _, expert: setattr(expert, "summary", "懂榫卯"))
    with monkeypatch.context() as patched:
        patched.setattr(indexing, "_mark_drained", lambda ids: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            indexing.drain()
    assert indexing.pending() == 1
    assert indexing.drain().entries == 1
    assert found(engine, "榫卯") == ["expert:1"]
    assert_true(indexing)


def test_drained_entries_are_kept_for_rebuilds_and_then_purged(
    indexing: Indexing, sessions: Sessions, clock: Clock
) -> None:
    def kept() -> int:
        with sessions() as session:
            return session.scalar(select(func.count(OutboxEntry.id))) or 0

    before = kept()
    assert before
    clock.now = NOW + timedelta(hours=RETENTION_HOURS - 1)
    indexing.drain()
    assert kept() == before
    clock.now = NOW + timedelta(hours=RETENTION_HOURS + 1)
    indexing.drain()
    assert kept() == 0


def test_a_drain_without_an_index_loses_nothing(sessions: Sessions, tmp_path: Path, clock: Clock) -> None:
    engine = engine_in(tmp_path / "index")
    indexing = Indexing(sessions, engine, clock)  # type: ignore[arg-type]
    with sessions() as session, session.begin():
        factories.reference(session)
        factories.an_expert(session)
    with pytest.raises(IndexProblem, match="zhiku index rebuild"):
        indexing.drain()
    assert indexing.pending()
    indexing.rebuild()
    assert indexing.pending() == 0
    assert found(engine, "张水生") == ["expert:1"]
    engine.close()


# -- rebuild -----------------------------------------------------------------------------------------------------


def everything() -> SearchRequest:
    return SearchRequest(NO_TERMS)


def during(step: str, monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    """Run `work` once, right before a step of a generation: as another process would."""
    real = getattr(WhooshGeneration, step)
    done: list[bool] = []

    def stepped(self: WhooshGeneration, *args: object, **kwargs: object) -> object:
        if not done:
            done.append(True)
            work()
        return real(self, *args, **kwargs)

    monkeypatch.setattr(WhooshGeneration, step, stepped)


@pytest.mark.parametrize("step", ["add", "finish", "fingerprints", "publish"])
@pytest.mark.parametrize("is_drained", [False, True])
def test_what_is_written_during_a_rebuild_is_in_the_new_generation(
    indexing: Indexing,
    engine: WhooshEngine,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    is_drained: bool,
) -> None:
    """Also when a drainer brought it into the old generation and marked it before the new one answers."""

    def write() -> None:
        def work(session: Session, expert: Expert) -> None:
            expert.summary = "懂榫卯"
            factories.an_expert(session, "李桂花", summary="练梅花桩")
            session.delete(session.get_one(Suggestion, 2))

        change(sessions, work)
        if is_drained:
            indexing.drain()

    during(step, monkeypatch, write)
    indexing.rebuild()
    assert found(engine, "榫卯") == ["expert:1"]
    assert found(engine, "梅花桩") == ["expert:2"]
    assert "suggestion:2" not in found(engine, "")
    assert_true(indexing)


def test_a_search_answers_from_the_old_generation_until_the_new_one_is_published(
    indexing: Indexing, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[list[str]] = []
    for step in ("add", "finish", "fingerprints", "publish"):
        during(step, monkeypatch, lambda: answers.append(found(engine, "")))
    before = engine.status().generation
    indexing.rebuild()
    assert answers == [ALL] * 4
    assert engine.status().generation != before


@pytest.mark.parametrize("step", ["add", "finish", "apply", "fingerprints", "search", "publish"])
def test_a_rebuild_that_fails_leaves_no_trace(
    indexing: Indexing,
    engine: WhooshEngine,
    sessions: Sessions,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    step: str,
) -> None:
    folders = {path.name for path in (tmp_path / "index").iterdir()}
    with monkeypatch.context() as patched:
        during("finish", patched, lambda: change(sessions, lambda _, expert: setattr(expert, "summary", "懂榫卯")))
        during(step, patched, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            indexing.rebuild()
    assert {path.name for path in (tmp_path / "index").iterdir()} == folders
    indexing.drain()
    assert_true(indexing)
    indexing.rebuild()
    assert_true(indexing)


def test_a_build_that_lost_a_document_is_refused(
    indexing: Indexing, engine: WhooshEngine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = WhooshGeneration.add

    def losing(self: WhooshGeneration, documents: Iterable[IndexDocument]) -> None:
        add(self, [document for document in documents if document.kind is not Kind.SERVICE])

    monkeypatch.setattr(WhooshGeneration, "add", losing)
    # What changed in the last minutes is replayed and would not be missed.
    clock.now = NOW + timedelta(hours=1)
    before = engine.status().generation
    with pytest.raises(BuildRefused, match="与数据库不一致.*service:1.*zhiku index rebuild"):
        indexing.rebuild()
    assert engine.status().generation == before
    assert found(engine, "") == ALL


def test_a_build_that_cannot_find_people_by_name_is_refused(
    indexing: Indexing, engine: WhooshEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(self: WhooshGeneration, request: SearchRequest) -> SearchResult:
        return SearchResult((), 0, 0, {})

    monkeypatch.setattr(WhooshGeneration, "search", blind)
    with pytest.raises(BuildRefused, match="按姓名查不到"):
        indexing.rebuild()
    assert found(engine, "张水生") == ["expert:1"]


@pytest.mark.parametrize(
    "name", ["阿·买买提", "阿卜杜拉•艾合买提", "Ann Lee", "𠮷田", "张", "欧阳修", "?", "１２３", "张\u3000三"]
)
def test_no_name_stops_a_rebuild(indexing: Indexing, sessions: Sessions, name: str) -> None:
    change(sessions, lambda _, expert: setattr(expert, "name", name))
    indexing.rebuild()
    assert_true(indexing)


def test_an_empty_database_has_an_empty_index(sessions: Sessions, tmp_path: Path, clock: Clock) -> None:
    engine = engine_in(tmp_path / "index")
    indexing = Indexing(sessions, engine, clock)  # type: ignore[arg-type]
    assert indexing.rebuild().documents == 0
    assert found(engine, "") == []
    assert_true(indexing)
    engine.close()


def test_progress_counts_documents_to_the_total(indexing: Indexing) -> None:
    steps: list[tuple[int, int]] = []
    report = indexing.rebuild(lambda done, total: steps.append((done, total)))
    assert steps and steps == sorted(steps) and steps[-1] == (4, 4)
    assert report.documents == 4


# -- verify and repair -------------------------------------------------------------------------------------------


def test_verify_names_what_is_missing_stale_and_orphaned(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    stray = IndexDocument("expert:99", "expert:99", "expert:99", Kind.PROFILE, {"summary": "不在库里"})
    old = IndexDocument("service:1", "service:1", "expert:1", Kind.SERVICE, {"title": "从前"})
    engine.apply(lambda: [Change("expert:1", ()), Change("expert:99", (stray,)), Change("service:1", (old,))])
    report = indexing.verify()
    assert (report.missing, report.stale, report.orphaned) == (("expert:1",), ("service:1",), ("expert:99",))
    assert not report.is_clean
    assert indexing.repair(report) == 3
    indexing.drain()
    assert_true(indexing)
    assert found(engine, "") == ALL


def test_a_change_that_went_past_the_outbox_is_found_by_verify(
    indexing: Indexing, engine: WhooshEngine, sessions: Sessions
) -> None:
    with sessions() as session, session.begin():
        session.execute(text("UPDATE experts SET summary = '有人直接改了数据库' WHERE id = 1"))
    report = indexing.verify()
    assert (report.stale, report.pending) == (("expert:1",), 0)
    indexing.repair(report)
    indexing.drain()
    assert_true(indexing)
    assert found(engine, "直接改") == ["expert:1"]


def test_verify_tells_what_waits(indexing: Indexing, sessions: Sessions) -> None:
    change(sessions, lambda _, expert: setattr(expert, "summary", "改了"))
    assert indexing.verify().pending == 1


def test_a_profile_knows_when_its_person_last_helped(sessions: Sessions) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session)
        factories.a_service_record(session, expert, served_on=date(2024, 5, 6))
        latest = factories.a_service_record(session, expert, served_on=date(2026, 1, 2))
        session.commit()
        asked = [document.asked_on for batch in all_documents(session) for document in batch if document.name]
        assert asked == [date(2026, 1, 2)]
        session.delete(latest)
        session.flush()
        (change,) = [
            one for one in changes_for(session, session.scalars(select(OutboxEntry))) if "expert" in one.source
        ]
        assert change.documents[0].asked_on == date(2024, 5, 6)
