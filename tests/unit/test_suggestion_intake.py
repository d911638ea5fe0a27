"""Taking in suggestions: what is stored, what is refused, and what happens when a page is sent twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.outbox import OutboxEntry
from zhiku.domain.suggestions import MAX_PROPOSAL, Suggestion, SuggestionStatus
from zhiku.services import contacts
from zhiku.services.suggestion_intake import (
    CODE_ALPHABET,
    DraftNotAcceptable,
    Receipt,
    SuggestionDraft,
    SuggestionIntake,
    find_problems,
    new_code,
    normalize_code,
    normalize_number,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")

DRAFT = SuggestionDraft(
    name="王大爷",
    contact="13807360001",
    subject="陬市镇老街夜里没有路灯",
    situation="从桥头到卫生院没有一盏灯,\n去年有三位老人摔跤。",
    proposal="先在桥头和学校门口装十盏太阳能路灯。",
    submission_key="key-of-a-page-0001",
)


@pytest.fixture
def county(sessions: sessionmaker[Session]) -> str:
    with sessions.begin() as session:
        session.add(Division(code="430725", name="桃源县", level=DivisionLevel.COUNTY))
    return "430725"


@pytest.fixture
def intake(sessions: sessionmaker[Session], county: str) -> SuggestionIntake:
    return SuggestionIntake(sessions, lambda: NOW, SHANGHAI, county)


def stored(sessions: sessionmaker[Session]) -> list[Suggestion]:
    with sessions() as session:
        return list(session.scalars(select(Suggestion).order_by(Suggestion.id)))


def test_a_suggestion_is_stored_with_author_step_contact_and_outbox_entry(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    receipt = intake.submit(DRAFT)
    assert receipt.number == "2026-0001"
    with sessions() as session:
        suggestion = session.scalars(select(Suggestion)).one()
        assert (suggestion.number, suggestion.status) == ("2026-0001", SuggestionStatus.SUBMITTED)
        assert suggestion.submitted_on == date(2026, 11, 23)
        assert [author.name for author in suggestion.authors] == ["王大爷"]
        assert [(step.status, step.on) for step in suggestion.steps] == [
            (SuggestionStatus.SUBMITTED, date(2026, 11, 23))
        ]
        assert contacts.of(session, contacts.SUGGESTION, suggestion.id) == ["13807360001"]
        entries = session.execute(select(OutboxEntry.kind, OutboxEntry.entity_id)).all()
        assert ("suggestion", str(suggestion.id)) in [tuple(entry) for entry in entries]


def test_a_typed_name_is_never_linked_to_an_expert(intake: SuggestionIntake, sessions: sessionmaker[Session]) -> None:
    intake.submit(DRAFT)
    with sessions() as session:
        assert [author.expert_id for author in session.scalars(select(Suggestion)).one().authors] == [None]


def test_the_number_follows_the_countys_calendar(sessions: sessionmaker[Session], county: str) -> None:
    # 16:30 UTC on New Year's Eve is half past midnight of the new year in Hunan.
    eve = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)
    receipt = SuggestionIntake(sessions, lambda: eve, SHANGHAI, county).submit(DRAFT)
    assert receipt.number == "2027-0001"
    assert stored(sessions)[0].submitted_on == date(2027, 1, 1)


def test_the_code_opens_the_suggestion_however_it_is_typed(intake: SuggestionIntake) -> None:
    receipt = intake.submit(DRAFT)
    assert receipt.code is not None
    assert intake.check_code("2026-0001", receipt.code) == "2026-0001"
    spaced = " ".join(receipt.code.lower())
    full_width = receipt.code.translate({ord(c): ord(c) + 0xFEE0 for c in CODE_ALPHABET})
    assert intake.check_code("2026 — 1", spaced) == "2026-0001"
    assert intake.check_code("2026-0001", full_width) == "2026-0001"


def test_a_wrong_code_a_wrong_number_and_nothing_at_all_open_nothing(intake: SuggestionIntake) -> None:
    receipt = intake.submit(DRAFT)
    assert receipt.code is not None
    wrong = ("A" if receipt.code[0] != "A" else "C") + receipt.code[1:]
    for number, code in [
        ("2026-0001", wrong),
        ("2026-0002", receipt.code),
        ("2026-0001", ""),
        ("", ""),
        ("\0", "\ud800"),
    ]:
        assert intake.check_code(number, code) is None


def test_an_imported_suggestion_has_no_code_that_opens_it(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    receipt = intake.submit(DRAFT)
    with sessions.begin() as session:
        session.scalars(select(Suggestion)).one().access_code_hash = None
    assert receipt.code is not None
    assert intake.check_code("2026-0001", receipt.code) is None
    assert intake.check_code("2026-0001", "") is None


def test_neither_code_nor_contact_stands_in_the_suggestions_table(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    receipt = intake.submit(DRAFT)
    row = stored(sessions)[0]
    values = " ".join(str(getattr(row, column.key)) for column in Suggestion.__table__.columns)
    assert receipt.code is not None and receipt.code not in values
    assert "13807360001" not in values


def test_the_same_page_sent_twice_is_stored_once_and_shows_the_same_code(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    code = new_code()
    assert intake.submit(DRAFT, code=code) == intake.submit(DRAFT, code=code) == Receipt("2026-0001", code)
    assert len(stored(sessions)) == 1


def test_the_same_page_sent_again_by_another_browser_shows_the_number_only(intake: SuggestionIntake) -> None:
    intake.submit(DRAFT)
    assert intake.submit(DRAFT) == Receipt("2026-0001", None)


def test_another_text_on_an_old_page_is_another_suggestion(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    intake.submit(DRAFT)
    receipt = intake.submit(replace(DRAFT, subject="漆河镇的水渠漏水"))
    assert receipt.number == "2026-0002" and receipt.code is not None
    assert [row.subject for row in stored(sessions)] == [DRAFT.subject, "漆河镇的水渠漏水"]


def test_two_clicks_at_the_same_moment_store_one_suggestion(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    receipts = _at_once(4, lambda _: intake.submit(DRAFT, code="ACDEFG"))
    assert set(receipts) == {Receipt("2026-0001", "ACDEFG")}
    assert len(stored(sessions)) == 1


def test_people_who_submit_at_the_same_moment_get_different_numbers(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    receipts = _at_once(6, lambda place: intake.submit(replace(DRAFT, submission_key=f"key-of-a-page-{place:04d}")))
    assert sorted(receipt.number for receipt in receipts) == [f"2026-{serial:04d}" for serial in range(1, 7)]


def _at_once(count: int, act: Callable[[int], Receipt]) -> list[Receipt]:
    barrier = Barrier(count)
    receipts: list[Receipt] = []

    def run(place: int) -> None:
        barrier.wait()
        receipts.append(act(place))

    threads = [Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(receipts) == count
    return receipts


def test_dirty_text_is_stored_clean(intake: SuggestionIntake, sessions: sessionmaker[Session]) -> None:
    intake.submit(
        replace(DRAFT, subject="老街  沒有\u200b路燈\n請裝", situation="發(fā)揮作用\r\n第二行有內容", name=" 王 大爷 ")
    )
    row = stored(sessions)[0]
    assert row.subject == "老街 没有路灯 请装"
    assert row.situation == "发挥作用\n第二行有内容"


def test_every_missing_field_is_named_and_nothing_is_stored(
    intake: SuggestionIntake, sessions: sessionmaker[Session]
) -> None:
    with pytest.raises(DraftNotAcceptable) as refused:
        intake.submit(SuggestionDraft(" ", "", "\u200b", "\n\n", "", "key-of-a-page-0001"))
    assert list(refused.value.problems) == ["subject", "situation", "proposal", "name", "contact"]
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Suggestion)) == 0
        assert (
            session.scalar(select(func.count()).select_from(OutboxEntry).where(OutboxEntry.kind == "suggestion")) == 0
        )


def test_a_text_at_its_limit_is_taken_and_one_character_more_is_not() -> None:
    assert find_problems(replace(DRAFT, proposal="装" * MAX_PROPOSAL).cleaned()) == {}
    problems = find_problems(replace(DRAFT, proposal="装" * (MAX_PROPOSAL + 3)).cleaned())
    assert list(problems) == ["proposal"] and "删去 3 个字" in problems["proposal"]


@pytest.mark.parametrize(
    "number",
    ["13807360001", "138 0736 0001", "138-0736-0001", "１３８０７３６０００１", "430725195203014512", "①③⑧⓪⑦③⑥①②③④",
     "138.0736.1234", "1380736\n1234", "(0736)6622345", "电话6622345", "430725500312123", "一三八零七三六一二三四"],
)  # fmt: skip
def test_private_numbers_in_public_text_are_refused(number: str) -> None:
    problems = find_problems(replace(DRAFT, situation=f"有事请打 {number} 找我商量").cleaned())
    assert list(problems) == ["situation"]


@pytest.mark.parametrize("name", ["😀", "﷽", "123", "·"])
def test_a_name_without_a_letter_or_a_character_is_refused(name: str) -> None:
    problems = find_problems(replace(DRAFT, name=name).cleaned())
    assert list(problems) == ["name"] and "汉字" in problems["name"]


@pytest.mark.parametrize("name", ["王", "欧阳修", "阿·买买提", "Bethune", "𠮷田"])
def test_any_name_of_letters_or_characters_is_taken(name: str) -> None:
    assert find_problems(replace(DRAFT, name=name).cleaned()) == {}


def test_amounts_and_dates_are_no_private_numbers() -> None:
    text = "2019年到2026年共投入1234567元,受益12000人,亩产1100斤。"
    assert find_problems(replace(DRAFT, situation=text).cleaned()) == {}


@pytest.mark.parametrize(
    ("typed", "number"),
    [("2026-0042", "2026-0042"), ("２０２６－００４２", "2026-0042"), ("2026 42", "2026-0042"), ("20260042", "2026-0042"),
     ("2026-12345", "2026-12345"), ("", ""), ("第二号", ""), ("26-42", "")],
)  # fmt: skip
def test_a_number_is_understood_as_people_write_it(typed: str, number: str) -> None:
    assert normalize_number(typed) == number


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_typed_number_or_code_is_understood_or_refused_without_an_error(number: str, code: str) -> None:
    assert normalize_number(number) == normalize_number(normalize_number(number))
    assert normalize_code(code) == normalize_code(normalize_code(code))


def test_codes_use_no_character_that_is_mistaken_for_another() -> None:
    assert not set(CODE_ALPHABET) & set("0O1IL2Z5S8BUV")
    assert len(set(CODE_ALPHABET)) == len(CODE_ALPHABET)
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200 and all(len(code) == 6 for code in codes)
