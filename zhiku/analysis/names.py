"""Personal names: given name and surname, pinyin, initials, with every reading of the surname.

Only names get pinyin; pinyin of ordinary text brings noise.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

import pypinyin
from pypinyin.contrib.tone_convert import to_normal

from zhiku.analysis.normalize import HAN

#: Compound surnames that are still met.
COMPOUND_SURNAMES = frozenset(
    "欧阳 令狐 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 夏侯 端木 长孙 宇文 南宫 申屠 钟离 轩辕 淳于 单于 太史 澹台 公冶 濮阳 独孤 呼延 第五".split()
)

#: How each surname is read. pypinyin knows the readings of a character; as a surname some have one of their own.
SURNAME_READINGS: dict[str, tuple[str, ...]] = {
    "曾": ("zeng", "ceng"), "单": ("shan", "dan"), "解": ("xie", "jie"), "查": ("zha", "cha"), "仇": ("qiu", "chou"),
    "区": ("ou", "qu"), "盖": ("ge", "gai"), "任": ("ren",), "朴": ("piao", "pu"), "翟": ("zhai", "di"),
    "覃": ("qin", "tan"), "尉迟": ("yuchi", "weichi"), "万俟": ("moqi",), "乐": ("yue", "le"), "员": ("yun", "yuan"),
    "缪": ("miao", "mou"), "折": ("she", "zhe"), "种": ("chong", "zhong"), "华": ("hua",), "繁": ("po", "fan"),
    "冼": ("xian",), "洗": ("xian", "xi"), "秘": ("bi", "mi"), "召": ("shao", "zhao"), "燕": ("yan",), "宁": ("ning",),
    "佘": ("she",), "黑": ("he", "hei"), "郇": ("xun", "huan"), "吕": ("lv", "lu"), "葛": ("ge",), "么": ("yao", "me"),
    "那": ("na",), "晁": ("chao",), "钭": ("tou",), "莘": ("shen", "xin"), "过": ("guo",), "都": ("du",), "长孙": ("zhangsun", "changsun"),
    "褚": ("chu",), "句": ("gou", "ju"), "谌": ("chen", "shen"), "洪": ("hong",), "臧": ("zang",), "车": ("che", "ju"), "卜": ("bu",),
    "石": ("shi",), "宿": ("su",), "曲": ("qu",), "柏": ("bai", "bo"), "叶": ("ye",), "郗": ("xi", "chi"), "祭": ("zhai", "ji"),
    "纪": ("ji",), "俞": ("yu",), "隗": ("wei", "kui"), "逄": ("pang",), "芮": ("rui",), "靳": ("jin",), "卓": ("zhuo",),
}  # fmt: skip

#: Weights of the ways a name can be asked for, in the names group: the more of a name, the surer.
WEIGHTS = {
    "full": 6.0,
    "pinyin": 5.0,
    "given": 4.0,
    "given-pinyin": 3.0,
    "initials": 2.5,
    "surname": 2.0,
    "surname-pinyin": 2.0,
}

_HAN_RUN = re.compile(rf"[{HAN}]+")
_LATIN_RUN = re.compile(r"[a-z]+(?:[ '·][a-z]+)*")


def split_name(name: str) -> tuple[str, str]:
    """`("欧阳", "修")`: surname and given name of a normalised name."""
    if len(name) > 2 and name[:2] in COMPOUND_SURNAMES:
        return name[:2], name[2:]
    return name[:1], name[1:]


def indexed_terms(name: str) -> dict[str, float]:
    """Terms of the names group for a normalised name, with their weights."""
    name = re.sub(rf"[^{HAN}a-z]", "", name)
    if not name:
        return {}
    terms = {f"full:{name}": WEIGHTS["full"]}
    if not _HAN_RUN.fullmatch(name):
        return terms
    surname, given = split_name(name)
    terms[f"surname:{surname}"] = WEIGHTS["surname"]
    if given:
        terms[f"given:{given}"] = WEIGHTS["given"]
    given_readings = _given_readings(given)
    for reading in given_readings:
        if reading:
            terms[f"given-pinyin:{''.join(reading)}"] = WEIGHTS["given-pinyin"]
    for surname_reading in surname_readings(surname):
        terms[f"surname-pinyin:{surname_reading}"] = WEIGHTS["surname-pinyin"]
        for reading in given_readings:
            terms[f"pinyin:{surname_reading}{''.join(reading)}"] = WEIGHTS["pinyin"]
            terms[f"initials:{surname_reading[0]}{''.join(syllable[0] for syllable in reading)}"] = WEIGHTS["initials"]
    return terms


def query_terms(text: str) -> dict[str, float]:
    """Terms of the names group that a normalised query may mean, each with weight 1.

    A full name of three or more characters counts wherever it stands. Shorter things (a surname, a given name such as
    建设, a two-character name such as 高原) are also ordinary words, so they count only when they stand alone.
    """
    terms: dict[str, float] = {}
    for run in _HAN_RUN.findall(text):
        for length in (3, 4):
            for start in range(len(run) - length + 1):
                terms[f"full:{run[start : start + length]}"] = 1.0
        if len(run) <= 4:
            terms.update({f"full:{run}": 1.0, f"given:{run}": 1.0, f"surname:{run}": 1.0})
    compact = text.strip()
    if _LATIN_RUN.fullmatch(compact):
        letters = re.sub(r"[^a-z]", "", compact)
        kinds = ["pinyin", "given-pinyin", "surname-pinyin"] + (["initials"] if 2 <= len(letters) <= 4 else [])
        terms.update({f"{kind}:{letters}": 1.0 for kind in kinds})
    return terms


@lru_cache(maxsize=4096)
def surname_readings(surname: str) -> tuple[str, ...]:
    """Every way the surname is read, without tones; ü as v."""
    if surname in SURNAME_READINGS:
        return SURNAME_READINGS[surname]
    if len(surname) > 1:
        return tuple("".join(reading) for reading in _given_readings(surname))
    options = pypinyin.pinyin(surname, style=pypinyin.Style.NORMAL, heteronym=True, errors="ignore")
    return tuple(dict.fromkeys(to_normal(option).replace("ü", "v") for option in options[0])) if options else ()


def _given_readings(given: str) -> list[tuple[str, ...]]:
    """Readings of a given name as tuples of syllables: each character's most usual two, so that 乐 is le and yue."""
    options = [
        tuple(dict.fromkeys(syllable.replace("ü", "v") for syllable in option))[:2]
        for option in pypinyin.pinyin(given, style=pypinyin.Style.NORMAL, heteronym=True, errors="ignore")
    ]
    return list(product(*options)) if len(options) <= 3 else [tuple(option[0] for option in options)]
