"""Completion while typing, over a real database and index; who may not be found is not completed either."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event, select

from tests import factories
from tests.unit.search_county import County, county_in
from zhiku.domain.experts import Availability, Expert, ExpertStatus
from zhiku.services.completion import LIMIT, LONGEST_TEXT, Completer, Completion, Group, make_lists
from zhiku.services.county_words import CountyWordsReader, is_searchable


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county_in(tmp_path_factory.mktemp("county")) as county:
        with county.sessions.begin() as session:
            for name in ("张建国", "张俭", "单雄信", "欧阳海", "王德明", "建文海", "阿·买买提"):
                factories.an_expert(session, name, keywords=["修祠堂"], former_unit="桃源县文化馆")
            factories.an_expert(session, "高峰", availability=Availability.WITHDRAWN, keywords=["藏书"])
            factories.an_expert(session, "洪水", status=ExpertStatus.DECEASED, keywords=["藏书"])
            for serial in (11, 12, 13):
                factories.a_suggestion(session, "洪水高峰时开闸", authors=(), serial=serial, situation="都听韩志邦说。")
        county.indexing.drain()
        yield county


@pytest.fixture
def completer(county: County) -> Iterator[Completer]:
    completer = Completer(county.sessions, CountyWordsReader(county.sessions, county.engine))
    completer.prepare()
    yield completer
    completer.close()


def texts(found: tuple[Completion, ...], group: Group | None = None) -> list[str]:
    return [one.text for one in found if group in (None, one.group)]


# -- people -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed", ["张建", "建国", "zhangjianguo", "zhangjian", "zjg", "zhangjg", "zhang jian guo", "jianguo", "ＺＪＧ", "張建",
              "Zhang Jian", "zhang'jian"],
)  # fmt: skip
def test_a_person_is_found_by_every_part_of_the_name(completer: Completer, typed: str) -> None:
    assert "张建国" in texts(completer.complete(typed), Group.NAME)


@pytest.mark.parametrize(
    ("typed", "name"),
    [("shan", "单雄信"), ("dan", "单雄信"), ("oyh", "欧阳海"), ("oh", "欧阳海"), ("阿买", "阿·买买提")],
)
def test_every_reading_of_a_surname_leads_to_the_person(completer: Completer, typed: str, name: str) -> None:
    assert name in texts(completer.complete(typed), Group.NAME)


def test_names_that_begin_so_come_before_given_names(completer: Completer) -> None:
    assert texts(completer.complete("建"), Group.NAME) == ["建文海", "张建国", "李建设"]
    assert texts(completer.complete("zhangj"), Group.NAME) == ["张俭", "张建国"]


@pytest.mark.parametrize(
    "typed", ["草稿", "草稿人", "退出", "caogao", "tcr", "高峰", "gaofeng", "gf", "洪水", "hongshui"]
)
def test_who_may_not_be_found_is_not_completed_not_even_as_a_word(completer: Completer, typed: str) -> None:
    offered = {one.completed for one in completer.complete(typed)}
    assert not offered & {"草稿人", "退出人", "高峰", "洪水"}


def test_a_hidden_name_that_is_a_word_of_the_texts_takes_no_place_in_the_lists(county: County) -> None:
    words = CountyWordsReader(county.sessions, county.engine).words()
    assert words.words["高峰"] >= 3 and "高峰" in words.hidden
    assert make_lists(words).by_text[Group.WORD][0].best("高峰", LIMIT) == []


def test_a_person_who_is_withdrawn_disappears_at_once(county: County, completer: Completer) -> None:
    assert "王德明" in texts(completer.complete("王"))
    with county.sessions.begin() as session:
        expert = session.scalars(select(Expert).where(Expert.name == "王德明")).one()
        expert.availability = Availability.WITHDRAWN
    try:
        # The lists still have the name: they are some seconds old.
        assert "王德明" not in texts(completer.complete("王"))
        assert "王德明" not in texts(completer.complete("wdm"))
    finally:
        with county.sessions.begin() as session:
            session.merge(expert).availability = Availability.AVAILABLE


def test_a_namesake_who_may_be_found_keeps_the_name(county: County, completer: Completer) -> None:
    with county.sessions.begin() as session:
        factories.an_expert(session, "单雄信", status=ExpertStatus.DECEASED)
    assert "单雄信" in texts(completer.complete("单"))


def test_states_that_are_searchable_are_those_of_the_model() -> None:
    for status in ExpertStatus:
        for availability in Availability:
            expected = Expert(status=status, availability=availability).is_searchable
            assert is_searchable(status, availability) is expected


# -- everything else ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "expected", "group"),
    [
        ("水库", "水库堤防", Group.FIELD),
        ("shuiku", "水库堤防", Group.FIELD),
        ("漆河", "漆河镇", Group.TOWNSHIP),
        ("qihe", "漆河镇", Group.TOWNSHIP),
        ("桃源县文", "桃源县文化馆", Group.UNIT),
        ("xianshuili", "县水利局", Group.UNIT),
        ("高级农", "高级农艺师", Group.TITLE),
        ("修祠", "修祠堂", Group.WORD),
        ("隧", "隧洞", Group.WORD),
    ],
)
def test_what_the_county_s_data_is_called_is_completed(
    completer: Completer, typed: str, expected: str, group: Group
) -> None:
    found = {one.completed: one.group for one in completer.complete(typed)}
    assert found.get(expected) is group


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("漆河镇 zjg", "漆河镇 张建国"),
        ("漆河镇　水库堤", "漆河镇　水库堤防"),  # an ideographic space
        ("会修祠", "会修祠堂"),
        ("請找張建", "請找张建国"),
        ("2021年修祠", "2021年修祠堂"),
    ],
)
def test_the_last_part_is_completed_and_the_rest_stays_as_typed(completer: Completer, typed: str, text: str) -> None:
    assert text in texts(completer.complete(typed))


@pytest.mark.parametrize(
    "typed", ["", " ", "　", "水库 ", "\t", "qqqxyz", "？", "%", "'", "' '", "水" * (LONGEST_TEXT + 1), "\x00"]
)
def test_what_has_no_completion_has_none(completer: Completer, typed: str) -> None:
    assert completer.complete(typed) == ()


def test_what_is_there_already_is_not_offered(completer: Completer) -> None:
    assert "修祠堂" not in texts(completer.complete("修祠堂"))
    assert "水库" not in texts(completer.complete("水库"))


@pytest.mark.parametrize("typed", ["水", "钟", "高", "县", "s", "z", "漆河", "修", "gao", "桃源"])
def test_at_most_eight_each_once_in_the_order_of_the_groups_and_always_the_same(
    completer: Completer, county: County, typed: str
) -> None:
    found = completer.complete(typed)
    assert 0 < len(found) <= LIMIT
    assert len({one.completed for one in found}) == len(found)
    order = list(Group)
    places = [order.index(one.group) for one in found]
    assert places == sorted(places)
    other = Completer(county.sessions, CountyWordsReader(county.sessions, county.engine))
    other.prepare()
    assert other.complete(typed) == found == completer.complete(typed)
    other.close()


def test_a_group_with_much_to_offer_leaves_room_for_the_others(completer: Completer) -> None:
    groups = {one.group for one in completer.complete("水")}
    assert Group.FIELD in groups and Group.WORD in groups


def test_words_guessed_from_their_characters_and_phone_numbers_are_not_offered(
    county: County, completer: Completer
) -> None:
    assert county.engine.vocabulary()["韩志邦"] >= 3, "the segmenter guesses the name in the texts"
    assert "韩志邦" not in texts(completer.complete("韩"))
    words = CountyWordsReader(county.sessions, county.engine).words()
    assert not any("1390736" in word for word in (*words.words, *words.keywords, *words.units))
    assert "藏书" not in words.keywords, "the words of a hidden person's profile are hidden too"


def test_one_query_of_the_database_answers(county: County, completer: Completer) -> None:
    seen: list[str] = []
    engine = county.sessions.kw["bind"]

    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        completer.complete("水")
        completer.complete("qqq")
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len([statement for statement in seen if statement.startswith("SELECT")]) == 1


def test_without_an_index_people_and_fields_are_still_completed(county: County, tmp_path: Path) -> None:
    from tests.unit.indexes import engine_in

    completer = Completer(county.sessions, CountyWordsReader(county.sessions, engine_in(tmp_path / "none")))
    completer.prepare()
    assert "张建国" in texts(completer.complete("张建")) and "水库堤防" in texts(completer.complete("水库"))
    completer.close()


def test_words_are_read_again_only_when_something_has_changed(county: County) -> None:
    reader = CountyWordsReader(county.sessions, county.engine)
    first = reader.words()
    assert reader.words() is first
    with county.sessions.begin() as session:
        factories.an_expert(session, "新来人", keywords=["编竹篮"])
    second = reader.words()
    assert "新来人" in second.people and second.keywords["编竹篮"] == 1
    assert make_lists(second).by_text[Group.NAME][0].best("新", LIMIT) == ["新来人"]
