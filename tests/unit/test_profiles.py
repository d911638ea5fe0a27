"""Profiles as results show them are what the rows say, and only of those whom a search may name."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload, sessionmaker

from tests import factories
from zhiku.domain.experts import Availability, CareerEntry, Expert, ExpertStatus, Honour
from zhiku.services.profiles import load_profiles


def test_a_profile_says_what_the_rows_say(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session, "张水生", keywords=["启闭机", "涵管"], summary="修过水库。")
        expert.career = [CareerEntry(position=n, description=text) for n, text in enumerate(("先种田", "后修坝"))]
        expert.honours = [Honour(position=0, year=2008, title="先进"), Honour(position=1, year=None, title="能手")]
        other = factories.an_expert(session, "李桂花")
        session.commit()
        session.expunge_all()
        found = load_profiles(session, [expert.id, other.id, 777])
        assert found.keys() == {expert.id, other.id}
        row = session.scalars(
            select(Expert).where(Expert.id == expert.id).options(selectinload(Expert.field_links))
        ).one()
        profile = found[expert.id]
        assert (profile.name, profile.summary, profile.township) == (row.name, row.summary, row.division.name)
        assert profile.keywords == ("启闭机", "涵管") and profile.updated_on == row.updated_at.date()
        assert profile.fields == tuple(field.name for field in row.fields)
        assert profile.main_fields == tuple(field.main.name for field in row.fields)
        assert profile.career == ("先种田", "后修坝") and profile.honours == ("2008 先进", "能手")
        assert profile.availability is row.availability and profile.ways_of_helping == tuple(row.ways_of_helping)


def test_a_change_of_any_row_shows_at_once(sessions: sessionmaker[Session]) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(
            session, "张水生", fields=("水库堤防",), honours=((2008, "先进"),), career=(("", "", "先种田"),)
        )
        session.commit()
        before = load_profiles(session, [expert.id])[expert.id]
        assert load_profiles(session, [expert.id])[expert.id] is before
        # Not through the model: neither its version nor its time changes.
        for statement, changed in (
            ("UPDATE honours SET year = NULL", {"honours": ("先进",)}),
            ("UPDATE career_entries SET description = '后修坝'", {"career": ("后修坝",)}),
            ("UPDATE experts SET keywords = '[\"涵管\"]'", {"keywords": ("涵管",)}),
            ("UPDATE experts SET availability = 'phone_only'", {"availability": Availability.PHONE_ONLY}),
            ("UPDATE divisions SET name = '新镇'", {"township": "新镇"}),
            ("UPDATE fields_of_expertise SET name = '治水' WHERE name = '水库堤防'", {"fields": ("治水",)}),
        ):
            session.connection().exec_driver_sql(statement)
            profile = load_profiles(session, [expert.id])[expert.id]
            assert {name: getattr(profile, name) for name in changed} == changed
        session.connection().exec_driver_sql("UPDATE experts SET status = 'withdrawn'")
        assert load_profiles(session, [expert.id]) == {}


@pytest.mark.parametrize(
    "hidden", [{"status": ExpertStatus.DRAFT}, {"availability": Availability.WITHDRAWN}], ids=["draft", "withdrawn"]
)
def test_who_must_not_be_named_has_none(sessions: sessionmaker[Session], hidden: dict[str, object]) -> None:
    with sessions() as session:
        factories.reference(session)
        expert = factories.an_expert(session, "张水生", **hidden)
        session.commit()
        assert load_profiles(session, [expert.id]) == {} == load_profiles(session, [])
