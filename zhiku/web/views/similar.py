"""Similar suggestions as JSON, for the form while somebody types.

By POST only: what is typed would otherwise stand in the address, and with it in the logs of every proxy.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, jsonify, url_for
from flask.typing import ResponseReturnValue

from zhiku.domain.permissions import Permission
from zhiku.services.similar_suggestions import MAX_TEXT, SimilarSuggestion
from zhiku.web.access import may, public, searches
from zhiku.web.json_body import json_object
from zhiku.web.limits import SIMILAR_LOOKUPS, limit_tries
from zhiku.web.presentation import chinese_date

blueprint = Blueprint("similar", __name__, url_prefix="/api")


@blueprint.post("/similar")
@public
def lookup() -> ResponseReturnValue:
    """`{"subject": …, "text": …}`, both optional: suggestions like it, copies first."""
    limit_tries(current_app, SIMILAR_LOOKUPS, "similar")
    asked = json_object()
    if asked is None:
        abort(400, "请以 JSON 给出 subject（事由）和 text（情况和建议）。")
    subject, text = (asked.get(name, "") for name in ("subject", "text"))
    if not isinstance(subject, str) or not isinstance(text, str):
        abort(400, "subject（事由）和 text（情况和建议）都应是文字。")
    found = searches().similar.similar(subject[:MAX_TEXT], text[:MAX_TEXT])
    return jsonify({"suggestions": [similar_json(one) for one in found]})


def similar_json(found: SimilarSuggestion) -> dict[str, Any]:
    """One suggestion as the API gives it. Of one that is not answered yet visitors learn that there is one, by its
    subject; what it says is not theirs to read."""
    is_open = found.is_public or may(Permission.SEARCH_SUGGESTIONS)
    return {
        "number": found.number,
        "subject": found.subject,
        "likeness": {"value": found.likeness.value, "label": found.likeness.label},
        "status": {"value": found.status, "label": found.status_label},
        "submitted_on": found.submitted_on.isoformat(),
        "submitted_on_label": chinese_date(found.submitted_on),
        "fragments": (
            [{"text": fragment.text, "is_match": fragment.is_match} for fragment in found.fragments] if is_open else []
        ),
        "page": url_for("suggestions.page", number=found.number) if is_open else None,
    }
