"""The codec: a segment is one file of arrays (docs/adr/0011).

Our own search reads the arrays themselves (`zhiku.engines.whoosh.segment`). What is here lets Whoosh read them too, so
that its store (TOC, deletions, readers, searchers) works as it does over its own segments. Whoosh's writer does not:
segments are written whole (`zhiku.engines.whoosh.writing`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from whoosh.codec.base import Codec, FieldCursor, PerDocumentReader, TermsReader
from whoosh.codec.whoosh3 import W3Segment
from whoosh.columns import ColumnReader
from whoosh.filedb.filestore import FileStorage, ReadOnlyError
from whoosh.matching import ListMatcher
from whoosh.reading import TermInfo, TermNotFound

from zhiku.engines.whoosh.arrayfile import ArrayFile
from zhiku.engines.whoosh.schema import COLUMNS, INDEXED_FIELDS, PER_DOCUMENT
from zhiku.engines.whoosh.strings import Coded, Strings
from zhiku.engines.whoosh.terms import TermLists

#: Ending of a segment's file.
EXTENSION = ".seg"


class ArrayCodec(Codec):
    """Reads segments of arrays for Whoosh. Has no state: it is pickled into the TOC with every segment."""

    length_stats = False

    def terms_reader(self, storage: FileStorage, segment: W3Segment) -> ArrayTermsReader:
        return ArrayTermsReader(open_segment(Path(storage.folder), segment))

    def per_document_reader(self, storage: FileStorage, segment: W3Segment) -> ArrayPerDocumentReader:
        return ArrayPerDocumentReader(open_segment(Path(storage.folder), segment), segment)

    def new_segment(self, storage: FileStorage, indexname: str) -> W3Segment:
        return W3Segment(self, indexname)

    def per_document_writer(self, storage: FileStorage, segment: W3Segment) -> NoReturn:
        _refuse()

    def field_writer(self, storage: FileStorage, segment: W3Segment) -> NoReturn:
        _refuse()

    def postings_writer(self, dbfile: Any, byteids: bool = False) -> NoReturn:
        _refuse()

    def postings_reader(
        self, dbfile: Any, terminfo: Any, format_: Any, term: Any = None, scorer: Any = None
    ) -> NoReturn:
        # Whoosh's own terms readers and writers ask for it; ours gives matchers itself.
        _refuse()


def _refuse() -> NoReturn:
    raise ReadOnlyError("segments are written whole, by zhiku.engines.whoosh.writing")


def segment_path(folder: Path, segment: W3Segment) -> Path:
    """The segment's file."""
    return folder / segment.make_filename(EXTENSION)


def open_segment(folder: Path, segment: W3Segment) -> ArrayFile:
    """The segment's arrays; raises `DamagedFile`, or `FileNotFoundError` when a later commit removed it."""
    return ArrayFile(segment_path(folder, segment))


class ArrayTermsReader(TermsReader):
    """Terms and postings of a segment, for Whoosh."""

    def __init__(self, arrays: ArrayFile) -> None:
        self._arrays = arrays
        self._fields = {name: TermLists(arrays, name) for name in sorted(INDEXED_FIELDS)}

    def __contains__(self, term: tuple[str, bytes]) -> bool:
        field, text = term
        return field in self._fields and self._fields[field].find(text) >= 0

    def indexed_field_names(self) -> list[str]:
        return list(self._fields)

    def terms(self) -> Iterator[tuple[str, bytes]]:
        return ((name, term) for name, lists in self._fields.items() for term in lists.terms.all_encoded())

    def terms_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[str, bytes]]:
        return (term for term, _ in self.items_from(fieldname, prefix))

    def items(self) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        return (item for name in self._fields for item in self._items(name, 0))

    def items_from(self, fieldname: str, prefix: bytes) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        # Whoosh goes on into the fields that follow, and leaves off there itself.
        for name in self._fields:
            if name >= fieldname:
                yield from self._items(name, self._fields[name].find_from(prefix) if name == fieldname else 0)

    def _items(self, field: str, first: int) -> Iterator[tuple[tuple[str, bytes], TermInfo]]:
        lists = self._fields[field]
        return (((field, lists.terms.encoded(number)), _info(lists, number)) for number in range(first, len(lists)))

    def term_info(self, fieldname: str, text: bytes) -> TermInfo:
        return _info(*self._found(fieldname, text))

    def frequency(self, fieldname: str, text: bytes) -> float:
        return self.term_info(fieldname, text).weight()

    def doc_frequency(self, fieldname: str, text: bytes) -> int:
        return self.term_info(fieldname, text).doc_frequency()

    def matcher(self, fieldname: str, text: bytes, format_: Any, scorer: Any = None) -> ListMatcher:
        lists, number = self._found(fieldname, text)
        return ListMatcher(
            lists.documents(number).tolist(),
            lists.weights(number).tolist(),
            format=format_,
            scorer=scorer,
            term=(fieldname, text),
            terminfo=_info(lists, number),
        )

    def cursor(self, fieldname: str, fieldobj: Any) -> ArrayCursor:
        return ArrayCursor(self._fields[fieldname], fieldobj)

    def close(self) -> None:
        self._fields.clear()
        self._arrays.close()

    def _found(self, field: str, term: bytes) -> tuple[TermLists, int]:
        number = self._fields[field].find(term) if field in self._fields else -1
        if number < 0:
            raise TermNotFound(field)
        return self._fields[field], number


class ArrayCursor(FieldCursor):
    """Walks through the terms of a field, for Whoosh."""

    def __init__(self, lists: TermLists, fieldobj: Any) -> None:
        self._lists = lists
        self._field = fieldobj
        self._place = 0

    def first(self) -> str | None:
        self._place = 0
        return self.text()

    def find(self, string: str | bytes) -> str | None:
        self._place = self._lists.find_from(self._field.to_bytes(string))
        return self.text()

    def next(self) -> str | None:
        self._place += 1
        return self.text()

    def text(self) -> str | None:
        return self._lists.terms[self._place] if self.is_valid() else None

    term = text

    def term_info(self) -> TermInfo | None:
        return _info(self._lists, self._place) if self.is_valid() else None

    def is_valid(self) -> bool:
        return self._place < len(self._lists)


class ArrayPerDocumentReader(PerDocumentReader):
    """Columns and deletions of a segment, for Whoosh. We store no fields and no lengths."""

    def __init__(self, arrays: ArrayFile, segment: W3Segment) -> None:
        self._arrays = arrays
        self._segment = segment

    def close(self) -> None:
        self._arrays.close()

    def doc_count(self) -> int:
        return self._segment.doc_count()

    def doc_count_all(self) -> int:
        return self._segment.doc_count_all()

    def has_deletions(self) -> bool:
        return self._segment.has_deletions()

    def is_deleted(self, docnum: int) -> bool:
        return self._segment.is_deleted(docnum)

    def deleted_docs(self) -> Iterator[int]:
        return iter(self._segment.deleted_docs())

    def supports_columns(self) -> bool:
        return True

    def has_column(self, fieldname: str) -> bool:
        return fieldname in COLUMNS

    def column_reader(self, fieldname: str, column: Any) -> ArrayColumnReader:
        if fieldname in PER_DOCUMENT:
            return ArrayColumnReader(Strings.of(self._arrays, fieldname).all_encoded())
        coded = Coded.of(self._arrays, fieldname)
        return ArrayColumnReader([coded.distinct[code].encode() for code in coded.codes.tolist()])

    def stored_fields(self, docnum: int) -> dict[str, Any]:
        return {}

    def doc_field_length(self, docnum: int, fieldname: str, default: int = 0) -> int:
        return default

    def field_length(self, fieldname: str) -> int:
        return 0

    def min_field_length(self, fieldname: str) -> int:
        return 0

    def max_field_length(self, fieldname: str) -> int:
        return 0


class ArrayColumnReader(ColumnReader):
    """One value per document, for Whoosh."""

    def __init__(self, values: list[bytes]) -> None:
        self._values = values

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, docnum: int) -> bytes:
        return self._values[docnum]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._values)


def _info(lists: TermLists, number: int) -> TermInfo:
    documents, weights = lists.documents(number), lists.weights(number)
    return TermInfo(
        weight=float(weights.sum()),
        df=len(documents),
        minlength=0,
        maxlength=0,
        maxweight=float(weights.max()),
        minid=int(documents[0]),
        maxid=int(documents[-1]),
    )
