"""The zhiku that the current application serves."""

from __future__ import annotations

from typing import cast

from flask import current_app

from zhiku.bootstrap import Zhiku


def current_zhiku() -> Zhiku:
    """The composition root given to `create_app`."""
    return cast(Zhiku, current_app.extensions["zhiku"])
