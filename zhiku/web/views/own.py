"""我的: a retiree's own pages. Every one of them asks with the id of their own profile."""

from __future__ import annotations

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from zhiku.domain.consents import ConsentPurpose
from zhiku.domain.on_behalf import ActAlreadyAnswered
from zhiku.domain.permissions import Permission
from zhiku.services.consents import CONSEQUENCES
from zhiku.services.on_behalf import ActNotFound, ObjectionMissing
from zhiku.services.own_records import OwnRecordsNotFound
from zhiku.services.persons import PersonNotFound
from zhiku.web import errors, sessions
from zhiku.web.access import permission, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.lexicon_forms import number_of
from zhiku.web.paging import page_links
from zhiku.web.retiree_forms import DeedForm, ObjectionForm
from zhiku.web.search_address import read_page
from zhiku.web.timeline import MEANINGS, stations_of

blueprint = Blueprint("own", __name__, url_prefix="/mine")


@blueprint.errorhandler(OwnRecordsNotFound)
@blueprint.errorhandler(ActNotFound)
@blueprint.errorhandler(PersonNotFound)
def not_there(error: OwnRecordsNotFound | ActNotFound | PersonNotFound) -> ResponseReturnValue:
    """What is not theirs is not there."""
    return errors.on_http_error(NotFound(str(error)))


@blueprint.get("")
@permission(Permission.SEE_OWN_RECORDS)
def home() -> ResponseReturnValue:
    """What waits for them, their suggestions, and the way to everything else."""
    zhiku, expert_id = current_zhiku(), own_id()
    return render_template(
        "own/home.html",
        own=zhiku.own_records.own(expert_id),
        waiting=zhiku.on_behalf.waiting_for(expert_id),
        meanings=MEANINGS,
    )


@blueprint.get("/suggestions/<number>")
@permission(Permission.SEE_OWN_RECORDS)
def suggestion(number: str) -> ResponseReturnValue:
    """How far one of their suggestions is."""
    found = current_zhiku().own_records.suggestion(own_id(), number)
    return render_template(
        "own/suggestion.html", suggestion=found, stations=stations_of(found), meaning=MEANINGS[found.status]
    )


@blueprint.get("/acts")
@permission(Permission.SEE_OWN_RECORDS)
def acts() -> ResponseReturnValue:
    """What others did for them."""
    expert_id = own_id()
    found = current_zhiku().on_behalf.of_person(expert_id, read_page(request.args))
    links = page_links(found.page, found.pages, lambda page: url_for(".acts", page=page))
    return render_template("own/acts.html", acts=found.acts, links=links, form=DeedForm())


@blueprint.route("/acts/<int:act_id>", methods=["GET", "POST"])
@permission(Permission.SEE_OWN_RECORDS)
def act(act_id: int) -> ResponseReturnValue:
    """One of these, to say "that is so" or "that is not what I meant"."""
    on_behalf, expert_id = current_zhiku().on_behalf, own_id()
    form = ObjectionForm()

    def show(problem: str = "") -> str:
        found = on_behalf.act_of(expert_id, act_id)
        text = None
        if found.subject_kind == "suggestion":
            text = current_zhiku().own_records.suggestion_text(expert_id, number_of(found.subject_id))
        return render_template("own/act.html", act=found, text=text, form=form, problem=problem)

    if request.method == "GET":
        return show()
    try:
        if request.form.get("answer") == "confirm":
            on_behalf.confirm(expert_id, act_id, signed_in().sign_in_id)
            flash("已经记下：这件事是您的意思。谢谢！", "done")
        else:
            on_behalf.object(expert_id, act_id, form.reason.data or "")
            flash("已经告诉老干部局，他们会来问您。这件事的记录都还在，没有删。", "done")
    except ObjectionMissing as missing:
        form.reason.errors = [str(missing)]
        return show(), 422
    except ActAlreadyAnswered as answered:
        return show(str(answered)), 409
    return redirect(url_for(".home"), code=303)


@blueprint.get("/looks")
@permission(Permission.SEE_OWN_RECORDS)
def looks() -> ResponseReturnValue:
    """Who looked at their data, and what for."""
    return render_template("own/looks.html", looks=current_zhiku().own_records.looks(own_id()))


@blueprint.get("/profile")
@permission(Permission.SEE_OWN_RECORDS)
def profile() -> ResponseReturnValue:
    """Their profile as departments see it, and what they agreed to."""
    records = current_zhiku().own_records
    return render_template("own/profile.html", profile=records.profile(own_id()), consents=records.consents(own_id()))


@blueprint.route(
    "/consents/<any(profile, contact, identity, care, publicity):purpose_name>/withdraw", methods=["GET", "POST"]
)
@permission(Permission.SEE_OWN_RECORDS)
def withdraw_consent(purpose_name: str) -> ResponseReturnValue:
    """Say what goes with a consent, then take it back."""
    purpose = ConsentPurpose.from_value(purpose_name)
    if request.method == "GET":
        return render_template("own/withdraw.html", purpose=purpose, consequence=CONSEQUENCES[purpose], form=DeedForm())
    current_zhiku().consents.withdraw(signed_in(), own_id(), purpose)
    flash(f"已经收回您的同意：{purpose.label}。", "done")
    return redirect(url_for(".profile"), code=303)


@blueprint.get("/devices")
@permission(Permission.SEE_OWN_RECORDS)
def devices() -> ResponseReturnValue:
    """The devices that are known, to forget one."""
    here = signed_in()
    found = current_zhiku().sign_ins.listed(here.account_id, here.sign_in_id)
    return render_template("own/devices.html", devices=found, form=DeedForm())


@blueprint.post("/devices/<int:sign_in_id>/end")
@permission(Permission.SEE_OWN_RECORDS)
def end_device(sign_in_id: int) -> ResponseReturnValue:
    """Forget one of their devices; the one in hand says good-bye."""
    here = signed_in()
    if sign_in_id == here.sign_in_id:
        sessions.end()
        flash("已经退出，这台设备不再记住您。想再进来，请联络员印一张新的进门码。", "done")
        return redirect(url_for("entry.enter"), code=303)
    if not current_zhiku().sign_ins.end_one(here.account_id, sign_in_id):
        abort(404, "没有找到这台设备：可能已经退出了。")
    flash("那台设备已经退出，不再记住您。", "done")
    return redirect(url_for(".devices"), code=303)


def own_id() -> int:
    """The profile of who is signed in."""
    expert_id = signed_in().scope.expert_id
    if expert_id is None:
        raise OwnRecordsNotFound
    return expert_id
