"""What was done, said on the next page: kept in the session by one request and shown by the next."""

from __future__ import annotations

from flask import flash

#: Pages ask for this kind: other notices have buttons of their own.
_KIND = "said"


def say(text: str) -> None:
    """Keep a sentence for the next page."""
    flash(text, _KIND)
