"""我联络的老同志: a liaison's retirees, what the liaison does for them, and the slips by which they come in.

The bureau opens a person's page here, too, to print a slip or to end a lost phone.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import segno
from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from markupsafe import Markup
from werkzeug.exceptions import NotFound

from zhiku.domain.permissions import Permission
from zhiku.services.entry_codes import AccountNotInUse, grouped, new_code
from zhiku.services.on_behalf import ProfileChangedMeanwhile, ReasonNotAcceptable
from zhiku.services.persons import PersonNotFound
from zhiku.services.suggestion_intake import DraftNotAcceptable, IntakeBusy, KnownAuthor, new_submission_key
from zhiku.web import errors
from zhiku.web.access import permission, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.limits import SUBMISSIONS, limit_tries
from zhiku.web.paging import page_links
from zhiku.web.retiree_forms import DeedForm, SuggestionOnBehalfForm, WillingnessForm
from zhiku.web.search_address import read_page
from zhiku.web.views.suggestions import GO_ON_WRITING, SUBMIT_ANYWAY, copies_of, remember_code, sent_key

log = logging.getLogger(__name__)

blueprint = Blueprint("liaison", __name__, url_prefix="/liaison")

#: How long a slip can be shown again: long enough to print it.
SLIP_SHOWN_FOR = timedelta(minutes=30)
#: Acts that the page of a person lists.
ACTS_SHOWN = 5

#: The slip that this browser may show, in its session: whose, code, issued and until when (seconds), by whom.
_SLIP = "slip"
#: Codes that the forms of this browser propose: [expert, code].
_PROPOSED = "slip_codes"


@dataclass(frozen=True, slots=True)
class ShownSlip:
    """A slip as its page shows it."""

    code: str
    name: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    #: Where the code is typed, and where the QR code leads.
    typed_at: str
    qr: Markup


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

    return render_template("liaison/overview.html", found=found, links=page_links(found.page, found.pages, address))


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
    propose_code(expert_id)
    return render_template(
        "liaison/person.html",
        retiree=retiree,
        devices=devices,
        acts=zhiku.on_behalf.of_person(expert_id).acts[:ACTS_SHOWN],
        form=DeedForm(),
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
    """Make a code; its slip follows."""
    try:
        slip = current_zhiku().entry_codes.issue(expert_id, signed_in(), propose_code(expert_id))
    except AccountNotInUse as closed:
        flash(str(closed), "problem")
        return redirect(url_for(".person", expert_id=expert_id), code=303)
    session[_SLIP] = [
        expert_id, slip.name, slip.code, slip.issued_by, slip.issued_at.timestamp(), slip.expires_at.timestamp(),
    ]  # fmt: skip
    return redirect(url_for(".slip", expert_id=expert_id), code=303)


@blueprint.get("/<int:expert_id>/slip")
@permission(Permission.ISSUE_ENTRY_CODES)
def slip(expert_id: int) -> ResponseReturnValue:
    """The slip to print. Its code is in the signed session, not in the address; nobody can show it later."""
    retiree = current_zhiku().liaisons.retiree(expert_id, signed_in())
    shown = kept_slip(expert_id)
    if shown is None:
        return redirect(url_for(".person", expert_id=expert_id))
    return render_template("liaison/slip.html", slip=shown, retiree=retiree, form=DeedForm())


@blueprint.post("/<int:expert_id>/slip/close")
@permission(Permission.ISSUE_ENTRY_CODES)
def close_slip(expert_id: int) -> ResponseReturnValue:
    """It is printed: nothing of it stays in this browser."""
    forget_slip(expert_id)
    return redirect(url_for(".person", expert_id=expert_id), code=303)


@blueprint.post("/<int:expert_id>/code/withdraw")
@permission(Permission.ISSUE_ENTRY_CODES)
def withdraw_code(expert_id: int) -> ResponseReturnValue:
    """A slip was lost: its code opens nothing any more."""
    was_open = current_zhiku().entry_codes.withdraw(expert_id, signed_in())
    forget_slip(expert_id)
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
    forget_slip(expert_id)
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


def propose_code(expert_id: int) -> str:
    """The code that the next press of the button will make for a person, whatever number of times it is pressed. It is
    kept in the session from the moment the page is opened; its slip once shown, the next one is another."""
    proposed: list[list[int | str]] = session.get(_PROPOSED, [])
    for known, code in proposed:
        if known == expert_id:
            return str(code)
    code = new_code()
    session[_PROPOSED] = [*proposed, [expert_id, code]][-5:]
    return code


def kept_slip(expert_id: int) -> ShownSlip | None:
    """The slip of this session, while it may be shown."""
    if _SLIP not in session:
        return None
    whose, name, code, by, issued, expires = session[_SLIP]
    issued_at = datetime.fromtimestamp(issued, UTC)
    if whose != expert_id or current_zhiku().clock() - issued_at > SLIP_SHOWN_FOR:
        return None
    leads_to = outside_address(url_for("entry.show", code=code))
    # An SVG without a style of its own; its module colours are attributes, which the content security policy lets be.
    qr = segno.make(leads_to, error="m", micro=False)
    drawing = qr.svg_inline(scale=4, border=4, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None)
    return ShownSlip(
        code=grouped(code),
        name=name,
        issued_by=by,
        issued_at=issued_at,
        expires_at=datetime.fromtimestamp(expires, UTC),
        typed_at=outside_address(url_for("entry.enter")),
        qr=Markup(drawing),
    )


def forget_slip(expert_id: int) -> None:
    """No slip and no proposed code of this person stays in this browser."""
    if _SLIP in session and session[_SLIP][0] == expert_id:
        session.pop(_SLIP)
    session[_PROPOSED] = [one for one in session.get(_PROPOSED, []) if one[0] != expert_id]


def outside_address(path: str) -> str:
    """The full address of a page of ours, as a retiree's phone can reach it."""
    public = current_zhiku().settings.public_url
    return f"{public or request.host_url.rstrip('/')}{path}"
