"""Expert search on a real database and index: steps, sentences, facets, pages, evidence, and who is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from tests.unit.search_county import TUNNEL_DIGGERS, County, county_in
from tests.unit.texts import wild_text
from zhiku.domain.experts import Availability, Expert, ExpertStatus
from zhiku.search.query import MAX_QUERY
from zhiku.services.answers import Answer, Facet, PersonFound, Step


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """For tests that only read."""
    with county_in(tmp_path_factory.mktemp("county")) as opened:
        yield opened


@pytest.fixture
def own_county(tmp_path: Path) -> Iterator[County]:
    """For tests that change something."""
    with county_in(tmp_path) as opened:
        yield opened


def names(answer: Answer) -> list[str]:
    return [person.name for person in answer.people]


def everybody(county: County, query: str, **filters: tuple[str, ...]) -> list[PersonFound]:
    """The people of all pages, four on each."""
    search = county.experts(4)
    pages = search.search(query, filters=filters).pages
    return [
        person for page in range(1, pages + 1) for person in search.search(query, filters=filters, page=page).people
    ]


def sentence_of(person: PersonFound, place: int = 0) -> str:
    return "".join(fragment.text for fragment in person.evidence[place].fragments)


# -- steps and their sentences ------------------------------------------------------------------------------------


def test_all_words(county: County) -> None:
    answer = county.experts().search("渗水")
    assert (answer.step, names(answer)[0]) == (Step.ALL_WORDS, "罗慎之")
    assert answer.sentence.startswith("1 位专家的资料符合“渗水”。")
    near = sum(person.is_near for person in answer.people)
    assert answer.sentence.endswith(f"另有 {near} 位只是字词相近，已经标明。")
    assert (answer.total, answer.total_all_words) == (1, 1)


def test_all_words_and_some_with_a_part_of_them(county: County) -> None:
    answer = county.experts(50).search("渗水 隧洞")
    assert answer.step is Step.ANY_WORD and answer.total == TUNNEL_DIGGERS + 1
    answer = county.experts(50).search("渗水 管涌 果园")
    assert answer.step is Step.ANY_WORD and answer.sentence.startswith("没有人同时符合全部词语“渗水”、“管涌”、“果园”")
    answer = county.experts(50).search("渗水 水库")
    assert answer.step is Step.ALL_WORDS and names(answer)[0] == "罗慎之"
    others = answer.total - 1
    assert answer.sentence.startswith(f"1 位专家的资料符合全部词语“渗水”、“水库”，{others} 位符合其中一部分。")


def test_any_word_says_that_nobody_has_all_of_them(county: County) -> None:
    answer = county.experts().search("渗水 砍树")
    assert (answer.step, set(names(answer)[:2])) == (Step.ANY_WORD, {"罗慎之", "曾繁柑"})
    assert answer.sentence.startswith("没有人同时符合全部词语“渗水”、“砍树”（或意思相同的说法），2 位符合其中一部分。")
    assert (answer.total, answer.total_all_words) == (2, 0)


def test_words_found_and_missing_are_named(county: County) -> None:
    people = {person.name: person for person in county.experts().search("渗水 砍树").people}
    assert (people["罗慎之"].words_found, people["罗慎之"].words_missing) == (("渗水",), ("砍树",))
    assert (people["曾繁柑"].words_found, people["曾繁柑"].words_missing) == (("砍树",), ("渗水",))


def test_a_word_of_a_persons_evidence_is_found_too(county: County) -> None:
    person = county.experts().search("浮筒 渗水").people[0]
    assert person.name == "罗慎之" and person.words_missing == ()


def test_the_nearest_field_answers_where_no_word_does(county: County) -> None:
    # 嫁接 is an everyday word for 果树柑橘, and nobody's text has it.
    answer = county.experts().search("会嫁接的")
    assert answer.step is Step.NEAREST_FIELD
    assert answer.sentence == f"没有找到一样的说法。最接近的领域是“果树柑橘”，列出这个领域的 {answer.total} 位专家。"
    assert answer.people and all("果树柑橘" in person.fields for person in answer.people)
    assert answer.fields, "the page offers the fields to browse"


def test_filters_hold_for_the_nearest_field(county: County) -> None:
    answer = county.experts(50).search("会嫁接的", filters={"township": ("陬市镇",)})
    assert answer.step is Step.NEAREST_FIELD and {person.township for person in answer.people} == {"陬市镇"}


def test_people_near_in_wording_answer_where_no_field_shares_a_word(county: County) -> None:
    answer = county.experts().search("砍伐")
    assert (answer.step, names(answer)) == (Step.NEAR, ["曾繁柑"]) and answer.people[0].is_near
    assert answer.sentence == "没有找到一样的说法，列出字词相近的 1 位，供参考。"
    # 接 is in 嫁接, but a field that shares one character says less than people who share several.
    assert county.experts().search("接近头顶").step is Step.NEAR


def test_a_field_that_shares_a_character_is_better_than_nothing(county: County) -> None:
    # 橙子 is an everyday word for 果树柑橘; nobody's text has 橙.
    answer = county.experts().search("橙汁")
    assert answer.step is Step.NEAREST_FIELD and "果树柑橘" in answer.sentence and answer.people


def test_nothing_offers_next_steps(county: County) -> None:
    answer = county.experts().search("qqqxyz")
    assert (answer.step, answer.people, answer.total, answer.page, answer.pages) == (Step.NOTHING, (), 0, 1, 1)
    assert "换一种说法" in answer.sentence and answer.fields


@pytest.mark.parametrize("query", ["", "   ", "\n\t　"])
def test_an_empty_query_shows_the_fields_with_their_people(county: County, query: str) -> None:
    answer = county.experts().search(query)
    assert (answer.step, answer.people) == (Step.BROWSE, ()) and answer.sentence.startswith("请输入要解决的问题")
    fields = {field.name: field for field in answer.fields}
    counts = dict(fields["水利水电"].subfields)
    with county.sessions() as session:
        people = [one for one in session.scalars(select(Expert)) if one.is_searchable]
        for name in ("水库堤防", "灌溉排水"):
            assert counts[name] == sum(name in [field.name for field in one.fields] for one in people)
        mains = [{field.main.name for field in one.fields} for one in people]
    assert fields["水利水电"].count == sum("水利水电" in main for main in mains) > 0


@pytest.mark.parametrize("query", ["？！", "😀", "\x00", "\ud800"])
def test_a_query_without_any_text_says_so(county: County, query: str) -> None:
    answer = county.experts().search(query)
    assert answer.step is Step.BROWSE and answer.sentence.startswith("没有看到可以检索的文字") and answer.fields


def test_a_filter_alone_lists_everybody_it_leaves(county: County) -> None:
    answer = county.experts(50).search("", filters={"unit": ("县隧洞队",)})
    assert (answer.step, answer.total, len(answer.people)) == (Step.BROWSE, TUNNEL_DIGGERS, TUNNEL_DIGGERS)
    assert answer.sentence == f"按条件筛选，共有 {TUNNEL_DIGGERS} 位专家。"
    nobody = county.experts().search("", filters={"unit": ("没有这个单位",)})
    assert nobody.total == 0 and "放宽条件" in nobody.sentence


@pytest.mark.parametrize(
    "query", ["罗慎之", "慎之", "罗", "luoshenzhi", "lsz", "LUO SHEN ZHI", "羅慎之", "请罗慎之来看看"]
)
def test_a_person_is_found_by_name(county: County, query: str) -> None:
    assert names(county.experts().search(query))[0] == "罗慎之"


def test_an_ordinary_word_does_not_pull_in_a_person_of_that_name(county: County) -> None:
    assert "李建设" not in names(county.experts(50).search("水库建设"))
    assert names(county.experts().search("建设")) == ["李建设"]


def test_dirty_and_traditional_queries_find_the_same_people(county: County) -> None:
    plain = names(county.experts().search("水库大坝渗水"))
    for query in ("水庫大壩滲水", "水库(kù)大坝(bà)渗(shèn)水", "　水库大坝渗水\u200b", "“水库大坝渗水”"):
        assert names(county.experts().search(query)) == plain, query


# -- long and strange queries -------------------------------------------------------------------------------------


def test_a_query_that_is_too_long_is_cut_and_says_so(county: County) -> None:
    answer = county.experts().search("大坝渗水。" + "黑" * 9_995)
    assert len(answer.query) == MAX_QUERY and names(answer)[0] == "罗慎之"
    assert answer.notes == (f"问题太长，只用了前 {MAX_QUERY} 个字。",)
    assert county.experts().search("大坝渗水").notes == ()
    assert county.experts().search(" " * 9_999).notes == ()


@settings(max_examples=120, deadline=None)
@given(wild_text)
def test_any_query_has_an_answer(county: County, query: str) -> None:
    answer = county.experts().search(query)
    assert answer.sentence and 1 <= answer.page <= answer.pages
    assert answer.people or answer.fields
    for person in answer.people:
        for evidence in person.evidence:
            assert all(fragment.text for fragment in evidence.fragments)


# -- facets and filters -------------------------------------------------------------------------------------------


def values_of(expert: Expert, facet: str) -> set[str]:
    """What a person has of a facet, from the database."""
    if facet == "field":
        return {name for field in expert.fields for name in (field.name, field.main.name)}
    single = {
        "township": expert.division.name,
        "unit": expert.former_unit,
        "title": expert.professional_title,
        "availability": expert.availability.value,
    }
    return {single[facet]} - {""}


@pytest.mark.parametrize("query", ["隧洞", "水库", "渗水 砍树", "劝架", ""])
def test_facets_count_the_people_of_all_pages(county: County, query: str) -> None:
    filters = {} if query else {"availability": tuple(one.value for one in Availability)}
    answer = county.experts(4).search(query, filters=filters)
    ids = [person.expert_id for person in everybody(county, query, **filters) if not person.is_near]
    assert len(ids) == answer.total > 0
    with county.sessions() as session:
        rows = list(session.scalars(select(Expert).where(Expert.id.in_(ids)).options(selectinload(Expert.field_links))))
        for facet in answer.facets:
            have = [values_of(row, facet.name) for row in rows]
            for value in facet.values:
                assert value.count == sum(value.value in one for one in have), (facet.name, value.value)
            if facet.name != "field":
                assert {value.value for value in facet.values if value.count} == set().union(*have)


def test_who_has_the_word_is_found_and_nobody_else(county: County) -> None:
    with county.sessions() as session:
        having = {row.id for row in session.scalars(select(Expert)) if "隧洞" in row.summary and row.is_searchable}
    assert {person.expert_id for person in everybody(county, "隧洞") if not person.is_near} == having


def facet(answer: Answer, name: str) -> Facet:
    (found,) = [one for one in answer.facets if one.name == name]
    return found


def test_filters_narrow_and_what_is_chosen_stands_first(county: County) -> None:
    answer = county.experts(50).search("隧洞", filters={"township": ("热市镇", "漆河镇"), "title": ("工程师",)})
    assert answer.people and {person.township for person in answer.people} <= {"热市镇", "漆河镇"}
    assert {person.professional_title for person in answer.people} == {"工程师"}
    first, second, *_ = facet(answer, "township").values
    assert first.is_selected and second.is_selected and {first.value, second.value} == {"热市镇", "漆河镇"}
    assert answer.filters == {"township": ("热市镇", "漆河镇"), "title": ("工程师",)}


def test_a_value_nobody_has_stays_in_sight_with_nobody(county: County) -> None:
    answer = county.experts().search("隧洞", filters={"township": ("没有这个镇",)})
    chosen = facet(answer, "township").values[0] if answer.facets else None
    assert not [person for person in answer.people if not person.is_near]
    assert chosen is None or (chosen.count, chosen.is_selected) == (0, True)


def test_subfields_are_listed_only_below_a_chosen_field(county: County) -> None:
    assert [value.value for value in facet(county.experts().search("隧洞"), "field").values] == [
        "水利水电", "农业农村", "政法",
    ]  # fmt: skip
    chosen = facet(county.experts().search("隧洞", filters={"field": ("水利水电",)}), "field")
    assert {"水利水电", "水库堤防", "灌溉排水"} <= {value.value for value in chosen.values}


def test_unknown_facets_are_left_out(county: County) -> None:
    answer = county.experts().search("隧洞", filters={"contact": ("139",), "township": ()})
    assert answer.filters == {} and answer.total == TUNNEL_DIGGERS


def test_availability_is_labelled_in_chinese(county: County) -> None:
    labels = {value.value: value.label for value in facet(county.experts().search("隧洞"), "availability").values}
    assert labels == {"available": "可联系", "phone_only": "仅电话", "unavailable": "暂不便"}


# -- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["隧洞", "水库 隧洞", "水", "渗水", "会嫁接的", "邻里纠纷"])
def test_all_pages_together_have_everybody_once_and_always_in_the_same_order(county: County, query: str) -> None:
    ids = [person.expert_id for person in everybody(county, query)]
    assert len(ids) == len(set(ids)) > 0
    assert ids == [person.expert_id for person in everybody(county, query)]
    assert ids == [person.expert_id for person in county.experts(1000).search(query).people]


def test_scores_never_rise_from_page_to_page(county: County) -> None:
    scores = [person.score for person in everybody(county, "隧洞")]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("page, shown", [(-3, 1), (0, 1), (1, 1), (3, 3), (4, 3), (10**12, 3)])
def test_a_page_that_is_not_there_is_the_last_one(county: County, page: int, shown: int) -> None:
    answer = county.experts(10).search("隧洞", page=page)
    assert (answer.page, answer.pages) == (shown, 3) and answer.people


# -- evidence -----------------------------------------------------------------------------------------------------


def test_a_person_comes_with_sentences_their_source_and_their_date(county: County) -> None:
    person = county.experts().search("涵管漏水").people[0]
    assert person.name == "罗慎之" and 1 <= len(person.evidence) <= 3
    first = person.evidence[0]
    assert (first.kind, first.source, first.date) == ("service", "服务记录《看山塘涵管漏水》", date(2025, 6, 7))
    assert any(fragment.is_match and "涵管" in fragment.text for fragment in first.fragments)


def test_a_suggestion_speaks_for_both_its_authors_and_leads_to_its_page(county: County) -> None:
    people = county.experts().search("浮筒").people
    assert {person.name for person in people} == {"罗慎之", "曾繁柑"}
    for person in people:
        assert sentence_of(person) == "装一套自动报警的浮筒。" and person.evidence[0].suggestion_number == "2026-0001"


def test_what_is_shown_of_a_person_is_theirs(county: County) -> None:
    person = county.experts().search("罗慎之").people[0]
    assert (person.former_unit, person.last_post, person.professional_title) == ("县水利局", "总工程师", "高级工程师")
    assert (person.township, person.fields, person.ways_of_helping) == ("漆河镇", ("水库堤防",), ("咨询",))
    assert (person.availability, person.availability_label) == ("available", "可联系")


# -- who and what is not shown ------------------------------------------------------------------------------------


def test_drafts_and_people_who_withdrew_are_not_found(county: County) -> None:
    assert not {"草稿人", "退出人"} & {
        person.name for query in ("水库专家", "草稿人") for person in everybody(county, query)
    }


@pytest.mark.parametrize("how", ["withdrawn", "deceased", "availability"])
def test_who_left_is_not_shown_though_the_index_still_has_them(own_county: County, how: str) -> None:
    with own_county.sessions() as session, session.begin():
        expert = session.get(Expert, own_county.people["罗慎之"])
        assert expert is not None
        if how == "availability":
            expert.availability = Availability.WITHDRAWN
        else:
            expert.status = ExpertStatus.from_value(how)
    assert own_county.indexing.pending() > 0, "the index does not know of it yet"
    for query in ("罗慎之", "渗水", "浮筒"):
        assert "罗慎之" not in {person.name for person in everybody(own_county, query)}, query
    own_county.indexing.drain()
    answer = own_county.experts().search("渗水")
    assert answer.step is Step.NEAREST_FIELD and "罗慎之" not in names(answer)


def test_a_deleted_person_is_not_shown_though_the_index_still_has_them(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        session.delete(session.get(Expert, own_county.people["李建设"]))
    assert names(own_county.experts().search("劝架")) == []


@pytest.mark.parametrize(
    "query",
    ["13907361111", "139 0736 1111", "1390736", "1111", "139-0736-2222", "13907362222", "１３９０７３６１１１１"],
)
def test_a_phone_number_typed_into_a_text_finds_nobody(county: County, query: str) -> None:
    answer = county.experts().search(query)
    assert answer.total == 0 and answer.step in (Step.NOTHING, Step.NEAREST_FIELD, Step.NEAR)


@pytest.mark.parametrize("query", ["有事打", "电话", "渗水 有事打 电话 随时", "罗慎之"])
def test_a_phone_number_typed_into_a_text_is_not_shown(county: County, query: str) -> None:
    for person in county.experts().search(query).people:
        shown = "".join(sentence_of(person, place) for place in range(len(person.evidence)))
        assert "0736" not in shown and "1111" not in shown and "2222" not in shown


def test_a_phone_number_in_a_unit_is_neither_shown_nor_a_facet(own_county: County) -> None:
    with own_county.sessions() as session, session.begin():
        expert = session.get(Expert, own_county.people["罗慎之"])
        assert expert is not None
        expert.former_unit, expert.last_post = "县水利局13907363333", "总工 0736-6622333"
    own_county.indexing.drain()
    answer = own_county.experts().search("渗水")
    shown = repr(answer)
    assert names(answer)[0] == "罗慎之" and "1390736" not in shown and "6622333" not in shown
