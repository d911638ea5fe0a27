"""Similar suggestions as JSON, for the form while somebody types.

By POST only: what is typed would otherwise stand in the address, and with it in the logs of every proxy.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, current_app, jsonify, url_for
from flask.typing import ResponseReturnValue

from zhiku.services.similar_suggestions import MAX_TEXT, SimilarSuggestion
from zhiku.web.access import public, reader, searches
from zhiku.web.json_body import json_object
from zhiku.web.limits import SIMILAR_LOOKUPS, limit_tries
from zhiku.web.presentation import chinese_date

#: All that is said of suggestions that are not the reader's to read.
UNREADABLE = "已有人提过类似的建议，还没有公开，这里看不到内容。您照样可以提交自己的。"

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
    found = searches().similar.similar(subject[:MAX_TEXT], text[:MAX_TEXT], reader())
    return jsonify(
        {
            "suggestions": [similar_json(one) for one in found.suggestions],
            "notice": UNREADABLE if found.has_unreadable else "",
        }
    )


def similar_json(found: SimilarSuggestion) -> dict[str, Any]:
    """One suggestion as the API gives it, to who may read it."""
    return {
        "number": found.number,
        "subject": found.subject,
        "likeness": {"value": found.likeness.value, "label": found.likeness.label},
        "status": {"value": found.status, "label": found.status_label},
        "submitted_on": found.submitted_on.isoformat(),
        "submitted_on_label": chinese_date(found.submitted_on),
        "fragments": [{"text": fragment.text, "is_match": fragment.is_match} for fragment in found.fragments],
        "page": url_for("suggestions.page", number=found.number),
    }
