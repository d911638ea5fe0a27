"""The sample of docs/operations.md as it stands, in a real nginx in front of the real server."""

from __future__ import annotations

import datetime
import gc
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import select

from tests.architecture.source import ROOT
from tests.web.county import settings_in
from tests.web.pages import fields_of
from zhiku.bootstrap import Zhiku
from zhiku.domain.audit import Action, AuditEvent
from zhiku.web.security import MAX_UPLOAD_BODY
from zhiku.web.serving import PageServer, bind

pytestmark = [pytest.mark.network, pytest.mark.slow]

NAME = "zhiku.example.gov.cn"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@dataclass(frozen=True)
class Site:
    """The pages, as a browser reaches them."""

    zhiku: Zhiku
    secure_port: int
    plain_port: int
    prefix: str

    def ask(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None, is_secure: bool = True
    ) -> tuple[http.client.HTTPResponse, str]:
        """The answer to one request; nobody checks the certificate."""
        sent = {"Host": NAME, "Connection": "close"} | (headers or {})
        if body:
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        connection: http.client.HTTPConnection
        if is_secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = http.client.HTTPSConnection("127.0.0.1", self.secure_port, timeout=30, context=context)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.plain_port, timeout=30)
        with closing(connection):
            connection.request(method, self.prefix + path, body or None, sent)
            answer = connection.getresponse()
            return answer, answer.read().decode("utf-8", "replace")


def sample(prefix: str) -> str:
    """The sample of the document; below a sub-path as the document says."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = text.split("```nginx", 1)[1].split("```", 1)[0]
    return found.replace("location / {", f"location {prefix}/ {{") if prefix else found


def certificate(folder: Path) -> None:
    """A certificate of our own, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "zhiku.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "zhiku.key").write_bytes(pem)


def free_port() -> int:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def configuration(folder: Path, site: str, ports: dict[str, int]) -> Path:
    """A whole configuration around the sample: other ports, other places, nothing else."""
    for written, ours in {
        "listen 443 ssl;": f"listen 127.0.0.1:{ports['secure']} ssl;",
        "listen 80;": f"listen 127.0.0.1:{ports['plain']};",
        "http://127.0.0.1:8000;": f"http://127.0.0.1:{ports['pages']};",
        "/etc/ssl/zhiku.": f"{folder.as_posix()}/zhiku.",
    }.items():
        assert written in site, written
        site = site.replace(written, ours)
    temporary = "".join(
        f"{kind}_temp_path {folder.as_posix()}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        ""
        # As root its workers would be somebody else, to whom the folder of the test is closed.
        + ("user root;\n" if hasattr(os, "geteuid") and os.geteuid() == 0 else "")
        + f"pid {folder.as_posix()}/pid;\nerror_log stderr;\nworker_processes 1;\ndaemon off;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{site}}}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module", params=["", "/zhiku"], ids=["root", "sub-path"])
def site(request: pytest.FixtureRequest, county_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    home = folder / "home"
    shutil.copytree(county_home, home)
    settings = replace(
        settings_in(home), trusted_proxies=1, trusted_hosts=(NAME,), url_prefix=request.param, encoder="none"
    )
    zhiku = Zhiku.open(settings)
    sockets = bind("127.0.0.1", 0)
    server, is_ready = PageServer(zhiku, sockets, is_draining=False), threading.Event()
    thread = threading.Thread(target=server.run, args=[is_ready.set])
    thread.start()
    assert is_ready.wait(60)
    certificate(folder)
    ports = {"secure": free_port(), "plain": free_port(), "pages": sockets[0].getsockname()[1]}
    path = configuration(folder, sample(request.param), ports)
    with (folder / "nginx.log").open("wb") as log:
        nginx = subprocess.Popen([NGINX, "-p", str(folder), "-c", str(path), "-e", "stderr"], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 20
        while not listens(ports["secure"]):
            assert nginx.poll() is None and time.monotonic() < until, (folder / "nginx.log").read_text()
            time.sleep(0.05)
        yield Site(zhiku, ports["secure"], ports["plain"], request.param)
    finally:
        nginx.terminate()
        nginx.wait(20)
        server.stop()
        thread.join()
        zhiku.close()
        gc.unfreeze()


def listens(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cookie_in(answer: http.client.HTTPResponse) -> str:
    return (answer.headers["Set-Cookie"] or "").partition(";")[0]


def test_the_pages_come_by_tls_with_their_headers_once_and_links_that_hold(site: Site) -> None:
    answer, text = site.ask("GET", "/about")
    assert answer.status == 200 and f'href="{site.prefix}/' in text
    assert answer.headers.get_all("Strict-Transport-Security") is not None
    for name in ("Strict-Transport-Security", "Content-Security-Policy", "X-Content-Type-Options"):
        assert len(answer.headers.get_all(name, [])) == 1, name
    assert answer.headers["Server"] == "nginx", "no version"
    cookie = site.ask("GET", "/sign-in")[0].headers["Set-Cookie"]
    assert "Secure" in cookie and f"Path={site.prefix or '/'}" in cookie


def test_plain_http_leads_to_tls(site: Site) -> None:
    answer, _ = site.ask("GET", "/about?x=1", is_secure=False)
    assert (answer.status, answer.headers["Location"]) == (301, f"https://{NAME}{site.prefix}/about?x=1")


def test_a_form_is_taken_and_the_address_is_the_clients_whatever_it_claims(site: Site) -> None:
    page, text = site.ask("GET", "/sign-in")
    fields = fields_of(text)
    body = f"csrf_token={fields['csrf_token']}&name=nobody&password=wrong&next="
    forged = {"X-Forwarded-For": "192.0.2.66", "Forwarded": "for=192.0.2.67", "X-Real-IP": "192.0.2.68"}
    sent = {"Cookie": cookie_in(page), "Referer": f"https://{NAME}{site.prefix}/sign-in"}
    answer, text = site.ask("POST", "/sign-in", body, sent | forged)
    assert answer.status == 422 and "登录名或密码不对" in text
    with site.zhiku.sessions() as session:
        event = session.scalars(
            select(AuditEvent)
            .where(AuditEvent.action == Action.SIGN_IN_REFUSED.value)
            .order_by(AuditEvent.id.desc())
            .limit(1)
        ).one()
    assert event.address == "127.0.0.1"


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}])
def test_a_forged_host_gets_into_no_page(site: Site, headers: dict[str, str]) -> None:
    answer, text = site.ask("GET", "/about", headers=headers)
    assert "evil.example" not in text and answer.status == (400 if "Host" in headers else 200)


def test_a_pasted_problem_fits_into_the_address_and_into_the_way_back(site: Site) -> None:
    pasted = f"{site.prefix}/experts?q=" + "%E6%B0%B4" * 2000
    assert site.ask("GET", pasted.removeprefix(site.prefix))[0].status == 303, "to the sign-in"
    # Another text size leads back to the same page: its whole address is in a header of the answer.
    answer, _ = site.ask("GET", "/text-size?size=24&next=" + quote(pasted))
    assert answer.status == 303 and answer.headers["Location"] == pasted


@pytest.mark.parametrize(
    ("size", "said_by"), [(MAX_UPLOAD_BODY + 1, "nginx"), (2 << 20, "zhiku")], ids=["beyond-both", "beyond-ours"]
)
def test_a_body_that_is_too_large_is_refused(site: Site, size: int, said_by: str) -> None:
    if said_by == "nginx":
        # By its head alone: nobody sends 40 MB to be refused.
        with closing(raw(site)) as connection:
            connection.sendall(
                f"POST {site.prefix}/sign-in HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {size}\r\n\r\n".encode()
            )
            assert connection.recv(64).startswith(b"HTTP/1.1 413")
        return
    answer, text = site.ask("POST", "/sign-in", "x" * size)
    assert answer.status == 413 and "内容太长了" in text


def raw(site: Site) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", site.secure_port), timeout=30)
    return context.wrap_socket(plain, server_hostname=NAME)


def test_what_could_be_read_in_two_ways_reaches_nobody(site: Site) -> None:
    with closing(raw(site)) as connection:
        connection.sendall(
            f"POST {site.prefix}/sign-in HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 4\r\n"
            "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n".encode()
        )
        assert connection.recv(64).startswith(b"HTTP/1.1 400")


def test_beside_a_sub_path_nothing_of_ours_answers(site: Site) -> None:
    if not site.prefix:
        return
    outside = replace(site, prefix="")
    assert outside.ask("GET", "/about")[0].status == 404
    answer, _ = outside.ask("GET", "/zhiku")
    assert answer.status == 301 and "/zhiku/" in answer.headers["Location"]
