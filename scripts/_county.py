"""A county of any size for the benchmark: sentences of the demo county, dealt out anew. Nobody in it exists."""

from __future__ import annotations

import csv
import random
import re
from importlib import resources
from pathlib import Path

SURNAMES = "李张刘陈杨黄周吴罗胡彭谢曾邓肖唐朱蒋易余熊龙向燕汪宋龚莫丁翦文田高鲁万梁郭何谭戴贺毛段石程邹傅范姚卢"
GIVEN = "先桂云水清楚湘开绪秋菊宜松学勤大柱晓岚邦彦世雄翠屏长河明华国庆建设春生光辉德茂金玉兰香竹梅志远守信"

#: Columns whose parts are dealt out, with what separates the parts.
_DEALT = {"专长": "、", "履历": "；", "荣誉": "；", "简介": "。"}


def read_demo(kind: str) -> list[dict[str, str]]:
    """The demo county's rows of a kind."""
    text = resources.files("zhiku.demo").joinpath(f"{kind}.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))


def write_roster(path: Path, people: int, seed: int = 1) -> None:
    """A roster of so many people: the same one for the same seed. Each has a demo person's field and post, and in the
    other columns as many parts as that person, taken from anybody."""
    dice = random.Random(seed)
    rows = read_demo("experts")
    parts = {
        column: sorted({part for row in rows for part in re.split(separator, row[column]) if part.strip()})
        for column, separator in _DEALT.items()
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for number in range(people):
            row = dict(dice.choice(rows), 状态="已发布", 姓名=_name(dice))
            # Namesakes of one birth date would be taken for one person.
            row["出生日期"] = f"{1935 + number % 30}-{1 + number // 30 % 12:02d}-{1 + number // 360 % 28:02d}"
            for column, separator in _DEALT.items():
                count = len([part for part in row[column].split(separator) if part.strip()])
                row[column] = separator.join(dice.sample(parts[column], count))
            writer.writerow(row)


def problems(count: int, seed: int = 2) -> list[str]:
    """Queries: half of them what somebody is good at, half the subject of a suggestion."""
    dice = random.Random(seed)
    short = sorted({part for row in read_demo("experts") for part in row["专长"].split("、") if part})
    long = sorted({row["事由"] for row in read_demo("suggestions")})
    return [*dice.sample(short, count - count // 2), *dice.sample(long, count // 2)]


def _name(dice: random.Random) -> str:
    return dice.choice(SURNAMES) + "".join(dice.sample(GIVEN, dice.choice((1, 2, 2, 2))))
