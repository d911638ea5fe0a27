"""The audit, for the administrator of the whole installation: read in sentences, filtered, taken out, verified."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from zhiku.domain.audit import KEPT_YEARS, Action
from zhiku.domain.permissions import Permission
from zhiku.services.audit_export import export_table
from zhiku.services.audit_log import AuditFilter, AuditPage, EventNotFound
from zhiku.services.audit_words import KINDS
from zhiku.services.exporting import ExportRefused
from zhiku.web.access import permission, signed_in
from zhiku.web.current import current_zhiku

blueprint = Blueprint("audit", __name__, url_prefix="/admin/audit")

#: Events that a page gives as a table; more are for the command, which nobody waits for at a browser.
MOST_EXPORTED = 50_000

#: Longest name that is asked for.
_MAX_WORDS = 60

_TYPES = {
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv; charset=utf-8",
}


class FilterForm(FlaskForm):
    """Which events to show. It changes nothing, so it comes by GET and needs no token."""

    class Meta:
        csrf = False

    since = StringField("从哪一天", description="例如 2026-11-01", render_kw={"type": "date"})
    until = StringField("到哪一天", description="含这一天", render_kw={"type": "date"})
    who = StringField(
        "谁做的", description="记录里显示的姓名", render_kw={"autocomplete": "off", "maxlength": _MAX_WORDS}
    )
    action = StringField("做了什么", description="一种操作", render_kw={})
    about = StringField(
        "涉及谁或哪份记录", description="姓名、建议编号、部门、登录名", render_kw={"autocomplete": "off", "maxlength": _MAX_WORDS}
    )  # fmt: skip
    kind = StringField("哪一类记录", description="档案、建议、账号……", render_kw={})
    on_behalf = StringField(
        "代谁办理", description="老同志的姓名", render_kw={"autocomplete": "off", "maxlength": _MAX_WORDS}
    )


class DeedForm(FlaskForm):
    """Only the token: the button says it all."""


@blueprint.before_request
def only_of_the_whole() -> None:
    """Events belong to no division: who keeps a part of the installation only does not read them."""
    if not signed_in().scope.holds_division(current_zhiku().settings.division):
        abort(404)


@blueprint.get("")
@permission(Permission.READ_AUDIT)
def overview() -> ResponseReturnValue:
    """The events, the newest first."""
    return _page(request.args)


@blueprint.get("/<int:number>")
@permission(Permission.READ_AUDIT)
def event(number: int) -> ResponseReturnValue:
    """One event, with what was before and after."""
    try:
        details = current_zhiku().audit_log.entry(number)
    except EventNotFound as missing:
        abort(404, str(missing))
    return render_template("audit/event.html", details=details, kinds=KINDS)


@blueprint.post("/export")
@permission(Permission.READ_AUDIT)
def export() -> ResponseReturnValue:
    """The events of the filter as a table; this is an event again."""
    zhiku = current_zhiku()
    wanted, problem = _wanted(request.form)
    suffix = ".csv" if request.form.get("format") == "csv" else ".xlsx"
    if problem:
        return _page(request.form, problem), 422
    with tempfile.TemporaryDirectory(prefix="zhiku-") as folder:
        path = Path(folder) / f"audit{suffix}"
        try:
            export_table(zhiku.audit_log, zhiku.sessions, zhiku.clock, wanted, path, MOST_EXPORTED)
        except ExportRefused as refused:
            return _page(request.form, str(refused)), 422
        content = path.read_bytes()
    answer = Response(content, content_type=_TYPES[suffix])
    day = zhiku.clock().astimezone(zhiku.settings.zone)
    answer.headers.set("Content-Disposition", "attachment", filename=f"审计记录-{day:%Y%m%d-%H%M}{suffix}")
    return answer


@blueprint.post("/verify")
@permission(Permission.READ_AUDIT)
def verify() -> ResponseReturnValue:
    """Verify the whole chain and say what was found."""
    return _page(request.form, report=current_zhiku().audit_log.verify())


def _page(given: Mapping[str, str], problem: str = "", report: Any = None) -> str:
    zhiku = current_zhiku()
    wanted, wrong = _wanted(given)
    before, after = _number(given.get("before")), _number(given.get("after"))
    page = AuditPage((), 0, 0) if wrong else zhiku.audit_log.page(wanted, before, after)
    form = FilterForm(formdata=None)
    for name in form.data:
        form[name].data = given.get(name, "")
    kept = {name: value for name in (*form.data, "key") if (value := given.get(name, "").strip())}

    def address_of(**more: Any) -> str:
        parameters: dict[str, Any] = {**kept, **more}
        return url_for(".overview", **parameters)

    only = zhiku.audit_log.record(wanted.kind, wanted.key) if wanted.key else ""
    return render_template(
        "audit/overview.html",
        form=form,
        deed=DeedForm(formdata=None),
        problem=problem or wrong,
        report=report,
        days=[(day, list(entries)) for day, entries in groupby(page.entries, lambda one: one.when.split(" ")[0])],
        is_filtered=wanted.is_any or bool(wrong),
        only=only,
        kept=kept,
        older=address_of(before=page.older) if page.older else "",
        newer=address_of(after=page.newer) if page.newer else "",
        address_of=address_of,
        kept_years=KEPT_YEARS,
        # Drawn by the template: WTForms 3.2 and 3.4 agree on no way to name a choice.
        choices={"action": {one.value: one.label for one in Action}, "kind": KINDS},
    )


def _wanted(given: Mapping[str, str]) -> tuple[AuditFilter, str]:
    """The filter, and what is wrong with what was given for it."""
    problem = ""
    days: list[date | None] = []
    for name in ("since", "until"):
        try:
            days.append(_day(given.get(name, "")))
        except ValueError:
            days.append(None)
            problem = "日期看不懂，请写成 2026-11-01 这样。"
    since, until = days
    if since and until and since > until:
        problem = "开始的日期在结束的日期之后，请调换过来。"
    action = next((one for one in Action if one.value == given.get("action")), None)
    words = {name: given.get(name, "").strip()[:_MAX_WORDS] for name in ("who", "about", "on_behalf", "key")}
    kind = given.get("kind", "")
    wanted = AuditFilter(since=since, until=until, action=action, kind=kind if kind in KINDS else "", **words)
    return wanted, problem


def _day(text: str) -> date | None:
    """The day that was given; None where none was. Raises `ValueError`."""
    text = text.strip().replace("/", "-").replace(".", "-")
    return datetime.strptime(text, "%Y-%m-%d").date() if text else None


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= 15 else 0
