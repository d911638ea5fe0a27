"""`zhiku token`: what it prints, what it makes, how it refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from zhiku.bootstrap import Zhiku
from zhiku.cli.token import token_group
from zhiku.config import Settings
from zhiku.domain.base import DomainError
from zhiku.domain.permissions import Permission
from zhiku.services.api_tokens import TokenRefused
from zhiku.services.reference_data import load_reference_data

Run = Callable[..., Result]


@pytest.fixture
def zhiku(tmp_path: Path) -> Iterator[Zhiku]:
    opened = Zhiku.open(Settings.from_env({"ZHIKU_HOME": str(tmp_path / "home")}))
    opened.prepare_database()
    load_reference_data(opened.sessions)
    yield opened
    opened.close()


@pytest.fixture
def run(zhiku: Zhiku) -> Run:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(token_group, list(arguments), obj=zhiku)

    return call


def test_a_token_is_made_shown_once_listed_and_revoked(zhiku: Zhiku, run: Run) -> None:
    made = run("add", "县协同办公系统", "--may", "search_experts", "--days", "30")
    secret = made.output.splitlines()[-1]
    assert made.exit_code == 0 and zhiku.api_tokens.find(secret).permissions == {Permission.SEARCH_EXPERTS}
    listed = run("list").output
    assert secret not in listed and secret[:6] in listed and "县协同办公系统" in listed and "在用" in listed
    assert "430725" in listed
    assert "立即失效" in run("revoke", "1").output and "已收回" in run("list").output
    with pytest.raises(TokenRefused, match="收回"):
        zhiku.api_tokens.find(secret)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "甲", "--may", "search_experts", "--division", "99"), "不认识"),
        (("add", "甲", "--may", "search_experts", "--days", "400"), "1 到 365"),
        (("add", " ", "--may", "search_experts"), "哪个系统"),
        (("revoke", "9"), "没有编号为 9 的令牌"),
    ],
)
def test_what_cannot_be_is_one_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert refused.exit_code != 0 and isinstance(refused.exception, DomainError) and said in str(refused.exception)


def test_a_permission_that_no_token_has_is_a_wrong_call(run: Run) -> None:
    assert run("add", "甲", "--may", "manage_accounts").exit_code == 2
    assert run("add", "甲").exit_code == 2
