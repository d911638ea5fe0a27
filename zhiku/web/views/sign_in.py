"""Signing in and out: name and password, then where it is asked for a code, or the setting up of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import Blueprint, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from limits import RateLimitItemPerHour, RateLimitItemPerMinute

from zhiku.domain.accounts import AccountClosed
from zhiku.domain.permissions import Role
from zhiku.services.given_codes import new_form_key
from zhiku.services.second_factors import BeginAgain, FirstCodeWrong
from zhiku.services.sign_in import CodeRefused, GivenPasswordTooOld, Passed, SignInRefused, folded_name
from zhiku.services.writing import DatabaseBusy
from zhiku.web import errors, sessions
from zhiku.web.access import public
from zhiku.web.account_forms import CodeForm, SetUpForm, SignInForm
from zhiku.web.current import current_zhiku
from zhiku.web.limits import limit_tries
from zhiku.web.notices import say
from zhiku.web.views.pages import local_address

blueprint = Blueprint("sign_in", __name__)

#: Tries from one address, and of one name from any: an office is one address, and comes in at half past eight.
SIGN_INS = (RateLimitItemPerMinute(30), RateLimitItemPerHour(200))
#: Codes likewise. Five of them lock the account for a while in any case.
CODES = (RateLimitItemPerMinute(20), RateLimitItemPerHour(100))

#: Where the session keeps that a password was right, until the code follows.
_HALF = "half_signed_in"

STALE = "这一页打开得太久了，请再输入一次。如果还是这样，请在浏览器设置里允许 Cookie。"


@dataclass(frozen=True, slots=True)
class Half:
    """Somebody whose password was right, and who has to do one thing more."""

    passed: Passed
    wanted: str


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def enter() -> ResponseReturnValue:
    """Ask for name and password."""
    form = SignInForm()
    wanted = (form.next.data if request.method == "POST" else request.args.get("next")) or ""
    if request.method == "GET":
        if sessions.current() is not None:
            return redirect(_target(wanted), code=303)
        form.next.data = wanted
        ended = sessions.has_ended()
        return _show(form, notice="您有一阵没有操作，或者登录已经结束，请再登录一次。" if ended else "")
    name = form.name.data or ""
    limit_tries(current_app, SIGN_INS, "sign-in", folded_name(name))
    try:
        passed = current_zhiku().staff_sign_in.check_password(name, form.password.data or "")
    except (SignInRefused, GivenPasswordTooOld) as refused:
        return _show(form, str(refused)), 422
    except DatabaseBusy as busy:
        return _show(form, str(busy)), 503
    # What the session held before is no longer of any use, and nothing planted in it shall stay.
    sessions.clear()
    if passed.needs_code or passed.needs_set_up:
        set_at = passed.password_set_at.isoformat() if passed.password_set_at else ""
        session[_HALF] = [passed.account_id, passed.at.isoformat(), set_at, passed.needs_code, wanted]
        return redirect(url_for(".second" if passed.needs_code else ".set_up"), code=303)
    return _come_in(passed, wanted, form)


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
@public
def second() -> ResponseReturnValue:
    """Ask for the second factor."""
    half = _half(needs_code=True)
    if half is None:
        return redirect(url_for(".enter"), code=303)
    form = CodeForm()
    if request.method == "GET":
        return render_template("sign_in/code.html", form=form, problem="")
    limit_tries(current_app, CODES, "sign-in-code", str(half.passed.account_id))
    try:
        current_zhiku().staff_sign_in.check_code(half.passed, form.code.data or "")
    except CodeRefused as refused:
        form.code.data = ""
        return render_template("sign_in/code.html", form=form, problem=str(refused)), 422
    except BeginAgain as again:
        return _from_the_beginning(half, str(again))
    return _come_in(half.passed, half.wanted)


@blueprint.route("/sign-in/set-up", methods=["GET", "POST"])
@public
def set_up() -> ResponseReturnValue:
    """Set up the second factor that the account has to have, before anything else opens."""
    half = _half(needs_code=False)
    if half is None:
        return redirect(url_for(".enter"), code=303)
    zhiku, form, account_id = current_zhiku(), SetUpForm(), half.passed.account_id
    problem, status = "", 200
    try:
        zhiku.staff_sign_in.require(half.passed)
        if request.method == "POST":
            limit_tries(current_app, CODES, "sign-in-code", str(account_id))
            typed, key = form.code.data or "", form.form_key.data or ""
            codes = zhiku.second_factors.confirm(account_id, typed, key, False, half.passed.holds)
            sessions.begin_by_password(half.passed)
            return render_template("account/codes.html", codes=codes, onward=_target(half.wanted), is_first=True)
        form.form_key.data = new_form_key()
    except FirstCodeWrong as wrong:
        problem, status, form.code.data = str(wrong), 422, ""
    except (BeginAgain, AccountClosed) as again:
        return _from_the_beginning(half, str(again))
    setting_up = zhiku.second_factors.set_up(account_id)
    return render_template("sign_in/set_up.html", form=form, set_up=setting_up, problem=problem), status


@blueprint.post("/sign-out")
@public
def leave() -> ResponseReturnValue:
    """Sign out of this browser."""
    was_in = sessions.current() is not None
    sessions.end()
    if was_in:
        say("您已退出登录。在公用的电脑上，请把浏览器也关掉。")
    return redirect(url_for(".enter"), code=303)


@blueprint.errorhandler(CSRFError)
def ask_again(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session, or cookies are off."""
    if request.endpoint == "sign_in.enter":
        return _show(SignInForm(), notice=STALE), 403
    if request.endpoint == "sign_in.leave":
        return errors.on_csrf_error(error)
    say(STALE)
    return redirect(url_for(".enter"), code=303)


def _come_in(passed: Passed, wanted: str, form: SignInForm | None = None) -> ResponseReturnValue:
    try:
        sessions.begin_by_password(passed)
    except (AccountClosed, BeginAgain) as changed:
        # Closed, or given another password, in the moment since its password was right.
        return _show(form or SignInForm(formdata=None), str(changed)), 422
    return redirect(_target(wanted), code=303)


def _from_the_beginning(half: Half, why: str) -> ResponseReturnValue:
    session.pop(_HALF, None)
    say(why)
    return redirect(url_for(".enter", next=half.wanted or None), code=303)


def _half(needs_code: bool) -> Half | None:
    kept = session.get(_HALF)
    if not isinstance(kept, list) or len(kept) != 5 or kept[3] is not needs_code:
        return None
    account_id, at, set_at, _, wanted = kept
    password_set_at = datetime.fromisoformat(set_at) if set_at else None
    passed = Passed(int(account_id), datetime.fromisoformat(at), password_set_at, needs_code, not needs_code)
    return Half(passed, str(wanted))


def _target(wanted: str) -> str:
    """Where somebody who came in goes: to the page of ours that they wanted, else to where their work begins."""
    signed_in = sessions.current()
    if signed_in is not None and signed_in.must_change_password:
        return url_for("account.password")
    if wanted:
        return local_address(wanted)
    is_administrator = signed_in is not None and signed_in.role is Role.ADMINISTRATOR
    return url_for("accounts.overview" if is_administrator else "pages.home")


def _show(form: SignInForm, problem: str = "", notice: str = "") -> str:
    return render_template("sign_in/enter.html", form=form, problem=problem, notice=notice)
