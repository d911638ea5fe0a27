"""Accounts: who may come in, how they prove it, and the sign-ins that are open."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from zhiku.domain.base import Base, DomainError, LabelledEnum, UtcDateTime, enum_column
from zhiku.domain.departments import Department
from zhiku.domain.encryption import Encrypted
from zhiku.domain.experts import Expert
from zhiku.domain.permissions import Permission, Role, Scope, may

#: So many wrong passwords are free; each further one doubles the wait, up to the longest.
FREE_FAILURES = 5
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
#: The count begins anew when nobody has tried for so long after a wait: a slip is no part of last month's attack.
FORGOTTEN_AFTER = timedelta(days=1)


#: In place of the mark of the browser that used an entry code: it does not come in by it any more.
ENDED = "ended"


class AccountClosed(DomainError):
    """An account that may not come in any more."""


class Account(Base):
    """Somebody who may come in: a member of staff by a password, a retiree by a code from their liaison."""

    __tablename__ = "accounts"

    id: Mapped[int] = mapped_column(primary_key=True)
    #: What staff type to sign in, folded (lower case, NFKC); None for retirees.
    sign_in_name: Mapped[str | None] = mapped_column(String(40), unique=True)
    #: The name of the person, as the audit shows it.
    name: Mapped[str] = mapped_column(String(40))
    role: Mapped[Role] = mapped_column(enum_column(Role), index=True)
    #: Prefix of division codes that the account sees; "" for all.
    division_prefix: Mapped[str] = mapped_column(String(12), default="")
    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id"))
    #: The profile of a retiree; one account each.
    expert_id: Mapped[int | None] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), unique=True)
    #: Argon2id in its own notation; None for retirees, and for staff whose first password is still to be set.
    password_hash: Mapped[str | None] = mapped_column(String(200))
    password_set_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Whether the password was given by somebody else and must be changed at the next sign-in.
    must_change_password: Mapped[bool] = mapped_column(default=False)
    #: SHA-256 of the key of the form that made the account or gave it its last password: a form sent twice acts once.
    submission_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    #: Secret of the authenticator app (RFC 6238), once it was confirmed by a first code.
    totp_secret: Mapped[str | None] = mapped_column(Encrypted("accounts.totp_secret"))
    #: A secret that was shown, and whose first code is still to come.
    totp_pending: Mapped[str | None] = mapped_column(Encrypted("accounts.totp_pending"))
    #: Number of the 30 seconds whose code was used last: no code is good twice.
    totp_last_step: Mapped[int | None]
    failures: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    is_active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(default=1)

    department: Mapped[Department | None] = relationship()
    expert: Mapped[Expert | None] = relationship()

    __mapper_args__ = {"version_id_col": version}

    @property
    def scope(self) -> Scope:
        """Which rows it sees."""
        return Scope(self.division_prefix, self.department_id, self.expert_id)

    @property
    def needs_totp(self) -> bool:
        """Whether a password alone is not enough: always for administrators, for others once they set it up."""
        return self.role is Role.ADMINISTRATOR or self.totp_secret is not None

    def may(self, permission: Permission) -> bool:
        """Whether it may do this, to the rows of its scope."""
        return self.is_active and may(self.role, permission)

    def is_locked(self, at: datetime) -> bool:
        """Whether no password is looked at now."""
        return self.locked_until is not None and at < self.locked_until

    def note_failure(self, at: datetime) -> None:
        """A wrong password or code; after the fifth comes a wait before the next is looked at, and each doubles it.

        It is counted before it is looked at, so that tries at the same moment count each (`take_back_failure`).
        """
        if self.locked_until is not None and at >= self.locked_until + FORGOTTEN_AFTER:
            self.failures = 0
        self.failures += 1
        beyond = self.failures - FREE_FAILURES
        if beyond >= 0:
            # 2^20 half minutes are a year: the exponent is kept small, whatever the count.
            self.locked_until = at + min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(beyond, 20))

    def take_back_failure(self) -> None:
        """What was counted before it was looked at was right, though not yet everything that is asked."""
        # If there is a wait, it is of this very count: nobody else was looked at since.
        self.failures, self.locked_until = max(0, self.failures - 1), None

    def note_success(self) -> None:
        """A right one: the count begins anew."""
        self.failures, self.locked_until = 0, None


class RecoveryCode(Base):
    """A code that stands in once for the authenticator app, when the phone is lost. Only its hash is here."""

    __tablename__ = "recovery_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    #: SHA-256: a code is one of 10^21, and is looked up by it.
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SignInKind(LabelledEnum):
    """How somebody came in."""

    PASSWORD = "password", "密码"
    DEVICE = "device", "进门码"


class SignIn(Base):
    """A browser that is signed in. Its cookie carries a random token of which only the hash is here."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_account", "account_id", "ended_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    kind: Mapped[SignInKind] = mapped_column(enum_column(SignInKind))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: Moved on at most once a minute, so that reading a page is not a write.
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: The end whatever happens; the idle end is reckoned from `seen_at`.
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: None while it is open; ended by signing out, by the owner on another device, by an administrator.
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(45), default="")
    #: "Firefox, Windows": made from what the browser says of itself.
    device: Mapped[str] = mapped_column(String(80), default="")

    account: Mapped[Account] = relationship()


class EntryCode(Base):
    """A one-time code that a liaison prints for a retiree, as characters and as a QR slip. Only its hash is here."""

    __tablename__ = "entry_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"), index=True)
    #: Keyed hash (HMAC-SHA-256): the code has to be found by it, so it cannot have a salt of its own.
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    issued_by_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    #: When it was used, or replaced by a newer one.
    spent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Hash of a random mark of the browser that used it, so that a button pressed twice is one entry; `ENDED` once that
    #: browser was signed out; "" of others.
    spent_by: Mapped[str] = mapped_column(String(64), default="")

    account: Mapped[Account] = relationship(foreign_keys=[account_id])


class LiaisonAssignment(Base):
    """A liaison officer who looks after a retiree, from when to when."""

    __tablename__ = "liaison_assignments"
    __table_args__ = (
        Index("ix_liaison_assignments_current", "account_id", "ended_at"),
        # One at a time for each retiree, whoever assigns at the same moment.
        Index(
            "uq_liaison_assignments_one_current",
            "expert_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id", ondelete="CASCADE"))
    expert_id: Mapped[int] = mapped_column(ForeignKey("experts.id", ondelete="CASCADE"), index=True)
    began_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    account: Mapped[Account] = relationship()
    expert: Mapped[Expert] = relationship()


class ApiToken(Base):
    """A key of another system of the county. It is shown once; only its hash is here."""

    __tablename__ = "api_tokens"
    __table_args__ = (UniqueConstraint("token_hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    #: Which system it was given to.
    name: Mapped[str] = mapped_column(String(60))
    #: First characters, by which its owner can tell which one it is.
    hint: Mapped[str] = mapped_column(String(12))
    token_hash: Mapped[str] = mapped_column(String(64))
    #: Values of `Permission`, separated by spaces.
    permissions: Mapped[str] = mapped_column(String(400))
    division_prefix: Mapped[str] = mapped_column(String(12), default="")
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    #: Moved on at most once a minute.
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def may(self, permission: Permission, at: datetime) -> bool:
        """Whether it opens this now."""
        return self.revoked_at is None and at < self.expires_at and permission.value in self.permissions.split()
