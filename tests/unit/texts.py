"""Texts for property tests: any text at all, and text that is hard on the analysis."""

from __future__ import annotations

from hypothesis import strategies as st

#: Pieces that meet badly: glosses, Traditional and full-width forms, things that compose, fold, or are invisible.
HARD_PIECES = (
    "發(fā)", "揮(hui)", "網(wǎng)", "(fā)", "（fa）", "領(lǐng)導", "基站(bts)", "面积(mu)", "(", ")", "（", "）",
    "乾", "後", "薴", "苧", "裏", "臺灣", "頭髮", "發展", "程序", "㍿", "㎡", "①", "…", "ﷺ", "ﬁ", "ß", "İ", "ſ", "Å", "Å",
    "e\u0301", "\u0301", "\u3099", "か\u3099", "\u1100\u1161\u11a8", "각", "क\u093c", "\u0345", "\u1fb3",
    "Ａ", "ｂ", "１２", "　", " ", "  ", "\t", "\n", "\r\n", "\x0b", "\x85", "\u2028", "\u00a0", "\u200b", "\ufeff",
    "\u202e", "\x00", "\x1f", "\x7f", "\ue000", "\ud800", "\udfff", "𠮷", "𪚥", "々", "〇", "😀", "👨\u200d👩\u200d👧",
    "\u2ff0", "\u2ff1", "⿱發",
    "，", "。", "：", "；", "？", "！", "、", "“", "”", "《", "》", ",", ":", "?", "!", '"', "'", "-", "+", "*", "\\", "/",
    "field:", "领域:", "AND", "OR", "NOT", "CAD", "cascade", "ｃａｄ", "GPS", "2026", "3.5", "13907361234",
    "修水库", "会修水库", "柑橘黄龙病", "研究生物质能源", "漆河镇", "的", "谁", "王德明", "曾", "欧阳修", "水", "建设",
)  # fmt: skip

#: Any string that Python can hold: control characters, lone surrogates, unassigned ones.
any_text = st.text(st.characters(), max_size=60)

#: Strings that the analysis finds hard, mixed with any character.
hard_text = st.lists(st.one_of(st.sampled_from(HARD_PIECES), st.characters()), max_size=14).map("".join)

#: Either.
wild_text = st.one_of(any_text, hard_text)

_HAN = st.sampled_from(
    "水库修渠道柑橘黄龙病邻里纠纷高血压研究生物质能源漆河镇陬市人民调解的一是在不了有和会谁懂请找的大坝漏乡村建设"
)
_LATIN = st.sampled_from(("CAD", "gps", "2026", "3"))
_MARKS = st.sampled_from(("，", "。", "、", "\n", " ", "（", "）", "；"))

#: Chinese as people write it, more or less: runs of characters, a few Latin words, punctuation.
chinese_text = st.lists(st.one_of(_HAN, _HAN, _HAN, _HAN, _HAN, _HAN, _MARKS, _LATIN), min_size=1, max_size=60).map(
    "".join
)
