"""Tokens of the API: keys of the county's other systems, each for a few permissions, a division and a time.

A token is `zk_` and 256 random bits, shown once. The database has its SHA-256 only, so that whoever reads a backup has
no token; a key of so many bits needs neither salt nor a slow hash.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import Account, ApiToken
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.divisions import Division
from zhiku.domain.permissions import FOR_TOKENS, Permission, Scope

PREFIX = "zk_"
_BITS = 256
#: `zk_` and what `secrets.token_urlsafe` makes of them.
_SHAPE = re.compile(r"zk_[A-Za-z0-9_-]{43}")
#: So much of it is kept and shown: of 256 bits 18 more are nobody's help.
_HINT = len(PREFIX) + 3

MAX_NAME = 60
#: Days that a token may hold.
MAX_DAYS = 365
DEFAULT_DAYS = 180
#: Tokens that hold at a time; a county has a handful of systems.
MAX_TOKENS = 200

EVERYTHING = Scope()

#: `used_at` is moved on at most so often.
USED_EVERY = timedelta(minutes=1)


class TokenNotAcceptable(DomainError):
    """A token that cannot be made as it was asked for; `problems` names the fields."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("".join(problems.values()))
        self.problems = problems


class TokenNotFound(DomainError):
    """No token with this number."""

    def __init__(self, token_id: int) -> None:
        super().__init__(f"没有编号为 {token_id} 的令牌。请核对令牌列表。")


class TokenRefused(DomainError):
    """A token that opens nothing: unknown, revoked or expired. The message says which, and what to do."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """The program behind a token, as of this request."""

    token_id: int
    name: str
    permissions: frozenset[Permission]
    scope: Scope

    def may(self, permission: Permission) -> bool:
        """Whether the token opens this."""
        return permission in self.permissions


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as lists show it: never the token itself."""

    id: int
    name: str
    hint: str
    permissions: tuple[Permission, ...]
    division_prefix: str
    #: "桃源县"; "" for a token of everything.
    division_name: str
    created_by: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    used_at: datetime | None
    is_expired: bool

    @property
    def holds(self) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and not self.is_expired


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A fresh token. `secret` is nowhere else, and is not to be kept."""

    secret: str
    row: TokenRow


class ApiTokens:
    """Makes, reads and revokes tokens. Making and revoking are events of the audit, by the listener of the sessions."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def issue(
        self,
        name: str,
        permissions: Collection[Permission],
        division_prefix: str,
        days: int = DEFAULT_DAYS,
        by: int | None = None,
        scope: Scope = EVERYTHING,
    ) -> IssuedToken:
        """Make a token for a system; `by` is the account that asks for it, None for a command, and `scope` what that
        account sees: no token sees more.

        Raises `TokenNotAcceptable`.
        """
        name, now = " ".join(name.split()), self._clock()
        with self._sessions.begin() as session:
            begin_writing(session)
            problems = _problems(session, name, permissions, division_prefix, days, now, scope)
            if problems:
                raise TokenNotAcceptable(problems)
            secret = PREFIX + secrets.token_urlsafe(_BITS // 8)
            row = ApiToken(
                name=name,
                hint=secret[:_HINT],
                token_hash=_hash(secret),
                permissions=" ".join(sorted(permission.value for permission in permissions)),
                division_prefix=division_prefix,
                created_by_id=by,
                created_at=now,
                expires_at=now + timedelta(days=days),
            )
            session.add(row)
            session.flush()
            return IssuedToken(secret, _row(session, row, now))

    def find(self, secret: str) -> TokenHolder:
        """The program behind a token. Raises `TokenRefused`."""
        if not _SHAPE.fullmatch(secret):
            raise TokenRefused("令牌的写法不对：应是 zk_ 开头的 46 个字符，写在请求头 Authorization: Bearer 后面。")
        now = self._clock()
        with self._sessions() as session:
            row = session.scalar(select(ApiToken).where(ApiToken.token_hash == _hash(secret)))
        if row is None:
            raise TokenRefused("没有这个令牌，可能抄错了。请向发令牌的管理员核对。")
        if row.revoked_at is not None:
            raise TokenRefused("这个令牌已经被收回。还要用的话，请向管理员另要一个。")
        if now >= row.expires_at:
            raise TokenRefused("这个令牌已经到期。还要用的话，请向管理员另要一个。")
        if row.used_at is None or now - row.used_at >= USED_EVERY:
            self._note_use(row.id, now)
        # What tokens may no longer carry is left out, whatever an old row says.
        permissions = frozenset(one for one in FOR_TOKENS if row.may(one, now))
        return TokenHolder(row.id, row.name, permissions, Scope(row.division_prefix))

    def listed(self, scope: Scope = EVERYTHING) -> list[TokenRow]:
        """The tokens of a scope: those that hold first, then by when they were made, the newest first."""
        now = self._clock()
        query = select(ApiToken).where(_within(scope)).order_by(ApiToken.id.desc())
        with self._sessions() as session:
            rows = [_row(session, row, now) for row in session.scalars(query)]
        return sorted(rows, key=lambda row: not row.holds)

    def get(self, token_id: int, scope: Scope = EVERYTHING) -> TokenRow:
        """One token of a scope. Raises `TokenNotFound`."""
        with self._sessions() as session:
            return _row(session, _required(session, token_id, scope), self._clock())

    def revoke(self, token_id: int, scope: Scope = EVERYTHING) -> TokenRow:
        """End a token of a scope at once; one that was revoked stays so. Raises `TokenNotFound`."""
        now = self._clock()
        with self._sessions.begin() as session:
            begin_writing(session)
            row = _required(session, token_id, scope)
            if row.revoked_at is None:
                row.revoked_at = now
            session.flush()
            return _row(session, row, now)

    def divisions(self, within: str = "") -> list[tuple[str, str]]:
        """(code, name) of the divisions that a token may be for, within a prefix."""
        with self._sessions() as session:
            rows = session.execute(
                select(Division.code, Division.name)
                .where(Division.code.startswith(within, autoescape=True))
                .order_by(Division.code)
            )
            return [(code, name) for code, name in rows]

    def _note_use(self, token_id: int, now: datetime) -> None:
        # A call waits for nobody: while an import holds the lock, the next one notes it.
        try:
            with self._sessions.begin() as session:
                begin_writing(session, 0)
                row = session.get(ApiToken, token_id)
                if row is not None:
                    row.used_at = now
        except OperationalError:
            return


def _within(scope: Scope) -> ColumnElement[bool]:
    return ApiToken.division_prefix.startswith(scope.division, autoescape=True)


def _required(session: Session, token_id: int, scope: Scope) -> ApiToken:
    found = None
    if 0 < token_id < 2**31:
        found = session.scalar(select(ApiToken).where(ApiToken.id == token_id, _within(scope)))
    if found is None:
        raise TokenNotFound(token_id)
    return found


def _problems(
    session: Session,
    name: str,
    permissions: Collection[Permission],
    prefix: str,
    days: int,
    now: datetime,
    scope: Scope,
) -> dict[str, str]:
    problems: dict[str, str] = {}
    if not name or not name.isprintable():
        problems["name"] = "请写明令牌给哪个系统用，例如：县协同办公系统。"
    elif len(name) > MAX_NAME:
        problems["name"] = f"名称最多 {MAX_NAME} 个字，请写短一些。"
    held = session.scalars(select(ApiToken).where(ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)).all()
    if "name" not in problems and any(row.name == name for row in held):
        # The audit and the limits know a program by its name.
        problems["name"] = f"已经有一个叫“{name}”的令牌在用。请换个名称，或者先收回那一个。"
    elif len(held) >= MAX_TOKENS:
        problems["name"] = f"在用的令牌已有 {MAX_TOKENS} 个。请先收回不用的。"
    if not permissions:
        problems["permissions"] = "请至少选一项权限。"
    elif not FOR_TOKENS.issuperset(permissions):
        problems["permissions"] = (
            "令牌不能带这样的权限。可以带的：" + "、".join(one.label for one in for_tokens()) + "。"
        )
    if prefix and not (prefix.isascii() and prefix.isdecimal() and _is_known(session, prefix)):
        problems["division"] = f"区划“{prefix}”不认识。请填 GB/T 2260 代码，例如 430725。"
    elif not scope.holds_division(prefix):
        problems["division"] = "令牌能看的范围不能比您自己的大。请选您的区划或它下面的。"
    if not 1 <= days <= MAX_DAYS:
        problems["days"] = f"有效期请填 1 到 {MAX_DAYS} 天。"
    return problems


def _is_known(session: Session, prefix: str) -> bool:
    known = select(Division.code).where(Division.code.startswith(prefix, autoescape=True)).limit(1)
    return session.scalar(known) is not None


def for_tokens() -> tuple[Permission, ...]:
    """The permissions that a token may carry, in the order of the table."""
    return tuple(one for one in Permission if one in FOR_TOKENS)


def _row(session: Session, row: ApiToken, now: datetime) -> TokenRow:
    division = session.get(Division, row.division_prefix) if row.division_prefix else None
    account = session.get(Account, row.created_by_id) if row.created_by_id else None
    held = row.permissions.split()
    return TokenRow(
        id=row.id,
        name=row.name,
        hint=row.hint,
        permissions=tuple(one for one in for_tokens() if one.value in held),
        division_prefix=row.division_prefix,
        division_name=division.name if division else "",
        created_by=account.name if account else "命令行",
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
        is_expired=now >= row.expires_at,
    )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
