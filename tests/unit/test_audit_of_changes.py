"""What a change of rows leaves in the audit by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, event, func, select, update
from sqlalchemy.orm import Session, class_mapper, sessionmaker

from tests import factories
from tests.conftest import NOW
from tests.unit.rosters import csv, prepare, run
from zhiku.domain.accounts import Account, ApiToken, EntryCode
from zhiku.domain.actors import Actor, acting_as, acting_for
from zhiku.domain.audit import QUIET, WITHOUT_VALUES, Action, AuditEvent
from zhiku.domain.base import Base
from zhiku.domain.experts import CareerEntry, Expert, ExpertStatus, Honour
from zhiku.domain.permissions import Role
from zhiku.domain.schema import metadata
from zhiku.persistence.audit import AUDITED, SECRET, SILENT, UnauditedWrite
from zhiku.services.audit_chain import verify_chain
from zhiku.services.exporting import ExportRefused, export_file

BUREAU = Actor(5, "王主任", "bureau", "10.0.0.9")


@pytest.fixture
def zhang(sessions: sessionmaker[Session]) -> int:
    """The id of an expert with everything, whose making is not looked at."""
    with sessions.begin() as session:
        factories.reference(session)
        return factories.an_expert(
            session,
            fields=("水库堤防",),
            career=(("1975", "1980", "水利员"), ("1981", "2000", "股长")),
            honours=((1998, "劳模"),),
        ).id


def events(sessions: sessionmaker[Session], after: int = 0) -> list[AuditEvent]:
    with sessions() as session:
        return list(session.scalars(select(AuditEvent).where(AuditEvent.id > after).order_by(AuditEvent.id)))


def last(sessions: sessionmaker[Session]) -> int:
    return verify_chain(sessions).last_id


def change(
    sessions: sessionmaker[Session], expert_id: int, how: Callable[[Expert], object], **info: object
) -> list[AuditEvent]:
    before = last(sessions)
    with sessions(info=dict(info)) as session, session.begin():
        how(session.get_one(Expert, expert_id))
    return events(sessions, before)


def test_a_new_person_is_one_event_however_many_rows_it_takes(sessions: sessionmaker[Session], zhang: int) -> None:
    (made,) = [one for one in events(sessions) if one.subject_kind == "expert"]
    assert (made.action, made.subject_id, made.at) == ("created", str(zhang), NOW)
    assert made.changes == {"career_entries": {"added": 2}, "honours": {"added": 1}, "expert_fields": {"added": 1}}


def test_a_change_is_noted_with_who_and_what_was_before(sessions: sessionmaker[Session], zhang: int) -> None:
    def retire(expert: Expert) -> None:
        expert.last_post, expert.keywords = "局长", ["修水库", "堵漏"]
        expert.updated_at = NOW + timedelta(days=1)

    with acting_as(BUREAU), acting_for(expert_id=zhang, purpose="核对"):
        (noted,) = change(sessions, zhang, retire)
    assert (noted.actor_id, noted.actor_name, noted.actor_role, noted.address) == (5, "王主任", "bureau", "10.0.0.9")
    assert (noted.on_behalf_of, noted.purpose) == (zhang, "核对")
    assert noted.changes == {"last_post": ["副局长", "局长"], "keywords": [["修水库"], ["修水库", "堵漏"]]}


def test_what_was_before_is_known_even_if_it_was_not_loaded(sessions: sessionmaker[Session], zhang: int) -> None:
    with sessions.begin() as session:
        expert = session.get_one(Expert, zhang)
        session.expire(expert)
        expert.last_post = "局长"
    assert events(sessions)[-1].changes == {"last_post": ["副局长", "局长"]}


def test_parts_that_go_come_or_change_are_noted_under_their_record(sessions: sessionmaker[Session], zhang: int) -> None:
    def rewrite(expert: Expert) -> None:
        expert.career = [expert.career[0], CareerEntry(position=1, began="1990", description="站长")]
        expert.career[0].description = "水利技术员"

    (noted,) = change(sessions, zhang, rewrite)
    assert (noted.action, noted.subject_kind, noted.subject_id) == ("changed", "expert", str(zhang))
    assert noted.changes == {
        "career_entries": {
            "added": 1,
            "removed": [{"began": "1981", "ended": "2000", "description": "股长"}],
            "changed": [{"description": ["水利员", "水利技术员"]}],
        }
    }


def test_a_part_that_moves_is_noted_for_both_records(sessions: sessionmaker[Session], zhang: int) -> None:
    with sessions.begin() as session:
        other = factories.an_expert(session, "李水生").id
    before = last(sessions)
    with sessions.begin() as session:
        session.scalars(select(Honour)).one().expert_id = other
    assert {one.subject_id for one in events(sessions, before)} == {str(zhang), str(other)}


def test_of_long_texts_the_place_of_the_difference_is_kept(sessions: sessionmaker[Session], zhang: int) -> None:
    def lengthen(expert: Expert) -> None:
        expert.summary = "前" * 500 + "旧" * 300

    change(sessions, zhang, lengthen)

    def replace(expert: Expert) -> None:
        expert.summary = "前" * 500 + "新电话 13907361111，" + "旧" * 300

    (noted,) = change(sessions, zhang, replace)
    before, after = noted.changes["summary"]
    assert before.startswith("…" + "前" * 40 + "旧") and after.startswith("…" + "前" * 40 + "新电话")
    assert max(len(before), len(after)) <= 200 and "1390736" not in after


def test_a_deleted_record_is_noted_without_what_it_held(sessions: sessionmaker[Session], zhang: int) -> None:
    before = last(sessions)
    with sessions.begin() as session:
        session.delete(session.get_one(Expert, zhang))
    (noted,) = events(sessions, before)
    assert (noted.action, noted.subject_id, noted.changes) == ("deleted", str(zhang), {})


def test_while_a_person_is_erased_no_value_is_noted(sessions: sessionmaker[Session], zhang: int) -> None:
    def erase(expert: Expert) -> None:
        expert.career, expert.name, expert.summary = [], "已删除", ""

    (noted,) = change(sessions, zhang, erase, **{WITHOUT_VALUES: True})
    assert noted.changes == {"name": None, "summary": None, "career_entries": {"removed": [{}, {}]}}


def test_secrets_are_noted_as_changed_and_nothing_more(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        account = factories.an_account(session, Role.BUREAU)
        session.flush()
        account.password_hash, account.totp_secret, account.failures = "$argon2id$geheim", "JBSWY3DPEHPK3PXP", 3
        session.flush()
        account.failures = 4
    noted = events(sessions)
    assert [one.action for one in noted] == ["created", "changed"]
    assert noted[-1].changes == {"password_hash": None, "totp_secret": None}


def test_a_value_that_is_set_to_what_it_was_is_no_event(sessions: sessionmaker[Session], zhang: int) -> None:
    assert change(sessions, zhang, lambda expert: setattr(expert, "last_post", "副局长")) == []
    assert change(sessions, zhang, lambda expert: setattr(expert, "last_post", "局长"), **{QUIET: True}) == []


def test_events_of_a_change_are_there_if_the_change_is(sessions: sessionmaker[Session], zhang: int) -> None:
    before = last(sessions)
    with sessions() as session:
        session.get_one(Expert, zhang).last_post = "局长"
        session.flush()
        assert session.scalar(select(func.count()).where(AuditEvent.id > before)) == 1
        session.rollback()
    assert last(sessions) == before


def test_one_flush_writes_all_its_events_at_once(database: Engine, sessions: sessionmaker[Session]) -> None:
    statements: list[str] = []
    with sessions.begin() as session:
        factories.reference(session)
    event.listen(database, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with sessions.begin() as session:
        for number in range(50):
            session.add(
                Expert(
                    name=f"人{number}", division_code=factories.QIHE, status=ExpertStatus.DRAFT, created_at=NOW,
                    updated_at=NOW, honours=[Honour(position=0, title="劳模")],
                )
            )  # fmt: skip
    assert len([one for one in statements if "audit_" in one]) <= 6


@pytest.mark.parametrize(
    "statement",
    [
        update(Account).values(role=Role.ADMINISTRATOR),
        update(Account).values({Account.is_active: True, Account.failures: 0}),
        delete(EntryCode),
        delete(ApiToken),
    ],
)
def test_bulk_writes_that_nobody_could_note_are_refused(sessions: sessionmaker[Session], statement: object) -> None:
    with sessions() as session, pytest.raises(UnauditedWrite):
        session.execute(statement)  # type: ignore[call-overload]


def test_counters_that_say_nothing_may_be_written_in_bulk(sessions: sessionmaker[Session]) -> None:
    with sessions.begin() as session:
        session.execute(update(Account).values(failures=Account.failures + 1))
        session.execute(update(ApiToken).where(ApiToken.id == 1).values(used_at=NOW))
    assert events(sessions) == []


#: Tables whose rows make no events by themselves, and why.
NOT_AUDITED = {
    "audit_events": "the audit itself",
    "audit_head": "the audit itself",
    "contact_details": "noted by its service, with the purpose",
    "identity_numbers": "noted by its service, with the purpose",
    "health_notes": "noted by its service, with the purpose",
    "hardship_notes": "noted by its service, with the purpose",
    "data_keys": "noted by the rotation of keys",
    "sign_ins": "noted by their service: signed in, signed out, revoked",
    "recovery_codes": "noted by their service: issued, used",
    "outbox": "index work",
    "unanswered_queries": "counts of queries, of which nobody is to know who asked",
    "lexicon_revisions": "counts of changes",
}


def test_every_table_makes_events_or_says_why_not() -> None:
    audited = {model.__tablename__ for model in AUDITED}
    assert audited & set(NOT_AUDITED) == set()
    assert audited | set(NOT_AUDITED) == set(metadata.tables)


def test_every_column_that_looks_like_a_secret_is_one() -> None:
    names = {(model.__name__, column.key) for model in AUDITED for column in _columns(model)}
    suspicious = {
        (model, name) for model, name in names if any(word in name for word in ("hash", "secret", "token", "key"))
    }
    encrypted = {
        (model.__name__, column.key)
        for model in AUDITED
        for column in _columns(model)
        if type(column.type).__name__ == "Encrypted"
    }
    known_to_be_open = {("Expert", "keywords")}
    assert {name for name in suspicious - encrypted - known_to_be_open if name[1] not in SECRET | SILENT} == set()


def _columns(model: type[Base]) -> list[object]:
    return list(class_mapper(model).columns)  # type: ignore[arg-type]


# -- imports and exports -----------------------------------------------------------------------------------------

ROSTER = "姓名,乡镇,履历,联系方式\n张水生,漆河镇,1975 水利员,13907361111\n李水生,陬市镇,,\n,漆河镇,,\n"


def test_an_import_is_an_event_with_its_counts_beside_those_of_its_rows(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    prepare(sessions)
    before = last(sessions)
    with acting_as(BUREAU):
        run(sessions, csv(tmp_path / "名册.csv", ROSTER))
    found = events(sessions, before)
    rows = [one for one in found if one.subject_kind == "expert" and one.action == "created"]
    assert len(rows) >= 2 and {one.actor_name for one in found} == {"王主任"}
    noted = found[-1]
    assert (noted.action, noted.subject_kind, noted.subject_id) == ("imported", "import", "experts")
    assert noted.changes["file"] == "名册.csv" and noted.changes["new"] == 2
    assert "13907361111" not in str([one.changes for one in found])


def test_a_dry_run_is_no_event(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    prepare(sessions)
    before = last(sessions)
    run(sessions, csv(tmp_path / "名册.csv", ROSTER), apply=False)
    assert last(sessions) == before


def test_an_export_is_an_event_and_there_is_no_file_without_it(
    database: Engine, sessions: sessionmaker[Session], tmp_path: Path, zhang: int
) -> None:
    path = tmp_path / "experts.xlsx"
    assert export_file(sessions, "experts", path, at=NOW) == 1
    noted = events(sessions)[-1]
    assert (noted.action, noted.subject_kind, noted.subject_id, noted.changes) == (
        "exported", "table", "experts", {"rows": 1},
    )  # fmt: skip
    before = last(sessions)
    with pytest.raises(ExportRefused):
        export_file(sessions, "experts", tmp_path / "nowhere" / "experts.xlsx", at=NOW)
    assert last(sessions) == before


def test_actions_have_chinese_labels() -> None:
    assert all(one.label and one.label != one.value for one in Action)
