"""Passwords: how they are kept, which are accepted, and what is said about those that are not."""

from __future__ import annotations

import pytest
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from tests import factories
from zhiku.domain.permissions import Role
from zhiku.services.given_codes import ALPHABET, code_from, folded, fresh_code, new_form_key
from zhiku.services.guessable import common_passwords, is_guessable, pieces
from zhiku.services.own_words import own_words
from zhiku.services.passwords import MAX_LENGTH, PasswordNotAcceptable, Passwords

GOOD = "houshanjuzijinnianhongle"

passwords = Passwords(CHEAPEST)


# -- how they are kept -------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_argon2id_with_the_parameters_of_rfc_9106() -> None:
    kept = Passwords().hash(GOOD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$") and GOOD not in kept
    assert Passwords().verify(kept, GOOD) and not Passwords().verify(kept, GOOD + "x")


def test_the_same_password_is_kept_differently_each_time() -> None:
    assert passwords.hash(GOOD) != passwords.hash(GOOD)


def test_full_width_letters_are_the_same_password() -> None:
    assert passwords.verify(passwords.hash("abcＡＢＣ１２３－－－x"), "ａｂｃABC123---x")


def test_nobody_has_every_password_and_an_overlong_one_is_nobodys() -> None:
    kept = passwords.hash("x" * MAX_LENGTH)
    assert not passwords.verify(None, GOOD) and not passwords.verify("", GOOD)
    assert passwords.verify(kept, "x" * MAX_LENGTH) and not passwords.verify(kept, "x" * (MAX_LENGTH + 1))


@given(st.text())
def test_no_text_breaks_the_check(text: str) -> None:
    assert not passwords.verify(None, text)
    try:
        passwords.check(text, "liuxiaoyan", {"刘小燕"})
    except PasswordNotAcceptable as refused:
        assert str(refused).endswith("。")


def test_what_was_hashed_with_other_parameters_is_outdated() -> None:
    kept = passwords.hash(GOOD)
    assert not passwords.is_outdated(kept) and Passwords(RFC_9106_LOW_MEMORY).is_outdated(kept)


def test_a_damaged_hash_lets_nobody_in() -> None:
    assert not passwords.verify("$argon2id$v=19$m=65536", GOOD)


# -- which are accepted ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "请填写新密码"),
        ("   ", "请填写新密码"),
        ("q7Hm2xKp4", "只有 9 个字符"),
        ("长" * 201, "最多 200 个字符"),
        ("ﷺ" * 20, "最多 200 个字符"),
        ("x7liuxiaoyan9q", "登录名"),
        ("x7LIUXIAOYAN9q", "登录名"),
        ("1234567890", "太好猜"),
    ],
)
def test_a_refused_password_is_told_why(password: str, said: str) -> None:
    with pytest.raises(PasswordNotAcceptable, match=said):
        passwords.check(password, "liuxiaoyan")


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "Zk7#mPq2vT",
        "correct horse battery staple",
        "8305927146",
        "后山橘子今年红了一大片",
        "tr0ub4dor&3",
        "x" * 40 + "7Hm2qKp4",
    ],
)
def test_length_is_enough_without_any_rule_of_composition(password: str) -> None:
    passwords.check(password, "liuxiaoyan")


@pytest.mark.parametrize(
    "password",
    [
        "password2026!", "P@ssw0rd2026!", "woaini1314520", "admin@123456", "abc123456789", "Aa123456789.",
        "qweasdzxc123",
        "qwertyuiop123", "1qaz2wsx3edc", "!QAZ2wsx#EDC", "7418529630", "aaaaaaaaaaaa", "abababababab", "13807361111abc",
        "430725195001010012", "2026-11-23 abc", "woaizhongguo", "laoganbuju123", "zhangsan19881203", "password" * 20,
        "sup3rm4n2026", "haoxianghuijia",
    ],
)  # fmt: skip
def test_what_guessers_try_first_is_refused(password: str) -> None:
    assert len(password) >= 10
    with pytest.raises(PasswordNotAcceptable, match="太好猜"):
        passwords.check(password)


@pytest.mark.parametrize(
    "password",
    ["Taoyuan@2026!", "桃源县2026!!!!", "qihezhen@12345", "LiuXiaoyan1990", "lxy19900307!", "shuiliju#2026!"],
)
def test_ones_own_name_and_county_are_no_password_in_chinese_or_as_they_sound(
    sessions: sessionmaker[Session], password: str
) -> None:
    with sessions.begin() as session:
        factories.reference(session)
        office = factories.a_department(session, "桃源县水利局", short_name="水利局")
        account = factories.an_account(session, Role.DEPARTMENT, name="刘小燕", department_id=office.id)
        words = own_words(session, account)
    with pytest.raises(PasswordNotAcceptable, match="太好猜"):
        passwords.check(password, "xiaoyan.liu", words)


def test_the_list_has_thousands_of_passwords_each_a_single_piece() -> None:
    listed = common_passwords()
    assert len(listed) > 8_000 and {"password", "woaini1314520", "5201314", "admin@123"} <= listed
    assert all(word == word.casefold() and word == word.strip() and "MIT" not in word for word in listed)
    assert {pieces(word) for word in list(listed)[:300]} <= {1, 2}


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_more_text_never_takes_fewer_pieces_than_its_longest_part_allows(one: str, other: str) -> None:
    assert 1 <= pieces(one + other) <= pieces(one) + pieces(other) + 1


def test_a_long_password_is_judged_quickly_and_not_for_its_length() -> None:
    assert is_guessable("ab" * 100) and is_guessable("1234567890" * 20)


# -- codes that the program makes --------------------------------------------------------------------------------


def test_a_form_gives_the_same_code_twice_and_another_form_another() -> None:
    key, other = new_form_key(), new_form_key()
    assert code_from(key, "x") == code_from(key, "x") != code_from(key, "y")
    assert code_from(other, "x") != code_from(key, "x")


def test_a_form_that_lost_its_key_gets_a_code_that_nobody_can_compute() -> None:
    assert code_from("", "x") != code_from("", "x") and code_from("short", "x") != code_from("short", "x")


def test_a_code_is_read_without_mistakes_and_typed_as_one_likes() -> None:
    code = fresh_code()
    assert len(folded(code)) == 16 and set(folded(code)) <= set(ALPHABET)
    typed = code.lower().replace("-", " ")
    assert folded(f" {typed} ") == folded(code)
    assert not set("01258BILOSUVZ") & set(ALPHABET)
