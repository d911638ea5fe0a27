"""Numbers that are nobody's business, taken out of whatever somebody typed."""

from __future__ import annotations

import csv
import re
import time
from importlib import resources

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.texts import wild_text
from zhiku.analysis.normalize import clean, normalize
from zhiku.domain import redaction
from zhiku.domain.redaction import REMOVED, has_private_number, redact

#: Pieces of which numbers and their surroundings are made.
DIGITS = st.lists(
    st.sampled_from(
        ("0", "1", "3", "7", "9", "86", "+86", "-", " ", "x", "X", "(", ")", "－", "１", "@", ".", "a", "com", "号", "139",
         "0736", "1111", "430725195203140011", "430725520314001", "王", "\n", REMOVED)
    ),
    max_size=24,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    "number",
    [
        "13907361111", "139 0736 1111", "139-0736-1111", "+8613907361111", "+86 139-0736-1111", "86 13907361111",
        "１３９０７３６１１１１", "１３９　０７３６　１１１１", "139－0736－1111",
        "0736-6622333", "07366622333", "0736 6622333", "010-12345678",
        "(0736)6622333", "（0736）6622333", "(0736) 6622333",
        "430725195203140011", "43072519520314001X", "43072519520314001x", "４３０７２５１９５２０３１４００１１",
        "430725520314001",
        "①③⑧⓪⑦③⑥①②③④", "138.0736.1234", "1380 736 1234", "138—0736—1234", "1380736\n1234", "138 / 0736 / 1234",
        "１３８・０７３６・１２３４", "1️⃣3️⃣8️⃣0️⃣7️⃣3️⃣6️⃣1️⃣2️⃣3️⃣4️⃣", "138\u200b07361234", "⑴⑶⑻⑴⑶⑻⑴⑶⑻⑴⑶", "008613807361234",
        "一三八零七三六一二三四", "一三八 〇七三六 一二三四", "138O736I234", "1987 361 1234",
        "(0736)6622345", "0736 662 2345", "⓪⑦③⑥-6622345",
        "430725500312123", "430725 19500312 1234", "430725 1950-03-12 1234", "430725 500312 123",
        "6222021234567890123", "6222 0212 3456 7890 123",
        "wang.deming@example.com", "wdm_1952@mail.example.com.cn", "ＷＤＭ＠example.com",
    ],
)  # fmt: skip
def test_a_private_number_is_taken_out_and_nothing_else(number: str) -> None:
    text = f"有事找我，{number}，随时。"
    assert has_private_number(text)
    assert redact(text) == f"有事找我，{REMOVED}，随时。"
    # Chinese needs no space: what stands directly before and behind it stays.
    assert redact(f"水库渗水请联系{number}老王") == f"水库渗水请联系{REMOVED}老王"


@pytest.mark.parametrize(
    "text",
    [
        "2026年5月4日修好黄石水库", "投资1390736元", "编号2026-0042", "海拔139.0736米", "1998年到2008年", "桩号K12+345",
        "拨打12345", "库容13907361111100立方", "面积0736亩", "GB/T 2260-2007", "430725105", "微信@老王", "a@b", "1952.03-1983.07",
        "1975.03-1983.8", "1998.6-2003.12", "1998-2003 158户", "1. 1998-2003 158户", "2021 2022 2023",
        "2021-05-04 2021-06-01", "1996-12-31 120人", "常政发〔2023〕15号", "湘J·12345", "北纬28.902712，东经111.488612",
        "年收入13000-150000元", "13-15、2019",
        "2019-430725-48-01-012345", "6622345", "电话线路花了2000000元", "电话会议2021-2022年", "一九九八年到二〇〇三年",
    ],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == text and not has_private_number(text)


def test_every_number_of_a_text_is_taken_out() -> None:
    assert redact("13907361111、0736-6622333或a@b.cn") == f"{REMOVED}、{REMOVED}或{REMOVED}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("电话6622345，晚上在家", f"电话{REMOVED}，晚上在家"),
        ("我家座机是662-2345。", f"我家座机是{REMOVED}。"),
        ("６６２２３４５是我家电话", f"{REMOVED}是我家电话"),
        ("电话：6622345、6622346、6622347", f"电话：{REMOVED}、{REMOVED}、{REMOVED}"),
        ("打13907361111一定来", f"打{REMOVED}一定来"),
        ("2026-05-04 13907361111", f"2026-05-04 {REMOVED}"),
    ],
)
def test_what_stands_around_a_number_decides_and_stays(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_nothing_in_the_demo_county_is_taken_for_a_private_number() -> None:
    files = [file for file in resources.files("zhiku.demo").iterdir() if file.name.endswith(".csv")]
    assert len(files) >= 4
    for file in files:
        for row in csv.reader(file.read_text("utf-8-sig").splitlines(keepends=True)):
            for cell in row:
                assert redact(cell) == cell, file.name


#: Each digit as somebody may type it.
FORMS = ("0123456789", "０１２３４５６７８９", "⓪①②③④⑤⑥⑦⑧⑨", "٠١٢٣٤٥٦٧٨٩", "⁰¹²³⁴⁵⁶⁷⁸⁹", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
SEPARATORS = st.lists(st.sampled_from(" .·-—()（）_/－．\n\t　\u200b"), max_size=2).map("".join)
GAPS = st.one_of(st.just(""), SEPARATORS)
MOBILES = st.tuples(st.sampled_from("3456789"), st.text("0123456789", min_size=9, max_size=9)).map(
    lambda parts: "1" + "".join(parts)
)


@settings(max_examples=500, deadline=None)
@given(st.data(), MOBILES, wild_text, wild_text)
def test_no_mobile_number_survives_however_it_is_written(
    data: st.DataObject, number: str, before: str, behind: str
) -> None:
    gaps = [data.draw(GAPS) for _ in number[1:]] + [""]
    written = "".join(data.draw(st.sampled_from(FORMS))[int(digit)] + gap for digit, gap in zip(number, gaps))
    # Written like a date it cannot be told from one.
    plain = "".join(digit + gap for digit, gap in zip(number, gaps)).replace("\u200b", "")
    assume(not re.match(r"19[0-9]{2}(?![0-9])", plain))
    text = clean(f"{before}有事请打{written}找我{behind}")
    left = normalize(redact(text))
    found = re.search("请打(.*?)找我", left)
    assert found and found[1] == normalize(REMOVED)
    assert has_private_number(text)


@settings(max_examples=500, deadline=None)
@given(st.one_of(DIGITS, wild_text))
def test_taking_out_twice_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once
    assert has_private_number(text) == (once != text)
    assert not has_private_number(once)


def test_a_long_text_takes_no_longer_than_it_should() -> None:
    # A pattern that looks ahead from every character would need minutes.
    began = time.perf_counter()
    for unit in ("a", "1", "a.", "0736", "水", "1 ", "一", "1998-2003 ", "电话6 ", f"1{' ' * 99}"):
        redact(unit * (100_000 // len(unit)))
    assert time.perf_counter() - began < 5


@given(st.text(st.sampled_from("0123456789一二三oil○〇 .-()@a①１电话：￥元，修"), max_size=40))
def test_the_quick_look_never_misses_a_number(text: str) -> None:
    """`_MAYBE` decides which texts are looked at closely: it must let pass every text in which there is a number."""
    folded = text.translate(redaction._FOLDED)
    closely = redaction._folded_spans(redaction._NO_NUMBER.sub(lambda match: "\0" * len(match[0]), folded))
    assert not closely or redaction._MAYBE.search(folded)


def test_what_no_character_folds_to_is_told_without_folding() -> None:
    digit = re.compile(f"[0-9{redaction._ANY}@]", re.IGNORECASE)
    gap = re.compile(rf"[\s{redaction._MARKS}]*")
    kinds = [re.compile(f"[{kind}]") for kind in (redaction._MAYBE_DIGIT, redaction._MAYBE_GAP, redaction._END)]
    for character in map(chr, range(0x10000)):
        folded = character.translate(redaction._FOLDED)
        is_digit, is_gap, is_end = (kind.match(character) is not None for kind in kinds)
        assert is_digit + is_gap + is_end <= 1, hex(ord(character))
        if is_digit:
            assert len(digit.findall(folded)) <= 1 and "@" not in folded, hex(ord(character))
        elif is_gap or is_end:
            assert not digit.search(folded), hex(ord(character))
        assert not is_end or not gap.fullmatch(folded), hex(ord(character))


@given(DIGITS | wild_text)
def test_a_text_that_need_not_be_folded_has_no_number(text: str) -> None:
    if not redaction._MAYBE_UNFOLDED.search(text):
        assert not redaction._MAYBE.search(text.translate(redaction._FOLDED))
