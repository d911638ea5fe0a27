"""Names: by full name, given name, surname, pinyin and initials, and never for an ordinary word."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.indexes import memory_engine
from tests.unit.texts import wild_text
from zhiku.analysis.names import (
    COMPOUND_SURNAMES,
    SURNAME_READINGS,
    indexed_terms,
    named_terms,
    person_terms,
    query_terms,
    split_name,
)
from zhiku.analysis.normalize import HAN, normalize
from zhiku.search.ladder import find_people
from zhiku.search.port import IndexDocument, Kind, SearchRequest, TermGroup
from zhiku.search.query import parse
from zhiku.search.ranking import rank_owners


def matching(name: str, asked: str) -> set[str]:
    """The ways ("full", "given" …) in which a query means a person."""
    return {term.partition(":")[0] for term in indexed_terms(normalize(name)).keys() & query_terms(normalize(asked))}


def people(*names: str, texts: tuple[str, ...] = ()) -> dict[str, str]:
    return dict(zip(names, texts or ("",) * len(names), strict=True))


def found(profiles: dict[str, str], asked: str) -> list[str]:
    """Names of the people found among these profiles (name -> summary), best first."""
    engine = memory_engine()
    generation = engine.begin_generation()
    generation.add(
        IndexDocument(
            f"expert:{n}", f"expert:{n}", f"expert:{n}", Kind.PROFILE, {"summary": text} if text else {}, name
        )
        for n, (name, text) in enumerate(profiles.items())
    )
    generation.finish()
    generation.publish()
    ranked = rank_owners(engine.search(SearchRequest(parse(asked, engine.analyzer))).hits)
    return [list(profiles)[int(one.owner.partition(":")[2])] for one in ranked]


@pytest.mark.parametrize(
    "asked, way",
    [
        ("王德明", "full"),
        ("德明", "given"),
        ("王", "surname"),
        ("wangdeming", "pinyin"),
        ("Wang Deming", "pinyin"),
        ("wang de ming", "pinyin"),
        ("ＷＡＮＧ　ＤＥＭＩＮＧ", "pinyin"),
        ("deming", "given-pinyin"),
        ("wang", "surname-pinyin"),
        ("wdm", "initials"),
        ("WDM", "initials"),
        ("請王德明來", "full"),
        ("王德明会修水库吗", "full"),
        ("德明 王", "full"),
        ("王　德明", "full"),
        ("德明，王", "full"),
        ("王 德 明", "full"),
        ("deming wang", "pinyin"),
        ("de ming wang", "pinyin"),
    ],
)
def test_a_person_is_found_in_every_way_of_asking(asked: str, way: str) -> None:
    assert way in matching("王德明", asked)


@pytest.mark.parametrize(
    "asked", ["王明德", "李德明", "德", "明", "wangde", "wd", "wdmx", "yudeming", "yu", "ydm", "王德", ""]
)
def test_a_person_is_not_found_for_something_else(asked: str) -> None:
    assert matching("王德明", asked) == set()


@pytest.mark.parametrize(
    "name, readings",
    [
        ("曾令宽", ("zeng", "ceng")),
        ("单维岳", ("shan", "dan")),
        ("解放田", ("xie", "jie")),
        ("查良", ("zha", "cha")),
        ("仇英", ("qiu", "chou")),
        ("区大相", ("ou", "qu")),
        ("盖叫天", ("ge", "gai")),
        ("覃事美", ("qin", "tan")),
        ("翟一鸣", ("zhai", "di")),
        ("朴正", ("piao", "pu")),
        ("任长霞", ("ren",)),
        ("吕布", ("lv", "lu", "lü")),
        ("翦伯赞", ("jian",)),
    ],
)
def test_every_reading_of_a_surname_finds_its_bearers(name: str, readings: tuple[str, ...]) -> None:
    for reading in readings:
        assert "surname-pinyin" in matching(name, reading), reading


@pytest.mark.parametrize("surname, not_read", [("王", "yu"), ("郝", "shi"), ("陆", "liu"), ("贾", "gu"), ("石", "dan")])
def test_rare_readings_of_a_character_do_not_bring_in_other_surnames(surname: str, not_read: str) -> None:
    assert matching(surname + "建国", not_read) == set()


@pytest.mark.parametrize(
    "asked", ["欧阳修", "欧阳", "修", "ouyangxiu", "ou yang xiu", "ouyang", "oyx", "ox", "歐陽修", "欧阳 修"]
)
def test_a_compound_surname_stays_together(asked: str) -> None:
    assert split_name("欧阳修") == ("欧阳", "修")
    assert matching("欧阳修", asked)


@pytest.mark.parametrize("asked", ["欧", "阳修", "yangxiu", "ou"])
def test_half_a_compound_surname_is_no_surname(asked: str) -> None:
    assert matching("欧阳修", asked) == set()


def test_two_characters_are_surname_and_given_name_even_where_they_look_like_a_compound_surname() -> None:
    assert split_name("司马") == ("司", "马") and split_name("司马迁") == ("司马", "迁")
    assert split_name("李") == ("李", "")


@pytest.mark.parametrize("asked", ["阿·买买提", "阿•买买提", "阿买买提", "买买提", "amaimaiti"])
def test_a_name_with_a_dot_is_found_with_and_without_it(asked: str) -> None:
    assert matching("阿·买买提", asked)


def test_a_name_of_two_characters_may_be_spaced_as_lists_do() -> None:
    assert "full" in matching("王明", "王　明") and "full" in matching("王明", "王 明")


@pytest.mark.parametrize("asked", ["老王", "王局长", "王", "德明", "德明 王", "wdm", "deming wang", "王德明同志在吗"])
def test_what_is_known_to_be_a_name_is_taken_for_one(asked: str) -> None:
    assert indexed_terms("王德明").keys() & named_terms(normalize(asked)).keys()


@pytest.mark.parametrize("asked", ["xiu ouyang", "xiu ou yang", "修 欧阳"])
def test_a_compound_surname_may_stand_behind(asked: str) -> None:
    assert matching("欧阳修", asked)


def test_a_name_in_latin_letters_is_found_as_it_is_written() -> None:
    assert matching("Ann Lee", "ann lee") == {"full"}


def test_a_given_name_that_is_an_ordinary_word_counts_only_when_it_is_all_there_is() -> None:
    assert "given" in matching("李建设", "建设")
    for asked in ("乡村建设", "水库 建设", "建设，水库", "建设水库", "懂建设的人"):
        assert matching("李建设", asked) == set(), asked


def test_a_topic_does_not_pull_in_a_person_of_that_given_name() -> None:
    profiles = people("李建设", "周正", texts=("看病四十年。", "管过乡村建设和村庄规划。"))
    assert found(profiles, "乡村建设") == ["周正"]
    assert found(profiles, "建设")[0] == "李建设"


def test_the_person_who_is_named_comes_before_those_whom_the_question_describes() -> None:
    profiles = people("彭述槐", "张楚湘", "罗慎之", texts=("教过书。", "修水库，管过水库。", "水库加固，修水库。"))
    assert found(profiles, "彭述槐会修水库吗")[0] == "彭述槐"


@pytest.mark.parametrize("asked", ["欧阳烈", "张楚湘", "李水生", "ou yang lie", "zhang chuxiang", "王 明"])
def test_a_whole_name_is_answered_by_the_people_of_that_name_whatever_the_cut(asked: str) -> None:
    names = ("欧阳烈", "张楚湘", "李水生", "王明")
    engine = memory_engine()
    generation = engine.begin_generation()
    generation.add(IndexDocument(f"expert:{n}", f"expert:{n}", f"expert:{n}", Kind.PROFILE, {}, n) for n in names)
    generation.finish()
    generation.publish()
    answer = find_people(engine, parse(asked, engine.analyzer))
    assert (len(answer.people), answer.by_name or answer.with_all_words == 1) == (1, True)


@pytest.mark.parametrize("asked", ["老曾", "姓曾的老师傅", "曾医生", "曾令宽在吗", "找曾令宽"])
def test_people_are_asked_for_as_one_speaks_of_them(asked: str) -> None:
    engine = memory_engine()
    generation = engine.begin_generation()
    texts = {"曾令宽": "种茶。", "张水生": "曾管过水库，老师傅。", "王明": "医生。"}
    for name, text in texts.items():
        key = f"expert:{name}"
        generation.add([IndexDocument(key, key, key, Kind.PROFILE, {"summary": text}, name)])
    generation.finish()
    generation.publish()
    answer = find_people(engine, parse(asked, engine.analyzer))
    assert answer.by_name and [one.owner for one in answer.people] == ["expert:曾令宽"]


def test_namesakes_by_surname_are_all_found() -> None:
    assert set(found(people("曾令宽", "曾三元", "李曾"), "曾")) >= {"曾令宽", "曾三元"}
    assert set(found(people("余崇禄", "王钦", "于成"), "yu")) == {"余崇禄", "于成"}


def test_the_table_of_readings_is_written_in_plain_syllables() -> None:
    readings = [reading for options in SURNAME_READINGS.values() for reading in options]
    assert [reading for reading in readings if not re.fullmatch(r"[a-z]+( [a-z]+)?", reading)] == []
    for surname, options in SURNAME_READINGS.items():
        assert {len(reading.split()) for reading in options} == {len(surname)}, surname
        assert len(surname) == 1 or surname in COMPOUND_SURNAMES


@settings(max_examples=200, deadline=None)
@given(wild_text)
def test_any_text_may_be_a_name_or_ask_for_one(text: str) -> None:
    text = normalize(text)
    assert all(weight > 0 for weight in (indexed_terms(text) | query_terms(text)).values())


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=4))
def test_a_chinese_name_is_found_by_itself_and_by_its_parts(name: str) -> None:
    name = "".join(re.findall(f"[{HAN}]", normalize(name)))
    surname, given = split_name(name)
    assert "full" in matching(name, name) and "surname" in matching(name, surname)
    assert not given or "given" in matching(name, given)
    assert TermGroup.NAMES in parse(name, memory_engine().analyzer).groups


@pytest.mark.parametrize("asked", ["王道炽", "道炽王", "道炽 王", "王 道炽"])
def test_a_full_name_is_understood_in_any_order(asked: str) -> None:
    assert "full:王道炽" in person_terms(asked)


def test_a_compound_surname_may_stand_last_too() -> None:
    assert "full:欧阳秀枝" in person_terms("秀枝欧阳")
