"""The port between zhiku and a search engine: what goes in, what comes out, and the engine's Protocol.

An engine stores **index documents** and scores them. It knows nothing of people, pages or databases; people are made
from its hits in `zhiku.search.ranking`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from zhiku.analysis.analyzer import Analyzer
from zhiku.analysis.encoder import Encoder
from zhiku.search.hits import Hit, HitList, Kind, tie_breaker
from zhiku.search.meaning import Meaning


class TermGroup(StrEnum):
    """The groups of terms that are scored apart and added (DESIGN, Analysis)."""

    WORDS = "words"
    GRAMS = "grams"
    CHARS = "chars"
    NAMES = "names"


#: Facets every document may carry; evidence carries its owner's, so that a filter on people is a filter on documents.
FACETS = ("field", "township", "unit", "title", "availability")


@dataclass(frozen=True, slots=True)
class IndexDocument:
    """One profile, or one piece of evidence for one owner.

    Evidence with two owners makes two documents (docs/adr/0005): every document then has one owner and that owner's
    facets, which every engine can filter and count.
    """

    id: str
    #: The entity it was projected from, "suggestion:5"; `Change` replaces all documents of a source at once.
    source: str
    #: "expert:12", or "" for a suggestion whose author is not in the think tank.
    owner: str
    kind: Kind
    #: Field name -> text, from the allow-list in `projections`.
    fields: Mapping[str, str]
    #: Name of the person, analysed into the names group; "" on evidence.
    name: str = ""
    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    date: dt.date | None = None
    #: On profiles: when the person was last asked for help; equal scores go to who was asked least recently.
    asked_on: dt.date | None = None
    #: Codes of the administrative divisions (GB/T 2260) that its row and its owner belong to; nobody whose scope does
    #: not hold the first sees the document, nor by it an owner of whom it does not hold the second.
    division: str = ""
    owner_division: str = ""

    #: Remembered: it is asked for by who reads the document and by who writes it.
    _fingerprint: str = field(default="", init=False, repr=False, compare=False)

    @property
    def fingerprint(self) -> str:
        """Digest of everything above: equal fingerprints, equal documents. `verify` compares them."""
        if not self._fingerprint:
            object.__setattr__(self, "_fingerprint", self._digest())
        return self._fingerprint

    def _digest(self) -> str:
        content = [
            self.id, self.source, self.owner, self.kind, sorted(self.fields.items()), self.name,
            sorted((name, list(values)) for name, values in self.facets.items()), self.date and self.date.isoformat(),
            self.asked_on and self.asked_on.isoformat(), self.division, self.owner_division,
        ]  # fmt: skip
        return hashlib.blake2b(json.dumps(content, ensure_ascii=False).encode(), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Change:
    """Replace all documents of `source` by these; no documents unindexes it."""

    source: str
    documents: tuple[IndexDocument, ...]


@dataclass(frozen=True, slots=True)
class RequiredWord:
    """A word of which "all words" speaks: a document has it with the word, or all its parts, or one of the names."""

    word: str
    #: Its character bigrams; of a one-character word that character; none for Latin words.
    parts: tuple[str, ...] = ()
    #: Terms of the names group that it may be.
    names: tuple[str, ...] = ()
    #: Synonyms of it, or of a phrase it is in.
    synonyms: tuple[RequiredWord, ...] = ()


@dataclass(frozen=True, slots=True)
class ExactPart:
    """A text that an owner's documents must have, or must not have, exactly as it stands (normalised)."""

    text: str
    #: Terms that every document with the text has: what need not be read.
    terms: tuple[tuple[TermGroup, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QueryTerms:
    """An analysed query: per group, terms with their weights in the query. Made by `zhiku.search.query`."""

    groups: Mapping[TermGroup, Mapping[str, float]]
    required: tuple[RequiredWord, ...] = ()
    #: Terms of the names group, when the query as a whole is a way to name a person.
    person: Mapping[str, float] = field(default_factory=dict)
    #: The query's meaning, where the index has vectors to compare it with.
    meaning: Meaning | None = field(default=None, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to search for."""
        return not any(self.groups.values())


#: Nothing to search for: every document matches, with a score of 0.
NO_TERMS = QueryTerms({})


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """One question to an engine."""

    terms: QueryTerms
    #: Facet name -> accepted values (any of them); several facets must all hold.
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()
    #: Only documents that have an owner (expert search), or all.
    owned_only: bool = False
    #: Only documents of divisions whose codes begin so; with `owned_only` their owners' too. To this request there are
    #: no others: they are in no hit, no count, no facet, and have no exact texts.
    division: str = ""
    #: Exact texts: an owner (of documents without one, the document) must have all `phrases` and none of `excluded`.
    phrases: tuple[ExactPart, ...] = ()
    excluded: tuple[ExactPart, ...] = ()
    #: So many documents beside the matching ones that only share bigrams or characters with the query, or its meaning.
    near_limit: int = 0
    #: Terms of the names group; how many owners have any of them is counted apart.
    count_names: Collection[str] = ()
    #: Facets to count, by owner.
    facets: tuple[str, ...] = ()
    limit: int = 1000


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Hits by falling score, equal scores by `tie_breaker` of the id.

    Totals and facets count *all* matching documents exactly, not just the hits. Documents that are only near are among
    the hits and in no count.
    """

    hits: HitList
    total_documents: int
    total_owners: int
    #: Facet name -> value -> number of owners.
    facets: Mapping[str, Mapping[str, int]]
    #: Owners that have any of `count_names`, whatever their documents say.
    named_owners: int = 0
    #: Whether any matching document has a required word as a word, not only by its parts, a name or a synonym.
    has_own_words: bool = False


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What `zhiku index status` shows. Sizes in bytes."""

    generation: str
    built_at: dt.datetime | None
    documents: int
    segments: int
    size: int
    segmenter: str
    is_stale: bool
    #: Why the running code cannot use this generation, in Chinese; "" when it can.
    problem: str = ""
    #: Name of the encoder whose vectors it has; "" for none.
    encoder: str = ""


class IndexProblem(Exception):
    """The index cannot be used. `str(error)` is a Chinese sentence that ends with the command that mends it."""


class RebuildAtWork(IndexProblem):
    """Only one rebuild at a time, and another one is at work."""

    def __init__(self) -> None:
        super().__init__("另一个重建索引的任务正在运行。请等它结束，再用 zhiku index status 查看。")


class Generation(Protocol):
    """A new generation being built aside. Nothing is visible before `publish`; `discard` leaves no trace."""

    name: str

    @property
    def analyzer(self) -> Analyzer:
        """The analyzer it is built with."""

    def add(self, documents: Iterable[IndexDocument]) -> None:
        """Take documents of sources that were not added before."""

    def finish(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Analyse and store all that was added; `progress(done, total)` in documents."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Changes that came while it was built; after `finish`."""

    def fingerprints(self) -> dict[str, str]:
        """As `Engine.fingerprints`, of this generation."""

    def search(self, request: SearchRequest) -> SearchResult:
        """As `Engine.search`, in this generation: for the checks before it is published."""

    def publish(self, catch_up: Callable[[], Iterable[Change]] | None = None) -> None:
        """Make it the one that answers, in one atomic step.

        `catch_up` is called while no other writer is at work and gives the last changes to apply before the step.
        """

    def discard(self) -> None:
        """Throw it away."""


class Searcher(Protocol):
    """What answers: an engine, or a part of what it has (`zhiku.search.scope`). Safe for many threads."""

    @property
    def analyzer(self) -> Analyzer:
        """The analyzer that built the current generation, with which queries must be cut. Raises `IndexProblem`."""

    @property
    def encoder(self) -> Encoder | None:
        """The encoder of the current generation's vectors; None where it has none, or where it is not installed."""

    def vocabulary(self, division: str = "") -> Mapping[str, int]:
        """Words of the current generation with the number of documents that have each; of documents whose division's
        code begins so. Raises `IndexProblem`."""

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer; raises `IndexProblem` when there is no usable generation."""

    def status(self) -> EngineStatus:
        """Facts for operators; never raises for a damaged index but says so in `problem`."""


class Engine(Searcher, Protocol):
    """A search engine. Several processes may share one index."""

    def begin_generation(self) -> Generation:
        """Start a new generation aside; raises `RebuildAtWork`, or `IndexProblem` when none can be started."""

    def apply(self, changes: Callable[[], Iterable[Change]]) -> None:
        """Put changes into the current generation and commit them durably; one writer at a time (it waits).

        `changes` is called while no other writer is at work: who reads rows there cannot be overtaken by a writer
        that read newer ones. No changes, no commit. Of several changes to one source the last one counts.
        """

    def fingerprints(self) -> dict[str, str]:
        """`{document id: fingerprint}` of all live documents."""


def sources_of(documents: Iterable[IndexDocument]) -> Iterator[Change]:
    """Group consecutive documents of one source into changes."""
    batch: list[IndexDocument] = []
    for document in documents:
        if batch and batch[0].source != document.source:
            yield Change(batch[0].source, tuple(batch))
            batch = []
        batch.append(document)
    if batch:
        yield Change(batch[0].source, tuple(batch))


__all__ = [
    "FACETS",
    "NO_TERMS",
    "Change",
    "Engine",
    "EngineStatus",
    "ExactPart",
    "Generation",
    "Hit",
    "HitList",
    "IndexDocument",
    "IndexProblem",
    "Kind",
    "QueryTerms",
    "RebuildAtWork",
    "RequiredWord",
    "SearchRequest",
    "SearchResult",
    "Searcher",
    "TermGroup",
    "sources_of",
    "tie_breaker",
]
