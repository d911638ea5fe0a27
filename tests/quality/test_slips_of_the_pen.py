"""Did you mean, measured: slips made by a rule in the demo county's own words, and queries that are right.

To doubt a query that is right is worse than not to help with one that is wrong: floors for the first are high, and
those for slips that change more than the sound are low (docs: tests/quality/README.md).
"""

from __future__ import annotations

import csv
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

import pytest

from tests.quality.conftest import DemoCounty
from zhiku import demo, reference
from zhiku.analysis.pinyin import character_readings, sound_class
from zhiku.services.did_you_mean import DidYouMean

#: Slips of each kind, and the least share that must be put right.
KINDS = {
    "sound": (200, 0.95),
    "like sound": (100, 0.92),
    "exchanged": (60, 0.55),
    "twice": (60, 0.60),
    "other": (100, 0.60),
}

#: Largest share of slips for which something wrong is offered, and of right queries that are doubted.
MOST_WRONG = 0.04
MOST_DOUBTED = 0.002

#: How people ask.
FRAMES = ("{}", "{}", "懂{}的人", "{}找谁", "哪位会{}", "{}怎么办", "漆河镇{}")

#: Characters that are met at least so often in the rosters take the place of another one.
USUAL = 5

_HAN = re.compile("[\u4e00-\u9fff]+")


@cache
def rows(kind: str) -> list[dict[str, str]]:
    package = reference if kind == "fields_of_expertise" else demo
    with resources.files(package).joinpath(f"{kind}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def fields() -> list[str]:
    return list(dict.fromkeys(row[level] for row in rows("fields_of_expertise") for level in ("主领域", "领域")))


def keywords() -> list[str]:
    """Expertise of the people who can be found: what others are good at is not known to anybody who searches."""
    public = (row for row in rows("experts") if row["状态"] == "已发布" and row["联系状态"] != "已退出")
    parts = (part for row in public for part in re.split("[、，]", row["专长"]))
    return list(dict.fromkeys(part for part in parts if _HAN.fullmatch(part)))


@cache
def characters() -> tuple[str, ...]:
    """The usual characters of the rosters."""
    counts = Counter(c for row in rows("experts") for text in row.values() for c in text if _HAN.fullmatch(c))
    return tuple(sorted(c for c, count in counts.items() if count >= USUAL))


@cache
def sounding(like: str, is_exact: bool) -> tuple[str, ...]:
    """Usual characters that sound the same, or only the same to southern speakers."""
    sound = character_readings(like)[0]
    if is_exact:
        return tuple(c for c in characters() if c != like and character_readings(c)[0] == sound)
    other = (c for c in characters() if character_readings(c)[0] != sound)
    return tuple(c for c in other if sound_class(character_readings(c)[0]) == sound_class(sound))


def slip(kind: str, word: str, chance: random.Random) -> str | None:
    """The word with one slip; None where the rule has none for the place that was drawn."""
    at = chance.randrange(len(word))
    if kind == "twice":
        return word[: at + 1] + word[at:]
    if kind == "exchanged":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :] if at + 1 < len(word) else None
    choices = characters() if kind == "other" else sounding(word[at], kind == "sound")
    return word[:at] + chance.choice(choices) + word[at + 1 :] if choices else None


def slips(kind: str, count: int) -> Iterator[tuple[str, str]]:
    """(wrong, right) pairs, always the same."""
    chance = random.Random(kind)
    words = [word for word in (*fields(), *keywords()) if 3 <= len(word) <= 6]
    while count:
        word, frame = chance.choice(words), chance.choice(FRAMES)
        wrong = slip(kind, word, chance)
        if wrong and wrong != word:
            yield frame.format(wrong), frame.format(word)
            count -= 1


@pytest.fixture(scope="module")
def did_you_mean(demo_county: DemoCounty) -> DidYouMean:
    demo_county.zhiku.did_you_mean.prepare()
    return demo_county.zhiku.did_you_mean


@pytest.mark.parametrize("kind", KINDS)
def test_slips_are_put_right(did_you_mean: DidYouMean, kind: str) -> None:
    count, least = KINDS[kind]
    offered = [(wrong, right, did_you_mean.suggest(wrong)) for wrong, right in slips(kind, count)]
    put_right = sum(meant == right for _, right, meant in offered) / count
    wrongly = [one for one in offered if one[2] and one[1] != one[2]]
    print(f"\n{kind}: {put_right:.3f} put right, {len(wrongly) / count:.3f} wrongly, of {count}")
    assert put_right >= least, [one for one in offered if not one[2]][:20]
    assert len(wrongly) <= MOST_WRONG * count, wrongly


def test_right_queries_are_not_doubted(did_you_mean: DidYouMean, queries: Mapping[str, str]) -> None:
    everyday = [word for row in rows("fields_of_expertise") for word in row["常用说法"].split()]
    names = [row["姓名"] for row in rows("experts")]
    departments = [row["名称"] for row in rows("departments")]
    right = list(dict.fromkeys([*queries.values(), *fields(), *everyday, *names, *departments, *keywords()]))
    assert len(right) > 2000
    took = []
    doubted = []
    for query in right:
        began = time.process_time()
        meant = did_you_mean.suggest(query)
        took.append(time.process_time() - began)
        if meant:
            doubted.append((query, meant))
    took.sort()
    print(f"\nright queries: {len(doubted)} of {len(right)} doubted; p95 {1000 * took[int(0.95 * len(took))]:.2f} ms")
    assert len(doubted) <= MOST_DOUBTED * len(right), doubted
    assert took[int(0.95 * len(took))] < 0.005


@pytest.mark.parametrize(
    ("typed", "meant"), [("水里工程", "水利工程"), ("水里工程师", "水利工程师"), ("黄龙并", "黄龙病")]
)
def test_the_examples_of_the_manual(did_you_mean: DidYouMean, typed: str, meant: str) -> None:
    assert did_you_mean.suggest(typed) == meant


def test_queries_are_not_doubted_for_words_that_the_county_never_heard_of(did_you_mean: DidYouMean) -> None:
    for query in (
        "铁路建设管理",
        "水声工程",
        "海水养殖",
        "肾脏病",
        "责任编辑",
        "留置物",
        "公共场所滑倒",
        "适用法律",
        "书籍",
    ):
        assert did_you_mean.suggest(query) == ""
