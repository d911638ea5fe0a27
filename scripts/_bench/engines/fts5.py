"""SQLite's FTS5, as the `sqlite3` of this Python has it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import Contestant, PeerMissing
from _bench.reference import TOP, fts5_formula


class Fts5(Contestant):
    """One table of two columns with the tokenizer unicode61, told which characters our terms have."""

    name = "fts5"

    def __init__(self, folder: Path) -> None:
        self.formula = fts5_formula()
        self.path = folder / "fts5.db"
        self._connection: sqlite3.Connection | None = None
        with sqlite3.connect(":memory:") as connection:
            try:
                connection.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
            except sqlite3.OperationalError as error:
                raise PeerMissing(
                    f"fts5 is left out: the SQLite {sqlite3.sqlite_version} of this Python was built without it "
                    f"({error}). Install a Python whose sqlite3 has FTS5."
                ) from error
            finally:
                connection.rollback()
        connection.close()

    def build(self, corpus: Corpus, times: int) -> None:
        self.path.parent.mkdir(parents=True)
        connection = sqlite3.connect(self.path)
        marks = "".join(sorted(_marks(corpus))).replace("'", "''''").replace('"', '""')
        tokenize = f"unicode61 remove_diacritics 0 tokenchars ''{marks}''" if marks else "unicode61 remove_diacritics 0"
        connection.execute(f"CREATE VIRTUAL TABLE texts USING fts5(words, grams, content='', tokenize='{tokenize}')")
        rows = ((number + 1, words, grams) for number, words, grams in corpus.joined(times))
        with connection:
            connection.executemany("INSERT INTO texts (rowid, words, grams) VALUES (?, ?, ?)", rows)
        connection.close()

    def open(self) -> None:
        self._connection = sqlite3.connect(self.path)
        # Opening reads the schema only with the first statement.
        self._connection.execute("SELECT rowid FROM texts LIMIT 1").fetchall()

    def ask(self, query: Query) -> list[int]:
        assert self._connection is not None
        clauses = [f"words : ({_any(query.words)})"] if query.words else []
        clauses += [f"grams : ({_any(query.grams)})"] if query.grams else []
        # `rank` is bm25() and lets SQLite keep only the best ones (sqlite.org/fts5.html, section 5.2).
        rows = self._connection.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rank LIMIT ?", (" OR ".join(clauses), TOP)
        )
        return [number - 1 for (number,) in rows]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def size(self) -> int:
        return self.path.stat().st_size


def _any(terms: tuple[str, ...]) -> str:
    return " OR ".join('"' + term.replace('"', '""') + '"' for term in terms)


def _marks(corpus: Corpus) -> set[str]:
    """Characters of terms that unicode61 would, or might by its old tables, take for a space."""
    groups = (group for terms in corpus.terms for group in (terms.words, terms.grams))
    characters = {character for group in groups for term in group for character in term}
    return {one for one in characters if not (one.isascii() and one.isalnum()) and not "一" <= one <= "鿿"}
