"""What the benchmark asks of an engine, and what it says when one is not installed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from _bench.corpus import Corpus, Query
from _bench.reference import Formula

#: Installs every peer.
INSTALL = "python3 -m pip install -e '.[bench]'"


class PeerMissing(Exception):
    """A peer that cannot be had here; the message says how to install it."""


class Contestant(ABC):
    """An engine in a folder of its own. Document numbers are those of `Corpus`."""

    name: str
    formula: Formula
    #: Plain Python: asked a sample of the queries, or a run would take hours.
    is_slow = False
    #: Whether `build` cuts the texts itself; the others are given terms.
    cuts_texts = False
    #: The largest number of documents that is indexed unless all is asked for.
    largest = 1 << 30

    def prepare(self, corpus: Corpus, times: int) -> None:  # noqa: B027
        """What must be there before `build` and is not its work."""

    @abstractmethod
    def build(self, corpus: Corpus, times: int) -> None:
        """Index the corpus, repeated; durable and searchable afterwards."""

    @abstractmethod
    def open(self) -> None:
        """Open the index anew, with nothing cached."""

    @abstractmethod
    def ask(self, query: Query) -> list[int]:
        """Numbers of the ten best documents, best first."""

    @abstractmethod
    def close(self) -> None:
        """Close it; again without harm."""

    @abstractmethod
    def size(self) -> int:
        """Bytes on disk."""


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
