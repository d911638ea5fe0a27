"""Headers, cookies, the secret key, the sub-path and the proxies in front."""

from __future__ import annotations

import logging
import re
import stat
import sys
from dataclasses import replace
from pathlib import Path
from threading import Barrier, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import Client

from tests.web.pages import DRAFT, fields_of, open_form, submit
from zhiku.bootstrap import Zhiku
from zhiku.web import security
from zhiku.web.app import create_app, templates_dir

ADDRESSES = [
    "/", "/about", "/experts", "/experts?q=柑橘", "/experts?q=qqqxyz", "/experts/1", "/experts/999", "/suggestions",
    "/suggestions?q=苗圃", "/suggestions/new", "/suggestions/status", "/nowhere", "/bureau/enter",
]  # fmt: skip


@pytest.mark.parametrize("address", [*ADDRESSES, "/healthz", "/api/v1/experts?q=柑橘", "/static/css/zhiku.css"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, address: str) -> None:
    with client.get(address) as answer:
        headers = answer.headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_page_has_inline_script_or_style_or_anything_from_elsewhere(client: FlaskClient, address: str) -> None:
    page = client.get(address).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", page)
    for script in re.findall(r"<script[^>]*>[^<]*", page):
        assert re.fullmatch(r'<script src="/static/[^"]+" defer>', script)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_page_is_marked_up_for_readers_of_every_kind(client: FlaskClient, address: str) -> None:
    page = client.get(address).text
    assert '<html lang="zh-Hans"' in page
    assert page.count("<h1") == 1 and page.count("<main") == 1
    assert page.index('class="skip-link') < page.index("<header")
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for field in re.findall(r"<(?:input|textarea)(?![^>]*hidden)[^>]*>", page):
        name = re.search(r'\sid="([^"]+)"', field)
        assert name and f'for="{name[1]}"' in page


def test_pages_that_need_no_session_set_no_cookie(visitor: FlaskClient, client: FlaskClient) -> None:
    for address in ("/", "/about", "/suggestions/2026-0005", "/experts?q=柑橘", "/api/v1/experts?q=柑橘"):
        assert "Set-Cookie" not in visitor.get(address).headers
    # The header's button to sign out has its token against forged requests from the first page on.
    assert "Set-Cookie" in client.get("/").headers
    for address in ("/", "/experts?q=柑橘", "/suggestions", "/about", "/api/v1/experts?q=柑橘"):
        assert "Set-Cookie" not in client.get(address).headers


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = client.get("/suggestions/new").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and "Secure" not in cookie
    over_tls = client.get("/suggestions/new", base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" in over_tls


def test_a_forged_session_is_ignored(client: FlaskClient) -> None:
    client.set_cookie("zhiku_session", "eyJvcGVuZWQiOiIyMDI2LTAwMDEifQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert client.get("/suggestions/status/2026-0001").status_code == 302


def test_the_secret_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    key = security.secret_key(home)
    assert len(key) == 32 and security.secret_key(home) == key
    assert [path.name for path in home.iterdir()] == ["secret-key"]
    if sys.platform != "win32":
        assert stat.S_IMODE((home / "secret-key").stat().st_mode) == 0o600


def test_a_damaged_secret_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret-key").write_bytes(b"")
    assert len(security.secret_key(tmp_path)) == 32


def test_processes_that_start_together_agree_on_the_secret_key(tmp_path: Path) -> None:
    barrier = Barrier(8)
    keys: list[bytes] = []

    def start() -> None:
        barrier.wait()
        keys.append(security.secret_key(tmp_path))

    threads = [Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 8 and len(set(keys)) == 1


def test_everything_holds_below_a_sub_path(zhiku: Zhiku) -> None:
    client = Client(create_app(replace(zhiku, settings=replace(zhiku.settings, url_prefix="/zhiku"))))
    assert client.get("/").headers["Location"] == "/zhiku/"
    assert client.get("/experts").status_code == 404
    for address in ADDRESSES:
        page = client.get("/zhiku" + address).text
        links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
        assert links and all(link.startswith("/zhiku/") for link in links)
    form = fields_of(client.get("/zhiku/suggestions/new").text) | DRAFT
    assert "/zhiku/suggestions/submitted" in client.post("/zhiku/suggestions/new", data=form).headers["Location"]
    assert client.get("/zhiku/suggestions/submitted").status_code == 200
    chosen = client.get("/zhiku/text-size", query_string={"size": "22", "next": "/zhiku/about"})
    assert chosen.headers["Location"] == "/zhiku/about" and "Path=/zhiku" in chosen.headers["Set-Cookie"]
    with client.get("/zhiku/static/css/tokens.css") as answer:
        assert answer.status_code == 200


def test_a_proxy_is_believed_only_when_it_is_trusted(zhiku: Zhiku) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}

    def cookie(trusted: int) -> str:
        app = create_app(replace(zhiku, settings=replace(zhiku.settings, trusted_proxies=trusted)))
        return app.test_client().get("/suggestions/new", headers=forwarded).headers["Set-Cookie"]

    assert "Secure" not in cookie(0)
    assert "Secure" in cookie(1)


@pytest.mark.parametrize("size", ["18", "22", "26", "30"])
def test_the_text_size_is_kept_without_javascript(client: FlaskClient, size: str) -> None:
    answer = client.get("/text-size", query_string={"size": size, "next": "/experts?q=柑橘"})
    assert answer.status_code == 303 and answer.headers["Location"].startswith("/experts?q=")
    assert f'class="text-{size}"' in client.get("/").text


@pytest.mark.parametrize("size", ["", "0", "999", "x", '"><script>'])
def test_an_unknown_text_size_changes_nothing(client: FlaskClient, size: str) -> None:
    assert "Set-Cookie" not in client.get("/text-size", query_string={"size": size, "next": "/"}).headers
    client.set_cookie("zhiku_text_size", size.replace('"', ""))
    assert 'class="text-18"' in client.get("/").text


@pytest.mark.parametrize(
    "address",
    ["https://example.org/", "//example.org", "/\\example.org", "\\\\example.org", "/\t/example.org",
     "javascript:alert(1)", "", "/\r\nSet-Cookie: a=b"],
)  # fmt: skip
def test_the_text_size_leads_to_no_other_site(client: FlaskClient, address: str) -> None:
    answer = client.get("/text-size", query_string={"size": "22", "next": address})
    assert answer.headers["Location"] == "/"


def test_logs_carry_no_name_contact_text_code_or_query(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    submit(client)
    page = client.get("/suggestions/submitted").text
    code = re.findall(r'data-receipt="code">([^<]+)', page)[0]
    client.post("/suggestions/status", data=open_form(client, "/suggestions/status") | {"number": "1", "code": code})
    client.get("/experts", query_string={"q": "找一个叫曾繁柑的人"})
    client.get("/suggestions", query_string={"q": "找一个叫曾繁柑的人"})
    written = caplog.text
    for private in (*DRAFT.values(), code, "曾繁柑", app.config["SECRET_KEY"].hex()):
        assert private not in written


def test_templates_are_found_in_a_wheel_and_in_a_checkout(tmp_path: Path) -> None:
    package = tmp_path / "zhiku"
    package.mkdir()
    (tmp_path / "templates").mkdir()
    assert templates_dir(package) == tmp_path / "templates"
    (package / "templates").mkdir()
    assert templates_dir(package) == package / "templates"
