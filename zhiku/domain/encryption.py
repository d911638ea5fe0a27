"""Columns that are encrypted at rest: AES-256-GCM, with the id of the key beside every value.

A stored value is `v2:<key id>:<base64 of nonce and ciphertext>`. The associated data names the column and whose value
it is, so that a value that somebody moves to another column or to another person's row no longer opens. (v1 named the
column only; no release wrote it, and it is not read.) The keys come with the database engine (`dialect.keyring`, set
in `zhiku.persistence.session`): a database that was opened without them cannot read or write such a column.

A column type sees values, not rows. So what is read from the database is a `SealedText`, which its row opens; and what
a row is to store is a `TextToSeal`, which knows its row. Models show both as text by `Opened`.
"""

from __future__ import annotations

import base64
import enum
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Self, TypeVar, cast, overload

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

_VERSION = "v2"

T = TypeVar("T", str, "str | None")


class KeysUnusable(DomainError):
    """The keys of the sensitive data are missing, damaged, or not those that a value was encrypted with."""


class FormatUnknown(KeysUnusable):
    """A stored value is in no form that this version reads."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys there are, by id, and which one encrypts."""

    current: str
    keys: Mapping[str, bytes] = field(repr=False)

    def encrypt(self, text: str, place: str) -> str:
        """A value for the database; `place` says where it belongs (`place_of`)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + AESGCM(self.keys[self.current]).encrypt(nonce, text.encode(), place.encode())
        return f"{_VERSION}:{self.current}:{base64.b64encode(sealed).decode()}"

    def decrypt(self, stored: str, place: str) -> str:
        """What `encrypt` was given with the same place. Raises `KeysUnusable`."""
        version, _, rest = stored.partition(":")
        key_id, _, sealed = rest.partition(":")
        if version != _VERSION:
            raise FormatUnknown(
                "敏感资料的存储格式不认识，可能被改动过，或是由另一个版本的程序保存。请用备份核对数据库。"
            )
        if key_id not in self.keys:
            raise KeysUnusable(f"缺少编号为 {key_id} 的密钥，这部分敏感资料打不开。请把原来的密钥文件放回去。")
        try:
            raw = base64.b64decode(sealed, validate=True)
            return AESGCM(self.keys[key_id]).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], place.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise KeysUnusable(
                f"编号为 {key_id} 的密钥打不开这部分敏感资料：密钥不对，或者这条资料被改动过，或是从别的记录挪来的。"
                "请换回原来的密钥文件；密钥没有错，就请用备份核对数据库。"
            ) from error


def mark_of(key_id: str) -> str:
    """What every value that this key encrypted begins with."""
    return f"{_VERSION}:{key_id}:"


def place_of(column: str, row_key: Iterable[Any]) -> str:
    """What a value is bound to: its "table.column", and the values of the columns that say whose it is."""
    parts = [value.value if isinstance(value, enum.Enum) else value for value in row_key]
    if None in parts:
        raise ValueError(f"{column}: whose value it is is not known before the row is stored; flush it first")
    return ":".join([column, *map(str, parts)])


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


@dataclass(frozen=True, slots=True, eq=False)
class SealedText:
    """A value as it lies in the database."""

    stored: str = field(repr=False)
    column: str
    keyring: Keyring = field(repr=False)

    def open(self, *row_key: Any) -> str:
        """The text, for the row that it was stored in. Raises `KeysUnusable`, also for a value of another row."""
        return self.keyring.decrypt(self.stored, place_of(self.column, row_key))


@dataclass(frozen=True, slots=True, eq=False)
class TextToSeal:
    """A text that a row is to store; whose it is is asked when it is stored."""

    text: str = field(repr=False)
    row: Any = field(repr=False)


class Encrypted(TypeDecorator[SealedText | TextToSeal]):
    """Text that lies encrypted in the database. Two equal texts look different there: it cannot be searched."""

    impl = Text
    cache_ok = True

    def __init__(self, column: str = "", bound_to: tuple[str, ...] = ()) -> None:
        """`column` is the "table.column" it is; `bound_to` the columns of its table that say whose value it is, and
        never change."""
        super().__init__()
        self.column = column
        self.bound_to = bound_to

    def process_bind_param(self, value: SealedText | TextToSeal | None, dialect: Dialect) -> str | None:
        if value is None or isinstance(value, SealedText):
            return None if value is None else value.stored
        place = place_of(self.column, (getattr(value.row, name) for name in self.bound_to))
        return keyring_of(dialect).encrypt(value.text, place)

    def process_result_value(self, value: Any, dialect: Dialect) -> SealedText | None:
        return None if value is None else SealedText(str(value), self.column, keyring_of(dialect))


class Opened(Generic[T]):
    """An attribute of a model: the text of its encrypted column, which is mapped under the name `sealed`.

    Reading it raises `KeysUnusable` where the value is not this row's, or its key is not here.
    """

    def __init__(self, sealed: str) -> None:
        self._sealed = sealed

    @overload
    def __get__(self, row: None, model: type[Base]) -> Self: ...

    @overload
    def __get__(self, row: Base, model: type[Base]) -> T: ...

    def __get__(self, row: Base | None, model: type[Base]) -> Any:
        if row is None:
            return self
        value: Any = getattr(row, self._sealed)
        if isinstance(value, SealedText):
            bound_to = cast(Encrypted, model.__table__.c[value.column.partition(".")[2]].type).bound_to
            return value.open(*(getattr(row, name) for name in bound_to))
        # None, where the column may be, or a text that is still to be stored.
        return value.text if value is not None else value

    def __set__(self, row: Base, text: T) -> None:
        setattr(row, self._sealed, None if text is None else TextToSeal(text, row))
