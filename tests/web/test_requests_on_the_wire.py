"""Requests as bytes: what two programs in a row could read differently is refused, and nothing says who serves."""

from __future__ import annotations

import gc
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.web.county import settings_in
from zhiku.bootstrap import Zhiku
from zhiku.web.serving import PageServer, bind

pytestmark = [pytest.mark.network]

#: Starts the answer to a second request that was hidden in a first.
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def send(county_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[bytes], bytes]]:
    """Sends bytes to a server and gives all that comes back."""
    home = tmp_path_factory.mktemp("wire") / "home"
    shutil.copytree(county_home, home)
    zhiku = Zhiku.open(settings_in(home))
    sockets = bind("127.0.0.1", 0)
    address = sockets[0].getsockname()
    server, is_ready = PageServer(zhiku, sockets, is_draining=False), threading.Event()
    thread = threading.Thread(target=server.run, args=[is_ready.set])
    thread.start()
    assert is_ready.wait(60)

    def sent(data: bytes) -> bytes:
        with closing(socket.create_connection(address, timeout=20)) as connection:
            connection.settimeout(20)
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while part := connection.recv(65536):
                received += part
            return received

    yield sent
    server.stop()
    thread.join()
    zhiku.close()
    # A server keeps what it read for good (`warm_up`); other tests shall see it go.
    gc.unfreeze()


def test_the_server_names_no_version(send: Callable[[bytes], bytes]) -> None:
    answer = send(b"GET /about HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and b"\r\nServer: zhiku\r\n" in answer
    assert b"waitress" not in answer.lower() and b"python" not in answer.lower()


@pytest.mark.parametrize(
    "head",
    [
        # A length and chunks: one program counts, the other reads pieces (RFC 9112, 6.1).
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 0\r\nContent-Length: 44\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 0x4\r\n",
        b"Content-Length: 4, 4\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b" Transfer-Encoding: chunked\r\n",
        b"X: y\nTransfer-Encoding: chunked\r\n",
        b"Host: evil.example\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(send: Callable[[bytes], bytes], head: bytes) -> None:
    answer = send(b"POST /api/similar HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n0\r\n\r\n" + SMUGGLED)
    assert answer[9:12] in (b"400", b"501"), answer[:400]
    assert b'"status":"ok"' not in answer


def test_a_header_that_only_looks_like_a_proxys_is_not_taken_for_it(send: Callable[[bytes], bytes]) -> None:
    answer = send(
        b"GET /about HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_Proto: https\r\nX-Forwarded-Proto: https\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert answer.startswith(b"HTTP/1.1 200") and b"Strict-Transport-Security" not in answer


def test_a_body_that_is_longer_than_any_is_refused_before_it_is_read(send: Callable[[bytes], bytes]) -> None:
    answer = send(b"POST /api/similar HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


def test_errors_of_the_server_itself_say_little(send: Callable[[bytes], bytes]) -> None:
    answer = send(b"GET /about HTTP/1.1\r\nBad Header\r\n\r\n")
    assert b" 400 " in answer[:16] and b"Traceback" not in answer and b"/zhiku/" not in answer
    assert b"waitress" not in answer.lower()
