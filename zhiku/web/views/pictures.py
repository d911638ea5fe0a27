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
from wtforms import BooleanField, FileField

from zhiku.domain.permissions import Permission
from zhiku.services.persons import PersonNotFound
from zhiku.services.photos import PhotoSize
from zhiku.services.pictures import MAX_BYTES, PictureNotAcceptable
from zhiku.web.access import may, permission, scope, signed_in
from zhiku.web.current import current_zhiku
from zhiku.web.limits import UPLOADS, limit_tries

blueprint = Blueprint("pictures", __name__, url_prefix="/experts/<int:expert_id>/photo")


class PhotoForm(FlaskForm):
    """A file, and that its subject agreed."""

    photo = FileField(
        "选一张照片",
        description=f"JPG、PNG 或 WebP 格式，不超过 {MAX_BYTES >> 20} MB。正面、只有本人一个人的最好。",
        render_kw={"accept": "image/jpeg,image/png,image/webp"},
    )
    agreed = BooleanField("本人同意把这张照片放进智库的档案，给查找专家的单位看")


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
    if request.method == "GET":
        return _page(expert_id, form)
    limit_tries(current_app, UPLOADS, "upload")
    sent = request.files.get("photo")
    # Bounded by the largest body of a request (web/security.py).
    data = sent.read() if sent else b""
    if not form.agreed.data:
        form.agreed.errors = ["还没有打勾。请先征求本人的同意，再放照片。"]
        return _page(expert_id, form, "照片没有换：请先征求本人同意，并在下面打勾，然后重新选一次照片。"), 422
    try:
        current_zhiku().photos.change(expert_id, signed_in(), data)
    except PictureNotAcceptable as refused:
        form.photo.errors = [str(refused)]
        return _page(expert_id, form, "照片没有换，原来的还在。"), 422
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


def _page(expert_id: int, form: PhotoForm, problem: str = "") -> str:
    try:
        subject = current_zhiku().photos.subject(expert_id, signed_in())
    except PersonNotFound as missing:
        abort(404, str(missing))
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
