"""The page is never empty, and says which step answered: words, synonyms, meaning, the nearest field."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from zhiku.bootstrap import open_engine, open_vectors
from zhiku.services.answers import Answer, Step
from zhiku.services.expert_search import ExpertSearch
from zhiku.services.indexing import Indexing

SUMMARIES = {
    "张水生": "主持水库除险加固，懂溢洪道。",
    "李桂花": "企业会计，做账二十年。",
    "王德明": "代理民事诉讼。",
    "曾玉兰": "推广水稻良种。",
    "陈冬莲": "推广水稻良种。",
}


@pytest.fixture
def search(sessions: sessionmaker[Session], tmp_path: Path) -> Iterator[ExpertSearch]:
    with sessions() as session:
        factories.reference(session)
        people = {name: factories.an_expert(session, name, summary=text) for name, text in SUMMARIES.items()}
        factories.a_service_record(
            session, people["曾玉兰"], served_on=date(2026, 5, 1), subject="戏曲排练", account="教唱渔鼓。"
        )
        session.commit()
    vectors = open_vectors("auto", tmp_path / "vectors")
    assert vectors is not None, "the extra `test` brings the encoder"
    engine = open_engine(tmp_path / "index", tmp_path / "cache", vectors=vectors)
    Indexing(sessions, engine, lambda: NOW).rebuild()
    yield ExpertSearch(sessions, engine)
    engine.close()


def names(answer: Answer) -> list[str]:
    return [person.name for person in answer.people]


@pytest.mark.parametrize(
    "query, step, first",
    [
        ("水库 溢洪道", Step.ALL_WORDS, "张水生"),
        ("水库 嫁接", Step.ANY_WORD, "张水生"),
        ("打官司", Step.SYNONYM, "王德明"),
        ("公司财务", Step.MEANING, "李桂花"),
        ("王德明", Step.NAME, "王德明"),
    ],
)
def test_each_step_is_named_and_has_its_people(search: ExpertSearch, query: str, step: Step, first: str) -> None:
    answer = search.search(query)
    assert (answer.step, names(answer)[0]) == (step, first)


def test_who_is_near_in_meaning_is_marked_and_nothing_in_the_sentence_is(search: ExpertSearch) -> None:
    answer = search.search("公司财务")
    person = answer.people[0]
    assert (person.is_near, person.is_near_in_meaning, answer.total) == (True, True, 0)
    (evidence,) = [one for one in person.evidence if one.is_near_in_meaning]
    assert "".join(fragment.text for fragment in evidence.fragments) == SUMMARIES["李桂花"]
    assert not any(fragment.is_match for fragment in evidence.fragments)
    assert answer.sentence.startswith("没有找到一样的说法，列出意思相近的")


def test_what_a_word_shows_already_is_not_shown_again_for_its_meaning(search: ExpertSearch) -> None:
    for person in search.search("水库除险加固").people:
        texts = ["".join(fragment.text for fragment in one.fragments) for one in person.evidence]
        assert len(texts) == len(set(texts))


def test_nonsense_is_not_near_in_meaning(search: ExpertSearch) -> None:
    assert search.search("量子纠缠态叠加").step is not Step.MEANING


def test_of_equal_people_who_was_asked_least_recently_comes_first(search: ExpertSearch) -> None:
    # Both say the same; only 曾玉兰 has helped somebody, and with something else.
    assert names(search.search("水稻良种"))[:2] == ["陈冬莲", "曾玉兰"]
