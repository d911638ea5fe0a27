"""Serving everything below a sub-path of the host ("/zhiku"), so that all links hold there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.utils import redirect
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def serve_below(app: Flask, url_prefix: str) -> None:
    """Answer below `url_prefix` only ("" changes nothing); the host's root leads there."""
    if not url_prefix:
        return

    def outside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "") in ("", "/"):
            response: Response = redirect(url_prefix + "/")
        else:
            response = Response("这里没有网页。\n", 404, content_type="text/plain; charset=utf-8")
        return response(environ, start_response)

    app.wsgi_app = DispatcherMiddleware(outside, {url_prefix: app.wsgi_app})  # type: ignore[method-assign]
