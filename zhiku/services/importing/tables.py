"""Tables from files: .xlsx, .xls and what else calamine reads, or delimited text; told apart by content, not by name.

Only cells are read here. What they mean is for `headings` and `values`.
"""

from __future__ import annotations

import csv
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path

import python_calamine

from zhiku.services.importing.unusable import UnusableFile

#: What a cell can hold. Empty cells are "". Numbers of a sheet are floats; delimited text has strings only.
Cell = str | float | bool | date

#: A workbook is a zip: a few megabytes can unpack to a machine's whole memory. A sheet whose million rows are all
#: formatted, 16 columns wide, is 430 MB of XML; a roster of 10,000 people is 20.
MAX_UNPACKED_BYTES = 1 << 30
#: calamine stores a sheet as one dense rectangle, 32 bytes a cell, and the process dies when that does not fit.
MAX_CELLS = 5_000_000
#: Longest cell of delimited text; Excel's own cells hold 32,767 characters.
MAX_CELL_LENGTH = 1_000_000

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_CELL_REFERENCE = re.compile(rb'\sr="([A-Z]{1,3})([0-9]{1,7})"')
_ERROR_VALUE = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!)")

_SAVE_AS = "请用 Excel 或 WPS 打开后另存为 .xlsx 文件，再重新导入。"


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged range; all four are zero-based and inclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet as a list of rows of equal length, the first being row 1 of the file."""

    name: str
    rows: list[list[Cell]]
    merged: tuple[Merged, ...] = ()
    #: Whether a number is a number, a date a date and text was typed as text; not so in delimited text.
    is_typed: bool = True


@dataclass(frozen=True, slots=True)
class Workbook:
    """The visible sheets that hold anything, and the names of the hidden ones."""

    sheets: list[Sheet]
    hidden: list[str] = field(default_factory=list)


def read_workbook(path: Path, max_mb: int) -> Workbook:
    """Read a file of at most `max_mb` megabytes.

    Raises `UnusableFile` with a sentence that says why and what to do.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise UnusableFile(f"“{path}”不是文件，请给出名册文件的路径。")
        if size > max_mb << 20:
            raise UnusableFile(
                f"文件有 {size / (1 << 20):.0f} MB，超过 {max_mb} MB 的上限。请删去图片和多余的表，"
                "或分成几个文件导入（上限由 ZHIKU_MAX_IMPORT_MB 设置）。"
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise UnusableFile(f"找不到文件“{path.name}”，请检查路径。") from None
    except OSError:
        raise UnusableFile(f"文件“{path.name}”打不开。请检查是否有权限，并关闭正打开它的程序。") from None
    if not data.strip():
        raise UnusableFile("文件是空的，没有可以导入的内容。")
    if data.startswith((_ZIP, _EMPTY_ZIP)):
        _check_zip(data)
        return _read_binary(data)
    if data.startswith(_OLE):
        _check_compound_file(data)
        return _read_binary(data)
    return Workbook([Sheet("", _read_text(data), is_typed=False)])


def _check_compound_file(data: bytes) -> None:
    """Name what is often taken for an old .xls; calamine only says that it cannot tell the format."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise _is_locked()
    if "WordDocument".encode("utf-16-le") in data and "Workbook".encode("utf-16-le") not in data:
        raise _is_word()


def _check_zip(data: bytes) -> None:
    """Refuse a zip that is no workbook or would not fit into memory, before calamine unpacks it."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if any(name.startswith("word/") for name in names):
                raise _is_word()
            if any(name.startswith("ppt/") for name in names):
                raise UnusableFile("这是演示文稿，不是表格。请给出 .xlsx 或 .csv 文件。")
            if not any(name in names for name in ("xl/workbook.xml", "xl/workbook.bin", "content.xml")):
                raise UnusableFile("这是压缩包，不是表格。请先解压，再给出其中的 .xlsx 或 .csv 文件。")
            if sum(part.file_size for part in parts) > MAX_UNPACKED_BYTES:
                raise _too_much()
            for part in parts:
                # The sizes in the directory can lie: read everything that calamine will read, which also checks it.
                if part.filename.endswith((".xml", ".bin", ".rels")):
                    with archive.open(part) as stream:
                        _check_part(stream, part.filename)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, struct.error, OSError):
        raise UnusableFile(f"表格文件已损坏，打不开。{_SAVE_AS}") from None


def _check_part(stream: io.BufferedIOBase | object, name: str) -> None:
    read = stream.read  # type: ignore[union-attr]
    is_sheet = name.startswith("xl/worksheets/") and name.endswith(".xml")
    extent = _Extent()
    first = True
    rest = b""
    while chunk := read(1 << 20):
        if not is_sheet:
            continue
        if first:
            extent.start(chunk)
            first = False
        rest = extent.take(rest + chunk)
    if extent.cells > MAX_CELLS:
        raise UnusableFile(
            f"工作表的内容一直延伸到第 {extent.bottom} 行、第 {extent.right} 列，多半是远处有误填的单元格。"
            "请按 Ctrl+End 找到它，删除多余的行和列，保存后再导入。"
        )


class _Extent:
    """How large a rectangle the cells with content span, from a sheet's XML in pieces.

    Blank cells with a format are passed over: a sheet may have millions.
    """

    def __init__(self) -> None:
        self.bottom = 0
        self.right = 0
        self._opening = b"<c "
        self._content = re.compile(b"<(?:v|is|f)[ />]")

    @property
    def cells(self) -> int:
        return self.bottom * self.right

    def start(self, chunk: bytes) -> None:
        if b"\0" in chunk[:64]:
            raise UnusableFile(f"表格文件的内部编码无法识别。{_SAVE_AS}")
        prefixed = re.search(rb"<(\w+:)worksheet\b", chunk[:4096])
        if prefixed:
            self._opening = b"<" + prefixed[1] + b"c "
            self._content = re.compile(b"<" + prefixed[1] + b"(?:v|is|f)[ />]")

    def take(self, data: bytes) -> bytes:
        """Look through the data; what is given back must stand before the next piece."""
        position = 0
        for match in self._content.finditer(data):
            opening = data.rfind(self._opening, position, match.start())
            if opening < 0:
                continue  # the second element of one cell: <f>…</f><v>…</v>
            tag = data[opening : match.start()]
            reference = _CELL_REFERENCE.search(tag)
            if reference is None:
                raise UnusableFile(f"表格文件的单元格没有标明位置。{_SAVE_AS}")
            self.bottom = max(self.bottom, int(reference[2]))
            self.right = max(self.right, _column_number(reference[1]))
            position = match.end()
        # Of a cell that goes on in the next piece, its opening tag is needed again.
        last = data.rfind(self._opening, position)
        return data[last:] if last >= 0 and len(data) - last < 4096 else data[-64:]


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _read_binary(data: bytes) -> Workbook:
    sheets: list[Sheet] = []
    hidden: list[str] = []
    try:
        with python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(data)) as workbook:
            for metadata in workbook.sheets_metadata:
                if metadata.typ is not python_calamine.SheetTypeEnum.WorkSheet:
                    continue
                if metadata.visible is not python_calamine.SheetVisibleEnum.Visible:
                    hidden.append(metadata.name)
                    continue
                sheet = workbook.get_sheet_by_name(metadata.name)
                if sheet.end is None:
                    continue
                if (sheet.end[0] + 1) * (sheet.end[1] + 1) > MAX_CELLS:
                    raise _too_much()
                rows = [[_cell(value) for value in row] for row in sheet.to_python(skip_empty_area=False)]
                merged = tuple(Merged(*first, *last) for first, last in sheet.merged_cell_ranges or ())
                sheets.append(Sheet(metadata.name, rows, merged))
    except python_calamine.PasswordError:
        raise _is_locked() from None
    except (python_calamine.CalamineError, OSError, ValueError, OverflowError):
        raise UnusableFile(f"文件不是能识别的表格，或者已经损坏。{_SAVE_AS}") from None
    except BaseException as error:
        # A panic inside calamine arrives as pyo3's PanicException, which is no Exception and has no importable name.
        if type(error).__name__ != "PanicException":
            raise
        raise UnusableFile(f"文件已损坏，无法读取。{_SAVE_AS}") from None
    return Workbook(sheets, hidden)


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return "" if _ERROR_VALUE.fullmatch(value) else value
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, bool | date):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, time | timedelta):
        return str(value)
    return ""


def _read_text(data: bytes) -> list[list[Cell]]:
    text = _decode(data)
    opening = text[:2000].lstrip().casefold()
    if opening.startswith(("<!doctype", "<html", "<table", "<?xml", "<meta", "<head", "<div", "<style")):
        raise UnusableFile(f"这是网页文件（只是名字像表格）。{_SAVE_AS}")
    if opening.startswith("{\\rtf"):
        raise _is_word()
    if opening.startswith("%pdf"):
        raise UnusableFile("这是 PDF 文件，不是表格。请向提供者索取 .xlsx 或 .csv 文件。")
    rows = list(_parse(text, _delimiter(text)))
    width = max((len(row) for row in rows), default=0)
    if width * len(rows) > MAX_CELLS:
        raise _too_much()
    return [[*row, *("" for _ in range(width - len(row)))] for row in rows]


def _decode(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings = ["utf-16"]
    elif b"\0" in data:
        raise _no_table()
    else:
        encodings = ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        # Pictures and programs can be valid GB18030 by chance, but no text is full of control characters.
        controls = sum(1 for character in text[:10_000] if character < " " and character not in "\t\r\n\x0c")
        if controls <= min(len(text), 10_000) // 100:
            return text
    raise _no_table()


def _delimiter(text: str) -> str:
    """The character that splits the first lines most often; a comma where none does."""
    sample = [line for line in text[:50_000].splitlines() if line.strip()][:20]
    counts = {delimiter: sum(line.count(delimiter) for line in sample) for delimiter in ",\t;|"}
    best = max(counts, key=lambda delimiter: counts[delimiter])
    # 履历 is full of semicolons, so those only count where there are no commas at all.
    if counts[","] >= len(sample) or counts[best] == 0:
        return ","
    return best


def _parse(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(MAX_CELL_LENGTH)
    # `strict` finds a quote that is never closed and would swallow the rest of the file; it also objects to "a"b,
    # which is harmless and read leniently.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from list(reader)
        return
    except csv.Error as error:
        if "unexpected end of data" in str(error):
            raise UnusableFile(
                "有一处引号只有前半边，它后面的内容分不清行列。请在 Excel 里打开核对后另存为 .xlsx 文件，再导入。"
            ) from None
        if "field larger" in str(error):
            raise _no_table() from None
    try:
        yield from list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise _no_table() from None


def _is_locked() -> UnusableFile:
    return UnusableFile("表格设有打开密码，无法读取。请在 Excel 里取消密码并保存，再导入。")


def _is_word() -> UnusableFile:
    return UnusableFile("这是 Word 文档，不是表格。请把其中的表格复制到 Excel 里，另存为 .xlsx 文件再导入。")


def _too_much() -> UnusableFile:
    return UnusableFile("表格解开后过大，无法读取。请删除多余的空行、空列和图片，或分成几个文件，再导入。")


def _no_table() -> UnusableFile:
    return UnusableFile("文件不是表格。请给出 .xlsx 文件，或 UTF-8、GB18030 编码的 .csv 文件。")
