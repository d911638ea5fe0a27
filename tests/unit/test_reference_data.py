"""Reference data, numbering and contacts: what everything else stands on."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from zhiku.domain.divisions import Division, DivisionLevel
from zhiku.domain.expertise import FieldOfExpertise
from zhiku.domain.outbox import OutboxEntry
from zhiku.services import contacts, numbering
from zhiku.services.reference_data import load_reference_data


def test_the_county_and_its_townships_are_loaded(sessions: sessionmaker[Session]) -> None:
    load_reference_data(sessions)
    with sessions() as session:
        township = session.get_one(Division, factories.QIHE)
        assert (township.name, township.level) == ("漆河镇", DivisionLevel.TOWNSHIP)
        assert township.parent is not None and township.parent.parent is not None
        assert (township.parent.name, township.parent.parent.name) == ("桃源县", "常德市")
        townships = select(func.count()).where(Division.level == DivisionLevel.TOWNSHIP)
        assert session.scalar(townships) == 29


def test_fields_have_two_levels_and_everyday_words(sessions: sessionmaker[Session]) -> None:
    load_reference_data(sessions)
    with sessions() as session:
        field = session.scalars(select(FieldOfExpertise).where(FieldOfExpertise.name == "果树柑橘")).one()
        assert field.main.name == "农业农村" and "黄龙病" in field.everyday_words.split()
        names = [subfield.name for subfield in field.main.subfields]
        assert names[:2] == ["粮油作物", "果树柑橘"]


def test_loading_again_changes_nothing(sessions: sessionmaker[Session]) -> None:
    assert load_reference_data(sessions).changed > 100
    with sessions() as session:
        before = session.scalar(select(func.count()).select_from(OutboxEntry))
    assert load_reference_data(sessions).changed == 0
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(OutboxEntry)) == before


def test_loading_brings_words_up_to_date_and_leaves_what_the_county_added(sessions: sessionmaker[Session]) -> None:
    load_reference_data(sessions)
    with sessions.begin() as session:
        factories.a_field(session, "茶叶").everyday_words = "旧"
        session.add(FieldOfExpertise(name="养蚕缫丝", position=500))
    assert load_reference_data(sessions).changed == 1
    with sessions() as session:
        assert "炒茶" in factories.a_field(session, "茶叶").everyday_words
        assert factories.a_field(session, "养蚕缫丝").position == 500


def test_serials_start_at_one_each_year_and_follow_the_highest(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        assert numbering.next_serial(session, 2026) == 1
        factories.a_suggestion(session, serial=7)
        assert (numbering.next_serial(session, 2026), numbering.next_serial(session, 2025)) == (8, 1)


def test_a_contact_is_stored_once_however_it_is_written(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        for value in ("138 1234 5678", "13812345678", "138-1234-5678", " ", "微信：zhang"):
            contacts.add(session, contacts.EXPERT, 1, value, factories.NOW)
            session.flush()
        contacts.add(session, contacts.SUGGESTION, 1, "0736-6622123", factories.NOW)
    with sessions() as session:
        assert contacts.of(session, contacts.EXPERT, 1) == ["138 1234 5678", "微信：zhang"]
        assert contacts.of_many(session, contacts.SUGGESTION, [1, 2]) == {1: ["0736-6622123"]}
