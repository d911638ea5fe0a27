"""The accounts, kept by an administrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError

from zhiku.domain.permissions import Permission, Role, Scope
from zhiku.services.accounts import (
    AccountChanged,
    AccountGone,
    AccountNotAcceptable,
    AccountShown,
    GivenPassword,
    StepNotAllowed,
)
from zhiku.services.given_codes import new_form_key
from zhiku.services.sign_in import GIVEN_HOLDS
from zhiku.web import errors
from zhiku.web.access import permission, signed_in
from zhiku.web.account_forms import AccountChoices, AccountForm, DeedForm
from zhiku.web.current import current_zhiku
from zhiku.web.local_time import local_moment
from zhiku.web.notices import say
from zhiku.web.paging import page_links

blueprint = Blueprint("accounts", __name__, url_prefix="/admin/accounts")

#: Longest text that is looked for.
MAX_QUERY = 40

#: States to choose in the list -> `is_active`.
STATES: Mapping[str, bool | None] = {"active": True, "closed": False}


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that is done to an account after it was asked once more."""

    question: str
    consequence: str
    button: str
    icon: str
    done: str
    do: Callable[[Scope, int], object]
    #: Whether the account is one to which it can be done.
    fits: Callable[[AccountShown], bool]


DEEDS: Mapping[str, Deed] = {
    "close": Deed(
        "要停用这个账号吗？",
        "停用以后马上退出登录，不能再进来；做过的事和审计记录都还在，以后可以再启用。",
        "停用", "person-x", "已停用，登录也都退出了。",
        lambda scope, key: current_zhiku().accounts.set_active(scope, key, False),
        lambda account: account.is_active,
    ),
    "open": Deed(
        "要重新启用这个账号吗？",
        "启用以后，用原来的密码就能登录。",
        "启用", "person-check", "已启用。",
        lambda scope, key: current_zhiku().accounts.set_active(scope, key, True),
        lambda account: not account.is_active,
    ),
    "unlock": Deed(
        "要马上解锁吗？",
        "解锁以后不用等，可以立即再试。请先问清是不是本人输错的：也可能有人在猜密码。",
        "解锁", "unlock", "已解锁，可以立即登录。",
        lambda scope, key: current_zhiku().accounts.unlock(scope, key),
        lambda account: account.locked_until is not None,
    ),
    "second-factor": Deed(
        "要取消这个账号的动态口令吗？",
        "手机丢了或者换了、备用码也没有的时候用。取消以后登录都退出；系统管理员下次登录时要先重新设置。请先确认是本人提出的。",
        "取消动态口令", "phone", "动态口令已取消，登录也都退出了。",
        lambda scope, key: current_zhiku().accounts.reset_second_factor(scope, key),
        lambda account: account.has_second_factor,
    ),
    "sign-ins": Deed(
        "要让这个账号在各处都退出登录吗？",
        "正在用的人要重新登录，没有保存的内容会丢失。",
        "全部退出", "box-arrow-right", "各处的登录都已退出。",
        lambda scope, key: current_zhiku().accounts.end_sign_ins(scope, key),
        lambda account: True,
    ),
}  # fmt: skip


@blueprint.get("")
@permission(Permission.MANAGE_ACCOUNTS)
def overview() -> ResponseReturnValue:
    """The list."""
    query = request.args.get("q", "")[:MAX_QUERY]
    role = next((role for role in Role if role.value == request.args.get("role")), None)
    state = request.args.get("state", "")
    wanted = request.args.get("page", "")
    number = int(wanted) if wanted.isascii() and wanted.isdecimal() and len(wanted) < 7 else 1
    found = current_zhiku().accounts.page(_scope(), query, role, STATES.get(state), number)

    def address(page: int) -> str:
        kept: dict[str, Any] = {key: value for key in ("q", "role", "state") if (value := request.args.get(key))}
        return url_for(".overview", **kept, page=page)

    return render_template(
        "accounts/overview.html",
        found=found,
        links=page_links(found.page, found.pages, address),
        query=query,
        role=role,
        state=state if state in STATES else "",
        roles=list(Role),
        moment=local_moment,
        is_filtered=bool(query or role or state in STATES),
        max_query=MAX_QUERY,
    )


@blueprint.route("/new", methods=["GET", "POST"])
@permission(Permission.MANAGE_ACCOUNTS)
def new() -> ResponseReturnValue:
    """Add an account; its first password is shown once."""
    form = AccountForm()
    if request.method == "GET":
        form.form_key.data = new_form_key()
        form.division_prefix.data = _scope().division
        return _show_form(form)
    try:
        given = current_zhiku().accounts.add(_scope(), form.draft(), form.form_key.data or "")
    except AccountNotAcceptable as refused:
        form.show_problems(refused.problems)
        return _show_form(form), 422
    return _show_given(given, is_new=True)


@blueprint.route("/<int:account_id>", methods=["GET", "POST"])
@permission(Permission.MANAGE_ACCOUNTS)
def page(account_id: int) -> ResponseReturnValue:
    """One account: what it is, what can be done to it, and the form that changes it."""
    account = _found(account_id)
    form = AccountForm()
    if request.method == "GET":
        form.show(account.draft)
        return _show_page(account, form)
    try:
        current_zhiku().accounts.change(_scope(), account_id, form.draft(), form.before())
    except AccountChanged as changed:
        # What was typed stays; the next try is against what the account is now.
        form.remember(changed.now)
        return _show_page(account, form, str(changed), changed.changes), 409
    except AccountNotAcceptable as refused:
        form.show_problems(refused.problems)
        return _show_page(account, form), 422
    except StepNotAllowed as refused:
        return _show_page(account, form, str(refused)), 422
    say("已保存。")
    return redirect(url_for(".page", account_id=account_id), code=303)


@blueprint.route("/<int:account_id>/password", methods=["GET", "POST"])
@permission(Permission.MANAGE_ACCOUNTS)
def reset_password(account_id: int) -> ResponseReturnValue:
    """Give another first password, which is shown once."""
    account, form = _found(account_id), DeedForm()
    if not account.role.is_staff:
        abort(404)
    if request.method == "POST":
        return _show_given(
            current_zhiku().accounts.reset_password(_scope(), account_id, form.form_key.data or ""), is_new=False
        )
    form.form_key.data = new_form_key()
    deed = Deed(
        "要重设这个账号的密码吗？",
        "会给出一个新的一次性密码，原来的密码和各处的登录马上失效，锁定也解除。请先确认是本人提出的。",
        "重设密码", "key", "", lambda scope, key: None, lambda one: True,
    )  # fmt: skip
    return render_template("accounts/confirm.html", shown=account, form=form, deed=deed, problem="")


@blueprint.route("/<int:account_id>/<any(close,open,unlock,'second-factor','sign-ins'):name>", methods=["GET", "POST"])
@permission(Permission.MANAGE_ACCOUNTS)
def deed(account_id: int, name: str) -> ResponseReturnValue:
    """Ask once more, then do it. What is done already is not done again."""
    account, wanted = _found(account_id), DEEDS[name]
    if request.method == "GET":
        return render_template("accounts/confirm.html", shown=account, form=DeedForm(), deed=wanted, problem="")
    try:
        wanted.do(_scope(), account_id)
    except StepNotAllowed as refused:
        return (
            render_template("accounts/confirm.html", shown=account, form=DeedForm(), deed=wanted, problem=str(refused)),
            422,
        )
    say(f"{account.name}：{wanted.done}")
    return redirect(url_for(".page", account_id=account_id), code=303)


@blueprint.errorhandler(AccountGone)
def gone(error: AccountGone) -> ResponseReturnValue:
    """Missing, or of another scope: the same."""
    return errors.error_answer(404, errors.ErrorText("没有这个账号", "它可能不归您管理。请回到账号列表再找。"))


@blueprint.errorhandler(CSRFError)
def keep_what_was_typed(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session: the form again with its text; nothing has been stored."""
    notice = "这一页打开得太久了，刚才没有保存。您写的内容都还在，请再按一次按钮。"
    if request.endpoint == "accounts.new":
        return _show_form(AccountForm(), notice), 403
    if request.endpoint == "accounts.page":
        return _show_page(_found((request.view_args or {})["account_id"]), AccountForm(), notice), 403
    return errors.on_csrf_error(error)


def _scope() -> Scope:
    return signed_in().scope


def _found(account_id: int) -> AccountShown:
    return current_zhiku().accounts.get(_scope(), account_id)


def _choices() -> AccountChoices:
    accounts, scope = current_zhiku().accounts, _scope()
    return AccountChoices.of(accounts.divisions(scope), accounts.departments(scope), has_all=not scope.division)


def _show_form(form: AccountForm, problem: str = "") -> str:
    return render_template("accounts/new.html", form=form, choices=_choices(), problem=problem)


def _show_given(given: GivenPassword, is_new: bool) -> str:
    return render_template("accounts/given.html", given=given, is_new=is_new, days=GIVEN_HOLDS.days)


def _show_page(account: AccountShown, form: AccountForm, problem: str = "", changes: object = ()) -> str:
    zhiku = current_zhiku()
    return render_template(
        "accounts/page.html",
        shown=account,
        form=form,
        choices=_choices(),
        problem=problem,
        changes=changes,
        deeds={name: one for name, one in DEEDS.items() if one.fits(account)},
        sign_ins=zhiku.sign_ins.listed(account.id),
        moment=local_moment,
        is_own=account.id == signed_in().account_id,
    )
