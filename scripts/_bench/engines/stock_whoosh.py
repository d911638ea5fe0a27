"""Whoosh as it comes: its own codec, matchers and BM25F, over fields of terms joined by spaces."""

from __future__ import annotations

from pathlib import Path

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import Contestant, size_of
from _bench.reference import TOP, whoosh_formula
from whoosh.analysis import SpaceSeparatedTokenizer
from whoosh.fields import NUMERIC, TEXT, Schema
from whoosh.index import FileIndex, create_in, open_dir
from whoosh.query import Or, Term
from whoosh.searching import Searcher


class StockWhoosh(Contestant):
    """One writer with its defaults, one commit."""

    name = "whoosh"
    is_slow = True
    largest = 25_000

    def __init__(self, folder: Path) -> None:
        self.formula = whoosh_formula()
        self.folder = folder
        self._index: FileIndex | None = None
        self._searcher: Searcher | None = None

    def build(self, corpus: Corpus, times: int) -> None:
        self.folder.mkdir(parents=True)
        terms = TEXT(analyzer=SpaceSeparatedTokenizer())
        index = create_in(str(self.folder), Schema(number=NUMERIC(stored=True), words=terms, grams=terms))
        writer = index.writer()
        for number, words, grams in corpus.joined(times):
            writer.add_document(number=number, words=words, grams=grams)
        writer.commit()
        index.close()

    def open(self) -> None:
        self._index = open_dir(str(self.folder))
        self._searcher = self._index.searcher()

    def ask(self, query: Query) -> list[int]:
        assert self._searcher is not None
        terms = [Term("words", word) for word in query.words] + [Term("grams", gram) for gram in query.grams]
        return [int(hit["number"]) for hit in self._searcher.search(Or(terms), limit=TOP)]

    def close(self) -> None:
        if self._searcher is not None:
            self._searcher.close()
        if self._index is not None:
            self._index.close()
        self._searcher = self._index = None

    def size(self) -> int:
        return size_of(self.folder)
