"""Did you mean, with the words of a real index, and what the search makes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import factories
from tests.unit.search_county import County, county_in
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Availability, Expert
from zhiku.engines.whoosh.engine import FRESHNESS_SECONDS
from zhiku.services.county_words import CountyWordsReader
from zhiku.services.did_you_mean import DOCUMENTS_OF_A_NAME, DidYouMean, documents_by_word
from zhiku.services.expert_search import ExpertSearch, Step


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county_in(tmp_path_factory.mktemp("county")) as county:
        with county.sessions.begin() as session:
            factories.an_expert(session, "秦岸", summary="测过地形，懂水文观测。", keywords=["水文观测", "巧克力"])
            factories.an_expert(session, "黄龙秉", summary="种过茶。", keywords=["采茶"])
            factories.an_expert(session, "刘水文", summary="教过书。", keywords=[], availability=Availability.WITHDRAWN)
        county.indexing.drain()
        yield county


@pytest.fixture(scope="module")
def did_you_mean(county: County) -> Iterator[DidYouMean]:
    made = DidYouMean(county.engine, CountyWordsReader(county.sessions, county.engine))
    made.prepare()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("柑橘黄龙并", "柑橘黄龙病"),
        ("水酷堤防", "水库堤防"),  # a field of expertise
        ("邻里纠份", "邻里纠纷"),
        ("谁懂水文贯测", "谁懂水文观测"),  # of one profile's expertise
        ("请 水酷堤防 专家！", "请 水库堤防 专家！"),
        ("邻裡糾份怎麼辦", "邻里纠纷怎麼辦"),  # only what is wrong is replaced
        ("高血牙", "高血压"),  # of the everyday words of a field, or of synonyms
        ("找罗甚之老师", "找罗慎之老师"),  # a name of which only the given name is written otherwise
        ("黄龙并", "黄龙病"),  # but words before names
    ],
)
def test_a_slip_is_put_right(did_you_mean: DidYouMean, typed: str, meant: str) -> None:
    assert did_you_mean.suggest(typed) == meant


@pytest.mark.parametrize(
    "right",
    [
        "柑橘黄龙病",
        "水库堤防",
        "邻里纠纷",
        "罗慎之",
        "黄龙秉",
        "找黄龙秉医生",
        "luoshenzhi",
        "13907361111",
        "",
        " ",
        "水",
        "？",
        "柑橘" * 60,
    ],
)
def test_what_is_right_is_left_alone(did_you_mean: DidYouMean, right: str) -> None:
    assert did_you_mean.suggest(right) == ""


def test_no_name_is_offered_for_anything(county: County) -> None:
    words = CountyWordsReader(county.sessions, county.engine).words()
    documents = documents_by_word(words, [("水文观测", "看水情")])
    assert not documents.keys() & {"罗慎之", "黄龙秉", "刘水文", "退出人", "草稿人"}
    assert documents["看水情"] == DOCUMENTS_OF_A_NAME


def test_the_search_offers_it_and_still_answers_what_was_typed(county: County, did_you_mean: DidYouMean) -> None:
    search = ExpertSearch(county.sessions, county.engine, did_you_mean=did_you_mean.suggest)
    answer = search.search("柑橘黄龙并")
    assert (answer.query, answer.did_you_mean, answer.answered_as) == ("柑橘黄龙并", "柑橘黄龙病", "")
    assert "曾繁柑" in [person.name for person in answer.people]
    assert search.search("柑橘黄龙病").did_you_mean == ""
    assert search.search("罗慎之").did_you_mean == ""


def test_a_query_that_finds_nobody_is_answered_as_it_was_meant_and_says_so(
    county: County, did_you_mean: DidYouMean
) -> None:
    search = ExpertSearch(county.sessions, county.engine, did_you_mean=did_you_mean.suggest)
    answer = search.search("敲课隶")
    assert answer.query == "敲课隶" and answer.answered_as == "巧克力" and answer.did_you_mean == ""
    assert answer.sentence.startswith("没有找到“敲课隶”，已按“巧克力”检索。")
    assert [person.name for person in answer.people] == ["秦岸"] and answer.step is Step.ALL_WORDS

    typed = search.search("敲课隶", is_as_typed=True)
    assert typed.answered_as == "" and typed.did_you_mean == "巧克力"
    assert typed.step not in (Step.ALL_WORDS, Step.ANY_WORD)


def test_filters_hold_for_what_was_meant(county: County, did_you_mean: DidYouMean) -> None:
    search = ExpertSearch(county.sessions, county.engine, did_you_mean=did_you_mean.suggest)
    narrowed = search.search("敲课隶", filters={"township": ("漆河镇",)})
    assert narrowed.answered_as == "巧克力" and narrowed.filters == {"township": ("漆河镇",)}
    elsewhere = search.search("敲课隶", filters={"township": ("盘塘镇",)})
    assert elsewhere.answered_as == "" and elsewhere.did_you_mean == "巧克力"


def test_nobody_of_another_surname_is_offered_for_a_name(did_you_mean: DidYouMean) -> None:
    # 谷 is read yu in one old word; 施药亭 and 石耀庭 only sound alike.
    assert did_you_mean.suggest("洛甚之") == ""


def test_who_has_withdrawn_is_offered_no_more(tmp_path: Path) -> None:
    with county_in(tmp_path) as county:
        made = DidYouMean(county.engine, CountyWordsReader(county.sessions, county.engine))
        made.prepare()
        assert made.suggest("罗甚之") == "罗慎之"
        with county.sessions.begin() as session:
            begin_writing(session)
            session.get_one(Expert, county.people["罗慎之"]).availability = Availability.WITHDRAWN
        county.indexing.drain()
        time.sleep(FRESHNESS_SECONDS)
        # The list of people is still the old one.
        assert made.suggest("罗甚之") == ""
        made.close()
