"""The pages of the frame: home, about, text size."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from zhiku.domain.permissions import Permission
from zhiku.search.port import IndexProblem
from zhiku.services.answers import FieldToBrowse
from zhiku.web.access import may, public, searches
from zhiku.web.current import current_zhiku
from zhiku.web.presentation import TEXT_SIZE_COOKIE, TEXT_SIZES

blueprint = Blueprint("pages", __name__)

TEXT_SIZE_MAX_AGE = 365 * 24 * 3600

#: Problems in plain words, to show what can be typed.
EXAMPLES = ("柑橘黄龙病怎么治", "水库大坝渗水", "邻里纠纷谁能劝", "老年人高血压怎么管", "想搞民宿找谁")


@blueprint.get("/")
@public
def home() -> ResponseReturnValue:
    """The search box and the fields to browse, for who may search; the ways that are open, for everybody."""
    fields: tuple[FieldToBrowse, ...] = ()
    problem = ""
    try:
        if may(Permission.SEARCH_EXPERTS):
            fields = searches().experts.fields_to_browse()
    except IndexProblem as index_problem:
        # Suggestions and their status need no index, so the way to them stays open.
        problem = str(index_problem)
    alarm_at = current_zhiku().entry_codes.last_alarm() if may(Permission.ASSIGN_LIAISONS) else None
    return render_template("pages/home.html", fields=fields, problem=problem, examples=EXAMPLES, alarm_at=alarm_at)


@blueprint.get("/about")
@public
def about() -> ResponseReturnValue:
    """What this is, and what happens to what people write here."""
    return render_template("pages/about.html")


@blueprint.get("/text-size")
@public
def choose_text_size() -> ResponseReturnValue:
    """Keep the reader's text size in a cookie and go back to the page; a GET, so that it needs no session."""
    response = redirect(local_address(request.args.get("next", "")), code=303)
    size = request.args.get("size", "")
    if size in map(str, TEXT_SIZES):
        response.set_cookie(
            TEXT_SIZE_COOKIE,
            size,
            max_age=TEXT_SIZE_MAX_AGE,
            path=request.script_root or "/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def local_address(address: str) -> str:
    """The address when it is a path of ours, else the home page: no link of ours leads to another host."""
    root = request.script_root + "/"
    # Browsers take "//host" and "/\host" for another host, and drop tabs and line breaks before they look.
    is_ours = (
        address.startswith(root) and not address.startswith("//") and "\\" not in address and address.isprintable()
    )
    return address if is_ours else url_for("pages.home")
