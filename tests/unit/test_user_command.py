"""`zhiku user`: the first administrator, and the ways out of a dead end."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests import factories
from zhiku.bootstrap import Zhiku
from zhiku.cli.main import cli
from zhiku.config import Settings
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.permissions import Role, Scope
from zhiku.services.reference_data import load_reference_data
from zhiku.services.sign_in import SignInRefused

PASSWORD = "houshanjuzijinnianhongle"

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    zhiku = open_in(tmp_path)
    zhiku.prepare_database()
    load_reference_data(zhiku.sessions)
    with zhiku.sessions.begin() as session:
        begin_writing(session)
        factories.a_department(session, "桃源县水利局")
        factories.a_department(session, "桃源县农业农村局")
    zhiku.close()
    return tmp_path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("ZHIKU_HOME", str(home))
    monkeypatch.setenv("ZHIKU_INDEX_DIR", str(home / "index"))

    def call(*arguments: str, typed: str = "") -> Result:
        return CliRunner().invoke(cli, ["user", *arguments], input=typed)

    return call


def open_in(home: Path) -> Zhiku:
    return Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(home), "ZHIKU_INDEX_DIR": str(home / "index")}))


def check(home: Path, name: str, password: str) -> bool:
    """Whether name and password let in."""
    zhiku = open_in(home)
    try:
        zhiku.staff_sign_in.check_password(name, password)
    except SignInRefused:
        return False
    finally:
        zhiku.close()
    return True


def test_the_first_administrator_types_a_password_that_nobody_sees(run: Run, home: Path) -> None:
    assert "zhiku user add" in run("list").output
    result = run("add", "WangLi", "--name", "王丽", typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0, result.output
    assert PASSWORD not in result.output and "wangli" in result.output and "动态口令" in result.output
    assert check(home, "wangli", PASSWORD) and not check(home, "wangli", "wrong")
    zhiku = open_in(home)
    account = zhiku.accounts.find("wangli")
    zhiku.close()
    assert (account.role, account.draft.division_prefix, account.must_change_password) == (
        Role.ADMINISTRATOR,
        "430725",
        False,
    )


def test_a_generated_password_is_shown_once_and_works(run: Run, home: Path) -> None:
    result = run("add", "zhaofang", "--name", "赵芳", "--role", "department", "--department", "水利", "--generate")
    code = re.search(r"^([0-9A-Z]{4}-){3}[0-9A-Z]{4}$", result.output, re.MULTILINE)
    assert code and check(home, "zhaofang", code.group())
    assert code.group() not in run("list").output and "桃源县水利局" in run("list").output
    again = run("password", "zhaofang", "--generate").output
    assert not check(home, "zhaofang", code.group())
    assert check(home, "zhaofang", again.splitlines()[-1])


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (("add", "wl", "--name", "王丽", "--generate"), "", "登录名要 3 到 40 个字符"),
        (("add", "13807361111", "--name", "王丽", "--generate"), "", "手机号"),
        (("add", "wangli", "--name", "王丽", "--division", "999999", "--generate"), "", "管辖范围"),
        (("add", "wangli", "--name", "王丽", "--role", "department", "--generate"), "", "所属部门"),
        (
            ("add", "wangli", "--name", "王丽", "--role", "department", "--department", "桃源县", "--generate"),
            "",
            "全名",
        ),
        (("add", "wangli", "--name", "王丽"), "1234567890\n1234567890\n", "太好猜"),
        (("add", "wangli", "--name", "王丽"), "short\nshort\n", "至少要 10 个"),
        (("disable", "nobody"), "", "zhiku user list"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_stores_nothing(
    run: Run, arguments: tuple[str, ...], typed: str, said: str
) -> None:
    result = run(*arguments, typed=typed)
    assert isinstance(result.exception, DomainError) and said in str(result.exception)
    assert "还没有账号" in run("list").output


def test_the_last_administrator_cannot_be_disabled(run: Run, home: Path) -> None:
    run("add", "wangli", "--name", "王丽", "--generate")
    assert "最后一个" in str(run("disable", "wangli").exception)
    run("add", "liqiang", "--name", "李强", "--generate")
    assert run("disable", "wangli").exit_code == 0 and "已停用" in run("list").output
    assert "最后一个" in str(run("disable", "liqiang").exception)
    assert run("enable", "wangli").exit_code == 0


@pytest.mark.network
def test_the_service_says_when_there_is_no_administrator(run: Run) -> None:
    def serve() -> str:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            return CliRunner().invoke(cli, ["serve", "--port", str(taken.getsockname()[1])]).output

    assert "zhiku user add" in serve()
    run("add", "wangli", "--name", "王丽", "--generate")
    assert "zhiku user add" not in serve()


def test_a_locked_account_is_unlocked_and_a_lost_phone_forgotten(run: Run, home: Path) -> None:
    code = run("add", "wangli", "--name", "王丽", "--generate").output.splitlines()[-2]
    for _ in range(5):
        assert not check(home, "wangli", "wrong")
    assert not check(home, "wangli", code) and "锁定中" in run("list").output
    assert run("unlock", "wangli").exit_code == 0 and check(home, "wangli", code)
    zhiku = open_in(home)
    zhiku.second_factors.set_up(zhiku.accounts.find("wangli").id)
    assert run("reset-totp", "wangli").exit_code == 0
    assert not zhiku.accounts.get(Scope(), zhiku.accounts.find("wangli").id).has_second_factor
    zhiku.close()
