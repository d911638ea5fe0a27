"""Facets with more values than a page can list."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from zhiku.services.answers import Facet, FacetValue
from zhiku.web.search_address import SearchAddress

LISTED = 30


def units(count: int, chosen: str = "") -> Facet:
    """A facet as a search gives it: what is chosen first, then by number of people."""
    names = [f"桃源县第{number}&所" for number in range(count)]
    names.sort(key=lambda name: name != chosen)
    return Facet("unit", "原单位", tuple(FacetValue(name, name, 1, name == chosen) for name in names))


def render(app: Flask, facet: Facet, address: SearchAddress) -> str:
    with app.test_request_context():
        module = app.jinja_env.get_template("_macros/facets.html").make_module({"url_for": app.url_for})
        return str(module.facet_groups((facet,), address))  # type: ignore[attr-defined]


@pytest.mark.parametrize("query", ["水库", "水库渗水，" * 30])
def test_a_facet_lists_so_many_values_and_says_how_to_ask_for_the_others(app: Flask, query: str) -> None:
    page = render(app, units(LISTED + 1), SearchAddress(query))
    assert page.count("<li>") == LISTED and "其余 25 项" in page
    assert "请在搜索框里加上“原单位：名称”" in page
    assert "请在搜索框里加上" not in render(app, units(LISTED), SearchAddress(query))


def test_a_value_that_is_chosen_is_listed_however_rare(app: Flask) -> None:
    name = "桃源县第59&所"
    page = render(app, units(60, chosen=name), SearchAddress("水库", {"unit": (name,)}))
    assert page.count("is-selected") == 1 and "桃源县第59&amp;所" in page
    assert "<details open>" not in page


def test_a_link_adds_its_value_to_all_that_is_asked(app: Flask) -> None:
    asked = SearchAddress("水 库&坝", {"unit": ("甲&乙",), "title": ("工程师",)}, page=3, is_as_typed=True)
    page = render(app, units(2), asked)
    links = [parse_qs(urlsplit(unescape(link)).query) for link in re.findall(r'href="([^"]+)"', page)]
    assert [link["unit"] for link in links] == [["甲&乙", "桃源县第0&所"], ["甲&乙", "桃源县第1&所"]]
    assert all(
        link | {"unit": []} == {"q": ["水 库&坝"], "title": ["工程师"], "as_typed": ["1"], "unit": []} for link in links
    )
