"""Suggestions: the list, the form, the receipt, and the status page by number and code."""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError

from zhiku.domain.permissions import Permission, Role, Scope
from zhiku.search.query import MAX_QUERY
from zhiku.services.directory import public_authors
from zhiku.services.similar_suggestions import Alike
from zhiku.services.suggestion_intake import (
    DraftNotAcceptable,
    IntakeBusy,
    KnownAuthor,
    Receipt,
    SuggestionDraft,
    find_problems,
    new_code,
    new_submission_key,
    normalize_number,
)
from zhiku.web import errors, sessions
from zhiku.web.access import permission, public, reader, scope, searches
from zhiku.web.current import current_zhiku
from zhiku.web.forms import StatusForm, SuggestionForm
from zhiku.web.limits import STATUS_TRIES, SUBMISSIONS, limit_tries
from zhiku.web.paging import page_links
from zhiku.web.retiree_forms import OwnSuggestionForm
from zhiku.web.search_address import read_page
from zhiku.web.timeline import MEANINGS, stations_of

log = logging.getLogger(__name__)

blueprint = Blueprint("suggestions", __name__, url_prefix="/suggestions")

#: How long the receipt can be shown again: long enough to print it, short for a shared computer.
RECEIPT_SHOWN_FOR = timedelta(hours=1)
#: Pages of the form open at once in one browser whose codes are remembered.
PAGES_REMEMBERED = 5

#: What the buttons of the page "there is one like it" send.
SUBMIT_ANYWAY = "submit-anyway"
GO_ON_WRITING = "go-on-writing"

_SUBMISSION_KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")


@blueprint.get("")
@permission(Permission.SEARCH_SUGGESTIONS)
def search() -> ResponseReturnValue:
    """Suggestions for some words, or the newest ones."""
    query = request.args.get("q", "")[: MAX_QUERY + 1]
    answer = searches().suggestions.search(query, page=read_page(request.args))

    def address(page_number: int) -> str:
        return url_for(".search", q=answer.query or None, page=page_number if page_number > 1 else None)

    return render_template(
        "suggestions/search.html", answer=answer, links=page_links(answer.page, answer.pages, address)
    )


@blueprint.route("/new", methods=["GET", "POST"])
@public
def new() -> ResponseReturnValue:
    """The form. A good one is stored and leads to its receipt; another is shown again with all that was typed.

    Where there is a suggestion like it already, its author is asked once, and decides.
    """
    author = author_here()
    form = form_for(author)
    if request.method == "GET":
        form.submission_key.data = new_submission_key()
        remember_code(form.submission_key.data)
        return show_form(form, author)
    limit_tries(current_app, SUBMISSIONS, "submission")
    key = sent_key(form)
    draft, choice = form.draft(key), request.form.get("choice")
    if choice == GO_ON_WRITING:
        form.submission_key.data = key
        return show_form(form, author)
    if choice != SUBMIT_ANYWAY and (alike := copies_of(draft, author)):
        remember_code(key)
        form.submission_key.data = key
        return render_template("suggestions/alike.html", form=form, alike=alike, action=url_for(".new")), 409
    try:
        receipt = current_zhiku().suggestion_intake.submit(draft, code=remember_code(key), author=author)
    except DraftNotAcceptable as refused:
        form.show_problems(refused)
        return show_form(form, author), 422
    except IntakeBusy as busy:
        # The driver's own words: they name the trouble, and never what was typed.
        log.error("a suggestion could not be stored: %s", getattr(busy.__cause__, "orig", busy.__cause__))
        return show_form(form, author, str(busy)), 503
    keep_receipt(receipt)
    return redirect(url_for(".submitted"), code=303)


@blueprint.get("/submitted")
@public
def submitted() -> ResponseReturnValue:
    """The receipt of the suggestion just sent. Number and code are in the signed session, not in the address."""
    receipt = kept_receipt()
    if receipt is None:
        return redirect(url_for(".status"))
    return render_template("suggestions/submitted.html", receipt=receipt)


@blueprint.post("/submitted/close")
@public
def forget_receipt() -> ResponseReturnValue:
    """The reader has written the code down: nothing of it stays in this browser."""
    session.pop("receipt", None)
    session.pop("codes", None)
    return redirect(url_for("pages.home"), code=303)


@blueprint.route("/status", methods=["GET", "POST"])
@public
def status() -> ResponseReturnValue:
    """Ask for the status of a suggestion by its number and code."""
    form = StatusForm()
    if request.method == "GET":
        form.number.data = request.args.get("number", "")[:40]
        return render_template("suggestions/status.html", form=form, notice="", is_refused=False)
    limit_tries(current_app, STATUS_TRIES, "status")
    number = current_zhiku().suggestion_intake.check_code(form.number.data or "", form.code.data or "")
    if number is None:
        # One sentence for a wrong number and a wrong code: which numbers exist is nobody's business.
        return render_template("suggestions/status.html", form=form, notice="", is_refused=True), 422
    session["opened"] = number
    return redirect(url_for(".progress", number=number), code=303)


@blueprint.get("/status/<number>")
@public
def progress(number: str) -> ResponseReturnValue:
    """The status of the suggestion that this browser has opened with its code."""
    if session.get("opened") != number:
        return redirect(url_for(".status", number=normalize_number(number) or None))
    suggestion = current_zhiku().directory.progress(number)
    if suggestion is None:
        abort(404)
    return render_template(
        "suggestions/progress.html",
        suggestion=suggestion,
        stations=stations_of(suggestion),
        meaning=MEANINGS[suggestion.status],
    )


@blueprint.post("/status/close")
@public
def close_status() -> ResponseReturnValue:
    """The reader is done: the next one at this computer must know the code again."""
    session.pop("opened", None)
    return redirect(url_for("pages.home"), code=303)


@blueprint.get("/<number>")
@public
def page(number: str) -> ResponseReturnValue:
    """The public page of one suggestion."""
    suggestion = current_zhiku().directory.suggestion(number, Scope())
    if suggestion is None or not reader().may_read(suggestion):
        abort(
            404,
            "没有找到这件建议：编号可能写错了，或者它还没有答复、没有公开。工作人员请先登录再看；想查自己提交的建议，请用编号和查询码“查进度”。",
        )
    return render_template(
        "suggestions/page.html",
        suggestion=suggestion,
        authors=public_authors(suggestion, scope().division),
        stations=stations_of(suggestion),
    )


@blueprint.errorhandler(CSRFError)
def keep_what_was_typed(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session, or cookies are off: show the form again, with its text, to be sent
    once more with a fresh token. Nothing has been stored."""
    notice = "这一页打开得太久了，刚才没有提交成功。您填写的内容都还在，请再按一次按钮。如果还是这样，请在浏览器设置里允许 Cookie。"
    if request.endpoint == "suggestions.new":
        author = author_here()
        form = form_for(author)
        form.submission_key.data = sent_key(form)
        remember_code(form.submission_key.data)
        return show_form(form, author, notice), 403
    if request.endpoint == "suggestions.status":
        return render_template("suggestions/status.html", form=StatusForm(), notice=notice, is_refused=False), 403
    return errors.on_csrf_error(error)


def author_here() -> KnownAuthor | None:
    """The retiree who is signed in, whose suggestion it will be; None for anybody else."""
    here = sessions.current()
    if here is None or here.role is not Role.RETIREE or here.scope.expert_id is None:
        return None
    return KnownAuthor(here.scope.expert_id, here.name)


def form_for(author: KnownAuthor | None) -> SuggestionForm:
    """The form: who is known is not asked for a name."""
    return SuggestionForm() if author is None else OwnSuggestionForm()


def show_form(form: SuggestionForm, author: KnownAuthor | None, notice: str = "") -> str:
    """The page with the form, as it was typed."""
    return render_template("suggestions/new.html", form=form, author=author, notice=notice)


def copies_of(draft: SuggestionDraft, author: KnownAuthor | None = None) -> Alike:
    """Suggestions that say the same as an acceptable draft; none of a draft that must be completed first."""
    named = draft if author is None else replace(draft, name=author.name)
    if find_problems(named.cleaned(), is_known=author is not None):
        return Alike()
    text = f"{draft.situation}\n{draft.proposal}"
    try:
        return searches().similar.copies(draft.subject, text, reader(), own_key=draft.submission_key)
    except OperationalError as error:
        # Whether there is another one is no reason not to take this one in.
        log.error("copies could not be looked for: %s", error.orig)
        return Alike()


def sent_key(form: SuggestionForm) -> str:
    """The key of the page that was sent, or a fresh one where it is none of ours."""
    key = form.submission_key.data or ""
    return key if _SUBMISSION_KEY.fullmatch(key) else new_submission_key()


def remember_code(submission_key: str) -> str:
    """The code that the page with this key will get. It is kept in the session from the moment the page is opened, so
    that both of two quick clicks propose the same one and either answer can show it."""
    codes: list[list[str]] = session.get("codes", [])
    for key, code in codes:
        if key == submission_key:
            return code
    code = new_code()
    session["codes"] = [*codes, [submission_key, code]][-PAGES_REMEMBERED:]
    return code


def keep_receipt(receipt: Receipt) -> None:
    """Keep a receipt for the page that shows it."""
    shown = kept_receipt()
    if receipt.code is None and shown is not None and shown.number == receipt.number:
        return
    session["receipt"] = [receipt.number, receipt.code, current_zhiku().clock().timestamp()]


def kept_receipt() -> Receipt | None:
    """The receipt of this session while it may be shown."""
    if "receipt" not in session:
        return None
    number, code, at = session["receipt"]
    age = current_zhiku().clock() - datetime.fromtimestamp(at, UTC)
    return Receipt(number, code) if age <= RECEIPT_SHOWN_FOR else None
