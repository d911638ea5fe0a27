"""The JSON API for the county's other systems: the same people in the same order as the page.

What it answers is described by zhiku/web/openapi.py from the declarations here. The routes that our own pages' scripts
ask (completion, similar suggestions) are none of it: they lie beside it, below /api/.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import MultiDict

from zhiku.domain.permissions import Permission
from zhiku.search.intent import Intent
from zhiku.search.keywords import MAX_CHOSEN, MAX_KEYWORD_LENGTH
from zhiku.search.port import FACETS
from zhiku.search.query import MAX_QUERY
from zhiku.services.answers import FACET_LABELS
from zhiku.services.department_routing import MAX_TEXT, NothingToRoute, SuggestionUnknown
from zhiku.services.suggestion_intake import normalize_number
from zhiku.web import api_json, errors
from zhiku.web.access import permission, public, reader, scope, searches
from zhiku.web.api_answers import (
    DepartmentsAnswer,
    ExpertAnswer,
    ExpertsAnswer,
    Links,
    SuggestionAnswer,
    SuggestionsAnswer,
    TextAsked,
)
from zhiku.web.current import current_zhiku
from zhiku.web.json_body import json_object
from zhiku.web.openapi import Parameter, describes, document, undescribed
from zhiku.web.search_address import MAX_FILTER_VALUES, MAX_PAGE, BadPage, SearchAddress, read_page

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")

_PAGE = Parameter(
    "page",
    "第几页，从 1 起；超过最后一页时给最后一页。每页的条数由系统设置。",
    {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1},
)
_NUMBER = {"number": ("建议编号，例如 2026-0042", {"type": "string", "minLength": 1})}
_YES = {"type": "string", "enum": ["0", "1"], "default": "0"}


@blueprint.get("/experts")
@permission(Permission.SEARCH_EXPERTS, by_token=True)
@describes(
    "查专家",
    ExpertsAnswer,
    [
        Parameter("q", f"要解决的问题，用平常话写；最多看前 {MAX_QUERY} 个字。也可以是姓名、拼音或首字母。"),
        *(
            Parameter(
                name, f"只要这些{FACET_LABELS[name]}，可以写几次，最多 {MAX_FILTER_VALUES} 个。", is_repeated=True
            )
            for name in FACETS
        ),
        _PAGE,
        Parameter("as_typed", "1：按原文查，不替换成别的写法。", _YES),
        Parameter(
            "by", "把问题当作姓名（name）还是专长（topic）。", {"type": "string", "enum": [Intent.NAME, Intent.TOPIC]}
        ),
        Parameter(
            "kw",
            f"一段情况的关键词，可以写几次，最多 {MAX_CHOSEN} 个，每个最多 {MAX_KEYWORD_LENGTH} 个字；不写时由系统取。",
            is_repeated=True,
        ),
    ],
)
def experts() -> ResponseReturnValue:
    """People for a problem, best first, with evidence."""
    refuse_other_values(by=(Intent.NAME, Intent.TOPIC), as_typed=("0", "1"))
    asked = SearchAddress.read(request.args, is_strict=True)
    answer = asked.answered_by(searches().experts)
    return jsonify(api_json.experts(answer, links(answer.page, answer.pages, request.args)))


@blueprint.get("/experts/<expert_id>")
@permission(Permission.SEARCH_EXPERTS, by_token=True)
@describes(
    "看一位专家的公开档案",
    ExpertAnswer,
    path={"expert_id": ("专家编号", {"type": "integer", "minimum": 1, "maximum": 2**31 - 1})},
)
def expert(expert_id: str) -> ResponseReturnValue:
    """One profile."""
    found = current_zhiku().directory.profile(int(expert_id), scope()) if _is_id(expert_id) else None
    if found is None:
        abort(404, "没有这位专家的公开档案：编号可能不对，已经退出智库，或者不在令牌的范围里。")
    return jsonify(api_json.expert(found))


@blueprint.get("/suggestions")
@permission(Permission.SEARCH_SUGGESTIONS, by_token=True)
@describes(
    "查建议",
    SuggestionsAnswer,
    [Parameter("q", f"要找什么，用平常话写，最多看前 {MAX_QUERY} 个字；不写时是最新的建议。"), _PAGE],
)
def suggestions() -> ResponseReturnValue:
    """Suggestions for some words, best first, or the newest ones."""
    page = read_page(request.args, is_strict=True)
    answer = searches().suggestions.search(request.args.get("q", "")[: MAX_QUERY + 1], page=page)
    return jsonify(api_json.suggestions(answer, links(answer.page, answer.pages, request.args)))


@blueprint.get("/suggestions/<number>")
@permission(Permission.SEARCH_SUGGESTIONS, by_token=True)
@describes("看一件建议", SuggestionAnswer, path=_NUMBER)
def suggestion(number: str) -> ResponseReturnValue:
    """One suggestion."""
    wanted = normalize_number(number)
    found = current_zhiku().directory.suggestion(wanted, scope()) if wanted else None
    if found is None or not reader().may_read(found):
        abort(404, "没有这件建议：编号可能不对，没有公开，或者不在令牌的范围里。编号的写法例如 2026-0042。")
    return jsonify(api_json.suggestion(found, scope().division))


@blueprint.get("/suggestions/<number>/departments")
@permission(Permission.ROUTE_SUGGESTIONS, by_token=True)
@describes("看一件建议宜交给哪些部门", DepartmentsAnswer, path=_NUMBER)
def departments_of(number: str) -> ResponseReturnValue:
    """The likeliest departments for a stored suggestion, with reasons."""
    wanted = normalize_number(number)
    try:
        found = searches().routing.for_suggestion(wanted or number)
    except (SuggestionUnknown, NothingToRoute) as error:
        abort(404, str(error))
    return jsonify(api_json.departments(found, wanted))


@blueprint.post("/departments")
@permission(Permission.ROUTE_SUGGESTIONS, by_token=True)
@describes(f"看一段文字宜交给哪些部门（最多看前 {MAX_TEXT} 个字）", DepartmentsAnswer, asks=TextAsked)
def departments() -> ResponseReturnValue:
    """The likeliest departments for a text. By POST: an address would stand in the logs of every proxy."""
    asked = json_object()
    if asked is None:
        abort(400, "请以 JSON 对象给出 subject（事由）和 text（情况和建议），请求头写 Content-Type: application/json。")
    if not asked.keys() <= TextAsked.__annotations__.keys():
        abort(400, "JSON 里只能有 subject（事由）和 text（情况和建议）。")
    subject, text = (asked.get(name, "") for name in ("subject", "text"))
    if not isinstance(subject, str) or not isinstance(text, str):
        abort(400, "subject（事由）和 text（情况和建议）都应是文字。")
    try:
        found = searches().routing.likeliest(subject[:MAX_TEXT], text[:MAX_TEXT])
    except NothingToRoute as error:
        abort(400, str(error))
    return jsonify(api_json.departments(found, None))


@blueprint.get("/openapi.json")
@public
@undescribed
def openapi() -> ResponseReturnValue:
    """The description of the API."""
    return jsonify(described())


@blueprint.get("/docs")
@public
@undescribed
def docs() -> ResponseReturnValue:
    """The description as a page."""
    return render_template("api/docs.html", api=described())


@blueprint.errorhandler(BadPage)
def refuse_page(error: BadPage) -> ResponseReturnValue:
    """A page number that is none."""
    return errors.error_answer(400, errors.ErrorText("", str(error)))


def described() -> dict[str, Any]:
    """The description as it is for this installation."""
    return document(current_app, current_zhiku().directory.county_name(), request.script_root)


def links(page: int, pages: int, args: MultiDict[str, str]) -> Links:
    """The addresses of the pages around a page of this same search."""

    others = [(name, value) for name, values in args.lists() if name != "page" for value in values]

    def address(number: int) -> str:
        # Not by `url_for`, some of whose arguments have meanings of their own: a caller could name them.
        query = urlencode([*others, ("page", number)], errors="replace")
        return f"{quote(request.script_root + request.path)}?{query}"

    return {
        "self": address(page),
        "first": address(1),
        "previous": address(page - 1) if page > 1 else None,
        "next": address(page + 1) if page < pages else None,
        "last": address(pages),
    }


def refuse_other_values(**allowed: tuple[str, ...]) -> None:
    """Answer 400 where a parameter is given and has none of its values."""
    for name, values in allowed.items():
        if any(given not in values for given in request.args.getlist(name)):
            abort(400, f"参数 {name} 只能是：{'、'.join(values)}。")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 10 and 0 < int(text) < 2**31
