"""What every template may use: the county's name, static addresses, Chinese dates, the reader's text size."""

from __future__ import annotations

import hashlib
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from urllib.parse import quote

from flask import Flask, request, url_for
from sqlalchemy.exc import SQLAlchemyError

from zhiku.bootstrap import Zhiku
from zhiku.domain.experts import DatePrecision
from zhiku.domain.redaction import redact
from zhiku.web.local_time import local_day, local_moment

#: Sizes of body text in CSS pixels (PRODUCT, 适老化: 18 or more, adjustable to 30), with their labels.
TEXT_SIZES = {18: "标准", 22: "大", 26: "更大", 30: "特大"}
TEXT_SIZE_COOKIE = "zhiku_text_size"

#: Availability -> icon. Never the icon or its colour alone: the label stands beside it.
AVAILABILITY_ICONS = {
    "available": "check-circle-fill",
    "phone_only": "telephone-fill",
    "unavailable": "pause-circle-fill",
    "withdrawn": "dash-circle-fill",
}


def install(app: Flask, zhiku: Zhiku) -> None:
    """Register filters and names for all templates."""
    known: dict[str, str] = {}

    def county_name() -> str:
        # Kept once it is known: a county is not renamed while we run. Error pages use it too, so it must never raise.
        if "name" not in known:
            try:
                name = zhiku.directory.county_name()
            except SQLAlchemyError:
                return ""
            if not name:
                return ""
            known["name"] = name
        return known["name"]

    @cache
    def asset_version(path: str) -> str:
        content = (Path(app.static_folder or "") / path).read_bytes()
        return hashlib.blake2b(content, digest_size=6).hexdigest()

    @cache
    def asset_below(_root: str, path: str) -> str:
        return url_for("static", filename=path, v=asset_version(path))

    def asset(path: str) -> str:
        # The same for every page below one root; `url_for` would make it anew seven times a page.
        return asset_below(request.script_root, path)

    app.jinja_env.globals.update(
        county_name=county_name,
        asset=asset,
        text_size=text_size,
        text_sizes=TEXT_SIZES,
        here=here,
        availability_icons=AVAILABILITY_ICONS,
    )
    app.jinja_env.filters.update(local_day=local_day, local_moment=local_moment)
    app.jinja_env.filters.update(chinese_date=chinese_date, life_date=life_date, redact=redact, in_address=in_address)


def text_size() -> int:
    """The reader's text size in CSS pixels."""
    value = request.cookies.get(TEXT_SIZE_COOKIE, "")
    return int(value) if value in map(str, TEXT_SIZES) else min(TEXT_SIZES)


def here() -> str:
    """The address of this page below the host, to come back to after a form of the page's frame."""
    path = quote(request.script_root + request.path)
    query = request.query_string.decode("ascii") if request.method == "GET" else ""
    return f"{path}?{query}" if query else path


@lru_cache(maxsize=4096)
def in_address(value: str) -> str:
    """A value as it stands in the query of an address; remembered, for every page has the same hundred values."""
    return quote(value, safe="")


def chinese_date(day: date) -> str:
    """2026年3月5日."""
    return f"{day.year}年{day.month}月{day.day}日"


def life_date(day: date, precision: DatePrecision | None) -> str:
    """A date of life, to the month at most: the day is nobody's business."""
    if precision is DatePrecision.YEAR:
        return f"{day.year}年"
    return f"{day.year}年{day.month}月"
