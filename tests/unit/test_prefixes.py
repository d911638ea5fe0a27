"""Texts by the beginning of a key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from zhiku.search.prefixes import PrefixList

ENTRIES = [
    ("shuili", 5, "水利"),
    ("shuiku", 9, "水库"),
    ("shui", 1, "水"),
    ("shan", 9, "山"),
    ("shuiku", 9, "水裤"),
    ("shuili", 2, "水利"),
]


def test_the_weightiest_comes_first_then_the_key_then_the_text() -> None:
    assert PrefixList(ENTRIES).best("shui", 8) == ["水库", "水裤", "水利", "水"]


def test_a_text_is_given_once_and_not_more_than_asked_for() -> None:
    assert PrefixList(ENTRIES).best("s", 2) == ["山", "水库"]
    assert PrefixList(ENTRIES).best("shuili", 8) == ["水利"]
    assert PrefixList(ENTRIES).best("s", 0) == []


def test_nothing_begins_with_what_is_not_there() -> None:
    assert PrefixList(ENTRIES).best("x", 8) == []
    assert PrefixList([]).best("", 8) == []


KEYS = st.text(alphabet="ab水\U0001f600", max_size=4)


@given(st.lists(st.tuples(KEYS, st.integers(0, 3), st.text(alphabet="xyz", min_size=1, max_size=2))), KEYS)
def test_it_finds_what_a_look_at_every_entry_finds(entries: list[tuple[str, int, str]], prefix: str) -> None:
    matching = sorted({entry for entry in entries if entry[0].startswith(prefix)}, key=lambda e: (-e[1], e[0], e[2]))
    assert PrefixList(entries).best(prefix, 100) == list(dict.fromkeys(text for _, _, text in matching))
    assert PrefixList(reversed(entries)).best(prefix, 100) == PrefixList(entries).best(prefix, 100)
