"""Pages that only compute take turns within a process.

Threads of one process share one core. Ten pages at once take a third more of it than ten pages one after another: numpy
lets go of the interpreter many times in a search, and each time another thread takes it and finds its data gone from
the processor's cache (docs/adr/0013). Other threads are there for requests that wait: for the lock of the database, for
a slow reader. Those take no turn, nor does what is done in a millisecond (completion, static files).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Flask

#: Endpoints that search, rank and render; none of them waits for a lock of the database.
COMPUTING = (
    "experts.search",
    "experts.profile",
    "suggestions.search",
    "api.experts",
    "api.expert",
    "api.suggestions",
    "similar.lookup",
)


def install(app: Flask) -> None:
    """Let the computing pages of an application take turns. To be called when their blueprints are registered."""
    # Wakes who waits longest, which a plain lock does not.
    turn = threading.Semaphore()
    for endpoint in COMPUTING:
        app.view_functions[endpoint] = _in_turn(app.view_functions[endpoint], turn)


def _in_turn(view: Callable[..., Any], turn: threading.Semaphore) -> Callable[..., Any]:
    @wraps(view)
    def take_turn(*args: Any, **kwargs: Any) -> Any:
        with turn:
            return view(*args, **kwargs)

    return take_turn
