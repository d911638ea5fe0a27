"""Entry codes (进门码): how a retiree comes in without a password, by a code that an officer prints, and once.

Eight characters stand for 2 * 10^11 codes, of which a county has some hundreds open. Only a keyed hash (HMAC-SHA-256)
of a code is stored: it has to be found by it, so it cannot be salted, and without the key a stolen database does not
give the codes away.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload, sessionmaker

from zhiku.domain.accounts import Account, EntryCode
from zhiku.domain.audit import Action, AuditEvent, Note, append
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Role
from zhiku.services.given_codes import FORM_KEY_LENGTH
from zhiku.services.liaisons import require_kept
from zhiku.services.persons import Asker

T = TypeVar("T")

#: Of each group of characters that look alike (0 O Q D, 1 I L, 2 Z, 5 S, 8 B, 6 G, V U) the first is in a code, and
#: whichever is typed is taken for it: nobody has to tell them apart.
CODE_ALPHABET = "0123456789ACEFHJKMNPRTVWXY"
_LOOK_ALIKE = str.maketrans("OQDILZSBGU", "0001125" + "86V")
CODE_LENGTH = 8
#: As it is printed: two groups.
_GROUP = 4

#: Of a division code (GB/T 2260): those of the county. What others suggested there is what a retiree may be shown.
_COUNTY_DIGITS = 6

#: How long a printed code opens.
VALID_FOR = timedelta(days=14)

#: Slips that are made at once: a page of the list.
MOST_AT_ONCE = 20

#: How long the browser that used a code may use it again: a button pressed twice is one entry.
AGAIN_WITHIN = timedelta(minutes=2)

#: How long the bureau is told of many wrong codes.
ALARM_SHOWN_FOR = timedelta(days=1)


class CodeUnusable(DomainError):
    """A code that does not open; the message says what to do."""


class CodeUnknown(CodeUnusable):
    """No such code."""

    def __init__(self) -> None:
        super().__init__("进门码不对。请对照纸条，从第一个字符起再看一遍。")


class CodeSpent(CodeUnusable):
    """It was used, or replaced by a newer one."""

    def __init__(self) -> None:
        super().__init__("这个进门码已经用过，或者联络员又印了新的。请用最新的纸条，没有就请联络员再印一张。")


class CodeExpired(CodeUnusable):
    """It was not used in time."""

    def __init__(self) -> None:
        super().__init__("这个进门码过了有效期。请联络员再印一张。")


class AccountNotInUse(DomainError):
    """The administrator has closed the retiree's account."""

    def __init__(self) -> None:
        super().__init__("这位老同志的账号已经停用，不能印进门码。请先请系统管理员恢复账号。")


class NobodyChosen(DomainError):
    """Several slips were asked for, and nobody was ticked."""

    def __init__(self) -> None:
        super().__init__("请先勾选要印进门码的老同志。")


class TooManyChosen(DomainError):
    """More slips than one sheet has."""

    def __init__(self) -> None:
        super().__init__(f"一次最多印 {MOST_AT_ONCE} 位，请少勾几位，分几次印。")


@dataclass(frozen=True, slots=True)
class Slip:
    """What is printed for a retiree. The code is known at this moment only."""

    code: str
    expert_id: int
    name: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime

    @property
    def grouped(self) -> str:
        """`0A3C 467K`, as it is printed."""
        return grouped(self.code)


@dataclass(frozen=True, slots=True)
class Issued:
    """Several slips, and the names of those who got none because their account is closed."""

    slips: tuple[Slip, ...]
    not_in_use: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Whom a code lets in."""

    account_id: int
    expert_id: int
    name: str


class EntryCodes:
    """Makes codes and lets in by them."""

    def __init__(
        self, sessions: sessionmaker[Session], clock: Callable[[], datetime], key: Callable[[], bytes]
    ) -> None:
        """`clock` gives aware UTC times; `key` this installation's key for codes, asked when it is needed."""
        self._sessions = sessions
        self._clock = clock
        self._key = key

    def issue(self, expert_id: int, asker: Asker, code: str | None = None) -> Slip:
        """A new code for a retiree whom the asker looks after; older ones of theirs do not open any more.

        Their account is made with the first one. `code` is the one that the caller proposes, from `new_code()`: the
        same proposed again while it is open is the same slip, so that a button pressed twice prints one; one that was
        used meanwhile gives way to a fresh one.

        Raises `PersonNotFound` and `AccountNotInUse`.
        """
        code = code or new_code()

        def issue() -> Slip:
            with self._sessions() as session, session.begin():
                begin_writing(session)
                return self._issue(session, require_kept(session, expert_id, asker), asker, code)

        return _again_if_overtaken(issue)

    def issue_several(self, expert_ids: Collection[int], asker: Asker, form_key: str) -> Issued:
        """As `issue`, for all of these people or, where one of them is not the asker's, for none.

        Their codes come from the key of the form, so that a form sent twice makes the same slips. Raises
        `PersonNotFound`, `NobodyChosen` and `TooManyChosen`.
        """
        wanted = list(dict.fromkeys(expert_ids))
        if not wanted:
            raise NobodyChosen
        if len(wanted) > MOST_AT_ONCE:
            raise TooManyChosen

        def issue() -> Issued:
            slips, not_in_use = [], []
            with self._sessions() as session, session.begin():
                begin_writing(session)
                people = [require_kept(session, expert_id, asker) for expert_id in wanted]
                for expert in people:
                    try:
                        slips.append(self._issue(session, expert, asker, code_of_form(form_key, expert.id)))
                    except AccountNotInUse:
                        not_in_use.append(expert.name)
            return Issued(tuple(slips), tuple(not_in_use))

        return _again_if_overtaken(issue)

    def withdraw(self, expert_id: int, asker: Asker) -> bool:
        """Let no code of a retiree's open any more; whether one did. Raises `PersonNotFound`."""
        now = self._clock()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            require_kept(session, expert_id, asker)
            account_id = session.scalar(select(Account.id).where(Account.expert_id == expert_id))
            return account_id is not None and self._spend_open(session, account_id, now)

    def look_up(self, code: str) -> Entry:
        """Whom a code would let in; it stays as it is. Raises `CodeUnusable`."""
        with self._sessions() as session:
            row = self._find(session, code)
            self._require_open(row)
            return _entry(row)

    def owner(self, code: str) -> int | None:
        """The account that a code is or was for, used or not; None for an unknown one."""
        with self._sessions() as session:
            try:
                return self._find(session, code).account_id
            except CodeUnknown:
                return None

    def enter(self, code: str, browser: str) -> Entry:
        """Use a code: it opens once. `browser` is a random mark of the browser that asks (at least 128 bits), which may
        ask again within `AGAIN_WITHIN`.

        Raises `CodeUnusable`.
        """
        now = self._clock()
        mark = hashlib.sha256(browser.encode("utf-8", "surrogatepass")).hexdigest()
        with self._sessions() as session, session.begin():
            begin_writing(session)
            row = self._find(session, code, is_to_change=True)
            is_again = (
                row.spent_at is not None
                and hmac.compare_digest(row.spent_by, mark)
                and now - row.spent_at <= AGAIN_WITHIN
            )
            if not is_again:
                self._require_open(row)
                row.spent_at, row.spent_by = now, mark
            elif not row.account.is_active:
                raise CodeSpent
            return _entry(row)

    def note_refused(self) -> None:
        """Leave a mark in the audit that somebody tried a code which does not open; never which."""
        with self._sessions() as session, session.begin():
            begin_writing(session)
            append(session, [Note(Action.SIGN_IN_REFUSED, "entry_code")], self._clock())

    def note_alarm(self, count: int) -> None:
        """Leave a mark in the audit that so many codes which do not open were tried within an hour."""
        with self._sessions() as session, session.begin():
            begin_writing(session)
            append(session, [Note(Action.ALARM, "entry_code", changes={"tries": count})], self._clock())

    def last_alarm(self) -> datetime | None:
        """When somebody tried many codes, if that was lately: what the bureau is told."""
        with self._sessions() as session:
            return session.scalar(
                select(AuditEvent.at)
                .where(
                    AuditEvent.action == Action.ALARM.value,
                    AuditEvent.subject_kind == "entry_code",
                    AuditEvent.at > self._clock() - ALARM_SHOWN_FOR,
                )
                .order_by(AuditEvent.at.desc())
                .limit(1)
            )

    def _issue(self, session: Session, expert: Expert, asker: Asker, code: str) -> Slip:
        now = self._clock()
        account = self._account_of(session, expert, now)
        row = session.scalar(select(EntryCode).where(EntryCode.code_hash == self._hash(code)))
        if row is not None and (row.spent_at is not None or row.account_id != account.id):
            # It was used while its slip still lay open, and opens nothing any more.
            code, row = new_code(), None
        if row is None:
            self._spend_open(session, account.id, now)
            row = EntryCode(
                account_id=account.id,
                code_hash=self._hash(code),
                issued_by_id=asker.account_id,
                issued_at=now,
                expires_at=now + VALID_FOR,
            )
            session.add(row)
            session.flush()
            append(
                session,
                [Note(Action.ISSUED, "expert", str(expert.id), {"entry_code": [None, row.expires_at.isoformat()]})],
                now,
            )
        return Slip(code, expert.id, expert.name, asker.name, row.issued_at, row.expires_at)

    def _account_of(self, session: Session, expert: Expert, now: datetime) -> Account:
        account = session.scalar(select(Account).where(Account.expert_id == expert.id).with_for_update())
        if account is None:
            account = Account(
                name=expert.name,
                role=Role.RETIREE,
                division_prefix=expert.division_code[:_COUNTY_DIGITS],
                expert_id=expert.id,
                created_at=now,
                updated_at=now,
            )
            session.add(account)
            session.flush()
        if not account.is_active:
            raise AccountNotInUse
        if account.name != expert.name:
            # The roster was corrected since.
            account.name, account.updated_at = expert.name, now
        return account

    def _spend_open(self, session: Session, account_id: int, now: datetime) -> bool:
        """Spend what is open of an account; whether anything was."""
        still_open = session.scalars(
            select(EntryCode).where(EntryCode.account_id == account_id, EntryCode.spent_at.is_(None)).with_for_update()
        ).all()
        for row in still_open:
            row.spent_at = now
        return any(now < row.expires_at for row in still_open)

    def _find(self, session: Session, code: str, is_to_change: bool = False) -> EntryCode:
        query = (
            select(EntryCode)
            .where(EntryCode.code_hash == self._hash(code))
            .options(joinedload(EntryCode.account, innerjoin=True).joinedload(Account.expert))
        )
        row = session.scalar(query.with_for_update(of=EntryCode) if is_to_change else query)
        if row is None or row.account.expert is None or row.account.expert.status is ExpertStatus.DECEASED:
            raise CodeUnknown
        return row

    def _require_open(self, row: EntryCode) -> None:
        if row.spent_at is not None or not row.account.is_active:
            raise CodeSpent
        if row.expires_at <= self._clock():
            raise CodeExpired

    def _hash(self, code: str) -> str:
        return hmac.new(self._key(), normalize_entry_code(code).encode(), hashlib.sha256).hexdigest()


def _again_if_overtaken(issue: Callable[[], T]) -> T:
    try:
        return issue()
    except IntegrityError:
        # Two officers made the account at the same moment, where writers do not wait for each other.
        return issue()


def code_of_form(form_key: str, expert_id: int) -> str:
    """The code that a form makes for a person: the same whenever it is sent, and for who has not the form's key as
    random as any. A form that lost its key gets a fresh one."""
    if len(form_key) < FORM_KEY_LENGTH:
        return new_code()
    digest = hmac.new(form_key.encode("utf-8", "surrogatepass"), f"entry code of {expert_id}".encode(), hashlib.sha512)
    number = int.from_bytes(digest.digest(), "big")
    characters = []
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(CODE_ALPHABET))
        characters.append(CODE_ALPHABET[place])
    return "".join(characters)


def new_code() -> str:
    """A fresh random code."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))


def grouped(code: str) -> str:
    """A code as it is printed: two groups of four."""
    return f"{code[:_GROUP]} {code[_GROUP:]}"


def normalize_entry_code(code: str) -> str:
    """A code as typed from paper: any case, full-width, spaces or dashes between, characters that look alike."""
    folded = unicodedata.normalize("NFKC", code).upper().translate(_LOOK_ALIKE)
    return "".join(character for character in folded if character.isascii() and character.isalnum())


def may_be_a_code(code: str) -> bool:
    """Whether it has the form of one: what has not need not be looked up."""
    folded = normalize_entry_code(code)
    return len(folded) == CODE_LENGTH and set(folded) <= set(CODE_ALPHABET)


def _entry(row: EntryCode) -> Entry:
    account = row.account
    assert account.expert_id is not None  # `_find` has seen the profile
    return Entry(account.id, account.expert_id, account.name)
