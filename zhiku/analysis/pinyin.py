"""Readings of words in pinyin without tones: for words written as they sound, and for those who type only the sound.

Text is never indexed by its pinyin, which brings noise; what is here works on single words. Names have readings of
their own (`zhiku.analysis.names`).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

#: Usual readings of a character that are kept; the others are of old texts and of names.
MAX_READINGS = 2

#: Longest phrase whose readings are looked up as a whole (四字成语).
_LONGEST_PHRASE = 4

#: Tone marks, as combining characters; the two dots of ü are none.
_TONES = frozenset("\u0300\u0301\u0304\u030c")

#: In Hunan h before u is often f: 湖 is fu, 黄 is fang.
_H_AS_F = {
    "hu": "fu", "hua": "fa", "huai": "fai", "huan": "fan", "huang": "fang", "hui": "fei", "hun": "fen", "huo": "fo",
}  # fmt: skip


@lru_cache(maxsize=50_000)
def readings(word: str) -> tuple[str, ...]:
    """One syllable for each character of a Chinese word; "" for a character without a known reading.

    Characters with several readings take that of the phrase they stand in: 银行 is yin hang, 行政 xing zheng.
    """
    usual = [character_readings(character) for character in word]
    if max(map(len, usual), default=0) < 2:
        return tuple(known[0] if known else "" for known in usual)
    syllables: list[str] = []
    while (start := len(syllables)) < len(word):
        syllables.extend(_phrase_at(word, start) or usual[start][:1] or ("",))
    return tuple(syllables)


@lru_cache(maxsize=30_000)
def character_readings(character: str) -> tuple[str, ...]:
    """The usual readings of a character, most usual first; none for what is not Chinese."""
    from pypinyin.constants import PINYIN_DICT  # a fifth of a second of dictionaries, which few commands need

    if len(character) != 1:
        return ()
    syllables = map(_without_tone, PINYIN_DICT.get(ord(character), "").split(","))
    return tuple(dict.fromkeys(filter(None, syllables)))[:MAX_READINGS]


@lru_cache(maxsize=4096)
def sound_class(syllable: str) -> str:
    """What is one sound to many southern speakers: zh z, ch c, sh s, n l, hu f, ing in, eng en."""
    if syllable.startswith(("zh", "ch", "sh")):
        syllable = syllable[0] + syllable[2:]
    elif syllable.startswith("n") and syllable[1:2] in set("aeiouv"):
        syllable = "l" + syllable[1:]
    syllable = _H_AS_F.get(syllable, syllable)
    return syllable[:-1] if syllable.endswith(("ing", "eng")) else syllable


def _phrase_at(word: str, start: int) -> tuple[str, ...]:
    """Readings of the longest known phrase that begins at this place of the word; () when there is none."""
    from pypinyin.constants import PHRASES_DICT

    for end in range(min(len(word), start + _LONGEST_PHRASE), start + 1, -1):
        phrase = word[start:end]
        if phrase in PHRASES_DICT:
            return _phrase_readings(phrase)
    return ()


@lru_cache(maxsize=50_000)
def _phrase_readings(phrase: str) -> tuple[str, ...]:
    from pypinyin.constants import PHRASES_DICT

    known = PHRASES_DICT[phrase]
    # A few phrases of the dictionary have punctuation, with readings for fewer characters.
    return tuple(_without_tone(options[0]) for options in known) if len(known) == len(phrase) else ()


def _without_tone(syllable: str) -> str:
    decomposed = unicodedata.normalize("NFD", syllable)
    return "".join(character for character in decomposed if character not in _TONES).replace("u\u0308", "v")
