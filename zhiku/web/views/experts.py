"""Expert search and profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from zhiku.domain.permissions import Permission
from zhiku.search.keywords import MAX_CHOSEN, MAX_KEYWORD_LENGTH
from zhiku.search.query import MAX_QUERY
from zhiku.services.answers import FACET_LABELS, Answer
from zhiku.web.access import permission, scope, searches
from zhiku.web.current import current_zhiku
from zhiku.web.paging import page_links
from zhiku.web.search_address import SearchAddress
from zhiku.web.views import pictures

blueprint = Blueprint("experts", __name__, url_prefix="/experts")


@dataclass(frozen=True, slots=True)
class Chip:
    """A condition that is on; `address` is the same search without it."""

    label: str
    value: str
    address: str
    #: What following the address does, for who cannot see the cross.
    effect: str = "去掉这个条件"


@blueprint.get("")
@permission(Permission.SEARCH_EXPERTS)
def search() -> ResponseReturnValue:
    """People for a problem in plain words, with evidence."""
    asked = SearchAddress.read(request.args)
    changed = changed_keywords(asked.keywords, request.args)
    if changed is not None:
        # A clean address, which can be kept and sent on.
        return redirect(asked.with_keywords(changed), code=303)
    answer = asked.answered_by(searches().experts)
    if not answer.is_problem:
        # What somebody pasted may tell of a person's circumstances.
        current_zhiku().unanswered.note(answer, scope())
    # What the search understood goes into the links: a query cut to its limit and without the filters that were read
    # from it, filters that exist, a page there is.
    address = SearchAddress(answer.query, answer.filters, answer.page, asked.is_as_typed, asked.intent, asked.keywords)
    return render_template(
        "experts/search.html",
        answer=answer,
        address=address,
        chips=chips_of(answer, address),
        links=page_links(answer.page, answer.pages, address.with_page),
        photos=current_zhiku().photos.marks([person.expert_id for person in answer.people]),
        most_keywords=MAX_CHOSEN,
        longest_keyword=MAX_KEYWORD_LENGTH,
        longest_query=MAX_QUERY,
    )


@blueprint.route("/problem", methods=["GET", "POST"])
@permission(Permission.SEARCH_EXPERTS)
def problem() -> ResponseReturnValue:
    """A field for a problem of several lines. What is sent becomes the address of a search.

    Sent by POST, since an address has its limits and a whole report shall be cut with a sentence, not refused. It
    changes nothing, so it needs no token.
    """
    if request.method == "GET":
        return render_template(
            "experts/problem.html", address=SearchAddress.read(request.args), longest_query=MAX_QUERY
        )
    asked = SearchAddress.read(request.form)
    return redirect(SearchAddress(asked.query, asked.filters).back(), code=303)


@blueprint.get("/<int:expert_id>")
@permission(Permission.SEARCH_EXPERTS)
def profile(expert_id: int) -> ResponseReturnValue:
    """All about one person whom a search may name."""
    # A database's integer ends somewhere (SQLite 2^63, PostgreSQL 2^31); no id of ours comes near.
    found = current_zhiku().directory.profile(expert_id, scope()) if expert_id < 2**31 else None
    if found is None:
        abort(404, "没有找到这位老同志的公开档案：可能已经退出智库，或者地址写错了。您可以重新搜索。")
    return render_template(
        "experts/profile.html",
        profile=found,
        address=SearchAddress.read(request.args),
        photo=current_zhiku().photos.marks([expert_id]).get(expert_id, ""),
        may_change_photo=pictures.may_change(expert_id),
    )


def chips_of(answer: Answer, address: SearchAddress) -> tuple[Chip, ...]:
    """The conditions that are on: exact parts, what must not be there, and filters in the words of their facets."""
    labels = {(facet.name, value.value): value.label for facet in answer.facets for value in facet.values}
    return (
        *(
            Chip("一字不差", phrase, address.without_phrase(phrase), "不再要求一字不差，仍按普通词语找")
            for phrase in answer.phrases
        ),
        *(Chip("不要", word, address.without_excluded(word), "不再排除") for word in answer.excluded),
        *(
            Chip(FACET_LABELS[name], labels.get((name, value), value), address.toggle(name, value))
            for name, values in answer.filters.items()
            for value in values
        ),
    )


def changed_keywords(kept: Sequence[str], args: MultiDict[str, str]) -> list[str] | None:
    """The key words after one was added (`add`, several with blanks between them) or taken away (`drop`); None where
    nothing was."""
    dropped, added = args.get("drop", ""), args.get("add", "").split()
    if not dropped and "add" not in args:
        return None
    left = [word for word in kept if word != dropped]
    # The last one stays: a problem without key words would be given new ones.
    return (left or list(kept)) + added
