"""A judged query gives the same list in Traditional characters, full-width, and with pinyin glosses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import opencc
import pypinyin
import pytest

from tests.quality.conftest import DemoCounty
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings

_TRADITIONAL = opencc.OpenCC("s2t")


def traditional(text: str) -> str:
    return _TRADITIONAL.convert(text)


def full_width(text: str) -> str:
    """ASCII as full-width characters, blanks as ideographic spaces."""
    return "".join("\u3000" if one == " " else chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def glossed(text: str) -> str:
    """The report's fault: readings in brackets behind some characters (發(fā)揮), here behind every third one."""
    pieces = []
    for place, one in enumerate(text):
        pieces.append(one)
        if place % 3 == 1 and "\u4e00" <= one <= "\u9fff":
            pieces.append(f"({pypinyin.lazy_pinyin(one, style=pypinyin.Style.TONE)[0]})")
    return "".join(pieces)


def glossed_traditional(text: str) -> str:
    return full_width(glossed(traditional(text)))


#: rjieba has no wheel for some machines.
needs_rjieba = pytest.mark.skipif(find_spec("rjieba") is None, reason="rjieba is not installed")


@pytest.fixture(scope="module", params=["jieba", pytest.param("rjieba", marks=needs_rjieba)])
def county(
    demo_county: DemoCounty, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Zhiku]:
    """The demo county, indexed by each segmenter."""
    home = demo_county.home
    folder: Path = tmp_path_factory.mktemp(str(request.param))
    database = f"sqlite:///{(home / 'zhiku.db').as_posix()}"
    zhiku = Zhiku.open(
        Settings.from_env(
            {
                "ZHIKU_HOME": str(folder),
                "ZHIKU_DATABASE_URL": database,
                "ZHIKU_SEGMENTER": str(request.param),
                "ZHIKU_ENCODER": "none",
            }
        )
    )
    zhiku.indexing.rebuild()
    yield zhiku
    zhiku.close()


#: Beside the judged queries, which have few Latin letters and marks: some with them, names and operators.
OTHERS = (
    "CAD 制图",
    "0.4kv 线路 老化",
    "wang",
    "欧阳烈",
    "老李",
    '"水库" -灌溉',
    "水库 乡镇:漆河",
    "领域:果树柑橘 嫁接?",
)


@pytest.mark.parametrize("written", [traditional, full_width, glossed, glossed_traditional])
def test_a_query_gives_the_same_people_however_it_is_written(
    county: Zhiku, queries: dict[str, str], written: Callable[[str], str]
) -> None:
    def people(text: str) -> list[int]:
        return [person.expert_id for person in county.expert_search.search(text, is_as_typed=True).people]

    texts = [*queries.values(), *OTHERS]
    assert sum(written(text) != text for text in texts) >= len(OTHERS) - 2, "the way of writing changes something"
    assert {text: written(text) for text in texts if people(text) != people(written(text))} == {}
