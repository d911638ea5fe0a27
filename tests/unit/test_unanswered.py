"""Queries without an answer: counted, never personal, never in a search's way."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from tests import factories
from tests.conftest import NOW
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import ExpertStatus
from zhiku.domain.lexicon import AnsweredBy, UnansweredQuery
from zhiku.domain.permissions import Scope
from zhiku.services import unanswered as unanswered_service
from zhiku.services.answers import Answer, Step
from zhiku.services.unanswered import UnansweredQueries


def opened_in(home: Path) -> Zhiku:
    return Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home)}))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person nobody may see yet, a suggestion, and an index; tests work on copies."""
    home = tmp_path_factory.mktemp("prepared")
    opened = opened_in(home)
    opened.prepare_database()
    with opened.sessions() as session, session.begin():
        begin_writing(session)
        factories.reference(session)
        expert = factories.an_expert(session, "张水生", status=ExpertStatus.DRAFT)
        factories.a_suggestion(session, authors=(expert, "龚述槐"))
    opened.indexing.rebuild()
    opened.close()
    return home


@pytest.fixture
def zhiku(prepared: Path, tmp_path: Path) -> Iterator[Zhiku]:
    opened = opened_in(shutil.copytree(prepared, tmp_path / "home"))
    yield opened
    opened.close()


def answer(query: str, step: Step = Step.NOTHING, page: int = 1, **filters: tuple[str, ...]) -> Answer:
    return Answer(query, step, "", (), 0, 0, page, page, (), filters)


def noted(zhiku: Zhiku, *answers: Answer) -> dict[str, int]:
    """What is on the list after these answers: text -> how often."""
    for one in answers:
        zhiku.unanswered.note(one, Scope())
    zhiku.unanswered.write()
    return {one.text: one.times for one in zhiku.unanswered.all()}


def test_askings_of_the_same_are_counted_together(zhiku: Zhiku) -> None:
    assert noted(zhiku, answer("修坼坝"), answer("修坼坝？"), answer("修坼壩"), answer("養魚", Step.NEAR)) == {
        "修坼坝": 3,
        "养鱼": 1,
    }
    first = zhiku.unanswered.page(Scope()).items[0]
    assert (first.text, first.answered_by) == ("修坼坝", AnsweredBy.NOTHING.label)


@pytest.mark.parametrize("step", [Step.BROWSE, Step.NAME, Step.ALL_WORDS, Step.ANY_WORD, Step.SYNONYM])
def test_what_was_answered_is_not_on_the_list(zhiku: Zhiku, step: Step) -> None:
    assert noted(zhiku, answer("修坼坝", step)) == {}


def test_every_step_without_a_word_of_the_query_is_on_the_list_with_its_name(zhiku: Zhiku) -> None:
    steps = {Step.NOTHING, Step.NEAREST_FIELD, Step.NEAR, Step.MEANING}
    assert {by.value for by in AnsweredBy} == {step.value for step in steps}
    assert len(noted(zhiku, *(answer(f"坼坝{step.value}", step) for step in steps))) == 4


def test_later_pages_and_filters_are_no_new_question(zhiku: Zhiku) -> None:
    assert noted(zhiku, answer("修坼坝", page=2), answer("修坼坝", field=("水利",))) == {}


@pytest.mark.parametrize(
    "query",
    [
        "王德明", "老李", "找欧阳医生", "王刚", "zhangjianguo", "qqqxyz", "", "  ", "，。？",
        "张水生修水库", "龚述槐的建议", "李大爷家的电话", "她的微信号多少", "13812345678", "某某住哪里",
    ],
)  # fmt: skip
def test_what_may_be_somebody_is_not_stored(zhiku: Zhiku, query: str) -> None:
    assert noted(zhiku, answer(query)) == {}


@pytest.mark.parametrize("query", ["高血压", "高粱", "黄龙病", "马铃薯", "石榴烂果"])
def test_words_that_begin_like_a_surname_are_stored(zhiku: Zhiku, query: str) -> None:
    assert noted(zhiku, answer(query)) == {query: 1}


def test_numbers_are_removed_before_anything_is_stored(zhiku: Zhiku) -> None:
    hundred = "堰塘冒水" * 25
    assert noted(zhiku, answer("堰塘冒水请打13812345678")) == {"堰塘冒水请打[号码已隐去]": 1}
    # Half a number at the end of what is kept would not be known as one.
    texts = noted(zhiku, answer(hundred + hundred[:94] + "13812345678，快来"))
    assert not any("138" in text for text in texts)
    with zhiku.sessions() as session:
        rows = session.scalars(select(UnansweredQuery)).all()
    assert all("138" not in row.normal and max(len(row.text), len(row.normal)) <= 200 for row in rows)


def test_a_long_query_is_cut(zhiku: Zhiku) -> None:
    (text,) = noted(zhiku, answer("堰塘冒水" * 500))
    assert len(text) == 200 and text.endswith("…")


def test_a_query_that_has_synonyms_and_still_finds_nobody_comes_back(zhiku: Zhiku) -> None:
    noted(zhiku, answer("修坼坝"), answer("养鱼", Step.NEAR))
    by_text = {one.text: one.id for one in zhiku.unanswered.all()}
    group = zhiku.lexicon.add_group(["修坼坝", "修坝"], "", "测试")
    zhiku.unanswered.resolve(Scope(), by_text["修坼坝"], group.id)
    zhiku.unanswered.resolve(Scope(), by_text["养鱼"])
    assert zhiku.unanswered.page(Scope()).total == 0 and zhiku.unanswered.page(Scope(), is_resolved=True).total == 2
    assert noted(zhiku, answer("修坼坝"), answer("养鱼", Step.NEAR)) == {"修坼坝": 2}, "养鱼 was dismissed"
    zhiku.unanswered.reopen(Scope(), by_text["养鱼"])
    assert zhiku.unanswered.page(Scope()).total == 2
    zhiku.unanswered.resolve(Scope(), 4711)
    zhiku.unanswered.resolve(Scope(), 2**63)


def test_the_list_is_bounded_and_what_was_asked_least_goes_first(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered_service, "MAX_UNANSWERED", 5)
    monkeypatch.setattr(unanswered_service, "_SLACK", 0)
    noted(zhiku, *[answer("修坼坝")] * 3)
    texts = noted(zhiku, *[answer(f"坼坝{chr(0x4E00 + number)}") for number in range(20)])
    assert len(texts) == 5 and texts["修坼坝"] == 3


def test_what_was_not_asked_for_a_year_is_forgotten(zhiku: Zhiku) -> None:
    now = [NOW]
    queries = UnansweredQueries(zhiku.sessions, zhiku.engine, lambda: now[0])
    queries.note(answer("修坼坝"), Scope())
    queries.write()
    now[0] += timedelta(days=364)
    queries.note(answer("养鱼", Step.NEAR), Scope())
    queries.write()
    assert {one.text for one in queries.all()} == {"修坼坝", "养鱼"}
    now[0] += timedelta(days=2)
    queries.note(answer("养鱼", Step.NEAR), Scope())
    queries.write()
    assert {one.text for one in queries.all()} == {"养鱼"}


def test_a_thread_of_its_own_writes_soon_after(zhiku: Zhiku) -> None:
    zhiku.unanswered.note(answer("修坼坝"), Scope())
    started = time.monotonic()
    while not zhiku.unanswered.page(Scope()).total and time.monotonic() - started < 10:
        time.sleep(0.05)
    assert zhiku.unanswered.page(Scope()).total == 1


def test_a_search_is_not_kept_waiting_and_a_locked_database_drops_the_note(
    zhiku: Zhiku, caplog: pytest.LogCaptureFixture
) -> None:
    with zhiku.sessions() as other, other.begin():
        begin_writing(other)
        started = time.perf_counter()
        for _ in range(100):
            zhiku.unanswered.note(answer("修坼坝的事"), Scope())
        assert time.perf_counter() - started < 0.1
        zhiku.unanswered.write()
        assert time.perf_counter() - started < 5
    assert zhiku.unanswered.page(Scope()).total == 0
    assert [record.levelno for record in caplog.records] == [logging.WARNING] and "坼坝" not in caplog.text
    # The connection went back to its pool with its patience.
    with zhiku.sessions() as session:
        assert session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar() == 90_000


def test_so_many_gather_and_no_more(zhiku: Zhiku, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unanswered_service, "MAX_GATHERED", 3)
    texts = [answer(f"坼坝{chr(0x4E00 + number)}") for number in range(10)]
    assert len(noted(zhiku, *texts, texts[0])) == 3


def test_what_has_gathered_is_written_when_zhiku_closes(zhiku: Zhiku) -> None:
    zhiku.unanswered.note(answer("修坼坝"), Scope())
    zhiku.unanswered.close()
    assert zhiku.unanswered.page(Scope()).total == 1


def test_who_sees_another_division_does_not_see_what_was_asked_here(zhiku: Zhiku) -> None:
    here, there = Scope("430725"), Scope("430726")
    for scope in (here, here, there):
        zhiku.unanswered.note(answer("修坼坝"), scope)
    zhiku.unanswered.write()
    assert [(one.text, one.times) for one in zhiku.unanswered.page(here).items] == [("修坼坝", 2)]
    (theirs,) = zhiku.unanswered.page(there).items
    assert theirs.times == 1 and zhiku.unanswered.get(here, theirs.id) is None
    assert zhiku.unanswered.page(Scope("4307")).total == 2 and zhiku.unanswered.page(Scope("430725105")).total == 0
    zhiku.unanswered.resolve(here, theirs.id)
    assert zhiku.unanswered.page(there).total == 1
    zhiku.unanswered.resolve(there, theirs.id)
    zhiku.unanswered.reopen(here, theirs.id)
    assert zhiku.unanswered.page(there).total == 0 and zhiku.unanswered.page(there, is_resolved=True).total == 1


def test_who_sees_more_than_the_county_that_is_served_asks_about_that_county(zhiku: Zhiku) -> None:
    service = UnansweredQueries(zhiku.sessions, zhiku.engine, zhiku.clock, "430725")
    for asked_by in ("", "43", "430725", "430725105"):
        service.note(answer("修坼坝"), Scope(asked_by))
    service.write()
    with zhiku.sessions() as session:
        rows = {row.division_prefix: row.times for row in session.scalars(select(UnansweredQuery))}
    assert rows == {"430725": 3, "430725105": 1}
