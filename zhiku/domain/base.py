"""What all models share: the declarative base, constraint names, aware UTC times and enums with Chinese labels."""

from __future__ import annotations

import enum
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import DateTime, Enum, MetaData
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

#: Named constraints, so that Alembic can change them on every database.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The declarative base of every model."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC; a naive one is a programming error and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: times in zhiku are aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        # SQLite has no time zones and hands back what it stored: UTC.
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value


class LabelledEnum(enum.Enum):
    """An enum stored by its English value and shown by its Chinese label: `MALE = "male", "男"`."""

    label: str

    def __new__(cls, value: str, label: str) -> Self:
        member = object.__new__(cls)
        member._value_ = value
        member.label = label
        return member

    @classmethod
    def from_value(cls, value: str) -> Self:
        """The member with this stored value; raises `ValueError` naming the values there are."""
        for member in cls:
            if member.value == value:
                return member
        raise ValueError("、".join(member.value for member in cls))

    @classmethod
    def from_label(cls, label: str) -> Self:
        """The member with this Chinese label; raises `ValueError` naming the labels there are."""
        for member in cls:
            if member.label == label:
                return member
        raise ValueError("、".join(member.label for member in cls))


def enum_column(enum_class: type[LabelledEnum]) -> Enum:
    """A column type that stores the enum's values as text with a CHECK, alike on SQLite and PostgreSQL."""

    def values(members: Any) -> list[str]:
        return [member.value for member in members]

    return Enum(
        enum_class,
        values_callable=values,
        native_enum=False,
        create_constraint=True,
        length=24,
        name=enum_class.__name__,
    )


def begin_writing(session: Session, lock_wait_ms: int | None = None) -> None:
    """Start this session's transaction as a writing one. Call before its first statement.

    What is not worth a long wait for other writers says how long it waits at most.
    """
    options: dict[str, Any] = {"is_writing": True}
    if lock_wait_ms is not None:
        options["lock_wait_ms"] = lock_wait_ms
    session.connection(execution_options=options)


class DomainError(Exception):
    """Something the domain refuses. `str(error)` is a Chinese sentence for the user."""
