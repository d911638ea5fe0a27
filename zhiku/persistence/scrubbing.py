"""What was deleted is gone from the files of the database too, not only from its tables.

SQLite overwrites deleted content with zeros (`PRAGMA secure_delete`, set for every connection), but older versions of
its pages lie in the log beside it until that is emptied, and what was deleted before the pragma was set lies in pages
that are free. PostgreSQL keeps rows until its VACUUM, and its log until it is archived: docs/operations.md.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import Engine

log = logging.getLogger(__name__)

#: Readers that began before keep the log from being emptied: tries, and seconds between. A page takes a second at most.
_TRIES, _WAIT = 20, 0.1


def scrub(engine: Engine) -> bool:
    """Empty the log; whether it is empty. Where a reader is in the way for long, the next call does it."""
    if engine.dialect.name != "sqlite":
        return True
    for _ in range(_TRIES):
        if _checkpoint(engine):
            return True
        time.sleep(_WAIT)
    log.warning("the log of the database could not be emptied now: somebody reads in it")
    return False


def compact(engine: Engine) -> bool:
    """Write the database anew without its free pages, then empty the log; whether that worked.

    Waits for writers, and they for it: a second for a hundred megabytes.
    """
    if engine.dialect.name != "sqlite":
        return True
    if not _by_driver(engine, "VACUUM")[0]:
        return False
    return scrub(engine)


def _checkpoint(engine: Engine) -> bool:
    has_worked, answer = _by_driver(engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    # Its first number says whether somebody was in the way.
    return has_worked and answer is not None and answer[0] == 0


def _by_driver(engine: Engine, statement: str) -> tuple[bool, Any]:
    """Past SQLAlchemy, which would begin a transaction, and both are refused within one; whether it worked, and the
    first row of the answer."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(statement)
        answer = cursor.fetchone()
        cursor.close()
        return True, answer
    except engine.dialect.loaded_dbapi.Error as error:
        log.warning("the files of the database could not be cleaned: %s", error)
        return False, None
    finally:
        raw.close()
