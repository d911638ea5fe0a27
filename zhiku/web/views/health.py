"""For whoever watches the service: does it answer?"""

from __future__ import annotations

import logging

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from zhiku.web.access import public
from zhiku.web.current import current_zhiku

log = logging.getLogger(__name__)

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> ResponseReturnValue:
    """200 when the database answers, else 503. An unusable index is named but leaves the service in place, since
    suggestions and their status need none."""
    zhiku = current_zhiku()
    try:
        with zhiku.sessions() as session:
            session.execute(text("SELECT 1"))
    except SQLAlchemyError:
        log.exception("the database does not answer")
        return jsonify({"status": "database unavailable"}), 503
    return jsonify({"status": "ok", "index_problem": zhiku.engine.status().problem})
