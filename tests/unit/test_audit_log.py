"""Reading the audit: filters, pages, sentences, and the tables and archives made of it."""

from __future__ import annotations

import ast
import csv
import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import load_workbook
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session, class_mapper, sessionmaker

from tests import factories
from tests.architecture.source import modules, parsed
from tests.conftest import NOW
from tests.unit.test_audit_chain import tamper
from zhiku.domain.actors import Actor
from zhiku.domain.audit import Action, AuditEvent, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role
from zhiku.persistence.audit import AUDITED, SILENT
from zhiku.services.audit_archive import ArchiveUnusable, verify_archive, write_archive
from zhiku.services.audit_chain import Fault
from zhiku.services.audit_export import export_table
from zhiku.services.audit_log import ERASED, AuditFilter, AuditLog, EventNotFound
from zhiku.services.audit_words import COLUMNS, HIDDEN, KINDS, PARTS
from zhiku.services.exporting import ExportRefused

SHANGHAI = ZoneInfo("Asia/Shanghai")
ANN = Actor(7, "刘小燕", "liaison", "10.1.2.3")


@pytest.fixture
def log(sessions: sessionmaker[Session]) -> AuditLog:
    return AuditLog(sessions, SHANGHAI)


@pytest.fixture
def zeng(sessions: sessionmaker[Session]) -> int:
    with sessions.begin() as session:
        factories.reference(session)
        return factories.an_expert(session, "曾繁柑", career=(("1975", "", "水利员"),)).id


def write(sessions: sessionmaker[Session], *notes: Note, at: datetime = NOW, actor: Actor = ANN) -> None:
    with sessions.begin() as session:
        begin_writing(session)
        append(session, notes, at, actor)


def deeds(log: AuditLog, **wanted: Any) -> list[str]:
    return [entry.deed for entry in log.page(AuditFilter(**wanted), size=1_000).entries]


# -- filters and pages -------------------------------------------------------------------------------------------


def test_pages_by_key_show_every_event_once_in_both_directions(sessions: sessionmaker[Session], log: AuditLog) -> None:
    # Clocks of two machines: the times do not rise with the numbers, and many are equal.
    for number in range(47):
        write(sessions, Note(Action.REFUSED, "page", str(number)), at=NOW + timedelta(minutes=(number * 7) % 10))
    everything = log.page(AuditFilter(), size=100).entries
    assert [(one.at, one.id) for one in everything] == sorted(((one.at, one.id) for one in everything), reverse=True)
    there: list[int] = []
    page = log.page(AuditFilter(), size=10)
    assert not page.newer
    while True:
        there += [one.id for one in page.entries]
        if not page.older:
            break
        page = log.page(AuditFilter(), before=page.older, size=10)
    back = [one.id for one in page.entries]
    while page.newer:
        page = log.page(AuditFilter(), after=page.newer, size=10)
        back = [one.id for one in page.entries] + back
    assert there == back == [one.id for one in everything] and len(there) == 47


@pytest.mark.parametrize("number", [-1, 4711, 2**70])
def test_a_page_beside_an_event_that_there_is_not_is_the_first_one(
    sessions: sessionmaker[Session], log: AuditLog, number: int
) -> None:
    write(sessions, Note(Action.REFUSED, "page", "x"))
    assert len(log.page(AuditFilter(), before=number).entries) == 1
    assert len(log.page(AuditFilter(), after=number).entries) == 1
    with pytest.raises(EventNotFound, match="没有编号"):
        log.entry(number)


def test_each_filter_leaves_out_what_it_should(sessions: sessionmaker[Session], log: AuditLog, zeng: int) -> None:
    other = Actor(8, "王主任", "bureau", "", on_behalf_of=zeng)
    write(sessions, Note(Action.REVEALED, "expert", str(zeng), {"": "contact_details"}))
    write(sessions, Note(Action.REFUSED, "page", "experts.search"), actor=other)
    assert deeds(log, who="刘小燕") == ["查看了曾繁柑的联系方式"]
    assert deeds(log, who=" 王主任 ", action=Action.REFUSED) == ["想打开没有权限的页面（experts.search），被拒绝"]
    assert deeds(log, about="曾繁柑", action=Action.REVEALED) == ["查看了曾繁柑的联系方式"]
    assert deeds(log, kind="expert", key=str(zeng))[0] == "查看了曾繁柑的联系方式"
    assert deeds(log, on_behalf="曾繁柑") == ["想打开没有权限的页面（experts.search），被拒绝"]
    for nothing in ({"who": "刘"}, {"about": "没有这个人"}, {"on_behalf": "没有这个人"}, {"who": "%"}, {"key": "9999"}):
        assert deeds(log, **nothing) == []


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [("Asia/Shanghai", date(2026, 11, 23), 24), ("Europe/Berlin", date(2026, 10, 25), 25),
     ("Europe/Berlin", date(2026, 3, 29), 23), ("Asia/Shanghai", date(1991, 9, 15), 25)],
)  # fmt: skip
def test_days_are_those_of_the_county_whatever_their_length(
    sessions: sessionmaker[Session], zone: str, day: date, hours: int
) -> None:
    log = AuditLog(sessions, ZoneInfo(zone))
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for minutes in (-1, 0, hours * 60 - 1, hours * 60):
        write(sessions, Note(Action.REFUSED, "page", str(minutes)), at=midnight + timedelta(minutes=minutes))
    keys = [entry.key for entry in log.page(AuditFilter(since=day, until=day)).entries]
    assert keys == [str(hours * 60 - 1), "0"]


@pytest.mark.parametrize("wanted", [AuditFilter(until=date.max), AuditFilter(since=date.min, until=date.max)])
def test_the_ends_of_the_calendar_are_days_like_others(
    sessions: sessionmaker[Session], log: AuditLog, wanted: AuditFilter
) -> None:
    write(sessions, Note(Action.REFUSED, "page", "x"))
    assert len(log.page(wanted).entries) == 1


def test_names_take_one_query_a_kind_however_many_events(
    database: Engine, sessions: sessionmaker[Session], log: AuditLog
) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        people = [factories.an_expert(session, f"人{number}") for number in range(30)]
        for expert in people:
            factories.a_suggestion(session, authors=(expert,))
            factories.an_account(session, Role.BUREAU)
    statements: list[str] = []
    event.listen(database, "before_cursor_execute", lambda *call: statements.append(call[2]))
    assert len(log.page(AuditFilter(), size=200).entries) > 90
    assert len(statements) < 12


def test_filters_use_an_index(database: Engine, sessions: sessionmaker[Session], log: AuditLog, zeng: int) -> None:
    statements: list[tuple[str, Any]] = []
    event.listen(database, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    wanted: list[dict[str, Any]] = [
        {}, {"who": "刘小燕"}, {"action": Action.ERASED}, {"kind": "expert", "key": "1"}, {"on_behalf": "曾繁柑"},
        {"since": date(2026, 1, 1), "until": date(2026, 2, 1)},
    ]  # fmt: skip
    for one in wanted:
        statements.clear()
        log.page(AuditFilter(**one), before=1)
        (asked,) = [call for call in statements if "ORDER BY audit_events.at" in call[0]]
        with database.connect() as connection:
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0]}", asked[1]))
        assert "ix_audit_events" in plan, one
        if one and "since" not in one:
            assert "ix_audit_events_at" not in plan, (one, plan)


# -- sentences ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "deed"),
    [
        (Note(Action.CREATED, "expert", "1"), "新增了曾繁柑的档案"),
        (Note(Action.CHANGED, "expert", "1", {"last_post": ["甲", "乙"], "honours": {"added": 1}}),
         "修改了曾繁柑的档案：原职务、荣誉"),
        (Note(Action.DELETED, "expert", "99"), "删除了专家档案（编号 99）"),
        (Note(Action.REVEALED, "expert", "1", {"": "health_notes"}), "查看了曾繁柑的健康情况"),
        (Note(Action.REVEALED, "expert", "99", {"": "contact_details"}), "查看了编号 99 的老同志的联系方式"),
        (Note(Action.EXPORTED, "expert", "1"), "导出了曾繁柑的全部资料"),
        (Note(Action.EXPORTED, "table", "experts", {"rows": 30}), "导出了专家名册（30 条）"),
        (Note(Action.EXPORTED, "audit", "", {"events": 5}), "导出了审计记录（5 条）"),
        (Note(Action.ERASED, "expert", "1"), "按要求删除了曾繁柑的档案"),
        (Note(Action.IMPORTED, "import", "experts", {"new": 3, "changed": 0, "refused": 1}),
         "导入了专家名册：新增 3，未导入 1"),
        (Note(Action.SIGNED_IN, "account", "1", {"device": [None, "Firefox · Windows"]}), "登录（Firefox · Windows）"),
        (Note(Action.SIGNED_OUT, "account", "1"), "退出登录"),
        (Note(Action.SIGN_IN_REFUSED, "account", "", {"reason": [None, "password"]}), "用不存在的登录名登录，被拒绝"),
        (Note(Action.SIGN_IN_REFUSED, "account", "1", {"reason": [None, "锁定中"]}), "想登录王主任的账号，被拒绝（锁定中）"),
        (Note(Action.SIGN_IN_REFUSED, "entry_code"), "用不对的进门码登录，被拒绝"),
        (Note(Action.ISSUED, "expert", "1", {"entry_code": [None, "2026"]}), "给曾繁柑发放了进门码"),
        (Note(Action.REVOKED, "account", "1", {"device": ["Edge · Windows", None]}),
         "结束了王主任在 Edge · Windows 上的登录"),
        (Note(Action.REFUSED, "expert", "1", {"": "contact_details", "reveal": [None, "limit"]}),
         "想查看曾繁柑的联系方式，次数太多被拒绝"),
        (Note(Action.ROTATED_KEYS, "data_key", "k2"), "更换了敏感资料的密钥（编号 k2）"),
        (Note(Action.CHANGED, "nobody_knows", "x", {"what_is_this": [1, 2]}), "修改了nobody_knows（编号 x）：what_is_this"),
    ],
)  # fmt: skip
def test_events_are_plain_sentences(
    sessions: sessionmaker[Session], log: AuditLog, zeng: int, note: Note, deed: str
) -> None:
    with sessions.begin() as session:
        assert (zeng, factories.an_account(session, Role.BUREAU, name="王主任").id) == (1, 1)
    write(sessions, note)
    entry, *_ = log.page(AuditFilter(who="刘小燕")).entries
    assert entry.deed == deed


def test_a_sentence_says_when_who_for_whom_and_what_for(
    sessions: sessionmaker[Session], log: AuditLog, zeng: int
) -> None:
    actor = Actor(7, "刘小燕", "liaison", "10.1.2.3", on_behalf_of=zeng, purpose="联系本人：送书")
    note = Note(Action.REVEALED, "expert", str(zeng), {"": "contact_details"})
    write(sessions, note, at=datetime(2026, 11, 23, 2, 5, 7, tzinfo=UTC), actor=actor)
    assert log.page(AuditFilter()).entries[0].sentence == (
        "2026年11月23日 10:05:07 刘小燕（联络员）代曾繁柑查看了曾繁柑的联系方式，用途：联系本人：送书"
    )


def test_every_action_has_a_sentence_of_its_own(sessions: sessionmaker[Session], log: AuditLog, zeng: int) -> None:
    for action in Action:
        write(sessions, Note(action, "expert", str(zeng)))
    found = deeds(log, who="刘小燕")
    assert len(found) == len(Action)
    assert not [deed for deed in found if any(action.value in deed for action in Action)]


def test_every_kind_part_and_column_has_a_chinese_word() -> None:
    tables = {model.__tablename__ for model, audited in AUDITED.items() if audited.is_part}
    assert {audited.kind for audited in AUDITED.values()} <= set(KINDS)
    assert tables <= set(PARTS)
    columns = {column.key for model in AUDITED for column in class_mapper(model).columns}
    assert columns - SILENT - set(COLUMNS) - {"id", "position"} == set()


def test_what_services_note_has_chinese_words() -> None:
    """Of what stands in the source: Note(Action.X, "kind", id, {"what": …})."""
    kinds: set[str] = set()
    facts: set[str] = set()
    for path in modules():
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Note":
                kinds |= {one.value for one in node.args[1:2] if isinstance(one, ast.Constant)}
                for given in (one for one in node.args[3:4] if isinstance(one, ast.Dict)):
                    facts |= {key.value for key in given.keys if isinstance(key, ast.Constant)}
    assert {"import", "expert", "page"} <= kinds <= set(KINDS)
    assert facts - {""} - set(COLUMNS) - set(PARTS) == set() and "device" in COLUMNS


def test_before_and_after_are_words_too(sessions: sessionmaker[Session], log: AuditLog, zeng: int) -> None:
    with sessions.begin() as session:
        expert = session.get_one(Expert, zeng)
        expert.career = []
        expert.division_code, expert.keywords = "430725106", ["修水库", "堵漏"]
        factories.an_account(session, Role.LIAISON, name="周子涵").password_hash = "geheim"
        session.flush()
    number = max(entry.id for entry in log.page(AuditFilter(about="曾繁柑")).entries)
    lines = {line.what: (line.before, line.after) for line in log.entry(number).lines}
    assert lines["专长"] == ("修水库", "修水库、堵漏")
    assert lines["乡镇、区划"][0] == "漆河镇"
    assert lines["履历"] == ("起：1975，内容：水利员", "（已删去）")
    write(sessions, Note(Action.CHANGED, "account", "1", {"password_hash": None, "role": ["liaison", "bureau"]}))
    write(sessions, Note(Action.CHANGED, "account", "1", {"is_active": [True, False], "ended_at": [None, "2026-11-23T02:00:00+00:00"]}))  # fmt: skip  # noqa: E501
    second, first = log.page(AuditFilter(kind="account", key="1", who="刘小燕")).entries
    assert [(line.before, line.after) for line in log.entry(first.id).lines] == [
        (HIDDEN, HIDDEN), ("联络员", "老干部局"),
    ]  # fmt: skip
    assert {(line.before, line.after) for line in log.entry(second.id).lines} == {
        ("是", "否"), ("（空）", "2026年11月23日 10:00:00"),
    }  # fmt: skip


@pytest.mark.parametrize("changes", ["kein JSON", "[]", "null", '{"honours": 7, "x": [1, 2, 3], "career_entries": {"removed": 5}}'])  # fmt: skip  # noqa: E501
def test_what_somebody_put_into_an_event_does_not_break_the_page(
    database: Engine, sessions: sessionmaker[Session], log: AuditLog, zeng: int, changes: str
) -> None:
    write(sessions, Note(Action.CHANGED, "expert", str(zeng), {"last_post": ["甲", "乙"]}))
    tamper(database, f"UPDATE audit_events SET changes = '{changes}', action = 'x' WHERE actor_id = 7")
    (entry,) = log.page(AuditFilter(who="刘小燕")).entries
    assert "曾繁柑" in entry.deed
    assert log.entry(entry.id)


def test_of_somebody_whose_data_was_erased_no_value_is_shown(
    sessions: sessionmaker[Session], log: AuditLog, zeng: int, tmp_path: Path
) -> None:
    with sessions.begin() as session:
        session.get_one(Expert, zeng).last_post = "很私人的职务"
    number = log.page(AuditFilter()).entries[0].id
    assert log.entry(number).lines[0].after == "很私人的职务"
    write(sessions, Note(Action.ERASED, "expert", str(zeng)))
    assert {line.after for line in log.entry(number).lines} == {ERASED}
    with sessions.begin() as session:
        session.delete(session.get_one(Expert, zeng))
    assert {line.after for line in log.entry(number).lines} == {ERASED}
    export_table(log, sessions, lambda: NOW, AuditFilter(), tmp_path / "a.csv")
    assert "很私人的职务" not in (tmp_path / "a.csv").read_text(encoding="utf-8-sig")


# -- tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_a_table_has_the_events_of_the_filter_and_is_noted(
    sessions: sessionmaker[Session], log: AuditLog, zeng: int, tmp_path: Path, suffix: str
) -> None:
    write(sessions, *(Note(Action.REVEALED, "expert", str(zeng), {"": "contact_details"}) for _ in range(1_050)))
    write(sessions, Note(Action.REFUSED, "page", "=1+1"), actor=Actor(9, "=HYPERLINK(1)", "bureau"))
    path = tmp_path / f"审计{suffix}"
    wanted = AuditFilter(since=date(2026, 11, 23), action=Action.REVEALED)
    assert export_table(log, sessions, lambda: NOW, wanted, path) == 1_050
    rows = _read(path)
    assert rows[0][:7] == ["编号", "时间", "谁", "角色", "来源地址", "操作", "做了什么"]
    assert len(rows) == 1_051
    assert rows[1][2:7] == ["刘小燕", "联络员", "10.1.2.3", "查看敏感资料", "查看了曾繁柑的联系方式"]
    numbers = [int(row[0]) for row in rows[1:]]
    assert numbers == sorted(set(numbers))
    noted = log.page(AuditFilter(action=Action.EXPORTED)).entries[0]
    assert {(line.what, line.after) for line in log.entry(noted.id).lines} >= {("条数", "1050"), ("从", "2026-11-23")}
    export_table(log, sessions, lambda: NOW, AuditFilter(who="=HYPERLINK(1)"), path)
    assert _read(path)[1][2] == ("'=HYPERLINK(1)" if suffix == ".csv" else "=HYPERLINK(1)")


def _read(path: Path) -> list[list[str]]:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.reader(stream))
    workbook = load_workbook(path, read_only=True)
    rows = [["" if cell is None else str(cell) for cell in row] for row in workbook.active.iter_rows(values_only=True)]
    workbook.close()
    return rows


@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a"])
def test_other_kinds_of_files_are_refused(
    sessions: sessionmaker[Session], log: AuditLog, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ExportRefused, match="xlsx"):
        export_table(log, sessions, lambda: NOW, AuditFilter(), tmp_path / name)


def test_a_table_that_is_too_long_or_cannot_be_written_is_neither_there_nor_noted(
    sessions: sessionmaker[Session], log: AuditLog, tmp_path: Path
) -> None:
    write(sessions, *(Note(Action.REFUSED, "page", str(number)) for number in range(5)))
    with pytest.raises(ExportRefused, match="超过 4 条"):
        export_table(log, sessions, lambda: NOW, AuditFilter(), tmp_path / "a.xlsx", limit=4)
    with pytest.raises(ExportRefused, match="写不进去"):
        export_table(log, sessions, lambda: NOW, AuditFilter(), tmp_path / "no" / "a.csv")
    assert [path for path in tmp_path.iterdir() if path.suffix in (".xlsx", ".csv")] == []
    assert deeds(log, action=Action.EXPORTED) == []


# -- archives ----------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(sessions: sessionmaker[Session], zeng: int, tmp_path: Path) -> Path:
    """An archive of the chain to 2026-11-23, whose database has gone on."""
    write(sessions, *(Note(Action.REVEALED, "expert", str(zeng), {"": "contact_details"}) for _ in range(600)))
    write(sessions, Note(Action.REFUSED, "page", "later"), at=NOW + timedelta(days=1))
    path = tmp_path / "审计存档.jsonl"
    write_archive(sessions, lambda: NOW, SHANGHAI, path, date(2026, 11, 23))
    return path


def test_an_archive_is_verified_by_a_few_lines_of_any_program(archive: Path) -> None:
    *lines, seal = archive.read_text(encoding="utf-8").splitlines()
    before = "0" * 64
    for number, line in enumerate(lines, 1):
        found = json.loads(line)
        stored = found.pop("hash")
        content = json.dumps(found, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(content.encode()).hexdigest() == stored
        assert (found["id"], found["previous_hash"]) == (number, before)
        before = stored
    assert json.loads(seal)["last_hash"] == before and json.loads(seal)["events"] == len(lines)
    assert "later" not in archive.read_text(encoding="utf-8")


def test_an_archive_that_fits_the_database_is_whole(sessions: sessionmaker[Session], archive: Path) -> None:
    report = verify_archive(sessions, archive)
    assert report.is_whole and report.archive.last_id > 600
    packed = archive.with_suffix(".jsonl.gz")
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    assert verify_archive(sessions, packed).is_whole
    again = write_archive(sessions, lambda: NOW, SHANGHAI, archive.with_name("alles.jsonl.gz"))
    assert verify_archive(sessions, archive.with_name("alles.jsonl.gz")).archive.last_id == again.last_id


def test_an_archive_shows_what_the_chain_alone_cannot(
    database: Engine, sessions: sessionmaker[Session], log: AuditLog, archive: Path
) -> None:
    """The end cut off and the head set back; then everything written anew."""
    tamper(
        database,
        "DELETE FROM audit_events WHERE id > 500",
        "UPDATE audit_head SET last_id = 500, last_hash = (SELECT hash FROM audit_events WHERE id = 500)",
    )
    assert log.verify().is_whole
    against = verify_archive(sessions, archive).against
    assert against is not None and (against.fault, against.event_id) == (Fault.MISSING, 501)
    tamper(database, "DELETE FROM audit_events", f"UPDATE audit_head SET last_id = 0, last_hash = '{'0' * 64}'")
    write(sessions, *(Note(Action.REFUSED, "page", "erfunden") for _ in range(700)))
    assert log.verify().is_whole
    against = verify_archive(sessions, archive).against
    assert against is not None and (against.fault, against.event_id) == (Fault.DIFFERS, 1)


def _replace(old: str, new: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: [line.replace(old, new, 1) if place == 300 else line for place, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("change", "fault", "at"),
    [
        (_replace("刘小燕", "别人"), Fault.CHANGED, 301),
        (_replace('"hash":"', '"hash": "'), Fault.CHANGED, 301),
        (_replace("{", "["), Fault.CHANGED, 301),
        (lambda lines: [*lines[:300], "", *lines[300:]], Fault.CHANGED, 301),
        (lambda lines: [*lines[:300], *lines[301:]], Fault.MISSING, 301),
        (lambda lines: [*lines[:300], lines[299], *lines[300:]], Fault.INSERTED, 300),
        (lambda lines: [*lines[:300], lines[-1]], Fault.CUT_OFF, 301),
        (lambda lines: lines[:300], Fault.CUT_OFF, 301),
        (lambda lines: [*lines, lines[299]], Fault.BEYOND, 0),
    ],
)
def test_an_archive_that_was_touched_says_where(
    sessions: sessionmaker[Session], archive: Path, change: Callable[[list[str]], list[str]], fault: Fault, at: int
) -> None:
    lines = archive.read_text(encoding="utf-8").splitlines()
    archive.write_text("\n".join(change(lines)) + "\n", encoding="utf-8", newline="\n")
    broken = verify_archive(sessions, archive).archive.broken
    assert broken is not None and (broken.fault, broken.event_id) == (fault, at or len(lines))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"hello\n", b"{}\n", b"[" * 9000, b'{"archive": "zhiku audit"']
)
def test_a_file_that_is_no_archive_is_told_apart(
    sessions: sessionmaker[Session], tmp_path: Path, content: bytes
) -> None:
    for name in ("a.jsonl", "a.jsonl.gz"):
        path = tmp_path / name
        path.write_bytes(content)
        try:
            assert not verify_archive(sessions, path).is_whole
        except ArchiveUnusable as told:
            assert "审计存档" in str(told)
    with pytest.raises(ArchiveUnusable, match="找不到"):
        verify_archive(sessions, tmp_path / "nowhere.jsonl")


def test_a_broken_chain_is_not_sealed(database: Engine, sessions: sessionmaker[Session], archive: Path) -> None:
    tamper(database, "UPDATE audit_events SET address = '' WHERE id = 300")
    path = archive.with_name("neu.jsonl")
    with pytest.raises(ExportRefused, match="第 300 条"):
        write_archive(sessions, lambda: NOW, SHANGHAI, path)
    assert not path.exists()


def test_an_archive_of_an_empty_chain_is_one(sessions: sessionmaker[Session], tmp_path: Path) -> None:
    path = tmp_path / "leer.jsonl"
    assert write_archive(sessions, lambda: NOW, SHANGHAI, path).last_id == 0
    assert verify_archive(sessions, path).is_whole
    with sessions() as session:
        assert session.scalars(select(AuditEvent.action)).all() == ["exported"]
