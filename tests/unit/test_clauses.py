"""Clauses: parts of the text as it stands, of a useful length, cut where a reader would pause."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.texts import chinese_text, wild_text
from zhiku.analysis.clauses import MAX_CLAUSE, MIN_CLAUSE, clause_key, split_clauses
from zhiku.analysis.normalize import normalize

LONGEST = MAX_CLAUSE + MIN_CLAUSE


def test_a_sentence_is_a_clause() -> None:
    text = "长期从事水库除险加固工作。退休后受聘为县水利局技术顾问！还愿意到乡下去看看吗？"
    assert split_clauses(text) == [
        "长期从事水库除险加固工作。",
        "退休后受聘为县水利局技术顾问！",
        "还愿意到乡下去看看吗？",
    ]


def test_a_long_sentence_is_cut_at_its_semicolons_first() -> None:
    first = "主持完成黄石水库除险加固工程，解决了坝体渗漏、溢洪道开裂等多年没有解决的难题；"
    second = "编写了全县小型水库安全管理办法，培训乡镇水管员三百多人次，至今仍在使用。"
    assert split_clauses(first + second) == [first, second]


def test_a_long_sentence_without_semicolons_is_cut_at_commas_and_not_inside_numbers() -> None:
    text = "他在任期间，" + "先后主持修建了大小渠道四十多条，总长1,200公里，" * 4 + "受益农田三万亩。"
    clauses = split_clauses(text)
    assert len(clauses) > 1 and "".join(clauses) == text
    assert all(clause.endswith(("，", "。")) for clause in clauses)
    assert all("1,200公里" in clause for clause in clauses if "总长" in clause)


def test_a_list_is_cut_between_its_items() -> None:
    items = ["水库除险加固", "河道治理", "农田水利", "山洪灾害防治", "农村饮水安全"] * 4
    clauses = split_clauses("、".join(items))
    assert [item for clause in clauses for item in clause.strip("、").split("、")] == items


def test_a_short_piece_joins_its_neighbour() -> None:
    assert split_clauses("好。退休后受聘为县水利局技术顾问。") == ["好。退休后受聘为县水利局技术顾问。"]
    assert split_clauses("退休后受聘为县水利局技术顾问。好。") == ["退休后受聘为县水利局技术顾问。好。"]


def test_lines_are_never_joined() -> None:
    assert split_clauses("修渠道\n\r\n  王德明 \u2028种柑橘") == ["修渠道", "王德明", "种柑橘"]


def test_a_run_without_marks_is_cut_into_equal_parts() -> None:
    assert [len(clause) for clause in split_clauses("水" * 130)] == [43, 43, 44]


def test_what_closes_stays_with_its_sentence() -> None:
    assert split_clauses("他说：“这座水库大坝一定要修好！”后来果然修好了这座水库。") == [
        "他说：“这座水库大坝一定要修好！”",
        "后来果然修好了这座水库。",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u3000\t"])
def test_nothing_gives_no_clause(text: str) -> None:
    assert split_clauses(text) == []


@pytest.mark.parametrize("text", ["水" * 100_000, "，" * 100_000, "水，" * 50_000, "\n" * 100_000, "3," * 50_000])
def test_very_long_texts_are_cut_too(text: str) -> None:
    assert max(map(len, split_clauses(text)), default=0) < LONGEST


@settings(max_examples=300, deadline=None)
@given(text=wild_text | chinese_text | chinese_text.map(lambda part: part * 7))
def test_clauses_stand_in_the_text_in_order_and_leave_only_space_between_them(text: str) -> None:
    position = 0
    for clause in split_clauses(text):
        assert 0 < len(clause) < LONGEST and clause == clause.strip()
        found = text.index(clause, position)
        assert not text[position:found].strip()
        position = found + len(clause)
    assert not text[position:].strip()


@settings(max_examples=200, deadline=None)
@given(text=wild_text)
def test_texts_of_one_normal_form_have_one_key(text: str) -> None:
    assert clause_key(text) == clause_key(normalize(text))
    assert 0 <= clause_key(text) < 1 << 63


def test_keys_tell_texts_apart_and_stay_as_they_are() -> None:
    assert clause_key("發(fā)揮餘熱") == clause_key("发挥余热")
    assert clause_key("修水库") != clause_key("修水渠")
    # Kept in files: a change needs another CLAUSE_RULE.
    assert clause_key("修水库") == 5361798796421451088


_CLOSING = r"[”’」』》〉\uff09\u3011)\]]*"
_PLAIN_LINE = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]+")
_PLAIN_MARKS = (
    re.compile(rf"(?:[。\uff01\uff1f!?…]|\.(?=\s|$))+{_CLOSING}"),
    re.compile(rf"[\uff1b;]+{_CLOSING}"),
    re.compile(rf"(?:[\uff0c\uff1a]|[,:](?!\d)|(?<!\d)[,:])+{_CLOSING}"),
    re.compile(rf"[、]+{_CLOSING}|\s+"),
)


def _plainly_split(text: str) -> list[str]:
    """`split_clauses` as it is meant, one rule after the other: keys of stored vectors depend on it."""

    def cut(marks: re.Pattern[str], start: int, end: int) -> list[tuple[int, int]]:
        edges = [start, *(match.end() for match in marks.finditer(text, start, end))]
        return list(pairwise(edges if edges[-1] == end else [*edges, end]))

    def joined(spans: list[tuple[int, int]], is_one: Callable[[int, int, int], bool]) -> list[tuple[int, int]]:
        result: list[tuple[int, int]] = []
        for start, end in spans:
            if result and is_one(result[-1][0], start, end):
                result[-1] = (result[-1][0], end)
            else:
                result.append((start, end))
        return result

    def fit(start: int, end: int, level: int) -> list[tuple[int, int]]:
        if end - start <= MAX_CLAUSE:
            return [(start, end)]
        if level == len(_PLAIN_MARKS):
            count = -(-(end - start) // MAX_CLAUSE)
            return list(pairwise(start + (end - start) * number // count for number in range(count + 1)))
        parts = [part for piece in cut(_PLAIN_MARKS[level], start, end) for part in fit(*piece, level + 1)]
        return joined(parts, lambda first, _, last: last - first <= MAX_CLAUSE)

    def belong_together(first: int, middle: int, last: int) -> bool:
        return min(middle - first, last - middle) < MIN_CLAUSE and last - first < MAX_CLAUSE + MIN_CLAUSE

    clauses: list[str] = []
    for line in cut(_PLAIN_LINE, 0, len(text)):
        parts = [part for sentence in cut(_PLAIN_MARKS[0], *line) for part in fit(*sentence, 1)]
        clauses += filter(None, (text[start:end].strip() for start, end in joined(parts, belong_together)))
    return clauses


_PIECES = st.sampled_from(
    [
        *"。\uff01\uff1f!?….;\uff1b\uff0c\uff1a,:、”’)】\uff09\n\r\t\x0b\x1c\x85\u2028\u3000 1水",
        "\r\n",
        "3.5",
        "1,200",
        "9:30",
    ]
    + ["水" * length for length in (3, 7, 8, 20, 30, 59, 60, 61)]
)


@given(st.lists(_PIECES, max_size=40).map("".join))
@example("水" * 7 + "。" + "水" * 20 + "。" + "水" * 6 + "。")
@example("水" * 58 + "。水。" + "水" * 6 + "。")
@example("水" * 50 + "\uff0c" + "水" * 8 + "\uff0c" + "水" * 9 + "。")
@example("水" * 60)
@example("水" * 61)
def test_clauses_are_those_of_the_rules_one_after_the_other(text: str) -> None:
    assert split_clauses(text) == _plainly_split(text)
