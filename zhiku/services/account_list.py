"""The accounts as an administrator sees them: those of their own scope, and what an account may be given."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session, joinedload, sessionmaker

from zhiku.analysis.normalize import clean
from zhiku.domain.accounts import Account, SignIn
from zhiku.domain.base import DomainError
from zhiku.domain.departments import Department
from zhiku.domain.divisions import Division
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Role, Scope
from zhiku.services.sign_in import folded_name

#: Accounts on one page of the list.
PAGE = 20


class AccountGone(DomainError):
    """There is no such account, or none that this administrator may see."""


@dataclass(frozen=True, slots=True)
class AccountDraft:
    """What an administrator decides about an account."""

    sign_in_name: str
    name: str
    #: Value of `Role`.
    role: str
    division_prefix: str
    department_id: int | None = None


@dataclass(frozen=True, slots=True)
class AccountShown:
    """An account as the list and its page show it."""

    id: int
    sign_in_name: str
    name: str
    role: Role
    division: str
    department: str
    is_active: bool
    #: Until when no password is looked at, if that is still to come.
    locked_until: datetime | None
    has_second_factor: bool
    must_change_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None
    draft: AccountDraft


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One page of the list, from 1."""

    items: tuple[AccountShown, ...]
    total: int
    page: int

    @property
    def pages(self) -> int:
        """How many there are; at least one."""
        return max(1, math.ceil(self.total / PAGE))


class AccountList:
    """Reads accounts. An account out of scope is as one that there is not."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def page(
        self, scope: Scope, query: str = "", role: Role | None = None, is_active: bool | None = None, page: int = 1
    ) -> AccountPage:
        """Accounts with these characters in a name, by role and name."""
        wanted = _within(select(Account), scope)
        if text := clean(query).strip():
            wanted = wanted.where(
                or_(
                    Account.sign_in_name.contains(folded_name(text) or text, autoescape=True),
                    Account.name.contains(text, autoescape=True),
                )
            )
        if role is not None:
            wanted = wanted.where(Account.role == role)
        if is_active is not None:
            wanted = wanted.where(Account.is_active == is_active)
        with self._sessions() as session:
            total = session.scalar(select(func.count()).select_from(wanted.with_only_columns(Account.id).subquery()))
            number = min(max(1, page), max(1, math.ceil((total or 0) / PAGE)))
            rows = session.scalars(
                wanted.options(joinedload(Account.department))
                .order_by(Account.is_active.desc(), Account.role, Account.name, Account.id)
                .offset((number - 1) * PAGE)
                .limit(PAGE)
            ).all()
            return AccountPage(tuple(self._shown(session, rows)), total or 0, number)

    def get(self, scope: Scope, account_id: int) -> AccountShown:
        """One account. Raises `AccountGone`."""
        with self._sessions() as session:
            return self._shown(session, [found_within(session, scope, account_id)])[0]

    def get_own(self, account_id: int) -> AccountShown:
        """The account of whoever is signed in."""
        return self.get(Scope(), account_id)

    def find(self, sign_in_name: str) -> AccountShown:
        """The account with this sign-in name, for a command on the server. Raises `AccountGone`."""
        with self._sessions() as session:
            account = session.scalar(select(Account).where(Account.sign_in_name == folded_name(sign_in_name)))
            if account is None:
                raise AccountGone(f"没有登录名是“{sign_in_name}”的账号。请用 zhiku user list 查看。")
            return self._shown(session, [account])[0]

    def has_administrator(self) -> bool:
        """Whether there is somebody who could add others."""
        wanted = select(Account.id).where(Account.role == Role.ADMINISTRATOR, Account.is_active).limit(1)
        with self._sessions() as session:
            return session.scalar(wanted) is not None

    def divisions(self, scope: Scope) -> list[tuple[str, str]]:
        """Code and name of the divisions that an account may be given, in the order of the hierarchy."""
        with self._sessions() as session:
            rows = session.execute(select(Division.code, Division.name).order_by(Division.code))
            return [(code, name) for code, name in rows if scope.holds_division(code)]

    def departments(self, scope: Scope) -> list[tuple[int, str]]:
        """Id and name of the departments that an account may be given."""
        with self._sessions() as session:
            rows = session.execute(
                select(Department.id, Department.name, Department.division_code).order_by(
                    Department.division_code, Department.name
                )
            )
            return [(key, name) for key, name, code in rows if scope.holds_division(code)]

    def _shown(self, session: Session, rows: Sequence[Account]) -> list[AccountShown]:
        now = self._clock()
        began = (
            select(SignIn.account_id, func.max(SignIn.began_at))
            .where(SignIn.account_id.in_([row.id for row in rows]))
            .group_by(SignIn.account_id)
        )
        last = {account_id: at for account_id, at in session.execute(began)}
        names = division_names(session, (row.division_prefix for row in rows))
        return [
            AccountShown(
                id=row.id,
                sign_in_name=row.sign_in_name or "",
                name=row.name,
                role=row.role,
                division=names.get(row.division_prefix, row.division_prefix),
                department=row.department.name if row.department else "",
                is_active=row.is_active,
                locked_until=row.locked_until if row.is_locked(now) else None,
                has_second_factor=row.has_totp,
                must_change_password=row.must_change_password,
                created_at=row.created_at,
                last_sign_in_at=last.get(row.id),
                draft=draft_of(row),
            )
            for row in rows
        ]


def _within(statement: Select[Account], scope: Scope) -> Select[Account]:
    """Only accounts of this scope: of the staff by the division they see, of retirees by the one they live in."""
    if not scope.division:
        return statement
    of_staff: ColumnElement[bool] = and_(
        Account.expert_id.is_(None), Account.division_prefix.startswith(scope.division, autoescape=True)
    )
    return statement.outerjoin(Expert, Expert.id == Account.expert_id).where(
        or_(of_staff, Expert.division_code.startswith(scope.division, autoescape=True))
    )


def found_within(session: Session, scope: Scope, account_id: int) -> Account:
    """The row of an account, held against other writers in a writing transaction. Raises `AccountGone`."""
    wanted = _within(select(Account).where(Account.id == account_id), scope)
    account = session.scalar(wanted.with_for_update(of=Account)) if 0 < account_id < 2**31 else None
    if account is None:
        raise AccountGone("没有这个账号。请回到账号列表。")
    return account


def draft_of(account: Account) -> AccountDraft:
    """What an administrator decided about it."""
    return AccountDraft(
        account.sign_in_name or "", account.name, account.role.value, account.division_prefix, account.department_id
    )


def division_names(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """Names of divisions by code; "" is everything."""
    rows = session.execute(select(Division.code, Division.name).where(Division.code.in_(set(codes))))
    return {"": "全部", **{code: name for code, name in rows}}
