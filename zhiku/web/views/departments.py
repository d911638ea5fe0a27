"""The department for a suggestion as JSON, for programs of the bureau: behind its door."""

from __future__ import annotations

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue

from zhiku.services.department_routing import NothingToRoute, SuggestionUnknown
from zhiku.services.suggestion_intake import normalize_number
from zhiku.web.bureau_door import is_open
from zhiku.web.current import current_zhiku

blueprint = Blueprint("departments", __name__, url_prefix="/api/v1/suggestions")


@blueprint.before_request
def ask_for_the_key() -> None:
    """It speaks of suggestions that are not public, too."""
    if not is_open():
        abort(403, "请先在老干部局入口（/bureau）输入口令，再看一件建议该交给谁办。")


@blueprint.get("/<number>/departments")
def likeliest(number: str) -> ResponseReturnValue:
    """The likeliest departments for a suggestion, the likeliest first, with reasons."""
    wanted = normalize_number(number)
    try:
        found = current_zhiku().department_routing.for_suggestion(wanted or number)
    except (SuggestionUnknown, NothingToRoute) as error:
        abort(404, str(error))
    return jsonify(
        {
            "number": wanted,
            "departments": [
                {
                    "id": one.department_id,
                    "name": one.name,
                    "share": round(one.share, 4),
                    "reasons": list(one.reasons),
                }
                for one in found
            ],
        }
    )
