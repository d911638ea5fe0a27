"""What was deleted is gone from the files of the database too, not only from its tables.

SQLite overwrites deleted content with zeros (`PRAGMA secure_delete`, set for every connection), but older versions of
its pages lie in the log beside it until that is emptied, and what was deleted before the pragma was set lies in pages
that are free. PostgreSQL keeps rows until its VACUUM, and its log until it is archived: docs/operations.md.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

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
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
    except DBAPIError as error:
        log.warning("the database could not be written anew: %s", error.orig)
        return False
    return scrub(engine)


def _checkpoint(engine: Engine) -> bool:
    # By the driver: a checkpoint is refused within a transaction, which SQLAlchemy would begin.
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        answer = cursor.fetchone()
        cursor.close()
        # Its first number says whether somebody was in the way.
        return answer is not None and answer[0] == 0
    except Exception as error:
        log.warning("the log of the database could not be emptied: %s", error)
        return False
    finally:
        raw.close()
