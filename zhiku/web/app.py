"""The Flask application factory."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from jinja2 import StrictUndefined

from zhiku.bootstrap import Zhiku
from zhiku.web import access, errors, navigation, presentation, security, sessions, turns
from zhiku.web.any_bytes import AnyBytesRequest
from zhiku.web.bearer import read_token
from zhiku.web.sub_path import serve_below
from zhiku.web.tries import Tries
from zhiku.web.views import (
    account,
    accounts,
    api,
    assignments,
    audit,
    complete,
    entry,
    experts,
    health,
    interrupted,
    lexicon,
    liaison,
    own,
    pages,
    persons,
    pictures,
    sign_in,
    similar,
    suggestions,
    tokens,
)

PACKAGE_DIR = Path(__file__).resolve().parents[1]

#: How long browsers keep static files, in seconds; their addresses change with their content (`asset`).
STATIC_MAX_AGE = 365 * 24 * 3600

#: All pages, one file a subject.
VIEWS = (
    account,
    accounts,
    api,
    assignments,
    audit,
    complete,
    entry,
    experts,
    health,
    interrupted,
    lexicon,
    liaison,
    own,
    pages,
    persons,
    pictures,
    sign_in,
    similar,
    suggestions,
    tokens,
)


def create_app(zhiku: Zhiku, tries: Tries | None = None) -> Flask:
    """The web application over one opened zhiku, which stays its owner's to close.

    `tries` counts tries where several processes serve; this one counts for itself without it.
    """
    app = Flask("zhiku", static_folder=str(PACKAGE_DIR / "static"), template_folder=str(templates_dir(PACKAGE_DIR)))
    app.request_class = AnyBytesRequest
    app.extensions["zhiku"] = zhiku
    app.config.update(SEND_FILE_MAX_AGE_DEFAULT=STATIC_MAX_AGE)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True

    # First of all: it decides whether a request goes on.
    access.install(app, read_token)
    sessions.install(app)
    security.install(app, zhiku.settings, tries)
    presentation.install(app, zhiku)
    navigation.install(app)
    errors.install(app)
    for views in VIEWS:
        app.register_blueprint(views.blueprint)
    turns.install(app)
    # They change nothing, and answer nobody but who asks.
    app.extensions["csrf"].exempt(similar.blueprint)
    app.extensions["csrf"].exempt(experts.problem)
    app.extensions["csrf"].exempt(api.departments)
    # Last, so that everything above runs below the prefix.
    serve_below(app, zhiku.settings.url_prefix)
    return app


def templates_dir(package_dir: Path) -> Path:
    """`templates/` in the package (a wheel) or beside it (a checkout)."""
    inside = package_dir / "templates"
    return inside if inside.is_dir() else package_dir.parent / "templates"
