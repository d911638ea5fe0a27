"""Segmentation by jieba and by rjieba: the same words, dictionaries that do not leak, caches in the right folder."""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.unit.texts import wild_text
from zhiku import demo
from zhiku.analysis.lexicon import shipped_words
from zhiku.analysis.normalize import normalize
from zhiku.analysis.segment import JiebaSegmenter, RjiebaSegmenter, Segmenter, SegmenterMissing, make_segmenter

HAN_ONLY = re.compile("[\u4e00-\u9fa5]+")

#: rjieba has no wheel for some machines (LoongArch); zhiku then runs on jieba alone.
needs_rjieba = pytest.mark.skipif(find_spec("rjieba") is None, reason="rjieba is not installed")
BOTH = pytest.mark.parametrize("name", ["jieba", pytest.param("rjieba", marks=needs_rjieba)])


def segmenter(name: str, words: Iterable[str] = ()) -> Segmenter:
    return make_segmenter(name, words)


@cache
def plain(name: str) -> Segmenter:
    return segmenter(name)


@BOTH
def test_long_words_are_cut_with_the_words_inside_them(name: str) -> None:
    assert plain(name).name == name
    words = plain(name).cut("水利工程师看中华人民共和国的大坝")
    assert "中华人民共和国" in words and "共和国" in words and "大坝" in words


@BOTH
@settings(max_examples=150, deadline=None)
@given(text=wild_text)
def test_spans_are_where_the_words_stand(name: str, text: str) -> None:
    text = normalize(text)
    spans = plain(name).spans(text)
    pieces = [text[start:end] for start, end in spans]
    assert all(plain(name).knows(piece) for piece in pieces if len(piece) > 1 and HAN_ONLY.fullmatch(piece))
    covered = {position for start, end in spans for position in range(start, end)}
    # rjieba leaves out a hyphen between the parts of a word.
    assert all(text[position] == "-" for position in set(range(len(text))) - covered)
    assert all(0 <= start < end <= len(text) for start, end in spans)


@BOTH
@pytest.mark.parametrize("text", ["投资3.5万", "0.4kv线路", "含量10.5%", "cad2014", "gps-rtk"])
def test_numbers_and_latin_words_of_a_query_are_cut_as_in_the_index(name: str, text: str) -> None:
    in_query = {text[start:end] for start, end in plain(name).spans(text)}
    assert in_query == set(plain(name).cut(text))


@BOTH
def test_words_guessed_from_their_characters_are_taken_apart_in_queries(name: str) -> None:
    assert "榨才" in plain(name).cut("怎么榨才香")
    assert [(0, 2), (2, 3), (3, 4), (4, 5)] == plain(name).spans("怎么榨才香")


@BOTH
def test_characters_outside_the_basic_plane_count_as_one(name: str) -> None:
    text = "😀𠮷田看大坝"
    assert (4, 6) in plain(name).spans(text) and text[4:6] == "大坝"


@BOTH
def test_a_word_of_ours_is_cut_as_one(name: str) -> None:
    text = "夷望溪柑橘黄龙病"
    assert "黄龙病" not in plain(name).cut(text)
    assert {"夷望溪", "黄龙病"} <= set(segmenter(name, ["黄龙病", "夷望溪"]).cut(text))


@BOTH
def test_words_do_not_leak_from_one_segmenter_to_another(name: str) -> None:
    text = "请来看看涵卧管漏不漏"
    before = segmenter(name).cut(text)
    assert "涵卧管" in segmenter(name, ["涵卧管"]).cut(text)
    assert segmenter(name).cut(text) == before and "涵卧管" not in before


def test_words_do_not_leak_into_the_tokenizer_that_all_programs_share() -> None:
    import jieba

    segmenter("jieba", ["涵卧管"])
    assert not jieba.dt.FREQ.get("涵卧管")


@BOTH
def test_it_tells_known_words_from_guessed_ones(name: str) -> None:
    known = segmenter(name, ["涵卧管"])
    assert known.knows("涵卧管") and known.knows("水库")
    assert not known.knows("会修") and not plain(name).knows("涵卧管")


@needs_rjieba
def test_both_segmenters_cut_the_demo_county_alike() -> None:
    """Their HMMs round differently: a few texts in ten thousand differ, which the index's manifest takes care of."""
    words = shipped_words()
    python, rust = segmenter("jieba", words), segmenter("rjieba", words)
    texts = [normalize(text) for text in demo_texts()]
    different = [text for text in texts if python.cut(text) != rust.cut(text)]
    assert len(texts) > 600 and len(different) <= len(texts) / 100


def test_the_cache_lands_in_the_folder_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    JiebaSegmenter([], own)
    assert (own / "jieba.cache").is_file()
    assert list(shared.iterdir()) == []


def test_without_a_folder_nothing_is_left_in_the_shared_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert JiebaSegmenter([]).cut("修水库") == ["修", "水库"]
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_somebody_left_in_the_shared_folder_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "jieba.cache").write_bytes(b"no cache of ours")
    assert "水库" in JiebaSegmenter([]).cut("修水库")
    assert (tmp_path / "jieba.cache").read_bytes() == b"no cache of ours"


def test_rjieba_asked_for_by_name_where_it_is_missing_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rjieba", None)
    with pytest.raises(SegmenterMissing, match="pip install rjieba.*zhiku index rebuild"):
        make_segmenter("rjieba", [])


def test_auto_takes_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    if find_spec("rjieba") is not None:
        assert isinstance(make_segmenter("auto", []), RjiebaSegmenter)
    monkeypatch.setitem(sys.modules, "rjieba", None)
    assert isinstance(make_segmenter("auto", []), JiebaSegmenter)


def demo_texts() -> list[str]:
    texts = []
    for name, column in (("experts.csv", "简介"), ("suggestions.csv", "情况")):
        with resources.files(demo).joinpath(name).open(encoding="utf-8-sig", newline="") as file:
            texts += [row[column] for row in csv.DictReader(file)]
    return texts
