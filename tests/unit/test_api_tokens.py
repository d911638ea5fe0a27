"""Tokens of the API: shown once, kept as a hash, for few permissions, a division and a time; every refusal says why."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from tests.conftest import NOW
from zhiku.domain.accounts import ApiToken
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import FOR_TOKENS, Permission, Role, Scope
from zhiku.services.api_tokens import (
    MAX_DAYS,
    ApiTokens,
    TokenNotAcceptable,
    TokenNotFound,
    TokenRefused,
)

SEARCH = [Permission.SEARCH_EXPERTS]


class Clock:
    """A clock that tests move."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(sessions: sessionmaker[Session], clock: Clock) -> ApiTokens:
    with sessions.begin() as session:
        factories.reference(session)
    return ApiTokens(sessions, clock)


def test_a_token_opens_what_it_was_made_for(tokens: ApiTokens) -> None:
    issued = tokens.issue("县协同办公系统", SEARCH, "430725", 30)
    holder = tokens.find(issued.secret)
    assert holder.name == "县协同办公系统" and holder.scope == Scope("430725")
    assert holder.may(Permission.SEARCH_EXPERTS) and not holder.may(Permission.SEARCH_SUGGESTIONS)
    assert not holder.may(Permission.MANAGE_TOKENS)
    assert issued.row.expires_at == NOW + timedelta(days=30)


def test_a_token_has_256_bits_and_no_two_are_alike(tokens: ApiTokens) -> None:
    secrets = {tokens.issue(f"系统{number}", SEARCH, "").secret for number in range(20)}
    assert len(secrets) == 20 and all(len(secret) == 46 and secret.startswith("zk_") for secret in secrets)


def test_the_token_itself_is_nowhere_in_the_database(tokens: ApiTokens, tmp_path: Path) -> None:
    secret = tokens.issue("县协同办公系统", SEARCH, "").secret
    tokens.find(secret)
    for path in tmp_path.glob("zhiku.db*"):
        assert secret[6:].encode() not in path.read_bytes()
    assert sqlite3.connect(tmp_path / "zhiku.db").execute("SELECT hint FROM api_tokens").fetchone() == (secret[:6],)


@pytest.mark.parametrize(
    "shown", ["", "zk_", "x" * 46, "zk_" + "a" * 42, "zk_" + "a" * 44, "zk_" + "é" * 43, "zk_\x00" + "a" * 42]
)
def test_what_is_not_written_like_a_token_is_told_so(tokens: ApiTokens, shown: str) -> None:
    with pytest.raises(TokenRefused, match="写法不对"):
        tokens.find(shown)


def test_an_unknown_a_revoked_and_an_expired_token_are_refused_each_with_its_reason(
    tokens: ApiTokens, clock: Clock
) -> None:
    with pytest.raises(TokenRefused, match="没有这个令牌"):
        tokens.find("zk_" + "a" * 43)
    one, other = tokens.issue("甲", SEARCH, "", 10), tokens.issue("乙", SEARCH, "", 10)
    tokens.revoke(one.row.id)
    with pytest.raises(TokenRefused, match="收回"):
        tokens.find(one.secret)
    clock.now = NOW + timedelta(days=10) - timedelta(seconds=1)
    assert tokens.find(other.secret).name == "乙"
    clock.now = NOW + timedelta(days=10)
    with pytest.raises(TokenRefused, match="到期"):
        tokens.find(other.secret)


def test_a_permission_that_tokens_may_no_longer_carry_opens_nothing(
    tokens: ApiTokens, sessions: sessionmaker[Session]
) -> None:
    issued = tokens.issue("甲", SEARCH, "")
    with sessions.begin() as session:
        session.execute(text("UPDATE api_tokens SET permissions = 'search_experts manage_accounts'"))
    assert tokens.find(issued.secret).permissions == {Permission.SEARCH_EXPERTS}


@pytest.mark.parametrize(
    ("name", "permissions", "division", "days", "field", "said"),
    [
        ("", SEARCH, "", 30, "name", "哪个系统"),
        ("  \t ", SEARCH, "", 30, "name", "哪个系统"),
        ("字" * 61, SEARCH, "", 30, "name", "最多 60"),
        ("甲", [], "", 30, "permissions", "至少选一项"),
        ("甲", [Permission.REVEAL_CONTACT], "", 30, "permissions", "不能带"),
        ("甲", SEARCH, "99", 30, "division", "不认识"),
        ("甲", SEARCH, "43%", 30, "division", "不认识"),
        ("甲", SEARCH, "", 0, "days", f"1 到 {MAX_DAYS}"),
        ("甲", SEARCH, "", MAX_DAYS + 1, "days", f"1 到 {MAX_DAYS}"),
    ],
)
def test_a_token_that_cannot_be_is_refused_with_a_sentence_for_its_field(
    tokens: ApiTokens, name: str, permissions: list[Permission], division: str, days: int, field: str, said: str
) -> None:
    with pytest.raises(TokenNotAcceptable) as refused:
        tokens.issue(name, permissions, division, days)
    assert list(refused.value.problems) == [field] and said in refused.value.problems[field]


def test_a_name_stands_for_one_token_at_a_time(tokens: ApiTokens) -> None:
    first = tokens.issue("甲", SEARCH, "")
    with pytest.raises(TokenNotAcceptable, match="已经有一个"):
        tokens.issue(" 甲 ", SEARCH, "")
    tokens.revoke(first.row.id)
    assert tokens.issue("甲", SEARCH, "").row.id != first.row.id


def test_no_token_sees_more_than_who_makes_it(tokens: ApiTokens) -> None:
    county = Scope("430725")
    for division in ("", "43", "430724"):
        with pytest.raises(TokenNotAcceptable, match="不能比您自己的大"):
            (
                tokens.issue("甲", SEARCH, division, scope=county)
                if division != "430724"
                else tokens.issue("甲", SEARCH, "43", scope=county)
            )
    assert tokens.issue("甲", SEARCH, "430725105", scope=county).row.division_prefix == "430725105"


def test_tokens_of_another_division_cannot_be_seen_or_revoked(tokens: ApiTokens) -> None:
    other = tokens.issue("全省的", SEARCH, "").row
    assert tokens.listed(Scope("430725")) == []
    for lookup in (tokens.get, tokens.revoke):
        with pytest.raises(TokenNotFound):
            lookup(other.id, Scope("430725"))
    assert tokens.get(other.id).holds


@pytest.mark.parametrize("number", [0, -1, 99, 2**31, 2**63])
def test_a_number_that_is_no_token_is_told_so(tokens: ApiTokens, number: int) -> None:
    with pytest.raises(TokenNotFound, match=str(number)):
        tokens.revoke(number)


def test_the_last_use_is_noted_at_most_once_a_minute(tokens: ApiTokens, clock: Clock) -> None:
    issued = tokens.issue("甲", SEARCH, "")
    assert tokens.listed()[0].used_at is None
    for seconds, noted in ((0, 0), (59, 0), (60, 60), (119, 60), (121, 121)):
        clock.now = NOW + timedelta(seconds=seconds)
        tokens.find(issued.secret)
        assert tokens.listed()[0].used_at == NOW + timedelta(seconds=noted)


def test_a_busy_database_keeps_no_call_waiting(tokens: ApiTokens, sessions: sessionmaker[Session]) -> None:
    issued = tokens.issue("甲", SEARCH, "")
    with sessions() as session:
        begin_writing(session)
        assert tokens.find(issued.secret).name == "甲"
    assert tokens.listed()[0].used_at is None


def test_making_and_revoking_are_in_the_audit_and_use_is_not_a_change(
    tokens: ApiTokens, sessions: sessionmaker[Session]
) -> None:
    with sessions.begin() as session:
        by = factories.an_account(session, Role.ADMINISTRATOR).id
    issued = tokens.issue("甲", sorted(FOR_TOKENS, key=lambda one: one.value), "", by=by)
    tokens.find(issued.secret)
    tokens.revoke(issued.row.id)
    with sessions() as session:
        events = session.scalars(select(AuditEvent).where(AuditEvent.subject_kind == "api_token")).all()
        assert [event.action for event in events] == [Action.CREATED.value, Action.CHANGED.value]
        assert list(events[1].changes) == ["revoked_at"]
        assert session.scalars(select(ApiToken)).one().token_hash not in "".join(str(one.changes) for one in events)
    assert tokens.listed()[0].created_by.startswith("系统管理员")
