"""Suggestion search on a real database and a real index."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from tests.unit.search_county import County, county_in
from tests.unit.texts import wild_text
from zhiku.bootstrap import open_engine, open_vectors
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.services.indexing import Indexing
from zhiku.services.suggestion_search import SuggestionAnswer, SuggestionSearch


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county_in(tmp_path_factory.mktemp("county")) as opened:
        yield opened


@pytest.fixture
def own_county(tmp_path: Path) -> Iterator[County]:
    with county_in(tmp_path) as opened:
        yield opened


def numbers(answer: SuggestionAnswer) -> list[str]:
    return [found.number for found in answer.suggestions]


def test_an_empty_query_shows_the_newest_first(county: County) -> None:
    answer = county.suggestions().search("  ")
    assert numbers(answer) == ["2026-0002", "2026-0001"]
    assert answer.sentence == "共有 2 条建议，最新的在前。" and answer.suggestions[0].snippets == ()


def test_a_problem_finds_the_suggestion_with_its_best_sentences(county: County) -> None:
    answer = county.suggestions().search("浮筒报警")
    (found,) = answer.suggestions
    assert (found.number, found.subject, found.field) == ("2026-0001", "给黄石水库装水位报警", "水库堤防")
    assert (found.department, found.status_label, found.submitted_on) == ("县水利局", "已收到", date(2026, 5, 4))
    assert "".join(fragment.text for fragment in found.snippets[0]) == "装一套自动报警的浮筒。"
    assert len(found.snippets) <= 2 and answer.sentence == "找到 1 条相关的建议。"


def test_a_suggestion_of_two_experts_stands_in_the_list_once(county: County) -> None:
    answer = county.suggestions().search("水库")
    assert numbers(answer) == ["2026-0001"] and answer.total == 1


def test_experts_are_named_and_others_by_surname_only(county: County) -> None:
    (found,) = county.suggestions().search("浮筒").suggestions
    # Nobody has confirmed who typed 李阳春.
    assert found.authors == ("罗慎之", "曾繁柑", "李某某")


def test_an_author_who_left_the_think_tank_is_no_longer_named(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        expert = session.get(Expert, own_county.people["曾繁柑"])
        assert expert is not None
        expert.status = ExpertStatus.WITHDRAWN
    (found,) = own_county.suggestions().search("浮筒").suggestions
    assert found.authors == ("罗慎之", "曾某某", "李某某")


@pytest.mark.parametrize("query", ["码头", "水库", ""])
def test_what_was_not_taken_up_or_taken_back_is_hidden(county: County, query: str) -> None:
    assert not {"2026-0003", "2026-0004"} & set(numbers(county.suggestions().search(query)))


def test_what_is_taken_back_vanishes_at_once_though_the_index_still_has_it(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        suggestion = session.scalars(select(Suggestion).where(Suggestion.number == "2026-0001")).one()
        suggestion.status = SuggestionStatus.WITHDRAWN
    assert own_county.indexing.pending() > 0
    assert numbers(own_county.suggestions().search("浮筒")) == []


def test_a_suggestion_of_somebody_outside_the_think_tank_is_found(county: County) -> None:
    (found,) = county.suggestions().search("路灯").suggestions
    assert (found.number, found.status_label, found.department) == ("2026-0002", "已办结", "")


def test_nothing_found_says_what_to_do(county: County) -> None:
    answer = county.suggestions().search("qqqxyz")
    assert (answer.suggestions, answer.total, answer.pages) == ((), 0, 1) and "换一种说法" in answer.sentence


def test_a_phone_number_typed_into_a_suggestion_is_neither_found_nor_shown(county: County) -> None:
    assert county.suggestions().search("13907362222").total == 0
    assert "2222" not in repr(county.suggestions().search("我的电话随时可以问"))


def test_pages_together_have_every_suggestion_once(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        for serial in range(100, 117):
            factories.a_suggestion(session, f"修第{serial}号水渠", serial=serial, submitted_on=date(2026, 8, 1))
    own_county.indexing.drain()
    for query, total in (("水渠", 17), ("", 19)):
        search = own_county.suggestions(5)
        pages = search.search(query).pages
        seen = [number for page in range(1, pages + 1) for number in numbers(search.search(query, page=page))]
        assert pages == 4 and len(seen) == len(set(seen)) == total
        assert seen == numbers(own_county.suggestions(100).search(query))
        last = search.search(query, page=99)
        assert last.page == 4 and last.suggestions
        assert search.search(query, page=-1).page == 1


def test_newest_of_a_day_come_by_number(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        for serial in (201, 202):
            factories.a_suggestion(session, "修渠", serial=serial, submitted_on=date(2026, 9, 1))
    assert numbers(own_county.suggestions().search(""))[:2] == ["2026-0202", "2026-0201"]


@settings(max_examples=80, deadline=None)
@given(wild_text)
def test_any_query_has_an_answer(county: County, query: str) -> None:
    answer = county.suggestions().search(query)
    assert answer.sentence and 1 <= answer.page <= answer.pages


def test_where_no_suggestion_has_a_word_those_near_in_meaning_are_listed_and_say_so(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    with sessions() as session:
        factories.reference(session)
        factories.a_suggestion(session, "企业会计要做好账", situation="账目不清。", proposal="请人教做账。")
        session.commit()
    vectors = open_vectors("auto", tmp_path / "vectors")
    assert vectors is not None, "the extra `test` brings the encoder"
    engine = open_engine(tmp_path / "index", tmp_path / "cache", vectors=vectors)
    Indexing(sessions, engine, lambda: NOW).rebuild()
    answer = SuggestionSearch(sessions, engine).search("公司财务")
    assert [one.subject for one in answer.suggestions] == ["企业会计要做好账"]
    assert answer.sentence.startswith("没有找到一样的说法")
    assert not any(fragment.is_match for snippet in answer.suggestions[0].snippets for fragment in snippet)
    engine.close()
