"""A form that was sent when its sender's sign-in had ended: nothing that was typed is lost.

The page shows what was typed and has a button that sends it once more, to be pressed after signing in again in another
tab. It carries the token against forged requests that the form had: a new sign-in of the same account keeps it valid
(`sessions.begin`), that of anybody else does not. A form without a good token is only shown, for a stranger's site may
have sent it and must not get it pressed.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from zhiku.web import sessions

_TOKEN = "csrf_token"

#: Parts of the names of fields that are typed anew: they have no business in a page.
_SECRET = ("password", "passphrase", "code", "secret")


@dataclass(frozen=True, slots=True)
class Typed:
    """What was sent."""

    #: Name and value of each field, in order.
    fields: tuple[tuple[str, str], ...]
    #: Those values that somebody wrote, for reading and copying.
    texts: tuple[str, ...]
    has_files: bool
    #: Whether the button may send it once more.
    can_be_sent: bool


def show_again() -> ResponseReturnValue:
    """The answer to a form of a page that needs a sign-in, from a browser that has none any more."""
    page = render_template(
        "errors/interrupted.html",
        typed=typed(),
        has_ended=sessions.has_ended(),
        sign_in=url_for("sign_in.enter", next=url_for("interrupted.signed_in_again")),
        action=request.script_root + request.full_path.rstrip("?"),
    )
    return page, 401, {"Cache-Control": "no-store"}


def typed() -> Typed:
    """What this request brought."""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name != _TOKEN]
    kept = [(name, value) for name, value in fields if not any(secret in name.casefold() for secret in _SECRET)]
    has_files = any(file.filename for file in request.files.values())
    is_whole = len(kept) == len(fields) and not has_files
    return Typed(
        fields=tuple(kept),
        texts=tuple(value for _, value in kept if _is_written(value)),
        has_files=has_files,
        can_be_sent=is_whole and _is_our_form(),
    )


def _is_our_form() -> bool:
    if _TOKEN not in request.form:
        # Forms that change nothing have none, and others are refused without one.
        return True
    try:
        validate_csrf(request.form[_TOKEN])
    except ValidationError:
        return False
    return True


def _is_written(value: str) -> bool:
    """Whether somebody wrote this, rather than the page itself (a number, a key, the value of a button)."""
    return "\n" in value or any("\u4e00" <= character <= "\u9fff" for character in value)
