"""The programs of other systems: who is behind the token of a request."""

from __future__ import annotations

from flask import current_app
from werkzeug.exceptions import Unauthorized

from zhiku.services.api_tokens import TokenHolder, TokenRefused
from zhiku.web.current import current_zhiku
from zhiku.web.limits import WRONG_TOKENS, limit_tries


def read_token(shown: str) -> TokenHolder:
    """The program behind a token. Raises `Unauthorized` with what is wrong with it, and `TooManyRequests` for who
    tries many."""
    try:
        return current_zhiku().api_tokens.find(shown)
    except TokenRefused as refused:
        limit_tries(current_app, WRONG_TOKENS, "token")
        raise Unauthorized(str(refused)) from None
