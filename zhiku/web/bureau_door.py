"""The door of the bureau's pages: who has the key may come in. Accounts will take its place, here and nowhere else.

Until there are accounts, everybody of the bureau shares one key: `ZHIKU_BUREAU_KEY`, or one that is made on the first
start and lies in the home folder, for the eyes of the service's user only. The right key opens the pages for this
browser for a working day. "From this machine only" would be no door: behind a proxy every request comes from here.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Flask, current_app, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from flask_wtf.csrf import CSRFError
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from wtforms import HiddenField, PasswordField

from zhiku.config import Settings
from zhiku.web.current import current_zhiku
from zhiku.web.security import keep_secret_file, limit_tries

#: How long the pages stay open for a browser: a working day, and the next morning they ask again.
OPEN_FOR = timedelta(hours=10)

#: Guesses of the key from one address. A made key is one of 10^16.
KEY_TRIES = (RateLimitItemPerMinute(10), RateLimitItemPerHour(40))

#: Without what looks alike (0O 1IL 2Z 5S 8B UV): the key is read from one screen and typed on another.
_ALPHABET = "34679ACDEFGHJKMNPQRTWXY"
_GROUPS, _GROUP = 3, 4

blueprint = Blueprint("bureau_door", __name__, url_prefix="/bureau")


class KeyForm(FlaskForm):
    """The key, and where its owner wanted to go."""

    key = PasswordField(
        "口令",
        description="装机时设置的老干部局口令，请向维护人员要。",
        render_kw={"autocomplete": "current-password", "spellcheck": "false"},
    )
    next = HiddenField()


def install(app: Flask, settings: Settings) -> None:
    """Register the door, and make sure that there is a key: the start of the service says where it lies."""
    bureau_key(settings)
    app.register_blueprint(blueprint)


def ask_at_the_door() -> ResponseReturnValue | None:
    """For `Blueprint.before_request` of every page of the bureau: lets in who has the key, else leads to the door."""
    if is_open():
        return None
    wanted = request.full_path.rstrip("?") if request.method == "GET" else None
    return redirect(url_for("bureau_door.enter", next=wanted), code=303)


def is_open() -> bool:
    """Whether this browser has shown the key that holds now, not too long ago."""
    shown = session.get("bureau")
    if not isinstance(shown, list) or len(shown) != 2:
        return False
    mark, since = shown
    age = current_zhiku().clock() - datetime.fromtimestamp(float(since), UTC)
    return hmac.compare_digest(str(mark), _mark()) and timedelta(0) <= age <= OPEN_FOR


@blueprint.get("")
def first_page() -> ResponseReturnValue:
    """The bureau's address, short enough to type."""
    return redirect(url_for("lexicon.overview"))


@blueprint.route("/enter", methods=["GET", "POST"])
def enter() -> ResponseReturnValue:
    """Ask for the key."""
    form = KeyForm()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
        return render_template("bureau/enter.html", form=form, is_refused=False, notice="")
    limit_tries(current_app, KEY_TRIES, "bureau")
    if not hmac.compare_digest(_folded(form.key.data or ""), _folded(bureau_key(current_zhiku().settings))):
        return render_template("bureau/enter.html", form=form, is_refused=True, notice=""), 422
    session["bureau"] = [_mark(), current_zhiku().clock().timestamp()]
    return redirect(_inside(form.next.data or ""), code=303)


@blueprint.post("/leave")
def leave() -> ResponseReturnValue:
    """Close the pages for this browser."""
    session.pop("bureau", None)
    return redirect(url_for("pages.home"), code=303)


@blueprint.errorhandler(CSRFError)
def ask_again(error: CSRFError) -> ResponseReturnValue:
    """The page was open longer than the session, or cookies are off."""
    notice = "这一页打开得太久了，请再输入一次口令。如果还是这样，请在浏览器设置里允许 Cookie。"
    return render_template("bureau/enter.html", form=KeyForm(), is_refused=False, notice=notice), 403


def bureau_key(settings: Settings) -> str:
    """The key that opens the bureau's pages: the one that was set, else the one in the home folder, made when there is
    none."""
    if settings.bureau_key:
        return settings.bureau_key
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    fresh = "-".join(groups)
    content = keep_secret_file(
        settings.bureau_key_file, f"{fresh}\n".encode(), lambda data: len(data.strip()) >= len(fresh)
    )
    return content.decode("utf-8", "replace").strip()


def _mark() -> str:
    """What a session that has shown the key carries: another key, and it is worth nothing."""
    key = bureau_key(current_zhiku().settings)
    return hashlib.blake2b(_folded(key), key=current_app.config["SECRET_KEY"], digest_size=16).hexdigest()


def _folded(key: str) -> bytes:
    """A key as compared: full-width or not, without spaces and dashes between its groups, capitals or not."""
    folded = unicodedata.normalize("NFKC", key).upper()
    return "".join(character for character in folded if character.isalnum()).encode("utf-8", "surrogatepass")


def _inside(path: str) -> str:
    """Where to go behind the door: the bureau's page that was asked for, and nothing else."""
    if path.startswith("/bureau/") and "\\" not in path and path.isprintable():
        return request.script_root + path
    return url_for("lexicon.overview")
