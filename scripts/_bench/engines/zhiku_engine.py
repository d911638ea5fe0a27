"""zhiku's own engine, through its port."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

from _bench.corpus import Corpus, Query
from _bench.engines.contestant import Contestant, size_of
from _bench.reference import TOP, zhiku_formula

from zhiku.bootstrap import open_engine
from zhiku.search import scoring
from zhiku.search.port import Engine, IndexDocument, Kind, QueryTerms, SearchRequest, TermGroup

#: Documents handed over at once, as a rebuild does.
BATCH = 500


class ZhikuEngine(Contestant):
    """Texts go in as they are; it cuts them itself."""

    name = "zhiku"
    cuts_texts = True

    def __init__(self, folder: Path) -> None:
        # The constants are read, the formula is written anew: a tuned constant is no error, a wrong sum is.
        weights = scoring.GROUP_WEIGHTS
        self.formula = zhiku_formula(
            scoring.K1,
            scoring.B,
            (weights[TermGroup.WORDS], weights[TermGroup.GRAMS]),
            scoring.FIELD_BOOSTS.get("body", 1.0),
        )
        self.folder = folder
        self._engine: Engine | None = None
        self._close: Callable[[], None] = _nothing

    def build(self, corpus: Corpus, times: int) -> None:
        engine = open_engine(self.folder / "index", self.folder / "cache")
        generation = engine.begin_generation()
        documents = corpus.documents(times)
        while batch := list(itertools.islice(documents, BATCH)):
            generation.add(
                IndexDocument(
                    id=f"suggestion:{number}",
                    source=f"suggestion:{number}",
                    owner=f"expert:{number}",
                    kind=Kind.SUGGESTION,
                    fields={"body": text},
                )
                for number, text in batch
            )
        generation.finish()
        generation.publish()
        engine.close()

    def open(self) -> None:
        engine = open_engine(self.folder / "index", self.folder / "cache")
        # The dictionary and the snapshot are loaded when a service starts, not by a search.
        engine.search(SearchRequest(QueryTerms({}), limit=1))
        self._engine, self._close = engine, engine.close

    def ask(self, query: Query) -> list[int]:
        assert self._engine is not None
        groups = {
            TermGroup.WORDS: dict.fromkeys(query.words, 1.0),
            TermGroup.GRAMS: dict.fromkeys(query.grams, 1.0),
        }
        hits = self._engine.search(SearchRequest(QueryTerms(groups), limit=TOP)).hits
        return [int(hit.id.partition(":")[2]) for hit in hits]

    def close(self) -> None:
        self._close()
        self._engine, self._close = None, _nothing

    def size(self) -> int:
        return size_of(self.folder / "index")


def _nothing() -> None:
    """There is nothing to close yet."""
