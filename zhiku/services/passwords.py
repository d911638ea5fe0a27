"""Passwords of the staff: how they are kept, and which ones are accepted.

Kept by Argon2id with the second recommendation of RFC 9106 (64 MiB, 3 passes, 4 lanes). Accepted for their length and
for not being guessable (NIST SP 800-63B: no rules of composition, no change without a cause), in the form of NFKC, so
that a keyboard that types full-width letters gives the same password.
"""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata
from collections.abc import Collection

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from zhiku.domain.base import DomainError
from zhiku.services.guessable import is_guessable

MIN_LENGTH = 10
MAX_LENGTH = 200

#: Hashes that one process computes at the same moment: each takes 64 MiB, and a flood of guesses must not take all.
AT_ONCE = 2


class PasswordNotAcceptable(DomainError):
    """A new password that is too short, too long, or too easily guessed."""


class Passwords:
    """Hashes, verifies and judges passwords. Safe for threads."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        """Other parameters make the tests fast; hashes made with others than these are renewed at the next sign-in."""
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._places = threading.BoundedSemaphore(AT_ONCE)
        # Nobody's: as long to verify as a real one, and never right. It need not be computed, only look like one.
        salt, digest = (secrets.token_bytes(size) for size in (parameters.salt_len, parameters.hash_len))
        self._nobodys = (
            f"$argon2id$v={parameters.version}$m={parameters.memory_cost},t={parameters.time_cost},"
            f"p={parameters.parallelism}${_base64(salt)}${_base64(digest)}"
        )

    def hash(self, password: str) -> str:
        """How a password is kept."""
        with self._places:
            return self._hasher.hash(_bytes(password))

    def verify(self, kept: str | None, password: str) -> bool:
        """Whether this is the password; for None it takes as long, and it is not."""
        is_possible = kept is not None and len(password) <= MAX_LENGTH
        with self._places:
            try:
                self._hasher.verify(kept if kept and is_possible else self._nobodys, _bytes(password[:MAX_LENGTH]))
            except (VerificationError, InvalidHashError):
                return False
        return is_possible

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than now."""
        return self._hasher.check_needs_rehash(kept)

    def check(self, password: str, sign_in_name: str = "", own_words: Collection[str] = ()) -> None:
        """Raise `PasswordNotAcceptable` unless it may be a new password of the owner of these words."""
        normal = unicodedata.normalize("NFKC", password[: MAX_LENGTH + 1])
        if not normal.strip():
            raise PasswordNotAcceptable(f"请填写新密码，至少 {MIN_LENGTH} 个字符。")
        if len(normal) < MIN_LENGTH:
            raise PasswordNotAcceptable(
                f"密码只有 {len(normal)} 个字符，至少要 {MIN_LENGTH} 个。想一句只有自己知道的话，打出它的拼音，又长又好记。"
            )
        if len(password) > MAX_LENGTH or len(normal) > MAX_LENGTH:
            raise PasswordNotAcceptable(f"密码太长，最多 {MAX_LENGTH} 个字符，请删短一些。")
        if sign_in_name and sign_in_name.casefold() in normal.casefold():
            raise PasswordNotAcceptable("密码里不能有您的登录名，请换一个。")
        if is_guessable(normal, own_words):
            raise PasswordNotAcceptable(
                "这个密码太好猜：是大家常用的密码，或者只由常用词、姓名、地名、日期、键盘上连着的键拼成。"
                "请想一句只有自己知道的话，打出它的拼音，六个字以上。"
            )


def _bytes(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")
