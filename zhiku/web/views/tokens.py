"""Tokens of the API, for the administrator: made, shown once, listed, revoked."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from zhiku.domain.permissions import Permission
from zhiku.services.api_tokens import (
    DEFAULT_DAYS,
    MAX_DAYS,
    MAX_NAME,
    IssuedToken,
    TokenNotAcceptable,
    TokenNotFound,
    TokenRow,
    for_tokens,
)
from zhiku.web.access import permission, scope, signed_in
from zhiku.web.current import current_zhiku

blueprint = Blueprint("tokens", __name__, url_prefix="/admin/tokens")


class TokenForm(FlaskForm):
    """What a token is for."""

    name = StringField(
        "给哪个系统用",
        description="写系统的名称，审计里也这样记。例如：县协同办公系统",
        render_kw={"autocomplete": "off", "maxlength": MAX_NAME},
    )
    #: Several boxes, read by `chosen`; this one is for what is wrong with them.
    permissions = StringField("可以做什么")
    division = StringField("能看哪里的人和建议", description="只给需要的范围。")
    days = StringField(
        "有效天数",
        description=f"1 到 {MAX_DAYS} 天，到期自动失效。",
        default=str(DEFAULT_DAYS),
        render_kw={"inputmode": "numeric", "autocomplete": "off", "maxlength": 3},
    )

    @property
    def chosen(self) -> list[str]:
        """The permissions that were ticked."""
        return request.form.getlist("permissions")


@blueprint.get("")
@permission(Permission.MANAGE_TOKENS)
def overview() -> ResponseReturnValue:
    """All tokens, and the form for another."""
    return _page(_form(is_fresh=True))


@blueprint.post("")
@permission(Permission.MANAGE_TOKENS)
def add() -> ResponseReturnValue:
    """Make a token, and show it: in the answer itself, since neither address nor cookie shall hold it."""
    form = _form()
    who = signed_in()
    # What is no permission for tokens is refused, not left out.
    chosen = [one for one in Permission if one.value in form.chosen]
    try:
        issued = current_zhiku().api_tokens.issue(
            form.name.data or "", chosen, form.division.data or "", _days(form), who.account_id, who.scope
        )
    except TokenNotAcceptable as refused:
        for name, problem in refused.problems.items():
            form[name].errors = [problem]
        return _page(form), 422
    return _page(_form(is_fresh=True), issued)


@blueprint.route("/<int:token_id>/revoke", methods=["GET", "POST"])
@permission(Permission.MANAGE_TOKENS)
def revoke(token_id: int) -> ResponseReturnValue:
    """Ask once more, then end a token."""
    tokens = current_zhiku().api_tokens
    try:
        if request.method == "GET":
            return render_template("tokens/revoke.html", row=tokens.get(token_id, scope()), form=FlaskForm())
        row = tokens.revoke(token_id, scope())
    except TokenNotFound as missing:
        abort(404, str(missing))
    flash(f"已收回“{row.name}”的令牌，立即失效。", "tokens")
    return redirect(url_for(".overview"), code=303)


def _form(is_fresh: bool = False) -> TokenForm:
    form = TokenForm(formdata=None) if is_fresh else TokenForm()
    if is_fresh:
        form.division.data = current_zhiku().settings.division
    return form


def _days(form: TokenForm) -> int:
    typed = (form.days.data or "").strip()
    return int(typed) if typed.isdecimal() and len(typed) <= 4 else 0


def _page(form: TokenForm, issued: IssuedToken | None = None) -> str:
    tokens = current_zhiku().api_tokens
    rows: list[TokenRow] = tokens.listed(scope())
    everything = [] if scope().division else [("", "全部区划")]
    return render_template(
        "tokens/overview.html",
        form=form,
        rows=rows,
        issued=issued,
        day_of=_day,
        offered=for_tokens(),
        chosen=[] if issued else form.chosen,
        divisions=[*everything, *((code, f"{name}（{code}）") for code, name in tokens.divisions(scope().division))],
    )


def _day(at: datetime) -> date:
    return at.astimezone(current_zhiku().settings.zone).date()
