"""What a segment holds: one indexed field per group of terms, and value columns for everything a search reads.

Whoosh is told of the fields that it could read as well; what only our search needs stands beside them in the arrays.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from whoosh.columns import VarBytesColumn
from whoosh.fields import COLUMN, ID, FieldType, Schema
from whoosh.formats import Existence

from zhiku.search.port import FACETS, TermGroup

#: Raised with every change of this file; indexes of another version are refused and need a rebuild.
SCHEMA_VERSION = 3

#: Joins several values of a facet in one column value.
VALUE_SEPARATOR = "\x1f"

#: Columns with a value of its own for almost every document.
PER_DOCUMENT = ("id", "source", "fingerprint")

#: Columns of few distinct values, kept as codes.
CODED = ("owner", "kind", "date", "division", "owner_division", *(f"facet_{name}" for name in FACETS))

COLUMNS = (*PER_DOCUMENT, *CODED)

#: The normalised text of each document, in which exact parts are looked for.
TEXT_COLUMN = "text"

#: Arrays of one number per document: ordinal day on which its person was last asked for help (0: never), and what
#: breaks ties between equal scores.
ASKED, TIE = "asked", "tie"

#: The indexed field by which all documents of a source are replaced.
SOURCE_FIELD = "source_key"

INDEXED_FIELDS = (*(group.value for group in TermGroup), SOURCE_FIELD)


class WeightedTerms(FieldType):
    """A field whose value is `{term: weight}`, analysed by us; the weight becomes the posting's weight."""

    def __init__(self) -> None:
        # No analyzer of Whoosh's ever sees our text.
        self.format = Existence()
        self.analyzer = None
        self.scorable = False
        self.stored = False
        self.unique = False
        self.vector = None

    def index(
        self, value: Mapping[str, float], **_: object
    ) -> Generator[tuple[bytes, int, float | int, bytes], Any, None]:
        for term, weight in value.items():
            yield term.encode(), 1, weight, b""

    def to_bytes(self, value: str | bytes) -> bytes:
        # When Whoosh merges segments it hands back the terms it read, which are bytes already.
        return value if isinstance(value, bytes) else value.encode()

    def from_bytes(self, value: Any) -> str:
        return bytes(value).decode()


def make_schema() -> Schema:
    """The schema; always passed when an index is opened, so that the pickled one in the TOC is never trusted."""
    fields: dict[str, FieldType] = {group.value: WeightedTerms() for group in TermGroup}
    fields[SOURCE_FIELD] = ID()
    for name in COLUMNS:
        fields[name] = COLUMN(VarBytesColumn())
    return Schema(**fields)
