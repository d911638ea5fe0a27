"""Vectors that were made before, in a file: only text that is new is ever encoded again.

One SQLite file an encoder, for any number of processes and threads. It can always be made anew, so nothing that
happens to it is an error for anybody: a damaged file is moved aside, and while a file cannot be written (full disk,
rights, a lock) vectors are made and not kept. A kill at any moment loses at most the block that was being encoded.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zhiku.analysis.clauses import CLAUSE_RULE, clause_key
from zhiku.analysis.encoder import Encoder, quantise

logger = logging.getLogger(__name__)

#: Texts encoded, and stored, at once: a few seconds of work.
BLOCK = 1024

#: Rows asked of SQLite at once: 8 MB.
_ROWS_AT_ONCE = 16_000

#: How long another process may hold the file before this one goes on without, in seconds.
_PATIENCE = 10.0

#: Raised when what is kept in a row changes.
_FORMAT = 1

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


class VectorCache:
    """Quantised vectors of texts by one encoder, kept in a folder. May be used by several threads at once."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self.encoder = encoder
        #: Vectors of different encoders, or of different versions of one, cannot be compared.
        self.identity = f"{encoder.name} {encoder.version} {CLAUSE_RULE}"
        self.dimensions = encoder.dimensions
        self.path = folder / f"vectors-{encoder.name}-{encoder.version}-{CLAUSE_RULE}.{_FORMAT}.sqlite"
        size = encoder.dimensions
        # Filled up to whole 32-bit words.
        self._row = np.dtype(
            [("check", "<u4"), ("scale", "<f4"), ("vector", "i1", (size,)), ("filling", "i1", (-size % 4,))]
        )

    def vectors(
        self,
        texts: Sequence[str],
        keys: Sequence[int] | NDArray[np.int64] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
        """Quantised vectors `(n, dimensions)` of n texts and their scales `(n,)`, as `quantise` makes them.

        `keys` are the texts' `clause_key`s where the caller has them already. `progress` is called with how many
        texts of how many have been encoded, and not at all where all are known. Raises `EncoderMissing`.
        """
        given = np.array([clause_key(text) for text in texts] if keys is None else keys, dtype=np.int64)
        if len(given) != len(texts):
            raise ValueError(f"{len(given)} keys for {len(texts)} texts")
        distinct, first, places = np.unique(given, return_index=True, return_inverse=True)
        rows, is_known = self._look_up(distinct)
        missing = np.flatnonzero(~is_known)
        for start in range(0, len(missing), BLOCK):
            block = missing[start : start + BLOCK]
            vectors, scales = quantise(self.encoder.encode([texts[position] for position in first[block]]))
            rows["vector"][block] = vectors
            rows["scale"][block] = scales
            rows["check"][block] = _checks(rows[block])
            self._store(distinct[block], rows[block])
            if progress is not None:
                progress(start + len(block), len(missing))
        return rows["vector"][places], rows["scale"][places]

    def forget_unused(self, keys_in_use: Iterable[int]) -> int:
        """Delete every vector but those of these keys, and what other encoders left; how many vectors were deleted.

        For the end of a rebuild: what was withdrawn is not kept for ever.
        """
        for path in self.path.parent.glob("vectors-*.sqlite*"):
            if not path.name.startswith(self.path.name) or path.suffix == ".damaged":
                self._remove(path)
        deleted = 0
        with self._opened("forgetting") as connection:
            if connection is not None:
                held = np.fromiter((key for (key,) in connection.execute("SELECT key FROM vectors")), np.int64)
                unused = np.setdiff1d(held, np.fromiter(keys_in_use, np.int64))
                connection.executemany("DELETE FROM vectors WHERE key = ?", ((key,) for key in unused.tolist()))
                connection.commit()
                deleted = len(unused)
                if deleted:
                    # What was deleted goes from the log and, with secure_delete, from the file as well.
                    connection.execute("PRAGMA incremental_vacuum").fetchall()
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted

    def _look_up(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
        """Rows of these distinct, sorted keys, and which of them are known; the others are zero."""
        rows = np.zeros(len(keys), dtype=self._row)
        is_known = np.zeros(len(keys), dtype=bool)
        with self._opened("reading") as connection:
            for start in range(0, len(keys) if connection is not None else 0, _ROWS_AT_ONCE):
                wanted = keys[start : start + _ROWS_AT_ONCE]
                assert connection is not None
                found = connection.execute(
                    "SELECT key, row FROM vectors WHERE key IN (SELECT value FROM json_each(?))"
                    " AND typeof(row) = 'blob' AND length(row) = ?",
                    (json.dumps(wanted.tolist()), self._row.itemsize),
                ).fetchall()
                read = np.frombuffer(b"".join(row for _, row in found), dtype=self._row)
                is_sound = read["check"] == _checks(read)
                places = np.searchsorted(keys, np.array([key for key, _ in found], dtype=np.int64))[is_sound]
                rows[places] = read[is_sound]
                is_known[places] = True
        return rows, is_known

    def _store(self, keys: NDArray[np.int64], rows: NDArray[np.void]) -> None:
        with self._opened("writing") as connection:
            if connection is not None:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                    ((key, row.tobytes()) for key, row in zip(keys.tolist(), rows, strict=True)),
                )
                connection.commit()

    @contextmanager
    def _opened(self, doing: str) -> Iterator[sqlite3.Connection | None]:
        """The file, opened; None where it cannot be. What goes wrong with it ends the block and is logged."""
        connection = None
        try:
            connection = self._open()
        except (sqlite3.Error, OSError) as error:
            self._give_up(doing, error)
            # A file that was moved aside is begun anew at once.
            if _is_damage(error):
                try:
                    connection = self._open()
                except (sqlite3.Error, OSError) as second:
                    self._give_up(doing, second)
        if connection is None:
            yield None
            return
        with closing(connection):
            try:
                yield connection
            except sqlite3.Error as error:
                connection.close()
                self._give_up(doing, error)

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Made here, because SQLite would let others read it; what it puts beside gets the same rights. A file that is
        # there is not opened: closing it would drop the locks of this process's other connections (POSIX).
        with suppress(FileExistsError):
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(self.path, timeout=_PATIENCE)
        try:
            # Larger pages: rows of half a kilobyte are read a third faster. Both count for a new file only.
            connection.execute("PRAGMA page_size = 16384")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("CREATE TABLE IF NOT EXISTS vectors (key INTEGER PRIMARY KEY, row BLOB NOT NULL)")
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_up(self, doing: str, error: Exception) -> None:
        """Log what went wrong, and move a damaged file aside."""
        if not _is_damage(error):
            logger.warning("vector cache not used for %s: %s", doing, error)
            return
        logger.warning("vector cache damaged (%s): moved aside, begun anew", error)
        try:
            os.replace(self.path, self.path.with_name(self.path.name + ".damaged"))
        except OSError as refused:
            logger.warning("damaged vector cache could not be moved aside: %s", refused.strerror)
            return
        for ending in ("-wal", "-shm"):
            self._remove(self.path.with_name(self.path.name + ending))

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as refused:
            logger.warning("old vector cache could not be deleted: %s", refused.strerror)


def _is_damage(error: Exception) -> bool:
    # The lowest byte is the kind of error, what stands above only its finer sort.
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _checks(rows: NDArray[np.void]) -> NDArray[np.uint32]:
    """A number for each row's content `(n,)`, stored beside it: SQLite does not notice a changed byte.

    A sum of its 32-bit words, each times an odd number of its own, modulo 2^32: no change of one word keeps it.
    """
    words = rows.view("<u4").reshape(len(rows), rows.itemsize // 4)[:, 1:]
    factors = np.arange(words.shape[1], dtype=np.uint32) * np.uint32(2654435762) + np.uint32(1)
    return (words * factors).sum(axis=1, dtype=np.uint32)
