"""我联络的老同志: a liaison's retirees, what the liaison does for them, and the slips by which they come in.

The bureau opens a person's page here, too, to print a slip or to end a lost phone.
"""

from __future__ import annotations

import logging

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import NotFound

from zhiku.domain.permissions import Permission
from zhiku.services.entry_codes import MOST_AT_ONCE, AccountNotInUse, NobodyChosen, TooManyChosen
from zhiku.services.given_codes import new_form_key
from zhiku.services.on_behalf import ProfileChangedMeanwhile, ReasonNotAcceptable
from zhiku.services.persons import PersonNotFound
from zhiku.services.suggestion_intake import DraftNotAcceptable, IntakeBusy, KnownAuthor, new_submission_key
from zhiku.web import errors, slips
from zhiku.web.access import permission, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.lexicon_forms import number_of
from zhiku.web.limits import SUBMISSIONS, limit_tries
from zhiku.web.paging import page_links
from zhiku.web.retiree_forms import DeedForm, SuggestionOnBehalfForm, WillingnessForm
from zhiku.web.search_address import read_page
from zhiku.web.views.suggestions import GO_ON_WRITING, SUBMIT_ANYWAY, copies_of, remember_code, sent_key

log = logging.getLogger(__name__)

blueprint = Blueprint("liaison", __name__, url_prefix="/liaison")

#: Acts that the page of a person lists.
ACTS_SHOWN = 5


@blueprint.errorhandler(PersonNotFound)
def not_theirs(error: PersonNotFound) -> ResponseReturnValue:
    """Whoever is not assigned to them is not there for them."""
    return errors.on_http_error(NotFound(str(error)))


@blueprint.get("")
@permission(Permission.ACT_ON_BEHALF)
def overview() -> ResponseReturnValue:
    """Whom this liaison looks after, by name."""
    found = current_zhiku().liaisons.kept_by(signed_in(), request.args.get("q", ""), read_page(request.args))

    def address(page: int) -> str:
        return url_for(".overview", q=found.query or None, page=page if page > 1 else None)

    return render_template(
        "liaison/overview.html",
        found=found,
        links=page_links(found.page, found.pages, address),
        form=DeedForm(),
        form_key=new_form_key(),
        kept_slips=slips.count(),
        most=MOST_AT_ONCE,
    )


@blueprint.get("/acts")
@permission(Permission.ACT_ON_BEHALF)
def acts() -> ResponseReturnValue:
    """What this liaison has done for others, and what they said to it."""
    found = current_zhiku().on_behalf.done_by(signed_in().account_id, read_page(request.args))
    links = page_links(found.page, found.pages, lambda page: url_for(".acts", page=page))
    return render_template("liaison/acts.html", acts=found.acts, links=links)


@blueprint.get("/<int:expert_id>")
@permission(Permission.ISSUE_ENTRY_CODES)
def person(expert_id: int) -> ResponseReturnValue:
    """One of their retirees: what can be done for them, their code, their devices."""
    zhiku, here = current_zhiku(), signed_in()
    retiree = zhiku.liaisons.retiree(expert_id, here)
    devices = zhiku.sign_ins.listed(retiree.account_id) if retiree.account_id else []
    slips.propose_code(expert_id)
    return render_template(
        "liaison/person.html",
        retiree=retiree,
        devices=devices,
        acts=zhiku.on_behalf.of_person(expert_id).acts[:ACTS_SHOWN],
        form=DeedForm(),
        slip=slips.shown(expert_id),
        may_act=here.may(Permission.ACT_ON_BEHALF),
        may_assign=here.may(Permission.ASSIGN_LIAISONS),
    )


# -- acting ----------------------------------------------------------------------------------------------------


@blueprint.route("/<int:expert_id>/suggestion", methods=["GET", "POST"])
@permission(Permission.ACT_ON_BEHALF)
def suggestion(expert_id: int) -> ResponseReturnValue:
    """File a suggestion for a retiree: the public form, with why and by which channel."""
    zhiku, here = current_zhiku(), signed_in()
    retiree = zhiku.liaisons.retiree(expert_id, here)
    form = SuggestionOnBehalfForm()

    def show(notice: str = "") -> str:
        return render_template("liaison/suggestion.html", form=form, retiree=retiree, notice=notice)

    if request.method == "GET":
        form.submission_key.data = new_submission_key()
        remember_code(form.submission_key.data)
        return show()
    limit_tries(current_app, SUBMISSIONS, "submission")
    key, choice = sent_key(form), request.form.get("choice")
    form.submission_key.data = key
    if choice == GO_ON_WRITING:
        return show()
    draft = form.draft(key)
    problems = zhiku.on_behalf.find_problems(here, expert_id, draft, form.errand)
    if not problems and choice != SUBMIT_ANYWAY:
        alike = copies_of(draft, KnownAuthor(expert_id, retiree.name))
        if alike:
            remember_code(key)
            page = render_template(
                "suggestions/alike.html", form=form, alike=alike, action=url_for(".suggestion", expert_id=expert_id)
            )
            return page, 409
    try:
        receipt = zhiku.on_behalf.file_suggestion(here, expert_id, draft, form.errand, code=remember_code(key))
    except DraftNotAcceptable as refused:
        form.show(refused.problems)
        return show(), 422
    except IntakeBusy as busy:
        log.error("a suggestion could not be stored: %s", getattr(busy.__cause__, "orig", busy.__cause__))
        return show(str(busy)), 503
    code = f"，查询码 {receipt.code}（只显示这一次，请抄给本人）" if receipt.code else ""
    flash(f"已经替{retiree.name}提交建议，编号 {receipt.number}{code}。请老同志在 30 天内确认。", "filed")
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.route("/<int:expert_id>/willingness", methods=["GET", "POST"])
@permission(Permission.ACT_ON_BEHALF)
def willingness(expert_id: int) -> ResponseReturnValue:
    """Note whether a retiree may be asked now, and what they are willing to do."""
    zhiku, here = current_zhiku(), signed_in()
    retiree = zhiku.liaisons.retiree(expert_id, here)
    form = WillingnessForm()

    def show(notice: str = "") -> str:
        return render_template("liaison/willingness.html", form=form, retiree=retiree, notice=notice)

    now = zhiku.on_behalf.willingness(here, expert_id)
    if request.method == "GET":
        form.fill(now)
        return show()
    try:
        is_changed = zhiku.on_behalf.change_willingness(here, expert_id, form.wanted(now.availability), form.errand)
    except ReasonNotAcceptable as refused:
        form.show(refused.problems)
        return show(), 422
    except ProfileChangedMeanwhile as changed:
        # What was chosen stays; the next try is against what is stored now.
        form.version.data = str(zhiku.on_behalf.willingness(here, expert_id).version)
        return show(str(changed)), 409
    flash(
        f"已经保存{retiree.name}的情况。请老同志在 30 天内确认。" if is_changed else "档案里已经是这样，没有改动。",
        "done",
    )
    return redirect(url_for(".person", expert_id=expert_id), code=303)


# -- slips and devices -----------------------------------------------------------------------------------------


@blueprint.post("/<int:expert_id>/code")
@permission(Permission.ISSUE_ENTRY_CODES)
def issue(expert_id: int) -> ResponseReturnValue:
    """Make a code; its slip follows, with what was done for them where it is to be confirmed."""
    try:
        slip = current_zhiku().entry_codes.issue(expert_id, signed_in(), slips.propose_code(expert_id))
    except AccountNotInUse as closed:
        flash(str(closed), "problem")
        return redirect(url_for(".person", expert_id=expert_id), code=303)
    slips.keep([slip], number_of(request.form.get("act")))
    return redirect(url_for(".slip", expert_id=expert_id), code=303)


@blueprint.get("/<int:expert_id>/slip")
@permission(Permission.ISSUE_ENTRY_CODES)
def slip(expert_id: int) -> ResponseReturnValue:
    """The slip to print. Its code is in the signed session, not in the address."""
    retiree = current_zhiku().liaisons.retiree(expert_id, signed_in())
    shown = slips.shown(expert_id)
    if shown is None:
        slips.forget(expert_id)
        return redirect(url_for(".person", expert_id=expert_id))
    return render_template("liaison/slip.html", slip=shown, retiree=retiree, form=DeedForm())


@blueprint.post("/<int:expert_id>/slip/close")
@permission(Permission.ISSUE_ENTRY_CODES)
def close_slip(expert_id: int) -> ResponseReturnValue:
    """It is printed: nothing of it stays in this browser."""
    slips.forget(expert_id)
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.post("/slips")
@permission(Permission.ISSUE_ENTRY_CODES)
def issue_several() -> ResponseReturnValue:
    """Make a code for each who is ticked; one sheet follows."""
    back = url_for(".overview", q=request.form.get("q") or None, page=request.form.get("page") or None)
    chosen = [number_of(one) for one in request.form.getlist("people")]
    try:
        issued = current_zhiku().entry_codes.issue_several(chosen, signed_in(), request.form.get("form_key", ""))
    except (NobodyChosen, TooManyChosen) as refused:
        flash(str(refused), "problem")
        return redirect(back, code=303)
    if issued.not_in_use:
        flash(f"{'、'.join(issued.not_in_use)}的账号已经停用，没有印。请先请系统管理员恢复账号。", "problem")
    if not issued.slips:
        return redirect(back, code=303)
    slips.keep(issued.slips)
    return redirect(url_for(".sheet"), code=303)


@blueprint.get("/slips")
@permission(Permission.ISSUE_ENTRY_CODES)
def sheet() -> ResponseReturnValue:
    """All slips that were made and not put away yet, on one sheet."""
    found = slips.all_shown()
    if not found:
        flash("没有还能看的纸条：已经收起来，或者过了半小时。要用，请再印。", "problem")
        slips.forget_all()
        may_act = signed_in().may(Permission.ACT_ON_BEHALF)
        return redirect(url_for(".overview" if may_act else "assignments.overview"))
    return render_template("liaison/sheet.html", slips=found, form=DeedForm())


@blueprint.post("/slips/close")
@permission(Permission.ISSUE_ENTRY_CODES)
def close_sheet() -> ResponseReturnValue:
    """They are printed: nothing of them stays in this browser."""
    slips.forget_all()
    may_act = signed_in().may(Permission.ACT_ON_BEHALF)
    return redirect(url_for(".overview" if may_act else "assignments.overview"), code=303)


@blueprint.post("/<int:expert_id>/code/withdraw")
@permission(Permission.ISSUE_ENTRY_CODES)
def withdraw_code(expert_id: int) -> ResponseReturnValue:
    """A slip was lost: its code opens nothing any more."""
    was_open = current_zhiku().entry_codes.withdraw(expert_id, signed_in())
    slips.forget(expert_id)
    flash("进门码已经作废，纸条不能再用。" if was_open else "没有还能用的进门码。", "done")
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.post("/<int:expert_id>/devices/<int:sign_in_id>/end")
@permission(Permission.ISSUE_ENTRY_CODES)
def end_device(expert_id: int, sign_in_id: int) -> ResponseReturnValue:
    """End one device of theirs."""
    retiree = current_zhiku().liaisons.retiree(expert_id, signed_in())
    if retiree.account_id is None or not current_zhiku().sign_ins.end_one(retiree.account_id, sign_in_id):
        abort(404, "没有找到这台设备：可能已经退出了。")
    flash("那台设备已经退出。", "done")
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.post("/<int:expert_id>/devices/end")
@permission(Permission.ISSUE_ENTRY_CODES)
def end_devices(expert_id: int) -> ResponseReturnValue:
    """A phone is lost: end all of them, and codes that are still open."""
    retiree = current_zhiku().liaisons.retiree(expert_id, signed_in())
    current_zhiku().entry_codes.withdraw(expert_id, signed_in())
    slips.forget(expert_id)
    ended = current_zhiku().sign_ins.end_all(retiree.account_id) if retiree.account_id else 0
    flash(f"{retiree.name}的 {ended} 台设备都已退出，没用的进门码也作废了。", "done")
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.errorhandler(CSRFError)
def keep_what_was_typed(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session: show the form again with its text; nothing has been stored."""
    notice = "这一页打开得太久了，刚才没有保存。您填写的内容都还在，请再按一次按钮。"
    expert_id = int((request.view_args or {}).get("expert_id", 0))
    if request.endpoint == "liaison.suggestion":
        form = SuggestionOnBehalfForm()
        form.submission_key.data = sent_key(form)
        remember_code(form.submission_key.data)
        template = "liaison/suggestion.html"
    elif request.endpoint == "liaison.willingness":
        form, template = WillingnessForm(), "liaison/willingness.html"
    else:
        return errors.on_csrf_error(error)
    retiree = current_zhiku().liaisons.retiree(expert_id, signed_in())
    return render_template(template, form=form, retiree=retiree, notice=notice), 403
