"""Personal names: given name and surname, pinyin, initials, with every reading of the surname.

Only names get pinyin; pinyin of ordinary text brings noise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import product

from zhiku.analysis.normalize import HAN

#: Compound surnames that are still met.
COMPOUND_SURNAMES = frozenset(
    "欧阳 万俟 令狐 司马 上官 诸葛 东方 皇甫 尉迟 公孙 慕容 司徒 夏侯 端木 长孙 宇文 南宫 申屠 钟离 轩辕 淳于 单于 太史 澹台 公冶 濮阳 独孤 呼延 第五".split()
)

#: Surnames with a reading of their own, or with several; their syllables are separated by spaces. Other surnames are
#: read as the character usually is: its rarer readings (王 as yu, 郝 as shi) would only bring in other people.
SURNAME_READINGS: dict[str, tuple[str, ...]] = {
    "曾": ("zeng", "ceng"), "单": ("shan", "dan"), "解": ("xie", "jie"), "查": ("zha", "cha"), "仇": ("qiu", "chou"),
    "区": ("ou", "qu"), "盖": ("ge", "gai"), "任": ("ren",), "朴": ("piao", "pu"), "翟": ("zhai", "di"),
    "覃": ("qin", "tan"), "尉迟": ("yu chi", "wei chi"), "万俟": ("mo qi",), "乐": ("yue", "le"), "员": ("yun", "yuan"),
    "缪": ("miao", "mou"), "折": ("she", "zhe"), "种": ("chong", "zhong"), "华": ("hua",), "繁": ("po", "fan"),
    "冼": ("xian",), "洗": ("xian", "xi"), "秘": ("bi", "mi"), "召": ("shao", "zhao"), "燕": ("yan",), "宁": ("ning",),
    "佘": ("she",), "黑": ("he", "hei"), "郇": ("xun", "huan"), "吕": ("lv", "lu"), "葛": ("ge",), "么": ("yao", "me"),
    "那": ("na",), "晁": ("chao",), "钭": ("tou",), "莘": ("shen", "xin"), "过": ("guo",), "都": ("du",),
    "长孙": ("zhang sun", "chang sun"),
    "褚": ("chu",), "句": ("gou", "ju"), "谌": ("chen", "shen"), "洪": ("hong",), "臧": ("zang",),
    "车": ("che", "ju"), "卜": ("bu",),
    "石": ("shi",), "宿": ("su",), "曲": ("qu",), "柏": ("bai", "bo"), "叶": ("ye",),
    "郗": ("xi", "chi"), "祭": ("zhai", "ji"),
    "尉": ("wei", "yu"), "牟": ("mou", "mu"), "费": ("fei", "bi"), "薄": ("bo", "bao"),
    "阚": ("kan",), "强": ("qiang", "jiang"),
    "宓": ("mi", "fu"), "乜": ("nie", "mie"), "郄": ("qie", "xi"), "隽": ("juan", "jun"),
    "阿": ("a", "e"), "谷": ("gu", "yu"),
    "纪": ("ji",), "俞": ("yu",), "隗": ("wei", "kui"), "逄": ("pang",), "芮": ("rui",), "靳": ("jin",), "卓": ("zhuo",),
}  # fmt: skip

#: The surnames of more than 95 in 100 people (Ministry of Public Security, national report on names), and some that are
#: common around the middle Yuan; for telling what may be a person's name from what is not.
COMMON_SURNAMES = frozenset(
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧肖冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅付钟卢汪戴崔任陆廖姚方金邱丘夏谭韦贾邹石熊孟秦阎闫薛侯雷白龙段"
    "郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚汤陶黎温莫易樊乔文安殷颜庄章鲁倪庞邢俞翟蓝聂齐向申葛柴伍覃骆关焦柳欧祝纪尚毕耿芦左季管符辛苗詹曲靳祁路涂兰甘裴梅童翁霍游阮尤岳柯牟滕谷舒"
    "卜成饶宁凌盛查单冉鲍华包屈房喻解蒲卫简时连车项闵邬吉党阳司费蒙席晏隋古强穆姬宫景米麦谈柏瞿艾沙鄢桂窦郁缪畅巩卓褚栾戚全娄甄郎池丛边岑农苟迟保商臧佘卞虞刁冷应匡栗仇练楚揭师官佟封"
    "燕桑巫敖原植邝仲荆储宗楼干苑寇盖南屠鞠荣井乐银奚明麻雍花闻冼木郜廉衣蔺和冀占公门帅利满谌"
)

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

#: Weight in a query of a full name of three or more characters, against 1 for what could also be an ordinary word:
#: who is named in a question (彭述槐会修水库吗) comes before those whom it describes.
FULL_NAME_WEIGHT = 2.0

#: Characters of a name that is looked for by itself; names of other peoples are longer than Han ones.
LONGEST_NAME = 8

#: Characters, or syllables, of a name whose parts stand apart.
LONGEST_SPACED_NAME = 4

_HAN_RUN = re.compile(rf"[{HAN}]+")
_LATIN_RUN = re.compile(r"[a-z]+(?:[ '·][a-z]+)*")
#: How people ask for somebody: 老李, 姓向的老师傅, 曾令宽同志, 向开绪在吗.
_ADDRESS = re.compile(
    rf"(?:找|找一下|请问|有没有)?(?P<before>老|小|姓)?(?P<name>[{HAN}]{{1,{LONGEST_NAME}}}?)"
    r"(?:的)?(?P<after>老师傅|老师|师傅|同志|医生|大夫|主任|局长|书记|镇长|乡长|校长|院长|所长|站长|厂长|庭长|法官|工程师|"
    r"先生|女士|这个人)?(?:在吗|是谁|在哪)?[?]?"
)
#: Between the parts of a name that stand apart.
_SPACE = re.compile("[ ,、]+")
#: Joins the parts of a name such as 阿·买买提, in all the forms that are typed for it.
_DOT = re.compile(rf"(?<=[{HAN}])[·•・‧∙⋅](?=[{HAN}])")


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
    for syllables in surname_readings(surname):
        joined = "".join(syllables)
        terms[f"surname-pinyin:{joined}"] = WEIGHTS["surname-pinyin"]
        for reading in given_readings:
            terms[f"pinyin:{joined}{''.join(reading)}"] = WEIGHTS["pinyin"]
            # Of a compound surname one initial or all of them: 欧阳修 is ox to some and oyx to others.
            for initials in (_initials(syllables[:1]), _initials(syllables)):
                terms[f"initials:{initials}{_initials(reading)}"] = WEIGHTS["initials"]
    return terms


def query_terms(text: str) -> dict[str, float]:
    """Terms of the names group that a normalised query may mean, with their weights in the query.

    A full name of three or more characters counts wherever it stands, one of two (高原) where it stands between spaces
    or marks. A surname or a given name alone (建设) is also an ordinary word: it counts only when it is all there is.
    """
    terms: dict[str, float] = {}
    compact = _DOT.sub("", text.strip())
    runs = _HAN_RUN.findall(compact)
    for run in runs:
        for length in (3, 4):
            for start in range(len(run) - length + 1):
                terms[f"full:{run[start : start + length]}"] = FULL_NAME_WEIGHT
        if len(run) <= LONGEST_NAME:
            terms.setdefault(f"full:{run}", 1.0)
    if len(runs) == 1 and len(runs[0]) <= LONGEST_NAME:
        terms.update({f"given:{runs[0]}": 1.0, f"surname:{runs[0]}": 1.0})
    else:
        # Lists write 王 明, so that names of two characters are as wide as those of three; forms write 水生, 张.
        terms.update({f"full:{name}": 1.0 for name in _spaced_names(compact)})
    compact = compact.replace("ü", "v")
    if _LATIN_RUN.fullmatch(compact):
        letters = re.sub(r"[^a-z]", "", compact)
        kinds = ["pinyin", "given-pinyin", "surname-pinyin"] + (["initials"] if 2 <= len(letters) <= 4 else [])
        terms.update({f"{kind}:{letters}": 1.0 for kind in [*kinds, "full"]})
        terms.update({f"pinyin:{name}": 1.0 for name in _turned_pinyin(compact)})
    return terms


def person_terms(text: str) -> dict[str, float]:
    """Terms of the names group when a normalised query as a whole names a person: 曾令宽, 老李, 姓向的师傅, zengdeming.

    A bare surname or a given name of two characters is no such query: 高, 建设 are words too.
    """
    compact = _DOT.sub("", text.strip()).replace("ü", "v")
    if _LATIN_RUN.fullmatch(compact):
        return {term: weight for term, weight in query_terms(text).items() if not term.startswith("full:")}
    if spaced := _spaced_names(compact):
        return {f"full:{name}": 1.0 for name in spaced}
    match = _ADDRESS.fullmatch(compact)
    if match is None:
        return {}
    name = match["name"]
    if len(name) == 1 or name in COMPOUND_SURNAMES:
        is_addressed = bool(match["before"] or match["after"])
        return {f"surname:{name}": 1.0} if is_addressed else {}
    if len(name) == 2 and not match["after"]:
        return {}
    names = [name]
    for length in (1, 2):
        # Some write the surname last: 道炽王 is 王道炽.
        turned = name[-length:] + name[:-length]
        if 3 <= len(name) <= 4 and len(split_name(turned)[0]) == length:
            names.append(turned)
    return {f"full:{one}": 1.0 for one in names}


def named_terms(text: str) -> dict[str, float]:
    """Terms of the names group that a normalised query may mean where it is known to name a person: a bare surname or
    given name too, with or without what people say before and after it."""
    terms = query_terms(text)
    match = _ADDRESS.fullmatch(_DOT.sub("", text.strip()))
    if match is not None and match["name"]:
        terms |= query_terms(match["name"])
    return terms | person_terms(text)


def sounds_of(name: str) -> frozenset[str]:
    """How a normalised name of Chinese characters may be read, without spaces and tones: 曾乐 is zengle, zengyue, …"""
    return frozenset(term.removeprefix("pinyin:") for term in indexed_terms(name) if term.startswith("pinyin:"))


def may_be_a_name(text: str) -> bool:
    """Whether a normalised text may be a person's name, asked for as people do: 王刚, 老李, 找欧阳医生.

    By its form alone: 高血压 may be a name too, and whoever asks must look into a dictionary as well.
    """
    match = _ADDRESS.fullmatch(_DOT.sub("", "".join(text.split())))
    if match is None:
        return False
    name = match["name"]
    surname, given = split_name(name)
    is_surname = surname in COMMON_SURNAMES or surname in COMPOUND_SURNAMES or name in COMPOUND_SURNAMES
    is_addressed = bool(match["before"] or match["after"])
    return is_surname and (len(given) in (1, 2) or (is_addressed and len(given) <= 2))


def _spaced_names(text: str) -> tuple[str, ...]:
    """The names that a text of a few short Chinese runs may be, as it stands and with the last one first: 张 水生 and
    水生, 张; none for other texts."""
    parts = _SPACE.split(text)
    if len(parts) < 2 or len("".join(parts)) > LONGEST_SPACED_NAME or not all(map(_HAN_RUN.fullmatch, parts)):
        return ()
    return tuple(dict.fromkeys(("".join(parts), "".join(parts[-1:] + parts[:-1]))))


def _turned_pinyin(text: str) -> tuple[str, ...]:
    """Pinyin with the last part first, or the last two: jianguo zhang, jian guo zhang, xiu ou yang."""
    parts = re.findall(r"[a-z]+", text)
    if not 2 <= len(parts) <= LONGEST_SPACED_NAME:
        return ()
    return tuple(dict.fromkeys("".join(parts[-count:] + parts[:-count]) for count in (1, 2)))


@lru_cache(maxsize=4096)
def surname_readings(surname: str) -> tuple[tuple[str, ...], ...]:
    """Every way the surname is read, as tuples of syllables without tones; ü as v."""
    if surname in SURNAME_READINGS:
        return tuple(tuple(reading.split()) for reading in SURNAME_READINGS[surname])
    import pypinyin  # half a second of dictionaries, which a query does not need

    syllables = pypinyin.lazy_pinyin(surname, style=pypinyin.Style.NORMAL, v_to_u=False, errors="ignore")
    return (tuple(syllables),) if syllables else ()


def _initials(syllables: Iterable[str]) -> str:
    return "".join(syllable[0] for syllable in syllables)


def _given_readings(given: str) -> list[tuple[str, ...]]:
    """Readings of a given name as tuples of syllables: each character's most usual two, so that 乐 is le and yue."""
    import pypinyin

    options = [
        tuple(dict.fromkeys(syllable.replace("ü", "v") for syllable in option))[:2]
        for option in pypinyin.pinyin(given, style=pypinyin.Style.NORMAL, heteronym=True, errors="ignore")
    ]
    return list(product(*options)) if len(options) <= 3 else [tuple(option[0] for option in options)]
