"""Columns that are encrypted at rest: AES-256-GCM, with the id of the key beside every value.

A stored value is `v1:<key id>:<base64 of nonce and ciphertext>`. The associated data is the name of the column, so that
a value that somebody moves to another column no longer opens. The keys come with the database engine
(`dialect.keyring`, set in `zhiku.persistence.session`): a database that was opened without them cannot read or write
such a column.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from zhiku.domain.base import Base, DomainError, UtcDateTime

#: Bytes of a key, and of the nonce before each ciphertext (NIST SP 800-38D, 8.2: 96 bits, random).
KEY_BYTES = 32
_NONCE_BYTES = 12

_VERSION = "v1"


class KeysUnusable(DomainError):
    """The keys of the sensitive data are missing, damaged, or not those that a value was encrypted with."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys there are, by id, and which one encrypts."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def encrypt(self, text: str, column: str) -> str:
        """A value for the database; `column` is its "table.column"."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), column.encode())
        return f"{_VERSION}:{self.current}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, stored: str, column: str) -> str:
        """What `encrypt` was given. Raises `KeysUnusable`."""
        version, _, rest = stored.partition(":")
        key_id, _, sealed = rest.partition(":")
        if version != _VERSION:
            raise KeysUnusable("敏感资料的存储格式不认识，可能被改动过。请用备份核对数据库。")
        if key_id not in self.keys:
            raise KeysUnusable(f"缺少编号为 {key_id} 的密钥，这部分敏感资料打不开。请把原来的密钥文件放回去。")
        try:
            raw = base64.b64decode(sealed, validate=True)
            return AESGCM(self.keys[key_id]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], column.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise KeysUnusable(
                f"编号为 {key_id} 的密钥打不开这部分敏感资料：密钥不对，或者资料被改动过。请换回原来的密钥文件。"
            ) from error

    @staticmethod
    def key_id_of(stored: str) -> str:
        """The id of the key that a stored value was encrypted with."""
        return stored.split(":", 2)[1] if stored.count(":") >= 2 else ""


def keyring_of(dialect: Dialect) -> Keyring:
    """The keys that the engine was opened with. Raises `KeysUnusable`."""
    keyring = getattr(dialect, "keyring", None)
    if not isinstance(keyring, Keyring):
        raise KeysUnusable("没有打开敏感资料的密钥。请检查密钥文件。")
    return keyring


class DataKey(Base):
    """A key that this database was written with, by its id: never the key itself, but a known text encrypted with it.

    It tells a wrong key file from the right one before anything is read or written with it.
    """

    __tablename__ = "data_keys"

    id: Mapped[str] = mapped_column(String(20), primary_key=True)
    check: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Encrypted(TypeDecorator[str]):
    """Text that lies encrypted in the database. Two equal texts look different there: it cannot be searched."""

    impl = Text
    cache_ok = True

    def __init__(self, column: str = "") -> None:
        """`column` is the "table.column" it belongs to."""
        super().__init__()
        self.column = column

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else keyring_of(dialect).encrypt(value, self.column)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else keyring_of(dialect).decrypt(str(value), self.column)
