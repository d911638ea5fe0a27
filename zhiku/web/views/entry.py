"""How a retiree comes in: by the code of a slip, typed or scanned. A scan only asks; pressing "yes" uses the code.

Browsers, phones and chat programs open addresses by themselves to show what is there, so opening one never uses it up.
"""

from __future__ import annotations

import secrets

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from zhiku.domain.accounts import AccountClosed, SignInKind
from zhiku.domain.permissions import Role
from zhiku.services.entry_codes import CodeUnknown, CodeUnusable, may_be_a_code, normalize_entry_code
from zhiku.web import sessions
from zhiku.web.access import public
from zhiku.web.current import current_zhiku
from zhiku.web.guesses import note_wrong, require_look
from zhiku.web.retiree_forms import DeedForm, EntryForm

blueprint = Blueprint("entry", __name__, url_prefix="/in")

#: Mark of this browser in its session while it comes in (`EntryCodes.enter`).
_MARK = "entry_mark"


@blueprint.route("", methods=["GET", "POST"])
@public
def enter() -> ResponseReturnValue:
    """Type the code."""
    form = EntryForm()
    if request.method == "GET":
        if _is_known():
            return redirect(url_for("own.home"))
        ended = (
            "这台设备还不认得您，或者已经退出。请输入进门码；以前的纸条用过了，请联络员再印一张。"
            if "ended" in request.args
            else ""
        )
        return _page(form, notice=ended)
    typed = form.code.data or ""
    if not may_be_a_code(typed):
        # It can be none, so it is no guess either.
        folded = len(normalize_entry_code(typed))
        told = (
            "请输入纸条上的进门码。"
            if not folded
            else f"进门码是 8 个字母和数字，您输入了 {folded} 个。请再看一遍纸条。"
        )
        return _page(form, told if folded != 8 else str(CodeUnknown())), 422
    require_look(current_app, typed)
    code = normalize_entry_code(typed)
    try:
        current_zhiku().entry_codes.look_up(code)
    except CodeUnusable as unusable:
        return _refused(form, code, unusable), 422
    return redirect(url_for(".show", code=code), code=303)


@blueprint.route("/<code>", methods=["GET", "POST"])
@public
def show(code: str) -> ResponseReturnValue:
    """Whose code it is, and whether that is who is here; "yes" lets in."""
    codes = current_zhiku().entry_codes
    form = EntryForm(formdata=None)
    if not may_be_a_code(code):
        return _page(form, str(CodeUnknown())), 404
    require_look(current_app, code)
    here = sessions.current()
    if here is not None and here.role is Role.RETIREE and codes.owner(code) == here.account_id:
        # The slip lies beside the telephone and is scanned whenever its owner wants to come in.
        return redirect(_first_page(here.scope.expert_id), code=303)
    try:
        if request.method == "GET":
            session.setdefault(_MARK, secrets.token_urlsafe(24))
            entry = codes.look_up(code)
            return render_template(
                "entry/confirm.html",
                entry=entry,
                form=DeedForm(),
                code=normalize_entry_code(code),
                signed_in=here if here is not None else None,
            )
        entry = codes.enter(code, session.get(_MARK) or secrets.token_urlsafe(24))
        sessions.begin(entry.account_id, SignInKind.DEVICE)
    except CodeUnusable as unusable:
        return _refused(form, code, unusable), 404 if isinstance(unusable, CodeUnknown) else 410
    except AccountClosed as closed:
        return _page(form, str(closed)), 410
    flash(f"{entry.name}老同志，您好！这台设备已经记住您了，以后打开就能看，不用再输进门码。", "done")
    return redirect(_first_page(entry.expert_id), code=303)


@blueprint.errorhandler(CSRFError)
def ask_again(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session, or cookies are off; nothing was used up."""
    notice = "这一页打开得太久了，请再输入一次进门码，或者再扫一次纸条。如果还是这样，请联络员帮您在浏览器设置里允许 Cookie。"
    return _page(EntryForm(formdata=None), notice), 403


def _page(form: EntryForm, problem: str = "", notice: str = "") -> str:
    return render_template("entry/enter.html", form=form, problem=problem, notice=notice)


def _refused(form: EntryForm, code: str, unusable: CodeUnusable) -> str:
    if isinstance(unusable, CodeUnknown):
        note_wrong(current_app, code)
    return _page(form, str(unusable))


def _first_page(expert_id: int | None) -> str:
    """Where a code leads: to what somebody did for them, while it waits for their word; else to their own page."""
    is_waiting = expert_id is not None and bool(current_zhiku().on_behalf.waiting_for(expert_id))
    return url_for("own.acts" if is_waiting else "own.home")


def _is_known() -> bool:
    here = sessions.current()
    return here is not None and here.role is Role.RETIREE
