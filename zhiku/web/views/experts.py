"""Expert search and profiles."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from zhiku.services.answers import Answer
from zhiku.web.current import current_zhiku
from zhiku.web.paging import page_links
from zhiku.web.search_address import SearchAddress

blueprint = Blueprint("experts", __name__, url_prefix="/experts")


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on; `address` is the same search without it."""

    facet: str
    value: str
    address: str


@blueprint.get("")
def search() -> ResponseReturnValue:
    """People for a problem in plain words, with evidence."""
    asked = SearchAddress.read(request.args)
    answer = current_zhiku().expert_search.search(
        asked.query, filters=asked.filters, page=asked.page, is_as_typed=asked.is_as_typed
    )
    current_zhiku().unanswered.note(answer)
    # What the search understood goes into the links: a query cut to its limit, filters that exist, a page there is.
    address = SearchAddress(answer.query, answer.filters, answer.page, asked.is_as_typed)
    return render_template(
        "experts/search.html",
        answer=answer,
        address=address,
        chips=chips_of(answer, address),
        links=page_links(answer.page, answer.pages, address.with_page),
    )


@blueprint.get("/<int:expert_id>")
def profile(expert_id: int) -> ResponseReturnValue:
    """All about one person whom a search may name."""
    # A database's integer ends somewhere (SQLite 2^63, PostgreSQL 2^31); no id of ours comes near.
    found = current_zhiku().directory.profile(expert_id) if expert_id < 2**31 else None
    if found is None:
        abort(404, "没有找到这位老同志的公开档案：可能已经退出智库，或者地址写错了。您可以重新搜索。")
    return render_template("experts/profile.html", profile=found, address=SearchAddress.read(request.args))


def chips_of(answer: Answer, address: SearchAddress) -> tuple[Chip, ...]:
    """The filters that are on, in the words of their facets."""
    names = {facet.name: facet.label for facet in answer.facets}
    labels = {(facet.name, value.value): value.label for facet in answer.facets for value in facet.values}
    return tuple(
        Chip(names.get(name, name), labels.get((name, value), value), address.toggle(name, value))
        for name, values in answer.filters.items()
        for value in values
    )
