"""A writing transaction, for services that change few rows: it waits its turn, and says so when that takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from zhiku.domain.base import DomainError, begin_writing


class DatabaseBusy(DomainError):
    """Somebody else has been writing for too long (a large import); nothing was stored."""


@contextmanager
def writing(sessions: sessionmaker[Session]) -> Iterator[Session]:
    """A session whose transaction takes the write lock at its beginning. Raises `DatabaseBusy`."""
    try:
        with sessions() as session, session.begin():
            begin_writing(session)
            yield session
    except OperationalError as error:
        raise DatabaseBusy("系统正忙，刚才的操作没有完成，什么也没有改动。请过一两分钟再试一次。") from error
