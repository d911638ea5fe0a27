"""Numbers that are nobody's business, taken out of whatever somebody typed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.texts import wild_text
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
    ],
)  # fmt: skip
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == text and not has_private_number(text)


def test_every_number_of_a_text_is_taken_out() -> None:
    assert redact("13907361111、0736-6622333或a@b.cn") == f"{REMOVED}、{REMOVED}或{REMOVED}"


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
    for unit in ("a", "1", "a.", "0736", "水"):
        redact(unit * 50_000)
    assert time.perf_counter() - began < 5
