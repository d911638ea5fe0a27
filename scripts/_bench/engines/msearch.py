"""flask-msearch with its Whoosh backend: rows of a Flask-SQLAlchemy model, indexed by its own `create_index`.

Left to itself it commits the index after every row, inside the request's own commit (`index_signal`); its bulk way,
which is measured here, opens one writer, adds row after row, and commits once.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import INSTALL, Contestant, PeerMissing, size_of
from _bench.reference import TOP, whoosh_formula

#: Rows stored at once.
BATCH = 500


class FlaskMsearch(Contestant):
    """Building is from the rows to the index; filling the database is not its work and is not timed: `prepare`."""

    name = "flask-msearch"
    is_slow = True
    largest = 5_000

    def __init__(self, folder: Path) -> None:
        try:
            import flask_msearch  # noqa: F401
            import flask_sqlalchemy  # noqa: F401
        except ImportError as error:
            raise PeerMissing(f"flask-msearch is left out ({error}). Install it with: {INSTALL}") from error
        self.formula = whoosh_formula()
        self.folder = folder
        self._app: Any = None
        self._model: Any = None
        self._search: Any = None

    def prepare(self, corpus: Corpus, times: int) -> None:
        """Put the rows into its database."""
        self.folder.mkdir(parents=True)
        self._wire()
        database = self._app.extensions["sqlalchemy"]
        with self._app.app_context():
            database.create_all()
            rows: list[dict[str, object]] = []
            for number, words, grams in corpus.joined(times):
                rows.append({"id": number + 1, "words": words, "grams": grams})
                if len(rows) == BATCH:
                    database.session.execute(self._model.__table__.insert(), rows)
                    rows = []
            if rows:
                database.session.execute(self._model.__table__.insert(), rows)
            database.session.commit()

    def build(self, corpus: Corpus, times: int) -> None:
        with self._app.app_context():
            self._search.create_index(self._model)

    def open(self) -> None:
        self._wire()

    def ask(self, query: Query) -> list[int]:
        clauses = [f"words:{_quoted(word)}" for word in query.words]
        clauses += [f"grams:{_quoted(gram)}" for gram in query.grams]
        # limit is a maximum for its parser's Or of all clauses.
        found = self._search.msearch(self._model, " ".join(clauses), fields=["words", "grams"], limit=TOP)
        return [int(hit["id"]) - 1 for hit in found]

    def close(self) -> None:
        if self._app is not None:
            with self._app.app_context():
                self._app.extensions["sqlalchemy"].engine.dispose()
        self._app = self._model = self._search = None

    def size(self) -> int:
        return size_of(self.folder / "index")

    def _wire(self) -> None:
        from flask import Flask
        from flask_msearch import Search
        from flask_sqlalchemy import SQLAlchemy
        from whoosh.analysis import SpaceSeparatedTokenizer

        self.close()
        app = Flask("bench")
        app.config.update(
            SQLALCHEMY_DATABASE_URI=f"sqlite:///{(self.folder / 'rows.db').as_posix()}",
            MSEARCH_BACKEND="whoosh",
            MSEARCH_INDEX_NAME=str(self.folder / "index"),
            MSEARCH_LOGGER=logging.ERROR,
            MSEARCH_ENABLE=False,
        )
        database = SQLAlchemy(app)

        class Text(database.Model):  # type: ignore[name-defined]
            __tablename__ = "texts"
            __searchable__ = ["words", "grams"]
            id = database.Column(database.Integer, primary_key=True)
            words = database.Column(database.Text)
            grams = database.Column(database.Text)

        self._app, self._model = app, Text
        self._search = Search(app, database, analyzer=SpaceSeparatedTokenizer())


def _quoted(term: str) -> str:
    """A term that its query parser takes as it stands."""
    return term if term.isalnum() else "'" + term.replace("'", "") + "'"
