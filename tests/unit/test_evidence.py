"""Evidence: the sentences that speak for a person, with their source and date, and without private numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.unit.indexes import analyzer
from tests.unit.texts import wild_text
from zhiku.analysis.lexicon import shipped_words
from zhiku.domain.experts import Availability, Expert
from zhiku.domain.redaction import REMOVED
from zhiku.domain.suggestions import SuggestionStatus
from zhiku.search.highlight import Passage, Passages
from zhiku.search.port import Hit, Kind
from zhiku.search.query import parse
from zhiku.services.evidence import (
    REMEMBERED_CHARACTERS,
    Evidence,
    evidence_for,
    fragments_of,
    load_texts,
    profile_texts,
    remembered_characters,
)
from zhiku.services.profiles import Profile, load_profiles

ANALYZER = analyzer("auto", shipped_words())


@pytest.fixture
def session(sessions: sessionmaker[Session]) -> Iterator[Session]:
    with sessions() as session:
        factories.reference(session)
        yield session


def evidence(passages: Iterable[Passage], query: str, limit: int = 3) -> tuple[Evidence, ...]:
    return evidence_for([Passages(passages)], parse(query, ANALYZER), ANALYZER, limit)


def text_of(one: Evidence) -> str:
    return "".join(fragment.text for fragment in one.fragments)


def marked_in(one: Evidence) -> list[str]:
    return [fragment.text for fragment in one.fragments if fragment.is_match]


def hit(source: str) -> Hit:
    return Hit(source, source, "expert:1", Kind(source.partition(":")[0]), None, 1.0, 0)


def an_expert(session: Session) -> Expert:
    return factories.an_expert(
        session,
        "罗慎之",
        fields=("水库堤防",),
        keywords=["找管涌"],
        summary="主持过黄石水库除险加固。电话13907361111，看渗水随叫随到。",
        career=(("1975.03", "", "黄石水库管理所技术员"),),
        honours=((1998, "全省抗洪先进个人"), (None, "劳动模范")),
        last_post="总工程师",
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_fragments_joined_give_the_sentence_back(data: st.DataObject) -> None:
    text = data.draw(wild_text)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = list(zip(cuts[::2], cuts[1::2], strict=False))
    fragments = fragments_of(text, spans)
    assert "".join(fragment.text for fragment in fragments) == text
    assert [fragment.text for fragment in fragments if fragment.is_match] == [text[a:b] for a, b in spans]
    assert all(fragment.text for fragment in fragments)


@pytest.mark.parametrize(
    "query, source, sentence",
    [
        ("渗水", "档案·简介", f"电话{REMOVED}，看渗水随叫随到。"),
        ("管涌", "档案·专长", "找管涌"),
        ("管理所", "档案·履历", "黄石水库管理所技术员"),
        ("抗洪", "档案·荣誉", "1998 全省抗洪先进个人"),
        ("劳动模范", "档案·荣誉", "劳动模范"),
        ("堤防", "档案·领域", "水库堤防"),
        ("总工程师", "档案·职务", "县水利局 总工程师 高级工程师"),
    ],
)
def test_each_part_of_a_profile_is_named(session: Session, query: str, source: str, sentence: str) -> None:
    (one,) = evidence(profile_texts(profile_of(session, an_expert(session))), query, 1)
    assert (one.kind, one.source, text_of(one)) == ("profile", source, sentence)
    assert one.date == factories.NOW.date() and one.suggestion_number == ""


def test_a_suggestion_is_evidence_with_its_title_its_day_and_its_number(session: Session) -> None:
    factories.a_suggestion(
        session, "装水位报警", serial=42, submitted_on=date(2026, 5, 4), situation="夜里涨水全靠人看。"
    )
    texts = load_texts([hit("suggestion:1")], session)["suggestion:1"]
    (one,) = evidence(texts, "涨水", 1)
    assert (one.kind, one.source, one.date) == ("suggestion", "建议《装水位报警》", date(2026, 5, 4))
    assert one.suggestion_number == "2026-0042" and marked_in(one) == ["涨水"]


def test_a_service_record_is_evidence_with_its_day(session: Session) -> None:
    factories.a_service_record(session, an_expert(session), subject="看涵管", served_on=date(2025, 6, 7))
    (one,) = evidence(load_texts([hit("service:1")], session)["service:1"], "堵漏", 1)
    assert (one.kind, one.source, one.date) == ("service", "服务记录《看涵管》", date(2025, 6, 7))
    assert one.suggestion_number == ""


@pytest.mark.parametrize("status", [SuggestionStatus.NOT_ACCEPTED, SuggestionStatus.WITHDRAWN])
def test_a_suggestion_that_was_taken_back_is_no_evidence(session: Session, status: SuggestionStatus) -> None:
    factories.a_suggestion(session, status=status)
    assert load_texts([hit("suggestion:1")], session) == {}


def test_rows_that_are_gone_since_the_index_was_written_are_no_evidence(session: Session) -> None:
    assert load_texts([hit("suggestion:77"), hit("service:77"), hit("profile:1")], session) == {}


def test_what_is_remembered_of_long_texts_is_bounded_by_their_length(session: Session) -> None:
    for number in range(1, 61):
        factories.a_suggestion(session, serial=number, situation=f"第{number}段。" + "渠水不足。" * 8_000)
    texts = load_texts([hit(f"suggestion:{number}") for number in range(1, 61)], session)
    assert len(texts) == 60 and sum(one.size for one in texts.values()) > REMEMBERED_CHARACTERS
    assert 0 < remembered_characters() <= REMEMBERED_CHARACTERS


def test_private_numbers_are_not_shown_wherever_they_were_typed(session: Session) -> None:
    expert = an_expert(session)
    factories.a_suggestion(session, "报警13907362222", situation="水库找0736-6622333。", proposal="a@b.cn 水库")
    factories.a_service_record(session, expert, subject="水库 13907363333", account="水库，身份证430725195203140011。")
    passages = [*profile_texts(profile_of(session, expert))]
    for texts in load_texts([hit("suggestion:1"), hit("service:1")], session).values():
        passages += texts
    found = evidence(passages, "水库 报警 电话", 20)
    shown = "".join(text_of(one) + one.source for one in found)
    assert len(found) >= 6 and REMOVED in shown
    assert not any(number in shown for number in ("1390736", "6622333", "a@b", "430725195"))


def test_words_of_the_query_explain_more_than_their_synonyms() -> None:
    passages = [summary("代理过民事诉讼。"), summary("帮人打官司。")]
    assert [text_of(one) for one in evidence(passages, "打官司")][0] == "帮人打官司。"


def test_a_synonym_is_marked_where_only_it_is_said() -> None:
    (one,) = evidence([summary("做过病险水库整治。")], "修水库", 1)
    assert "病险水库" in "".join(marked_in(one))


def test_where_no_sentence_has_a_word_the_first_one_is_shown_unmarked() -> None:
    (one,) = evidence([summary("种了一辈子田。")], "修水库")
    assert text_of(one) == "种了一辈子田。" and marked_in(one) == []
    assert evidence([], "修水库") == ()


def summary(text: str) -> Passage:
    """The passage of a profile that has nothing but this summary."""
    profile = Profile(
        expert_id=1, name="", former_unit="", last_post="", professional_title="", township="", division="",
        keywords=(),
        summary=text, ways_of_helping=(), availability=Availability.AVAILABLE, updated_on=factories.NOW.date(),
        fields=(), main_fields=(), career=(), honours=(),
    )  # fmt: skip
    (passage,) = profile_texts(profile)
    return passage


def profile_of(session: Session, expert: Expert) -> Profile:
    session.flush()
    return load_profiles(session, [expert.id])[expert.id]
