"""Normalisation: one form for dirty text, a fixed point, and a map that leads back to what was written."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.texts import wild_text
from zhiku.analysis.normalize import _mapped, clean, normalize, normalize_all, normalize_with_offsets

#: As the report on the county arrives: Traditional, with a gloss behind every character that has two forms.
DIRTY = "桃源縣:發(fā)揮“老黨員之家”在基層治理中的引領(lǐng)作用"

ANY = settings(max_examples=300, deadline=None)


@ANY
@given(wild_text)
@example("\u01f0")  # folding its case takes the letter and its mark apart
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalize(text)
    assert normalize(once) == once


@ANY
@given(wild_text)
@example("\u1100\u1161\u11a8")  # three Korean letters that make one syllable
@example("\u1f50\u0345")
@example("e\u0301\u200b\u0301")
def test_both_ways_of_normalising_agree(text: str) -> None:
    assert normalize_with_offsets(text).text == normalize(text)


@ANY
@given(wild_text)
def test_offsets_stay_inside_the_text_and_never_run_back(text: str) -> None:
    normalized = normalize_with_offsets(text)
    assert len(normalized.text) == len(normalized.starts) == len(normalized.ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(normalized.starts, normalized.ends, strict=True))
    assert list(normalized.starts) == sorted(normalized.starts)
    assert list(normalized.ends) == sorted(normalized.ends)


@ANY
@given(wild_text)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    once = clean(text)
    assert clean(once) == once


@ANY
@given(wild_text)
def test_what_is_stored_is_found_like_what_was_written(text: str) -> None:
    assert normalize(clean(text)) == normalize(text)


def test_a_line_of_the_report_becomes_readable() -> None:
    assert normalize(DIRTY) == "桃源县:发挥“老党员之家”在基层治理中的引领作用"


def test_traditional_characters_with_glosses_become_simplified_ones() -> None:
    assert normalize("離退休干部是黨執(zhí)政興國(guó)的重要資源") == "离退休干部是党执政兴国的重要资源"
    assert normalize("推進(jìn)新時(shí)代離退休干部工作") == "推进新时代离退休干部工作"


@pytest.mark.parametrize(
    "written",
    [
        "修水库",
        "修水庫",
        " 修水库 ",
        "修\u200b水库",
        "\ufeff修水库",
        "修水(shuǐ)库",
        "修水（shui）庫",
        "修水库(kù)(ku)",
    ],
)
def test_every_way_of_writing_gives_one_form(written: str) -> None:
    assert normalize(written) == "修水库"


def test_full_width_letters_digits_and_marks_become_ordinary_ones() -> None:
    assert normalize("ＣＡＤ　２０２６，（ＧＰＳ）") == "cad 2026,(gps)"


@pytest.mark.parametrize("written", ["基站(bts)", "面积(mu)", "水(H)", "土(water)", "(fa)", "a(fa)", "水()", "水(shui"])
def test_a_bracket_that_is_no_reading_stays(written: str) -> None:
    assert normalize(written) == written.casefold()


def test_a_gloss_of_a_word_of_several_characters_goes_as_a_whole() -> None:
    assert normalize("陬市(Zōu shì)镇和沅江(yuán jiāng)") == "陬市镇和沅江"


def test_the_map_leads_back_to_what_was_written() -> None:
    normalized = normalize_with_offsets(DIRTY)
    start = normalized.text.index("发挥")
    a, b = normalized.original_span(start, start + 2)
    assert DIRTY[a:b] == "發(fā)揮"
    start = normalized.text.index("领")
    a, b = normalized.original_span(start, start + 1)
    assert DIRTY[a:b] == "領"


def test_characters_that_become_several_point_to_the_one_they_came_from() -> None:
    normalized = normalize_with_offsets("占地3㎡多")
    assert normalized.text == "占地3m2多"
    assert normalized.original_span(3, 5) == (3, 4)


def test_controls_surrogates_and_invisible_characters_disappear() -> None:
    assert normalize("修\x00水\ud800库\u202e \x07 大\ue000坝") == "修水库 大坝"
    assert normalize("\ud800\x00\u200b") == ""


def test_stored_text_keeps_its_punctuation_its_lines_and_its_case() -> None:
    written = "他说：“修水库，要看底！”……\r\n第二行　ＣＡＤ图\r占地３㎡；①稳"
    assert clean(written) == "他说：“修水库，要看底！”……\n第二行 CAD图\n占地3㎡；①稳"


def test_stored_text_loses_glosses_traditional_forms_and_controls() -> None:
    assert clean("發(fā)揮\x00餘熱\u200b，\n\n帶領(lǐng)群眾\n") == "发挥余热，\n\n带领群众"


@pytest.mark.parametrize(
    "traditional, simplified", [("頭髮", "头发"), ("發展", "发展"), ("皇后", "皇后"), ("後山", "后山")]
)
def test_one_simplified_form_for_several_traditional_ones(traditional: str, simplified: str) -> None:
    assert normalize(traditional) == simplified


@pytest.mark.parametrize(
    "written", ["雷打坏过七块瓦", "沈思孝", "沈默", "红菜薹抽薹", "萧乾", "乾县", "於是之", "乾隆年间", "显著", "慰藉"]
)
def test_simplified_text_is_left_as_it_is(written: str) -> None:
    # OpenCC alone would make 打坯, 沉思孝, 菜苔, 萧干 and 于是之 of them, and a person would be stored by a wrong name.
    assert normalize(written) == clean(written) == written


@pytest.mark.parametrize(
    "written, simplified",
    [("天氣乾旱", "天气干旱"), ("至於農村", "至于农村"), ("破壞", "破坏"), ("瀋陽", "沈阳"), ("徵收", "征收")],
)
def test_the_same_characters_are_converted_in_traditional_text(written: str, simplified: str) -> None:
    assert normalize(written) == clean(written) == simplified


def test_a_long_text_is_normalised_to_its_end() -> None:
    assert len(normalize("修水庫(kù)" * 40_000)) == 120_000


@given(
    st.text(st.sampled_from("修水庫库龍龙坏沈於乾，。、；：？！“”‘’《》—·%.-/,;'aZ9发發髮干幹后後里裡  ("), max_size=30)
)
def test_the_short_way_through_plain_text_gives_the_same_map(text: str) -> None:
    assert normalize_with_offsets(text) == _mapped(text)


@given(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF))
def test_every_common_character_is_plain(character: str) -> None:
    assert normalize_with_offsets(character) == _mapped(character)


@ANY
@given(st.lists(wild_text, max_size=8))
@example([])
@example(["", ""])
@example(["\n\n", "修\n水\t库", "\u0301", "發(fā)", "(fā)揮", "乾", "乾隆", "於是", "İ", "\u3099"])
def test_many_texts_at_once_have_the_normal_forms_of_each(texts: list[str]) -> None:
    assert normalize_all(texts) == [normalize(text) for text in texts]
