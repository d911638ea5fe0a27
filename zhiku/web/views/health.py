"""For whoever watches the service: does it answer?"""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from zhiku.web.current import current_zhiku

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """200 when the database answers; an unusable index is named but leaves the service in place, since suggestions
    and their status need none."""
    zhiku = current_zhiku()
    with zhiku.sessions() as session:
        session.execute(text("SELECT 1"))
    return jsonify({"status": "ok", "index_problem": zhiku.engine.status().problem})
