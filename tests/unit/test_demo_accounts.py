"""The accounts of the demo: one of each role, with a password of this machine."""

from __future__ import annotations

import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from tests import factories
from zhiku.bootstrap import Zhiku
from zhiku.cli.demo import PASSWORD_FILE, STAFF, accounts, demo_password, make_accounts
from zhiku.config import Settings
from zhiku.domain.accounts import Account
from zhiku.domain.permissions import Role


@pytest.fixture
def zhiku(tmp_path: Path) -> Iterator[Zhiku]:
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path), "ZHIKU_ENCODER": "none"}))
    opened.prepare_database()
    with opened.sessions.begin() as session:
        factories.reference(session)
        factories.a_department(session, "县农业农村局")
        factories.an_expert(session, "李先槐")
    yield opened
    opened.close()


def test_there_is_one_of_each_role_and_each_comes_in(zhiku: Zhiku) -> None:
    make_accounts(zhiku)
    assert {one.role for one in STAFF} == {role for role in Role if role.is_staff}
    password = demo_password(zhiku.settings.home)
    for one in STAFF:
        passed = zhiku.staff_sign_in.check_password(one.sign_in_name, password)
        assert passed.needs_set_up == (one.role is Role.ADMINISTRATOR), "only administrators need a second factor"


def test_they_are_made_once(zhiku: Zhiku) -> None:
    make_accounts(zhiku)
    make_accounts(zhiku)
    with zhiku.sessions() as session:
        assert len(session.scalars(select(Account.id)).all()) == len(STAFF)


def test_the_password_is_made_on_this_machine_for_its_owners_eyes(zhiku: Zhiku, tmp_path: Path) -> None:
    password = demo_password(zhiku.settings.home)
    assert re.fullmatch(r"([0-9A-Z]{4}-){3}[0-9A-Z]{4}", password) and demo_password(zhiku.settings.home) == password
    assert demo_password(tmp_path / "another") != password
    if sys.platform != "win32":
        assert stat.S_IMODE((zhiku.settings.home / PASSWORD_FILE).stat().st_mode) == 0o600


def test_the_command_says_how_to_come_in(zhiku: Zhiku) -> None:
    said = [CliRunner().invoke(accounts, obj=zhiku) for _ in range(2)]
    assert all(one.exit_code == 0 for one in said), said[0].output
    for one in STAFF:
        assert one.sign_in_name in said[0].output and one.role.label in said[0].output
    assert demo_password(zhiku.settings.home) in said[1].output and "身份验证器" in said[0].output
    codes = [re.findall(r"李先槐：(\S{4} \S{4})", one.output)[0] for one in said]
    assert codes[0] != codes[1], "each time a fresh one, for it opens once"


def test_the_retiree_comes_in_by_the_code(zhiku: Zhiku) -> None:
    output = CliRunner().invoke(accounts, obj=zhiku).output
    (code,) = re.findall(r"李先槐：(\S{4} \S{4})", output)
    entry = zhiku.entry_codes.enter(code.replace(" ", ""), "Safari · iPhone")
    with zhiku.sessions() as session:
        assert session.get_one(Account, entry.account_id).role is Role.RETIREE
