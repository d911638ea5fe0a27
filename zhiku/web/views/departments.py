"""The department for a suggestion as JSON, for the bureau and its programs."""

from __future__ import annotations

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue

from zhiku.domain.permissions import Permission
from zhiku.services.department_routing import NothingToRoute, SuggestionUnknown
from zhiku.services.suggestion_intake import normalize_number
from zhiku.web.access import permission, searches

blueprint = Blueprint("departments", __name__, url_prefix="/api/v1/suggestions")


@blueprint.get("/<number>/departments")
@permission(Permission.ROUTE_SUGGESTIONS, by_token=True)
def likeliest(number: str) -> ResponseReturnValue:
    """The likeliest departments for a suggestion, the likeliest first, with reasons."""
    wanted = normalize_number(number)
    try:
        found = searches().routing.for_suggestion(wanted or number)
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
