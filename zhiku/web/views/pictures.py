"""The photo of a profile: shown to whoever may find the person, changed by whoever looks after them."""

from __future__ import annotations

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import BooleanField, FileField, StringField

from zhiku.domain.consents import ConsentForm
from zhiku.domain.permissions import Permission
from zhiku.services.consents import ConsentNotAcceptable
from zhiku.services.persons import PersonNotFound
from zhiku.services.photos import PhotoConsent, PhotoConsentMissing, PhotoSize, PhotoSubject
from zhiku.services.pictures import MAX_BYTES, PictureNotAcceptable
from zhiku.web.access import may, permission, scope, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.limits import UPLOADS, limit_tries
from zhiku.web.local_time import local_day
from zhiku.web.person_forms import ChosenField, read_day

blueprint = Blueprint("pictures", __name__, url_prefix="/experts/<int:expert_id>/photo")


class PhotoForm(FlaskForm):
    """A file, and how its subject agreed, where that is not noted yet."""

    photo = FileField(
        "选一张照片",
        description=f"JPG、PNG 或 WebP 格式，不超过 {MAX_BYTES >> 20} MB。正面、只有本人一个人的最好。",
        render_kw={"accept": "image/jpeg,image/png,image/webp"},
    )
    agreed = BooleanField("本人同意公开姓名、照片和事迹：照片放进智库的档案，给查找专家的单位看")
    form = ChosenField("怎样同意的", choices=[(one.value, one.label) for one in ConsentForm])
    on = StringField(
        "同意的日期",
        description="书面的写签字那天，例如 2026-05-04。",
        render_kw={"autocomplete": "off", "inputmode": "numeric"},
    )

    @property
    def consent(self) -> PhotoConsent | None:
        """What was agreed to; None while the box is not ticked, or it does not say how."""
        how = next((one for one in ConsentForm if one.value == self.form.data), None)
        return PhotoConsent(how, read_day(self.on.data or "")) if self.agreed.data and how else None


@blueprint.get("")
@permission(Permission.SEARCH_EXPERTS)
def show(expert_id: int) -> ResponseReturnValue:
    """The photo."""
    return _picture(expert_id, PhotoSize.LARGE)


@blueprint.get("/small")
@permission(Permission.SEARCH_EXPERTS)
def small(expert_id: int) -> ResponseReturnValue:
    """The photo as lists show it."""
    return _picture(expert_id, PhotoSize.SMALL)


@blueprint.route("/change", methods=["GET", "POST"])
@permission(Permission.KEEP_PHOTOS)
def change(expert_id: int) -> ResponseReturnValue:
    """Put a photo in, or another one in its place."""
    form = PhotoForm()
    subject = _subject(expert_id)
    if request.method == "GET":
        form.form.data = ConsentForm.PAPER.value
        form.on.data = local_day(current_zhiku().clock()).isoformat()
        return _page(subject, form)
    limit_tries(current_app, UPLOADS, "upload")
    sent = request.files.get("photo")
    # Bounded by the largest body of a request (web/security.py).
    data = sent.read() if sent else b""
    if subject.consent is None and not subject.is_withdrawn:
        if not form.agreed.data:
            form.agreed.errors = ["还没有打勾。请先征求本人的同意，再放照片。"]
            return _page(subject, form, "照片没有换：请先征求本人同意，并在下面打勾，然后重新选一次照片。"), 422
        if form.consent is None:
            form.form.errors = ["请选择本人是怎样同意的。"]
            return _page(subject, form, "照片没有换：请写明本人怎样同意的，然后重新选一次照片。"), 422
    try:
        current_zhiku().photos.change(expert_id, signed_in(), data, form.consent)
    except PictureNotAcceptable as refused:
        form.photo.errors = [str(refused)]
        return _page(subject, form, "照片没有换，原来的还在。"), 422
    except PhotoConsentMissing as missing_consent:
        return _page(_subject(expert_id), form, f"照片没有换：{missing_consent}"), 422
    except ConsentNotAcceptable as refused_consent:
        form.on.errors = [str(refused_consent)]
        return _page(_subject(expert_id), form, "照片没有换：请改正同意的日期，然后重新选一次照片。"), 422
    except PersonNotFound as missing:
        abort(404, str(missing))
    flash("照片换好了。只存了图像本身；拍摄的时间、地点和文件里附带的其他内容都没有留下。", "photo")
    return redirect(url_for("experts.profile", expert_id=expert_id), code=303)


@blueprint.post("/remove")
@permission(Permission.KEEP_PHOTOS)
def remove(expert_id: int) -> ResponseReturnValue:
    """Take the photo away."""
    try:
        current_zhiku().photos.remove(expert_id, signed_in())
    except PersonNotFound as missing:
        abort(404, str(missing))
    flash("照片已经删除。", "photo")
    return redirect(url_for("experts.profile", expert_id=expert_id), code=303)


def may_change(expert_id: int) -> bool:
    """Whether whoever is signed in may change this person's photo: for the link on the profile."""
    return may(Permission.KEEP_PHOTOS) and current_zhiku().photos.may_change(expert_id, signed_in())


def _subject(expert_id: int) -> PhotoSubject:
    try:
        return current_zhiku().photos.subject(expert_id, signed_in())
    except PersonNotFound as missing:
        abort(404, str(missing))


def _page(subject: PhotoSubject, form: PhotoForm, problem: str = "") -> str:
    return render_template("pictures/change.html", form=form, subject=subject, problem=problem)


def _picture(expert_id: int, size: PhotoSize) -> Response:
    picture = current_zhiku().photos.photo(expert_id, size, scope())
    if picture is None:
        abort(404, "这位老同志没有照片，或者档案已经不再公开。")
    # Drawn by us, and never to be taken for anything else (nosniff is on every answer).
    response = make_response(picture)
    response.headers["Content-Type"] = "image/jpeg"
    response.headers["Content-Disposition"] = "inline"
    response.headers["Cache-Control"] = "no-store"
    return response
