"""The keys of the sensitive data: changed beside the running service, and never a database that opens without them."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text
from sqlalchemy.exc import StatementError

from tests import factories
from tests.factories import NOW
from zhiku.bootstrap import Zhiku
from zhiku.cli.keys import keys_group
from zhiku.config import Settings
from zhiku.domain.accounts import Account
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import Base
from zhiku.domain.contacts import ContactDetail
from zhiku.domain.encryption import Encrypted, Keyring, KeysUnusable
from zhiku.domain.schema import metadata
from zhiku.domain.sensitive import HardshipNote, HealthNote, IdentityNumber
from zhiku.services import contacts, key_rotation
from zhiku.services.key_rotation import KeyInUse

PHONE = "13812341234"


def settings_in(home: Path, **values: Any) -> Settings:
    address = f"sqlite:///{(home / 'zhiku.db').as_posix()}"
    return Settings(home=home, database_url=address, index_dir=home / "index", encoder="none", **values)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Zhiku]:
    opened = Zhiku.open(settings_in(tmp_path))
    opened.prepare_database()
    yield opened
    opened.close()


@pytest.fixture
def values(app: Zhiku) -> int:
    """How many values of different tables there are."""
    with app.sessions.begin() as session:
        factories.reference(session)
        for number in range(15):
            expert = factories.an_expert(session)
            contacts.add(session, contacts.EXPERT, expert.id, f"{PHONE[:-2]}{number:02d}", NOW)
            session.add(HealthNote(expert_id=expert.id, value=f"病{number}", recorded_at=NOW))
        factories.an_account(session).totp_secret = "JBSWY3DPEHPK3PXP"
    return 31


def everything(app: Zhiku) -> set[str]:
    with app.sessions() as session:
        return {
            *(row.value for row in session.query(ContactDetail)),
            *(row.value for row in session.query(HealthNote)),
            *(row.totp_secret for row in session.query(Account) if row.totp_secret),
        }


def command(app: Zhiku, *words: str) -> Result:
    return CliRunner().invoke(keys_group, list(words), obj=app)


# -- where a value belongs ---------------------------------------------------------------------------------------

#: Encrypted columns, and the SQL condition of two rows of different people.
COLUMNS = {
    "contact_details.value": ("subject_id = 1", "subject_id = 2"),
    "identity_numbers.value": ("expert_id = 1", "expert_id = 2"),
    "health_notes.value": ("expert_id = 1", "expert_id = 2"),
    "hardship_notes.value": ("expert_id = 1", "expert_id = 2"),
    "accounts.totp_secret": ("id = 1", "id = 2"),
    "accounts.totp_pending": ("id = 1", "id = 2"),
}


@pytest.fixture
def two_people(app: Zhiku) -> None:
    """Two people and two accounts, each with a value in every encrypted column."""
    with app.sessions.begin() as session:
        factories.reference(session)
        for number in (1, 2):
            expert = factories.an_expert(session)
            contacts.add(session, contacts.EXPERT, expert.id, f"1390000000{number}", NOW)
            session.add(IdentityNumber(value=f"4307251950010100{number}X", expert_id=expert.id, recorded_at=NOW))
            session.add(HealthNote(value=f"病{number}", expert_id=expert.id, recorded_at=NOW))
            session.add(HardshipNote(value=f"难{number}", expert_id=expert.id, recorded_at=NOW))
            account = factories.an_account(session)
            account.totp_secret, account.totp_pending = f"SECRET{number}", f"PENDING{number}"


def test_the_columns_of_the_next_test_are_all_that_are_encrypted() -> None:
    found = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Encrypted)
    }
    assert found == set(COLUMNS)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_ciphertext_copied_to_another_persons_row_is_refused_and_found(
    app: Zhiku, two_people: None, column: str
) -> None:
    table, _, name = column.partition(".")
    theirs, others = COLUMNS[column]
    assert app.key_rotation.verify().damaged == ()
    with app.database.begin() as connection:
        stored = f"(SELECT {name} FROM {table} WHERE {theirs})"
        connection.execute(text(f"UPDATE {table} SET {name} = {stored} WHERE {others}"))
    (model,) = (mapper.class_ for mapper in Base.registry.mappers if mapper.local_table.name == table)
    with app.sessions() as session:
        row = session.scalars(select(model).where(text(others))).one()
        with pytest.raises(KeysUnusable, match="从别的记录挪来"):
            getattr(row, name)
    (damaged,) = app.key_rotation.verify().damaged
    assert damaged.startswith(f"{table}/2")


def test_another_kind_of_subject_with_the_same_id_is_another_owner(app: Zhiku, two_people: None) -> None:
    with app.database.begin() as connection:
        connection.execute(text("UPDATE contact_details SET subject = 'suggestion' WHERE subject_id = 1"))
    with app.sessions() as session, pytest.raises(KeysUnusable, match="从别的记录挪来"):
        contacts.of(session, contacts.SUGGESTION, 1)


def test_the_known_text_of_one_key_does_not_stand_for_another(app: Zhiku) -> None:
    app.key_rotation.rotate()
    with app.database.begin() as connection:
        known = "(SELECT \"check\" FROM data_keys WHERE id = 'k2')"
        connection.execute(text(f"UPDATE data_keys SET \"check\" = {known} WHERE id = 'k1'"))
    with pytest.raises(KeysUnusable):
        Zhiku.open(app.settings).require_database()


def test_a_row_whose_id_is_not_known_yet_is_not_encrypted_for_nobody(app: Zhiku) -> None:
    with app.sessions() as session, pytest.raises(StatementError, match="flush it first"):
        factories.an_account(session, totp_secret="JBSWY3DPEHPK3PXP")


def test_a_value_of_the_form_before_the_first_release_is_named_as_such(app: Zhiku, two_people: None) -> None:
    with app.database.begin() as connection:
        connection.execute(text("UPDATE health_notes SET value = 'v1' || substr(value, 3) WHERE expert_id = 1"))
    with app.sessions() as session, pytest.raises(KeysUnusable, match="存储格式不认识"):
        _ = session.get_one(HealthNote, 1).value


# -- rotation ----------------------------------------------------------------------------------------------------


def test_every_encrypted_value_is_written_with_the_new_key(app: Zhiku, values: int) -> None:
    before = everything(app)
    assert len(before) == values
    report = app.key_rotation.rotate()
    assert (report.key_id, report.rewritten, report.was_resumed, report.damaged) == ("k2", values, False, ())
    assert everything(app) == before
    assert [(key.id, key.values, key.is_current) for key in app.key_rotation.show()] == [
        ("k1", 0, False), ("k2", values, True),
    ]  # fmt: skip
    with app.sessions() as session:
        assert set(session.scalars(text("SELECT substr(value, 1, 6) FROM contact_details"))) == {"v2:k2:"}
        event = session.query(AuditEvent).filter_by(action=Action.ROTATED_KEYS.value).one()
    assert event.subject_id == "k2"


def test_a_rotation_that_was_killed_goes_on_the_next_time(
    app: Zhiku, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 7)
    real, batches = Keyring.encrypt, []

    def die(self: Keyring, value: str, column: str) -> str:
        batches.append(value)
        if len(batches) > 18:
            raise SystemExit("killed")
        return real(self, value, column)

    before = everything(app)
    with monkeypatch.context() as dying:
        dying.setattr(Keyring, "encrypt", die)
        with pytest.raises(SystemExit):
            app.key_rotation.rotate()
    half = {key.id: key.values for key in app.key_rotation.show()}
    assert 0 < half["k2"] < values and sum(half.values()) == values
    assert everything(app) == before
    with pytest.raises(KeyInUse, match="还有"):
        app.key_rotation.retire("k1")
    report = app.key_rotation.rotate()
    assert (report.key_id, report.was_resumed, report.rewritten) == ("k2", True, half["k1"])
    assert everything(app) == before and app.key_rotation.verify().values == values


def test_a_kill_between_file_and_database_is_mended_by_the_next_rotation(
    app: Zhiku, values: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise SystemExit("killed")

    with monkeypatch.context() as dying:
        dying.setattr("zhiku.persistence.installed_keys.register_key", die)
        with pytest.raises(SystemExit):
            app.key_rotation.rotate()
    again = Zhiku.open(app.settings)
    with pytest.raises(KeysUnusable, match="zhiku keys rotate"):
        again.require_database()
    result = command(again, "rotate")
    assert result.exit_code == 0 and "接着做完" in result.output and "k2" in result.output
    again.require_database()
    assert {key.id: key.values for key in again.key_rotation.show()} == {"k1": 0, "k2": values}
    again.close()


def test_a_service_that_runs_beside_reads_and_writes_with_the_new_key(app: Zhiku, values: int) -> None:
    before = everything(app)
    other = Zhiku.open(app.settings)
    other.key_rotation.rotate()
    other.key_rotation.retire("k1")
    other.close()
    assert everything(app) == before
    with app.sessions.begin() as session:
        contacts.add(session, contacts.EXPERT, 1, "13900001111", NOW)
    with app.sessions() as session:
        newest = session.scalar(text("SELECT value FROM contact_details ORDER BY id DESC"))
    assert newest.startswith("v2:k2:")


def test_a_file_with_other_keys_does_not_take_the_place_of_those_in_use(
    app: Zhiku, values: int, caplog: pytest.LogCaptureFixture
) -> None:
    before = everything(app)
    for content in ("k1 " + base64.b64encode(bytes(32)).decode(), "nonsense"):
        app.settings.data_keys_file.write_text(content)
        assert everything(app) == before
        with pytest.raises(KeysUnusable):
            app.key_rotation.rotate()
    assert "going on with those there were" in caplog.text


def test_only_a_key_that_nothing_needs_can_be_retired(app: Zhiku, values: int) -> None:
    for wrong in ("k1", "k9"):
        with pytest.raises(KeyInUse):
            app.key_rotation.retire(wrong)
    app.key_rotation.rotate()
    assert app.key_rotation.retire("k1") == ""
    lines = app.settings.data_keys_file.read_text().split("\n")
    assert [line.split()[0] for line in lines if line] == ["k2"]
    app.require_database()
    fresh = Zhiku.open(app.settings)
    fresh.require_database()
    assert len(everything(fresh)) == values
    fresh.close()


def test_damaged_values_are_named_and_stay_and_their_key_cannot_be_retired(app: Zhiku, values: int) -> None:
    with app.database.begin() as connection:
        connection.execute(text("UPDATE contact_details SET value = 'v2:k1:AAAA' WHERE id = 3"))
    result = command(app, "verify")
    assert result.exit_code == 3 and "contact_details/3" in result.output
    result = command(app, "rotate")
    assert result.exit_code == 3 and "contact_details/3" in result.output
    assert app.key_rotation.verify().values == values
    with pytest.raises(KeyInUse):
        app.key_rotation.retire("k1")


def test_the_commands_tell_what_they_did_and_never_show_a_key(app: Zhiku, values: int) -> None:
    said = "".join(
        command(app, *words).output for words in (["show"], ["rotate"], ["verify"], ["retire", "k1"], ["show"])
    )
    assert f"重新加密了 {values} 条资料" in said and f"全部 {values} 条敏感资料都能打开" in said and "已经停用" in said
    assert str(app.settings.data_keys_file) in said
    for line in app.settings.data_keys_file.read_text().splitlines():
        assert line.split()[1] not in said


def test_a_key_in_the_variable_is_changed_by_hand_and_the_values_by_the_command(app: Zhiku, values: int) -> None:
    old = app.settings.data_keys_file.read_text().strip()
    app.settings.data_keys_file.unlink()
    by_variable = Zhiku.open(settings_in(app.settings.home, data_keys=old))
    by_variable.require_database()
    with pytest.raises(KeysUnusable, match="ZHIKU_DATA_KEYS"):
        by_variable.key_rotation.rotate()
    by_variable.close()
    both = Zhiku.open(settings_in(app.settings.home, data_keys=f"{old},k2 {base64.b64encode(os.urandom(32)).decode()}"))
    with pytest.raises(KeysUnusable, match="zhiku keys rotate"):
        both.require_database()
    assert both.key_rotation.rotate().rewritten == values
    assert "ZHIKU_DATA_KEYS" in both.key_rotation.retire("k1")
    both.require_database()
    both.close()


def test_the_key_file_is_for_its_owners_eyes_only(app: Zhiku) -> None:
    for step in (lambda: None, app.key_rotation.rotate, lambda: app.key_rotation.retire("k1")):
        step()
        assert app.settings.data_keys_file.is_file()
        if sys.platform != "win32":
            assert stat.S_IMODE(app.settings.data_keys_file.stat().st_mode) == 0o600


def test_a_key_file_that_was_put_back_with_wider_rights_is_closed_again(
    app: Zhiku, caplog: pytest.LogCaptureFixture
) -> None:
    app.settings.data_keys_file.chmod(0o644)
    Zhiku.open(app.settings).close()
    if sys.platform != "win32":
        assert stat.S_IMODE(app.settings.data_keys_file.stat().st_mode) == 0o600
        assert "0600" in caplog.text


# -- a wrong, damaged or missing key -----------------------------------------------------------------------------


def zhiku(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {**os.environ, "ZHIKU_HOME": str(home), "ZHIKU_ENCODER": "none", "PYTHONUTF8": "1", **environment}
    call = [sys.executable, "-m", "zhiku.cli.main", *words]
    return subprocess.run(call, env=known, capture_output=True, encoding="utf-8", timeout=60, check=False)


COMMANDS = (["serve", "--port", "0"], ["search", "水库"], ["index", "status"], ["keys", "rotate"], ["db", "init"],
            ["export", "experts", "a.xlsx"], ["lexicon", "list"], ["demo", "load"])  # fmt: skip


TROUBLES = {"missing": "找不到", "wrong": "不是这个数据库的密钥", "damaged": "内容不对"}


@pytest.mark.parametrize(
    ("words", "trouble"),
    [
        *((words, "missing") for words in COMMANDS),
        *((COMMANDS[place], trouble) for place in (0, 4) for trouble in ("wrong", "damaged")),
    ],
    ids=str,
)
def test_nothing_starts_with_a_key_that_does_not_fit(
    app: Zhiku, values: int, words: list[str], trouble: str, tmp_path: Path
) -> None:
    path = app.settings.data_keys_file
    if trouble == "missing":
        path.unlink()
    else:
        path.write_text("k1 " + base64.b64encode(bytes(32)).decode() if trouble == "wrong" else "k1 c2hvcnQ=\n")
    content = path.read_bytes() if path.exists() else None
    result = zhiku(tmp_path, *words)
    assert result.returncode == 1 and result.stdout == ""
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("错误：")]
    assert TROUBLES[trouble] in line and "密钥文件" in line and "Traceback" not in result.stderr
    assert (path.read_bytes() if path.exists() else None) == content, "no new key was made"


def test_contacts_of_an_older_database_are_encrypted_and_nothing_of_them_is_left_in_its_file(tmp_path: Path) -> None:
    from zhiku import migrations

    opened = Zhiku.open(settings_in(tmp_path))
    migrations.upgrade(opened.database, "0002")
    with opened.database.begin() as connection:
        for number in range(300):
            connection.execute(
                text(
                    "INSERT INTO contact_details (subject, subject_id, value, created_at) VALUES ('expert', 1, :v, :a)"
                ),
                {"v": f"139{number:04d}PLAIN", "a": "2026-05-04 00:00:00"},
            )
        connection.execute(text("DELETE FROM contact_details WHERE id % 3 = 0"))
    opened.prepare_database()
    with opened.sessions() as session:
        assert len(contacts.of(session, contacts.EXPERT, 1)) == 200
    found = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"PLAIN" in path.read_bytes()]
    opened.close()
    assert found == []
