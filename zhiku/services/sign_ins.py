"""Sign-ins that are open: who a browser's token stands for, and until when.

A token is 256 random bits, given to the browser once; the database has its SHA-256 only, so that whoever reads a backup
cannot come in. A token of so many bits needs neither salt nor a slow hash.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, bindparam, delete, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.accounts import ENDED, Account, AccountClosed, EntryCode, SignIn, SignInKind
from zhiku.domain.actors import Actor, current_actor
from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import begin_writing
from zhiku.domain.permissions import Permission, Role, Scope, may

#: A sign-in by password ends after so long without a page, and at the latest after a working day.
IDLE_END = timedelta(minutes=30)
PASSWORD_END = timedelta(hours=12)
#: A device that came in by a code stays known: its owner is eighty and is not asked again each week.
DEVICE_END = timedelta(days=180)

#: `seen_at` is moved on at most so often, so that reading a page is not a write.
SEEN_EVERY = timedelta(minutes=1)
#: How long a refused page waits for the audit, in milliseconds.
REFUSAL_WAIT_MS = 5_000
#: The list of sign-ins of an account forgets what ended so long ago; the audit keeps it.
FORGOTTEN_AFTER = timedelta(days=90)

_MAX_DEVICE, _MAX_ADDRESS = 80, 45

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who is signed in, as of this request."""

    sign_in_id: int
    account_id: int
    name: str
    #: "" for retirees, who have none.
    sign_in_name: str
    role: Role
    scope: Scope
    kind: SignInKind
    must_change_password: bool

    def may(self, permission: Permission) -> bool:
        """Whether they may do this, to the rows of their scope."""
        return may(self.role, permission)


@dataclass(frozen=True, slots=True)
class OpenSignIn:
    """A browser that is signed in, for the list that its owner sees."""

    id: int
    kind: SignInKind
    device: str
    address: str
    began_at: datetime
    seen_at: datetime
    #: Whether it is the one that asks.
    is_this: bool


#: What `find` needs, in one read by the unique index of the hash. Made once: to make it takes longer than to run it.
_FOUND = (
    select(
        SignIn.id,
        SignIn.kind,
        SignIn.seen_at,
        SignIn.expires_at,
        Account.id,
        Account.name,
        Account.sign_in_name,
        Account.role,
        Account.division_prefix,
        Account.department_id,
        Account.expert_id,
        Account.must_change_password,
    )
    .join(Account, Account.id == SignIn.account_id)
    .where(SignIn.token_hash == bindparam("hash"), SignIn.ended_at.is_(None), Account.is_active)
)


class SignIns:
    """Begins, finds and ends sign-ins. Each begin and end is an event of the audit."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime]) -> None:
        self._sessions = sessions
        self._clock = clock

    def begin(self, account_id: int, kind: SignInKind, address: str = "", device: str = "") -> str:
        """Sign an account in; gives the token for its browser. Who proved to be that account is the caller's business.

        Raises `AccountClosed`.
        """
        token, now = secrets.token_urlsafe(32), self._clock()
        lasts = DEVICE_END if kind is SignInKind.DEVICE else PASSWORD_END
        with self._sessions.begin() as session:
            begin_writing(session)
            account = session.get(Account, account_id)
            if account is None or not account.is_active:
                raise AccountClosed("这个账号已经停用。如果还要使用，请联系管理员。")
            session.execute(
                delete(SignIn).where(SignIn.account_id == account_id, SignIn.expires_at < now - FORGOTTEN_AFTER)
            )
            session.add(
                SignIn(
                    account_id=account_id,
                    kind=kind,
                    token_hash=_hash(token),
                    began_at=now,
                    seen_at=now,
                    expires_at=now + lasts,
                    address=address[:_MAX_ADDRESS],
                    device=device[:_MAX_DEVICE],
                )
            )
            session.flush()
            changes = {"kind": [None, kind.value], "device": [None, device[:_MAX_DEVICE]]}
            note = Note(Action.SIGNED_IN, "account", str(account_id), changes)
            append(session, [note], now, _owner(account, address))
        return token

    def find(self, token: str) -> SignedIn | None:
        """Who is signed in with this token now; None for one that is wrong, ended, too old or of a closed account."""
        if not token:
            return None
        now = self._clock()
        with self._sessions() as session:
            row = session.connection().execute(_FOUND, {"hash": _hash(token)}).one_or_none()
        if row is None:
            return None
        (
            sign_in_id,
            kind,
            seen_at,
            expires_at,
            account_id,
            name,
            sign_in_name,
            role,
            prefix,
            department,
            expert,
            must,
        ) = row
        if not _is_open(kind, seen_at, expires_at, now):
            return None
        if now - seen_at >= SEEN_EVERY:
            self._note_seen(sign_in_id, now)
        scope = Scope(prefix, department, expert)
        return SignedIn(sign_in_id, account_id, name, sign_in_name or "", role, scope, kind, must)

    def was(self, token: str) -> int | None:
        """The account whose token this is or was, however it ended; None for a token that never was one."""
        if not token:
            return None
        with self._sessions() as session:
            return session.scalar(select(SignIn.account_id).where(SignIn.token_hash == _hash(token)))

    def end(self, token: str) -> None:
        """Sign out; a token that is not open is none to worry about."""
        with self._sessions.begin() as session:
            begin_writing(session)
            row = session.scalar(select(SignIn).where(SignIn.token_hash == _hash(token), SignIn.ended_at.is_(None)))
            if row is None:
                return
            now = row.ended_at = self._clock()
            _close_behind(session, row.account_id)
            session.flush()
            note = Note(Action.SIGNED_OUT, "account", str(row.account_id), {"device": [row.device, None]})
            append(session, [note], now, _owner(row.account, row.address))

    def listed(self, account_id: int, this: int = 0) -> list[OpenSignIn]:
        """The open sign-ins of an account, the last seen first; `this` is the id of the one that asks."""
        now = self._clock()
        with self._sessions() as session:
            rows = session.scalars(
                select(SignIn)
                .where(SignIn.account_id == account_id, SignIn.ended_at.is_(None), SignIn.expires_at > now)
                .order_by(SignIn.seen_at.desc(), SignIn.id.desc())
            ).all()
        return [
            OpenSignIn(row.id, row.kind, row.device, row.address, row.began_at, row.seen_at, row.id == this)
            for row in rows
            if _is_open(row.kind, row.seen_at, row.expires_at, now)
        ]

    def end_one(self, account_id: int, sign_in_id: int) -> bool:
        """End one of an account's sign-ins; whether there was such an open one."""
        if not 0 < sign_in_id < 2**31:
            return False
        return self._revoke(account_id, SignIn.id == sign_in_id) > 0

    def end_all(self, account_id: int, but_token: str = "") -> int:
        """End all sign-ins of an account, but the one with this token; gives how many were open."""
        return self._revoke(account_id, SignIn.token_hash != _hash(but_token))

    def note_refusal(self, what: str) -> None:
        """Note in the audit that who is at work asked for a page that their role does not have.

        It is refused all the same where an import holds the database longer than anybody waits for a page; then the
        log has it.
        """
        try:
            with self._sessions.begin() as session:
                begin_writing(session, REFUSAL_WAIT_MS)
                append(session, [Note(Action.REFUSED, "page", what[:40])], self._clock())
        except OperationalError:
            actor = current_actor()
            log.warning("refused, and not in the audit: account %s, page %s", actor.account_id, what)

    def _revoke(self, account_id: int, which: ColumnElement[bool]) -> int:
        with self._sessions.begin() as session:
            begin_writing(session)
            now = self._clock()
            rows = session.scalars(
                select(SignIn).where(SignIn.account_id == account_id, SignIn.ended_at.is_(None), which)
            ).all()
            for row in rows:
                row.ended_at = now
            _close_behind(session, account_id)
            session.flush()
            notes = [
                Note(Action.REVOKED, "account", str(account_id), {"device": [row.device, None]})
                for row in rows
                if _is_open(row.kind, row.seen_at, row.expires_at, now)
            ]
            append(session, notes, now)
            return len(notes)

    def _note_seen(self, sign_in_id: int, now: datetime) -> None:
        # A page that is read waits for nobody: while an import holds the lock, it is noted by one of the next pages.
        try:
            with self._sessions.begin() as session:
                begin_writing(session, 0)
                session.execute(update(SignIn).where(SignIn.id == sign_in_id).values(seen_at=now))
        except OperationalError:
            return


def _close_behind(session: Session, account_id: int) -> None:
    """Whoever was signed out does not come in again by the code that their browser has just used, as a button pressed
    twice does (`EntryCodes.enter`)."""
    used = select(EntryCode).where(EntryCode.account_id == account_id, EntryCode.spent_by.not_in(["", ENDED]))
    for code in session.scalars(used):
        code.spent_by = ENDED


def _is_open(kind: SignInKind, seen_at: datetime, expires_at: datetime, now: datetime) -> bool:
    return now < expires_at and (kind is SignInKind.DEVICE or now - seen_at < IDLE_END)


def _owner(account: Account, address: str) -> Actor:
    """Who signs in or out, as the audit notes it: the request began as a visitor's."""
    return Actor(account.id, account.name, account.role.value, address[:_MAX_ADDRESS])


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
