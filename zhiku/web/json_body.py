"""The body of a request that is to be a JSON object."""

from __future__ import annotations

from typing import Any

from flask import request


def json_object() -> dict[str, Any] | None:
    """The object that was sent as application/json; None for everything else, whatever bytes it is."""
    try:
        sent = request.get_json(silent=True)
    except RecursionError:
        # A hundred thousand brackets.
        return None
    return sent if isinstance(sent, dict) else None
