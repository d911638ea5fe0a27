"""The edge: hosts, proxies, cookies by TLS, headers, redirects, and what answers keep to themselves."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.exceptions import TooManyRequests

from tests.web.pages import open_form
from tests.web.signing_in import browser_of
from zhiku.bootstrap import Zhiku
from zhiku.config import Settings, SettingsError
from zhiku.domain.permissions import Role
from zhiku.web import limits, security
from zhiku.web.app import create_app

EVIL = [
    "https://evil.example/", "http://evil.example", "//evil.example", "///evil.example", "/\\evil.example",
    "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", " //evil.example", "\x00//evil.example",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "evil.example", "@evil.example",
    "https:evil.example", "https:/evil.example", "/%09/evil.example/../..//evil.example",
    "/\r\nLocation: //evil.example",
    "//localhost@evil.example", "http://localhost.evil.example", "／／evil.example", "/\u2028/evil.example",
]  # fmt: skip
#: Names under which addresses to go on to are given, ours and those that others use.
NEXT = ("next", "back", "url", "to", "return", "redirect", "continue", "wanted")


def app_with(zhiku: Zhiku, **settings: Any) -> Flask:
    """An application with other settings."""
    return create_app(replace(zhiku, settings=replace(zhiku.settings, **settings)))


# -- hosts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("zhiku.example.gov.cn", 200), ("zhiku.example.gov.cn:8443", 200), ("ZHIKU.example.gov.cn", 200),
        ("sub.intern.example", 200), ("evil.example", 400), ("zhiku.example.gov.cn.evil.example", 400),
        ("evilintern.example", 400), ("", 400),
    ],
)  # fmt: skip
def test_only_hosts_that_are_ours_are_answered_for(zhiku: Zhiku, host: str, status: int) -> None:
    client = app_with(zhiku, trusted_hosts=("zhiku.example.gov.cn", ".intern.example")).test_client()
    answer = client.get("/about", headers={"Host": host})
    assert answer.status_code == status
    assert "evil" not in answer.text and "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "host", ["a b", "evil/path", "user@evil", "x?y", "x#y", "evil\\x", "<script>", "x:y", "[::1", "x%00"]
)
def test_a_host_that_is_no_name_is_refused_whatever_is_set(zhiku: Zhiku, host: str) -> None:
    answer = app_with(zhiku).test_client().get("/", headers={"Host": host})
    assert answer.status_code == 400 and answer.mimetype == "text/plain"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000", "zhiku", "my_container", "例子.example"])
def test_without_a_setting_every_name_is_answered_for(zhiku: Zhiku, host: str) -> None:
    sent = host.encode("idna").decode() if not host.isascii() else host
    assert app_with(zhiku).test_client().get("/about", headers={"Host": sent}).status_code == 200


@pytest.mark.parametrize("value", ["https://zhiku.example", "zhiku.example:80", "a b", "*", "a..b", "a,/"])
def test_a_setting_that_is_no_host_is_told(value: str) -> None:
    with pytest.raises(SettingsError, match="ZHIKU_TRUSTED_HOSTS"):
        Settings.from_env({"ZHIKU_TRUSTED_HOSTS": value})


def test_hosts_are_read_from_the_setting() -> None:
    read = Settings.from_env({"ZHIKU_TRUSTED_HOSTS": "Zhiku.example.gov.cn，.intern.example, "})
    assert read.trusted_hosts == ("zhiku.example.gov.cn", ".intern.example")


def test_out_of_the_box_only_this_machine_reaches_it(tmp_path: Path) -> None:
    read = Settings.from_env({"ZHIKU_HOME": str(tmp_path)})
    assert (read.host, read.trusted_proxies) == ("127.0.0.1", 0)


def test_everybody_can_read_what_happens_to_what_they_write(visitor: FlaskClient) -> None:
    page = visitor.get("/about").text
    assert (
        all(word in page for word in ("不公开", "老干部局", "电话", "身份证号")) and "/about" in visitor.get("/").text
    )


# -- proxies -----------------------------------------------------------------------------------------------------


def guesses(app: Flask, forwarded: Callable[[int], str]) -> list[int]:
    """Status codes of one guess too many of a suggestion's code, each with its own X-Forwarded-For."""
    client = app.test_client()
    form = open_form(client, "/suggestions/status") | {"number": "2026-0001", "code": "AAAAAA"}
    return [
        client.post("/suggestions/status", data=form, headers={"X-Forwarded-For": forwarded(number)}).status_code
        for number in range(limits.STATUS_TRIES[0].amount + 1)
    ]


def test_a_forged_address_gives_no_further_guesses(zhiku: Zhiku) -> None:
    assert guesses(app_with(zhiku), lambda number: f"192.0.2.{number}")[-1] == 429


def test_behind_a_proxy_the_address_that_it_adds_counts_and_what_the_client_wrote_does_not(zhiku: Zhiku) -> None:
    app = app_with(zhiku, trusted_proxies=1)
    assert guesses(app, lambda number: f"192.0.2.{number}, 198.51.100.7")[-1] == 429
    assert guesses(app, lambda number: f"198.51.100.{number + 10}")[-1] == 422


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Prefix", "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X-Original-URL"]
)
def test_other_headers_of_proxies_are_believed_by_nobody(zhiku: Zhiku, header: str) -> None:
    for trusted in (0, 1):
        client = app_with(zhiku, trusted_proxies=trusted).test_client()
        answer = client.get("/about", headers={header: "/evil", "X-Forwarded-For": "192.0.2.1"})
        assert answer.status_code == 200 and "/evil" not in answer.text


def test_a_forged_host_of_a_proxy_that_is_not_trusted_is_not_seen(zhiku: Zhiku) -> None:
    forged = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    app = app_with(zhiku, trusted_hosts=("localhost",))
    answer = app.test_client().get("/about", headers=forged)
    assert answer.status_code == 200 and "Strict-Transport-Security" not in answer.headers
    behind = app_with(zhiku, trusted_hosts=("localhost",), trusted_proxies=1)
    assert behind.test_client().get("/about", headers=forged).status_code == 400


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True), ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True), ("192.0.2.1", "192.0.2.2", False), ("", "", True),
    ],
)  # fmt: skip
def test_a_holder_of_ipv6_addresses_counts_as_one(one: str, other: str, is_one: bool) -> None:
    assert (limits.network(one) == limits.network(other)) is is_one


# -- TLS and cookies ---------------------------------------------------------------------------------------------


def test_browsers_are_bound_to_tls_where_there_is_tls_and_only_there(visitor: FlaskClient) -> None:
    assert "Strict-Transport-Security" not in visitor.get("/").headers
    header = visitor.get("/", base_url="https://localhost").headers["Strict-Transport-Security"]
    assert int(re.findall(r"max-age=(\d+)", header)[0]) >= 31536000 and "includeSubDomains" not in header


@pytest.mark.parametrize(
    ("prefix", "scheme", "name"),
    [
        ("", "http", "zhiku_session"), ("", "https", "__Host-zhiku_session"), ("/zhiku", "http", "zhiku_session"),
        ("/zhiku", "https", "__Secure-zhiku_session"),
    ],
)  # fmt: skip
def test_the_session_cookie_is_bound_as_tightly_as_it_can_be(zhiku: Zhiku, prefix: str, scheme: str, name: str) -> None:
    client = app_with(zhiku, url_prefix=prefix).test_client()
    cookie = client.get(f"{prefix}/suggestions/new", base_url=f"{scheme}://localhost").headers["Set-Cookie"]
    assert cookie.startswith(f"{name}=") and "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert f"Path={prefix or '/'}" in cookie and "Domain" not in cookie
    assert ("Secure" in cookie.split(";", 1)[1]) is (scheme == "https")


def test_a_cookie_of_the_plain_site_is_none_by_tls(app: Flask) -> None:
    client = browser_of(app, Role.BUREAU)
    assert client.get("/experts").status_code == 200
    assert client.get("/experts", base_url="https://localhost").status_code == 303


@pytest.mark.parametrize("role", list(Role))
def test_no_page_of_somebody_signed_in_stays_in_the_browser(app: Flask, role: Role) -> None:
    client = browser_of(app, role)
    looked_at = 0
    for rule in app.url_map.iter_rules():
        if rule.arguments or "GET" not in (rule.methods or ()) or rule.endpoint in ("static", "complete.complete"):
            continue
        answer = client.get(rule.rule)
        assert answer.headers["Cache-Control"] == "no-store", rule.rule
        looked_at += answer.status_code == 200
    assert looked_at > 5


def test_every_answer_tells_browsers_to_keep_to_themselves(visitor: FlaskClient) -> None:
    headers = visitor.get("/").headers
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert all(f"{feature}=()" in headers["Permissions-Policy"] for feature in ("camera", "microphone", "geolocation"))
    assert "unsafe" not in security.CONTENT_SECURITY_POLICY and "*" not in security.CONTENT_SECURITY_POLICY


# -- redirects ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "/zhiku"])
def test_no_parameter_of_any_page_leads_to_another_site(zhiku: Zhiku, prefix: str) -> None:
    app = app_with(zhiku, url_prefix=prefix)
    client = browser_of(app, Role.BUREAU) if not prefix else app.test_client()
    pages = [rule.rule for rule in app.url_map.iter_rules() if not rule.arguments and "GET" in (rule.methods or ())]
    tried = 0
    for page in pages:
        for evil in EVIL:
            query = "&".join(f"{name}={quote(evil)}" for name in NEXT)
            answer = client.get(f"{prefix}{page}?{query}&size=22")
            assert answer.status_code < 500
            assert leads_home(answer.headers.get("Location", "/")), (page, evil)
            tried += 1
    assert tried > 300


@pytest.mark.parametrize("evil", EVIL)
def test_no_address_itself_leads_to_another_site(client: FlaskClient, evil: str) -> None:
    for path in (f"/{evil}", f"/experts/{evil}", f"/suggestions/{evil}", f"/suggestions/status/{evil}"):
        location = client.get(quote(path, safe="/\\")).headers.get("Location", "/")
        assert leads_home(location), (path, location)


@pytest.mark.parametrize("evil", EVIL)
def test_signing_in_leads_to_no_other_site(visitor: FlaskClient, evil: str) -> None:
    page = visitor.get("/sign-in", query_string={"next": evil})
    assert page.status_code == 200
    for address in re.findall(r'(?:href|action)="([^"]+)"', page.text):
        assert leads_home(address) or address.startswith("#")


def leads_home(address: str) -> bool:
    """Whether a browser that follows the address stays here."""
    # Werkzeug writes the host out where it takes repeated slashes away: the one that was asked.
    seen = re.sub(r"[\t\r\n]", "", address.strip()).replace("\\", "/").removeprefix("http://localhost")
    return seen.startswith("/") and not seen.startswith("//")


# -- how often ---------------------------------------------------------------------------------------------------


def test_each_account_has_its_own_number_of_searches_and_is_told_when_to_go_on(zhiku: Zhiku) -> None:
    app = app_with(zhiku, searches_per_minute=4)
    one, other = browser_of(app, Role.BUREAU), browser_of(app, Role.DEPARTMENT)
    addresses = ["/experts?q=水库", "/experts/1", "/suggestions", "/suggestions/2026-0001", "/experts"]
    assert [one.get(address).status_code for address in addresses] == [200] * 4 + [429]
    refused = one.get("/experts?q=柑橘")
    assert 0 < int(refused.headers["Retry-After"]) <= 3600
    assert re.search(r"请过 \d+ (秒|分钟)再试", refused.text) and 'lang="zh-Hans"' in refused.text
    assert other.get("/experts?q=柑橘").status_code == 200


def test_an_address_has_as_many_searches_as_several_accounts(zhiku: Zhiku) -> None:
    app = app_with(zhiku, searches_per_minute=1)
    staff = [browser_of(app, role) for role in (Role.BUREAU, Role.DEPARTMENT, Role.LEADER, Role.LIAISON)]
    assert [one.get("/suggestions").status_code for one in staff] == [200] * 4
    assert [one.get("/suggestions").status_code for one in staff] == [429] * 4
    elsewhere = staff[0].get("/suggestions", environ_overrides={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 429


def test_a_guess_at_one_account_from_many_addresses_is_counted_together(app: Flask) -> None:
    statuses = []
    for number in range(limits.STATUS_TRIES[0].amount + 1):
        with app.test_request_context("/", environ_base={"REMOTE_ADDR": f"192.0.2.{number}"}):
            try:
                limits.limit_tries(app, limits.STATUS_TRIES, "guess", "zhangsan")
                statuses.append(200)
            except TooManyRequests as refused:
                statuses.append(429)
                assert isinstance(refused.retry_after, int) and 0 < refused.retry_after <= 3600
    assert statuses == [200] * limits.STATUS_TRIES[0].amount + [429]


def test_everything_that_is_counted_exists(app: Flask) -> None:
    assert set(limits.COUNTED) <= set(app.view_functions) and security.UPLOADS <= set(app.view_functions)
    computing = {name for name in app.view_functions if name.split(".")[0] == "api"} - {"api.openapi", "api.docs"}
    assert computing <= set(limits.COUNTED)


# -- what errors tell --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["/nowhere", "/experts/999", "/static/../config.py", "/api/v1/nowhere", "/suggestions/x"]
)
def test_error_pages_tell_nothing_of_the_inside(client: FlaskClient, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code in (404, 401)
    assert not re.search(r"Traceback|werkzeug|[Ff]lask|[Pp]ython|site-packages|/zhiku/web|sqlite|SELECT", answer.text)
    assert "X-Powered-By" not in answer.headers
