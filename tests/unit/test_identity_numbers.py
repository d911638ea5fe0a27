"""Identity numbers are checked as GB 11643 says, and masks show enough to tell which one it is and no more."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiku.domain.identity_numbers import (
    IdentityNumberNotAcceptable,
    birth_date_of,
    check_character,
    is_of_a_man,
    read_identity_number,
)
from zhiku.domain.masking import masked_contact, masked_identity_number

TODAY = date(2026, 11, 23)

#: The example of the standard, GB 11643-1999, 4.2.1 and annex A.
OF_THE_STANDARD = ("11010519491231002X", "440524188001010014")


@pytest.mark.parametrize("number", OF_THE_STANDARD)
def test_the_examples_of_the_standard_have_the_right_check_character(number: str) -> None:
    assert check_character(number) == number[-1]


@pytest.mark.parametrize(
    "typed", ["11010519491231002x", "１１０１０５　１９４９１２３１　００２Ｘ", "110105-19491231-002X"]
)
def test_a_number_is_read_however_it_is_typed(typed: str) -> None:
    assert read_identity_number(typed, TODAY) == "11010519491231002X"


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "18 位"),
        ("11010519491231002", "18 位"),
        ("110105491231002", "15 位"),
        ("110105194912310021", "校验位"),
        ("440524188001010014", "出生日期"),
        ("张水生", "18 位"),
    ],
)
def test_what_is_no_number_is_refused_without_repeating_it(typed: str, why: str) -> None:
    with pytest.raises(IdentityNumberNotAcceptable, match=why) as refused:
        read_identity_number(typed, TODAY)
    assert not typed or typed not in str(refused.value)


def test_a_day_that_does_not_exist_or_is_to_come_is_refused() -> None:
    for day in ("19490231", "20991231"):
        body = f"110105{day}002"
        with pytest.raises(IdentityNumberNotAcceptable, match="出生日期"):
            read_identity_number(body + check_character(body + "?"), TODAY)


@given(st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(place: int, shift: int) -> None:
    number = OF_THE_STANDARD[0]
    wrong = number[:place] + str((int(number[place]) + shift) % 10) + number[place + 1 :]
    assert check_character(wrong) != wrong[-1]


def test_sex_and_birth_are_read() -> None:
    assert birth_date_of(OF_THE_STANDARD[0]) == date(1949, 12, 31)
    assert not is_of_a_man(OF_THE_STANDARD[0]) and is_of_a_man("440524188001010014")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("13812341234", "138****1234"),
        ("138 1234 1234", "138****1234"),
        ("＋86 13812341234", "138****1234"),
        ("0736-6622345", "0736****2345"),
        ("6622345", "66****45"),
        ("13812341234、0736-6622345", "138****1234、0736****2345"),
        ("13812341234（女儿李芳）", "138****1234（另有文字）"),
        ("李芳", "李****"),
        ("", ""),
    ],
)
def test_a_contact_is_masked(value: str, shown: str) -> None:
    assert masked_contact(value) == shown


def test_an_identity_number_is_masked() -> None:
    assert masked_identity_number("430725195001010012") == "4307**********0012"


@given(st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.text(max_size=10))
def test_no_mask_shows_the_number(number: str, beside: str) -> None:
    assert number not in masked_contact(f"{number} {beside}")
