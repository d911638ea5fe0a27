"""Whatever stands in an address or a form, the answer is a page and never a 500."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.pages import open_form

#: Any text, and the pieces that parsers stumble over.
AWKWARD = st.one_of(
    st.text(max_size=80),
    st.text(st.characters(categories=["Cs", "Cc", "Cf", "Co", "Cn"]), max_size=20),
    st.lists(
        st.sampled_from(
            ["\x00", "\ud800", '"', "'", "(", ")", "AND ", "NOT ", "field:", "q:", "*", "~", "^9", "\\", "%", "%zz",
             "😀", "\u202e", "\ufeff", "柑橘", "曾", "ceng ", "１", "\r\n", "<b>", "{{7*7}}", "[1 TO", "-", "+", "&page=2"]
        ),
        max_size=12,
    ).map("".join),
)  # fmt: skip

PARAMETERS = st.sampled_from(
    ["q", "field", "township", "unit", "title", "availability", "page", "size", "next", "number"]
)
PATHS = st.sampled_from(
    ["/", "/experts", "/experts/1", "/suggestions", "/suggestions/status", "/text-size", "/api/v1/experts", "/about"]
)


def encoded(text: str) -> str:
    """Percent-encoded as UTF-8; lone surrogates become the invalid bytes that a broken client sends."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PATHS, st.lists(st.tuples(PARAMETERS, AWKWARD), max_size=4))
def test_any_parameters_give_a_page(client: FlaskClient, path: str, parameters: list[tuple[str, str]]) -> None:
    address = path + "?" + "&".join(f"{name}={encoded(value)}" for name, value in parameters)
    answer = client.get(address)
    assert answer.status_code < 500
    answer.get_data().decode("utf-8")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60))
def test_any_bytes_in_the_query_string_give_a_page(client: FlaskClient, raw: bytes) -> None:
    answer = client.get("/experts", environ_overrides={"QUERY_STRING": "q=" + raw.decode("latin-1")})
    assert answer.status_code < 500


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(AWKWARD)
def test_any_path_gives_a_page(client: FlaskClient, text: str) -> None:
    for prefix in ("/", "/experts/", "/suggestions/", "/suggestions/status/", "/static/", "/api/v1/"):
        assert client.get(prefix + encoded(text)).status_code < 500


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["name", "contact", "subject", "situation", "proposal", "submission_key"]), AWKWARD)
)
def test_any_form_is_stored_or_shown_again(client: FlaskClient, typed: dict[str, str]) -> None:
    form = open_form(client, "/suggestions/new") | typed
    body = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in form.items())
    answer = client.post("/suggestions/new", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (303, 422, 429)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(AWKWARD, AWKWARD)
def test_any_number_and_code_open_nothing(client: FlaskClient, number: str, code: str) -> None:
    form = open_form(client, "/suggestions/status") | {"number": number, "code": code}
    body = "&".join(f"{encoded(name)}={encoded(value)}" for name, value in form.items())
    answer = client.post("/suggestions/status", data=body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code in (422, 429)


@pytest.mark.parametrize("text", ["柑" * 10_000, "😀" * 10_000, "\x00" * 10_000, '"(' * 5_000, "a " * 5_000])
@pytest.mark.parametrize("path", ["/experts", "/suggestions", "/api/v1/experts"])
def test_ten_thousand_characters_give_a_page(client: FlaskClient, path: str, text: str) -> None:
    assert client.get(f"{path}?q={encoded(text)}").status_code == 200
