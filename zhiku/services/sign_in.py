"""How the staff proves who they are: a password, then where it is asked for a second factor.

A try is counted before it is looked at. So a thousand guesses at the same moment are five that are looked at, and the
rest find the account locked. Whatever is wrong (the name, the password, the account is closed or locked), the answer is
the same, after the same work: nobody learns which names there are. Signing in itself is the business of
`zhiku.services.sign_ins`, once everything here was right.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import FREE_FAILURES, Account
from zhiku.domain.audit import Action, AuditHead, Note, append
from zhiku.domain.base import DomainError
from zhiku.services.given_codes import folded
from zhiku.services.passwords import Passwords
from zhiku.services.second_factors import SecondFactors, begin_again
from zhiku.services.writing import writing

#: A password that was given by somebody else holds so long; who does not use it in time asks for another.
GIVEN_HOLDS = timedelta(days=7)
#: Between the password and the code.
CODE_TIME = timedelta(minutes=10)

#: Longest sign-in name, in characters (the column's width).
MAX_NAME = 40


class SignInRefused(DomainError):
    """Name and password do not let anybody in now. Which of them is wrong, or whether it is locked, is not said."""


class GivenPasswordTooOld(DomainError):
    """The password is right, but it was given by somebody else and was to be used within a week."""


class CodeRefused(DomainError):
    """The second factor is wrong, was used before, or no code is looked at now."""


class WrongOwnPassword(DomainError):
    """Somebody who is signed in and was asked for their password typed another one."""


@dataclass(frozen=True, slots=True)
class Passed:
    """The password was right."""

    account_id: int
    at: datetime
    #: When the password that was right had been set: one that is set later must not find this sign-in open.
    password_set_at: datetime | None = None
    #: Whether a code must follow.
    needs_code: bool = False
    #: Whether the account has to have a second factor, and has none yet.
    needs_set_up: bool = False

    def holds(self, account: Account) -> bool:
        """Whether the account still asks for what was shown: the same password, and no second factor that was not
        asked for, nor one that was taken away since its code was right."""
        return (
            account.is_active
            and account.password_set_at == self.password_set_at
            and (self.needs_set_up or account.needs_totp == self.needs_code)
            and (not self.needs_code or account.has_totp)
        )


@dataclass(frozen=True, slots=True)
class _Try:
    """A try that was counted and is to be looked at; without a hash it is wrong."""

    account_id: int | None = None
    kept: str | None = None
    is_given: bool = False
    #: For the audit.
    reason: str = "没有这个登录名"


class StaffSignIn:
    """Checks what somebody types to come in."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        clock: Callable[[], datetime],
        passwords: Passwords,
        second_factors: SecondFactors,
    ) -> None:
        self._sessions = sessions
        self._clock = clock
        self._passwords = passwords
        self._second_factors = second_factors

    def check_password(self, name: str, password: str) -> Passed:
        """The first step. Raises `SignInRefused`, `GivenPasswordTooOld` and `DatabaseBusy`."""
        tried = self._count(Account.sign_in_name == folded_name(name))
        shown = folded(password) if tried.is_given else password
        is_right = self._passwords.verify(tried.kept, shown)
        passed, is_too_old = None, False
        with writing(self._sessions) as session:
            account = self._settle(session, tried, shown, is_right)
            if account is not None:
                now = self._clock()
                is_too_old = tried.is_given and now - (account.password_set_at or now) >= GIVEN_HOLDS
                if account.needs_totp or is_too_old:
                    account.take_back_failure()
                else:
                    account.note_success()
                has_code = account.has_totp
                needs_set_up = account.needs_totp and not has_code
                passed = Passed(account.id, now, account.password_set_at, has_code, needs_set_up)
        # After the transaction, whose counting must stay.
        if passed is None:
            raise SignInRefused(
                f"没有登录：登录名或密码不对。连续输错 {FREE_FAILURES} 次以后，每次都要等一会儿才能再试（半分钟起，最长一小时），"
                "没到时间，输对了也进不去。忘了密码，请找系统管理员重设。"
            )
        if is_too_old:
            raise GivenPasswordTooOld(
                f"这个一次性密码发了已经超过 {GIVEN_HOLDS.days} 天，不能再用了。请找系统管理员重设一个。"
            )
        return passed

    def check_code(self, passed: Passed, typed: str) -> None:
        """The second step: a code of the authenticator app, or a recovery code.

        Raises `CodeRefused`, `BeginAgain` and `DatabaseBusy`.
        """
        problem = ""
        with writing(self._sessions) as session:
            now = self._clock()
            account = self._still(session, passed, now)
            if not account.has_totp:
                raise begin_again()
            if account.is_locked(now):
                problem = f"输错的次数太多，请过 {_wait(account, now)}再试。"
                self._refuse(session, account.id, "锁定中")
            elif self._second_factors.is_right(session, account, typed, now):
                account.note_success()
            else:
                account.note_failure(now)
                problem = "验证码不对，或者已经用过。请等手机上换一个新的验证码再输入；手机不在身边，可以输入一个没用过的备用码。"
                self._refuse(session, account.id, "验证码不对")
        if problem:
            raise CodeRefused(problem)

    def require(self, passed: Passed) -> None:
        """Raise `BeginAgain` unless the second step may still follow."""
        with self._sessions() as session:
            self._still(session, passed, self._clock())

    def confirm_own(self, account_id: int, password: str) -> None:
        """Ask somebody who is signed in for their password once more, before something grave.

        Wrong ones count as at the sign-in: a browser that was left open is no place to guess. Raises
        `WrongOwnPassword` and `DatabaseBusy`.
        """
        tried = self._count(Account.id == account_id)
        shown = folded(password) if tried.is_given else password
        is_right = self._passwords.verify(tried.kept, shown)
        with writing(self._sessions) as session:
            account = self._settle(session, tried, shown, is_right)
            if account is not None:
                account.take_back_failure()
        if account is None:
            raise WrongOwnPassword("现在的密码不对，请再输入一次。连续输错几次以后，要等一会儿才能再试。")

    def _count(self, which: object) -> _Try:
        """Count a try before it is looked at."""
        with writing(self._sessions) as session:
            now = self._clock()
            account = session.scalar(select(Account).where(which).with_for_update())  # type: ignore[arg-type]
            if account is None:
                self._touch(session)
                return _Try()
            reason = ""
            if not account.is_active:
                reason = "账号已停用"
            elif account.password_hash is None:
                reason = "没有设置密码"
            elif account.is_locked(now):
                reason = "锁定中"
            if reason:
                self._touch(session)
                return _Try(account.id, reason=reason)
            account.note_failure(now)
            return _Try(account.id, account.password_hash, account.must_change_password, "密码不对")

    def _settle(self, session: Session, tried: _Try, password: str, is_right: bool) -> Account | None:
        """The account when the try was right and nothing has changed meanwhile; else the refusal is noted."""
        account = (
            session.scalar(select(Account).where(Account.id == tried.account_id).with_for_update())
            if tried.account_id
            else None
        )
        if (
            account is not None
            and is_right
            and tried.kept
            and account.is_active
            and account.password_hash == tried.kept
        ):
            if self._passwords.is_outdated(tried.kept):
                account.password_hash = self._passwords.hash(password)
            return account
        self._refuse(session, tried.account_id, tried.reason)
        return None

    def _still(self, session: Session, passed: Passed, now: datetime) -> Account:
        account = session.scalar(select(Account).where(Account.id == passed.account_id).with_for_update())
        if (
            account is None
            or not account.is_active
            or not timedelta(0) <= now - passed.at <= CODE_TIME
            or account.password_set_at != passed.password_set_at
        ):
            raise begin_again()
        return account

    def _refuse(self, session: Session, account_id: int | None, reason: str) -> None:
        # Without the name that was typed: it may be a password in the wrong field.
        subject = "" if account_id is None else str(account_id)
        append(session, [Note(Action.SIGN_IN_REFUSED, "account", subject, {"reason": [None, reason]})], self._clock())

    @staticmethod
    def _touch(session: Session) -> None:
        # As much work for the disk as counting a try of an account that there is.
        session.execute(update(AuditHead).where(AuditHead.id == 1).values(last_id=AuditHead.last_id))


def folded_name(name: str) -> str:
    """A sign-in name as it is kept and compared: NFKC, lower case, no spaces around it; "" where it cannot be one."""
    text = unicodedata.normalize("NFKC", name[: 4 * MAX_NAME]).casefold().strip()
    return text if len(text) <= MAX_NAME and text.isprintable() else ""


def _wait(account: Account, now: datetime) -> str:
    seconds = max(1, math.ceil(((account.locked_until or now) - now).total_seconds()))
    return f"{seconds} 秒" if seconds < 90 else f"{math.ceil(seconds / 60)} 分钟"
