"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for the day the phone is lost."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import pyotp
import segno
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import Account, RecoveryCode
from zhiku.domain.actors import Actor, acting_as, current_actor
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError
from zhiku.domain.permissions import Role
from zhiku.services.given_codes import code_from, code_hash, folded
from zhiku.services.writing import writing

#: Seconds that a code is for (RFC 6238), and how many of these steps a phone's clock may be wrong by.
STEP = 30
_TOLERANCE = 1

RECOVERY_CODES = 8

#: Who the app says the code is for.
ISSUER = "智库"


class FirstCodeWrong(DomainError):
    """The app's first code does not fit the secret that was shown."""


class SecondFactorNeeded(DomainError):
    """An administrator cannot do without."""


class BeginAgain(DomainError):
    """The password was typed too long ago, or the account has changed since."""


def begin_again() -> BeginAgain:
    """The refusal of a second step that no longer fits the account."""
    return BeginAgain("停留得太久，或者账号刚才有变动。请从头输入登录名和密码。")


class NoSecondFactor(DomainError):
    """There is none to which recovery codes could belong."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What somebody's app needs."""

    #: In groups of four, to be typed where there is no camera.
    secret: str
    #: `data:` address of the QR code, an SVG.
    picture: str


class SecondFactors:
    """Sets up, checks and removes second factors."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def set_up(self, account_id: int) -> SetUp:
        """The secret for an account's app: the same until a first code has confirmed it. Raises `DatabaseBusy`."""
        with self._sessions() as session:
            account = session.get_one(Account, account_id)
            secret, name = account.totp_pending, account.sign_in_name or account.name
        if secret is None:
            with writing(self._sessions) as session:
                account = _locked(session, account_id)
                secret = account.totp_pending = account.totp_pending or pyotp.random_base32()
        address = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=ISSUER)
        picture = segno.make(address, error="m", micro=False).svg_data_uri(scale=6, border=4, dark="#000", light="#fff")
        return SetUp(" ".join(secret[start : start + 4] for start in range(0, len(secret), 4)), picture)

    def confirm(
        self,
        account_id: int,
        typed: str,
        form_key: str,
        may_replace: bool = True,
        still_holds: Callable[[Account], bool] | None = None,
    ) -> tuple[str, ...]:
        """Let the secret that was shown hold from now on; gives the recovery codes, which are shown once.

        The same form sent twice gives the same codes. Without `may_replace` only where there is no second factor: who
        has shown nothing but a password must not put theirs in its place; `still_holds` says whether that password is
        the account's still. Raises `FirstCodeWrong`, `BeginAgain` and `DatabaseBusy`.
        """
        with writing(self._sessions) as session:
            account, now = _locked(session, account_id), self._clock()
            if still_holds is not None and not still_holds(account):
                raise begin_again()
            codes = _codes(account_id, form_key)
            if account.has_totp and _holds(session, account_id, codes):
                return codes
            if account.has_totp and not may_replace:
                raise BeginAgain("动态口令已经设置好了。请从头输入登录名和密码，再输入手机上的验证码。")
            step = _step_of(account.totp_pending, typed, now, None)
            if step is None:
                raise FirstCodeWrong("验证码不对。请确认手机的时间是自动设置的，再输入手机上现在显示的 6 位数字。")
            with _at_work(account):
                account.totp_secret, account.totp_pending, account.totp_last_step = account.totp_pending, None, step
                account.updated_at = now
                account.note_success()
                self._give(session, account_id, codes, now)
            return codes

    def renew_codes(self, account_id: int, form_key: str) -> tuple[str, ...]:
        """New recovery codes in place of the old ones. Raises `NoSecondFactor` and `DatabaseBusy`."""
        with writing(self._sessions) as session:
            if not _locked(session, account_id).has_totp:
                raise NoSecondFactor("还没有设置动态口令，请先设置。")
            codes = _codes(account_id, form_key)
            if not _holds(session, account_id, codes):
                self._give(session, account_id, codes, self._clock())
            return codes

    def codes_left(self, account_id: int) -> int:
        """How many recovery codes were not used yet."""
        with self._sessions() as session:
            return _left(session, account_id)

    def remove(self, account_id: int) -> None:
        """Do without from now on. Raises `SecondFactorNeeded` and `DatabaseBusy`."""
        with writing(self._sessions) as session:
            account = _locked(session, account_id)
            if account.role is Role.ADMINISTRATOR:
                raise SecondFactorNeeded("系统管理员必须使用动态口令，不能关掉。换手机的话，请重新设置。")
            forget(session, account)
            account.updated_at = self._clock()

    def is_right(self, session: Session, account: Account, typed: str, at: datetime) -> bool:
        """Whether this is a good code of the account, in a writing transaction; it is good only once."""
        step = _step_of(account.totp_secret, typed, at, account.totp_last_step)
        if step is not None:
            account.totp_last_step = step
            return True
        code = session.scalar(
            select(RecoveryCode).where(
                RecoveryCode.account_id == account.id,
                RecoveryCode.code_hash == code_hash(folded(typed)),
                RecoveryCode.spent_at.is_(None),
            )
        )
        if code is None:
            return False
        before = _left(session, account.id)
        code.spent_at = at
        session.flush()
        note = Note(Action.CHANGED, "account", str(account.id), {"recovery_codes": [before, before - 1]})
        with _at_work(account):
            append(session, [note], at)
        return True

    def _give(self, session: Session, account_id: int, codes: tuple[str, ...], at: datetime) -> None:
        session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account_id))
        hashes = [code_hash(folded(code)) for code in codes]
        session.add_all(RecoveryCode(account_id=account_id, code_hash=one, created_at=at) for one in hashes)
        session.flush()
        append(session, [Note(Action.ISSUED, "account", str(account_id), {"recovery_codes": [None, len(codes)]})], at)


def forget(session: Session, account: Account) -> None:
    """Take the second factor from an account, in a writing transaction of the caller's."""
    account.totp_secret = account.totp_pending = account.totp_last_step = None
    session.execute(delete(RecoveryCode).where(RecoveryCode.account_id == account.id))


def _at_work(account: Account) -> AbstractContextManager[object]:
    """Let the owner be at work who is still on the way in: the request began as a visitor's."""
    actor = current_actor()
    if actor.role != "public":
        return nullcontext()
    return acting_as(Actor(account.id, account.name, account.role.value, actor.address))


def _locked(session: Session, account_id: int) -> Account:
    return session.get_one(Account, account_id, with_for_update=True)


def _codes(account_id: int, form_key: str) -> tuple[str, ...]:
    return tuple(code_from(form_key, f"recovery code {number} of {account_id}") for number in range(RECOVERY_CODES))


def _holds(session: Session, account_id: int, codes: tuple[str, ...]) -> bool:
    hashes = [code_hash(folded(code)) for code in codes]
    found = session.scalar(
        select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.code_hash.in_(hashes))
    )
    return found == len(codes)


def _left(session: Session, account_id: int) -> int:
    return (
        session.scalar(
            select(func.count()).where(RecoveryCode.account_id == account_id, RecoveryCode.spent_at.is_(None))
        )
        or 0
    )


def _step_of(secret: str | None, typed: str, at: datetime, last_step: int | None) -> int | None:
    """The step whose code was typed, when it is near enough and later than the last one that was used."""
    code = "".join(unicodedata.normalize("NFKC", typed[:40]).split())
    if secret is None or not code.isascii():
        return None
    now = int(at.timestamp()) // STEP
    totp = pyotp.TOTP(secret)
    found = None
    for step in range(now - _TOLERANCE, now + _TOLERANCE + 1):
        # All are compared, so that the time tells nothing.
        if hmac.compare_digest(totp.generate_otp(step), code) and (last_step is None or step > last_step):
            found = step
    return found
