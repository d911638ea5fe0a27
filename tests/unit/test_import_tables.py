"""Files that are no table, hide something, or would eat the machine: one clear sentence each, and nothing stored."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from tests.unit import rosters
from zhiku.domain.experts import Expert
from zhiku.services.importing import UnusableFile
from zhiku.services.importing import tables as tables_module
from zhiku.services.importing.tables import Merged, read_workbook

HEADER_AND_ROW = "姓名,性别\n张水生,男\n"


def refusal(path: Path, max_mb: int = 50) -> str:
    with pytest.raises(UnusableFile) as refused:
        read_workbook(path, max_mb)
    sentence = str(refused.value)
    assert sentence.endswith(("。", "）。", "db init")) and "\n" not in sentence
    return sentence


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def sheet_replaced(path: Path, cells: bytes) -> Path:
    """A workbook whose sheet has this XML for its rows."""
    whole = rosters.xlsx(path.with_name("whole.xlsx"), [["姓名", "性别"]])
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "xl/worksheets/sheet1.xml":
                data = b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
                data += cells + b"</sheetData></worksheet>"
            target.writestr(name, data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_delimited_text_is_read_in_the_encodings_offices_use(tmp_path: Path, encoding: str) -> None:
    path = rosters.csv(tmp_path / "a.csv", HEADER_AND_ROW, encoding)
    assert read_workbook(path, 50).sheets[0].rows == [["姓名", "性别"], ["张水生", "男"]]


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_other_delimiters_are_found_out(tmp_path: Path, delimiter: str) -> None:
    path = rosters.csv(tmp_path / "a.csv", HEADER_AND_ROW.replace(",", delimiter))
    assert read_workbook(path, 50).sheets[0].rows[1] == ["张水生", "男"]


def test_semicolons_of_careers_are_no_delimiters(tmp_path: Path) -> None:
    text = "姓名,履历\n张水生,1975 甲;1976 乙;1977 丙;1978 丁\n"
    assert read_workbook(rosters.csv(tmp_path / "a.csv", text), 50).sheets[0].rows[0] == ["姓名", "履历"]


def test_a_picture_renamed_is_no_table(tmp_path: Path) -> None:
    picture = bytes.fromhex("89504e470d0a1a0a0000000d49484452") + bytes(range(256)) * 8
    assert "不是表格" in refusal(written(tmp_path / "a.xlsx", picture))
    assert "不是表格" in refusal(written(tmp_path / "a.csv", picture))


def test_bytes_without_a_zero_that_happen_to_decode_are_no_table(tmp_path: Path) -> None:
    assert "不是表格" in refusal(written(tmp_path / "a.csv", bytes(range(1, 32)) * 50))


def test_a_word_document_renamed_is_named_as_such(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
    assert "Word" in refusal(written(tmp_path / "a.xlsx", buffer.getvalue()))


def test_a_plain_archive_is_no_table(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("名册.csv", HEADER_AND_ROW)
    assert "压缩包" in refusal(written(tmp_path / "a.xlsx", buffer.getvalue()))


@pytest.mark.parametrize("start", ["<html><body><table>", "\ufeff<!DOCTYPE html>", "<?xml version='1.0'?>"])
def test_a_web_page_saved_as_xls_is_no_table(tmp_path: Path, start: str) -> None:
    assert "网页" in refusal(rosters.csv(tmp_path / "a.xls", f"{start}<tr><td>姓名</td></tr>"))


@pytest.mark.parametrize("data", [b"", b"  \r\n \n"])
def test_an_empty_file_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "空的" in refusal(written(tmp_path / "a.xlsx", data))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "找不到" in refusal(tmp_path / "没有.xlsx")
    assert "不是文件" in refusal(tmp_path)


def test_a_truncated_workbook_is_damaged(tmp_path: Path) -> None:
    whole = rosters.xlsx(tmp_path / "a.xlsx", [["姓名", "性别"], ["张水生", "男"]]).read_bytes()
    for length in (100, len(whole) // 2, len(whole) - 10):
        assert "损坏" in refusal(written(tmp_path / "b.xlsx", whole[:length]))


def test_flipped_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    whole = bytearray(rosters.xlsx(tmp_path / "a.xlsx", [["姓名", "性别"], ["张水生", "男"]]).read_bytes())
    for position in range(0, len(whole), 97):
        broken = bytearray(whole)
        broken[position] ^= 0xFF
        try:
            read_workbook(written(tmp_path / "b.xlsx", bytes(broken)), 50)
        except UnusableFile:
            continue


def test_an_encrypted_workbook_asks_to_remove_the_password(tmp_path: Path) -> None:
    assert "密码" in refusal(written(tmp_path / "a.xlsx", _compound_file(["EncryptionInfo", "EncryptedPackage"])))


def test_an_old_word_document_is_named_as_such(tmp_path: Path) -> None:
    assert "Word" in refusal(written(tmp_path / "a.xls", _compound_file(["WordDocument", "1Table"])))


def test_a_file_above_the_limit_is_not_even_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    with path.open("wb") as stream:
        stream.truncate(200 << 20)
    sentence = refusal(path)
    assert "200 MB" in sentence and "50 MB" in sentence and "ZHIKU_MAX_IMPORT_MB" in sentence


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables_module, "MAX_UNPACKED_BYTES", 1 << 20)
    assert "过大" in refusal(sheet_replaced(tmp_path / "bomb.xlsx", b" " * (2 << 20)))


def test_a_lone_cell_at_the_far_corner_does_not_take_all_memory(tmp_path: Path) -> None:
    # calamine would ask for 550 GB and abort the process.
    far = b"<row r='1048576'><c r=\"XFD1048576\"><v>1</v></c></row>"
    assert "1048576" in refusal(sheet_replaced(tmp_path / "far.xlsx", far))


def test_cells_without_a_position_are_refused_rather_than_guessed(tmp_path: Path) -> None:
    assert "位置" in refusal(sheet_replaced(tmp_path / "a.xlsx", b"<row r='1048576'><c ><v>1</v></c></row>"))


def test_very_many_formatted_blank_rows_are_passed_over(tmp_path: Path) -> None:
    head = b'<row r="1"><c r="A1" t="str"><v>x</v></c></row>'
    blank = b"".join(b'<row r="%d"><c r="A%d" s="0"/><c r="B%d" s="0"/></row>' % (n, n, n) for n in range(2, 200_001))
    workbook = read_workbook(sheet_replaced(tmp_path / "blank.xlsx", head + blank), 50)
    assert workbook.sheets[0].rows == [["x"]]


def test_an_unclosed_quote_is_refused_rather_than_swallowing_the_rest(tmp_path: Path) -> None:
    assert "引号" in refusal(rosters.csv(tmp_path / "a.csv", '姓名,简介\n张水生,"会修水库\n李阳春,会种茶\n'))


def test_a_quote_inside_a_cell_does_no_harm(tmp_path: Path) -> None:
    rows = read_workbook(rosters.csv(tmp_path / "a.csv", '姓名,简介\n张水生,"修"水库\n'), 50).sheets[0].rows
    assert rows[1] == ["张水生", "修水库"]


def test_hidden_sheets_are_left_out_and_named(tmp_path: Path) -> None:
    workbook = Workbook()
    workbook.active.append(["姓名", "性别"])
    hidden = workbook.create_sheet("旧名册")
    hidden.append(["姓名"])
    hidden.sheet_state = "hidden"
    workbook.save(tmp_path / "a.xlsx")
    found = read_workbook(tmp_path / "a.xlsx", 50)
    assert [sheet.name for sheet in found.sheets] == ["Sheet"] and found.hidden == ["旧名册"]


def test_merged_ranges_count_from_the_first_cell_of_the_sheet(tmp_path: Path) -> None:
    path = rosters.xlsx(tmp_path / "a.xlsx", [[], [None, "甲", "乙"], [None, None, "丙"]], ["B2:B3"])
    sheet = read_workbook(path, 50).sheets[0]
    assert sheet.merged == (Merged(1, 1, 2, 1),) and sheet.rows[1] == ["", "甲", "乙"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["姓名", "性别"]], "只有表头"),
        ([["甲", "乙"], ["1", "2"]], "没有找到表头"),
        ([["姓名"], ["张水生"]], "没有找到表头"),
    ],
)
def test_a_table_without_people_stores_nothing(
    tmp_path: Path, sessions: sessionmaker[Session], rows: list[list[str]], said: str
) -> None:
    rosters.prepare(sessions)
    with pytest.raises(UnusableFile, match=said):
        rosters.run(sessions, rosters.xlsx(tmp_path / "a.xlsx", rows))
    with sessions() as session:
        assert session.scalar(select(func.count()).select_from(Expert)) == 0


def _compound_file(streams: list[str]) -> bytes:
    """An OLE compound file (MS-CFB) of one directory sector with empty streams of these names."""
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    header += struct.pack("<I", 0) + struct.pack("<I", 0xFFFFFFFF) * 108
    allocation = struct.pack("<II", 0xFFFFFFFD, 0xFFFFFFFE) + struct.pack("<I", 0xFFFFFFFF) * 126
    none = 0xFFFFFFFF
    directory = b""
    names = ["Root Entry", *streams]
    for index in range(4):
        name = names[index] if index < len(names) else ""
        encoded = name.encode("utf-16-le")
        kind = 5 if index == 0 else 2 if name else 0
        right = index + 1 if 0 < index < len(names) - 1 else none
        child = 1 if index == 0 and streams else none
        directory += encoded.ljust(64, b"\0") + struct.pack("<HBB", len(encoded) + 2 if name else 0, kind, 1)
        directory += struct.pack("<III", none, right, child) + bytes(36) + struct.pack("<IQ", 0xFFFFFFFE, 0)
    return header + allocation + directory
