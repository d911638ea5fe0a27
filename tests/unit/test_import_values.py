"""What single cells mean: dates, lists, names, careers, places, units, private numbers."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session, sessionmaker

from tests.unit import rosters
from zhiku.analysis.normalize import clean
from zhiku.domain.experts import WayOfHelping
from zhiku.services.importing.dates import DateRefused, are_days_unknown, format_date, read_birth, read_date, read_day
from zhiku.services.importing.fields import FieldNames
from zhiku.services.importing.lives import Award, Station, join_entries, read_career, read_honours
from zhiku.services.importing.private_numbers import quoted, without_private_numbers
from zhiku.services.importing.tables import Cell
from zhiku.services.importing.townships import PlaceUnknown, Townships
from zhiku.services.importing.units import UnitNames, split_unit_and_post
from zhiku.services.importing.values import labelled, split_list, split_name, text_of

TODAY = date(2026, 11, 23)
UNITS = UnitNames(["湖南省", "常德市", "桃源县"])


def birth(cell: Cell, *, is_typed: bool = True) -> str:
    return str(read_birth(cell, TODAY, is_typed=is_typed, is_day_unknown=False))


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("1952.03", "1952-03"),
        ("1952-3", "1952-03"),
        ("1952年3月", "1952-03"),
        ("１９５２年３月", "1952-03"),
        ("195203", "1952-03"),
        (195203.0, "1952-03"),
        ("19520314", "1952-03-14"),
        ("1952/3/14", "1952-03-14"),
        ("1952年3月14日", "1952-03-14"),
        ("1952-03-14 00:00:00", "1952-03-14"),
        ("1952", "1952"),
        (1952.0, "1952"),
        ("1952.03(74岁)", "1952-03"),
        (1952.03, "1952-03"),
        (1952.3, "1952-03"),
        (1952.12, "1952-12"),
        (19067.0, "1952-03-14"),
        ("19067", "1952-03-14"),
        (date(1952, 3, 14), "1952-03-14"),
        ("1952-00-00", "1952"),
    ],
)
def test_dates_are_read_as_rosters_write_them(cell: Cell, meant: str) -> None:
    assert birth(cell) == meant


def test_the_number_1952_1_may_be_october_so_only_the_year_is_kept() -> None:
    known = read_birth(1952.1, TODAY, is_typed=True, is_day_unknown=False)
    assert known is not None and str(known) == "1952" and "10 月" in known.warning
    # A .csv that Excel wrote has the same loss; typed as text, 1952.1 is January and 1952.10 October.
    assert birth("1952.1", is_typed=False) == "1952"
    assert birth("1952.1") == "1952-01"
    assert birth("1952.10") == birth("1952.10", is_typed=False) == "1952-10"


@pytest.mark.parametrize(
    "cell",
    [
        "52.3",
        "52年3月",
        "1852.03",
        "2005.01",
        2005.0,
        "2027-01-01",
        "1952.13",
        "1952-02-30",
        "生于解放前",
        True,
        -1.0,
        1e20,
    ],
)
def test_impossible_and_improbable_births_are_refused(cell: Cell) -> None:
    with pytest.raises(DateRefused):
        birth(cell)


def test_excel_days_that_are_all_the_first_are_months() -> None:
    assert are_days_unknown([date(1952, 3, 1), "", date(1950, 7, 1)])
    assert not are_days_unknown([date(1952, 3, 1), date(1950, 7, 12)])
    known = read_birth(date(1952, 3, 1), TODAY, is_typed=True, is_day_unknown=True)
    assert str(known) == "1952-03"


def test_a_day_of_the_think_tank_must_be_a_whole_day() -> None:
    assert read_day("2024.3.5", TODAY, what="日期", is_typed=True) == date(2024, 3, 5)
    for cell in ("2024-03", "1975-03-01", "2026-11-24"):
        with pytest.raises(DateRefused):
            read_day(cell, TODAY, what="日期", is_typed=True)


@given(st.one_of(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), st.dates(), st.booleans()))
def test_any_cell_is_a_date_or_is_refused(cell: Cell) -> None:
    try:
        known = read_date(cell, is_typed=True)
    except DateRefused as error:
        assert str(error)
        return
    if known is not None and known.value.year >= 1000:
        again = read_date(format_date(known.value, known.precision), is_typed=True)
        assert again is not None and (again.value, again.precision) == (known.value, known.precision)


def test_lists_split_in_every_way_people_write_them() -> None:
    assert split_list("修水库、劝架,给猪打针；看腰腿痛/接骨\n刺绣") == [
        "修水库",
        "劝架",
        "给猪打针",
        "看腰腿痛",
        "接骨",
        "刺绣",
    ]
    assert split_list("修水库 劝架") == ["修水库", "劝架"]
    assert split_list("Excel 表格、调解(婚姻、邻里)") == ["Excel 表格", "调解(婚姻、邻里)"]
    assert split_list("修水库、修水库、") == ["修水库"]


@pytest.mark.parametrize(
    ("text", "name", "remark"),
    [
        ("张 三", "张三", ""),
        ("*张三(女)", "张三", "女"),
        ("买买提・艾力", "买买提·艾力", ""),
        ("John Smith", "John Smith", ""),
        ("张三13812345678", "", ""),
        ("张三?", "", ""),
    ],
)
def test_names_are_told_from_what_is_around_them(text: str, name: str, remark: str) -> None:
    assert split_name(clean(text)) == (name, remark)


def test_labels_have_synonyms() -> None:
    assert labelled(WayOfHelping, "技术指导") is WayOfHelping.ON_SITE
    assert labelled(WayOfHelping, "现 场 指 导") is WayOfHelping.ON_SITE
    assert labelled(WayOfHelping, "送温暖") is None


def test_cells_that_say_nothing_are_empty() -> None:
    assert [text_of(cell) for cell in ("无", " — ", "/", "", "N/A", 3.0, 2.5)] == ["", "", "", "", "", "3", "2.5"]


def test_stored_text_keeps_chinese_punctuation() -> None:
    assert clean("你好，世界；真的？１２３ＡＢ…①") == "你好，世界；真的？123AB…①"
    assert clean("發（fā）揮") == "发挥"


@pytest.mark.parametrize(
    "text",
    [
        "1975.03-1983.08 县水利局 技术员；1983.09-1995.06 漆河镇 副镇长",
        "1975.3—1983.8 县水利局 技术员;1983.9至1995.6,漆河镇 副镇长;",
        "1975年3月至1983年8月 县水利局 技术员\n1983年9月~1995年6月 漆河镇 副镇长",
        "1975-03-1983-08 县水利局 技术员，1983-09-1995-06 漆河镇 副镇长。",
    ],
)
def test_careers_are_read_however_they_are_joined(text: str) -> None:
    assert read_career(text) == [
        Station("1975.03", "1983.08", "县水利局 技术员"),
        Station("1983.09", "1995.06", "漆河镇 副镇长"),
    ]


def test_careers_without_dates_and_with_open_ends_are_kept() -> None:
    assert read_career("1970-1975 某部 战士；1996.01-至今 顾问；种过田") == [
        Station("1970", "1975", "某部 战士"),
        Station("1996.01", "至今", "顾问"),
        Station("", "", "种过田"),
    ]


def test_an_overlong_station_is_cut_but_nothing_is_lost() -> None:
    text = "，".join(f"第{number}件事" for number in range(200))
    pieces = read_career(text)
    assert len(pieces) > 1 and all(len(piece.description) <= 400 for piece in pieces)
    assert "".join(piece.description for piece in pieces) == text


def test_honours_have_years_before_behind_or_none() -> None:
    assert read_honours("1998 省劳模；2001年获县优秀；全国三八红旗手(1999年)；先进个人；2001-2003年连续三年优秀") == [
        Award(1998, "省劳模"),
        Award(2001, "获县优秀"),
        Award(1999, "全国三八红旗手"),
        Award(None, "先进个人"),
        Award(None, "2001-2003年连续三年优秀"),
    ]


_YEARS = st.integers(1950, 2020)
_WORDS = st.text("修水库种茶劝架局长县、()，。", min_size=1, max_size=20).filter(
    lambda text: text == text.strip("，。、")
)


@given(st.lists(st.tuples(_YEARS, st.integers(1, 12), _WORDS), min_size=1, max_size=5, unique=True))
def test_a_career_reads_back_from_its_own_cell(entries: list[tuple[int, int, str]]) -> None:
    career = [Station(f"{year}.{month:02d}", f"{year + 1}.01", text) for year, month, text in entries]
    assert read_career(join_entries(career)) == career


@given(st.lists(st.tuples(st.none() | _YEARS, _WORDS), min_size=1, max_size=5, unique=True))
def test_honours_read_back_from_their_own_cell(entries: list[tuple[int | None, str]]) -> None:
    honours = [Award(year, text) for year, text in entries]
    assert read_honours(join_entries(honours)) == honours


@pytest.fixture
def townships(sessions: sessionmaker[Session]) -> Townships:
    rosters.prepare(sessions)
    with sessions() as session:
        return Townships.load(session, "430725")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("漆河", "漆河镇"),
        ("漆 河 镇", "漆河镇"),
        ("桃源县漆河镇", "漆河镇"),
        ("桃源漆河镇", "漆河镇"),
        ("湖南省常德市桃源縣馬鬃嶺鎮", "马鬃岭镇"),
        ("漆河镇白洋河村三组", "漆河镇"),
        ("青林乡", "青林回族维吾尔族乡"),
        ("枫树", "枫树维吾尔族回族乡"),
        ("漳江街道办事处", "漳江街道"),
        ("漳江镇", "漳江街道"),
        ("桃花源镇", "桃花源镇"),
        ("桃源县", "桃源县"),
    ],
)
def test_townships_are_found_by_every_name_they_have(townships: Townships, text: str, name: str) -> None:
    assert townships.find(text).name == name


def test_unknown_and_ambiguous_townships_name_the_nearest(townships: Townships) -> None:
    with pytest.raises(PlaceUnknown, match="漆河镇"):
        townships.find("七河镇")
    with pytest.raises(PlaceUnknown, match="漆河镇、陬市镇"):
        townships.find("漆河镇或陬市镇")
    for elsewhere in ("长沙市", "西安市", "重庆市沙坪坝区"):
        with pytest.raises(PlaceUnknown):
            townships.find(elsewhere)


def test_one_unit_by_all_its_names_is_one() -> None:
    keys = {
        UNITS.key(name)
        for name in ("桃源县水利局", "桃源縣水利局", "县水利局", "水利局", "湖南省桃源县水利局", "桃源水利局")
    }
    assert len(keys) == 1
    assert UNITS.key("市水利局") == UNITS.key("常德市水利局") != UNITS.key("县水利局")
    assert UNITS.key("漆河镇人民政府") == UNITS.key("桃源县漆河镇政府")


def test_a_column_of_unit_and_post_is_parted() -> None:
    assert split_unit_and_post("桃源县水利局副局长") == ("桃源县水利局", "副局长")
    assert split_unit_and_post("县人民医院 内科主任") == ("县人民医院", "内科主任")
    assert split_unit_and_post("桃源县水利局") == ("桃源县水利局", "")


def test_fields_are_found_by_main_and_sub_names(sessions: sessionmaker[Session]) -> None:
    rosters.prepare(sessions)
    with sessions() as session:
        fields = FieldNames.load(session)
        names = {
            text: found.name
            for text in ("果树柑橘", "农业农村-果树柑橘", "果樹柑橘類", "农业农村", "内科和老年病")
            if (found := fields.find(clean(text)))
        }
    assert names == {
        "果树柑橘": "果树柑橘",
        "农业农村-果树柑橘": "果树柑橘",
        "果樹柑橘類": "果树柑橘",
        "农业农村": "农业农村",
        "内科和老年病": "内科与老年病",
    }


@pytest.mark.parametrize(
    "text",
    [
        "会修水库，电话:13812345678",
        "会修水库，138-1234-5678",
        "会修水库，430725195203141234",
        "会修水库，0736-6622123",
        "会修水库，a@b.cn",
    ],
)
def test_private_numbers_are_taken_out_of_texts(text: str) -> None:
    assert without_private_numbers(text) == ("会修水库", True)


def test_years_sums_and_dates_are_no_private_numbers() -> None:
    text = "1998-2001年投资1234567元，1975.03-1983.08，1998年8月6日流量12000立方"
    assert without_private_numbers(text) == (text, False)


def test_messages_never_quote_long_numbers() -> None:
    assert "1381234" not in quoted("张三1381234567") and "5203" not in quoted("43072519520314123")
    assert quoted("1975.03-1983.08") == "1975.03-1983.08"
