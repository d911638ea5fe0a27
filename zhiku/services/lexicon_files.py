"""The county's words and synonyms from files and into files: text, one entry a line, or .xlsx, one entry a row.

Text is read line by line and given up at the first line above the limit, so that a dictionary of millions of words
costs a moment and no memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zhiku.domain.base import DomainError
from zhiku.domain.lexicon import MAX_GROUPS, MAX_MEMBERS, MAX_WORDS, EntryNotAcceptable
from zhiku.services.importing import UnusableFile
from zhiku.services.importing.tables import read_workbook
from zhiku.services.lexicon import (
    Lexicon,
    Member,
    checked_group,
    sift_words,
    split_members,
    too_many_groups,
    too_many_words,
)
from zhiku.services.workbooks import Table, replacing, write_xlsx

#: Headings of our own export, and what others call them.
_ENTRY_HEADINGS = frozenset({"同义词", "词语", "词", "说法", "近义词", "单词"})
_NOTE_HEADING = "备注"

#: Refused entries that a report names; of more there is the number.
MAX_REFUSED = 1_000
#: Longest line of a text file, in bytes; a group of twenty has some hundred.
_MAX_LINE = 8_192
_SPREADSHEETS = (b"PK\x03\x04", b"PK\x05\x06", bytes.fromhex("d0cf11e0a1b11ae1"))


@dataclass(slots=True)
class FileReport:
    """What a file has, and what became of it. Words or groups, whichever was read."""

    #: Entries that can be stored.
    good: int = 0
    #: New ones among them; what was there before changes nothing.
    added: int = 0
    #: How many cannot be stored, and the first of them: (where, what, why).
    refused: int = 0
    reasons: list[tuple[str, str, str]] = field(default_factory=list)

    def refuse(self, where: str, what: str, why: str) -> None:
        """Count one that cannot be stored."""
        self.refused += 1
        if len(self.reasons) < MAX_REFUSED:
            self.reasons.append((where, what[:40], why))


class NotExported(DomainError):
    """The file cannot be written as asked."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line or row: where it stands, its parts, its note."""

    where: str
    parts: list[str]
    note: str = ""


def import_words(lexicon: Lexicon, path: Path, max_mb: int, by: str, is_applied: bool) -> FileReport:
    """Read words, any number on a line; nothing is stored unless applied.

    Raises `UnusableFile`, and `LexiconFull` where the file alone has more than there may be.
    """
    report = FileReport()
    words: dict[str, None] = {}
    for entry in _entries(path, max_mb):
        good, refused = sift_words(entry.parts)
        for what, why in refused:
            report.refuse(entry.where, what, why)
        words.update(dict.fromkeys(good))
        if len(words) > MAX_WORDS:
            raise too_many_words()
    report.good = len(words)
    if is_applied and words:
        report.added = len(lexicon.add_words(words, by).added)
    return report


def import_groups(lexicon: Lexicon, path: Path, max_mb: int, by: str, is_applied: bool) -> FileReport:
    """Read groups of synonyms, one a line or row; nothing is stored unless applied. Raises as `import_words`."""
    report = FileReport()
    groups: dict[tuple[Member, ...], str] = {}
    for entry in _entries(path, max_mb):
        try:
            members, note = checked_group(entry.parts, entry.note)
        except EntryNotAcceptable as error:
            report.refuse(entry.where, "、".join(entry.parts[:MAX_MEMBERS]), str(error).rstrip("。"))
            continue
        groups.setdefault(tuple(members), note)
        if len(groups) > MAX_GROUPS:
            raise too_many_groups()
    report.good = len(groups)
    if is_applied and groups:
        report.added = lexicon.add_groups(groups.items(), by)
    return report


def export_lexicon(lexicon: Lexicon, path: Path, *, is_words: bool, is_replacing: bool = False) -> int:
    """Write all groups (or all words) to a .xlsx or .txt file that the import reads; gives how many.

    Raises `NotExported`.
    """
    if path.suffix.lower() not in (".xlsx", ".txt"):
        raise NotExported("导出的文件名要以 .xlsx 或 .txt 结尾。")
    if path.exists() and not is_replacing:
        raise NotExported(f"文件“{path.name}”已经存在。请换一个文件名，或加 --force 覆盖它。")
    if is_words:
        rows = [[word] for word in lexicon.all_words()]
        table = Table("词语", ["词语"], rows, [24])
    else:
        rows = [[group.text, group.note] for group in lexicon.all_groups()]
        table = Table("同义词", ["同义词", _NOTE_HEADING], rows, [60, 40])
    try:
        if path.suffix.lower() == ".xlsx":
            write_xlsx(path, [table])
        else:
            with replacing(path) as temporary:
                temporary.write_text("".join(f"{row[0]}\n" for row in rows), encoding="utf-8")
    except OSError:
        raise NotExported(
            f"文件“{path.name}”写不进去。请检查文件夹是否存在、是否有权限，并关闭正打开它的程序。"
        ) from None
    return len(rows)


def _entries(path: Path, max_mb: int) -> Iterator[_Entry]:
    try:
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(0, 2)
            size = file.tell()
    except OSError:
        # The reader of tables says why.
        start, size = b"", 0
    if start and not start.startswith(_SPREADSHEETS):
        if size > max_mb << 20:
            raise UnusableFile(
                f"文件有 {size / (1 << 20):.0f} MB，超过 {max_mb} MB 的上限（由 ZHIKU_MAX_IMPORT_MB 设置）。"
                "词语表只要本县特有的词，请先删去通用的词。"
            )
        yield from _lines(path, start)
    else:
        yield from _rows(path, max_mb)


def _lines(path: Path, start: bytes) -> Iterator[_Entry]:
    with path.open("r", encoding=_encoding(path, start), newline=None) as file:
        number = 0
        # Bounded: a file without line breaks is no list of words.
        while line := file.readline(_MAX_LINE):
            number += 1
            if len(line) == _MAX_LINE:
                raise UnusableFile(f"第 {number} 行太长，不像是一行一条的词语。请给出文本文件（一行一条）或 .xlsx 表。")
            parts = split_members(line.partition("#")[0].replace('"', " "))
            if parts:
                yield _Entry(f"第 {number} 行", parts)


def _encoding(path: Path, start: bytes) -> str:
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    for encoding in ("utf-8-sig", "gb18030"):
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            with path.open("rb") as file:
                while chunk := file.read(1 << 16):
                    if b"\0" in chunk:
                        raise _no_text()
                    decoder.decode(chunk)
                decoder.decode(b"", final=True)
            return encoding
        except UnicodeDecodeError:
            continue
    raise _no_text()


def _rows(path: Path, max_mb: int) -> Iterator[_Entry]:
    workbook = read_workbook(path, max_mb)
    for sheet in workbook.sheets:
        note_column = -1
        for number, row in enumerate(sheet.rows, 1):
            cells = [_text(cell) for cell in row]
            if number == 1 and _ENTRY_HEADINGS & set(cells):
                note_column = cells.index(_NOTE_HEADING) if _NOTE_HEADING in cells else -1
                continue
            parts = [part for place, cell in enumerate(cells) if place != note_column for part in split_members(cell)]
            if parts:
                where = f"“{sheet.name}”第 {number} 行" if len(workbook.sheets) > 1 else f"第 {number} 行"
                yield _Entry(where, parts, cells[note_column] if note_column >= 0 else "")


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:g}"
    return str(cell).strip()


def _no_text() -> UnusableFile:
    return UnusableFile("文件不是文字。请给出 UTF-8 或 GB18030 编码的文本文件（一行一条），或 .xlsx 表。")
