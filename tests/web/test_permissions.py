"""Every route, asked by every role: who gets through, and what the others are answered (permissions.tsv)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, url_for
from flask.testing import FlaskClient
from sqlalchemy import event, select, text
from werkzeug.routing import Rule
from werkzeug.routing.converters import AnyConverter, NumberConverter, PathConverter

from tests.web.signing_in import account_of, browser_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.accounts import Account
from zhiku.domain.audit import Action, AuditEvent
from zhiku.domain.permissions import FOR_TOKENS, TABLE, Permission, Role
from zhiku.web import access
from zhiku.web.app import create_app
from zhiku.web.tries import Try

MATRIX = Path(__file__).with_name("permissions.tsv")

#: Who asks, as the columns of the matrix: nobody signed in, each role, a program with a token of all permissions.
VISITOR, TOKEN = "visitor", "token"
ASKERS = (VISITOR, *(role.value for role in Role), TOKEN)

#: What the matrix says: the view is reached; the way to the sign-in page; the form comes back, to be sent after signing
#: in; "sign in" in JSON; nothing is here.
OPEN, SIGN_IN, KEPT, UNKNOWN, NOTHING = "open", "sign-in", "form-kept", "401", "404"


@dataclass(frozen=True)
class Row:
    """A line of the matrix."""

    endpoint: str
    method: str
    declared: str
    answers: tuple[str, ...]

    def __str__(self) -> str:
        return "\t".join((self.endpoint, self.method, self.declared, *self.answers))


def written() -> dict[tuple[str, str], Row]:
    """The matrix as it is written out."""
    lines = [line for line in MATRIX.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    rows = [line.split("\t") for line in lines]
    assert rows[0] == ["endpoint", "method", "declared", *ASKERS]
    return {(row[0], row[1]): Row(row[0], row[1], row[2], tuple(row[3:])) for row in rows[1:]}


class Unlimited:
    """Nobody asks too often: the limits have tests of their own."""

    def wait(self, tried: Sequence[Try], is_counted: bool = True) -> int:
        return 0


@pytest.fixture
def watched(zhiku: Zhiku) -> tuple[Flask, list[str]]:
    """An application whose views only note that they were reached. Forged requests are not looked for: whether a form
    has its token is asked after who sends it."""
    app = create_app(zhiku, Unlimited())
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    reached: list[str] = []
    for endpoint, view in list(app.view_functions.items()):
        app.view_functions[endpoint] = noting(endpoint, view, reached)
    return app, reached


def noting(endpoint: str, view: Callable[..., Any], reached: list[str]) -> Callable[..., Any]:
    @wraps(view)
    def note(*_: Any, **__: Any) -> str:
        reached.append(endpoint)
        return "reached"

    return note


def address_of(app: Flask, rule: Rule) -> str:
    """An address that the rule matches."""
    values: dict[str, Any] = {}
    for name, converter in rule._converters.items():
        if isinstance(converter, NumberConverter):
            values[name] = 1
        elif isinstance(converter, AnyConverter):
            values[name] = sorted(converter.items)[0]
        elif isinstance(converter, PathConverter):
            values[name] = "css/zhiku.css"
        else:
            values[name] = "2026-0002"
    with app.test_request_context():
        return url_for(rule.endpoint, **values)


def routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """(endpoint, method, address) of all rules."""
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield rule.endpoint, method, address_of(app, rule)


def walk(app: Flask, reached: list[str]) -> dict[tuple[str, str], Row]:
    """What every route answers to everybody."""
    zhiku: Zhiku = app.extensions["zhiku"]
    token = zhiku.api_tokens.issue("别的系统", FOR_TOKENS, "430725").secret
    browsers: dict[str, tuple[FlaskClient, dict[str, str]]] = {
        VISITOR: (app.test_client(), {}),
        TOKEN: (app.test_client(), {"Authorization": f"Bearer {token}"}),
    }
    browsers |= {role.value: (browser_of(app, role), {}) for role in Role}
    required = access.requirements(app)
    rows: dict[tuple[str, str], Row] = {}
    for endpoint, method, address in routes(app):
        answers = tuple(ask(*browsers[asker], method, address, endpoint, reached) for asker in ASKERS)
        needed = required[endpoint]
        row = Row(endpoint, method, "public" if needed is None else needed.value, answers)
        assert rows.get((endpoint, method), row) == row, f"two addresses of {endpoint} answer differently"
        rows[endpoint, method] = row
    return rows


def ask(
    client: FlaskClient, headers: dict[str, str], method: str, address: str, endpoint: str, reached: list[str]
) -> str:
    reached.clear()
    with client.open(address, method=method, headers=headers) as answer:
        if reached:
            assert reached == [endpoint]
            return OPEN
        # Staff sign in with a password, retirees with a slip.
        if answer.status_code == 303 and answer.headers["Location"].startswith(("/sign-in", "/in?")):
            return SIGN_IN
        if answer.status_code == 401:
            return UNKNOWN if answer.is_json else KEPT
        assert answer.status_code == 404, (address, method, answer.status)
        return NOTHING


def test_every_route_answers_every_role_as_the_matrix_says(watched: tuple[Flask, list[str]]) -> None:
    found, expected = walk(*watched), written()
    missing = [str(row) for key, row in sorted(found.items()) if key not in expected]
    gone = [f"{endpoint}\t{method}" for endpoint, method in sorted(expected.keys() - found.keys())]
    other = [f"{row}\n  written: {expected[key]}" for key, row in found.items() if expected.get(key, row) != row]
    assert not missing, f"look at who gets through, and add to {MATRIX.name}:\n" + "\n".join(missing)
    assert not gone, f"no such routes any more; take out of {MATRIX.name}:\n" + "\n".join(gone)
    assert not other, "answers otherwise than is written:\n" + "\n".join(other)


def test_the_matrix_is_what_the_table_of_permissions_gives() -> None:
    """The matrix is written by hand; this reads it against the table, without asking anybody."""
    for row in written().values():
        answers = dict(zip(ASKERS, row.answers, strict=True))
        if row.declared == "public":
            assert set(row.answers) == {OPEN}, row
            continue
        needed = Permission.from_value(row.declared)
        for role in Role:
            assert answers[role.value] == (OPEN if needed in TABLE[role] else NOTHING), (row, role)
        assert answers[VISITOR] in (SIGN_IN, KEPT, UNKNOWN), row
        assert answers[TOKEN] in (OPEN, answers[VISITOR]), row
        assert answers[TOKEN] != OPEN or (needed in FOR_TOKENS and row.endpoint.startswith("api.")), row


def test_the_matrix_is_in_order() -> None:
    keys = list(written())
    assert keys == sorted(keys)


def test_a_route_that_declares_nothing_fails(zhiku: Zhiku) -> None:
    app = create_app(zhiku)
    app.add_url_rule("/forgotten", view_func=lambda: "never", endpoint="forgotten")
    with pytest.raises(access.NotDeclared, match="forgotten"):
        access.requirements(app)
    answer = app.test_client().get("/forgotten")
    assert answer.status_code == 500 and "never" not in answer.text
    assert browser_of(app, Role.BUREAU).get("/forgotten").status_code == 500


def test_every_permission_is_needed_by_a_route_or_asked_within_one(app: Flask) -> None:
    """One that nothing asks for is a promise that nobody keeps."""
    needed = set(access.requirements(app).values())
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("web", "services")
        for path in (Path(access.__file__).parents[1] / folder).rglob("*.py")
    )
    unused = {one for one in Permission if one not in needed and f"Permission.{one.name}" not in source}
    assert not unused


def test_what_is_refused_is_noted_with_who_asked(zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]) -> None:
    browser = signed_in_as(Role.DEPARTMENT)
    answers = [browser.get("/bureau/lexicon") for _ in range(3)]
    answer = answers[0]
    # Once, however often it is asked within a minute: events stay for ever.
    assert {one.status_code for one in answers} == {404} and "检索用词" not in answer.text
    with zhiku.sessions() as session:
        (noted,) = session.scalars(select(AuditEvent).where(AuditEvent.action == Action.REFUSED.value))
        assert (noted.actor_role, noted.subject_kind, noted.subject_id) == ("department", "page", "lexicon.overview")
        assert noted.actor_id == account_of(zhiku, Role.DEPARTMENT)


def test_a_visitor_who_asks_for_a_page_is_asked_to_sign_in_and_comes_back_to_it(visitor: FlaskClient) -> None:
    answer = visitor.get("/experts", query_string={"q": "水库", "field": "水利"})
    assert answer.status_code == 303
    asked = visitor.get(answer.headers["Location"]).text
    assert 'value="/experts?q=%E6%B0%B4%E5%BA%93&amp;field=%E6%B0%B4%E5%88%A9"' in asked


def test_a_very_long_address_does_not_become_a_longer_one(visitor: FlaskClient) -> None:
    answer = visitor.get("/experts", query_string={"q": "渠道漏水" * 5_000})
    assert answer.status_code == 303 and answer.headers["Location"] == "/sign-in?next=/experts"


def test_the_api_answers_in_json_what_it_needs(visitor: FlaskClient) -> None:
    answer = visitor.get("/api/v1/experts?q=水库")
    assert answer.status_code == 401 and answer.is_json and "Bearer" in answer.headers["WWW-Authenticate"]
    assert visitor.get("/api/complete?q=水").status_code == 401


def test_a_password_that_somebody_else_gave_opens_only_its_own_change(
    zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    clerk = signed_in_as(Role.BUREAU)
    with zhiku.sessions.begin() as session:
        session.get_one(Account, account_of(zhiku, Role.BUREAU)).must_change_password = True
    for address in ("/experts?q=水库", "/bureau/lexicon", "/account"):
        answer = clerk.get(address)
        assert answer.status_code == 303 and answer.headers["Location"] == "/account/password", address
    assert clerk.get("/account/password").status_code == 200 and clerk.get("/").status_code == 200
    assert clerk.get("/api/complete?q=水").status_code == 403


def test_a_closed_account_is_out_with_its_next_page(zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]) -> None:
    clerk = signed_in_as(Role.LEADER)
    assert clerk.get("/experts").status_code == 200
    with zhiku.sessions.begin() as session:
        session.get_one(Account, account_of(zhiku, Role.LEADER)).is_active = False
    assert clerk.get("/experts").status_code == 303


def test_a_role_that_changes_changes_what_opens_at_once(
    zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    clerk = signed_in_as(Role.BUREAU)
    assert clerk.get("/bureau/lexicon").status_code == 200
    with zhiku.sessions.begin() as session:
        session.get_one(Account, account_of(zhiku, Role.BUREAU)).role = Role.DEPARTMENT
    assert clerk.get("/bureau/lexicon").status_code == 404


def test_a_page_reads_the_sign_in_once_and_by_an_index(
    zhiku: Zhiku, signed_in_as: Callable[[Role], FlaskClient]
) -> None:
    clerk = signed_in_as(Role.LEADER)
    asked: list[str] = []
    event.listen(zhiku.database, "before_cursor_execute", lambda c, cu, statement, *rest: asked.append(statement))
    clerk.get("/experts/999")
    looked_up = [statement for statement in asked if "FROM sign_ins" in statement]
    assert len(looked_up) == 1
    with zhiku.database.connect() as connection:
        plan = " ".join(
            row[3] for row in connection.execute(text("EXPLAIN QUERY PLAN " + looked_up[0].replace("?", "'x'")))
        )
    assert "SCAN" not in plan and "token_hash" in plan
