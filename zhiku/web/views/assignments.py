"""联络员安排: the bureau assigns liaisons to retirees, and sees what retirees objected to or never confirmed."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from zhiku.domain.on_behalf import ActNotToBeSettled
from zhiku.domain.permissions import Permission
from zhiku.services.liaisons import LiaisonElsewhere, LiaisonNotFound, Which
from zhiku.services.on_behalf import ActNotFound, ObjectionMissing
from zhiku.services.on_behalf import Which as WhichActs
from zhiku.services.persons import PersonNotFound
from zhiku.web import errors
from zhiku.web.access import permission, scope, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.lexicon_forms import number_of
from zhiku.web.paging import page_links
from zhiku.web.retiree_forms import DeedForm, SettlementForm
from zhiku.web.search_address import read_page

blueprint = Blueprint("assignments", __name__, url_prefix="/bureau")


@blueprint.errorhandler(PersonNotFound)
@blueprint.errorhandler(ActNotFound)
def not_theirs(error: PersonNotFound | ActNotFound) -> ResponseReturnValue:
    """Whoever is of another county is not there."""
    return errors.on_http_error(NotFound(str(error)))


@blueprint.get("/liaisons")
@permission(Permission.ASSIGN_LIAISONS)
def overview() -> ResponseReturnValue:
    """Who has no liaison, or everybody; with boxes to tick."""
    return show_overview()


@blueprint.post("/liaisons/assign")
@permission(Permission.ASSIGN_LIAISONS)
def assign() -> ResponseReturnValue:
    """Give those who are ticked a liaison."""
    chosen = [number_of(one) for one in request.form.getlist("people")]
    officer = number_of(request.form.get("officer"))
    if not chosen:
        return show_overview("请先勾选老同志，再选联络员。", chosen, officer), 422
    try:
        count = current_zhiku().liaisons.assign(chosen, officer, scope())
    except (LiaisonNotFound, LiaisonElsewhere) as refused:
        return show_overview(str(refused), chosen, officer), 422
    name = next((one.name for one in current_zhiku().liaisons.officers(scope()) if one.account_id == officer), "")
    flash(f"已经安排：{count} 位老同志由{name}联络。" if count else f"这些老同志本来就由{name}联络。", "done")
    return redirect(
        url_for(".overview", show=request.form.get("show") or None, q=request.form.get("q") or None), code=303
    )


@blueprint.post("/liaisons/by-roster")
@permission(Permission.ASSIGN_LIAISONS)
def assign_by_roster() -> ResponseReturnValue:
    """Give everybody without a liaison the one whom the roster names."""
    count = current_zhiku().liaisons.assign_by_roster(scope())
    flash(f"已经按花名册安排 {count} 位老同志的联络员。", "done")
    return redirect(url_for(".overview"), code=303)


@blueprint.get("/liaisons/<int:expert_id>")
@permission(Permission.ASSIGN_LIAISONS)
def history(expert_id: int) -> ResponseReturnValue:
    """Who looked after a person so far."""
    liaisons = current_zhiku().liaisons
    retiree = liaisons.retiree(expert_id, signed_in())
    return render_template(
        "assignments/history.html", retiree=retiree, history=liaisons.history(expert_id), form=DeedForm()
    )


@blueprint.post("/liaisons/<int:expert_id>/end")
@permission(Permission.ASSIGN_LIAISONS)
def end(expert_id: int) -> ResponseReturnValue:
    """Leave a person without a liaison."""
    current_zhiku().liaisons.end(expert_id, scope())
    flash("已经结束这位老同志现在的联络安排，请尽快再安排一位联络员。", "done")
    return redirect(url_for(".history", expert_id=expert_id), code=303)


@blueprint.get("/acts")
@permission(Permission.ASSIGN_LIAISONS)
def acts() -> ResponseReturnValue:
    """What liaisons did: objected to, never confirmed, settled, all."""
    return show_acts(SettlementForm(formdata=None))


@blueprint.post("/acts/<int:act_id>/settle")
@permission(Permission.ASSIGN_LIAISONS)
def settle(act_id: int) -> ResponseReturnValue:
    """Note what became of an objection, of an act that nobody confirmed, or of a doubtful confirmation."""
    form = SettlementForm()
    try:
        current_zhiku().on_behalf.settle(scope(), act_id, form.note.data or "", signed_in().name)
    except ObjectionMissing as missing:
        form.note.errors = [str(missing)]
        return show_acts(form, act_id), 422
    except ActNotToBeSettled as refused:
        flash(str(refused), "problem")
    else:
        flash("处理结果已经记下，本人和联络员都能看到。", "done")
    return redirect(url_for(".acts", show=_which().value), code=303)


def show_overview(problem: str = "", chosen: list[int] | None = None, officer: int = 0) -> str:
    """The list, with what was ticked."""
    given = request.values
    which = Which.ALL if given.get("show") == Which.ALL.value else Which.WITHOUT
    liaisons = current_zhiku().liaisons
    found = liaisons.listed(scope(), which, given.get("q", ""), read_page(request.args))

    def address(page: int) -> str:
        show = which.value if which is Which.ALL else None
        return url_for(".overview", show=show, q=found.query or None, page=page if page > 1 else None)

    return render_template(
        "assignments/overview.html",
        found=found,
        which=which.value,
        links=page_links(found.page, found.pages, address),
        officers=liaisons.officers(scope()),
        matches=liaisons.roster_matches(scope()),
        without=liaisons.listed(scope(), Which.WITHOUT).total,
        to_settle=_to_settle(),
        form=DeedForm(),
        problem=problem,
        chosen=set(chosen or []),
        officer=officer,
    )


def show_acts(form: SettlementForm, settling: int = 0) -> str:
    """The list of acts, with the settlement as it was typed for one of them."""
    which, on_behalf = _which(), current_zhiku().on_behalf
    found = on_behalf.listed(scope(), which, read_page(request.args))
    links = page_links(found.page, found.pages, lambda page: url_for(".acts", show=which.value, page=page))
    return render_template(
        "assignments/acts.html",
        acts=found.acts,
        which=which.value,
        counts={one.value: count for one, count in on_behalf.counts(scope()).items()},
        links=links,
        form=form,
        settling=settling,
    )


def _which() -> WhichActs:
    asked = request.values.get("show")
    return next((one for one in WhichActs if one.value == asked), WhichActs.OBJECTED)


def _to_settle() -> int:
    counts = current_zhiku().on_behalf.counts(scope())
    return counts[WhichActs.OBJECTED] + counts[WhichActs.EXPIRED] + counts[WhichActs.OWN_CODE]
