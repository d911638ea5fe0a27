"""A person's records, for the bureau and their liaison: contact, identity, care, consents, standing, export, erasure.

Nothing sensitive stands on a page unmasked but on the one that answers a stated purpose, which no browser keeps.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from zhiku.domain.base import DomainError
from zhiku.domain.consents import ConsentForm, ConsentPurpose
from zhiku.domain.experts import Expert, ExpertStatus
from zhiku.domain.permissions import Permission
from zhiku.services.consents import CONSEQUENCES
from zhiku.services.person_data import PersonFile
from zhiku.services.persons import PersonNotFound
from zhiku.services.reveals import (
    EVERYTHING,
    EXPORT_COUNTS,
    MOST_A_DAY,
    MOST_AN_HOUR,
    PurposeMissing,
    TooManyReveals,
)
from zhiku.services.sensitive import Revealed, SensitiveKind
from zhiku.services.standing import StandingStep, steps_from
from zhiku.web import errors
from zhiku.web.access import may, permission, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.lexicon_forms import DeedForm, number_of
from zhiku.web.local_time import local_day
from zhiku.web.paging import page_links
from zhiku.web.person_forms import (
    AuthorForm,
    ConsentGivenForm,
    ErasureForm,
    LineForm,
    NoteForm,
    PurposeForm,
    StandingForm,
)

blueprint = Blueprint("persons", __name__)

_KIND = "<any(contact, identity, health, hardship):kind_name>"
_PERSON = "/experts/<int:expert_id>/records"

#: What the page after an erasure says.
ERASED = "已经按要求删除。索引文件里的文字在今夜例行维护时清除；旧备份到期销毁。"

#: Longest name that is looked for in the list.
_MAX_QUERY = 40


@blueprint.errorhandler(PersonNotFound)
def not_here(error: PersonNotFound) -> ResponseReturnValue:
    """Whoever is not theirs is not there for them."""
    return errors.error_answer(404, errors.ErrorText(errors.ERROR_TEXTS[404].title, str(error)))


@blueprint.get("/experts/records")
@permission(Permission.RECORD_SENSITIVE)
def overview() -> ResponseReturnValue:
    """The people whom somebody looks after, those who left and died among them."""
    query = " ".join(request.args.get("q", "").split())[:_MAX_QUERY]
    status = next((one for one in ExpertStatus if one.value == request.args.get("status")), None)
    found = current_zhiku().person_records.listed(signed_in(), query, status, number_of(request.args.get("page")))

    def address(page: int) -> str:
        shown = status.value if status else None
        return url_for(".overview", q=query or None, status=shown, page=page if page > 1 else None)

    return render_template(
        "persons/overview.html",
        found=found,
        query=query,
        status=status,
        statuses=list(ExpertStatus),
        links=page_links(found.page, found.pages, address),
    )


@blueprint.get(_PERSON)
@permission(Permission.RECORD_SENSITIVE)
def page(expert_id: int) -> ResponseReturnValue:
    """Everything about one person, masked."""
    zhiku, asker = current_zhiku(), signed_in()
    person = zhiku.person_records.person(asker, expert_id, Permission.RECORD_SENSITIVE)
    return render_template(
        "persons/page.html",
        person=person,
        kinds=list(SensitiveKind),
        values=zhiku.sensitive.masked(asker, expert_id),
        may_reveal={kind: asker.may(kind.to_reveal) for kind in SensitiveKind},
        consents=zhiku.consents.states(asker, expert_id),
        steps=steps_from(person.status) if may(Permission.CHANGE_STANDING) else (),
        looks=zhiku.reveal_log.of_person(asker, expert_id) if may(Permission.OVERSEE_REVEALS) else (),
        part_labels={kind.part: kind.label for kind in SensitiveKind} | {EVERYTHING: "导出全部资料"},
    )


# -- values ------------------------------------------------------------------------------------------------------


@blueprint.route(f"{_PERSON}/{_KIND}", methods=["GET", "POST"])
@permission(Permission.RECORD_SENSITIVE)
def record(expert_id: int, kind_name: str) -> ResponseReturnValue:
    """Write a value down, or another one in its place."""
    person, kind = _person(expert_id, Permission.RECORD_SENSITIVE), SensitiveKind.from_value(kind_name)
    contact_id = number_of(request.args.get("contact"))
    form = LineForm() if kind in (SensitiveKind.CONTACT, SensitiveKind.IDENTITY) else NoteForm()
    form.label_for(kind)
    stored = current_zhiku().sensitive.masked(signed_in(), expert_id)[kind]
    replaced = next((one for one in stored if one.id == contact_id), None)

    def shown(code: int = 200) -> ResponseReturnValue:
        return render_template("persons/value.html", person=person, kind=kind, form=form, replaced=replaced), code

    if request.method == "GET":
        return shown()
    try:
        recorded = current_zhiku().sensitive.record(signed_in(), expert_id, kind, form.value.data or "", contact_id)
    except PersonNotFound:
        raise
    except DomainError as refused:
        form.value.errors = [str(refused)]
        return shown(422)
    flash(f"{kind.label}已保存。", "person-done")
    for warning in recorded.warnings:
        flash(warning, "person-warning")
    return _back(expert_id)


@blueprint.route(f"{_PERSON}/{_KIND}/remove", methods=["GET", "POST"])
@permission(Permission.RECORD_SENSITIVE)
def remove(expert_id: int, kind_name: str) -> ResponseReturnValue:
    """Ask once more, then delete a value."""
    person, kind = _person(expert_id, Permission.RECORD_SENSITIVE), SensitiveKind.from_value(kind_name)
    contact_id = number_of(request.args.get("contact"))
    if request.method == "GET":
        stored = current_zhiku().sensitive.masked(signed_in(), expert_id)[kind]
        shown = next((one for one in stored if one.id == contact_id), None)
        if shown is None:
            abort(404, f"这条{kind.label}已经被删除。")
        return _step(person, f"删除{kind.label}", [f"要删除：{shown.text}。", "删除后找不回来。"], "删除", icon="trash")
    try:
        current_zhiku().sensitive.remove(signed_in(), expert_id, kind, contact_id)
    except PersonNotFound:
        raise
    except DomainError as refused:
        flash(str(refused), "person-warning")
        return _back(expert_id)
    flash(f"{kind.label}已删除。", "person-done")
    return _back(expert_id)


@blueprint.route(f"{_PERSON}/{_KIND}/reveal", methods=["GET", "POST"])
@permission(Permission.REVEAL_CONTACT)
def reveal(expert_id: int, kind_name: str) -> ResponseReturnValue:
    """Ask what for, then show a value. Whether this kind is for this role the service knows."""
    kind = SensitiveKind.from_value(kind_name)
    person = _person(expert_id, kind.to_reveal)
    form = PurposeForm()
    revealed, problem, code = None, "", 200
    if request.method == "POST":
        revealed, problem, code = _revealed(
            form,
            lambda: current_zhiku().sensitive.reveal(signed_in(), expert_id, kind, form.chosen, form.words.data or ""),
        )
    back = url_for(".page", expert_id=expert_id)
    return (
        render_template(
            "persons/reveal.html",
            title=f"查看{person.name}的{kind.label}",
            label=kind.label,
            form=form,
            revealed=revealed,
            problem=problem,
            back=back,
            back_label=f"{person.name}的资料",
        ),
        code,
    )


@blueprint.route("/suggestions/<number>/author", methods=["GET", "POST"])
@permission(Permission.REVEAL_CONTACT)
def author(number: str) -> ResponseReturnValue:
    """How the author of a suggestion can be reached: masked, and for a purpose in the clear."""
    zhiku, asker = current_zhiku(), signed_in()
    masked = zhiku.sensitive.masked_of_suggestion(asker, number)
    form = PurposeForm()
    revealed, problem, code = None, "", 200
    if request.method == "POST":
        revealed, problem, code = _revealed(
            form,
            lambda: current_zhiku().sensitive.reveal_of_suggestion(
                signed_in(), number, form.chosen, form.words.data or ""
            ),
        )
    return (
        render_template(
            "persons/author.html",
            number=number,
            masked=masked,
            form=form,
            revealed=revealed,
            problem=problem,
            unlinked=zhiku.author_records.of_suggestion(asker, number) if may(Permission.EXPORT_PERSON) else (),
        ),
        code,
    )


# -- consents ----------------------------------------------------------------------------------------------------


@blueprint.route(f"{_PERSON}/consents", methods=["GET", "POST"])
@permission(Permission.RECORD_CONSENT)
def grant(expert_id: int) -> ResponseReturnValue:
    """Note a consent."""
    person = _person(expert_id, Permission.RECORD_CONSENT)
    zhiku, form = current_zhiku(), ConsentGivenForm()
    missing = [state.purpose for state in zhiku.consents.states(signed_in(), expert_id) if state.held is None]
    form.purpose.choices = [(purpose.value, purpose.label) for purpose in missing]
    if request.method == "GET":
        form.purpose.data = request.args.get("purpose", "")
        form.form.data = ConsentForm.PAPER.value
        form.on.data = local_day(zhiku.clock()).isoformat()
        return render_template("persons/consent.html", person=person, form=form)
    try:
        consent = zhiku.consents.grant(signed_in(), expert_id, form.chosen_purpose, form.chosen_form, form.day)
    except PersonNotFound:
        raise
    except DomainError as refused:
        form.on.errors = [str(refused)]
        return render_template("persons/consent.html", person=person, form=form), 422
    flash(f"已登记本人的同意：{consent.purpose.label}。", "person-done")
    return _back(expert_id)


@blueprint.route(
    f"{_PERSON}/consents/<any(profile, contact, identity, care, publicity):purpose_name>/withdraw",
    methods=["GET", "POST"],
)
@permission(Permission.RECORD_CONSENT)
def withdraw(expert_id: int, purpose_name: str) -> ResponseReturnValue:
    """Say what goes with it, then take a consent back."""
    person, purpose = _person(expert_id, Permission.RECORD_CONSENT), ConsentPurpose.from_value(purpose_name)
    if request.method == "GET":
        said = [f"撤回：{purpose.label}。", CONSEQUENCES[purpose], "撤回以前已经做的事仍然有效。"]
        return _step(person, "登记撤回同意", said, "撤回并删除", icon="x-octagon")
    current_zhiku().consents.withdraw(signed_in(), expert_id, purpose)
    flash(f"已登记撤回：{purpose.label}。它所包括的资料已经删除或停止使用。", "person-done")
    return _back(expert_id)


# -- standing, export, erasure -----------------------------------------------------------------------------------


_STANDING_SAYS = {
    StandingStep.WITHDRAW: "登记后，搜索、名单和个人页面里都不再出现；资料由老干部局留存，随时可以恢复。",
    StandingStep.DECEASED: "登记后，搜索、名单和问候里都不再出现，账号和登录过的设备立即停用，联络员安排结束；档案由老干部局留存。",
    StandingStep.BACK: "恢复后，档案回到“审核中”，核对内容以后再发布。登记去世有误的，也用这里更正；联络员要重新指定。",
    StandingStep.PUBLISH: "发布后，部门可以查到这位老同志。请先核对档案是否还准确、本人是否愿意。",
}


@blueprint.route(f"{_PERSON}/standing/<any(withdraw, deceased, back, publish):step_name>", methods=["GET", "POST"])
@permission(Permission.CHANGE_STANDING)
def standing(expert_id: int, step_name: str) -> ResponseReturnValue:
    """Leave, die, come back, be published: each with a reason."""
    person, step = _person(expert_id, Permission.CHANGE_STANDING), StandingStep.from_value(step_name)
    form = StandingForm()
    said = [_STANDING_SAYS[step]]
    if request.method == "GET":
        return _step(person, step.label, said, step.label, form, icon="check-lg")
    try:
        changed = current_zhiku().standing.change(signed_in(), expert_id, step, form.reason.data or "")
    except PersonNotFound:
        raise
    except DomainError as refused:
        form.reason.errors = [str(refused)]
        return _step(person, step.label, said, step.label, form, icon="check-lg"), 422
    flash(f"已登记。档案现在的状态：{changed.status.label}，几秒钟内在搜索里生效。", "person-done")
    return _back(expert_id)


@blueprint.route(f"{_PERSON}/export", methods=["GET", "POST"])
@permission(Permission.EXPORT_PERSON)
def export(expert_id: int) -> ResponseReturnValue:
    """Everything held on a person, as one file."""
    person, form = _person(expert_id, Permission.EXPORT_PERSON), PurposeForm()

    def shown(code: int = 200, problem: str = "") -> ResponseReturnValue:
        return render_template("persons/export.html", person=person, form=form, problem=problem), code

    if request.method == "GET":
        return shown()
    try:
        made = current_zhiku().person_exports.export(signed_in(), expert_id, form.chosen, form.words.data or "")
    except PurposeMissing as refused:
        form.show(refused)
        return shown(422)
    except TooManyReveals as stopped:
        return shown(429, str(stopped))
    return _download(made)


@blueprint.route(f"{_PERSON}/erase", methods=["GET", "POST"])
@permission(Permission.ERASE_PERSON)
def erase(expert_id: int) -> ResponseReturnValue:
    """Say exactly what goes and what stays, then erase a person."""
    preview = current_zhiku().erasures.preview(signed_in(), expert_id)
    form = ErasureForm()
    back = url_for(".page", expert_id=expert_id)

    def shown(code: int = 200) -> ResponseReturnValue:
        return (
            render_template(
                "persons/erase.html", preview=preview, form=form, back=back, back_label=f"{preview.name}的资料",
                chosen=chosen_contacts(), has_profile=True,
            ),
            code,
        )  # fmt: skip

    if request.method == "GET":
        return shown()
    try:
        current_zhiku().erasures.erase(
            signed_in(), expert_id, form.typed_name.data or "", form.request_note.data or "", chosen_contacts()
        )
    except PersonNotFound:
        raise
    except DomainError as refused:
        form.show(refused)
        return shown(422)
    flash(ERASED, "person-done")
    return redirect(url_for(".overview"), code=303)


# -- authors without a profile -------------------------------------------------------------------------------------


@blueprint.route("/experts/records/authors", methods=["GET", "POST"])
@permission(Permission.EXPORT_PERSON)
def authors() -> ResponseReturnValue:
    """Find an author who has no profile, by the name and contact that they left. By POST: a contact is no address."""
    form, found = AuthorForm(), None
    if request.method == "POST":
        found = current_zhiku().author_records.by_contact(signed_in(), form.name.data or "", form.contact.data or "")
    return render_template("persons/authors.html", form=form, found=found)


@blueprint.route("/suggestions/<number>/authors/<int:place>/export", methods=["GET", "POST"])
@permission(Permission.EXPORT_PERSON)
def export_author(number: str, place: int) -> ResponseReturnValue:
    """As `export`, of an author who has no profile."""
    name, form = _author_name(number, place), PurposeForm()

    def shown(code: int = 200, problem: str = "") -> ResponseReturnValue:
        return (
            render_template(
                "persons/export_author.html",
                name=name,
                number=number,
                form=form,
                back=url_for(".author", number=number),
                problem=problem,
            ),
            code,
        )

    if request.method == "GET":
        return shown()
    try:
        made = current_zhiku().person_exports.export_author(
            signed_in(), number, place, form.chosen, form.words.data or ""
        )
    except PurposeMissing as refused:
        form.show(refused)
        return shown(422)
    except TooManyReveals as stopped:
        return shown(429, str(stopped))
    return _download(made)


@blueprint.route("/suggestions/<number>/authors/<int:place>/erase", methods=["GET", "POST"])
@permission(Permission.ERASE_PERSON)
def erase_author(number: str, place: int) -> ResponseReturnValue:
    """As `erase`, of an author who has no profile."""
    preview = current_zhiku().erasures.preview_author(signed_in(), number, place)
    form = ErasureForm()

    def shown(code: int = 200) -> ResponseReturnValue:
        back = url_for(".author", number=number)
        return (
            render_template(
                "persons/erase.html", preview=preview, form=form, back=back, back_label=f"建议 {number} 的作者",
                chosen=chosen_contacts(), has_profile=False,
            ),
            code,
        )  # fmt: skip

    if request.method == "GET":
        return shown()
    try:
        current_zhiku().erasures.erase_author(
            signed_in(), number, place, form.typed_name.data or "", form.request_note.data or "", chosen_contacts()
        )
    except PersonNotFound:
        raise
    except DomainError as refused:
        form.show(refused)
        return shown(422)
    flash(ERASED, "person-done")
    return redirect(url_for(".overview"), code=303)


def chosen_contacts() -> list[int]:
    """Ids of contacts of joint suggestions that were ticked as this person's."""
    return [number_of(one) for one in request.form.getlist("own_contact")]


def _author_name(number: str, place: int) -> str:
    found = current_zhiku().author_records.of_suggestion(signed_in(), number)
    name = next((one.name for one in found if one.place == place), None)
    if name is None:
        raise PersonNotFound
    return name


def _download(made: PersonFile) -> Response:
    return Response(
        made.chunks,
        mimetype="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{made.name}"', "Cache-Control": "no-store"},
    )


@blueprint.get("/bureau/reveals")
@permission(Permission.OVERSEE_REVEALS)
def reveals() -> ResponseReturnValue:
    """Who looked at how much in the last day."""
    counts = current_zhiku().reveal_log.of_a_day(signed_in())
    return render_template(
        "persons/reveals.html",
        counts=counts,
        most_a_day=MOST_A_DAY,
        most_an_hour=MOST_AN_HOUR,
        export_counts=EXPORT_COUNTS,
    )


def _person(expert_id: int, *needed: Permission) -> Expert:
    return current_zhiku().person_records.person(signed_in(), expert_id, *needed)


def _back(expert_id: int) -> ResponseReturnValue:
    return redirect(url_for(".page", expert_id=expert_id), code=303)


def _step(person: Expert, title: str, said: list[str], button: str, form: Any = None, icon: str = "check-lg") -> str:
    """A page that says what is going to happen, and asks for a reason where there must be one."""
    return render_template(
        "persons/step.html", person=person, title=title, said=said, button=button, form=form or DeedForm(), icon=icon
    )


def _revealed(form: PurposeForm, look: Any) -> tuple[Revealed | None, str, int]:
    """The values; or a sentence and the code of the answer."""
    try:
        return look(), "", 200
    except PurposeMissing as refused:
        form.show(refused)
        return None, "", 422
    except TooManyReveals as stopped:
        return None, str(stopped), 429
    except PersonNotFound:
        raise
    except DomainError as refused:
        return None, str(refused), 404
