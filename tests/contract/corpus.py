"""Index documents for the contract: a small county, always the same."""

from __future__ import annotations

from datetime import date
from random import Random

from zhiku.search.port import IndexDocument, Kind

SURNAMES = "张李王刘陈曾单覃"
GIVEN = ("建国", "水生", "桂花", "明", "志强", "冬莲", "长庚", "玉兰")
FIELDS = (("水利工程", "水利"), ("柑橘栽培", "农业"), ("民事调解", "法律"), ("高血压防治", "医疗卫生"))
TOWNSHIPS = ("漆河镇", "陬市镇", "茶庵铺镇")
UNITS = ("县水利局", "县农业农村局", "县人民法院", "县人民医院")
TITLES = ("高级工程师", "农艺师", "主任医师", "")
SENTENCES = (
    "主持黄石水库除险加固，解决坝脚渗漏。",
    "推广柑橘黄龙病防控，教果农剪枝施肥。",
    "调解邻里纠纷三百多起，做土地承包的工作。",
    "长期从事高血压、糖尿病慢性病管理。",
    "管过渠道清淤和山塘涵管漏水。",
    "编过 CAD 图集，会用 GPS 测量渠系。",
    "研究生物质能源，办过沼气站。",
    "給村民講法律援助,發(fā)揮余熱。",
    "修水库、修水渠、修水库，一辈子修水库。",
)

#: Of two counties, the second with a code that the first's is no beginning of; and of a row that says nothing.
DIVISIONS = ("430725001", "430725105", "430725", "430726101", "")

EXPERTS = 36
EVIDENCE = 60


def county(seed: int = 7, experts: int = EXPERTS, evidence: int = EVIDENCE) -> list[IndexDocument]:
    """Profiles, evidence with one or two owners, and suggestions without an owner; the same for the same seed."""
    random = Random(seed)
    facets = {f"expert:{number}": _facets(random) for number in range(1, experts + 1)}
    documents = [_profile(random, owner, own) for owner, own in facets.items()]
    for number in range(1, evidence + 1):
        documents += _evidence(random, number, facets)
    return documents


def _division(owner: str) -> str:
    """Where a person lives: always the same, and in every division somebody."""
    return DIVISIONS[int(owner.partition(":")[2]) % len(DIVISIONS)]


def _facets(random: Random) -> dict[str, tuple[str, ...]]:
    facets = {
        "field": random.choice(FIELDS),
        "township": (random.choice(TOWNSHIPS),),
        "unit": (random.choice(UNITS),),
        "title": (random.choice(TITLES),),
        "availability": (random.choice(("available", "phone_only", "unavailable")),),
    }
    return {name: tuple(filter(None, values)) for name, values in facets.items()}


def _profile(random: Random, owner: str, facets: dict[str, tuple[str, ...]]) -> IndexDocument:
    fields = {
        "expertise": " ".join(facets["field"]),
        "post": f"{facets['unit'][0]} {facets['township'][0]}",
        "summary": "".join(random.sample(SENTENCES, random.randint(1, 3))),
        "career": random.choice(SENTENCES),
    }
    name = random.choice(SURNAMES) + random.choice(GIVEN)
    lives = {"division": _division(owner), "owner_division": _division(owner)}
    return IndexDocument(owner, owner, owner, Kind.PROFILE, fields, name=name, facets=facets, **lives)


def _evidence(random: Random, number: int, facets: dict[str, dict[str, tuple[str, ...]]]) -> list[IndexDocument]:
    kind = random.choice((Kind.SUGGESTION, Kind.SERVICE))
    source = f"{kind.value}:{number}"
    day = date(2020 + number % 6, 1 + number % 12, 1 + number % 28) if number % 7 else None
    fields = {"title": random.choice(SENTENCES)[:8], "body": "".join(random.choices(SENTENCES, k=2))}
    division = DIVISIONS[number // 2 % len(DIVISIONS)]
    owners = random.sample(sorted(facets), random.choice((0, 1, 1, 2)) if kind is Kind.SUGGESTION else 1)
    if not owners:
        return [IndexDocument(source, source, "", kind, fields, date=day, division=division)]
    return [
        IndexDocument(
            f"{source}/{owner}", source, owner, kind, fields, facets=facets[owner], date=day,
            division=division, owner_division=_division(owner),
        )
        for owner in owners
    ]  # fmt: skip
