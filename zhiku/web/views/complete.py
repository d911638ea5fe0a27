"""Completion while typing, for the search box's script."""

from __future__ import annotations

from flask import Blueprint, current_app, jsonify, request
from flask.typing import ResponseReturnValue

from zhiku.domain.permissions import Permission
from zhiku.web.access import permission, searches
from zhiku.web.limits import COMPLETIONS, limit_tries

blueprint = Blueprint("complete", __name__, url_prefix="/api")

#: How long a browser may use an answer again, in seconds: while somebody deletes and types the same once more.
MAX_AGE = 10


@blueprint.get("/complete")
@permission(Permission.SEARCH_EXPERTS)
def complete() -> ResponseReturnValue:
    """`?q=` what is in the search box. Too long a text has no completions."""
    limit_tries(current_app, COMPLETIONS, "complete")
    typed = request.args.get("q", "")
    answer = jsonify(
        {
            "query": typed,
            "completions": [
                {"text": one.text, "completed": one.completed, "group": one.group.value, "label": one.group.label}
                for one in searches().completer.complete(typed)
            ],
        }
    )
    answer.headers["Cache-Control"] = f"private, max-age={MAX_AGE}"
    return answer
