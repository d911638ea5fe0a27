"""Synonyms: what people say beside what files say."""

from __future__ import annotations

from collections import Counter
from importlib import resources

import pytest
from hypothesis import given, settings

from tests.unit.texts import wild_text
from zhiku.analysis.analyzer import Analyzer, make_analyzer
from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.normalize import normalize
from zhiku.analysis.synonyms import NO_SYNONYMS, Synonyms, shipped_synonyms

WATER = Synonyms([("修水库", "水库除险加固"), ("漏水", "渗漏"), ("水库", "库区"), ("单独",), (" ", "空")])


def shipped_groups() -> list[list[str]]:
    text = resources.files("zhiku.analysis.lexicon").joinpath("synonyms.txt").read_text(encoding="utf-8")
    return [group for line in text.splitlines() if (group := line.partition("#")[0].split())]


def expand(synonyms: Synonyms, text: str, *words: str) -> dict[str, tuple[str, ...]]:
    """The alternatives by the text they are for; `words` are those that the segmenter would give."""
    spans = {(text.index(word), text.index(word) + len(word)) for word in words}
    return {text[start:end]: others for (start, end), others in synonyms.expand(text, spans).items()}


def test_shipped_members_are_short_phrases_in_their_normal_form() -> None:
    members = [member for group in shipped_groups() for member in group]
    assert [member for member in members if not 2 <= len(member) <= 8] == []
    # "12345" is a number that people call; every other member has Chinese in it.
    assert [member for member in members if member.isascii() and member != "12345"] == []
    assert [member for member in members if normalize(member) != member.casefold()] == []


def test_shipped_groups_have_others_to_offer_and_no_member_twice() -> None:
    groups = shipped_groups()
    assert len(groups) > 1000 and len(shipped_synonyms()) == len(groups)
    assert [group for group in groups if len(group) < 2] == []
    assert [group for group in groups if len(set(map(normalize, group))) < len(group)] == []


def test_no_shipped_member_stands_in_two_groups() -> None:
    counts = Counter(normalize(member) for group in shipped_groups() for member in group)
    assert [member for member, count in counts.items() if count > 1] == []


def test_every_member_offers_the_others_of_its_group() -> None:
    assert expand(WATER, "修水库", "水库") == {"修水库": ("水库除险加固",)}
    assert expand(WATER, "水库除险加固") == {"水库除险加固": ("修水库",)}


def test_a_longer_member_wins_over_a_shorter_one_inside_it() -> None:
    assert "水库" not in expand(WATER, "修水库的人", "水库")


def test_a_member_of_two_characters_must_be_a_word_of_the_text() -> None:
    assert expand(WATER, "大坝漏水", "大坝", "漏水") == {"漏水": ("渗漏",)}
    assert expand(WATER, "大坝漏水", "大坝") == {}


def test_each_place_of_a_member_has_its_alternatives() -> None:
    text = "修水库，又修水库"
    assert list(WATER.expand(text, set())) == [(0, 3), (5, 8)]


def test_a_group_of_one_is_none() -> None:
    assert len(WATER) == 3 and expand(WATER, "单独", "单独") == {}


def test_without_groups_there_is_nothing_to_offer() -> None:
    assert NO_SYNONYMS.expand("修水库", set()) == {}


@settings(max_examples=100, deadline=None)
@given(wild_text)
def test_spans_lie_in_the_text_and_never_overlap(text: str) -> None:
    text = normalize(text + "修水库" + text)
    spans = sorted(shipped_synonyms().expand(text, {(0, 2), (1, 3)}))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))


@pytest.fixture(scope="module")
def shipped() -> Analyzer:
    return make_analyzer("auto", shipped_words())


@pytest.mark.parametrize(
    "said, filed", [("种稻子", "水稻栽培"), ("疯狗咬人", "狂犬病"), ("血吸虫", "血防"), ("抗洪抢险", "防汛")]
)
def test_a_query_in_everyday_words_knows_the_words_of_files(shipped: Analyzer, said: str, filed: str) -> None:
    offered = {"".join(other.whole_words) for one in shipped.query(said).alternatives for other in one.analyses}
    assert filed in offered


def test_synonyms_have_no_synonyms_of_their_own(shipped: Analyzer) -> None:
    for alternatives in shipped.query("会修水库").alternatives:
        assert [other.alternatives for other in alternatives.analyses if other.alternatives] == []
