"""What a segment holds: one indexed field per group of terms, and value columns for everything a search reads."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from whoosh.columns import VarBytesColumn
from whoosh.fields import COLUMN, ID, FieldType, Schema
from whoosh.formats import Existence

from zhiku.search.port import FACETS, TermGroup

#: Raised with every change of this file; indexes of another version are refused and need a rebuild.
SCHEMA_VERSION = 1

#: Joins several values of a facet in one column value.
VALUE_SEPARATOR = "\x1f"

#: One value per document and column, as UTF-8.
COLUMNS = ("id", "source", "owner", "kind", "date", "fingerprint", *(f"facet_{name}" for name in FACETS))

#: The indexed field by which all documents of a source are replaced.
SOURCE_FIELD = "source_key"


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
