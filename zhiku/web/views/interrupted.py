"""The end of signing in again for a form that waits in another tab (web/interrupted.py)."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from zhiku.web.access import public

blueprint = Blueprint("interrupted", __name__)


@blueprint.get("/sign-in/again")
@public
def signed_in_again() -> ResponseReturnValue:
    """Says to go back to the form."""
    return render_template("errors/signed_in_again.html")
