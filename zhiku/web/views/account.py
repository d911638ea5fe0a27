"""One's own account: the password, the second factor, the browsers that are signed in."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from zhiku.domain.base import DomainError
from zhiku.domain.permissions import Permission, Role
from zhiku.services.given_codes import new_form_key
from zhiku.services.passwords import PasswordNotAcceptable
from zhiku.services.second_factors import FirstCodeWrong, NoSecondFactor, SecondFactorNeeded
from zhiku.services.sign_in import WrongOwnPassword
from zhiku.services.sign_ins import SignedIn
from zhiku.web import errors, sessions
from zhiku.web.access import permission, signed_in
from zhiku.web.account_forms import DeedForm, NewPasswordForm, OwnPasswordForm, OwnSetUpForm
from zhiku.web.current import current_zhiku
from zhiku.web.local_time import local_moment
from zhiku.web.notices import say

blueprint = Blueprint("account", __name__, url_prefix="/account")

STALE = "这一页打开得太久了，刚才没有保存，请再填一次。"


@blueprint.get("")
@permission(Permission.OWN_ACCOUNT)
def own() -> ResponseReturnValue:
    """Who one is here, and what one may change."""
    me = signed_in()
    if me.must_change_password:
        return redirect(url_for(".password"), code=303)
    zhiku = current_zhiku()
    account = zhiku.accounts.get_own(me.account_id)
    return render_template(
        "account/own.html",
        me=me,
        shown=account,
        codes_left=zhiku.second_factors.codes_left(me.account_id),
        sign_ins=zhiku.sign_ins.listed(me.account_id, me.sign_in_id),
        moment=local_moment,
        form=DeedForm(),
    )


@blueprint.route("/password", methods=["GET", "POST"])
@permission(Permission.OWN_ACCOUNT)
def password() -> ResponseReturnValue:
    """Change one's password; every other browser is signed out."""
    me, form = _staff(), NewPasswordForm()
    if request.method == "GET":
        return _show_password(form, me)
    old, new = form.old_password.data or "", form.new_password.data or ""
    if new != (form.new_password_again.data or ""):
        form.new_password_again.errors = ["两遍输入的新密码不一样，请重新输入。"]
        return _show_password(form, me), 422
    zhiku = current_zhiku()
    try:
        zhiku.staff_sign_in.confirm_own(me.account_id, old)
        zhiku.accounts.change_own_password(me.account_id, new)
    except WrongOwnPassword as wrong:
        form.old_password.errors = [str(wrong)]
        return _show_password(form, me), 422
    except PasswordNotAcceptable as refused:
        form.new_password.errors = [str(refused)]
        return _show_password(form, me), 422
    others = zhiku.sign_ins.end_all(me.account_id, sessions.token())
    say("密码已经改好。" + (f"另外 {others} 处登录已经退出，请在那里用新密码再登录。" if others else ""))
    return redirect(url_for("accounts.overview" if _is_new_administrator(me) else ".own"), code=303)


@blueprint.route("/second-factor", methods=["GET", "POST"])
@permission(Permission.OWN_ACCOUNT)
def second_factor() -> ResponseReturnValue:
    """Set up an authenticator app, or another one on a new phone."""
    me, form, zhiku = _staff(), OwnSetUpForm(), current_zhiku()
    status = 200
    if request.method == "POST":
        try:
            zhiku.staff_sign_in.confirm_own(me.account_id, form.password.data or "")
            codes = zhiku.second_factors.confirm(me.account_id, form.code.data or "", form.form_key.data or "")
        except WrongOwnPassword as wrong:
            form.password.errors, status = [str(wrong)], 422
        except FirstCodeWrong as wrong:
            form.code.errors, form.code.data, status = [str(wrong)], "", 422
        else:
            zhiku.sign_ins.end_all(me.account_id, sessions.token())
            return render_template("account/codes.html", codes=codes, onward=url_for(".own"), is_first=True)
    else:
        form.form_key.data = new_form_key()
    return _show_second_factor(form, me), status


@blueprint.route("/second-factor/remove", methods=["GET", "POST"])
@permission(Permission.OWN_ACCOUNT)
def remove_second_factor() -> ResponseReturnValue:
    """Do without the second factor, where the role allows that."""
    me, form, zhiku = _staff(), OwnPasswordForm(), current_zhiku()
    if me.role is Role.ADMINISTRATOR or not zhiku.accounts.get_own(me.account_id).has_second_factor:
        abort(404)
    if request.method == "POST":
        try:
            zhiku.staff_sign_in.confirm_own(me.account_id, form.password.data or "")
            zhiku.second_factors.remove(me.account_id)
        except (WrongOwnPassword, SecondFactorNeeded) as refused:
            form.password.errors = [str(refused)]
            return render_template("account/confirm.html", form=form, step="remove"), 422
        say("动态口令已经关掉，备用码也作废了。")
        return redirect(url_for(".own"), code=303)
    return render_template("account/confirm.html", form=form, step="remove")


@blueprint.route("/recovery-codes", methods=["GET", "POST"])
@permission(Permission.OWN_ACCOUNT)
def recovery_codes() -> ResponseReturnValue:
    """New recovery codes, in place of those that are used up or lost."""
    me, form, zhiku = _staff(), OwnPasswordForm(), current_zhiku()
    if not zhiku.accounts.get_own(me.account_id).has_second_factor:
        abort(404)
    if request.method == "POST":
        try:
            zhiku.staff_sign_in.confirm_own(me.account_id, form.password.data or "")
            codes = zhiku.second_factors.renew_codes(me.account_id, form.form_key.data or "")
        except (WrongOwnPassword, NoSecondFactor) as refused:
            form.password.errors = [str(refused)]
            return render_template("account/confirm.html", form=form, step="codes"), 422
        return render_template("account/codes.html", codes=codes, onward=url_for(".own"), is_first=False)
    form.form_key.data = new_form_key()
    return render_template("account/confirm.html", form=form, step="codes")


@blueprint.post("/sign-ins/<int:sign_in_id>/end")
@permission(Permission.OWN_ACCOUNT)
def end_sign_in(sign_in_id: int) -> ResponseReturnValue:
    """Sign out one of one's browsers."""
    me = signed_in()
    if sign_in_id == me.sign_in_id:
        sessions.end()
        return redirect(url_for("pages.home"), code=303)
    is_ended = current_zhiku().sign_ins.end_one(me.account_id, sign_in_id)
    say("那一处已经退出登录。" if is_ended else "那一处本来就已经退出了。")
    return redirect(url_for(".own", _anchor="sign-ins"), code=303)


@blueprint.post("/sign-ins/end-others")
@permission(Permission.OWN_ACCOUNT)
def end_others() -> ResponseReturnValue:
    """Sign out everywhere else."""
    count = current_zhiku().sign_ins.end_all(signed_in().account_id, sessions.token())
    say(f"另外 {count} 处登录已经退出。" if count else "没有别处的登录。")
    return redirect(url_for(".own", _anchor="sign-ins"), code=303)


@blueprint.errorhandler(CSRFError)
def ask_again(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session; passwords are typed again in any case."""
    if request.endpoint == "account.password" and sessions.current() is not None:
        say(STALE)
        return redirect(url_for(".password"), code=303)
    return errors.on_csrf_error(error)


@blueprint.errorhandler(DomainError)
def say_refusal(error: DomainError) -> ResponseReturnValue:
    """A busy database, mostly."""
    return errors.on_domain_error(error)


def _staff() -> SignedIn:
    """Who is signed in; retirees have neither password nor second factor."""
    me = signed_in()
    if not me.role.is_staff:
        abort(404)
    return me


def _is_new_administrator(me: SignedIn) -> bool:
    return me.must_change_password and me.role is Role.ADMINISTRATOR


def _show_password(form: NewPasswordForm, me: SignedIn) -> str:
    return render_template("account/password.html", form=form, me=me)


def _show_second_factor(form: OwnSetUpForm, me: SignedIn) -> str:
    zhiku = current_zhiku()
    return render_template(
        "account/second_factor.html",
        form=form,
        set_up=zhiku.second_factors.set_up(me.account_id),
        is_another=zhiku.accounts.get_own(me.account_id).has_second_factor,
    )
