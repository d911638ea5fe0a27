"""tantivy, through its Python bindings, with the defaults of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import INSTALL, Contestant, PeerMissing, size_of
from _bench.reference import TOP, tantivy_formula


class Tantivy(Contestant):
    """Text fields cut at spaces; document numbers in a fast field. Counts all matches, as it does by default and as
    zhiku does; `counts = False` lets it skip documents that cannot reach the top ten."""

    name = "tantivy"
    counts = True

    def __init__(self, folder: Path) -> None:
        try:
            import tantivy
        except ImportError as error:
            raise PeerMissing(f"{self.name} is left out ({error}). Install it with: {INSTALL}") from error
        self.formula = tantivy_formula()
        self.folder = folder
        self._tantivy: Any = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("number", fast=True)
        for field in ("words", "grams"):
            builder.add_text_field(field, tokenizer_name="whitespace")
        self._schema = builder.build()
        self._searcher: Any = None

    def build(self, corpus: Corpus, times: int) -> None:
        self.folder.mkdir(parents=True)
        index = self._tantivy.Index(self._schema, path=str(self.folder))
        writer = index.writer()
        for number, words, grams in corpus.joined(times):
            writer.add_document(self._tantivy.Document(number=number, words=words, grams=grams))
        writer.commit()
        writer.wait_merging_threads()

    def open(self) -> None:
        index = self._tantivy.Index.open(str(self.folder))
        index.reload()
        self._searcher = index.searcher()

    def ask(self, query: Query) -> list[int]:
        term, should = self._tantivy.Query.term_query, self._tantivy.Occur.Should
        terms = [(should, term(self._schema, "words", word, "freq")) for word in query.words]
        terms += [(should, term(self._schema, "grams", gram, "freq")) for gram in query.grams]
        found = self._searcher.search(self._tantivy.Query.boolean_query(terms), TOP, count=self.counts)
        return list(self._searcher.fast_field_values("number", [address for _, address in found.hits]))

    def close(self) -> None:
        self._searcher = None

    def size(self) -> int:
        return size_of(self.folder)


class TantivyTopOnly(Tantivy):
    """The same index asked for nothing but its top ten."""

    name = "tantivy, no count"
    counts = False
