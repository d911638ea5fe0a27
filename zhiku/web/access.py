"""Who is let in: every route names a permission, or says that it is for everybody.

    @blueprint.get("")
    @permission(Permission.SEARCH_EXPERTS)
    def search() -> ResponseReturnValue: …

    @blueprint.get("/about")
    @public
    def about() -> ResponseReturnValue: …

A view behind a permission asks `scope()` which rows its reader may see. A row out of scope answers as a missing one,
by 404. A route that declares nothing answers 500, and fails tests/web/test_permissions.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Protocol, TypeVar

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Unauthorized

from zhiku.domain.actors import Actor, acting_as
from zhiku.domain.permissions import Permission, Scope
from zhiku.domain.readership import Reader
from zhiku.services.searches import Searches
from zhiku.services.sign_ins import SignedIn
from zhiku.web import interrupted, sessions
from zhiku.web.current import current_zhiku
from zhiku.web.limits import is_noted_anew
from zhiku.web.presentation import here

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])

#: Attribute of a view function that holds what it declares: a `Permission`, or None for everybody.
_DECLARED = "zhiku_permission"
#: Attribute of views that a token of the API opens, too.
_BY_TOKEN = "zhiku_by_token"

#: The one page behind a permission for somebody whose password was given by somebody else. Public ones stay open.
CHANGE_OF_PASSWORD = "account.password"

#: Files of ours, and what tells whether the database answers: not looked up by whom they are asked for.
ASKS_NOBODY = frozenset({"static", "health.healthz"})

#: Longest address that a sign-in leads back to, in characters; of a longer one it is the page without its query.
#: Proxies take heads of some kilobytes, and in the address of the sign-in page it is encoded once more.
MAX_WAY_BACK = 2_000

#: What a page of the API begins with; everything below answers in JSON.
API = "/api/"


class LetIn(Protocol):
    """Whoever is let in: somebody signed in, or a program with a token."""

    @property
    def name(self) -> str:
        """As the audit shows it."""

    @property
    def scope(self) -> Scope:
        """Which rows they may see."""

    def may(self, permission: Permission) -> bool:
        """Whether they may do this."""


class NotDeclared(RuntimeError):
    """A route says neither which permission it needs nor that it is for everybody."""


def permission(required: Permission, by_token: bool = False) -> Callable[[View], View]:
    """Declare that a view needs this permission; with `by_token` a token of the API that carries it opens it, too."""

    def declare_it(view: View) -> View:
        setattr(view, _DECLARED, required)
        setattr(view, _BY_TOKEN, by_token)
        return view

    return declare_it


def public(view: View) -> View:
    """Declare that a view is for everybody."""
    setattr(view, _DECLARED, None)
    return view


def required_by(view: Callable[..., Any]) -> Permission | None:
    """What a view declares: a permission, or None for everybody. Raises `NotDeclared`."""
    if not hasattr(view, _DECLARED):
        raise NotDeclared(f"{view.__module__}.{view.__name__}: no permission and no @public (zhiku/web/access.py)")
    required: Permission | None = getattr(view, _DECLARED)
    return required


def requirements(app: Flask) -> dict[str, Permission | None]:
    """What every endpoint of an application declares: a permission, or None for everybody.

    Raises `NotDeclared` naming the endpoints that declare nothing.
    """
    missing = sorted(name for name, view in app.view_functions.items() if not hasattr(view, _DECLARED))
    if missing:
        raise NotDeclared(f"no permission and no @public on: {', '.join(missing)} (zhiku/web/access.py)")
    return {name: getattr(view, _DECLARED) for name, view in app.view_functions.items()}


def is_by_token(app: Flask, endpoint: str) -> bool:
    """Whether tokens of the API open an endpoint."""
    return bool(getattr(app.view_functions[endpoint], _BY_TOKEN, False))


def install(app: Flask, token_reader: Callable[[str], LetIn | None] | None = None) -> None:
    """Check every request. To be called before anything else looks at requests, CSRF included.

    `token_reader` gives the program behind a token of the API ("Authorization: Bearer …"), None for one that is not
    good.
    """
    app.extensions["zhiku.token_reader"] = token_reader
    static = app.view_functions.get("static")
    if static is not None:
        app.view_functions["static"] = public(_plain_function(static))
    app.before_request(check)
    app.teardown_request(leave)


def check() -> ResponseReturnValue | None:
    """For `before_request`: lets the request through, or answers it."""
    # Requests within one application context share `g`.
    g.pop("signed_in", None)
    g.let_in = None
    if request.endpoint in ASKS_NOBODY:
        return None
    if request.endpoint is None:
        # An address that there is not. Its page has the same header as every other.
        g.let_in = sessions.current()
        return None
    view = current_app.view_functions[request.endpoint]
    required = required_by(view)
    found = _by_token() if getattr(view, _BY_TOKEN, False) and _shows_token() else sessions.current()
    g.let_in = found
    _act(found)
    if required is None:
        return None
    if found is None:
        return ask_to_sign_in()
    if not found.may(required):
        if is_noted_anew(current_app, request.endpoint):
            current_zhiku().sign_ins.note_refusal(request.endpoint)
        if isinstance(found, SignedIn):
            abort(404)
        # Whoever writes that program shall know what to ask for.
        abort(404, f"这个令牌没有“{required.label}”的权限。需要的话，请向管理员另要一个。")
    is_foreign = isinstance(found, SignedIn) and found.must_change_password
    if is_foreign and request.endpoint != CHANGE_OF_PASSWORD:
        if request.path.startswith(API):
            abort(403, "请先打开“我的账号”修改密码，再继续使用。")
        return redirect(url_for(CHANGE_OF_PASSWORD), code=303)
    return None


def ask_to_sign_in() -> ResponseReturnValue:
    """The answer to somebody who is not signed in: the way to sign in, and back to what was wanted."""
    if request.path.startswith(API):
        raise Unauthorized("请先登录，或者在请求头里带上接口令牌（Authorization: Bearer …）。")
    if request.method == "POST":
        return interrupted.show_again()
    if getattr(current_app.view_functions[request.endpoint or ""], _DECLARED) is Permission.SEE_OWN_RECORDS:
        # A retiree's page: they have no password, but a slip.
        return redirect(url_for("entry.enter", ended=1), code=303)
    wanted = here()
    if len(wanted) > MAX_WAY_BACK:
        wanted = request.script_root + request.path
    return redirect(url_for("sign_in.enter", next=wanted), code=303)


def signed_in() -> SignedIn:
    """Who is signed in. For views behind a permission that no token opens."""
    found = sessions.current()
    if found is None:
        raise Unauthorized("请先登录。")
    return found


def let_in() -> LetIn | None:
    """Whoever is let in: somebody signed in, a program with a token; None for visitors of public pages."""
    found: LetIn | None = g.get("let_in")
    return found


def scope() -> Scope:
    """Which rows whoever is let in may see. Visitors of public pages see what is public of the whole installation."""
    found = let_in()
    return Scope() if found is None else found.scope


def reader() -> Reader:
    """Which suggestions whoever is let in may read."""
    return Reader(scope(), may(Permission.SEARCH_SUGGESTIONS))


def searches() -> Searches:
    """What searches within that scope."""
    return current_zhiku().searches.of_scope(scope())


def may(wanted: Permission) -> bool:
    """Whether whoever is let in may do this: for links and buttons, which show only what opens."""
    found = let_in()
    return found is not None and found.may(wanted)


def leave(_error: BaseException | None = None) -> None:
    """For `teardown_request`: nobody is at work any more."""
    at_work: ExitStack | None = g.pop("at_work", None)
    if at_work is not None:
        at_work.close()


def _act(found: LetIn | None) -> None:
    """Who is at work during this request."""
    address = request.remote_addr or ""
    if found is None:
        actor = Actor(None, "访客", "public", address)
    elif isinstance(found, SignedIn):
        actor = Actor(found.account_id, found.name, found.role.value, address)
    else:
        actor = Actor(None, found.name, "token", address)
    g.at_work = ExitStack()
    g.at_work.enter_context(acting_as(actor))


def _shows_token() -> bool:
    return "Authorization" in request.headers


def _by_token() -> LetIn | None:
    reader: Callable[[str], LetIn | None] | None = current_app.extensions["zhiku.token_reader"]
    kind, _, shown = request.headers["Authorization"].partition(" ")
    if reader is None or kind.casefold() != "bearer":
        return None
    return reader(shown.strip())


def _plain_function(view: Callable[..., Any]) -> Callable[..., Any]:
    """A function of its own, since the attributes of a bound method cannot be set."""

    def view_of_its_own(*args: Any, **kwargs: Any) -> Any:
        return view(*args, **kwargs)

    return view_of_its_own
