"""Questions to the expert search: operators, names or topics, pasted problems, and why a person is found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from tests.unit.search_county import County, county_in
from zhiku.search.intent import Intent, as_topic
from zhiku.search.port import TermGroup
from zhiku.search.query import MAX_QUERY, parse
from zhiku.services.answers import Answer, Step
from zhiku.services.questions import MAX_VALUES, matching_values
from zhiku.services.reasons import MatchedBy

PROBLEM = (
    "尊敬的领导：您好！我们村有一口山塘，涵管接头漏水，去年找人堵过一回，今年开春又漏了，下面三十多亩田眼看要干。"
    "请问有没有懂的老同志能来看看？谢谢！"
)


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county_in(tmp_path_factory.mktemp("county")) as opened:
        yield opened


def names(answer: Answer) -> list[str]:
    return [person.name for person in answer.people]


def matching(answer: Answer) -> list[str]:
    return [person.name for person in answer.people if not person.is_near]


# -- exact parts and unwanted words -------------------------------------------------------------------------------


def test_an_exact_part_must_be_there_as_it_stands(county: County) -> None:
    assert names(county.experts().search("“大坝渗水”")) == ["罗慎之"]
    answer = county.experts().search("“大坝渗水”怎么看")
    assert names(answer) == ["罗慎之"] and answer.phrases == ("大坝渗水",) and answer.query == "“大坝渗水”怎么看"


def test_an_exact_part_that_nobody_has_is_searched_as_words_and_the_page_says_so(county: County) -> None:
    answer = county.experts().search("“渗水大坝”")
    assert names(answer)[0] == "罗慎之" and answer.phrases == ()
    assert answer.notes == ("没有资料一字不差地写着“渗水大坝”，已按普通词语检索。",)


def test_who_has_an_unwanted_word_in_any_document_is_left_out(county: County) -> None:
    # 水位报警 is a suggestion of both; 涵管 is in a service record of one of them.
    assert set(matching(county.experts().search("水位报警"))) == {"罗慎之", "曾繁柑"}
    answer = county.experts().search("水位报警 -涵管")
    assert matching(answer) == ["曾繁柑"] and "罗慎之" not in names(answer) and answer.excluded == ("涵管",)


def test_unwanted_words_alone_are_nothing_to_search_for(county: County) -> None:
    answer = county.experts().search("-水库")
    assert answer.step is Step.BROWSE and "只写了不要“水库”" in answer.sentence and not answer.people and answer.fields


# -- filters ------------------------------------------------------------------------------------------------------


def test_a_filter_of_the_query_is_one_that_was_clicked(county: County) -> None:
    typed = county.experts().search("隧洞 职称:高级工程师 状态:仅电话")
    clicked = county.experts().search("隧洞", filters={"title": ("高级工程师",), "availability": ("phone_only",)})
    assert typed == clicked and typed.people and typed.query == "隧洞"


def test_typed_and_clicked_values_of_a_facet_are_alternatives(county: County) -> None:
    answer = county.experts().search("隧洞 领域:人民调解", filters={"field": ("水库堤防",)})
    assert answer.filters == {"field": ("水库堤防", "人民调解")}


def test_a_filter_alone_browses(county: County) -> None:
    answer = county.experts().search("领域:水库")
    assert answer.step is Step.BROWSE and answer.filters == {"field": ("水库堤防",)} and "罗慎之" in names(answer)


def test_a_value_that_nobody_has_is_plain_words(county: County) -> None:
    answer = county.experts().search("乡镇:火星 水库")
    assert answer.filters == {} and answer.query == "火星 水库" and answer.people
    assert answer.notes == ("没有专家的乡镇叫“火星”，已当作普通词语检索。",)


VALUES = {value: (value,) for value in ("高级工程师", "高级农艺师", "工程师", "漆河镇", "县水利局")}


@pytest.mark.parametrize(
    "typed, values",
    [
        ("工程师", ("工程师",)),
        ("工程師", ("工程师",)),
        ("漆河", ("漆河镇",)),
        ("水利局", ("县水利局",)),
        ("高级", ("高级工程师", "高级农艺师")),
        ("师", ()),
        ("火星", ()),
    ],
)
def test_values_are_matched_forgivingly(typed: str, values: tuple[str, ...]) -> None:
    assert matching_values(typed, VALUES) == values


def test_a_part_of_too_many_values_is_none_of_them() -> None:
    many: Mapping[str, tuple[str, ...]] = {f"第{n}中学": (f"第{n}中学",) for n in range(MAX_VALUES + 1)}
    assert matching_values("中学", many) == ()


# -- names and topics ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query, by_name",
    [("李建设", "李建设"), ("建设 李", "李建设"), ("jianshe li", "李建设"), ("ljs", "李建设"), ("老罗", "罗慎之")],
)
def test_a_name_is_answered_by_name_and_the_page_knows(county: County, query: str, by_name: str) -> None:
    answer = county.experts().search(query)
    assert names(answer) == [by_name] and answer.step is Step.NAME
    assert (answer.intent, answer.by_name) == (Intent.NAME, 1)


def test_a_word_that_is_also_a_name_offers_both(county: County) -> None:
    both = county.experts().search("罗")
    assert both.intent in (Intent.BOTH, Intent.NAME) and both.by_name == 1 and names(both)[0] == "罗慎之"
    by_name = county.experts().search("建设", intent=Intent.NAME)
    assert names(by_name) == ["李建设"] and by_name.intent is Intent.NAME
    by_topic = county.experts().search("建设", intent=Intent.TOPIC)
    assert "李建设" not in names(by_topic) and by_topic.intent is Intent.TOPIC and by_topic.by_name == 1


def test_no_word_of_a_topic_is_had_by_a_name(county: County) -> None:
    terms = as_topic(parse("李建设修水库", county.engine.analyzer))
    assert TermGroup.NAMES not in terms.groups and not terms.person and not any(word.names for word in terms.required)
    answer = county.experts().search("建设 劝架", intent=Intent.TOPIC)
    assert "建设" not in next(person for person in answer.people if person.name == "李建设").words_found


def test_the_counts_are_those_of_the_other_page(county: County) -> None:
    for query in ("罗", "建设", "曾", "罗慎之会修水库吗"):
        answer = county.experts().search(query)
        by_name = county.experts().search(query, intent=Intent.NAME)
        by_topic = county.experts().search(query, intent=Intent.TOPIC)
        assert (answer.by_name, answer.by_topic) == (by_name.total, by_topic.total if answer.by_topic else 0), query


def test_a_topic_says_nothing_of_names(county: County) -> None:
    answer = county.experts().search("大坝渗水")
    assert (answer.intent, answer.by_name, answer.by_topic) == (Intent.TOPIC, None, None)


def test_a_name_that_nobody_has_is_answered_as_a_topic(county: County) -> None:
    answer = county.experts().search("水库", intent=Intent.NAME)
    assert names(answer) and answer.sentence.startswith("没有姓名是“水库”的专家，已按专长查找。")


# -- a pasted problem ---------------------------------------------------------------------------------------------


def test_a_pasted_problem_is_searched_by_its_key_words(county: County) -> None:
    answer = county.experts().search(PROBLEM)
    assert answer.is_problem and names(answer)[0] == "罗慎之" and answer.query == PROBLEM
    assert {"涵管", "漏水"} & set(answer.keywords) and "谢谢" not in answer.keywords
    assert answer.sentence.startswith(f"从这段情况里取出 {len(answer.keywords)} 个关键词")


def test_key_words_can_be_chosen(county: County) -> None:
    answer = county.experts().search(PROBLEM, keywords=["黄龙病", "柑橘"])
    assert answer.keywords == ("黄龙病", "柑橘") and names(answer)[0] == "曾繁柑"


def test_marks_in_a_pasted_problem_mean_nothing(county: County) -> None:
    answer = county.experts().search(PROBLEM + "“一事一议” -办不下来 单位:县水利局")
    assert (answer.phrases, answer.excluded, answer.filters) == ((), (), {})
    assert any("普通文字" in note for note in answer.notes)


def test_ten_thousand_words_are_cut_with_a_sentence(county: County) -> None:
    answer = county.experts().search("涵管 漏水 " * 5_000)
    assert answer.notes == (f"问题太长，只用了前 {MAX_QUERY} 个字。",) and names(answer)[0] == "罗慎之"


# -- why ----------------------------------------------------------------------------------------------------------


def test_the_reasons_name_words_parts_and_votes(county: County) -> None:
    person = county.experts().search("管涌 黄石").people[0]
    why = person.why
    found = {one.word: one for one in why.words}
    assert found["管涌"].by is MatchedBy.WORD and found["管涌"].parts == ("专长",)
    assert set(found["黄石"].parts) == {"简介", "履历", "建议"}
    assert sum(vote.share for vote in why.votes) + why.further_share == pytest.approx(1)
    assert sum(vote.points for vote in why.votes) == pytest.approx(person.score * (1 - why.further_share))
    assert [vote.points for vote in why.votes] == sorted((vote.points for vote in why.votes), reverse=True)
    titles = {vote.kind: vote.title for vote in why.votes}
    assert titles["profile"] == "档案" and titles["suggestion"] == "建议《给黄石水库装水位报警》"


def test_a_synonym_is_named_as_what_stands_there(county: County) -> None:
    answer = county.experts().search("打官司")
    assert all(one.by is not MatchedBy.WORD for person in answer.people for one in person.why.words)
    found = county.experts().search("水库加固").people[0].why.words
    assert all(one.parts for one in found)


def test_who_is_found_by_name_is_there_for_the_name(county: County) -> None:
    why = county.experts().search("罗慎之").people[0].why
    assert why.is_named and not why.words
