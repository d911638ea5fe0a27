"""Requests whose query string may hold any bytes, and whose HEAD is a GET."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING
from urllib.parse import quote

from flask import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_ASCII = string.punctuation


class AnyBytesRequest(Request):
    """A request that percent-encodes what a client left raw in its query string.

    Werkzeug reads raw UTF-8, and percent-encoded bytes of any kind, but raises `UnicodeDecodeError` for raw bytes that
    are no UTF-8, as an old link in GBK brings them.

    Views see HEAD as the GET that it stands for: "not a GET" means a form was sent, and a HEAD, which carries no token
    against forgery, must never do what a form does. The server leaves the body of its answer out all the same.
    """

    def __init__(self, environ: WSGIEnvironment, populate_request: bool = True, shallow: bool = False) -> None:
        raw = environ.get("QUERY_STRING", "")
        if not raw.isascii():
            # WSGI hands over bytes as latin-1; other characters are a broken server's.
            environ["QUERY_STRING"] = quote(raw.encode("latin-1", "replace"), safe=_ASCII)
        super().__init__(environ, populate_request, shallow)
        if self.method == "HEAD":
            self.method = "GET"
