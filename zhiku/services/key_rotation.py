"""Changing the key of the sensitive data: every encrypted value is written anew, in batches, while the service runs.

A kill between any two steps does no harm: the new key lies in the file before the database hears of it, and the
database has it before a value is encrypted with it. The next `rotate` goes on where this one ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, column, func, select, table, tuple_, update
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.sql.expression import ColumnClause, TableClause

from zhiku.domain.audit import Action, Note, append
from zhiku.domain.base import DomainError, begin_writing
from zhiku.domain.encryption import DataKey, Encrypted, Keyring, KeysUnusable, mark_of, place_of
from zhiku.domain.schema import metadata

#: Values written anew in one transaction: the service waits for a fraction of a second at most.
BATCH = 500

#: Values that cannot be read, as far as a message names them.
NAMED = 20


class KeyInUse(DomainError):
    """A key that something is still encrypted with, or that encrypts now."""


class KeyStore(Protocol):
    """Where the keys lie (`zhiku.persistence.installed_keys`)."""

    def checked(self) -> Keyring:
        """The keys as they lie there now, right for this database. Raises `KeysUnusable`."""

    def add(self) -> Keyring:
        """One more key. Raises `KeysUnusable`."""

    def register(self, keyring: Keyring) -> None:
        """Remember in the database that the newest key is one of its own."""

    def drop(self, key_id: str) -> str:
        """Take a key away; gives what is left to do by hand."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key, and how much is encrypted with it."""

    id: str
    created_at: datetime | None
    is_current: bool
    values: int


@dataclass(frozen=True, slots=True)
class RotationReport:
    """What one rotation did."""

    key_id: str
    rewritten: int
    #: Whether an earlier one was brought to its end; then no new key was made.
    was_resumed: bool
    #: "table/row" of values that could not be read and stayed as they were.
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """What `verify` found."""

    values: int
    damaged: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """An encrypted column, without its type: values are read as they are stored."""

    source: TableClause
    keys: tuple[ColumnClause[Any], ...]
    value: ColumnClause[Any]
    #: The columns that say whose a value is.
    owner: tuple[ColumnClause[Any], ...]

    def with_key(self, key_id: str) -> ColumnElement[bool]:
        return self.value.startswith(mark_of(key_id), autoescape=True)

    def read(self) -> Select[Any]:
        """Rows of keys, owner and value."""
        return select(*self.keys, *self.owner, self.value).where(self.value.is_not(None)).order_by(*self.keys)

    def key_of(self, row: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(row[: len(self.keys)])

    def place_of(self, row: Sequence[Any]) -> str:
        return place_of(f"{self.source.name}.{self.value.name}", row[len(self.keys) : -1])

    def name_of(self, row: Sequence[Any]) -> str:
        return f"{self.source.name}/{'-'.join(map(str, self.key_of(row)))}"


class KeyRotation:
    """The use cases of `zhiku keys`. The caller holds the lock of the installation."""

    def __init__(self, sessions: sessionmaker[Session], clock: Callable[[], datetime], keys: KeyStore) -> None:
        self._sessions = sessions
        self._clock = clock
        self._keys = keys

    def show(self) -> list[KeyState]:
        """All keys, the oldest first. Raises `KeysUnusable`."""
        keyring = self._keys.checked()
        with self._sessions() as session:
            registered: Mapping[str, datetime] = {row.id: row.created_at for row in session.scalars(select(DataKey))}
            counts = {key: _count(session, key) for key in {*keyring.keys, *registered}}
        order = sorted(counts, key=lambda key: (registered.get(key) is None, registered.get(key), key))
        return [KeyState(key, registered.get(key), key == keyring.current, counts[key]) for key in order]

    def rotate(self, progress: Callable[[int, int], None] | None = None) -> RotationReport:
        """Make a new key and write everything with it, or bring an earlier rotation to its end.

        `progress(done, total)` counts values. Raises `KeysUnusable`.
        """
        keyring = self._keys.checked()
        with self._sessions() as session:
            is_registered = session.get(DataKey, keyring.current) is not None
            is_unfinished = not is_registered or _count_others(session, keyring.current) > 0
        if not is_unfinished:
            keyring = self._keys.add()
        self._keys.register(keyring)
        rewritten, damaged = self._rewrite(keyring, progress)
        with self._sessions.begin() as session:
            begin_writing(session)
            changes = {"values": [None, rewritten], "damaged": [None, len(damaged)]}
            append(session, [Note(Action.ROTATED_KEYS, "data_key", keyring.current, changes)], self._clock())
        return RotationReport(keyring.current, rewritten, is_unfinished, tuple(damaged))

    def verify(self) -> KeyCheck:
        """Read every encrypted value. Raises `KeysUnusable` only where the keys themselves are unusable."""
        keyring = self._keys.checked()
        count, damaged = 0, []
        with self._sessions() as session:
            for one in _columns():
                for row in _all_rows(session, one):
                    count += 1
                    if _opened(keyring, one, row) is None:
                        damaged.append(one.name_of(row))
        return KeyCheck(count, tuple(damaged))

    def retire(self, key_id: str) -> str:
        """Forget a key that nothing is encrypted with; gives what is left to do by hand, "" where nothing is.

        Raises `KeyInUse`, `KeysUnusable`.
        """
        keyring = self._keys.checked()
        if key_id == keyring.current:
            raise KeyInUse(f"编号为 {key_id} 的密钥正在使用，不能停用。请先运行：zhiku keys rotate")
        with self._sessions.begin() as session:
            begin_writing(session)
            row = session.get(DataKey, key_id)
            if row is None and key_id not in keyring.keys:
                raise KeyInUse(f"没有编号为 {key_id} 的密钥。请运行 zhiku keys show 查看有哪些。")
            if count := _count(session, key_id):
                raise KeyInUse(
                    f"还有 {count} 条资料用编号为 {key_id} 的密钥加密，不能停用。请先运行：zhiku keys rotate"
                )
            if row is not None:
                session.delete(row)
                session.flush()
            append(session, [Note(Action.DELETED, "data_key", key_id)], self._clock())
        # Only now: a database that still asks for a key would not open without it.
        return self._keys.drop(key_id)

    def _rewrite(self, keyring: Keyring, progress: Callable[[int, int], None] | None) -> tuple[int, list[str]]:
        with self._sessions() as session:
            total = _count_others(session, keyring.current)
        done, damaged = 0, []
        for one in _columns():
            last: tuple[Any, ...] | None = None
            while True:
                with self._sessions.begin() as session:
                    begin_writing(session)
                    rows = _other_rows(session, one, keyring.current, last)
                    for row in rows:
                        text = _opened(keyring, one, row)
                        if text is None:
                            damaged.append(one.name_of(row))
                            continue
                        is_this = and_(*(key == value for key, value in zip(one.keys, one.key_of(row), strict=True)))
                        # Nobody's change of this moment is overwritten.
                        session.connection().execute(
                            update(one.source)
                            .where(is_this, one.value == row[-1])
                            .values({one.value: keyring.encrypt(text, one.place_of(row))})
                        )
                        done += 1
                if not rows:
                    break
                last = one.key_of(rows[-1])
                if progress is not None:
                    progress(done, max(total, done))
        return done, damaged


def _columns() -> Iterator[_Column]:
    """Every encrypted column of the schema."""
    for whole in metadata.sorted_tables:
        for encrypted in whole.columns:
            if isinstance(encrypted.type, Encrypted):
                keys: tuple[ColumnClause[Any], ...] = tuple(column(key.name) for key in whole.primary_key.columns)
                value: ColumnClause[Any] = column(encrypted.name)
                owner: tuple[ColumnClause[Any], ...] = tuple(column(name) for name in encrypted.type.bound_to)
                named = {one.name: one for one in (*owner, *keys, value)}
                yield _Column(table(whole.name, *named.values()), keys, value, owner)


def _other_rows(session: Session, one: _Column, current: str, last: tuple[Any, ...] | None) -> Sequence[Any]:
    statement = one.read().where(~one.with_key(current))
    if last is not None:
        statement = statement.where(_behind(one, last))
    return session.connection().execute(statement.limit(BATCH)).all()


def _all_rows(session: Session, one: _Column) -> Iterator[Any]:
    last: tuple[Any, ...] | None = None
    while True:
        statement = one.read()
        if last is not None:
            statement = statement.where(_behind(one, last))
        rows = session.connection().execute(statement.limit(BATCH)).all()
        yield from rows
        if not rows:
            return
        last = one.key_of(rows[-1])


def _behind(one: _Column, last: tuple[Any, ...]) -> ColumnElement[bool]:
    if len(one.keys) == 1:
        return one.keys[0] > last[0]
    return tuple_(*one.keys) > tuple_(*last)


def _count(session: Session, key_id: str) -> int:
    connection = session.connection()
    return sum(
        connection.scalar(select(func.count()).select_from(one.source).where(one.with_key(key_id))) or 0
        for one in _columns()
    )


def _count_others(session: Session, current: str) -> int:
    connection = session.connection()
    is_other = ((one, and_(one.value.is_not(None), ~one.with_key(current))) for one in _columns())
    return sum(
        connection.scalar(select(func.count()).select_from(one.source).where(where)) or 0 for one, where in is_other
    )


def _opened(keyring: Keyring, one: _Column, row: Sequence[Any]) -> str | None:
    """The text of a stored value; None where it cannot be read."""
    try:
        return keyring.decrypt(str(row[-1]), one.place_of(row))
    except KeysUnusable:
        return None
