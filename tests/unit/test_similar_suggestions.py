"""Similar suggestions on a real database and a real index."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from sqlalchemy import select

from tests import factories
from tests.unit.search_county import County, county_in
from tests.unit.texts import wild_text
from zhiku.domain.permissions import Scope
from zhiku.domain.readership import Reader
from zhiku.domain.suggestions import Suggestion, SuggestionStatus
from zhiku.search.likeness import Likeness
from zhiku.search.port import IndexProblem
from zhiku.services.similar_suggestions import LIMIT, NEWEST, SimilarSuggestion, SimilarSuggestions

SUBJECT = "陬市镇老街没有一个公共厕所"
SITUATION = (
    "赶场那天人山人海，从邮局到粮站找不到一个厕所，去年有三位老人急得没法子，只好去敲人家的门。街上住户也有怨言。"
)
PROPOSAL = "先把粮站后头的旱厕改成水冲的公共厕所，钱不多，两个月就能改好。改好以后请环卫站每天派人打扫一回。"
TEXT = f"{SITUATION}\n{PROPOSAL}"

#: Who may search all of them.
STAFF = Reader(is_searching=True)

#: The county has the first four.
_serials = count(100)


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    with county_in(tmp_path) as opened:
        yield opened


def store(county: County, subject: str = SUBJECT, **values: object) -> str:
    """Store a suggestion and index it; gives its number."""
    with county.sessions() as session, session.begin():
        given_values = {
            "serial": next(_serials),
            "situation": SITUATION,
            "proposal": PROPOSAL,
            "submitted_on": date(2026, 9, 1),
        } | values
        number = factories.a_suggestion(session, subject, **given_values).number
    county.indexing.drain()
    return number


def store_others(county: County) -> None:
    """So many newer ones that only the index can lead to older ones."""
    with county.sessions() as session, session.begin():
        for number in range(NEWEST + 1):
            texts = {"situation": "另外的事情。", "proposal": "另外想办法。"}
            factories.a_suggestion(session, f"第{number}件事", serial=next(_serials), **texts)
    county.indexing.drain()


def similar(
    county: County, subject: str = SUBJECT, text: str = TEXT, limit: int = LIMIT, own_key: str = ""
) -> tuple[SimilarSuggestion, ...]:
    service = SimilarSuggestions(county.sessions, county.engine)
    return service.similar(subject, text, STAFF, limit=limit, own_key=own_key).suggestions


def test_the_same_text_is_found_and_marked_as_exactly_the_same(county: County) -> None:
    number = store(county)
    store_others(county)
    found = similar(county, SUBJECT, TEXT.replace("，", "、").replace("厕所", "廁所"))
    assert (found[0].number, found[0].likeness, found[0].subject) == (number, Likeness.EXACT, SUBJECT)
    assert (found[0].status_label, found[0].submitted_on) == ("已收到", date(2026, 9, 1))
    assert (found[0].situation, found[0].proposal) == (SITUATION, PROPOSAL)


def test_a_text_with_some_words_changed_is_marked_as_nearly_the_same(county: County) -> None:
    number = store(county)
    store_others(county)
    found = similar(county, "老街没有厕所", TEXT.replace("三位老人", "两位老人").replace("两个月", "三个月"))
    assert [(one.number, one.likeness) for one in found][0] == (number, Likeness.NEAR_DUPLICATE)


def test_the_same_matter_in_other_words_is_similar_and_its_sentence_is_marked(county: County) -> None:
    number = store(county)
    found = similar(county, "在街上建公共厕所", "赶场的人要上厕所，只好去敲人家的门。")
    assert (number, Likeness.SIMILAR) in [(one.number, one.likeness) for one in found]
    one = next(one for one in found if one.number == number)
    assert any(fragment.is_match for fragment in one.fragments)
    sentence = "".join(fragment.text for fragment in one.fragments)
    assert sentence in SUBJECT + SITUATION + PROPOSAL


def test_another_matter_is_not_similar(county: County) -> None:
    store(county)
    assert similar(county, "橘子卖不出去", "今年橘子价钱太低，请组织收购。") == ()


def test_copies_come_first_and_no_more_than_asked_for(county: County) -> None:
    near = store(county, "老街要建公共厕所", situation=SITUATION.replace("三位", "两位"))
    exact = store(county)
    for place in range(LIMIT):
        store(
            county, f"第{place}处公共厕所太脏", situation="公共厕所没有人打扫。", proposal="请环卫站派人打扫公共厕所。"
        )
    found = similar(county)
    assert [one.number for one in found[:2]] == [exact, near] and len(found) == LIMIT
    assert [one.likeness for one in found[:2]] == [Likeness.EXACT, Likeness.NEAR_DUPLICATE]
    assert [one.number for one in similar(county, limit=1)] == [exact]


def test_a_suggestion_of_two_experts_is_found_once(county: County) -> None:
    found = similar(county, "给黄石水库装水位报警", "夜里涨水全靠人看。装一套自动报警的浮筒。")
    assert [one.number for one in found].count("2026-0001") == 1


@pytest.mark.parametrize("status", [SuggestionStatus.WITHDRAWN, SuggestionStatus.NOT_ACCEPTED])
def test_what_a_search_must_not_show_is_not_similar_even_before_the_index_knows(
    county: County, status: SuggestionStatus
) -> None:
    number = store(county)
    with county.sessions() as session, session.begin():
        session.scalars(select(Suggestion).where(Suggestion.number == number)).one().status = status
    assert number not in [one.number for one in similar(county)]
    county.indexing.drain()
    assert number not in [one.number for one in similar(county)]


def test_a_copy_is_found_before_it_is_indexed(county: County) -> None:
    with county.sessions() as session, session.begin():
        texts = {"situation": SITUATION, "proposal": PROPOSAL}
        number = factories.a_suggestion(session, SUBJECT, serial=next(_serials), **texts).number
    assert county.indexing.pending() > 0
    assert [(one.number, one.likeness) for one in similar(county)] == [(number, Likeness.EXACT)]


def test_without_an_index_copies_are_found_among_the_newest_and_others_are_not_looked_for(
    county: County, tmp_path: Path
) -> None:
    number = store(county)
    county.engine.forget_snapshot()
    shutil.rmtree(tmp_path / "index")
    service = SimilarSuggestions(county.sessions, county.engine)
    assert [one.number for one in service.copies(SUBJECT, TEXT, STAFF).suggestions] == [number]
    with pytest.raises(IndexProblem):
        service.similar(SUBJECT, TEXT, STAFF)


def test_copies_leave_out_what_is_only_similar(county: County) -> None:
    number = store(county)
    service = SimilarSuggestions(county.sessions, county.engine)
    assert [one.number for one in service.copies(SUBJECT, TEXT, STAFF).suggestions] == [number]
    assert not service.copies("在街上建公共厕所", "赶场的人要上厕所，只好去敲人家的门。", STAFF)


def test_a_suggestion_is_no_copy_of_itself(county: County) -> None:
    store(county, submission_key="k" * 24)
    assert similar(county, own_key="k" * 24) == ()
    assert len(similar(county, own_key="x" * 24)) == 1


def test_a_hidden_phone_number_is_neither_shown_nor_to_be_guessed(county: County) -> None:
    store(county, situation=SITUATION + "电话13907362222。")
    tried = ("13907362222", "13907363333")
    found = [similar(county, SUBJECT, f"{SITUATION}电话{number}。\n{PROPOSAL}") for number in tried]
    assert found[0] == found[1] and found[0][0].likeness is Likeness.EXACT
    assert "13907362222" not in repr(found)


@pytest.mark.parametrize("text", ["", "路", "，。！"])
def test_too_little_to_say_what_it_is_about_finds_nothing(county: County, text: str) -> None:
    store(county, "路")
    assert similar(county, text, "") == ()


def test_a_text_of_any_length_is_answered(county: County) -> None:
    number = store(county)
    assert similar(county, SUBJECT * 1000, TEXT * 1000) is not None
    assert similar(county, SUBJECT, TEXT + "另外还有别的事。" * 20_000)[0].number == number


@pytest.fixture(scope="module")
def shared_county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    with county_in(tmp_path_factory.mktemp("county")) as opened:
        yield opened


@settings(max_examples=60, deadline=None)
@given(wild_text, wild_text)
def test_any_text_has_an_answer(shared_county: County, subject: str, text: str) -> None:
    assert len(similar(shared_county, subject, text)) <= LIMIT


def test_who_may_not_read_one_learns_only_that_there_is_one(county: County) -> None:
    store(county)
    service = SimilarSuggestions(county.sessions, county.engine)
    for found in (service.similar(SUBJECT, TEXT, Reader()), service.copies(SUBJECT, TEXT, Reader())):
        assert found and found.has_unreadable and found.suggestions == ()
    assert not service.similar("橘子卖不出去", "今年橘子价钱太低，请组织收购。", Reader())


def test_unreadable_ones_take_no_place_of_those_that_can_be_read(county: County) -> None:
    for _ in range(LIMIT):
        store(county)
    answered = store(county, status=SuggestionStatus.REPLIED)
    found = SimilarSuggestions(county.sessions, county.engine).similar(SUBJECT, TEXT, Reader())
    assert [one.number for one in found.suggestions] == [answered] and found.has_unreadable


def test_authors_are_shown_their_own_before_they_were_answered(county: County) -> None:
    with county.sessions() as session, session.begin():
        author, other = factories.an_expert(session, "作者"), factories.an_expert(session, "别人")
        author_id, other_id = author.id, other.id
        number = factories.a_suggestion(
            session, SUBJECT, authors=(author,), serial=next(_serials), situation=SITUATION, proposal=PROPOSAL
        ).number
    service = SimilarSuggestions(county.sessions, county.engine)
    own = service.copies(SUBJECT, TEXT, Reader(Scope(expert_id=author_id)))
    assert [one.number for one in own.suggestions] == [number] and not own.has_unreadable
    others = service.copies(SUBJECT, TEXT, Reader(Scope(expert_id=other_id)))
    assert others.suggestions == () and others.has_unreadable
